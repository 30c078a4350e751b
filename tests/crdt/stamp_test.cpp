// The hybrid clock: greater than all it has seen, near the wall clock, and no prey of a clock that is far off.
#include <dunlin/crdt/stamp.hpp>
#include <gtest/gtest.h>
#include <random>

using dunlin::hybrid_clock;
using namespace std::chrono_literals;

namespace {
constexpr std::chrono::milliseconds noon{1'800'000'000'000};
constexpr std::uint64_t most = ~std::uint64_t(0);
std::uint64_t at(std::chrono::milliseconds wall) { return hybrid_clock::of(wall); }
} // namespace

TEST(stamp, grows_whatever_the_wall_clock_does) {
    std::mt19937_64 chance(1);
    for (int history = 0; history < 200; ++history) {
        hybrid_clock clock;
        std::uint64_t last = 0;
        auto wall = noon;
        for (int k = 0; k < 500; ++k) {
            wall += std::chrono::milliseconds(std::int64_t(chance() % 4001) - 2000); // back as often as forth
            if (chance() % 3 == 0) {
                auto foreign = chance() % 4 ? at(wall) + chance() % 1000 : chance();
                clock.see(foreign, wall);
            }
            auto next = clock.next(wall);
            ASSERT_GT(next, last);
            ASSERT_GE(next, at(wall));
            last = next;
        }
    }
}

TEST(stamp, is_greater_than_every_foreign_one_within_the_bound) {
    hybrid_clock a, b;
    auto first = a.next(noon + 59s); // a minute ahead at most
    EXPECT_FALSE(b.see(first, noon));
    auto second = b.next(noon);
    EXPECT_GT(second, first);
    EXPECT_FALSE(a.see(second, noon + 59s));
    EXPECT_GT(a.next(noon + 59s), second);
    EXPECT_EQ(b.last(), second);
    b.see(at(noon) - 1, noon); // older than what is known: nothing moves
    EXPECT_EQ(b.last(), second);
}

TEST(stamp, of_a_clock_that_stands_still_counts_on) {
    hybrid_clock clock;
    auto first = clock.next(noon);
    EXPECT_EQ(first, at(noon));
    std::uint64_t last = first;
    for (int k = 1; k < 70'000; ++k) { // more than the count has bits for: it carries into the milliseconds
        auto next = clock.next(noon);
        ASSERT_EQ(next, last + 1);
        last = next;
    }
    EXPECT_EQ(last >> 16, (first >> 16) + 1);
    EXPECT_EQ(clock.next(noon + 10s), at(noon + 10s)) << "thawed, it follows the wall clock again";
}

TEST(stamp, far_ahead_is_told_and_moves_ours_by_a_minute_at_most) {
    hybrid_clock clock;
    clock.next(noon);
    EXPECT_FALSE(clock.see(at(noon + hybrid_clock::ahead_max), noon)) << "the bound itself is no alarm";
    EXPECT_TRUE(clock.see(at(noon + hybrid_clock::ahead_max) + 1, noon));
    EXPECT_TRUE(clock.see(at(noon + 24h), noon));
    EXPECT_TRUE(clock.see(most, noon));
    EXPECT_EQ(clock.last(), at(noon + hybrid_clock::ahead_max));
    EXPECT_EQ(clock.next(noon), at(noon + hybrid_clock::ahead_max) + 1);
    EXPECT_EQ(clock.next(noon + 61s), at(noon + 61s)) << "after a minute it is forgotten";
}

TEST(stamp, saturates_instead_of_wrapping) {
    hybrid_clock clock;
    auto end_of_time = std::chrono::milliseconds(std::int64_t(1) << 60);
    auto greatest = clock.next(end_of_time);
    EXPECT_EQ(greatest, at(end_of_time));
    EXPECT_EQ(greatest >> 16, (std::uint64_t(1) << 47) - 1) << "63 bits";
    EXPECT_GT(clock.next(end_of_time), greatest);
    hybrid_clock early;
    EXPECT_EQ(early.next(std::chrono::milliseconds(-5)), 1u) << "before 1970: zero, and counting";
    EXPECT_GT(early.next(std::chrono::milliseconds(-5)), 1u);
}
