// A state on its way to a node with a file, its power cut at every single change of its disk, and a write elsewhere
// before it comes back: the result is what entries alone make. The images of the disks are made once.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {

/// Node 0 gives, its log being cut; node 1 has every entry; node 2 was away, and knows half.
struct images {
    std::vector<dunlin::sim::image> disks;
    static constexpr std::uint64_t seed = 77;
    static void small_log(std::size_t i, dunlin::options& o) {
        if (i != 1) o.log_budget(32 << 10);
    }
    images() {
        cluster c(3, seed, small_log);
        auto all = [&](std::size_t i, auto f) {
            for (int k = 0; k < 4; ++k) change(c, i, "p" + std::to_string(k), f, true);
        };
        all(0, [](player& p) { p.score += 3, p.friends.insert("old"), p.bag["k"] += 3; });
        EXPECT_TRUE(c.settle(2min));
        c.advance(3s);
        c.crash(2);
        all(0, [](player& p) { p.score += 5, p.bag["k"] += 5; });
        EXPECT_TRUE(c.settle(2min));
        c.partition({0}, {1});
        all(1, [](player& p) { p.score.reset(), p.bag.erase("k"), p.friends.erase("old"); });
        all(0, [](player& p) { p.score += 2, p.bag["k"] += 2; });
        c.heal();
        EXPECT_TRUE(c.settle(2min));
        erase(c, 1, "p3");
        for (int k = 0; k < 60; ++k)
            change(c, 0, "filler", [&](player& p) { p.name = std::string(1500, char('a' + k % 26)); }, true);
        EXPECT_TRUE(c.settle(2min));
        c.advance(5s);
        EXPECT_GT(cut_entries(c, 0), 20u) << "only a state can help";
        c.stop(0), c.stop(1);
        for (std::size_t i = 0; i < 3; ++i) disks.push_back(c.disk(i).contents());
    }
};

/// Node 2 runs until its disk dies after so many changes; or, false, until it has what it wants.
bool runs_until_cut(cluster& c, std::uint64_t after) {
    c.disk(2).cut_power_after(after);
    try {
        c.restart(2);
        for (int k = 0; k < 50 && !c.disk(2).dead(); ++k) c.advance(20ms);
    } catch (boost::system::system_error const&) {} // it died before the node had started
    return c.disk(2).dead();
}

/// False: the disk was not changed so often. `again`: it is cut a second time.
bool interrupted(images const& from, std::uint64_t after, int meanwhile, bool power, std::uint64_t again = 0) {
    cluster c(3, images::seed, images::small_log, false);
    for (std::size_t i = 0; i < 3; ++i) c.disk(i).load(from.disks[i]);
    c.partition({0, 2}, {1});
    c.restart(0), c.restart(1);
    if (!runs_until_cut(c, after)) {
        EXPECT_GT(cut_entries(c, 2), 20u) << "by then it had the state";
        return false;
    }
    if (!c.running(2)) c.disk(2).lose_power();
    else if (power) c.crash(2);
    else c.kill(2), c.disk(2).load(c.disk(2).contents());
    auto write = [&](std::size_t i) {
        change(c, i, "p1", [](player& p) { p.score += 100, p.friends.insert("new"), p.bag["k"] += 100; });
        change(c, i, "p2", [](player& p) { p.score.reset(), p.bag.erase("k"); });
        erase(c, i, "p0");
    };
    if (meanwhile) write(std::size_t(meanwhile - 1));
    if (meanwhile == 2) c.heal(), c.partition({0}, {1, 2}); // it goes on from node 1, by entries
    if (again && runs_until_cut(c, again) && !c.running(2)) c.disk(2).lose_power();
    if (again && c.running(2)) c.crash(2);
    c.restart(2);
    c.advance(3s);
    c.heal();
    EXPECT_TRUE(c.settle(2min)) << "cut after change " << after << ", meanwhile " << meanwhile << "\n" << c.describe();
    for (auto key : {"p0", "p1", "p2", "p3", "filler"})
        EXPECT_EQ(json(c, 1, key), json(c, 2, key)) << "cut after change " << after << ", meanwhile " << meanwhile;
    EXPECT_TRUE(c.node(2).space("main").body()->staging_is_empty());
    return true;
}

void every_change(int meanwhile, bool power) {
    images from;
    std::uint64_t n = 1;
    while (!testing::Test::HasFailure() && interrupted(from, n, meanwhile, power)) ++n;
    EXPECT_GT(n, 20u);
    std::cout << n - 1 << " changes of the disk, the power cut after each\n";
}

void every_second_change(std::uint64_t step) {
    images from;
    std::size_t pairs = 0;
    for (std::uint64_t n = 1; n < 42 && !testing::Test::HasFailure(); n += step)
        for (std::uint64_t again = 1; again < 42 && interrupted(from, n, 1, true, again); again += step) ++pairs;
    EXPECT_GT(pairs, 40u);
    std::cout << pairs << " pairs of changes, the power cut after both\n";
}
} // namespace

TEST(heavy_interrupted_state, is_what_entries_make_though_the_power_is_cut_twice) { every_second_change(3); }
TEST(heavy_interrupted_state, is_what_entries_make_wherever_the_power_is_cut) { every_change(0, true); }
TEST(heavy_interrupted_state, is_what_entries_make_though_the_giver_writes_meanwhile) { every_change(1, true); }
TEST(heavy_interrupted_state, is_what_entries_make_though_another_writes_meanwhile) { every_change(2, true); }
TEST(heavy_interrupted_state, is_what_entries_make_wherever_the_process_is_killed) { every_change(1, false); }
