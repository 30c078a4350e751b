// A state on its way: objects wherever they are at the giver, whatever the taker has, and writes meanwhile.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {
using dunlin::node;

std::string name_of(int k) { return "p" + std::to_string(k); }

std::map<std::string, std::string> objects(cluster& c, std::size_t i, std::vector<std::string> const& keys) {
    std::map<std::string, std::string> all;
    for (auto& key : keys) all[key] = json(c, i, key);
    return all;
}
void play(player& p, int k) {
    p.score += k, p.name = "round " + std::to_string(k), p.friends.insert(std::to_string(k % 9));
    p.bag["b" + std::to_string(k % 3)] += k;
    if (k % 4 == 1) p.friends.erase(std::to_string((k + 3) % 9)), p.bag.erase("b" + std::to_string((k + 1) % 3));
    if (k % 2) p.online.enable();
    else p.online.disable();
}

/// A = node 0 gives, B = node 1 takes, C = node 2 has everything by entries and is what both are compared with.
struct giving {
    cluster c;
    std::vector<std::string> keys;
    bool file;

    giving(std::uint64_t s, std::size_t memory_a, std::size_t memory_b, bool with_file)
        : c(3, seed(s),
            [=](std::size_t i, dunlin::options& o) {
                if (i == 2) return;
                o.log_budget(48 << 10).memory(i ? memory_b : memory_a);
                if (!with_file) o.data("");
            }),
          file(with_file) {
        for (int k = 0; k < 60; ++k) keys.push_back(name_of(k));
        for (auto key : {"fresh", "gone", "cold gone", "gone and written", "made by B", "replayed", "waiting"})
            keys.push_back(key);
    }

    void everything_is_known() {
        for (int k = 0; k < 120; ++k) change(c, std::size_t(k % 3), name_of(k % 60), [&](player& p) { play(p, k); });
        for (auto key : {"gone", "cold gone", "gone and written", "replayed", "waiting"})
            change(c, 1, key, [](player& p) { play(p, 5); });
        EXPECT_SETTLES(c);
        c.advance(2s);
    }

    void it_outgrows_the_log() {
        auto before = cut_entries(c, 0);
        for (int k = 0; k < 300; ++k)
            change(c, 0, name_of(k % 60), [&](player& p) { play(p, k), p.name = std::string(700, char('a' + k % 26)); }, true);
        for (auto key : {"gone", "cold gone", "gone and written"}) erase(c, 0, key);
        c.advance(3s);
        EXPECT_GT(cut_entries(c, 0), before + 100) << "the log was to be cut";
    }

    /// Some in memory only, some in rows, some only in the log, some with deltas that wait.
    void they_are_everywhere() {
        if (file) { // from the log at start
            change(c, 0, "replayed", [](player& p) { play(p, 7); }, true);
            c.kill(0);
            c.restart(0);
        }
        EXPECT_SETTLES(c);
        for (int k = 0; k < 60; k += 7) change(c, 2, name_of(k), [&](player& p) { play(p, k); });
        change(c, 2, "waiting", [](player& p) { play(p, 9); });
        EXPECT_SETTLES(c);
        c.spawn(0, [](node& n) -> awaitable<void> { // pinned from here on
            dunlin::ref<player> fresh = co_await n.open<player>("fresh");
            dunlin::ref<player> hot = co_await n.open<player>("p3");
            play(*fresh, 11), play(*hot, 13);
            auto r = n.seal();
            co_await r.copies(100);
        });
        c.advance(1s);
    }

    void b_takes_it_and_writes_meanwhile() {
        EXPECT_SETTLES(c); // A and C
        c.wire().block("n1", "n2"), c.wire().block("n2", "n1");
        dunlin::sim::faults slow;
        slow.bandwidth_bytes_per_s = 30'000;
        c.wire().set_faults("n0", "n1", slow);
        c.restart(1);
        for (int k = 0; k < 20; ++k) {
            c.spawn(1, [k](node& n) -> awaitable<void> {
                auto deadline = std::chrono::milliseconds(0);
                dunlin::ref<player> p = co_await n.open<player>(name_of(3 * k), deadline);
                p->bag["mine"] += 1, p->friends.insert("of B");
                dunlin::ref<player> made = co_await n.open<player>("made by B", deadline);
                made->score += 1;
                dunlin::ref<player> gone = co_await n.open<player>("gone and written", deadline);
                gone->bag["mine"] += 1;
                n.seal();
            });
            c.advance(150ms);
            change(c, 0, name_of(k), [&](player& p) { play(p, 1000 + k); }); // and A goes on
        }
        c.wire().set_faults(dunlin::sim::faults());
    }

    void all_are_equal() {
        auto truth = objects(c, 2, keys);
        auto live = listed(c, 2);
        auto digest = c.digest(2);
        for (std::size_t i : {0, 1}) {
            if (!c.running(i)) continue;
            EXPECT_EQ(c.digest(i), digest) << i;
            EXPECT_EQ(listed(c, i), live) << i;
            for (auto& [key, json] : objects(c, i, keys)) EXPECT_EQ(json, truth[key]) << key << " at " << i;
        }
        for (auto key : {"gone", "cold gone"}) EXPECT_EQ(std::count(live.begin(), live.end(), key), 0) << key;
    }

    void run() {
        everything_is_known();
        c.crash(1);
        if (!file) c.advance(2s);
        it_outgrows_the_log();
        they_are_everywhere();
        b_takes_it_and_writes_meanwhile();
        for (int k = 0; k < 600 && c.vector(1) != c.vector(0); ++k) c.advance(100ms);
        ASSERT_EQ(c.vector(1), c.vector(0)) << c.describe();
        EXPECT_GT(cut_entries(c, 1), 100u) << "it came as state";
        for (int k = 0; k < 600 && c.vector(2) != c.vector(0); ++k) c.advance(100ms);
        // C gets from B by its log what B has just written, while A is away.
        change(c, 1, "made by B", [](player& p) { p.score += 1; });
        c.advance(1us);
        c.crash(0);
        c.heal();
        auto by_state = cut_entries(c, 2);
        for (int k = 0; k < 600 && c.vector(1) != c.vector(2); ++k) c.advance(100ms);
        ASSERT_EQ(c.vector(1), c.vector(2)) << c.describe();
        EXPECT_EQ(cut_entries(c, 2), by_state) << "to C nothing came as state";
        all_are_equal();
        for (int k = 0; k < 20; ++k)
            EXPECT_EQ(look(c, 2, name_of(3 * k), [](player& p) -> long { return p.bag["mine"]; }), 1) << k;
        EXPECT_EQ(score(c, 2, "made by B"), 21);
        EXPECT_EQ(look(c, 1, "gone and written", [](player& p) -> long { return p.bag["mine"]; }), 20);
        EXPECT_EQ(look(c, 1, "gone and written", [](player& p) { return p.friends.size(); }), 0u);
        c.restart(0);
        ASSERT_SETTLES(c);
        all_are_equal();
        if (!file) return;
        for (std::size_t i : {0, 1}) c.crash(i), c.restart(i); // what they hold is on disk
        ASSERT_SETTLES(c);
        all_are_equal();
    }
};
} // namespace

TEST(state, gives_every_object_wherever_it_is_to_one_with_room) { giving(111, 24 << 10, 64 << 20, true).run(); }
TEST(state, gives_every_object_wherever_it_is_to_one_without_room) { giving(112, 64 << 20, 24 << 10, true).run(); }
TEST(state, gives_every_object_wherever_it_is_without_room_on_either_side) { giving(113, 24 << 10, 24 << 10, true).run(); }
TEST(state, gives_every_object_without_a_file) { giving(114, 64 << 20, 64 << 20, false).run(); }

// The vector says that nothing is missing: so a crash may not cost what it covers, or nobody would ever repair it.
TEST(state, loses_nothing_by_a_crash_when_all_is_saved) {
    for (std::uint64_t s = 120; s < 132; ++s) {
        SCOPED_TRACE(s);
        cluster c(2, seed(s), [](std::size_t i, dunlin::options& o) {
            if (i) o.memory(12 << 10).log_budget(24 << 10);
        });
        auto chance = c.time().chance("test");
        c.disk(1).timing.sync = std::chrono::milliseconds(1 + 10 * (s % 3));
        for (int round = 0; round < 5; ++round) {
            for (int k = 0; k < 120; ++k) {
                auto key = name_of(int(chance.below(120)));
                auto from = std::size_t(chance.below(2));
                c.spawn(from, [key, k](node& n) -> awaitable<void> {
                    try {
                        dunlin::ref<player> p = co_await n.open<player>(key);
                        play(*p, k);
                        p->name = std::string(200, 'x');
                    } catch (boost::system::system_error const&) {} // overloaded, memory full
                });
                c.advance(std::chrono::microseconds(chance.below(4000)));
            }
            c.heal();
            for (int k = 0; k < 600 && c.vector(0) != c.vector(1); ++k) c.advance(100ms);
            ASSERT_EQ(c.vector(0), c.vector(1)) << c.describe();
            c.advance(3s);
            if (c.digest(0) != c.digest(1))
                for (int k = 0; k < 120; ++k) {
                    auto there = objects(c, 1, {name_of(k)}), here = objects(c, 0, {name_of(k)});
                    EXPECT_EQ(there, here) << name_of(k);
                }
            auto vector = c.vector(1);
            auto digest = c.digest(0);
            ASSERT_EQ(c.digest(1), digest) << "round " << round;
            c.partition({0}, {1});
            c.crash(1);
            c.restart(1);
            ASSERT_EQ(c.vector(1), vector);
            ASSERT_EQ(c.digest(1), digest) << "after a crash, round " << round;
        }
    }
}

// Before a program has used a type, its objects are known by the schema alone; then they get their struct, and are as
// much to be saved as before.
TEST(state, of_objects_that_were_loaded_before_their_type_was_known_is_saved_all_the_same) {
    cluster c(2, seed(139), [](std::size_t i, dunlin::options& o) {
        if (i) o.memory(12 << 10);
    });
    for (int k = 0; k < 40; ++k)
        change(c, 0, name_of(k), [&](player& p) { play(p, k), p.name = std::string(300, 'x'); }, true);
    ASSERT_SETTLES(c);
    c.advance(2s);
    c.kill(1);
    c.restart(1);
    EXPECT_EQ(c.digest(1), c.digest(0)); // loads what stands in the log only
    for (int k = 0; k < 40; ++k) EXPECT_EQ(objects(c, 1, {name_of(k)}), objects(c, 0, {name_of(k)}));
    EXPECT_EQ(c.digest(1), c.digest(0));
}

// An object that is opened while a row of it is queued is read after that row has been written, not before.
TEST(state, is_whole_when_an_object_comes_back_as_its_row_is_being_written) {
    for (std::uint64_t s = 140; s < 146; ++s) {
        SCOPED_TRACE(s);
        cluster c(2, seed(s), [](std::size_t i, dunlin::options& o) {
            if (i) o.memory(6 << 10);
        });
        c.disk(1).timing.sync = 20ms; // every row stays queued for a while
        auto chance = c.time().chance("test");
        std::map<std::string, long> expected;
        std::map<std::string, std::set<std::string>> friends;
        bool wrong = false;
        for (int k = 0; k < 300; ++k) {
            auto key = name_of(int(chance.below(40)));
            auto from = std::size_t(chance.below(2));
            change(c, from, key, [&](player& p) {
                p.score += 1, p.friends.insert(std::to_string(k)), p.name = std::string(300, 'x');
            });
            expected[key] += 1, friends[key].insert(std::to_string(k));
            c.advance(std::chrono::milliseconds(chance.below(25)));
            if (from) continue;
            c.advance(3ms);
            auto all = look(c, 1, key, [](player& p) { return p.friends.size(); });
            wrong = wrong || all > friends[key].size();
        }
        ASSERT_SETTLES(c);
        for (auto& [key, sum] : expected) {
            EXPECT_EQ(score(c, 1, key), sum) << key;
            EXPECT_EQ(look(c, 1, key, [](player& p) { return p.friends.size(); }), friends[key].size()) << key;
        }
        EXPECT_FALSE(wrong);
    }
}
