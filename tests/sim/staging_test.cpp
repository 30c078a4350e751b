// A space as state: staged on the taker's disk, joined once; what is interrupted is as if it had not begun.
#include "cluster_fixture.hpp"
#include <dunlin/lib/node_body.hpp>

using namespace clusters;

namespace {

/// Node 0 writes `turns` times while node 1 is away, until its log is cut: then only its state can bring 1 up to date.
void outgrow_the_log(cluster& c, int turns) {
    for (int k = 0; k < turns; ++k)
        change(c, 0, "p" + std::to_string(k % 60), [&](player& p) {
            p.score += 1, p.name = std::string(1000, char('a' + k % 26)), p.friends.insert(std::to_string(k % 7));
            if (k % 5 == 0) p.friends.erase(std::to_string(k % 7)), p.bag.erase("b");
            p.bag["b"] += 1;
        }, true);
    c.advance(5s);
    ASSERT_GT(cut_entries(c, 0), 100u) << "the log was to be cut";
}

void small_log(std::size_t, dunlin::options& o) { o.log_budget(64 << 10).memory(48 << 10); }

/// Node 1 hears of node 2 by entries, and of node 0 by its state; it lists its objects at `when`, if that is not 0.
/// When it had the state.
std::chrono::nanoseconds take_a_state(std::chrono::nanoseconds when) {
    cluster c(3, seed(40), [](std::size_t i, dunlin::options& o) {
        if (i != 2) small_log(i, o);
    });
    EXPECT_SETTLES(c);
    c.partition({0}, {1, 2});
    outgrow_the_log(c, 300);
    c.disk(1).timing.sync = 2ms; // a page is read when the commit before it has ended
    c.heal();
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    std::chrono::nanoseconds done{};
    for (int k = 0; k < 100'000 && done == 0ns; ++k) {
        if (k % 20 == 0)
            change(c, 2, "p" + std::to_string(k / 20 % 60), [&](player& p) { p.score += 1, p.friends.insert("of 2"); });
        if (when != 0ns && c.time().now() >= when) {
            when = 0ns;
            c.spawn(1, [](dunlin::node& n) -> awaitable<void> { auto digest = co_await n.digest(); });
        }
        c.advance(20us);
        if (cut_entries(c, 1) > 100) done = c.time().now();
    }
    c.wire().heal();
    for (int k = 0; k < 600 && !(c.vector(0) == c.vector(1) && c.vector(1) == c.vector(2)); ++k) c.advance(100ms);
    for (int k = 0; k < 60; ++k) {
        auto key = "p" + std::to_string(k);
        EXPECT_EQ(json(c, 1, key), json(c, 2, key));
    }
    return done;
}

} // namespace

TEST(staging, takes_an_object_that_is_larger_than_a_message) {
    cluster c(2, seed(31), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
    ASSERT_SETTLES(c);
    c.crash(1);
    for (int k = 0; k < 3000; k += 100)
        change(c, 0, "large", [&](player& p) {
            for (int i = k; i < k + 100; ++i) p.friends.insert(std::to_string(i) + std::string(1000, 'x'));
        }, true);
    c.advance(5s);
    c.restart(1);
    ASSERT_SETTLES(c);
    EXPECT_EQ(look(c, 1, "large", [](player& p) { return p.friends.size(); }), 3000u);
}

TEST(staging, begins_again_wherever_the_power_is_cut) {
    cluster c(2, seed(32), small_log);
    change(c, 1, "p3", [](player& p) { p.score += 1000, p.friends.insert("mine"); }, true);
    change(c, 0, "gone", [](player& p) { p.score += 1, p.friends.insert("x"); });
    ASSERT_SETTLES(c);
    c.crash(1);
    outgrow_the_log(c, 300);
    change(c, 0, "gone", [](player& p) { p.friends.erase("x"); }, true);
    std::size_t interrupted = 0;
    for (std::uint64_t cut = 1; cut < 400; cut += cut < 100 ? 7 : 23) {
        c.disk(1).cut_power_after(cut);
        try {
            c.restart(1);
            c.advance(200ms);
        } catch (boost::system::system_error const&) {} // the disk died before the node had started
        if (c.disk(1).dead()) ++interrupted;
        if (c.running(1)) c.crash(1);
        else c.disk(1).lose_power();
    }
    EXPECT_GT(interrupted, 10u);
    c.restart(1);
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "p3"), 1005);
    EXPECT_TRUE(look(c, 0, "p3", [](player& p) { return p.friends.contains("mine"); }));
    EXPECT_FALSE(look(c, 1, "gone", [](player& p) { return p.friends.contains("x"); }));
    EXPECT_TRUE(c.node(1).space("main").body()->staging_is_empty());
}

TEST(staging, needs_no_file) {
    cluster c(2, seed(33), [](std::size_t i, dunlin::options& o) {
        o.log_budget(64 << 10);
        if (i == 1) o.data("");
    });
    ASSERT_SETTLES(c);
    c.partition({0}, {1});
    change(c, 1, "p3", [](player& p) { p.score += 1000; });
    outgrow_the_log(c, 300);
    c.heal();
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "p3"), 1005);
    EXPECT_EQ(score(c, 1, "p3"), 1005);
}

TEST(staging, goes_on_while_the_giver_writes) {
    for (std::uint64_t s = 34; s < 40; ++s) {
        cluster c(2, seed(s), small_log);
        ASSERT_SETTLES(c);
        c.crash(1);
        outgrow_the_log(c, 300);
        c.disk(1).timing.sync = 5ms; // the transfer takes its time
        c.restart(1);
        for (int k = 0; k < 100; ++k) {
            change(c, 0, "p" + std::to_string(k % 60), [&](player& p) {
                p.score += 1, p.friends.insert("late"), p.bag["b"] += 1;
                if (k % 3 == 0) p.friends.erase("late"), p.bag.erase("b");
            });
            c.advance(3ms);
        }
        ASSERT_SETTLES(c);
        for (int k = 0; k < 60; ++k) {
            auto all = [](player& p) { return std::tuple(long(p.score), p.friends.size(), long(p.bag["b"])); };
            EXPECT_EQ(look(c, 0, "p" + std::to_string(k), all), look(c, 1, "p" + std::to_string(k), all)) << k;
        }
    }
}

// Deltas that wait for cold objects stay where the join finds them: whoever lists meanwhile may not push them to rows
// that have been read and are about to be written.
TEST(staging, loses_nothing_to_listings_meanwhile) {
    auto done = take_a_state(0ns);
    for (auto before = 0us; before < 10ms && !HasFailure(); before += 200us) take_a_state(done - before);
}
