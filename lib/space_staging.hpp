// Staging: a space's state on its way, at the giver and at the taker. Private to space_state, space_stage, space_join.
//
//   piece -> looked at whole -> a row an object, in a space of the file beside ours, "dunlin.staged NAME"
//   entry of the tail        -> appended to those rows as deltas, unread
//
// So a state that is larger than memory lies on the disk, in the order in which it will be joined, and is never
// answered for, listed or digested before it is joined. In memory there are its heads and, for each piece, a vector.
#pragma once
#include "space_body.hpp"

namespace dunlin {

struct space_body::transfer { // at the giver
    std::uint64_t token = 0;
    version_vector have; // what the pieces given so far have brought the taker to, in entries
    instant used{};
    state_piece whole; // being given in parts
    std::size_t given = 0;
};

struct space_body::staged { // at the taker
    struct piece {
        version_vector as_of;
        std::int64_t last = 0; // greatest hash
    };
    dunlin::heads heads;
    bool begun = false;
    std::vector<piece> pieces;                    // by last hash
    std::string parts;                            // of a piece that comes in several
    std::set<std::uint64_t> damaged;              // hashes of rows here that cannot be read: their names may lie
    std::map<type_and_key, object_state> objects; // theirs: of what is in memory here; without a file all

    explicit staged(writers& table) : heads(table) {}
    /// Of `half_joined`, which is a byte and heads.
    static bool read(bytes_view half_joined, dunlin::heads& into) {
        decoder in(half_joined);
        in.u8();
        return into.read(in) && in.finished();
    }
    bool covers(bytes_view half_joined) const {
        writers table;
        dunlin::heads other(table);
        if (!read(half_joined, other)) return true; // its own word is damaged: nothing says more
        for (std::uint32_t s = 0; s < other.size(); ++s)
            if (other[s].number > heads.of(table.id(s)).number) return false;
        return true;
    }
    bool whole() const { return begun && !pieces.empty() && pieces.back().last == std::int64_t(hash_max); }
    /// The piece that has, or would have, the objects of a hash.
    piece const* of(std::uint64_t hash) const {
        auto it = std::lower_bound(pieces.begin(), pieces.end(), std::int64_t(hash),
                                   [](piece const& p, std::int64_t h) { return p.last < h; });
        return it == pieces.end() ? nullptr : &*it;
    }
};

/// One piece on its way to its rows: answered when the last of them is.
struct space_body::staging_step : std::enable_shared_from_this<staging_step> {
    std::shared_ptr<staged> of;
    std::size_t left = 1;
    bool ok = true;
};

} // namespace dunlin
