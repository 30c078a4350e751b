// A request that is tried again at another node does nothing, and is forgotten after its time on all nodes.
#include "cluster_fixture.hpp"

namespace {
struct desk {
    dunlin::once<std::string, std::chrono::minutes, 2> done;
    dunlin::counter paid;
};
DUNLIN_OBJECT(desk, done, paid)
} // namespace

using namespace clusters;

namespace {

bool pay(cluster& c, std::size_t i, std::string id) {
    return c.run(i, [id](dunlin::node& n) -> awaitable<bool> {
        dunlin::ref<desk> d = co_await n.open<desk>("d");
        auto paid = n.atomic([&] {
            if (!d->done.accept(id)) return false;
            d->paid += 1;
            return true;
        });
        if (paid) co_await paid.saved();
        co_return bool(paid);
    });
}
std::pair<long, std::size_t> look(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::pair<long, std::size_t>> {
        dunlin::ref<desk> d = co_await n.open<desk>("d");
        co_return std::pair<long, std::size_t>(long(d->paid), d->done.size());
    });
}

} // namespace

TEST(retry, at_another_node_does_nothing) {
    cluster c(3, seed(461));
    EXPECT_TRUE(pay(c, 0, "r1"));
    ASSERT_SETTLES(c);
    EXPECT_FALSE(pay(c, 1, "r1"));
    c.crash(0);
    c.restart(0);
    EXPECT_FALSE(pay(c, 0, "r1")) << "it was saved";
    EXPECT_EQ(look(c, 2), (std::pair<long, std::size_t>(1, 1)));
}

TEST(retry, is_forgotten_after_its_time_the_same_everywhere) {
    cluster c(3, seed(462));
    c.clock(1).skew(10s);
    for (int k = 0; k < 20; ++k) {
        EXPECT_TRUE(pay(c, std::size_t(k % 3), "r" + std::to_string(k)));
        c.advance(20s);
        EXPECT_FALSE(pay(c, std::size_t((k + 1) % 3), "r" + std::to_string(k)));
    }
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_EQ(look(c, i).first, 20);
        EXPECT_LE(look(c, i).second, 9u) << "two minutes and a quarter";
        EXPECT_GE(look(c, i).second, 6u);
    }
}

TEST(retry, that_two_sides_of_a_cut_accept_counts_twice) {
    cluster c(3, seed(463));
    ASSERT_SETTLES(c);
    c.partition({0}, {1, 2});
    EXPECT_TRUE(pay(c, 0, "r1"));
    EXPECT_TRUE(pay(c, 1, "r1"));
    c.heal();
    ASSERT_SETTLES(c);
    EXPECT_EQ(look(c, 2).first, 2) << "no uniqueness without coordination; docs/types.md says so";
    EXPECT_FALSE(pay(c, 2, "r1"));
}
