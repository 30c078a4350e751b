// The log of a space: rows, tail, floor, and gaps of what came as state.
#include <dunlin/lib/entry_log.hpp>
#include <gtest/gtest.h>

using dunlin::dot;
using dunlin::entry_log;
using dunlin::version_vector;

TEST(entry_log, answers_from_the_first_number_after_the_last_gap) {
    entry_log log;
    EXPECT_EQ(log.first_of(1), 0u);
    log.row_found(10, {{1, 1, 3}, {2, 1, 1}});
    log.row_found(11, {{1, 4, 6}});
    EXPECT_EQ(log.first_of(1), 1u);
    EXPECT_EQ(log.first_of(2), 1u);
    EXPECT_EQ(log.first_of(3), 0u);
    log.row_found(12, {{1, 50, 52}}); // 7 to 49 came as state: they are in no row
    EXPECT_EQ(log.first_of(1), 50u) << "what stands before the gap helps nobody who lacks the gap";
    EXPECT_EQ(log.first_of(2), 1u);
    log.row_found(13, {{2, 9, 9}, {1, 53, 53}});
    EXPECT_EQ(log.first_of(1), 50u);
    EXPECT_EQ(log.first_of(2), 9u);
    log.row_found(14, {{2, 10, 10}});
    EXPECT_EQ(log.first_of(2), 9u);
    log.cut(14);
    EXPECT_EQ(log.first_of(2), 10u);
    EXPECT_EQ(log.first_of(1), 0u);
    EXPECT_EQ(log.floor()[1], 53u);
    EXPECT_EQ(log.floor()[2], 9u);
}

TEST(entry_log, answers_nothing_below_rows_that_are_lost) {
    entry_log log;
    for (std::uint64_t row = 10; row < 15; ++row) log.row_found(row, {{1, row - 9, row - 9}, {2, row, row}});
    log.lost(11, 12);
    EXPECT_EQ(log.floor()[1], 3u);
    EXPECT_EQ(log.floor()[2], 12u);
    log.lost(16, ~std::uint64_t(0)); // none of ours
    EXPECT_EQ(log.floor()[1], 3u);
    log.lost(14, ~std::uint64_t(0));
    EXPECT_EQ(log.floor()[1], 5u);
}

TEST(entry_log, holds_nothing_above_what_connects) {
    entry_log log;
    log.row_found(10, {{1, 1, 3}});
    log.row_found(11, {{1, 4, 6}});
    log.row_found(12, {{1, 7, 9}, {2, 1, 1}});
    version_vector heads;
    heads.raise(1, 5), heads.raise(2, 1);
    log.forget_above(heads);
    version_vector have;
    have.raise(1, 4), have.raise(2, 1);
    EXPECT_EQ(log.first_row_above(have), 11u);
    have.raise(1, 5);
    EXPECT_EQ(log.first_row_above(have), 0u) << "what is above connects to nothing";
    EXPECT_EQ(log.last_row(), 12u);
}

TEST(entry_log, tells_the_first_row_that_somebody_lacks) {
    entry_log log;
    log.row_found(10, {{1, 1, 3}});
    log.row_found(11, {{2, 1, 1}, {1, 4, 4}});
    log.row_found(12, {{1, 5, 5}});
    version_vector have;
    EXPECT_EQ(log.first_row_above(have), 10u);
    have.raise(1, 3);
    EXPECT_EQ(log.first_row_above(have), 11u);
    have.raise(2, 1);
    EXPECT_EQ(log.first_row_above(have), 11u);
    have.raise(1, 4);
    EXPECT_EQ(log.first_row_above(have), 12u);
    have.raise(1, 5);
    EXPECT_EQ(log.first_row_above(have), 0u);
}

TEST(entry_log, knows_the_row_of_every_position_until_it_is_forgotten) {
    entry_log log;
    for (std::uint64_t k = 1; k <= 6; ++k) EXPECT_EQ(log.append(dot(1, k), 0, 0, "body"), k);
    EXPECT_EQ(log.row_of(1), 0u) << "not saved yet";
    auto unsaved = log.unsaved_bytes();
    for (std::uint64_t k = 1; k <= 4; ++k) log.saved(k, k <= 2 ? 7 : 8);
    EXPECT_LT(log.unsaved_bytes(), unsaved);
    EXPECT_EQ(log.row_of(1), 7u);
    EXPECT_EQ(log.row_of(2), 7u);
    EXPECT_EQ(log.row_of(3), 8u);
    EXPECT_EQ(log.row_of(5), 0u);
    log.forget_rows_before(3);
    EXPECT_EQ(log.row_of(3), 8u);
    log.forget_rows_before(7); // the last one stays: later positions may lie in it
    EXPECT_EQ(log.row_of(4), 8u);
}

TEST(entry_log, without_a_file_keeps_a_bounded_tail_and_raises_the_floor) {
    entry_log log;
    for (std::uint64_t k = 1; k <= 100; ++k) log.append(dot(1, k), 0, 0, std::string(1000, 'x'));
    log.trim(20'000);
    EXPECT_LE(log.tail_bytes(), 20'000u);
    EXPECT_GT(log.floor()[1], 80u);
    EXPECT_LT(log.floor()[1], 100u);
    version_vector all;
    all.raise(1, 100);
    version_vector have;
    EXPECT_FALSE(log.reaches(have, all));
    have.raise(1, log.floor()[1]);
    EXPECT_TRUE(log.reaches(have, all));
}
