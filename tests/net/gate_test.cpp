#include <dunlin/net/gate.hpp>
#include <gtest/gtest.h>
#include <vector>

namespace dunlin {
namespace {

using namespace std::chrono_literals;

gate_limits without_rate() {
    gate_limits l;
    l.per_second = 1'000'000, l.burst = 1'000'000;
    return l;
}

TEST(gate, sixty_four_may_be_half_open_and_a_pass_that_goes_makes_room) {
    gate g(without_rate());
    std::vector<gate::pass> inside;
    for (int i = 0; i < 64; ++i) {
        auto p = g.enter("host" + std::to_string(i), 1s);
        ASSERT_TRUE(p) << i;
        inside.push_back(std::move(*p));
    }
    EXPECT_FALSE(g.enter("another", 1s));
    inside.pop_back();
    EXPECT_EQ(g.half_open(), 63u);
    EXPECT_TRUE(g.enter("another", 1s));
    inside.clear();
    EXPECT_EQ(g.half_open(), 0u);
}

TEST(gate, one_host_gets_four_and_the_others_still_theirs) {
    gate g(without_rate());
    std::vector<gate::pass> inside;
    for (int i = 0; i < 4; ++i) inside.push_back(std::move(*g.enter("10.0.0.1", 1s)));
    EXPECT_FALSE(g.enter("10.0.0.1", 1s));
    EXPECT_TRUE(g.enter("10.0.0.2", 1s));
    inside.pop_back();
    EXPECT_TRUE(g.enter("10.0.0.1", 1s));
}

TEST(gate, twenty_a_second_and_no_more_however_they_are_spread) {
    gate g;
    int entered = 0;
    for (int ms = 0; ms < 10'000; ++ms)
        entered += g.enter("h" + std::to_string(ms % 50), std::chrono::milliseconds(ms)).has_value();
    EXPECT_GE(entered, 20 + 199); // a burst, and ten seconds of twenty
    EXPECT_LE(entered, 20 + 200);
}

TEST(gate, a_burst_is_spent_once_and_comes_back_with_time) {
    gate g;
    auto burst = [&](std::chrono::nanoseconds now) {
        int n = 0;
        while (g.enter("h", now)) ++n;
        return n;
    };
    EXPECT_EQ(burst(1s), 20);
    EXPECT_EQ(burst(1s), 0);
    EXPECT_EQ(burst(1s + 100ms), 2);
    EXPECT_EQ(burst(100s), 20) << "time saved up beyond the burst";
}

TEST(gate, refusals_take_no_tokens_and_leave_nothing_behind) {
    gate_limits l;
    l.half_open_per_host = 1;
    gate g(l);
    auto inside = g.enter("one", 1s);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(g.enter("one", 1s));
    for (int i = 0; i < 19; ++i) EXPECT_TRUE(g.enter("host" + std::to_string(i), 1s)) << i;
}

} // namespace
} // namespace dunlin
