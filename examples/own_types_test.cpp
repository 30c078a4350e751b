// A test of types of one's own, in GoogleTest: their laws, what they mean, what must hold always, and what they may cost.
// Link with dunlin::dunlin and GoogleTest. A failing seed is printed: run it again with DUNLIN_SEED=N.
#include "own_types.hpp"

#include <dunlin/lib/sim/check_type.hpp>
#include <dunlin/lib/sim/cluster.hpp>
#include <gtest/gtest.h>

namespace {

using best = top_k<3>;
using dunlin::check_type, dunlin::checks, dunlin::done;

void play_a_round(best& x, dunlin::chance& c) { x = best(c.below(20), std::string(1, char('a' + c.below(6)))); }

std::uint64_t serve(histogram& x, dunlin::chance& c) {
    auto ms = c.below(40);
    x.add(ms);
    return ms;
}

TEST(top_k, is_a_lattice) { EXPECT_TRUE(check_type<best>(play_a_round)); }

TEST(top_k, never_shows_more_than_k_names_and_costs_little) {
    auto in_order = [](best const& x) {
        return x.rows().size() <= 3 && std::is_sorted(x.rows().begin(), x.rows().end(), [](auto& a, auto& b) { return a.score > b.score; });
    };
    EXPECT_TRUE(check_type<best>(play_a_round, in_order, checks().seeds(200, 100).delta_bytes(40).state_bytes(90)));
}

// The greatest of all scores that were said and not erased; an erase leaves what a score that it has not seen had in sight.
TEST(top_k, shows_the_best_that_anybody_has_played) {
    auto right = [](best const& x, done<best> const& seen) {
        std::uint64_t greatest = 0;
        for (best const& one : seen.carried()) greatest = std::max(greatest, one.rows()[0].score);
        return greatest == (x.rows().empty() ? 0 : x.rows()[0].score);
    };
    EXPECT_TRUE(check_type<best>(play_a_round, right));
}

TEST(histogram, keeps_the_laws) { EXPECT_TRUE(check_type<histogram>(serve)); }

TEST(histogram, counts_every_request_once_and_knows_its_quantiles) {
    auto right = [](histogram const& x, done<std::uint64_t> const& seen) {
        std::vector<std::uint64_t> all;
        for (std::uint64_t ms : seen.standing()) all.push_back(ms);
        std::sort(all.begin(), all.end());
        if (x.count() != std::int64_t(all.size())) return std::to_string(x.count()) + " and not " + std::to_string(all.size());
        if (all.empty()) return std::string();
        auto median = all[(all.size() - 1) / 2], shown = x.quantile(0.5);
        return shown >= median && shown <= 2 * median + 1 ? std::string() : "the median is not " + std::to_string(shown);
    };
    auto rises = [](histogram const& x) { return x.quantile(0.1) <= x.quantile(0.5) && x.quantile(0.5) <= x.quantile(1); };
    EXPECT_TRUE(check_type<histogram>(serve, right, rises, checks().delta_bytes(60)));
}

// ---- and in a service -----------------------------------------------------------------------------------------------

struct game {
    dunlin::joined<best> high;
    histogram took;
};
DUNLIN_OBJECT(game, high, took)

using dunlin::awaitable;
using dunlin::sim::cluster;

void round(cluster& c, std::size_t i, std::uint64_t score, std::string name) {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<game> g = co_await n.open<game>("g");
        g->high.join(best(score, name));
        g->took.add(score);
    });
}

std::string shown(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<game> g = co_await n.open<game>("g");
        std::string all;
        for (auto& r : g->high->rows()) all += r.name + std::to_string(r.score) + " ";
        co_return all + std::to_string(g->took.count());
    });
}

TEST(own_types, are_the_same_on_all_nodes_after_a_cut_and_a_crash) {
    cluster c(3, dunlin::sim::world::seed_from_env(1));
    round(c, 0, 5, "ada");
    ASSERT_TRUE(c.settle(std::chrono::minutes(1))) << c.describe();
    c.partition({0}, {1, 2});
    round(c, 0, 9, "bob"), round(c, 2, 7, "cid"), round(c, 2, 2, "dan");
    c.heal();
    ASSERT_TRUE(c.settle(std::chrono::minutes(1))) << c.describe();
    c.crash(1);
    c.restart(1);
    ASSERT_TRUE(c.settle(std::chrono::minutes(1))) << c.describe();
    for (std::size_t i = 0; i < c.size(); ++i) EXPECT_EQ(shown(c, i), "bob9 cid7 ada5 4") << "DUNLIN_SEED=" << c.seed();
}
} // namespace
