// Presence in a cluster: what a node has announced is gone with it, everywhere, and costs a lease a node.
#include "cluster_fixture.hpp"

namespace {
struct lounge {
    dunlin::presence<std::int64_t> who;
    dunlin::latest<std::string> topic;
};
DUNLIN_OBJECT(lounge, who, topic)
} // namespace

using namespace clusters;

namespace {

void announce(cluster& c, std::size_t i, std::string name, std::int64_t seat, std::string room = "r") {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lounge> r = co_await n.open<lounge>(room);
        r->who.announce(name, seat);
    });
}
/// "name:seat ..." in order of the names.
std::string who(cluster& c, std::size_t i, std::string room = "r") {
    return c.run(i, [=](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<lounge> r = co_await n.open<lounge>(room);
        std::map<std::string, std::int64_t> all;
        for (auto [name, here] : r->who) all.emplace(name, here.value());
        std::string text;
        for (auto& [name, seat] : all) text += (text.empty() ? "" : " ") + name + ":" + std::to_string(seat);
        EXPECT_EQ(r->who.size(), all.size());
        EXPECT_EQ(r.exists(), !all.empty());
        co_return text;
    });
}
/// For so long, now and then, all nodes see the same.
void expect_always(cluster& c, std::string const& all, int times, nanoseconds apart) {
    for (int k = 0; k < times; ++k, c.advance(apart))
        for (std::size_t i = 0; i < c.size(); ++i) ASSERT_EQ(who(c, i), all) << "n" << i << ", look " << k;
}
std::size_t held(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::size_t> {
        dunlin::ref<lounge> r = co_await n.open<lounge>("r");
        std::size_t all = 0;
        r->who.each_held([&](auto, auto&) { ++all; });
        co_return all;
    });
}

} // namespace

TEST(presence, is_seen_everywhere_while_the_node_is_there) {
    cluster c(3, seed(551));
    c.clock(1).skew(5s), c.clock(2).skew(-5s);
    announce(c, 0, "ada", 1), announce(c, 1, "bob", 2), announce(c, 1, "cid", 3);
    ASSERT_SETTLES(c);
    expect_always(c, "ada:1 bob:2 cid:3", 20, 17s);
    announce(c, 1, "bob", 7);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lounge> r = co_await n.open<lounge>("r");
        EXPECT_TRUE(r->who.leave("ada"));
        EXPECT_FALSE(r->who.leave("ada"));
    });
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(who(c, i), "bob:7 cid:3");
}

TEST(presence, is_gone_when_the_node_fails_and_nothing_is_left_of_it) {
    cluster c(4, seed(552));
    announce(c, 0, "ada", 1);
    for (int k = 0; k < 200; ++k) announce(c, 1, "p" + std::to_string(k), k);
    ASSERT_SETTLES(c);
    c.advance(1min);
    c.crash(1);
    c.advance(15s);
    EXPECT_EQ(held(c, 0), 201u);
    c.advance(80s);
    for (std::size_t i : {0, 2, 3}) EXPECT_EQ(who(c, i), "ada:1");
    c.restart(1);
    announce(c, 1, "p1", 77);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2, 3}) EXPECT_EQ(who(c, i), "ada:1 p1:77");
    c.advance(5min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2, 3}) EXPECT_EQ(held(c, i), 2u) << "taken away by the next run";
}

// Nobody would announce again what a member has announced that is only away: it is hidden, and its next run takes it away.
TEST(presence, of_a_member_waits_for_it_and_of_a_node_without_a_file_goes) {
    cluster c(4, seed(553), [](std::size_t i, dunlin::options& o) {
        if (i == 3) o.data({});
    });
    announce(c, 0, "ada", 1), announce(c, 1, "bob", 2), announce(c, 3, "cid", 3);
    ASSERT_SETTLES(c);
    c.kill(3);
    c.advance(20min);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_EQ(who(c, i), "ada:1 bob:2");
        EXPECT_EQ(held(c, i), 2u);
    }
    c.crash(1);
    c.advance(3h);
    for (std::size_t i : {0, 2}) {
        EXPECT_EQ(who(c, i), "ada:1");
        EXPECT_EQ(held(c, i), 2u);
    }
    c.restart(1);
    EXPECT_EQ(who(c, 1, "another"), ""); // its program comes to know the type
    c.advance(5min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(held(c, i), 1u);
}

TEST(presence, of_others_is_left_alone_by_who_comes_back_after_hours) {
    cluster c(3, seed(560), [](std::size_t, dunlin::options& o) { o.memory(256 << 10); });
    c.advance(5s);
    for (int k = 0; k < 100; ++k) announce(c, std::size_t(k % 2), "p" + std::to_string(k), k, "room " + std::to_string(k));
    ASSERT_SETTLES(c);
    c.advance(1min);
    c.crash(2);
    c.advance(5h);
    c.restart(2);
    c.advance(5min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2})
        for (int k = 0; k < 100; k += 9) EXPECT_EQ(who(c, i, "room " + std::to_string(k)), "p" + std::to_string(k) + ":" + std::to_string(k));
}

TEST(presence, is_the_same_for_clocks_that_differ_by_less_than_a_minute) {
    cluster c(3, seed(561));
    c.clock(1).skew(55s), c.clock(2).skew(-2s);
    announce(c, 0, "ada", 1), announce(c, 1, "bob", 2), announce(c, 2, "cid", 3);
    ASSERT_SETTLES(c);
    expect_always(c, "ada:1 bob:2 cid:3", 100, 3s);
}

TEST(presence, in_an_atomic_that_is_undone_leaves_nothing) {
    cluster c(2, seed(562));
    announce(c, 1, "bob", 2);
    ASSERT_SETTLES(c);
    auto before = entries(c, 1);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lounge> r = co_await n.open<lounge>("r");
        EXPECT_FALSE(n.atomic([&] { return r->who.announce("ada", 1), false; }));
    });
    c.kill(1);
    c.advance(10min);
    EXPECT_EQ(who(c, 0), "");
    EXPECT_LE(entries(c, 0), before + 1);
}

// More names than one entry has room for: no part of it is taken for what nobody stands for.
TEST(presence, of_a_large_turn) {
    cluster c(2, seed(563));
    c.run(1, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lounge> r = co_await n.open<lounge>("r");
        co_return;
    });
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lounge> r = co_await n.open<lounge>("r");
        for (int k = 0; k < 3000; ++k) r->who.announce(std::string(400, 'n') + std::to_string(k), k);
    });
    ASSERT_SETTLES(c);
    c.advance(10s);
    EXPECT_EQ(held(c, 0), 3000u);
    EXPECT_EQ(held(c, 1), 3000u);
}

TEST(presence, in_a_space_that_is_named_late) {
    cluster c(1, seed(564));
    c.advance(5s);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        auto games = n.space("games");
        dunlin::ref<lounge> r = co_await games.open<lounge>("r");
        r->who.announce("ada", 1);
        co_return;
    });
    c.advance(10min);
    auto there = c.run(0, [](dunlin::node& n) -> awaitable<std::size_t> {
        dunlin::ref<lounge> r = co_await n.space("games").open<lounge>("r");
        co_return r->who.size();
    });
    EXPECT_EQ(there, 1u);
}

TEST(presence, ends_at_once_when_the_node_stops) {
    cluster c(3, seed(554), [](std::size_t i, dunlin::options& o) {
        if (i == 2) o.data({});
    });
    announce(c, 0, "ada", 1), announce(c, 1, "bob", 2), announce(c, 2, "cid", 3);
    ASSERT_SETTLES(c);
    c.stop(1);
    c.advance(2s);
    EXPECT_EQ(who(c, 0), "ada:1 cid:3");
    EXPECT_EQ(who(c, 2), "ada:1 cid:3");
    c.stop(2);
    c.advance(2s);
    EXPECT_EQ(who(c, 0), "ada:1");
}

TEST(presence, costs_one_change_in_20_seconds_however_much_is_announced) {
    cluster c(2, seed(555));
    for (int k = 0; k < 300; ++k) announce(c, 0, "p" + std::to_string(k), k, "r" + std::to_string(k % 50));
    ASSERT_SETTLES(c);
    auto before = entries(c, 1);
    c.advance(10min);
    EXPECT_LE(entries(c, 1) - before, 31u);
    EXPECT_GE(entries(c, 1) - before, 27u);
}

// Beyond a cut nobody hears of the lease: there the node is gone; when it is back, so is what it announced.
TEST(presence, comes_back_with_the_node_after_a_cut) {
    cluster c(3, seed(556));
    announce(c, 0, "ada", 1), announce(c, 2, "bob", 2);
    ASSERT_SETTLES(c);
    c.advance(5s);
    c.partition({0}, {1, 2});
    c.advance(3h);
    EXPECT_EQ(who(c, 0), "ada:1");
    EXPECT_EQ(who(c, 1), "bob:2");
    c.heal();
    ASSERT_SETTLES(c);
    c.advance(25s);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(who(c, i), "ada:1 bob:2");
}

TEST(presence, of_one_name_at_two_nodes_is_that_of_who_is_there) {
    cluster c(3, seed(557));
    ASSERT_SETTLES(c);
    c.advance(5s);
    c.partition({0}, {1, 2});
    announce(c, 1, "ada", 1);
    c.advance(3s);
    announce(c, 0, "ada", 2);
    c.heal();
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(who(c, i), "ada:2") << "the later";
    c.kill(0);
    c.advance(100s);
    for (std::size_t i : {1, 2}) EXPECT_EQ(who(c, i), "ada:1");
}

TEST(presence, is_told_to_watches_when_it_ends) {
    cluster c(2, seed(558));
    announce(c, 1, "ada", 1);
    ASSERT_SETTLES(c);
    std::vector<std::size_t> told;
    c.spawn(0, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lounge> r = co_await n.open<lounge>("r");
        auto changes = r.watch();
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            told.push_back(r->who.size());
        }
    });
    c.advance(1s);
    EXPECT_EQ(told, (std::vector<std::size_t>{1}));
    c.kill(1);
    c.advance(100s);
    ASSERT_GE(told.size(), 2u);
    EXPECT_EQ(told.back(), 0u);
}

// A room that is in no memory is loaded with what was announced in it, and shows who is there.
TEST(presence, in_what_is_not_in_memory) {
    cluster c(2, seed(559), [](std::size_t, dunlin::options& o) { o.memory(256 << 10); });
    for (int k = 0; k < 600; ++k) announce(c, std::size_t(k % 2), "ada", k, "room " + std::to_string(k) + std::string(100, 'x'));
    ASSERT_SETTLES(c);
    ASSERT_LT(c.node(0).space("main").body()->resident(), 500u);
    EXPECT_EQ(who(c, 0, "room 1" + std::string(100, 'x')), "ada:1");
    c.kill(1);
    c.advance(100s);
    EXPECT_EQ(who(c, 0, "room 1" + std::string(100, 'x')), "");
    EXPECT_EQ(who(c, 0, "room 2" + std::string(100, 'x')), "ada:2");
}
