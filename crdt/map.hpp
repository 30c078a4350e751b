// type: kind M
// Map: keys to children of any type, nested to any depth (observed-remove map, updates win).
//
// Concurrent  changes under one key join, whoever made the child first: a child is named by (key, type), not by who
// made it.
//             An erase takes away what it has seen below the key; what was added meanwhile stays.
//
//   delta := u 2 * n + cleared | [u m, m x {u writer, u number}] | n x {key, child's delta}
//   state := u n, n x {key, child's state}, by key
//
// A key is there while something below it is live. Elements are named, not referenced: bag["sword"] is (map, key);
// reading makes nothing, and the name stays good when the element comes and goes. A child made only to be looked at is
// swept when the turn is sealed. By key: ordered(), from(), range(). An erased child stays in memory only if it holds a residue (crdt/counter.hpp). Size 16
// bytes; about 32 and the child a key. Cost    O(1) a key; clear and erase O(what goes), their delta O(writers) where
// no counters are. Errors  out_of_bound for a key above 1 MiB. Source  observed-remove map with one causal context:
// Almeida, Shoker, Baquero 2018 (JPDC 111), section 7.
#pragma once
#include "part.hpp"
#include "set.hpp"
#include "table.hpp"
#include <array>
#include <iterator>
#include <optional>
#include <span>

namespace dunlin {

template <class T> part const& part_of(); // crdt/object.hpp

/// A map of bytes: what map_part works on; map<K, V> is its typed face.
class map_body : public field {
    friend class map_part;
    class rows;
    std::uint32_t size_ = 0; // shown children that were not touched in this turn
    std::unique_ptr<rows> rows_;

protected:
    map_body();
    map_body(map_body&& other) noexcept;
    ~map_body();

    bool erase_key(bytes_view key);
    void const* look(bytes_view key) const;
    std::uint32_t row_count() const;
    /// The child at a position if it is shown, else null; and if it is live, be it over.
    void const* shown(std::uint32_t at) const;
    void const* held(std::uint32_t at) const;
    void const* child_at(std::uint32_t at) const;
    bytes_view key(std::uint32_t at) const;

    std::size_t live_count() const;
    /// Positions of what is shown, by key: from that key on, or past it; before `to`, if there is one. How many.
    std::size_t in_order(bytes_view from, bool past, bytes_view const* to, std::span<std::uint32_t> out) const;

public:
    void clear();
    /// O(1); where elements have deadlines (expiry.hpp), O(n).
    std::size_t size() const;
    bool empty() const { return size() == 0; }

    /// Along a path through what is nested: keys, and behind that of a struct the place of the map in it. The child, or null.
    /// For element<V>.
    void const* look_path(bytes_view path) const;
    /// The same, making what is missing. `child` is the type of this map's elements.
    void* reach_path(part const& child, bytes_view path);
    /// The path to this map, from the outermost one above it, which stays when elements come and go.
    map_body& outermost(encoder& path, part const*& child);
};
static_assert(sizeof(map_body) == 16);

std::unique_ptr<part const> make_map_part(char key_kind, part const& child);

template <value K, class V> class map;

/// The name of an element: the outermost map and a path. Good as long as the object is, whatever is erased meanwhile.
template <class V> class element {
    map_body* map_;
    part const* child_; // of that map
    std::string path_;

    V& reach() const { return *static_cast<V*>(map_->reach_path(*child_, path_)); }
    V const* look() const { return static_cast<V const*>(map_->look_path(path_)); }
    static V const& nothing() {
        static V const empty;
        return empty;
    }

public:
    element(map_body& m, part const& child, std::string path) : map_(&m), child_(&child), path_(std::move(path)) {}

    /// Something under this key is live.
    explicit operator bool() const requires(!std::convertible_to<V const&, bool>) { return look(); }
    bool exists() const { return look(); }
    /// What is there; an empty V where nothing is.
    V const& operator*() const {
        auto v = look();
        return v ? *v : nothing();
    }
    /// For changing, and for methods: makes the child if it is missing.
    V* operator->() const { return &reach(); }
    template <class T>
    requires std::convertible_to<V const&, T>
    operator T() const { return **this; }

    /// Of a field that is called: online["alice"](30s).
    template <class X> void operator()(X&& x) const requires requires(V& v) { v(x); }
    { reach()(std::forward<X>(x)); }
    template <class X> element const& operator+=(X&& x) const requires requires(V& v) { v += x; }
    { return reach() += std::forward<X>(x), *this; }
    template <class X> element const& operator-=(X&& x) const requires requires(V& v) { v -= x; }
    { return reach() -= std::forward<X>(x), *this; }
    element const& operator++() const requires requires(V& v) { ++v; }
    { return ++reach(), *this; }
    element const& operator--() const requires requires(V& v) { --v; }
    { return --reach(), *this; }
    template <class X> element const& operator=(X&& x) const
        requires(!std::same_as<std::remove_cvref_t<X>, element> && requires(V & v) { v = std::forward<X>(x); }) {
        return reach() = std::forward<X>(x), *this;
    }
    /// Of a map in a map: names on; makes nothing.
    template <class Key> auto operator[](Key const& k) const requires requires { typename V::mapped_type; }
    {
        encoder path;
        path.raw(path_);
        path.bytes(value_bytes<typename V::key_type>(k).view());
        return element<typename V::mapped_type>(*map_, *child_, path.take());
    }
};

template <value K, class V> class map : public map_body {
public:
    using key_type = K;
    using mapped_type = V;
    using key_view = typename value_codec<K>::view;
    using argument = typename set<K>::argument;

    map() = default;
    map(map&&) noexcept = default;

    element<V> operator[](argument k) {
        encoder path;
        auto child = &part_of<V>();
        auto& root = outermost(path, child);
        path.bytes(value_bytes<K>(k).view());
        return element<V>(root, *child, path.take());
    }
    V const* find(argument k) const { return static_cast<V const*>(look(value_bytes<K>(k).view())); }
    bool contains(argument k) const { return find(k); }
    /// True if it was there.
    bool erase(argument k) { return erase_key(value_bytes<K>(k).view()); }

    /// Pairs of key and child, in no order. Good until the next change of the map.
    class iterator {
        map const* of_;
        std::uint32_t at_;
        void skip() {
            while (at_ < of_->row_count() && !of_->shown(at_)) ++at_;
        }

    public:
        using value_type = std::pair<key_view, V const&>;
        using difference_type = std::ptrdiff_t;
        iterator(map const& of, std::uint32_t at) : of_(&of), at_(at) { skip(); }
        value_type operator*() const {
            key_view k{};
            value_codec<K>::get(of_->key(at_), k);
            return {k, *static_cast<V const*>(of_->child_at(at_))}; // time may have passed since it was found
        }
        iterator& operator++() { return ++at_, skip(), *this; }
        bool operator==(iterator const& other) const { return at_ == other.at_; }
    };
    iterator begin() const { return {*this, 0}; }
    iterator end() const { return {*this, row_count()}; }

    /// Pairs of key and child by key: numbers by size, strings by bytes. The first look at an order sorts the keys, and from
    /// then on the map keeps it: 48 bytes more a key, O(log n) more for a new key and an erased one. Good until the next
    /// change of the map.
    class ordered_view {
        map const* of_;
        std::string from_;
        std::optional<std::string> to_;

    public:
        class iterator {
            ordered_view const* view_;
            std::array<std::uint32_t, 32> read_{}; // ahead
            std::size_t at_ = 0, count_ = 0;
            void read(bytes_view from, bool past) {
                bytes_view to = view_->to_ ? bytes_view(*view_->to_) : bytes_view();
                at_ = 0, count_ = view_->of_->in_order(from, past, view_->to_ ? &to : nullptr, read_);
            }

        public:
            using value_type = std::pair<key_view, V const&>;
            using difference_type = std::ptrdiff_t;
            explicit iterator(ordered_view const& v) : view_(&v) { read(v.from_, false); }
            value_type operator*() const {
                key_view k{};
                value_codec<K>::get(view_->of_->key(read_[at_]), k);
                return {k, *static_cast<V const*>(view_->of_->child_at(read_[at_]))};
            }
            iterator& operator++() {
                if (++at_ == count_ && count_ == read_.size()) read(view_->of_->key(read_[at_ - 1]), true);
                return *this;
            }
            void operator++(int) { ++*this; }
            bool operator==(std::default_sentinel_t) const { return at_ == count_; }
        };
        ordered_view(map const& of, std::string from, std::optional<std::string> to)
            : of_(&of), from_(std::move(from)), to_(std::move(to)) {}
        iterator begin() const { return iterator(*this); }
        std::default_sentinel_t end() const { return {}; }
    };
    ordered_view ordered() const { return {*this, {}, std::nullopt}; }
    /// Keys from this one on.
    ordered_view from(argument k) const { return {*this, std::string(value_bytes<K>(k).view()), std::nullopt}; }
    /// Keys from this one on and before that one.
    ordered_view range(argument first, argument end) const {
        return {*this, std::string(value_bytes<K>(first).view()), std::string(value_bytes<K>(end).view())};
    }

    /// f(key, child) for all that is held, also what is over (expiry.hpp) and not taken away yet.
    template <class F> void each_held(F f) const {
        for (std::uint32_t p = 0; p < row_count(); ++p) {
            key_view k{};
            value_codec<K>::get(key(p), k);
            if (auto v = held(p)) f(k, *static_cast<V const*>(v));
        }
    }

    static part const& of() {
        static auto const one = [] {
            require(part_of<V>().size() == sizeof(V), "a class over a field, below a map, has members of its own, which nobody would keep");
            require(!part_of<V>().is_aside_alone(), "a struct of ephemerals alone, below a map, would never be there: use dunlin::ephemeral of a described struct");
            return make_map_part(value_codec<K>::kind, part_of<V>());
        }();
        return *one;
    }
};

} // namespace dunlin
