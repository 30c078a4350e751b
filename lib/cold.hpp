// Cold: deltas of objects that are not in memory, kept as bytes until the object is loaded or its row takes them.
//
//   record := u row | u writer | u number | 8 stamp | u n, n x u writer | bytes delta          writers by their numbers
//   in the file
//
// `row` is 0, or the log row from which the record was replayed at start: then whoever loads the object skips it if the
// stored state holds that row already, and it may not be appended to the row unread.
//
// Joining them would mean to load the object. So they wait here, a string an object, and go to the object's row
// unread when there are too many; whoever loads the object applies row, deltas in the row, and these, in that order.
// Size    the records, and about 280 bytes an object; bounded by the space, which writes the oldest out.
#pragma once
#include "../crdt/passage.hpp"
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <string>

namespace dunlin {

class cold_deltas {
public:
    struct waiting {
        std::string records;
        std::uint64_t since = 0; // position in the log of the first; 0: from before this start
    };
    struct place {
        std::uint32_t type;
        std::string key;
        bool operator==(place const&) const = default;
    };

    struct record {
        std::uint64_t row = 0;
        std::uint32_t writer = 0;
        std::uint64_t number = 0, stamp = 0;
        std::vector<std::uint32_t> writers;
        bytes_view delta;
    };

    void add(std::uint32_t type, bytes_view key, bytes_view record_bytes, std::uint64_t position);
    bool contains(std::uint32_t type, bytes_view key) const;
    /// Its records, left where they are.
    bytes_view look(std::uint32_t type, bytes_view key) const;
    /// Taken out; empty if there are none.
    waiting take(std::uint32_t type, bytes_view key);
    /// The object that has waited longest; false if there is none.
    bool oldest(place& where, std::uint64_t& since) const;
    std::size_t bytes() const { return bytes_; }
    std::size_t size() const { return all_.size(); }
    template <class F> void each(F f) const {
        for (auto& [where, w] : all_) f(where, w);
    }

    /// Cuts records one by one; false from `f` or bytes that are none end it with false.
    static bool read(bytes_view records, std::function<bool(record const&)> const& f);
    static void write(encoder& out, record const& r);

private:
    struct by_place {
        std::size_t operator()(place const& p) const;
    };
    static constexpr std::size_t overhead = 280; // a place twice, two strings, free slots of the map
    boost::unordered_flat_map<place, waiting, by_place> all_;
    mutable std::deque<std::pair<std::uint64_t, place>> order_; // by since; some are taken
    bool is_taken(std::pair<std::uint64_t, place> const& o) const;
    void forget_taken();
    std::size_t bytes_ = 0;
};

} // namespace dunlin
