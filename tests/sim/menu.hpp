// What may go wrong in a history, how often and how badly: drawn by its seed from wide ranges, or named by a scenario.
//
//   a history takes each kind of trouble with probability 1/2, so that some have one alone and some have all together
//
// Ranges   loss 0 to 30 %, clogs 0 to 2 % of segments, delay 0 to 30 ms and an exponential part; partitions whole, one
// way, of one node or of random halves; clocks 24 h wrong either way, frozen, drifting; disks whose sync takes up to
// 1 s; up to a tenth of writes, syncs and reads failing. TCP under an encrypted link cannot repeat or reorder a message:
// those, 0 to 50 %, are tried on the protocol machine (tests/net/gossip_world.hpp).
// Source   TigerBeetle's VOPR: the ranges, and two phases, safety and then liveness.
#pragma once
#include <dunlin/lib/sim/network.hpp>

namespace clusters {

struct menu {
    bool network = false, deaths = false, pauses = false, disks = false, rot = false, clocks = false, copies = false,
         builds = false, small = false;

    std::size_t nodes = 3;
    // weights of what a step does; the rest of 100 is to let time pass
    int weight_partition = 0, weight_heal = 8, weight_faults = 0, weight_death = 0, weight_restart = 12,
        weight_pause = 0, weight_disk = 0, weight_rot = 0, weight_clock = 0, weight_copy = 0, weight_mass = 0;
    double one_way = 0.3, writes_ms = 60, open_pinned = 0.5, copies_p = 0.3;
    std::size_t memory = std::size_t(256) << 20, log_budget = std::size_t(256) << 20;
    double sync_ms = 0, failing = 0;
    std::size_t keys = 40;
    /// The node whose disk rots and whose file is put back to an old copy: what only it has may be lost.
    static constexpr std::size_t victim = 0;
    bool has_victim() const { return rot || copies; }
};

struct scenario {
    char const* name;
    char const* says;
    void (*takes)(menu&);
};

inline constexpr scenario scenarios[] = {
    {"calm", "no faults at all", [](menu&) {}},
    {"network", "loss, delay, clogs, resets, partitions", [](menu& m) { m.network = true; }},
    {"deaths", "power cuts, kills and restarts, of one or of all", [](menu& m) { m.deaths = true; }},
    {"pauses", "processes that stand still for up to two minutes", [](menu& m) { m.pauses = m.network = true; }},
    {"disks", "slow, full and failing disks; power cut in the midst of writes",
     [](menu& m) { m.disks = m.deaths = true; }},
    {"rot", "bits flipped at rest and on read, at one node", [](menu& m) { m.rot = m.deaths = true; }},
    {"clocks", "wall clocks a day wrong, frozen, drifting", [](menu& m) { m.clocks = m.network = true; }},
    {"copies", "old copies put back, and two processes from one copy",
     [](menu& m) { m.copies = m.network = m.deaths = true; }},
    {"builds", "two builds of one service with different fields and types",
     [](menu& m) { m.builds = m.deaths = m.network = true; }},
    {"small", "memory and log far too small", [](menu& m) { m.small = m.deaths = true; }},
};

inline scenario const* find_scenario(std::string_view name) {
    for (auto& s : scenarios)
        if (name == s.name) return &s;
    return nullptr;
}

/// By the seed alone: `only` and `nodes` (0: drawn) narrow it.
inline menu draw_menu(std::uint64_t seed, scenario const* only, std::size_t nodes) {
    dunlin::sim::generator c(seed, "menu");
    menu m;
    m.nodes = nodes ? nodes : 3 + std::size_t(c.below(100) < 70 ? c.below(2) : c.below(5));
    for (bool menu::*kind : {&menu::network, &menu::deaths, &menu::pauses, &menu::disks, &menu::rot, &menu::clocks,
                             &menu::copies, &menu::builds, &menu::small})
        m.*kind = !only && c.happens(0.5);
    if (only) only->takes(m);
    auto some = [&](bool on, int most) { return on ? 1 + int(c.below(std::uint64_t(most))) : 0; };
    m.weight_partition = some(m.network, 10), m.weight_faults = some(m.network, 8);
    m.weight_heal = 3 + int(c.below(10));
    m.weight_death = some(m.deaths, 12), m.weight_mass = some(m.deaths, 2);
    m.weight_restart = 6 + int(c.below(20));
    m.weight_pause = some(m.pauses, 6);
    m.weight_disk = some(m.disks, 10);
    m.weight_rot = some(m.rot, 8);
    m.weight_clock = some(m.clocks, 8);
    m.weight_copy = some(m.copies, 6);
    m.one_way = c.unit() * 0.6;
    m.writes_ms = c.between(10, 250) * double(m.nodes * m.nodes) / 9; // each change is applied at every node
    m.open_pinned = c.unit();
    m.copies_p = c.unit() * 0.5;
    m.keys = 5 + std::size_t(c.below(60));
    if (m.small) {
        m.memory = std::size_t(c.between(12, 64)) << 10;
        m.log_budget = std::size_t(c.between(16, 128)) << 10;
    }
    if (m.disks) {
        m.sync_ms = c.happens(0.5) ? c.between(0, 20) : c.exponential(100);
        m.failing = c.unit() * 0.1;
    }
    return m;
}

} // namespace clusters
