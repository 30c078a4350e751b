// A disk that fails in the middle of a commit: the node goes on in memory, opens its file again, and writes what the
// file lacks; with its old dots, so that nothing is made twice and nothing that was saved is lost.
#include "cluster_fixture.hpp"

using namespace clusters;
using dunlin::sim::disk_fault;

namespace {

/// One change that waits to be saved: was it?
bool save_one(cluster& c, std::string key) {
    return c.run(0, [key = std::move(key)](dunlin::node& n) -> awaitable<bool> {
        dunlin::ref<player> p;
        try {
            p = co_await n.open<player>(key);
        } catch (boost::system::system_error const& e) { // it lies in the file only
            EXPECT_EQ(e.code().category().name(), std::string("dunlin.store"));
            co_return false;
        }
        p->score += 1, p->friends.insert("f" + std::to_string(long(p->score))), p->bag["b"] += 1;
        if (long(p->score) % 3 == 0) p->friends.erase("f1"), p->bag.erase("b");
        auto r = n.seal();
        bool ok = true;
        try {
            co_await r.saved();
        } catch (boost::system::system_error const& e) {
            EXPECT_EQ(e.code(), dunlin::make_error_code(dunlin::node_errc::unsaved));
            ok = false;
        }
        co_return ok;
    });
}

std::string all(cluster& c, std::size_t i, std::string key) {
    return look(c, i, std::move(key), [](player& p) {
        std::string said = std::to_string(long(p.score)) + " " + std::to_string(long(p.bag["b"])) + " ";
        std::set<std::string> friends;
        for (auto f : p.friends) friends.insert(std::string(f));
        for (auto& f : friends) said += f + ",";
        return said;
    });
}

bool reopened(cluster& c) {
    for (auto& a : c.alarms(0))
        if (a.find("open again: what it lacked") != a.npos) return true;
    return false;
}

} // namespace

TEST(reopen, loses_nothing_wherever_the_disk_fails_once) {
    std::size_t failed = 0;
    for (std::uint64_t n = 1; n < 60; n += 2)
        for (auto fault : {disk_fault(dunlin::sim::on_sync, n), disk_fault(dunlin::sim::on_sync, n).dropping(),
                           disk_fault(dunlin::sim::on_write, 2 * n)}) {
            cluster c(2, seed(n), [](std::size_t, dunlin::options& o) { o.memory(24 << 10).log_budget(64 << 10); });
            ASSERT_SETTLES(c);
            c.disk(0).add(fault);
            int saved = 0;
            for (int k = 0; k < 60; ++k) {
                saved += save_one(c, "p" + std::to_string(k % 20));
                // Of objects that are not in memory at node 0, also while its file is closed.
                change(c, 1, "q" + std::to_string(k % 10), [&](player& p) { p.score += 1, p.friends.insert("f" + std::to_string(k)); });
                c.advance(20ms);
            }
            c.advance(5s);
            if (!reopened(c)) continue; // the fault hit nothing, or a checkpoint that could be repeated
            ++failed;
            EXPECT_LT(saved, 60);
            EXPECT_TRUE(save_one(c, "p0")) << "saving works again";
            ASSERT_SETTLES(c);
            std::string before;
            for (int k = 0; k < 20; ++k) before += all(c, 0, "p" + std::to_string(k)) + ";";
            for (int k = 0; k < 10; ++k) {
                auto key = "q" + std::to_string(k);
                EXPECT_EQ(all(c, 0, key), all(c, 1, key)) << "fault " << n;
                before += all(c, 0, key) + ";";
            }
            c.partition({0}, {1});
            c.crash(0);
            c.restart(0);
            std::string after;
            for (int k = 0; k < 20; ++k) after += all(c, 0, "p" + std::to_string(k)) + ";";
            for (int k = 0; k < 10; ++k) after += all(c, 0, "q" + std::to_string(k)) + ";";
            EXPECT_EQ(after, before) << "fault " << n;
            c.heal();
            ASSERT_SETTLES(c);
        }
    EXPECT_GT(failed, 30u);
}

TEST(reopen, opens_again_later_if_the_disk_stays_away) {
    cluster c(2, seed(41));
    EXPECT_TRUE(save_one(c, "a"));
    c.disk(0).add(disk_fault(dunlin::sim::on_sync | dunlin::sim::on_write, 1).for_good());
    EXPECT_FALSE(save_one(c, "a"));
    EXPECT_FALSE(save_one(c, "a")) << "and says so at once";
    c.advance(20s);
    EXPECT_FALSE(reopened(c));
    EXPECT_EQ(score(c, 0, "a"), 3) << "memory goes on";
    EXPECT_EQ(score(c, 1, "a"), 3) << "and gossip does";
    c.disk(0).clear_faults();
    c.advance(70s);
    EXPECT_TRUE(reopened(c));
    EXPECT_TRUE(save_one(c, "a"));
    c.partition({0}, {1});
    c.crash(0);
    c.restart(0);
    EXPECT_EQ(score(c, 0, "a"), 4);
}

TEST(reopen, refuses_changes_above_the_bound_of_what_is_not_saved) {
    cluster c(2, seed(42), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
    ASSERT_SETTLES(c);
    c.disk(0).add(disk_fault(dunlin::sim::on_sync, 1).for_good());
    bool refused = false;
    int done = 0;
    for (int k = 0; k < 200 && !refused; ++k)
        try {
            change(c, 0, "a", [](player& p) { p.name = std::string(1000, 'x'), p.score += 1; });
            ++done;
        } catch (boost::system::system_error const& e) {
            EXPECT_EQ(e.code(), dunlin::make_error_code(dunlin::node_errc::overloaded));
            refused = true;
        }
    EXPECT_TRUE(refused);
    for (int k = 0; k < 200; ++k) change(c, 1, "b", [](player& p) { p.name = std::string(1000, 'y'), p.score += 1; }, true);
    c.advance(10s);
    EXPECT_NE(c.vector(0), c.vector(1)) << "what comes from others has the same bound";
    c.disk(0).clear_faults();
    c.advance(70s);
    EXPECT_TRUE(save_one(c, "a"));
    EXPECT_EQ(score(c, 0, "a"), done + 1);
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "b"), 200);
}

TEST(reopen, is_waited_for_by_a_stop_so_that_its_tail_is_written) {
    std::vector<std::chrono::milliseconds> moments; // after the file has failed: it is opened again a second later
    for (auto m : {0, 200, 500, 999}) moments.push_back(std::chrono::milliseconds(m));
    for (int m = 1000; m < 1200; m += 10) moments.push_back(std::chrono::milliseconds(m));
    for (auto moment : moments) {
        cluster c(2, seed(43));
        ASSERT_SETTLES(c);
        for (int k = 0; k < 20; ++k) EXPECT_TRUE(save_one(c, "p" + std::to_string(k)));
        c.partition({0}, {1});
        c.disk(0).add(disk_fault(dunlin::sim::on_sync, 1));
        for (int k = 0; k < 10; ++k) save_one(c, "p" + std::to_string(k % 3));
        c.disk(0).timing.read = 1ms;
        c.advance(moment);
        std::string before;
        for (int k = 0; k < 3; ++k) before += all(c, 0, "p" + std::to_string(k)) + ";";
        c.stop(0);
        c.restart(0);
        std::string after;
        for (int k = 0; k < 3; ++k) after += all(c, 0, "p" + std::to_string(k)) + ";";
        EXPECT_EQ(after, before) << moment.count() << " ms";
        EXPECT_EQ(score(c, 0, "p7"), 1);
    }
}

TEST(reopen, is_not_waited_for_by_a_stop_if_the_disk_stays_away) {
    cluster c(2, seed(44));
    EXPECT_TRUE(save_one(c, "a"));
    c.disk(0).add(disk_fault(dunlin::sim::on_sync | dunlin::sim::on_write, 1).for_good());
    EXPECT_FALSE(save_one(c, "a"));
    auto begun = c.time().now();
    c.stop(0);
    EXPECT_LT(c.time().now() - begun, 1s);
}

// What a failed sync dropped is still read, as the kernel shows it: opened again, the file writes it once more before
// anything that follows it counts as saved.
TEST(reopen, loses_no_dropped_pages_if_the_power_goes_soon) {
    cluster c(1, seed(49));
    for (int k = 0; k < 3; ++k) change(c, 0, "a", [](player& p) { p.score += 1; }, true);
    c.disk(0).add(dunlin::sim::disk_fault(dunlin::sim::on_sync, 1).dropping());
    change(c, 0, "b", [](player& p) { p.score += 1; });
    auto again = [&] {
        return std::any_of(c.alarms(0).begin(), c.alarms(0).end(), [](auto& a) { return a.find("open again") != a.npos; });
    };
    for (int k = 0; k < 1000 && !again(); ++k) c.advance(10ms);
    ASSERT_TRUE(again());
    change(c, 0, "c", [](player& p) { p.score += 1; }, true);
    c.crash(0);
    c.restart(0);
    EXPECT_EQ(score(c, 0, "a"), 3);
    EXPECT_EQ(score(c, 0, "b"), 1) << "it came before what was confirmed";
    EXPECT_EQ(score(c, 0, "c"), 1);
}
