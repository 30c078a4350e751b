// What a node makes of its file when it comes back: after a state from a peer, and after damage.
#include "damage.hpp"

using namespace clusters;

// The row of an object may hold more than the log rows before it: a peer's state said that an element is gone. Its
// insertion stands in a log row that is replayed at start; the row says that it holds it.
TEST(recovery, does_not_bring_back_what_a_state_took) {
    cluster c(2, seed(31), [](std::size_t i, dunlin::options& o) {
        if (i == 0) o.log_budget(64 << 10);
    });
    change(c, 0, "alice", [](player& p) { p.score += 1, p.friends.insert("gone"), p.bag["gone"] += 1; });
    ASSERT_SETTLES(c);
    c.advance(2s);
    c.crash(1);
    fill_log(c, 0);
    change(c, 0, "alice", [](player& p) { p.friends.erase("gone"), p.bag.erase("gone"); });
    c.advance(10s);
    c.restart(1);
    ASSERT_SETTLES(c);
    c.advance(2s);
    for (int k = 0; k < 3; ++k) {
        c.crash(1);
        c.restart(1);
        EXPECT_FALSE(look(c, 1, "alice", [](player& p) { return p.friends.contains("gone"); }));
        EXPECT_FALSE(look(c, 1, "alice", [](player& p) { return p.bag.contains("gone"); }));
        ASSERT_SETTLES(c);
    }
    EXPECT_EQ(score(c, 1, "alice"), 1);
}

// Alone, and with a hole in its log where the element was taken out: its insertion stands in a row that is replayed, and
// the row of the object holds both.
TEST(recovery, does_not_add_again_what_a_row_holds) {
    cluster c(1, seed(37), [](std::size_t, dunlin::options& o) { o.memory(8 << 10).log_budget(4 << 20); });
    for (int k = 0; k < 40; ++k) change(c, 0, "m" + std::to_string(k), fill_player, true);
    c.advance(1s);
    change(c, 0, "alice", [](player& p) { p.score += 1, p.friends.insert("gone"); }, true);
    change(c, 0, "alice", [](player& p) { p.friends.erase("gone"); }, true);
    for (int k = 0; k < 40; ++k) score(c, 0, "m" + std::to_string(k)); // she leaves, and her row is written
    c.advance(100ms);
    c.kill(0);
    auto damage = "UPDATE log SET bytes = zeroblob(length(bytes)) WHERE id = "
                  "(SELECT max(id) FROM log WHERE instr(bytes, CAST('alice' AS BLOB)))";
    ASSERT_EQ(change_file(c, 0, damage), 1);
    c.restart(0);
    c.advance(5s);
    EXPECT_EQ(score(c, 0, "alice"), 1);
    EXPECT_FALSE(look(c, 0, "alice", [](player& p) { return p.friends.contains("gone"); }));
}

// A change that is not on the disk yet leaves memory with its object only when it is. The disk is never idle, and loads
// and writes take turns: of a write and a load that come during a commit the load is served first.
TEST(recovery, shows_what_leaves_memory_before_it_is_on_the_disk) {
    int left = 0;
    for (std::uint64_t n = 0; n < 20; ++n) {
        cluster c(1, seed(38) + n, [](std::size_t, dunlin::options& o) { o.memory(64 << 10); });
        auto large = [](player& p) { p.name = std::string(4000, 'm'); };
        change(c, 0, "alice", fill_player, true);
        for (int k = 0; k < 40; ++k) change(c, 0, "m" + std::to_string(k), large, true);
        c.advance(1s);
        auto& body = *c.node(0).space("main").body();
        auto in_memory = [&] { return body.find(*body.find_type("player"), "alice") != nullptr; };
        c.disk(0).timing.sync = 2ms;
        bool over = false;
        c.spawn(0, [&](dunlin::node& m) -> awaitable<void> {
            std::vector<dunlin::ref<player>> kept; // most of what memory may hold
            for (int k = 0; k < 12; ++k) {
                dunlin::ref<player> one = co_await m.open<player>("m" + std::to_string(k));
                kept.push_back(std::move(one));
            }
            dunlin::ref<player> busy = co_await m.open<player>("busy");
            while (!over) {
                busy->score += 1, m.seal();
                co_await c.time().sleep(500us);
            }
        });
        c.advance(1s);
        for (int k = 1; k <= 5; ++k) {
            change(c, 0, "alice", [](player& p) { p.score += 1; });
            change(c, 0, "big", [](player& p) { p.name = std::string(12'000, 'b'); }); // she leaves after a commit, not after a load
            for (int t = 0; t < 100'000 && in_memory(); ++t) c.advance(10us);
            left += !in_memory();
            ASSERT_EQ(score(c, 0, "alice"), 7 + k) << "seed + " << n;
            change(c, 0, "big", [](player& p) { p.name = ""; });
        }
        over = true;
        c.advance(1s);
    }
    EXPECT_EQ(left, 100);
}

// A damaged row is unknown, not absent: it is not shown as empty, deletes nothing anywhere, and comes back from a peer.
TEST(recovery, takes_a_damaged_row_for_unknown_and_fetches_it) {
    cluster c(2, seed(32), little_memory);
    change(c, 1, "bob", fill_player);
    stop_with_alice(c);
    auto damage = "UPDATE object SET state = zeroblob(length(state)) WHERE key = CAST('alice' AS BLOB)";
    ASSERT_EQ(change_file(c, 1, damage), 1);
    c.partition({0}, {1});
    c.restart(1);
    EXPECT_EQ(opening(c, 1, "alice"), dunlin::node_errc::object_unknown);
    EXPECT_EQ(score(c, 1, "bob"), 7);
    change(c, 1, "bob", [](player& p) { p.score += 1; });
    c.heal();
    c.advance(30s);
    EXPECT_EQ(score(c, 0, "alice"), 7) << "the damage of one node is nobody's deletion";
    EXPECT_EQ(score(c, 1, "alice"), 7);
    EXPECT_TRUE(look(c, 1, "alice", [](player& p) { return p.friends.contains("x"); }));
    EXPECT_EQ(score(c, 0, "bob"), 8);
    ASSERT_SETTLES(c);
}

TEST(recovery, says_saved_only_when_the_disk_has_it) {
    cluster c(1, seed(33));
    change(
        c, 0, "alice", [](player& p) { p.score += 1; }, true);
    c.advance(2s);
    c.disk(0).set_room(c.disk(0).used_bytes());
    bool saved = false;
    c.spawn(0, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("alice");
        p->name = std::string(100'000, 'x');
        auto r = n.seal();
        EXPECT_FALSE(r.is_saved());
        co_await r.saved();
        saved = true;
    });
    c.advance(10s);
    EXPECT_FALSE(saved) << "there is no room for it";
    EXPECT_EQ(score(c, 0, "alice"), 1) << "memory goes on";
    c.disk(0).set_room(std::uint64_t(-1));
    c.advance(10s);
    EXPECT_TRUE(saved);
    c.crash(0);
    c.restart(0);
    EXPECT_EQ(look(c, 0, "alice", [](player& p) { return p.name.value().size(); }), 100'000u);
}
// The floor of the log is the file's, and a checkpoint is a space's: what another space has only in the log stays.
TEST(recovery, keeps_every_space_when_one_is_checkpointed) {
    cluster c(1, seed(34), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        auto another = n.space("another");
        dunlin::ref<player> p = co_await another.open<player>("alice");
        p->score += 7;
        auto r = another.seal();
        co_await r.saved();
    });
    fill_log(c, 0, 200);
    c.advance(5s);
    c.crash(0);
    c.restart(0);
    long there = c.run(0, [](dunlin::node& n) -> awaitable<long> {
        auto another = n.space("another");
        dunlin::ref<player> p = co_await another.open<player>("alice");
        co_return long(p->score);
    });
    EXPECT_EQ(there, 7);
}

// A node that only listens checkpoints and cuts its log too: nothing it hears is in memory there.
TEST(recovery, cuts_the_log_of_a_node_that_only_listens) {
    cluster c(2, seed(35), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
    fill_log(c, 0);
    ASSERT_SETTLES(c);
    c.advance(5s);
    EXPECT_GT(cut_entries(c, 1), 200u);
    auto before = c.digest(1);
    c.partition({0}, {1});
    c.crash(1);
    c.restart(1);
    EXPECT_EQ(c.digest(1), before);
}

// A commit that failed held a state, and the one entry in it that no row above the floor has. The object counts as not
// saved again: who forgets that lets it leave memory with a row that lacks what it knew. Its change comes right after
// the commit with which the log has become long, so that both stand in the next one; that one fails.
TEST(recovery, writes_again_the_states_that_a_failed_commit_held) {
    std::size_t failed = 0;
    for (int when = 28; when < 34; ++when)
        for (int n = 0; n < 20; ++n) {
            cluster c(1, seed(36), [](std::size_t, dunlin::options& o) { o.memory(24 << 10).log_budget(64 << 10); });
            long made = 0;
            c.spawn(0, [&](dunlin::node& node) -> awaitable<void> {
                dunlin::ref<player> alice = co_await node.open<player>("alice");
                try {
                    for (int k = 0; k < 60; ++k) {
                        dunlin::ref<player> other = co_await node.open<player>("p" + std::to_string(k % 20));
                        other->name = std::string(1000, char('a' + k % 26));
                        auto r = node.seal();
                        if (k == when)
                            c.disk(0).add(dunlin::sim::disk_fault(dunlin::sim::on_write, std::uint64_t(2 * n + 1)));
                        co_await r.saved();
                        if (k != when) continue;
                        other->name = "one commit is under way,";
                        node.seal();
                        alice->score += 1, ++made; // and she is sealed when the checkpoint is about to begin
                    }
                } catch (boost::system::system_error const&) {} // the file is closed
                co_await c.time().sleep(5s);                    // alice stays while it is opened again
            });
            c.advance(20s);
            auto& said = c.alarms(0);
            failed += std::any_of(said.begin(), said.end(), [](auto& a) { return a.find("open again") != a.npos; });
            for (int round = 0; round < 2; ++round) {
                for (int k = 0; k < 20; ++k) score(c, 0, "p" + std::to_string(k)); // alice leaves
                EXPECT_EQ(score(c, 0, "alice"), made) << "change " << when << ", fault " << n << ", round " << round;
                if (round == 0) c.crash(0), c.restart(0);
            }
        }
    EXPECT_GT(failed, 80u);
}
