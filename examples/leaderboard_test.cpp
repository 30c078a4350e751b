// The story of leaderboard.cpp with fewer players; with a million `./run tests` runs the program itself.
#include "leaderboard.hpp"
#include <gtest/gtest.h>
#include <sstream>

TEST(leaderboard_example, shows_who_leads_as_counted_by_hand) {
    for (std::size_t players : {1u, 7u, 11u, 5000u}) {
        std::ostringstream told;
        EXPECT_TRUE(leaderboard::play(players, players, told)) << told.str();
    }
}
