// A test of a service of one's own, in GoogleTest: three whole nodes on virtual time, cut apart and crashed by the test.
// Link with dunlin::dunlin and GoogleTest. A failing seed is printed: run it again with DUNLIN_SEED=N.
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/sim/cluster.hpp>
#include <gtest/gtest.h>

namespace {

struct cart {
    dunlin::map<std::string, dunlin::counter> items;
    void put(std::string const& item, int n) { items[item] += n; }
    void drop(std::string const& item) { items.erase(item); }
};
DUNLIN_OBJECT(cart, items)

using dunlin::awaitable;
using dunlin::sim::cluster;

/// What the service does on node i; `saved`: and waits until it is on that node's disk.
template <class F> void shop(cluster& c, std::size_t i, F change, bool saved = false) {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<cart> mine = co_await n.open<cart>("customer 7");
        change(*mine);
        auto order = n.seal();
        if (saved) co_await order.saved();
    });
}

long count(cluster& c, std::size_t i, std::string item) {
    return c.run(i, [item](dunlin::node& n) -> awaitable<long> {
        dunlin::ref<cart> mine = co_await n.open<cart>("customer 7");
        co_return mine->items[item];
    });
}

} // namespace

TEST(cart, keeps_what_two_devices_did_while_they_could_not_reach_each_other) {
    cluster c(3, dunlin::sim::world::seed_from_env(1));
    shop(c, 0, [](cart& x) { x.put("tea", 1), x.put("cup", 1); });
    ASSERT_TRUE(c.settle(std::chrono::minutes(1))) << c.describe();
    c.partition({0}, {1, 2});
    shop(c, 0, [](cart& x) { x.put("tea", 2), x.drop("cup"); });
    shop(c, 2, [](cart& x) { x.put("tea", 3), x.put("cup", 1); });
    c.heal();
    ASSERT_TRUE(c.settle(std::chrono::minutes(1))) << c.describe();
    EXPECT_EQ(count(c, 1, "tea"), 6);
    EXPECT_EQ(count(c, 1, "cup"), 1); // the one that the drop had not seen
}

TEST(cart, survives_a_power_cut_once_it_was_saved) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        cluster c(3, dunlin::sim::world::seed_from_env(seed));
        c.partition({0}, {1, 2});
        shop(c, 0, [](cart& x) { x.put("tea", 2); }, true);
        c.crash(0); // what was not synced is lost, reordered or torn
        c.restart(0);
        EXPECT_EQ(count(c, 0, "tea"), 2) << "DUNLIN_SEED=" << c.seed();
    }
}
