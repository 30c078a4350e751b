// One writer in two processes: a copy of a running machine. Its runs draw the same chance from the same file, so both
// are the same run of the same node, and each makes entries of its own under the same numbers.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {

/// Node 0 and a copy of it that was made while it ran; both have written, where neither hears of the other.
struct cloned {
    cluster c;
    std::size_t copy;

    explicit cloned(std::uint64_t seed) : c(4, seed) {
        c.stop(0);
        auto file = c.disk(0).contents();
        c.restart(0);
        copy = c.twin(0, file, true);
        c.wire().partition({{"n0", "n1"}, {"n4", "n2"}, {"n3"}});
        c.restart(copy, 10s);
        for (auto [node, name] : {std::pair<std::size_t, char const*>{0, "the original"}, {copy, "the copy"}})
            for (int k = 0; k < 3; ++k) {
                auto write = [name, k](player& p) { p.name = name + std::to_string(k), p.score += k + 1; };
                change(c, node, std::string(node ? "b" : "a") + std::to_string(k), write);
            }
        c.advance(5s);
    }
    bool told(std::size_t i, char const* text) {
        for (auto& a : c.alarms(i))
            if (a.find(text) != a.npos) return true;
        return false;
    }
    bool told_of_clone(std::size_t i) { return told(i, "was cloned") || told(i, "two contents of one entry"); }
};

} // namespace

TEST(clone, is_one_writer_in_two_processes) {
    cloned w(seed(11));
    EXPECT_EQ(score(w.c, 1, "a1"), 2);
    EXPECT_EQ(score(w.c, 2, "b1"), 2);
    auto numbers = [&](std::size_t i) { return w.c.vector(i); };
    EXPECT_EQ(numbers(1), numbers(2)) << "the same writers, the same numbers: only their contents differ\n" << w.c.describe();
}

TEST(clone, is_found_frozen_and_told_on_both_sides) {
    cloned w(seed(12));
    w.c.heal();
    auto found = [&] { return w.told_of_clone(0) && w.told_of_clone(w.copy) && w.told(3, "was cloned"); };
    for (int s = 0; s < 120 && !found(); ++s) w.c.advance(1s);
    EXPECT_TRUE(w.told_of_clone(0)) << w.c.describe();
    EXPECT_TRUE(w.told_of_clone(w.copy)) << w.c.describe();
    EXPECT_TRUE(w.told(1, "was cloned") || w.told(2, "was cloned") || w.told(3, "was cloned")) << w.c.describe();
}

TEST(clone, stops_nobody_else) {
    cloned w(seed(13));
    w.c.heal();
    w.c.advance(60s);
    change(w.c, 1, "by one", [](player& p) { p.score += 1; });
    change(w.c, 3, "by three", [](player& p) { p.score += 3; });
    w.c.advance(30s);
    EXPECT_EQ(score(w.c, 3, "by one"), 1) << w.c.describe();
    EXPECT_EQ(score(w.c, 1, "by three"), 3) << w.c.describe();
    // Nobody has a mixture: an object of one branch, or of the other.
    for (std::size_t i = 1; i < 4; ++i) EXPECT_FALSE(exists(w.c, i, "a0") && exists(w.c, i, "b0")) << w.c.describe();
}

TEST(clone, that_is_started_from_the_file_later_is_another_writer) {
    cluster c(3, seed(14));
    change(c, 0, "a", [](player& p) { p.score += 1; }, true);
    auto copy = c.twin(0, c.disk(0).contents());
    c.restart(copy, 10s);
    for (int k = 0; k < 3; ++k) {
        change(c, 0, "a", [](player& p) { p.score += 1; }, true);
        change(c, copy, "a", [](player& p) { p.score += 10; }, true);
    }
    c.advance(60s); // they take turns on the links of their node
    c.kill(copy);
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "a"), 34);
    for (std::size_t i = 0; i < 3; ++i)
        for (auto& a : c.alarms(i)) EXPECT_EQ(a.find("cloned"), a.npos) << a;
}
