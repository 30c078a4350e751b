// The story of bank.cpp for some seeds, and what a power cut makes of it.
#include "bank.hpp"
#include <gtest/gtest.h>
#include <sstream>

TEST(bank_example, keeps_its_sum_and_nobody_falls_below_zero) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        std::ostringstream told;
        EXPECT_TRUE(bank::play(seed, told)) << "seed " << seed << "\n" << told.str();
    }
}

TEST(bank_example, loses_no_saved_money_in_a_power_cut) {
    bank::house h(7);
    h.open_accounts(1000);
    h.cluster().settle(std::chrono::minutes(1));
    h.day(5);
    h.cluster().settle(std::chrono::minutes(1));
    h.cluster().advance(std::chrono::seconds(2)); // in quiet most of what a node has is for its next run
    h.cluster().crash(0);
    h.cluster().restart(0);
    h.cluster().settle(std::chrono::minutes(1));
    EXPECT_GT(h.day(5), 0);
    h.cluster().settle(std::chrono::minutes(1));
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(h.look(i).sum, 10'000);
        EXPECT_GE(h.look(i).least, 0);
    }
}
