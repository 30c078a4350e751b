// Roster: who takes part, as ordinary objects in the space `dunlin`, which every node holds.
//
// A sponsor adds a newcomer; a node keeps its own address up to date, and writes nothing when it restarts under a known
// one; stop() of a node without a file removes it. A member has a file: its durable copies count. Liveness is no
// matter of the roster.
#pragma once
#include "../crdt/flag.hpp"
#include "../crdt/latest.hpp"
#include "../crdt/object.hpp"

namespace dunlin {

struct roster_entry { // its key: the node id in hex
    latest<std::string> name;
    latest<std::string> address;
    flag member;
};
DUNLIN_OBJECT_AS("dunlin.node", roster_entry, name, address, member)

} // namespace dunlin
