// Play: histories of lib/sim/play.hpp, whose operations are noted for the specifications of spec.hpp.
#pragma once
#include "rig.hpp"
#include "spec.hpp"
#include <cstdlib>
#include <dunlin/lib/sim/play.hpp>
#include <sstream>

namespace rig {

inline unsigned draw(chance& r, unsigned n) { return unsigned(r() % n); }
template <class... T> std::string pick(chance& r, T... of) {
    std::string const all[] = {of...};
    return all[draw(r, sizeof...(of))];
}

/// Notes the operations of one replica in the history.
struct notes {
    spec::history& history;
    spec::moment& seen;
    unsigned turn;
    std::uint64_t clock;
    void operator()(spec::operation op) {
        op.turn = turn, op.clock = clock;
        history.past.push_back(seen);
        seen.add(history.all.size());
        history.all.push_back(std::move(op));
    }
};

struct player {
    std::vector<dunlin::struct_part const*> types;
    /// One random operation.
    std::function<void(replica&, notes&, chance&)> act;
    /// Throws `broken` if what is read is not what the specification says, or the invariant does not hold.
    std::function<void(replica&, spec::history const&, spec::moment const&)> compare;
    dunlin::shapes const* kinds = nullptr;
    bool clocks = true; // wild ones
    unsigned steps = 60;
};

/// Seeds first .. first + count - 1, or the one of DUNLIN_SEED. Empty, or the first that failed.
inline std::string play_seeds(player const& p, unsigned first, unsigned count) {
    if (auto chosen = std::getenv("DUNLIN_SEED")) first = unsigned(std::atoi(chosen)), count = 1;
    spec::history h;
    dunlin::sim::rig::subject all{
        p.types,
        [&](replica& r, doing& now, chance& c) {
            notes note{h, now.seen, now.turn, now.clock};
            p.act(r, note, c);
            now.count = h.all.size();
        },
        [&](replica& r, moment const& seen) { p.compare(r, h, seen); }, [&] { h = {}; }};
    all.kinds = p.kinds, all.clocks = p.clocks, all.steps = p.steps;
    auto failed = dunlin::sim::rig::play(all, first, count);
    return failed ? (std::ostringstream() << *failed).str() : std::string();
}

} // namespace rig
