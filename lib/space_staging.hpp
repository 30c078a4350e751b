// Staging: a space's state on its way, at the giver and at the taker. Private to space_state.cpp and space_join.cpp.
#pragma once
#include "space_body.hpp"

namespace dunlin {

struct space_body::transfer { // at the giver
    std::uint64_t token = 0;
    version_vector have; // what the pieces given so far have brought the taker to, in entries
    instant used{};
};

struct space_body::staged { // at the taker
    struct piece {
        version_vector as_of;
        std::int64_t last = 0; // greatest hash
    };
    struct item {
        std::string state;
        std::vector<std::pair<std::size_t, bytes_view>> deltas; // entry in `tail`, delta
    };
    struct tail_entry {
        writer_id writer;
        std::uint64_t number, stamp, prior;
        std::string body;
    };
    dunlin::heads heads;
    bool begun = false;
    std::vector<piece> pieces;                                   // by last hash
    std::map<std::pair<std::string, std::string>, item> objects; // (type, key)
    std::vector<tail_entry> tail;
    std::size_t bytes = 0;
    version_vector mine; // our vector when the join began

    explicit staged(writers& table) : heads(table) {}
};

} // namespace dunlin
