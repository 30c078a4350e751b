// Table: keys as bytes -> a small payload, dense, found by hash. Under sets and maps.
//
//   rows      [key 16 | payload 8] ...      in no order; the last row moves into a hole
//   index     hash of the key -> position in rows
//
// A key of up to 14 bytes stands inline, a longer one on the heap. Each row carries a mark of two bits for whoever owns
// the table. Positions are good until the next erase. Size   24 bytes a row, about 8 of index, the bytes of long keys.
// Cost  O(1).
#pragma once
#include "codec.hpp"
#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace dunlin {

std::uint64_t hash_bytes(bytes_view b);

class short_bytes { // bytes, and two bits of mark
    static constexpr std::uint8_t on_heap = 15, length_bits = 15;
    char raw_[16] = {}; // [tag][up to 14 bytes] or [15][...][u32 length at 4][pointer at 8]

    std::uint8_t tag() const { return std::uint8_t(raw_[0]); }
    bool is_long() const { return (tag() & length_bits) == on_heap; }
    char* pointer() const {
        char* p;
        std::memcpy(&p, raw_ + 8, 8);
        return p;
    }

public:
    explicit short_bytes(bytes_view b) {
        if (b.size() < on_heap) {
            raw_[0] = char(b.size());
            std::memcpy(raw_ + 1, b.data(), b.size());
            return;
        }
        raw_[0] = char(on_heap);
        auto n = std::uint32_t(b.size());
        auto p = new char[n];
        std::memcpy(p, b.data(), n);
        std::memcpy(raw_ + 4, &n, 4), std::memcpy(raw_ + 8, &p, 8);
    }
    short_bytes(short_bytes&& other) noexcept {
        std::memcpy(raw_, other.raw_, 16);
        other.raw_[0] = 0;
    }
    short_bytes& operator=(short_bytes&& other) noexcept {
        char mine[16];
        std::memcpy(mine, raw_, 16), std::memcpy(raw_, other.raw_, 16), std::memcpy(other.raw_, mine, 16);
        return *this;
    }
    ~short_bytes() {
        if (is_long()) delete[] pointer();
    }
    bytes_view view() const {
        if (!is_long()) return {raw_ + 1, std::size_t(tag() & length_bits)};
        std::uint32_t n;
        std::memcpy(&n, raw_ + 4, 4);
        return {pointer(), n};
    }
    unsigned mark() const { return tag() >> 4; }
    void mark(unsigned m) { raw_[0] = char((tag() & length_bits) | m << 4); }
    std::size_t heap_bytes() const { return is_long() ? view().size() + 16 : 0; }
};

template <class Payload> class table {
public:
    struct row {
        short_bytes key;
        Payload payload;
    };
    static constexpr std::uint32_t none = ~std::uint32_t(0);

    table() : index_(0, by_key{&rows_}, by_key{&rows_}) {}
    table(table const&) = delete;
    table& operator=(table const&) = delete;

    std::uint32_t find(bytes_view key) const {
        auto it = index_.find(key);
        return it == index_.end() ? none : *it;
    }
    /// The key's position, and whether it is new.
    std::pair<std::uint32_t, bool> insert(bytes_view key) {
        if (auto at = find(key); at != none) return {at, false};
        rows_.push_back({short_bytes(key), Payload()});
        auto at = std::uint32_t(rows_.size() - 1);
        index_.insert(at);
        return {at, true};
    }
    /// The last row moves into the hole: whoever keeps positions erases from the greatest down.
    void erase(std::uint32_t at) {
        auto last = std::uint32_t(rows_.size() - 1);
        index_.erase(index_.find(rows_[at].key.view()));
        if (at != last) {
            index_.erase(index_.find(rows_[last].key.view()));
            std::swap(rows_[at], rows_[last]);
        }
        rows_.pop_back();
        if (at != last) index_.insert(at);
    }
    std::uint32_t size() const { return std::uint32_t(rows_.size()); }
    row& operator[](std::uint32_t at) { return rows_[at]; }
    row const& operator[](std::uint32_t at) const { return rows_[at]; }

    /// Positions in the order of the keys' bytes. O(n log n).
    std::vector<std::uint32_t> sorted() const {
        std::vector<std::uint32_t> order(rows_.size());
        for (std::uint32_t k = 0; k < order.size(); ++k) order[k] = k;
        std::sort(order.begin(), order.end(),
                  [&](auto a, auto b) { return rows_[a].key.view() < rows_[b].key.view(); });
        return order;
    }
    std::size_t heap_bytes() const {
        std::size_t n = rows_.capacity() * sizeof(row) + index_.bucket_count() * 5;
        for (auto& r : rows_) n += r.key.heap_bytes();
        return n;
    }

private:
    struct by_key {
        using is_transparent = void;
        using is_avalanching = void;
        std::vector<row> const* rows;
        bytes_view key(std::uint32_t at) const { return (*rows)[at].key.view(); }
        bytes_view key(bytes_view k) const { return k; }
        template <class K> std::size_t operator()(K const& k) const { return hash_bytes(key(k)); }
        template <class A, class B> bool operator()(A const& a, B const& b) const { return key(a) == key(b); }
    };
    std::vector<row> rows_;
    boost::unordered_flat_set<std::uint32_t, by_key, by_key> index_;
};

} // namespace dunlin
