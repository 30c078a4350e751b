#include "value.hpp"
#include "passage.hpp"
#include <bit>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

namespace dunlin {

namespace {
constexpr std::uint64_t sign = std::uint64_t(1) << 63;
constexpr std::uint64_t one_nan = 0x7FF8000000000000u;

std::string base64(bytes_view b) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t k = 0; k < b.size(); k += 3) {
        std::uint32_t n = 0;
        for (std::size_t x = 0; x < 3; ++x) n = n << 8 | (k + x < b.size() ? std::uint8_t(b[k + x]) : 0);
        for (int x = 3; x >= 0; --x) out.push_back(digits[n >> (6 * x) & 63]);
        for (std::size_t x = b.size() - k; x < 3; ++x) out[out.size() - (3 - x)] = '=';
    }
    return out;
}
} // namespace

bool is_utf8(bytes_view b) {
    for (std::size_t k = 0; k < b.size();) {
        auto c = std::uint8_t(b[k]);
        std::size_t n = c < 0x80                ? 1
                        : c >= 0xC2 && c < 0xE0 ? 2
                        : c >= 0xE0 && c < 0xF0 ? 3
                        : c >= 0xF0 && c < 0xF5 ? 4
                                                : 0;
        if (!n || k + n > b.size()) return false;
        for (std::size_t x = 1; x < n; ++x)
            if ((std::uint8_t(b[k + x]) & 0xC0) != 0x80) return false;
        auto second = n > 1 ? std::uint8_t(b[k + 1]) : 0;
        if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second >= 0xA0) || (c == 0xF0 && second < 0x90) ||
            (c == 0xF4 && second >= 0x90))
            return false;
        k += n;
    }
    return true;
}

/// Ordered: negative numbers turned over, positive ones above them.
std::uint64_t double_bits(double d) {
    auto b = std::isnan(d) ? one_nan : std::bit_cast<std::uint64_t>(d);
    return b & sign ? ~b : b | sign;
}

double bits_double(std::uint64_t b) { return std::bit_cast<double>(b & sign ? b & ~sign : ~b); }

void put_value(encoder& out, char kind, bytes_view value) {
    if (kind == 'i' || kind == 'u' || kind == 'b' || kind == 'd')
        out.raw(value);
    else
        out.bytes(value);
}

bytes_view cut_value(decoder& in, char kind) {
    auto from = in.position();
    switch (kind) {
    case 'i':
        in.i();
        break;
    case 'u':
        in.u();
        break;
    case 'b':
        in.u8();
        break;
    case 'd':
        in.u64();
        break;
    default:
        return in.bytes(value_bytes_max);
    }
    return in.ok() ? bytes_view(from, std::size_t(in.position() - from)) : bytes_view();
}

namespace {
bool check_struct(decoder& in, unsigned depth) {
    if (depth >= depth_max) return false;
    bytes_view last;
    auto n = in.count(3);
    for (std::uint64_t k = 0; k < n && in.ok(); ++k) {
        auto name = in.bytes(512), kinds = in.bytes(1);
        if (kinds.size() != 1 || name.empty() || (k && name <= last)) return false;
        last = name;
        auto bytes = cut_value(in, kinds[0]);
        if (in.ok() && !check_value(kinds[0], bytes, depth + 1)) return false;
    }
    return in.finished();
}

bool check_alternative(decoder& in, unsigned depth) {
    if (in.u() == 0) return in.finished();
    if (depth >= depth_max) return false;
    auto kind = char(in.u8());
    auto bytes = cut_value(in, kind);
    return in.finished() && check_value(kind, bytes, depth + 1);
}
} // namespace

bool check_value(char kind, bytes_view value, unsigned depth) {
    decoder in(value);
    switch (kind) {
    case 'i':
        return in.i(), in.finished();
    case 'u':
        return in.u(), in.finished();
    case 'b':
        return value.size() == 1 && std::uint8_t(value[0]) <= 1;
    case 'd':
        return value.size() == 8 && double_bits(bits_double(in.u64())) == decoder(value).u64();
    case 'a':
        return check_alternative(in, depth);
    case 'v':
        return check_struct(in, depth);
    default:
        return value.size() <= value_bytes_max;
    }
}

void value_to_json(char kind, bytes_view value, boost::json::value& out) {
    decoder in(value);
    switch (kind) {
    case 'i':
        out = in.i();
        return;
    case 'u':
        out = in.u();
        return;
    case 'b':
        out = value == bytes_view("\1", 1);
        return;
    case 'd': {
        auto d = bits_double(in.u64());
        if (std::isfinite(d))
            out = d;
        else
            out = std::isnan(d) ? "NaN" : d < 0 ? "-Infinity" : "Infinity";
        return;
    }
    case 's':
        if (is_utf8(value)) return void(out = boost::json::string_view(value.data(), value.size()));
        [[fallthrough]];
    default:
        out.emplace_object()["$bytes"] = base64(value);
        return;
    case 'a': {
        if (in.u() == 0) return void(out = nullptr);
        auto inner = char(in.u8());
        return value_to_json(inner, cut_value(in, inner), out);
    }
    case 'v':
        break;
    }
    auto& o = out.emplace_object();
    for (auto n = in.count(3); n && in.ok(); --n) {
        auto name = in.bytes(), kinds = in.bytes();
        if (kinds.size() != 1) return;
        auto bytes = cut_value(in, kinds[0]);
        value_to_json(kinds[0], bytes, o[json_name(name)]);
    }
}

std::string value_to_key(char kind, bytes_view value) {
    decoder in(value);
    switch (kind) {
    case 'i':
        return std::to_string(in.i());
    case 'u':
        return std::to_string(in.u());
    case 'b':
        return value == bytes_view("\1", 1) ? "true" : "false";
    case 'd': { // the shortest that is this number and no other
        char digits[32];
        return {digits, std::to_chars(digits, digits + sizeof digits, bits_double(in.u64())).ptr};
    }
    case 's':
        return json_name(value);
    }
    return "$bytes:" + base64(value);
}

std::string json_name(bytes_view name) { return is_utf8(name) ? std::string(name) : "$bytes:" + base64(name); }

} // namespace dunlin
