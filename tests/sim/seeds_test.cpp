// Two hundred random histories. One again: DUNLIN_SEED=17 with --gtest_filter='heavy_seeds.*'.
#include "history.hpp"

using namespace clusters;

namespace {
void histories(std::uint64_t from, std::uint64_t count) {
    if (std::getenv("DUNLIN_SEED")) from = seed(0), count = 1;
    for (auto s = from; s < from + count; ++s) {
        history h(s);
        EXPECT_EQ(h.run(), "");
        if (testing::Test::HasFailure()) return;
    }
}
} // namespace

TEST(heavy_seeds, keep_every_promise_1_to_50) { histories(1, 50); }
TEST(heavy_seeds, keep_every_promise_51_to_100) { histories(51, 50); }
TEST(heavy_seeds, keep_every_promise_101_to_150) { histories(101, 50); }
TEST(heavy_seeds, keep_every_promise_151_to_200) { histories(151, 50); }
