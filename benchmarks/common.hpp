// Common: what benchmarks of more than one layer use.
#pragma once
#include <cstdint>
#include <dunlin/crdt/bounded_counter.hpp>
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/disable_wins_flag.hpp>
#include <dunlin/crdt/flag.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/maximum.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/crdt/siblings.hpp>

namespace bench {

/// The object whose size is told: ten fields, all small.
struct ten {
    dunlin::latest<std::string> name;
    dunlin::latest<std::int64_t> level;
    dunlin::latest<bool> alive;
    dunlin::latest<double> x;
    dunlin::counter score, wins, losses;
    dunlin::flag banned;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT(ten, name, level, alive, x, score, wins, losses, banned, friends, bag)

/// A change in each of its scalar fields.
inline void fill(ten& t) {
    t.name = "a name", t.level = 3, t.alive = true, t.x = 0.5, t.score += 1, t.wins += 1, t.losses += 1;
    t.banned = true;
}

/// Numbers by xorshift: the same sequence everywhere.
class sequence {
    std::uint64_t x_ = 88172645463325252u;

public:
    std::uint64_t operator()() {
        x_ ^= x_ << 13, x_ ^= x_ >> 7, x_ ^= x_ << 17;
        return x_;
    }
};

} // namespace bench
