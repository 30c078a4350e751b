// Values: what registers hold and what elements and keys are, as canonical bytes.
//
//   i  signed integer      codec i           u  unsigned integer   codec u
//   b  bool                0 or 1            d  double             8 bytes, ordered; one NaN, 0x7FF8...
//   s  string              any bytes         y  bytes              std::vector<std::uint8_t>
//   v  described struct    u n, n x {bytes name, bytes kind, value}, by name
//   a  one of several      u 0: none | u number, kind, value: std::optional, std::variant
//   y  own bytes           of a type that has `void encode(encoder&) const` and `void decode(decoder&)`
//
// An enum is its number. Bytes of equal values are equal, and bytes compare as the values do (but for v, a and own bytes): tables,
// ties and the canonical order know values only as bytes. On the wire i, u, b and d delimit themselves, all others stand
// behind their length: so an unknown kind of value of the future can be cut out, kept and relayed.
// A program that reads a narrower type than was written (int for a 64-bit number, a struct with fewer members) sees
// the nearest value it can hold; the exact bytes are kept and passed on as they came.
// Bounds  1 MiB a value; structs nest to depth 32.
#pragma once
#include "codec.hpp"
#include "error.hpp"
#include <algorithm>
#include <boost/describe/members.hpp>
#include <boost/json/fwd.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace dunlin {

class raw_value { // a value known only by its bytes: of a field that this program does not have
public:
    std::string bytes;
};

/// How a value came out of its bytes: exactly; whole, with members that were not written left as they begin; without what the
/// type does not have, or written otherwise than it would; as the nearest that the type can hold; or not at all.
enum class fit { exact, whole, part, nearest, none };

/// Writes a value's bytes so that they can be read back behind other things.
void put_value(encoder& out, char kind, bytes_view value);
/// Cuts one value out; in fails if there is none.
bytes_view cut_value(decoder& in, char kind);
/// The bytes are canonical for the kind.
bool check_value(char kind, bytes_view value, unsigned depth = 0);
void value_to_json(char kind, bytes_view value, boost::json::value& out);
/// For keys of JSON objects: strings as they are, numbers in digits.
std::string value_to_key(char kind, bytes_view value);
/// A name in JSON, which is UTF-8: as it is, or "$bytes:" and base64.
std::string json_name(bytes_view name);

/// Well-formed UTF-8: no surrogates, no longer forms than needed, nothing above U+10FFFF.
bool is_utf8(bytes_view b);

std::uint64_t double_bits(double d);
double bits_double(std::uint64_t bits);

template <class T> struct value_codec;

template <class T>
concept value = requires(encoder& out, T const& x, T& y, bytes_view b) {
    { value_codec<T>::kind } -> std::convertible_to<char>;
    value_codec<T>::put(out, x);
    { value_codec<T>::get(b, y) } -> std::same_as<fit>;
};

/// A type that writes and reads itself. `decode` is called on a T() and says fail() of what it would not have written: it
/// is given bytes of an enemy.
template <class T>
concept has_own_bytes = std::is_class_v<T> && std::default_initializable<T> && requires(T const& x, T& y, encoder& out, decoder& in) {
    x.encode(out);
    y.decode(in);
};

template <class T>
requires(std::signed_integral<T> && !std::same_as<T, bool>) struct value_codec<T> {
    static constexpr char kind = 'i';
    using view = T;
    static void put(encoder& out, T x) { out.i(x); }
    static fit get(bytes_view b, T& x) {
        decoder in(b);
        auto n = in.i();
        if (!in.finished()) return fit::none;
        x = T(std::clamp<std::int64_t>(n, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
        return std::int64_t(x) == n ? fit::exact : fit::nearest;
    }
};

template <class T>
requires(std::unsigned_integral<T> && !std::same_as<T, bool>) struct value_codec<T> {
    static constexpr char kind = 'u';
    using view = T;
    static void put(encoder& out, T x) { out.u(x); }
    static fit get(bytes_view b, T& x) {
        decoder in(b);
        auto n = in.u();
        if (!in.finished()) return fit::none;
        x = T(std::min<std::uint64_t>(n, std::numeric_limits<T>::max()));
        return std::uint64_t(x) == n ? fit::exact : fit::nearest;
    }
};

template <> struct value_codec<bool> {
    static constexpr char kind = 'b';
    using view = bool;
    static void put(encoder& out, bool x) { out.u8(x); }
    static fit get(bytes_view b, bool& x) {
        if (b.size() != 1 || std::uint8_t(b[0]) > 1) return fit::none;
        x = b[0] != 0;
        return fit::exact;
    }
};

template <> struct value_codec<double> {
    static constexpr char kind = 'd';
    using view = double;
    static void put(encoder& out, double x) { out.u64(double_bits(x)); }
    static fit get(bytes_view b, double& x) {
        if (b.size() != 8) return fit::none;
        x = bits_double(decoder(b).u64());
        return fit::exact;
    }
};

template <> struct value_codec<std::string> {
    static constexpr char kind = 's';
    using view = std::string_view;
    static void put(encoder& out, std::string_view x) { out.raw(x); }
    static fit get(bytes_view b, std::string& x) {
        x.assign(b);
        return fit::exact;
    }
    static fit get(bytes_view b, std::string_view& x) {
        x = b;
        return fit::exact;
    }
};

template <> struct value_codec<std::vector<std::uint8_t>> {
    static constexpr char kind = 'y';
    using view = std::vector<std::uint8_t>;
    static void put(encoder& out, std::vector<std::uint8_t> const& x) {
        out.raw({reinterpret_cast<char const*>(x.data()), x.size()});
    }
    static fit get(bytes_view b, std::vector<std::uint8_t>& x) {
        x.assign(b.begin(), b.end());
        return fit::exact;
    }
};

/// By its number, whose type has to be said (enum class, or enum name : int): without, a new enumerator may change it, and
/// a number that is none of them is no value of it. Numbers of enumerators are for good.
template <class T>
requires(std::is_enum_v<T> && requires { T{0}; }) struct value_codec<T> {
    using number = std::underlying_type_t<T>;
    static constexpr char kind = value_codec<number>::kind;
    using view = T;
    static void put(encoder& out, T x) { value_codec<number>::put(out, number(x)); }
    static fit get(bytes_view b, T& x) {
        number n{};
        auto how = value_codec<number>::get(b, n);
        x = T(n);
        return how;
    }
};

/// What optional and variant have in common: a number above 0 says which it is, and 0 that it is nothing.
template <class T> void put_alternative(encoder& out, std::uint64_t number, T const& x) {
    encoder one;
    value_codec<T>::put(one, x);
    out.u(number), out.u8(std::uint8_t(value_codec<T>::kind));
    put_value(out, value_codec<T>::kind, one.view());
}

template <class T>
requires value<T>
struct value_codec<std::optional<T>> {
    static constexpr char kind = 'a';
    using view = std::optional<T>;
    static void put(encoder& out, std::optional<T> const& x) { x ? put_alternative(out, 1, *x) : out.u(0); }
    static fit get(bytes_view b, std::optional<T>& x) {
        x.reset();
        decoder in(b);
        auto number = in.u();
        if (number == 0) return in.finished() ? fit::exact : fit::none;
        auto k = char(in.u8());
        auto bytes = cut_value(in, k);
        if (!in.finished()) return fit::none;
        if (number != 1 || k != value_codec<T>::kind) return fit::nearest;
        return value_codec<T>::get(bytes, x.emplace());
    }
};

/// By position, from 1: what is added goes to the end. A first alternative std::monostate is 0, nothing.
template <class... T> struct value_codec<std::variant<T...>> {
    using all = std::variant<T...>;
    static constexpr char kind = 'a';
    using view = all;
    static constexpr std::uint64_t first = std::same_as<std::variant_alternative_t<0, all>, std::monostate> ? 0 : 1;
    static_assert((std::same_as<T, std::monostate> + ... + 0) == (first == 0), "std::monostate is nothing: it stands first");

    static void put(encoder& out, all const& x) {
        std::visit(
            [&]<class A>(A const& one) {
                if constexpr (std::same_as<A, std::monostate>)
                    out.u(0);
                else
                    put_alternative(out, first + x.index(), one);
            },
            x);
    }
    static fit get(bytes_view b, all& x) {
        x = all();
        decoder in(b);
        auto number = in.u();
        if (number == 0) return !in.finished() ? fit::none : first == 0 ? fit::exact : fit::nearest;
        auto k = char(in.u8());
        auto bytes = cut_value(in, k);
        if (!in.finished()) return fit::none;
        auto how = fit::nearest;
        boost::mp11::mp_for_each<boost::mp11::mp_iota_c<sizeof...(T)>>([&](auto at) {
            using one = std::variant_alternative_t<at, all>;
            if constexpr (!std::same_as<one, std::monostate>) {
                static_assert(value<one>, "an alternative of a variant in a register is no value");
                if (number == first + at && k == value_codec<one>::kind)
                    how = value_codec<one>::get(bytes, x.template emplace<at>());
            }
        });
        return how;
    }
};

/// Bytes that decode takes and encode would write otherwise are kept as they came: so one that is not canonical, or a
/// decode that believes too much, makes no two nodes differ.
template <has_own_bytes T> struct value_codec<T> {
    static constexpr char kind = 'y';
    using view = T;
    static void put(encoder& out, T const& x) { x.encode(out); }
    static fit get(bytes_view b, T& x) {
        x = T();
        try {
            decoder in(b);
            x.decode(in);
            if (in.finished()) return bytes(x) == b ? fit::exact : fit::part;
        } catch (...) {} // of a length that it believed
        x = T();
        return fit::none;
    }

private:
    static std::string bytes(T const& x) {
        encoder out;
        put(out, x);
        return out.take();
    }
};

/// A described struct of values (BOOST_DESCRIBE_STRUCT). Members are known by name: adding one is free.
template <class T>
requires(boost::describe::has_describe_members<T>::value && !has_own_bytes<T>) struct value_codec<T> {
    static constexpr char kind = 'v';
    using view = T;
    using members = boost::describe::describe_members<T, boost::describe::mod_public>;

    static void put(encoder& out, T const& x) {
        std::vector<std::pair<bytes_view, std::string>> sorted;
        boost::mp11::mp_for_each<members>([&](auto m) {
            using member = std::remove_cvref_t<decltype(x.*m.pointer)>;
            static_assert(value<member>, "a struct in a register holds values only: integers, bool, double, strings, "
                                         "bytes and described structs of these");
            encoder one, all;
            value_codec<member>::put(one, x.*m.pointer);
            char k = value_codec<member>::kind;
            all.bytes(m.name), all.bytes({&k, 1});
            put_value(all, k, one.view());
            sorted.emplace_back(m.name, all.take());
        });
        std::sort(sorted.begin(), sorted.end());
        out.u(sorted.size());
        for (auto& s : sorted) out.raw(s.second);
    }
    static fit get(bytes_view b, T& x) {
        x = T();
        decoder in(b);
        std::size_t known = 0;
        auto worst = fit::exact;
        auto n = in.count(3);
        for (std::uint64_t k = 0; k < n && in.ok(); ++k) {
            auto name = in.bytes(), kinds = in.bytes();
            if (kinds.size() != 1) return fit::none;
            auto bytes = cut_value(in, kinds[0]);
            boost::mp11::mp_for_each<members>([&](auto m) {
                using member = std::remove_cvref_t<decltype(x.*m.pointer)>;
                if (name != m.name || kinds[0] != value_codec<member>::kind) return;
                ++known;
                worst = std::max(worst, value_codec<member>::get(bytes, x.*m.pointer));
            });
        }
        if (!in.finished()) return fit::none;
        if (known != n) worst = std::max(worst, fit::part);
        if (n != boost::mp11::mp_size<members>::value) worst = std::max(worst, fit::whole);
        return std::min(worst, fit::nearest);
    }
};

/// Within the bound of a value: what a decoder would take. What has no size of its own is encoded to be counted.
template <value T> bool value_fits(T const& x) {
    if constexpr (value_codec<T>::kind == 'v' || value_codec<T>::kind == 'a' || has_own_bytes<T>) {
        encoder out;
        value_codec<T>::put(out, x);
        return out.size() <= value_bytes_max;
    } else if constexpr (requires { x.size(); })
        return x.size() <= value_bytes_max;
    else
        return true;
}

template <> struct value_codec<raw_value> {
    static constexpr char kind = '?';
    static void put(encoder& out, raw_value const& x) { out.raw(x.bytes); }
    static fit get(bytes_view b, raw_value& x) {
        x.bytes.assign(b);
        return fit::exact;
    }
};

} // namespace dunlin
