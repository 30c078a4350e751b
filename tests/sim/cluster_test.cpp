// Whole nodes in virtual time: what a cluster promises, scenario by scenario.
#include "cluster_fixture.hpp"

using namespace clusters;

TEST(cluster, of_two_nodes_converges) {
    cluster c(2, seed(1));
    change(c, 0, "alice", [](player& p) { p.name = "Alice", p.score += 5, p.friends.insert("bob"); });
    change(c, 1, "alice", [](player& p) { p.score += 7, p.bag["sword"] += 1; });
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) {
        EXPECT_EQ(score(c, i, "alice"), 12);
        EXPECT_TRUE(look(c, i, "alice", [](player& p) { return p.friends.contains("bob"); }));
    }
}

TEST(cluster, with_one_seed_has_one_history) {
    auto history = [](std::uint64_t s) {
        cluster c(3, s);
        change(c, 0, "alice", [](player& p) { p.score += 5; });
        change(c, 2, "alice", [](player& p) { p.name = "A"; });
        EXPECT_SETTLES(c);
        return c.time().fingerprint();
    };
    EXPECT_EQ(history(7), history(7));
    EXPECT_NE(history(7), history(8));
}

TEST(cluster, converges_after_a_partition_heals) {
    cluster c(4, seed(2));
    change(c, 0, "pot", [](player& p) { p.score += 1, p.name = "before"; });
    ASSERT_SETTLES(c);
    c.partition({0, 1}, {2, 3});
    for (int k = 0; k < 20; ++k) {
        change(c, 1, "pot", [&](player& p) { p.score += 1, p.name = "left", p.friends.insert("l" + std::to_string(k)); });
        change(c, 3, "pot", [&](player& p) { p.score += 10, p.name = "right", p.friends.insert("r" + std::to_string(k)); });
    }
    c.advance(30s);
    EXPECT_EQ(score(c, 0, "pot"), 21);
    EXPECT_EQ(score(c, 2, "pot"), 201);
    EXPECT_FALSE(c.converged());
    c.heal();
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 2, "pot"), 221);
    EXPECT_EQ(look(c, 0, "pot", [](player& p) { return p.friends.size(); }), 40u);
}

TEST(cluster, keeps_what_was_saved_when_the_power_is_cut) {
    for (std::uint64_t s = 3; s < 8; ++s) {
        cluster c(3, seed(s));
        ASSERT_SETTLES(c);
        c.partition({0, 2}, {1});
        change(c, 1, "alice", [](player& p) { p.score += 100, p.bag["sword"] += 3; }, true);
        change(c, 1, "alice", [](player& p) { p.score += 1; });
        c.crash(1);
        change(c, 0, "alice", [](player& p) { p.score += 1000; });
        c.advance(5s);
        c.restart(1);
        auto mine = score(c, 1, "alice");
        EXPECT_TRUE(mine == 100 || mine == 101) << mine;
        c.heal();
        ASSERT_SETTLES(c);
        auto all = score(c, 2, "alice");
        EXPECT_EQ(all, mine + 1000);
        EXPECT_EQ(look(c, 0, "alice", [](player& p) -> long { return p.bag["sword"]; }), 3);
    }
}

TEST(cluster, comes_back_whole_after_all_nodes_lost_power) {
    cluster c(3, seed(9));
    for (int k = 0; k < 30; ++k)
        change(c, std::size_t(k % 3), "p" + std::to_string(k % 7), [&](player& p) { p.score += k, p.friends.insert("f"); }, true);
    ASSERT_SETTLES(c);
    auto before = c.digest(0);
    c.advance(2s);
    for (std::size_t i : {0, 1, 2}) c.crash(i);
    for (std::size_t i : {2, 1, 0}) c.restart(i);
    ASSERT_SETTLES(c);
    EXPECT_EQ(c.digest(0), before);
}

TEST(cluster, takes_a_newcomer_in_through_any_member) {
    cluster c(
        4, seed(10), [](std::size_t i, dunlin::options& o) { if (i == 3) o.join("nowhere:1,n2:1"); }, false);
    for (std::size_t i : {0, 1, 2}) c.restart(i);
    change(c, 0, "alice", [](player& p) { p.score += 5; });
    ASSERT_SETTLES(c);
    c.restart(3);
    EXPECT_EQ(score(c, 3, "alice"), 5) << "open waits for the first synchronisation";
    c.advance(10s);
    c.crash(2); // its sponsor: by now it knows the others
    change(c, 3, "alice", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "alice"), 6);
}

TEST(cluster, converges_as_a_chain) {
    cluster c(3, seed(11));
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    change(c, 0, "alice", [](player& p) { p.score += 1; });
    change(c, 2, "alice", [](player& p) { p.score += 2; });
    change(c, 1, "alice", [](player& p) { p.score += 4; });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "alice"), 7);
    EXPECT_EQ(score(c, 2, "alice"), 7);
}

TEST(cluster, does_not_resurrect_an_erased_element) {
    cluster c(3, seed(12));
    change(c, 0, "alice", [](player& p) { p.friends.insert("bob"), p.bag["sword"] += 5, p.online.enable(); });
    ASSERT_SETTLES(c);
    c.crash(2);
    change(c, 0, "alice", [](player& p) { p.friends.erase("bob"), p.bag.erase("sword"), p.online.disable(); });
    ASSERT_SETTLES(c);
    c.restart(2);
    EXPECT_SETTLES(c);
    c.advance(10s);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_FALSE(look(c, i, "alice", [](player& p) { return p.friends.contains("bob"); }));
        EXPECT_FALSE(look(c, i, "alice", [](player& p) { return p.bag.contains("sword"); }));
        EXPECT_FALSE(exists(c, i, "alice"));
    }
}

TEST(cluster, shows_an_atomic_whole_or_not_at_all) {
    cluster c(2, seed(13));
    ASSERT_SETTLES(c);
    std::size_t seen = 0;
    bool whole = true;
    c.spawn(1, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> a = co_await n.open<player>("a");
        dunlin::ref<player> b = co_await n.open<player>("b");
        for (;;) { // looks again and again, without waiting for anything but time
            whole = whole && long(a->score) + long(b->score) == 0;
            if (long(a->score) != 0) ++seen;
            co_await c.time().sleep(1ms);
        }
    });
    c.run(0, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> a = co_await n.open<player>("a");
        dunlin::ref<player> b = co_await n.open<player>("b");
        for (int k = 1; k <= 200; ++k) {
            n.atomic([&] { a->score -= k, b->score += k; });
            auto no = n.atomic([&] {
                a->score -= 1;
                return false;
            });
            EXPECT_FALSE(bool(no));
            co_await c.time().sleep(3ms);
        }
    });
    ASSERT_SETTLES(c);
    EXPECT_TRUE(whole);
    EXPECT_GT(seen, 50u);
    EXPECT_EQ(score(c, 1, "b"), 200 * 201 / 2);
}

TEST(cluster, tells_watch_saved_only_what_is_on_disk) {
    cluster c(2, seed(14));
    ASSERT_SETTLES(c);
    std::size_t told = 0, early = 0;
    for (std::size_t i : {0, 1})
        c.spawn(i, [&](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<player> a = co_await n.open<player>("a");
            auto changes = a.watch(dunlin::saved);
            for (;;) {
                auto one = co_await changes.next();
                if (!one) break;
                ++told;
                auto r = one->receipt();
                if (!r.is_saved()) ++early;
            }
        });
    for (int k = 0; k < 50; ++k) {
        change(c, std::size_t(k % 2), "a", [](player& p) { p.score += 1; });
        c.advance(5ms);
    }
    ASSERT_SETTLES(c);
    EXPECT_EQ(early, 0u);
    EXPECT_GT(told, 20u);
}

TEST(cluster, has_two_copies_only_when_two_disks_have_them) {
    cluster c(3, seed(15));
    ASSERT_SETTLES(c);
    c.advance(5s); // all are in the roster
    auto copies = [](dunlin::node& n) -> awaitable<bool> {
        dunlin::ref<player> a = co_await n.open<player>("a");
        a->score += 1;
        auto r = n.seal();
        bool reached = true;
        try {
            co_await r.copies(2, 2s);
        } catch (boost::system::system_error const& e) {
            EXPECT_EQ(e.code(), dunlin::make_error_code(dunlin::node_errc::timed_out));
            reached = false;
        }
        co_return reached;
    };
    EXPECT_TRUE(c.run(0, copies)) << c.describe();
    c.partition({0}, {1, 2});
    EXPECT_FALSE(c.run(0, copies)) << "nobody else can have it";
    c.heal();
    ASSERT_SETTLES(c);
    EXPECT_TRUE(c.run(0, copies));
}

TEST(cluster, brings_who_fell_below_the_log_up_to_date_by_state) {
    cluster c(3, seed(16), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
    change(c, 0, "alice", [](player& p) { p.score += 1, p.friends.insert("gone"); });
    ASSERT_SETTLES(c);
    c.crash(2);
    for (int k = 0; k < 400; ++k)
        change(c, 0, "p" + std::to_string(k % 20), [&](player& p) { p.score += 1, p.name = std::string(1000, char('a' + k % 26)); }, true);
    change(c, 0, "alice", [](player& p) { p.friends.erase("gone"); });
    c.advance(10s);
    EXPECT_GT(cut_entries(c, 0), 100u) << "the log was to be cut";
    c.restart(2);
    ASSERT_SETTLES(c);
    EXPECT_FALSE(look(c, 2, "alice", [](player& p) { return p.friends.contains("gone"); }));
    EXPECT_EQ(score(c, 2, "p3"), 20);
    // B to C by log while A, from whom B has it as state, is away.
    c.crash(0);
    change(c, 2, "alice", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "alice"), 2);
    c.restart(0);
    ASSERT_SETTLES(c);
}

TEST(cluster, with_little_memory_has_the_digest_of_one_with_much) {
    auto digest = [](std::size_t memory) {
        cluster c(2, seed(17), [&](std::size_t, dunlin::options& o) { o.memory(memory); });
        EXPECT_SETTLES(c);
        for (int k = 0; k < 300; ++k)
            change(c, std::size_t(k % 2), "p" + std::to_string(k * 7 % 100), [&](player& p) {
                p.score += k, p.bag["b" + std::to_string(k % 3)] += 1, p.friends.insert(std::to_string(k % 5));
                if (k % 4 == 0) p.friends.erase("1");
            });
        EXPECT_SETTLES(c);
        std::string all;
        for (int k = 0; k < 100; ++k)
            all += look(c, 1, "p" + std::to_string(k), [](player& p) { return std::to_string(long(p.score)) + " " + std::to_string(p.friends.size()) + " " + std::to_string(p.bag.size()) + ","; });
        return all;
    };
    EXPECT_EQ(digest(16 << 10), digest(64 << 20));
}
