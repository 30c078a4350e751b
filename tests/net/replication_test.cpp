// Seeds of the world of gossip: it converges after healing, in time, and is silent then.
#include "gossip_world.hpp"
#include <cstdlib>

namespace dunlin {
namespace {

using namespace toys;

std::uint64_t seeds(std::uint64_t usual) {
    auto s = std::getenv("DUNLIN_GOSSIP_SEEDS");
    return s ? std::strtoull(s, nullptr, 10) : usual;
}

struct scenario {
    char const* name;
    std::uint64_t seeds;
    faults bad;
    bool full_mesh;
    std::chrono::milliseconds within;
};
std::ostream& operator<<(std::ostream& o, scenario const& s) { return o << s.name; }

class gossip : public testing::TestWithParam<scenario> {};

TEST_P(gossip, converges_after_healing_and_is_silent_then) {
    auto& s = GetParam();
    std::chrono::milliseconds longest{0};
    for (std::uint64_t seed = 1; seed <= seeds(s.seeds); ++seed) {
        world w(seed, 3 + seed % 5, s.bad);
        if (s.full_mesh)
            w.all_edges();
        else
            w.connected_edges();
        w.churn(300 + seed % 700);
        w.heal();
        auto took = w.settle(s.within);
        longest = std::max(longest, took);
        ASSERT_TRUE(w.converged()) << "seed " << seed << ", " << w.nodes.size() << " nodes";
        ASSERT_EQ(violations(), std::set<std::string>()) << "seed " << seed;
        ASSERT_EQ(w.alarms + w.proofs + w.refusals, 0u) << "seed " << seed;
        w.pass(30s);
        auto before = w.said_beside_digests;
        w.pass(5s);
        ASSERT_EQ(w.said_beside_digests, before) << "chatter after convergence, seed " << seed;
        for (std::size_t i = 0; i < w.nodes.size(); ++i) {
            auto& n = *w.nodes[i];
            ASSERT_TRUE(n.machine.synced());
            ASSERT_EQ(n.machine.waiting_entries(), 0u) << "seed " << seed;
            auto links = std::count_if(w.links.begin(), w.links.end(),
                                       [&](auto& l) { return l.first.first == i || l.first.second == i; });
            if (auto number = n.known_.of(n.own).number) {
                ASSERT_GE(n.machine.copies(n.own, number), std::size_t(links))
                    << "a durable vector was never told, seed " << seed;
            }
        }
    }
    RecordProperty("longest_ms", int(longest.count()));
    std::printf("%s: longest %d ms\n", s.name, int(longest.count()));
}

INSTANTIATE_TEST_SUITE_P(all, gossip,
                         testing::Values(scenario{"honest_mesh", 40, {}, true, 10s},
                                         scenario{"honest_graph", 40, {}, false, 15s},
                                         scenario{"lossy_mesh", 60, {0.2, 0.1, 0.3}, true, 10s},
                                         scenario{"lossy_graph", 60, {0.2, 0.1, 0.3}, false, 15s},
                                         scenario{"small_ranges", 60, {0.1, 0.1, 0.2, 300}, false, 15s},
                                         scenario{"cut_logs", 100, {0.1, 0.1, 0.2, 1000, true}, false, 30s},
                                         scenario{"restarts", 100, {0.1, 0.1, 0.2, 0, true, true}, false, 30s},
                                         scenario{"slow", 60, {0.3, 0.3, 0.9, 0, true, true, true}, true, 30s}),
                         [](auto& which) { return std::string(which.param.name); });

} // namespace
} // namespace dunlin
