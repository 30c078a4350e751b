#include <dunlin/net/peers.hpp>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace dunlin {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

struct seeded : chance {
    std::mt19937_64 random;
    explicit seeded(std::uint64_t s) : random(s) {}
    void fill(std::span<std::uint8_t> bytes) override {
        for (auto& b : bytes) b = std::uint8_t(random());
    }
};

node_id node(std::uint8_t n) {
    node_id id{};
    id[0] = n;
    return id;
}

struct peers_test : testing::Test {
    seeded luck{1};
    peers p{node(5)};
    std::optional<link_number> replaced;
};

TEST_F(peers_test, a_seed_is_dialled_at_once_and_again_after_a_growing_wait) {
    p.seed("a:1");
    nanoseconds now = 1s;
    EXPECT_EQ(p.next_dial(now), "a:1");
    EXPECT_EQ(p.next_dial(now), "") << "it is being dialled";
    nanoseconds before = now, longest{};
    for (int i = 0; i < 20; ++i) {
        p.failed("a:1", now, luck);
        auto due = p.next_due(now);
        ASSERT_GT(due, now);
        ASSERT_LE(due - now, 30s);
        EXPECT_EQ(p.next_dial(due - 1ns), "");
        before = now, now = due;
        longest = std::max(longest, now - before);
        ASSERT_EQ(p.next_dial(now), "a:1");
    }
    EXPECT_GE(longest, 15s);
}

TEST_F(peers_test, a_learned_address_goes_after_ten_failures_and_a_roster_address_stays) {
    p.learn({node(1), "one", {"a:1"}});
    p.learn({node(2), "two", {"b:1"}}, peers::source::roster);
    nanoseconds now = 1s;
    for (int i = 0; i < 40; ++i) {
        for (auto a = p.next_dial(now); !a.empty(); a = p.next_dial(now)) p.failed(a, now, luck);
        now += 30s;
    }
    EXPECT_EQ(p.known().size(), 1u);
    EXPECT_EQ(p.known().at(0).node, node(2));
    EXPECT_EQ(p.known().at(0).name, "two");
}

TEST_F(peers_test, a_linked_node_is_not_dialled_by_any_of_its_addresses) {
    p.learn({node(1), "one", {"a:1", "a:2", "a:3"}});
    nanoseconds now = 1s;
    auto first = p.next_dial(now);
    EXPECT_FALSE(first.empty());
    EXPECT_EQ(p.next_dial(now), "") << "one dial a node";
    EXPECT_EQ(p.linked(1, node(1), first, now, replaced), peers::verdict::keep);
    EXPECT_EQ(p.next_dial(now), "");
    EXPECT_EQ(p.next_due(now), nanoseconds::max());
    p.unlinked(1, now, luck);
    EXPECT_EQ(p.next_dial(now), "") << "not at once";
    EXPECT_NE(p.next_dial(now + 100ms), "");
}

TEST_F(peers_test, nothing_is_due_at_a_second_address_while_the_first_is_dialled) {
    p.learn({node(7), "n", {"a:1", "b:1"}}, peers::source::roster);
    nanoseconds now = 1s;
    ASSERT_EQ(p.next_dial(now), "a:1");
    EXPECT_EQ(p.next_dial(now), "");
    EXPECT_GT(p.next_due(now), now) << "whoever asks again when it is due would ask without end";
    p.failed("a:1", now, luck);
    EXPECT_EQ(p.next_due(now), now);
    EXPECT_EQ(p.next_dial(now), "b:1");
}

TEST_F(peers_test, ourselves_are_never_dialled_twice) {
    p.seed("me:1");
    p.own_address("me:2");
    nanoseconds now = 1s;
    EXPECT_EQ(p.next_dial(now), "me:1");
    EXPECT_EQ(p.linked(1, node(5), "me:1", now, replaced), peers::verdict::drop);
    EXPECT_EQ(p.next_dial(now + 1h), "");
    EXPECT_FALSE(p.learn({node(5), "me", {"me:3"}}));
    EXPECT_TRUE(p.known().empty());
}

TEST_F(peers_test, of_two_links_dialled_at_once_both_nodes_keep_the_same) {
    for (std::uint8_t low = 1; low < 4; ++low)
        for (int order_a = 0; order_a < 2; ++order_a)
            for (int order_b = 0; order_b < 2; ++order_b) {
                peers a(node(low)), b(node(9));
                a.seed("b"), b.seed("a");
                EXPECT_EQ(a.next_dial(0s), "b");
                EXPECT_EQ(b.next_dial(0s), "a");
                // Link 1 was dialled by a, link 2 by b; each side sees them in either order.
                auto see = [&](peers& x, node_id other, link_number l, bool dialled, std::set<link_number>& live) {
                    if (x.linked(l, other, dialled ? (&x == &a ? "b" : "a") : "", 1s, replaced) == peers::verdict::keep)
                        live.insert(l);
                    if (replaced) live.erase(*replaced);
                };
                std::set<link_number> at_a, at_b;
                for (int i = 0; i < 2; ++i) {
                    auto l = link_number(1 + (i ^ order_a));
                    see(a, node(9), l, l == 1, at_a);
                }
                for (int i = 0; i < 2; ++i) {
                    auto l = link_number(1 + (i ^ order_b));
                    see(b, node(low), l, l == 2, at_b);
                }
                EXPECT_EQ(at_a, std::set<link_number>{1});
                EXPECT_EQ(at_b, std::set<link_number>{1});
            }
}

TEST_F(peers_test, a_link_that_comes_long_after_the_first_replaces_it) {
    EXPECT_EQ(p.linked(1, node(9), "", 1s, replaced), peers::verdict::keep);
    p.unlinked(1, 2s, luck);
    p.seed("x");
    EXPECT_EQ(p.next_dial(2s), "x");
    EXPECT_EQ(p.linked(2, node(9), "x", 2s, replaced), peers::verdict::keep) << "the one that is preferred";
    EXPECT_EQ(p.linked(3, node(9), "", 5s, replaced), peers::verdict::drop);
    EXPECT_EQ(p.linked(4, node(9), "", 20s, replaced), peers::verdict::keep);
    EXPECT_EQ(replaced, 2u);
    p.unlinked(2, 21s, luck);
    EXPECT_TRUE(p.is_linked(node(9))) << "the end of the old link is not the end of the new one";
}

TEST_F(peers_test, strangers_cannot_fill_it) {
    for (int i = 0; i < 5000; ++i) {
        known_peer k{node(std::uint8_t(i % 200 + 6)), "x", {}};
        k.node[1] = std::uint8_t(i / 200);
        k.addresses.push_back("h" + std::to_string(i) + ":1");
        p.learn(k);
    }
    EXPECT_LE(p.known().size(), 1024u);
    known_peer many{node(77), "y", {}};
    peers q(node(5));
    for (int i = 0; i < 100; ++i) many.addresses = {"g" + std::to_string(i) + ":1"}, q.learn(many);
    EXPECT_LE(q.known().at(0).addresses.size(), 8u);
    std::size_t accepted = 0;
    for (std::uint8_t i = 10; i < 250; ++i) accepted += q.linked(i, node(i), "", 1s, replaced) == peers::verdict::keep;
    EXPECT_EQ(accepted, 64u);
    EXPECT_EQ(q.next_dial(1s), "") << "enough links";
    int dials = 0;
    while (!p.next_dial(1s).empty()) ++dials;
    EXPECT_EQ(dials, 8);
}

TEST_F(peers_test, waits_are_spread) {
    std::set<nanoseconds> dues;
    for (int i = 0; i < 50; ++i) {
        peers q(node(5));
        q.seed("a");
        EXPECT_EQ(q.next_dial(0s), "a");
        q.failed("a", 0s, luck);
        dues.insert(q.next_due(0s));
    }
    EXPECT_GT(dues.size(), 40u);
    EXPECT_GE(*dues.begin(), 50ms);
    EXPECT_LE(*dues.rbegin(), 100ms);
}

TEST_F(peers_test, a_removed_node_is_forgotten_but_a_seed_is_still_dialled) {
    p.learn({node(1), "one", {"a:1"}}, peers::source::roster);
    p.seed("b:1");
    p.learn({node(1), "one", {"b:1"}});
    p.forget(node(1));
    EXPECT_EQ(p.next_dial(1s), "b:1");
    EXPECT_EQ(p.next_dial(1s), "");
}

} // namespace
} // namespace dunlin
