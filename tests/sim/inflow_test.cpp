// Entries for objects that are not in memory arrive faster than the disk takes them: memory stays bounded, and what asks
// for all objects ends all the same.
#include "cluster_fixture.hpp"
#include <dunlin/lib/space_body.hpp>
#include <set>

using namespace clusters;

namespace {
using dunlin::node;
constexpr int players = 200;

/// Node 0 has room and writes; the others have little memory and slow disks.
struct inflow {
    cluster c;
    inflow(std::uint64_t s, std::size_t nodes, std::size_t memory, std::size_t log)
        : c(nodes, seed(s), [=](std::size_t i, dunlin::options& o) {
              if (i) o.memory(memory).log_budget(log);
          }) {
        for (int k = 0; k < players; ++k) change(c, 0, key_of(k), [](player& p) { p.name = "n", p.score += 1; });
        EXPECT_SETTLES(c);
        c.advance(5s);
        for (std::size_t i = 1; i < nodes; ++i) c.disk(i).timing.sync = 200ms;
    }
    dunlin::space_body& space(std::size_t i) { return *c.node(i).space("main").body(); }

    /// `rounds` times a change of every player, one entry each, `pause` after ten of them.
    void begin_writing(int rounds, std::chrono::nanoseconds pause) {
        c.spawn(0, [this, rounds, pause](node& n) -> awaitable<void> {
            for (int k = 0; k < rounds * players; ++k) {
                dunlin::ref<player> p = co_await n.open<player>(key_of(k * 37 % players));
                p->score += 1, p->name = std::string(200, char('a' + k % 26));
                n.seal();
                if (k % 10 == 9) co_await c.time().sleep(pause);
            }
        });
    }
};
} // namespace

TEST(inflow, waits_at_the_giver_while_the_rows_of_cold_objects_are_behind) {
    constexpr std::size_t little = 128 << 10;
    inflow f(301, 2, little, 64 << 20);
    f.c.disk(1).timing.sync = 20s;
    f.begin_writing(30, 1ms);
    std::size_t most = 0;
    bool was_full = false;
    for (int k = 0; k < 600; ++k) {
        f.c.advance(100ms);
        most = std::max(most, f.space(1).cold_bytes()), was_full = was_full || f.space(1).full();
    }
    EXPECT_TRUE(was_full) << "there was something to wait for";
    EXPECT_LT(most, little / 4 + 1000) << "one entry beyond the bound";
    f.c.disk(1).timing.sync = 1ms;
    EXPECT_SETTLES(f.c);
    EXPECT_EQ(score(f.c, 1, key_of(5)), 31);
}

TEST(inflow, lets_a_listing_and_a_digest_end) {
    inflow f(302, 2, 128 << 10, 1 << 20);
    f.begin_writing(100'000, 20ms);
    f.c.advance(2s);
    auto before = f.c.vector(1);
    EXPECT_EQ(listed(f.c, 1).size(), std::size_t(players));
    EXPECT_EQ(f.c.digest(1).size(), 64u);
    EXPECT_NE(f.c.vector(1), before) << "entries went on arriving";
}

TEST(inflow, does_not_keep_a_state_from_being_given) {
    inflow f(303, 3, 128 << 10, 1 << 20);
    f.c.stop(2);
    f.begin_writing(20, 5ms);
    f.c.advance(60s);
    std::uint64_t cut = 0;
    auto& floor = f.space(1).floor();
    for (std::uint32_t s = 0; s < floor.size(); ++s) cut = std::max(cut, floor[s]);
    EXPECT_GT(cut, std::uint64_t(players)) << "the log does not reach back to when node 2 left";
    f.c.wire().block("n0", "n2"), f.c.wire().block("n2", "n0");
    f.begin_writing(100'000, 50ms);
    f.c.advance(2s);
    f.c.restart(2);
    f.c.advance(60s);
    auto sum = [&](std::size_t i) {
        std::uint64_t n = 0;
        for (auto& [writer, number] : f.c.vector(i)) n += number;
        return n;
    };
    EXPECT_GT(sum(2) + 2000, sum(1)) << "it has come up to its giver, who goes on";
}

// Objects that have no row yet, since the disk has taken none: a page of them has what was asked for, all pages have all.
TEST(listing, of_what_has_no_row_yet_comes_in_pages) {
    cluster c(1, seed(304));
    change(c, 0, "first", [](player& p) { p.name = "n"; });
    c.advance(5s);
    c.disk(0).timing.sync = 60s;
    for (int k = 0; k < 500; ++k) change(c, 0, key_of(k), [](player& p) { p.name = "n"; });
    std::size_t widest = 0;
    auto found = c.run(0, [&widest](node& n) -> awaitable<std::multiset<std::string>> {
        std::multiset<std::string> all;
        for (dunlin::page_cursor cursor; !cursor.end;) {
            auto page = co_await n.list<player>(cursor, 10);
            widest = std::max(widest, page.first.size());
            for (auto& one : page.first) all.insert(one);
            cursor = page.second;
        }
        co_return all;
    });
    EXPECT_EQ(found.size(), 501u);
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 501u) << "each once";
    EXPECT_LE(widest, 11u) << "but for two of one hash";
}
