// Entry log: what this space can still tell its peers entry by entry, and up to where that is.
//
//   on disk:  row, row, row ... | in memory:  entry, entry, entry        in the order in which they were applied
//                               ^ saved_                                 floor: below it a log no longer answers
//
// With a file the tail in memory is what is not saved yet, and a little of what is; without one it is all there is.
// Positions count appended entries and never start again: `since` of an object is one.
// Size    the tail's bytes; about 60 bytes a row on disk.   Threads  the executor of its space.
#pragma once
#include "../net/heads.hpp"
#include <deque>

namespace dunlin {

class entry_log {
public:
    struct item {
        dot at;
        std::uint64_t stamp, prior;
        std::string body;
    };
    struct run {
        std::uint32_t slot;
        std::uint64_t first, last;
    };

    /// The position of the entry.
    std::uint64_t append(dot at, std::uint64_t stamp, std::uint64_t prior, bytes_view body);
    std::uint64_t next_position() const { return first_position_ + tail_.size(); }
    item const& at(std::uint64_t position) const { return tail_[position - first_position_]; }

    // ---- with a file
    /// A row found at start, or the row in which the next unsaved entry was saved.
    void row_found(std::uint64_t row, std::vector<run> const& runs);
    item const& saved(std::uint64_t position, std::uint64_t row);
    struct file_row {
        std::uint64_t id;
        std::vector<run> runs;
    };
    /// The file was opened again and holds these rows: what it lacks of the tail is unsaved.
    void reopened(std::vector<file_row> const& rows);
    std::uint64_t saved_position() const { return saved_; } // everything below it is on disk
    /// Rows before this one were cut: the floor rises over what they held.
    void cut(std::uint64_t first_row);
    /// Rows have entries above these that connect to none: they are not in the log.
    void forget_above(version_vector const& heads);
    /// Of these rows none can be read: below what they held the log does not answer.
    void lost(std::uint64_t first, std::uint64_t last);
    /// The row of an appended entry; 0 if it is not saved yet.
    std::uint64_t row_of(std::uint64_t position) const;
    /// No object's stored state lacks an entry before this position any more.
    void forget_rows_before(std::uint64_t position);
    /// The first row that holds something that `have` lacks; 0: none does.
    std::uint64_t first_row_above(version_vector const& have) const;
    /// The first number of the writer from which on the rows have all; 0: none is.
    std::uint64_t first_of(std::uint32_t slot) const;
    std::uint64_t last_row() const { return rows_.empty() ? 0 : rows_.back().id; }

    // ---- without one
    /// Keeps at most this many bytes, and raises the floor over what goes.
    void trim(std::size_t bytes_max);

    /// Entries of the tail that `have` lacks, in order, until `budget` is met; `have` advances over what is taken.
    /// False: the budget was met.
    bool collect(version_vector& have, writers const& table, std::size_t& budget, std::vector<series>& out) const;
    /// The tail alone brings `have` up to `applied`.
    bool reaches(version_vector have, version_vector const& applied) const;
    static void add(std::vector<series>& out, writer_id const& w, item const& e);

    version_vector const& floor() const { return floor_; }
    /// What came as state, not as entries, is not in the log.
    void raise_floor(std::uint32_t slot, std::uint64_t number) { floor_.raise(slot, number); }
    std::size_t tail_bytes() const { return tail_bytes_; }
    std::size_t unsaved_bytes() const { return unsaved_bytes_; }

private:
    static constexpr std::size_t kept_saved_bytes = 256 << 10;
    struct row {
        std::uint64_t id;
        std::vector<run> runs;
    };
    struct position_row {
        std::uint64_t position, row;
    };
    std::deque<item> tail_;
    std::uint64_t first_position_ = 1; // of tail_.front()
    std::uint64_t saved_ = 1;
    std::size_t tail_bytes_ = 0, unsaved_bytes_ = 0;
    std::deque<row> rows_;
    std::deque<position_row> row_of_; // the first position of each row, ascending
    version_vector floor_;

    static std::size_t cost(item const& i) { return i.body.size() + sizeof(item); }
    void pop_front();
};

} // namespace dunlin
