// Index: the objects of a type in the order of one value; of equal ones in that of their keys. Without I/O.
//
//   key ──hash──▶ row (value, key) ◀──rank── tree in the order of (value, key), which counts
//
// Values are bytes, which compare as the values do (crdt/value.hpp). An object whose deadline (crdt/expiry.hpp) has passed is
// no part of it, from the moment on at which it is asked.
// Size   160 bytes a row, and keys and values of more than 15 bytes.
// Cost   put, erase, rank: O(log n); a page: O(log n + rows).
#pragma once
#include "../crdt/codec.hpp"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dunlin {

/// Which rows, in which order.
struct index_range {
    std::optional<std::string> from, to; // values, both included
    bool descending = false;
    std::size_t skip = 0, limit = 100;
};

struct index_row {
    std::string key, value;
    friend bool operator==(index_row const&, index_row const&) = default;
};

struct index_page {
    std::vector<index_row> rows;
    std::size_t first = 0, total = 0; // where they begin in the range, and how many it has
    bool exact = true;                // false: of some objects nothing is known, their rows in the file are damaged
    std::uint64_t version = 0;
};

class object_index {
public:
    object_index();
    ~object_index();

    /// Its value, when it is over, and whether the field alone makes it exist. True if it has another place.
    bool put(bytes_view key, bytes_view value, std::int64_t ends_ms, bool held);
    bool erase(bytes_view key);
    void clear();
    /// What is over goes. True if something did.
    bool drop_over(std::int64_t now_ms);
    /// It is there, and stays there whatever becomes of its other fields.
    bool is_held(bytes_view key) const;
    index_page page(index_range const& range) const;
    /// How many of the range stand before it.
    std::optional<std::size_t> rank(bytes_view key, index_range const& range) const;
    std::size_t size() const;
    std::size_t bytes() const { return bytes_; }

private:
    struct rows;
    std::unique_ptr<rows> rows_;
    std::size_t bytes_ = 0;
};

} // namespace dunlin
