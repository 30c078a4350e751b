// Memory stays where the settings put it: a disk that is slow or full under as many writes as come, watchers and peers
// that never read, refs without number.
//
// Counted is the heap, with what malloc adds, so in release builds only; where a simulated disk takes bytes meanwhile, whose
// own memory cannot be told apart, what the space itself counts.
#include "enemy.hpp"
#include <malloc.h>

using namespace clusters;

namespace {
using dunlin::node;
using dunlin::node_errc;

constexpr std::size_t MiB = 1 << 20;

std::int64_t heap_bytes() {
    auto m = ::mallinfo2();
    return std::int64_t(m.uordblks + m.hblkhd);
}

/// What a space counts: unsaved entries, objects in memory, deltas that wait for others.
std::int64_t counted_bytes(dunlin::space_body& s) {
    return std::int64_t(s.log().unsaved_bytes() + s.resident_bytes() + s.cold_bytes());
}

/// Writes to 200 objects as fast as 10^6 a second, a turn each, until it is refused; from then on it tries again at
/// every millisecond.
struct writer {
    cluster& c;
    std::uint64_t taken = 0, refused = 0;
    bool stop = false;

    void start(std::size_t i) {
        c.spawn(i, [this](node& n) -> awaitable<void> {
            std::vector<dunlin::ref<player>> all;
            for (int k = 0; k < 200; ++k) {
                auto p = co_await n.open<player>("w" + std::to_string(k));
                all.push_back(p);
            }
            while (!stop) {
                for (int k = 0; k < 1000; ++k) {
                    try {
                        all[taken % all.size()]->score += 1;
                        all[taken % all.size()]->name = std::string(40, char('a' + taken % 26));
                        n.seal();
                        ++taken;
                    } catch (boost::system::system_error const& e) {
                        EXPECT_EQ(e.code(), dunlin::make_error_code(node_errc::overloaded));
                        ++refused;
                        break;
                    }
                }
                co_await c.time().sleep(1ms);
            }
        });
    }
};

std::int64_t sum_of_scores(cluster& c, std::size_t i) {
    std::int64_t sum = 0;
    for (int k = 0; k < 200; ++k) sum += score(c, i, "w" + std::to_string(k));
    return sum;
}

constexpr std::size_t log_budget = 8 * MiB, memory = 16 * MiB;

struct pair_of_nodes {
    cluster c;
    explicit pair_of_nodes(std::uint64_t s, bool files = true)
        : c(2, seed(s), [files](std::size_t, dunlin::options& o) {
              o.log_budget(log_budget).memory(memory);
              if (!files) o.data("");
          }) {
        change(c, 0, "w0", [](player& p) { p.score += 0, p.name = "first"; }, true);
        EXPECT_SETTLES(c);
    }
    /// Highest heap over so many seconds, and highest of what the spaces count.
    std::int64_t most(int seconds, std::int64_t& counted) {
        std::int64_t m = 0;
        counted = 0;
        for (int k = 0; k < seconds; ++k) {
            c.advance(1s), m = std::max(m, heap_bytes());
            for (std::size_t i : {0, 1}) counted = std::max(counted, counted_bytes(main_of(c, i)));
        }
        return m;
    }
};
} // namespace

TEST(heavy_bounds, of_a_node_whose_commits_take_ten_seconds_under_a_million_writes_a_second) {
    pair_of_nodes two(441);
    two.c.disk(0).timing.sync = 10s;
    writer w{two.c};
    w.start(0);
    std::int64_t counted_early = 0, counted_late = 0;
    two.most(60, counted_early);
    EXPECT_GT(w.taken, 10'000u);
    EXPECT_GT(w.refused, 1'000u) << "overloaded arrives";
    two.most(240, counted_late);
    std::cout << "counted: " << counted_early / 1024 << " KiB in the first minute, " << counted_late / 1024
              << " KiB in the four after it; " << w.taken << " writes taken, " << w.refused << " refused\n";
    EXPECT_LT(counted_early, std::int64_t(log_budget + memory + MiB));
    EXPECT_LT(counted_late, std::int64_t(log_budget + memory + MiB));
    two.c.disk(0).timing.sync = 1ms;
    w.stop = true;
    two.c.advance(30s);
    ASSERT_SETTLES(two.c);
    EXPECT_EQ(sum_of_scores(two.c, 0), std::int64_t(w.taken));
    EXPECT_EQ(sum_of_scores(two.c, 1), std::int64_t(w.taken));
    two.c.crash(0);
    two.c.restart(0);
    ASSERT_SETTLES(two.c);
    EXPECT_EQ(sum_of_scores(two.c, 0), std::int64_t(w.taken));
}

TEST(heavy_bounds, of_a_node_whose_disk_is_full_under_a_million_writes_a_second) {
    pair_of_nodes two(442);
    auto before = heap_bytes();
    writer w{two.c};
    w.start(0);
    two.c.advance(20ms);
    std::int64_t saved = 0;
    two.c.run(0, [&](node& n) -> awaitable<void> {
        auto r = n.seal();
        saved = std::int64_t(w.taken);
        co_await r.saved();
    });
    auto& disk = two.c.disk(0);
    disk.set_room(disk.used_bytes());
    std::int64_t counted = 0;
    auto early = two.most(60, counted);
    EXPECT_GT(w.refused, 1'000u) << "overloaded arrives";
    auto late = two.most(240, counted);
    std::cout << "heap: " << (early - before) / 1024 << " KiB in the first minute, " << (late - before) / 1024
              << " KiB in the four after it; " << w.taken << " writes taken, " << w.refused << " refused\n";
    EXPECT_LT(early - before, std::int64_t(2 * (3 * log_budget + memory)));
    EXPECT_LT(late, early + std::int64_t(2 * MiB)) << "flat";
    bool told = false;
    w.stop = true;
    two.c.spawn(0, [&](node& n) -> awaitable<void> {
        co_await n.ready();
        told = true;
    });
    two.c.advance(10s);
    EXPECT_FALSE(told);
    disk.set_room(~std::uint64_t(0));
    two.c.advance(30s);
    EXPECT_TRUE(told) << "ready() wakes when there is room";
    ASSERT_SETTLES(two.c);
    EXPECT_EQ(sum_of_scores(two.c, 1), std::int64_t(w.taken));
    two.c.crash(0);
    two.c.restart(0);
    EXPECT_GE(sum_of_scores(two.c, 0), saved) << "what was confirmed is there";
    ASSERT_SETTLES(two.c);
    EXPECT_EQ(sum_of_scores(two.c, 0), std::int64_t(w.taken));
}

TEST(heavy_bounds, of_a_million_refs_of_a_thousand_objects) {
    pair_of_nodes two(443);
    two.c.run(0, [&](node& n) -> awaitable<void> {
        std::vector<dunlin::ref<player>> all;
        all.reserve(1'000'000);
        for (int k = 0; k < 1000; ++k) {
            auto p = co_await n.open<player>("r" + std::to_string(k));
            all.push_back(p);
        }
        auto before = heap_bytes();
        while (all.size() < 1'000'000) all.push_back(all[all.size() % 1000]);
        auto grown = heap_bytes() - before;
        std::cout << "heap: " << grown << " bytes for 999,000 more refs; a ref has " << sizeof all[0] << " bytes of its own\n";
        EXPECT_LT(grown, 1024) << "beside the refs themselves";
    });
}

TEST(heavy_bounds, of_refs_of_more_objects_than_memory_may_hold) {
    pair_of_nodes two(444);
    two.c.run(0, [&](node& n) -> awaitable<void> {
        std::vector<dunlin::ref<player>> all;
        boost::system::error_code why;
        for (int k = 0; k < 1'000'000 && !why; ++k) {
            try {
                auto p = co_await n.open<player>("r" + std::to_string(k));
                p->name = std::string(500, 'n');
                n.seal();
                all.push_back(p);
            } catch (boost::system::system_error const& e) { why = e.code(); }
            if (why == dunlin::make_error_code(node_errc::overloaded)) {
                why = {};
                co_await n.ready();
            }
        }
        auto counted = counted_bytes(main_of(two.c, 0));
        std::cout << "counted: " << counted / 1024 << " KiB, " << all.size() << " objects pinned\n";
        EXPECT_EQ(why, dunlin::make_error_code(node_errc::memory_full)) << why.message();
        EXPECT_LT(counted, std::int64_t(log_budget + memory + MiB));
        EXPECT_GT(all.size(), 10'000u);
        all.clear();
        auto p = co_await n.open<player>("one more");
        co_await n.ready(); // what was let go is on its way to the disk
        p->score += 1;
        auto r = n.seal();
        co_await r.saved();
    });
}

TEST(heavy_bounds, of_watchers_that_never_read) {
    pair_of_nodes two(445, false);
    two.c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        auto one = p.watch(), one_saved = p.watch(dunlin::saved);
        auto all = n.watch<player>(), all_saved = n.watch<player>(dunlin::saved);
        auto write = [&](int count) -> awaitable<void> {
            for (int k = 0; k < count; ++k) {
                auto o = co_await n.open<player>("o" + std::to_string(k % 5000));
                o->score += 1, p->score += 1;
                n.seal();
                if (k % 100 == 99) co_await two.c.time().sleep(20ms);
            }
            co_await two.c.time().sleep(10s);
        };
        co_await write(20'000);
        auto before = heap_bytes();
        co_await write(200'000);
        auto grown = heap_bytes() - before;
        std::cout << "heap: " << grown / 1024 << " KiB after ten times as many changes\n";
        EXPECT_LT(grown, std::int64_t(2 * log_budget + MiB)) << "the logs may have grown to their budget";
        auto change = co_await one.next();
        EXPECT_TRUE(change) << "and nothing was missed";
    });
}

TEST(heavy_bounds, of_saved_watches_while_nothing_is_saved) {
    pair_of_nodes two(446);
    two.c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        std::vector<dunlin::watch<player>> all;
        for (int k = 0; k < 50; ++k) all.push_back(p.watch(dunlin::saved));
        two.c.disk(0).timing.sync = 20s;
        auto write = [&](int count) -> awaitable<int> {
            int k = 0;
            try {
                for (; k < count; ++k) {
                    p->score += 1;
                    n.seal();
                    if (k % 100 == 99) co_await two.c.time().sleep(1ms);
                }
            } catch (boost::system::system_error const&) {} // overloaded: enough
            co_return k;
        };
        co_await write(500);
        auto before = heap_bytes();
        auto made = co_await write(20'000);
        auto grown = heap_bytes() - before;
        std::cout << "heap: " << grown / 1024 << " KiB after " << made << " changes that are not saved, with 50 watches\n";
        EXPECT_GT(made, 2'000);
        EXPECT_LT(grown, std::int64_t(made) * 50 * 40) << "a record for each change and watch would have 64 bytes and more";
        two.c.disk(0).timing.sync = 1ms;
    });
}

TEST(heavy_bounds, of_peers_that_never_read) {
    pair_of_nodes two(447, false);
    std::deque<enemy> deaf;
    for (int k = 0; k < 4; ++k) deaf.emplace_back(two.c, "deaf" + std::to_string(k)).call(0, false);
    auto write = [&](int count) {
        two.c.run(0, [&](node& n) -> awaitable<void> {
            dunlin::ref<player> p = co_await n.open<player>("p");
            for (int k = 0; k < count; ++k) {
                p->name = std::string(4000, char('a' + k % 26));
                n.seal();
                if (k % 20 == 19) co_await n.ready();
                if (k % 20 == 19) co_await two.c.time().sleep(5ms);
            }
        });
    };
    write(5'000); // 20 MB
    auto before = heap_bytes();
    auto status = two.c.node(0).status();
    write(20'000);
    auto grown = heap_bytes() - before;
    std::cout << "heap: " << grown / 1024 << " KiB after 80 MB that four peers did not read\n";
    EXPECT_LT(grown, std::int64_t(4 * MiB));
    EXPECT_NE(status.find("unsent_bytes"), status.npos);
    change(two.c, 0, "after", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(two.c);
    EXPECT_EQ(score(two.c, 1, "after"), 1);
}
