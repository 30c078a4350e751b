#include <dunlin/net/gate.hpp>
#include <gtest/gtest.h>
#include <vector>

namespace dunlin {
namespace {

using namespace std::chrono_literals;

gate_limits without_rate() {
    gate_limits l;
    l.handshakes = {1'000'000, 1'000'000};
    return l;
}

/// Strangers that come one after the other, and who of them was put out.
struct crowd {
    gate door;
    std::vector<std::optional<gate::pass>> passes;
    std::vector<std::size_t> put_out;
    explicit crowd(gate_limits l = without_rate()) : door(l) {}
    bool comes(std::string const& host) {
        auto n = passes.size();
        passes.push_back(door.enter(host, [this, n] { put_out.push_back(n); }));
        return passes.back().has_value();
    }
};

TEST(gate, sixty_four_may_be_half_open_and_a_pass_that_goes_makes_room) {
    gate g(without_rate());
    std::vector<gate::pass> inside;
    for (int i = 0; i < 64; ++i) {
        auto p = g.enter("host" + std::to_string(i));
        ASSERT_TRUE(p) << i;
        inside.push_back(std::move(*p));
    }
    EXPECT_FALSE(g.enter("another"));
    inside.pop_back();
    EXPECT_EQ(g.half_open(), 63u);
    EXPECT_TRUE(g.enter("another"));
    inside.clear();
    EXPECT_EQ(g.half_open(), 0u);
}

TEST(gate, one_host_gets_four_and_the_others_still_theirs) {
    gate g(without_rate());
    std::vector<gate::pass> inside;
    for (int i = 0; i < 4; ++i) inside.push_back(std::move(*g.enter("10.0.0.1")));
    EXPECT_FALSE(g.enter("10.0.0.1"));
    EXPECT_TRUE(g.enter("10.0.0.2"));
    inside.pop_back();
    EXPECT_TRUE(g.enter("10.0.0.1"));
}

TEST(gate, puts_the_longest_silent_stranger_out_for_the_next_one) {
    crowd c;
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(c.comes("host" + std::to_string(i)));
    EXPECT_TRUE(c.put_out.empty());
    EXPECT_TRUE(c.comes("a") && c.comes("b"));
    EXPECT_EQ(c.put_out, (std::vector<std::size_t>{0, 1}));
    EXPECT_TRUE(c.passes[0]->put_out());
    EXPECT_FALSE(c.passes[2]->put_out());
    EXPECT_EQ(c.door.half_open(), 64u);
}

TEST(gate, puts_out_one_of_the_host_that_has_its_share) {
    crowd c;
    for (auto host : {"x", "y", "x", "x", "x", "x"}) ASSERT_TRUE(c.comes(host));
    EXPECT_EQ(c.put_out, (std::vector<std::size_t>{0}));
}

TEST(gate, puts_nobody_out_who_has_shown_the_key) {
    crowd c;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(c.comes("x"));
        ASSERT_TRUE(c.passes.back()->shows_key(1s));
    }
    EXPECT_FALSE(c.comes("x"));
    EXPECT_TRUE(c.comes("y"));
    EXPECT_TRUE(c.put_out.empty());
}

TEST(gate, a_pass_of_one_put_out_takes_no_place_with_it) {
    crowd c;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(c.comes("x"));
    c.passes[0].reset();
    EXPECT_EQ(c.door.half_open(), 4u);
    c.passes.clear();
    EXPECT_EQ(c.door.half_open(), 0u);
}

TEST(gate, twenty_handshakes_a_second_and_no_more_however_they_are_spread) {
    gate g;
    int entered = 0;
    for (int ms = 0; ms < 10'000; ++ms)
        entered += g.enter("h" + std::to_string(ms % 50))->shows_key(std::chrono::milliseconds(ms));
    EXPECT_GE(entered, 20 + 199); // a burst, and ten seconds of twenty
    EXPECT_LE(entered, 20 + 200);
}

TEST(gate, a_burst_is_spent_once_and_comes_back_with_time) {
    gate g;
    auto burst = [&](std::chrono::nanoseconds now) {
        int n = 0;
        while (g.enter("h")->shows_key(now)) ++n;
        return n;
    };
    EXPECT_EQ(burst(1s), 20);
    EXPECT_EQ(burst(1s), 0);
    EXPECT_EQ(burst(1s + 100ms), 2);
    EXPECT_EQ(burst(100s), 20) << "time saved up beyond the burst";
}

TEST(gate, looks_at_so_many_a_second_whoever_they_are) {
    gate g;
    auto come = [&](std::chrono::nanoseconds now) {
        int n = 0;
        while (g.comes_after(now) == 0ns) ++n;
        return n;
    };
    EXPECT_EQ(come(1s), 64);
    EXPECT_EQ(g.comes_after(1s), 4ms) << "says when, and takes nothing";
    EXPECT_EQ(g.comes_after(1s), 4ms);
    EXPECT_EQ(come(1s + 4ms), 1);
    EXPECT_EQ(come(2s + 4ms), 64) << "of 250, since a rest saves no more than that";
    int in_a_second = 0;
    for (auto now = 10s + 0ms; now < 11s; now += 1ms) in_a_second += come(now);
    EXPECT_EQ(in_a_second, 64 + 249);
}

TEST(gate, strangers_without_the_key_take_no_handshake_from_those_with_it) {
    gate g;
    for (int i = 0; i < 100'000; ++i) EXPECT_TRUE(g.enter("h" + std::to_string(i % 100)));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(g.enter("member")->shows_key(1s)) << i;
}

TEST(gate, refusals_take_no_tokens_and_leave_nothing_behind) {
    gate_limits l;
    l.half_open_per_host = 1;
    gate g(l);
    auto inside = g.enter("one");
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(g.enter("one"));
    EXPECT_EQ(g.half_open(), 1u);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(g.enter("host" + std::to_string(i))->shows_key(1s)) << i;
}

} // namespace
} // namespace dunlin
