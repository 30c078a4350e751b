// length: every promise about what is told and not kept, in a cluster
// Ephemerals in a cluster: the newest is shown everywhere, and nothing of it is ever kept.
#include "ephemeral_fixture.hpp"

using namespace roaming;

TEST(ephemeral, is_shown_everywhere) {
    cluster c(3, seed(901));
    roam(c, 0, "ada", [](roamer& r) { r.at = 7, r.place = spot{3, 4}; });
    c.advance(2s);
    EXPECT_EQ(all_positions(c), "7 7 7");
    EXPECT_EQ(peek(c, 2, "ada", [](auto& r) { return r->place->x * 10 + r->place->y; }), 34);
    move_to(c, 2, 8);
    c.advance(2s);
    EXPECT_EQ(all_positions(c), "8 8 8");
    roam(c, 1, "ada", [](roamer& r) { r.at.reset(); });
    c.advance(2s);
    EXPECT_EQ(all_positions(c), "-1 -1 -1");
    EXPECT_EQ(peek(c, 0, "ada", [](auto& r) { return r->place->y; }), 4) << "the other field stands";
}

TEST(ephemeral, makes_no_entry_no_commit_and_no_row) {
    cluster c(2, seed(902));
    move_to(c, 0, 1);
    ASSERT_SETTLES(c);
    (void)position(c, 1); // its program knows the type
    c.advance(30s);
    struct taken {
        std::uint64_t entries, syncs, writes, used;
        bool operator==(taken const&) const = default;
    };
    auto take = [&](std::size_t i) { return taken{entries(c, i), c.disk(i).counts.syncs, c.disk(i).counts.writes, c.disk(i).used_bytes()}; };
    auto before = std::pair(take(0), take(1));
    walk(c, 0, 600);
    EXPECT_EQ(position(c, 1), 600);
    EXPECT_EQ(std::pair(take(0), take(1)), before);
    EXPECT_FALSE(peek(c, 0, "ada", [](auto& r) { return r.exists(); })) << "it is no life";
    EXPECT_FALSE(peek(c, 1, "ada", [](auto& r) { return r.exists(); }));
    auto saved = c.run(0, [](dunlin::node& n) -> awaitable<bool> {
        dunlin::ref<roamer> r = co_await n.open<roamer>("ada");
        r->at = 5;
        dunlin::receipt none = n.seal();
        co_await none.saved();
        co_return none.is_saved();
    });
    EXPECT_TRUE(saved) << "the receipt is that of no change";
    EXPECT_EQ(take(0), before.first);
}

// A name is written in the same turn: it is in the entry, and the position is not.
TEST(ephemeral, beside_other_changes_is_not_in_the_entry) {
    cluster c(2, seed(903));
    roam(c, 0, "ada", [](roamer& r) { r.name = "Ada", r.at = 3; });
    roam(c, 0, "bob", [](roamer& r) { r.at = 4, r.score += 2; });
    ASSERT_SETTLES(c);
    c.advance(2s);
    EXPECT_EQ(position(c, 1), 3);
    EXPECT_EQ(position(c, 1, "bob"), 4);
    c.kill(0), c.kill(1), c.restart(0), c.restart(1);
    c.advance(2s);
    for (std::size_t i : {0, 1}) {
        EXPECT_EQ(position(c, i), -1) << "nobody has kept it";
        EXPECT_EQ(peek(c, i, "ada", [](auto& r) { return r->name.value(); }), "Ada");
        EXPECT_EQ(peek(c, i, "bob", [](auto& r) { return long(r->score); }), 2);
    }
}

TEST(ephemeral, the_newest_wins_in_whatever_order_it_is_heard) {
    for (std::uint64_t s = 1; s <= 6; ++s) {
        cluster c(4, seed(910 + s));
        c.clock(1).skew(25s), c.clock(2).skew(-25s);
        dunlin::sim::generator chance(s, "ephemeral");
        std::int64_t last = 0;
        for (int k = 1; k <= 120; ++k) {
            if (chance.happens(0.05)) c.partition({0, 1}, {2, 3});
            if (chance.happens(0.05)) c.partition({0, 2}, {1}, {3});
            if (chance.happens(0.1)) c.heal();
            if (chance.happens(0.03)) c.wire().reset("n0", "n2");
            move_to(c, std::size_t(chance.below(4)), last = k);
            if (chance.happens(0.5)) c.advance(std::chrono::milliseconds(chance.below(40)));
        }
        c.heal();
        c.advance(60s);
        auto all = all_positions(c);
        auto one = std::to_string(position(c, 0));
        EXPECT_EQ(all, one + " " + one + " " + one + " " + one) << s;
        move_to(c, 3, 1000);
        c.advance(2s);
        EXPECT_EQ(all_positions(c), "1000 1000 1000 1000") << s;
    }
}

TEST(ephemeral, over_a_slow_link_is_the_newest_and_no_queue) {
    cluster c(2, seed(904));
    move_to(c, 0, 0);
    ASSERT_SETTLES(c);
    c.advance(2s);
    std::vector<std::int64_t> told;
    follow_at(c, 1, told);
    dunlin::sim::faults slow;
    slow.bandwidth_bytes_per_s = 400, slow.window_bytes = 1024;
    c.wire().set_faults(slow);
    c.wire().reset("n0", "n1"); // the window is that of a new connection
    c.advance(20s);
    auto most = std::make_shared<std::size_t>(0);
    c.spawn(0, [&c, most](dunlin::node& n) -> awaitable<void> {
        for (;;) {
            for (dunlin::peer_number p = 1; p < 10; ++p) *most = std::max(*most, n.space("main").body()->told().due(p));
            co_await c.time().sleep(5ms);
        }
    });
    told.clear();
    walk(c, 0, 1200);
    EXPECT_EQ(*most, 1u) << "of one field one value waits";
    EXPECT_LT(told.size(), 400u);
    EXPECT_GT(told.size(), 5u);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    c.wire().set_faults(dunlin::sim::faults());
    c.advance(3s);
    EXPECT_EQ(position(c, 1), 1200);
}

TEST(ephemeral, that_is_the_last_word_of_a_node_that_stops_is_told) {
    for (bool erases : {false, true}) {
        cluster c(2, seed(751));
        for (int k = 0; k < 100; ++k) move_to(c, 0, 5, key_of(k));
        roam(c, 0, "ada", [](roamer& r) { r.at = 5, r.name = "ada"; });
        ASSERT_SETTLES(c);
        ASSERT_EQ(position(c, 1), 5);
        c.run(0, [erases](dunlin::node& n) -> awaitable<void> {
            std::vector<dunlin::ref<roamer>> all;
            for (int k = 0; k < 100; ++k) all.push_back(co_await n.open<roamer>(key_of(k)));
            dunlin::ref<roamer> ada = co_await n.open<roamer>("ada");
            for (auto& r : all) r->at.reset();
            if (erases) ada.erase();
            else ada->at.reset();
            ada->score += 1; // an entry stands before it
            co_await n.stop();
        });
        c.advance(5s);
        EXPECT_EQ(position(c, 1), -1) << (erases ? "erased" : "taken back");
        for (int k = 0; k < 100; ++k) EXPECT_EQ(position(c, 1, key_of(k)), -1) << k;
    }
}

TEST(ephemeral, after_a_cut_is_told_once) {
    cluster c(2, seed(905));
    move_to(c, 0, 0);
    ASSERT_SETTLES(c);
    c.advance(2s);
    std::vector<std::int64_t> told;
    follow_at(c, 1, told);
    c.partition({0}, {1});
    c.advance(100s); // both have seen that the link is gone
    told.clear();
    walk(c, 0, 600);
    EXPECT_TRUE(told.empty());
    c.heal();
    c.advance(2min);
    EXPECT_EQ(told, std::vector<std::int64_t>{600});
}

TEST(ephemeral, is_told_to_who_joins_later) {
    cluster c(3, seed(906), [](std::size_t i, dunlin::options& o) {
        if (i == 2) o.data({});
    });
    c.kill(2);
    for (int k = 0; k < 200; ++k) move_to(c, std::size_t(k % 2), k, "p" + std::to_string(k));
    c.advance(1s);
    c.restart(2);
    c.advance(10s);
    for (int k = 0; k < 200; k += 7) EXPECT_EQ(position(c, 2, "p" + std::to_string(k)), k);
    EXPECT_EQ(table(c, 2).size(), 200u);
}

TEST(ephemeral, of_an_object_that_is_in_no_memory_is_shown_when_it_is_loaded) {
    cluster c(2, seed(907), [](std::size_t, dunlin::options& o) { o.memory(1 << 20); });
    for (int k = 0; k < 3000; ++k)
        roam(c, 0, "p" + std::to_string(k), [k](roamer& r) { r.name = std::string(300, 'n'), r.at = k; });
    ASSERT_SETTLES(c);
    c.advance(5s);
    ASSERT_LT(c.node(1).space("main").body()->resident(), 2900u);
    auto held = table(c, 1).size();
    EXPECT_LT(held, 3000u) << "an eighth of its memory";
    EXPECT_GT(held, 100u);
    EXPECT_LE(table(c, 1).bytes(), std::size_t(1 << 20) / 8);
    EXPECT_EQ(position(c, 1, "p2999"), 2999);
    EXPECT_EQ(position(c, 1, "p2950"), 2950);
    EXPECT_EQ(position(c, 0, "p0"), -1) << "the oldest went first";
    EXPECT_EQ(position(c, 1, "p0"), -1);
}

TEST(ephemeral, of_the_next_run_wins) {
    cluster c(2, seed(908));
    move_to(c, 0, 500);
    c.advance(2s);
    c.crash(0);
    c.advance(2s);
    EXPECT_EQ(position(c, 1), 500) << "it stays until there is a newer one";
    c.restart(0);
    c.advance(5s);
    EXPECT_EQ(position(c, 0), 500) << "its peer tells it what it said";
    move_to(c, 0, 1);
    c.advance(2s);
    EXPECT_EQ(all_positions(c), "1 1");
}

TEST(ephemeral, with_clocks_that_are_wrong_is_that_of_who_wrote_last) {
    cluster c(3, seed(909));
    c.clock(0).skew(60s), c.clock(2).skew(-std::chrono::hours(24));
    for (int k = 1; k < 40; ++k) {
        move_to(c, std::size_t(k % 3), k);
        c.advance(500ms);
        auto one = std::to_string(k);
        ASSERT_EQ(all_positions(c), one + " " + one + " " + one);
    }
}

TEST(ephemeral, has_an_age) {
    cluster c(2, seed(920));
    EXPECT_EQ(peek(c, 0, "ada", [](auto& r) { return r->at.age(); }), std::chrono::milliseconds::max());
    roam(c, 0, "ada", [](roamer& r) {
        r.at = 1;
        EXPECT_EQ(r.at.age(), 0ms);
    });
    c.advance(3s);
    for (std::size_t i : {0, 1}) {
        auto age = peek(c, i, "ada", [](auto& r) { return r->at.age(); });
        EXPECT_GE(age, 2900ms);
        EXPECT_LE(age, 3500ms);
    }
    c.clock(1).skew(10 * std::chrono::hours(24)); // far ahead: what it says is not young for ten days
    move_to(c, 1, 2);
    c.advance(5s);
    EXPECT_EQ(position(c, 0), 2);
    auto age = peek(c, 0, "ada", [](auto& r) { return r->at.age(); });
    EXPECT_GE(age, 4s);
    EXPECT_LE(age, 6s);
}

TEST(ephemeral, goes_with_its_object) {
    cluster c(3, seed(921));
    roam(c, 0, "ada", [](roamer& r) { r.name = "Ada", r.at = 1; });
    move_to(c, 1, 2, "bob"); // of which there is nothing else
    ASSERT_SETTLES(c);
    c.advance(2s);
    c.partition({0, 1}, {2});
    c.advance(1s);
    for (std::string key : {"ada", "bob"})
        c.run(0, [key](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<roamer> r = co_await n.open<roamer>(key);
            r.erase();
            EXPECT_TRUE(r->at.empty());
            n.seal();
        });
    c.advance(5s);
    EXPECT_EQ(position(c, 1) + position(c, 1, "bob"), -2);
    EXPECT_EQ(position(c, 2) + position(c, 2, "bob"), 3) << "it is cut off";
    c.heal(); // and does not bring back what was erased
    ASSERT_SETTLES(c);
    c.advance(30s);
    EXPECT_EQ(all_positions(c), "-1 -1 -1");
    EXPECT_EQ(all_positions(c, "bob"), "-1 -1 -1");
    move_to(c, 2, 5);
    c.advance(2s);
    EXPECT_EQ(all_positions(c), "5 5 5") << "what is written afterwards is shown";
}

TEST(ephemeral, written_after_an_erase_in_one_turn_stays) {
    cluster c(2, seed(922));
    roam(c, 0, "ada", [](roamer& r) { r.name = "Ada", r.at = 1, r.place = spot{1, 1}; });
    ASSERT_SETTLES(c);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<roamer> r = co_await n.open<roamer>("ada");
        r.erase();
        r->at = 9;
        n.seal();
    });
    ASSERT_SETTLES(c);
    c.advance(2s);
    EXPECT_EQ(all_positions(c), "9 9");
    for (std::size_t i : {0, 1}) EXPECT_TRUE(peek(c, i, "ada", [](auto& r) { return r->place.empty(); }));
}

TEST(ephemeral, in_an_atomic_that_is_undone_is_not_told) {
    cluster c(2, seed(923));
    move_to(c, 0, 1);
    c.advance(2s);
    std::vector<std::int64_t> told;
    follow_at(c, 1, told);
    c.advance(1s);
    told.clear();
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<roamer> r = co_await n.open<roamer>("ada");
        dunlin::ref<roamer> bob = co_await n.open<roamer>("bob");
        EXPECT_FALSE(n.atomic([&] {
            r->at = 2, r->score += 1, bob->at = 3;
            EXPECT_EQ(r->at, 2);
            return false;
        }));
        EXPECT_EQ(r->at, 1);
        EXPECT_TRUE(bob->at.empty());
        (void)n.atomic([&] { r->at.reset(), bob.erase(); return false; });
        EXPECT_EQ(r->at, 1);
        EXPECT_FALSE(r->at.empty());
    });
    c.advance(2s);
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(all_positions(c), "1 1");
    EXPECT_EQ(all_positions(c, "bob"), "-1 -1");
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<roamer> r = co_await n.open<roamer>("ada");
        EXPECT_TRUE(n.atomic([&] { r->at = 4, r->at = 5; }));
    });
    c.advance(2s);
    EXPECT_EQ(told, std::vector<std::int64_t>{5}) << "the last of a turn";
}

TEST(ephemeral, is_told_to_watches_and_never_as_saved) {
    cluster c(2, seed(924));
    roam(c, 0, "ada", [](roamer& r) { r.name = "Ada", r.at = 1; });
    ASSERT_SETTLES(c);
    c.advance(5s);
    struct heard {
        std::string key;
        bool at, name, erased, remote;
        bool operator==(heard const&) const = default;
    };
    std::vector<heard> all, saved;
    auto listen = [&](std::vector<heard>& to, dunlin::object_watch::when w) {
        c.spawn(1, [&to, w](dunlin::node& n) -> awaitable<void> {
            auto changes = n.watch<roamer>(w);
            for (;;) {
                auto one = co_await changes.next();
                if (!one) break;
                to.push_back({one->key(), one->touched(&roamer::at), one->touched(&roamer::name), one->erased(), one->remote()});
            }
        });
    };
    listen(all, dunlin::object_watch::when::applied), listen(saved, dunlin::saved);
    c.advance(1s);
    move_to(c, 0, 2);
    c.advance(1s);
    EXPECT_EQ(all, (std::vector<heard>{{"ada", true, false, false, true}}));
    EXPECT_TRUE(saved.empty());
    move_to(c, 1, 3); // its own
    move_to(c, 0, 4, "cid"); // which is not there
    c.advance(1s);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[1], (heard{"ada", true, false, false, false}));
    EXPECT_EQ(all[2], (heard{"cid", true, false, true, true}));
    EXPECT_TRUE(saved.empty());
    roam(c, 0, "ada", [](roamer& r) { r.name = "A.", r.at = 6; });
    c.advance(1s);
    ASSERT_EQ(saved.size(), 1u);
    EXPECT_EQ(saved[0], (heard{"ada", false, true, false, true})) << "only what is on disk";
}

TEST(ephemeral, is_in_json_and_in_a_snapshot) {
    cluster c(1, seed(925));
    roam(c, 0, "ada", [](roamer& r) { r.name = "Ada", r.place = spot{1, 2}; });
    EXPECT_EQ(peek(c, 0, "ada", [](auto& r) { return r.json(); }), R"({"name":"Ada","at":null,"score":0,"place":{"x":1,"y":2}})");
    roam(c, 0, "ada", [](roamer& r) { r.at = 6; });
    EXPECT_TRUE(peek(c, 0, "ada", [](auto& r) {
        auto copy = r.snapshot();
        return copy.at == 6 && copy.place->y == 2 && !copy.at.empty() && copy.name == std::string("Ada");
    }));
}

// The node between knows nothing of the fields: it tells them on, and shows them by the schema.
TEST(ephemeral, that_a_program_does_not_have_is_told_on_and_shown) {
    cluster c(3, seed(926));
    auto use = [&](std::size_t i) {
        return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
            dunlin::ref<older::roamer> r = co_await n.open<older::roamer>("ada");
            co_return r.json();
        });
    };
    EXPECT_EQ(use(1), R"({"name":null,"score":0})");
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    c.advance(100s);
    roam(c, 0, "ada", [](roamer& r) { r.name = "Ada", r.at = 6; });
    c.advance(10s);
    EXPECT_EQ(position(c, 2), 6);
    EXPECT_EQ(use(1), R"({"name":"Ada","score":0,"at":6})");
}

// n0 and n2 hear each other only through n1: at once, and sixty times a second.
TEST(ephemeral, is_passed_on_where_the_mesh_is_not_full) {
    cluster c(3, seed(927));
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    move_to(c, 0, 0);
    c.advance(2min);
    std::vector<std::int64_t> told;
    follow_at(c, 2, told);
    told.clear();
    walk(c, 0, 600);
    c.advance(1s);
    ASSERT_GT(told.size(), 500u);
    EXPECT_EQ(told.back(), 600);
}

// All hear the writer: what the others add is a small part.
TEST(ephemeral, is_not_told_by_everybody_where_all_hear_the_writer) {
    cluster c(5, seed(928));
    move_to(c, 0, 0);
    c.advance(1min);
    auto quiet = c.wire().carried_segments();
    c.advance(10s);
    quiet = c.wire().carried_segments() - quiet;
    auto before = c.wire().carried_segments();
    walk(c, 0, 600);
    auto segments = c.wire().carried_segments() - before - quiet;
    RecordProperty("segments", int(segments));
    EXPECT_GE(segments, 4u * 600);
    EXPECT_LE(segments, 4u * 600 * 5 / 4);
    EXPECT_EQ(all_positions(c), "600 600 600 600 600");
    c.advance(5s);
    before = c.wire().carried_segments();
    c.advance(10s);
    EXPECT_LE(c.wire().carried_segments() - before, quiet * 5 / 4) << "and then there is silence";
}

// The path between two of three is cut and nobody has noticed: within a second or so the third tells it.
TEST(ephemeral, that_a_link_swallows_comes_another_way) {
    cluster c(3, seed(929));
    move_to(c, 0, 1);
    c.advance(30s);
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    move_to(c, 0, 2);
    c.advance(3s);
    EXPECT_EQ(all_positions(c), "2 2 2");
}
