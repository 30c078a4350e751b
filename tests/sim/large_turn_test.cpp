// Turns above the bound of an entry: a plain one goes out as several entries, an atomic is refused and undone.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {
std::string element(int k) { return std::to_string(k) + std::string(1000, 'x'); }
} // namespace

TEST(large_turn, of_one_object_becomes_several_entries) {
    cluster c(2, seed(51));
    change(c, 0, "large", [](player& p) {
        for (int k = 0; k < 100; ++k) p.friends.insert(element(k));
    });
    ASSERT_SETTLES(c);
    change(c, 0, "large", [](player& p) {
        p.friends.clear();
        for (int k = 50; k < 9000; ++k) p.friends.insert(element(k));
        for (int k = 60; k < 80; ++k) p.friends.erase(element(k));
        for (int k = 0; k < 3000; ++k) p.bag[element(k)] += k;
        p.name = std::string(1 << 20, 'n');
        p.score += 1;
    }, true);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) {
        EXPECT_EQ(look(c, i, "large", [](player& p) { return p.friends.size(); }), 8930u);
        EXPECT_EQ(look(c, i, "large", [](player& p) { return p.bag.size(); }), 2999u);
        EXPECT_EQ(look(c, i, "large", [](player& p) { return p.name.value().size(); }), std::size_t(1) << 20);
        EXPECT_EQ(score(c, i, "large"), 1);
    }
    c.crash(0);
    c.restart(0);
    EXPECT_EQ(look(c, 0, "large", [](player& p) { return p.friends.size(); }), 8930u);
}

TEST(large_turn, of_an_atomic_is_refused_and_undone) {
    cluster c(2, seed(52));
    change(c, 0, "a", [](player& p) { p.score += 1, p.friends.insert("before"), p.name = "before"; });
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("a");
        dunlin::ref<player> q = co_await n.open<player>("b");
        bool refused = false;
        try {
            n.atomic([&] {
                p->score += 1, p->friends.clear(), p->name = "in";
                for (int k = 0; k < 4000; ++k) q->friends.insert(element(k));
            });
        } catch (boost::system::system_error const& e) {
            EXPECT_EQ(e.code(), dunlin::make_error_code(dunlin::node_errc::turn_too_large));
            refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_EQ(long(p->score), 1);
        EXPECT_TRUE(p->friends.contains("before"));
        EXPECT_EQ(p->name.value(), "before");
        EXPECT_FALSE(q.exists());
        n.atomic([&] { p->score += 1, q->score += 1; }); // and the next goes on as ever
    });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "a"), 2);
    EXPECT_EQ(score(c, 1, "b"), 1);
}
