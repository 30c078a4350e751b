// Five hundred random histories. One again: DUNLIN_SEED=17 with --gtest_filter='heavy_seeds.*'.
#include "history.hpp"

using namespace clusters;

namespace {
constexpr int steps = 60;

void histories(std::uint64_t from, std::uint64_t count) {
    if (std::getenv("DUNLIN_SEED")) from = seed(0), count = 1;
    long lost = 0;
    for (auto s = from; s < from + count; ++s) {
        history h(s);
        EXPECT_EQ(h.run(steps), "");
        if (testing::Test::HasFailure()) return;
        lost += h.lost;
        if (count == 1) std::cout << "seed " << s << ", fingerprint " << h.c.time().fingerprint() << ", lost " << h.lost << '\n';
    }
    EXPECT_TRUE(count == 1 || lost > 0) << "no crash took anything: these histories cannot show that saved is saved";
}
} // namespace

TEST(heavy_seeds, keep_every_promise_1_to_50) { histories(1, 50); }
TEST(heavy_seeds, keep_every_promise_51_to_100) { histories(51, 50); }
TEST(heavy_seeds, keep_every_promise_101_to_150) { histories(101, 50); }
TEST(heavy_seeds, keep_every_promise_151_to_200) { histories(151, 50); }
TEST(heavy_seeds, keep_every_promise_201_to_250) { histories(201, 50); }
TEST(heavy_seeds, keep_every_promise_251_to_300) { histories(251, 50); }
TEST(heavy_seeds, keep_every_promise_301_to_350) { histories(301, 50); }
TEST(heavy_seeds, keep_every_promise_351_to_400) { histories(351, 50); }
TEST(heavy_seeds, keep_every_promise_401_to_450) { histories(401, 50); }
TEST(heavy_seeds, keep_every_promise_451_to_500) { histories(451, 50); }

TEST(heavy_seeds, run_equally_when_they_are_equal) {
    auto run = [](std::uint64_t s) {
        history h(s);
        EXPECT_EQ(h.run(30), "");
        return h.c.time().fingerprint();
    };
    std::set<std::uint64_t> different;
    for (auto s : {110, 17, 5}) {
        auto first = run(std::uint64_t(s));
        std::vector<std::unique_ptr<char[]>> elsewhere; // other addresses
        for (std::size_t n = 1; n < 5000; ++n) elsewhere.push_back(std::make_unique<char[]>(n));
        EXPECT_EQ(run(std::uint64_t(s)), first) << "seed " << s;
        different.insert(first);
    }
    EXPECT_EQ(different.size(), 3u);
}
