// Index: the objects of a type in the order of one value; of equal ones in that of their keys. Without I/O.
//
//   key ──hash──▶ row (value, key) ◀──rank── tree in the order of (value, key), which counts
//
// Values are bytes, which compare as the values do (crdt/value.hpp). Whoever asks first
// takes out, or looks again at, those whose time has come.
// Size   160 bytes a row, 90 more with a deadline, and keys and values of more than 15 bytes.
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

    /// Its value, and the next time at which it may not be there any more: surely, if that is its own deadline. `held`: the
    /// field alone makes it exist. True if it has another place.
    bool put(bytes_view key, bytes_view value, std::int64_t ends_ms, bool surely, bool held);
    bool erase(bytes_view key);
    void clear();
    /// It is there, and stays there whatever becomes of its other fields.
    bool is_held(bytes_view key) const;
    bool ends_surely(bytes_view key) const;
    /// When their time came, and their keys.
    std::vector<std::pair<std::int64_t, std::string>> over(std::int64_t now_ms) const;
    /// never_ms: none has one.
    std::int64_t first_end_ms() const;
    /// Until it is put again it is not among these.
    void forget_end(bytes_view key);
    index_page page(index_range const& range) const;
    /// How many of the range stand before it.
    std::optional<std::size_t> rank(bytes_view key, index_range const& range) const;
    /// Where it stands among all, and which of all places a range is about: from, and one past.
    std::optional<std::size_t> place(bytes_view key) const;
    std::pair<std::size_t, std::size_t> window(index_range const& range) const;
    std::size_t size() const;
    std::size_t bytes() const { return bytes_; }

private:
    struct rows;
    std::unique_ptr<rows> rows_;
    std::size_t bytes_ = 0;
};

} // namespace dunlin
