// A state that is joined while the power or the file goes: rows that are ahead of the vector meet no entry, nothing that
// was staged halfway is taken for whole, and what cannot be finished is not answered for.
#include "damage.hpp"
#include <boost/asio/as_tuple.hpp>
#include <dunlin/lib/space_body.hpp>

using namespace clusters;

namespace {
using dunlin::node;
using dunlin::sim::disk_fault;

void add(cluster& c, std::size_t i, std::string const& key, long n) {
    change(c, i, key, [n](player& p) { p.score += n; }, true);
}
void reset(cluster& c, std::size_t i, std::string const& key) {
    change(c, i, key, [](player& p) { p.score.reset(); }, true);
}
void outgrow_the_log(cluster& c, std::size_t i, int count = 300) {
    for (int k = 0; k < count; ++k)
        change(c, i, "f" + std::to_string(k % 20), [&](player& p) { p.name = std::string(1000, char('a' + k % 26)); }, true);
    c.advance(5s);
}

/// Starts node 2, cuts its power after so many writes, and leaves it there. False: all was done before.
bool cut_off_after(cluster& c, int writes) {
    c.disk(2).cut_power_after(std::uint64_t(writes));
    try {
        c.restart(2);
        c.advance(1s);
    } catch (boost::system::system_error const&) {}
    if (!c.disk(2).dead()) return false;
    if (c.running(2)) c.crash(2);
    else c.disk(2).lose_power();
    return true;
}
std::string number_of(std::string const& space) {
    return "(SELECT k & 4294967295 FROM name WHERE k >> 32 = 1 AND bytes = CAST('" + space + "' AS BLOB))";
}
/// What the file of node 2 says.
bool join_has_begun(cluster& c) {
    return change_file(c, 2, "UPDATE space SET at = at WHERE length(vector) > 0 AND n = " + number_of("main")) == 1;
}

/// Node 2 knows a little of ten counters; node 0 gives it the rest as state, node 1 has it as entries.
struct counters {
    cluster c;
    counters() : c(3, seed(90), [](std::size_t i, dunlin::options& o) { if (i != 1) o.log_budget(64 << 10); }) {
        for (int k = 0; k < 10; ++k) add(c, 0, key_of(k), 3);
        EXPECT_SETTLES(c);
        c.advance(3s);
        c.crash(2);
        for (int k = 0; k < 10; ++k) add(c, 0, key_of(k), 5);
        EXPECT_SETTLES(c);
        c.partition({0}, {1});
        for (int k = 0; k < 10; ++k) reset(c, 1, key_of(k)), add(c, 0, key_of(k), 2);
        c.heal();
        EXPECT_SETTLES(c);
        outgrow_the_log(c, 0);
        c.partition({0, 2}, {1});
    }
};
} // namespace

TEST(join, that_was_cut_off_is_finished_before_any_entry_meets_its_rows) {
    int tried = 0;
    for (int cut = 1;; cut += 7) {
        counters f;
        auto& c = f.c;
        if (!cut_off_after(c, cut)) break;
        ++tried;
        c.heal();
        c.partition({0}, {1, 2}); // from now on from node 1, by entries
        c.restart(2);
        for (int t = 0; t < 60 && c.vector(1) != c.vector(2); ++t) c.advance(3s);
        ASSERT_EQ(c.vector(1), c.vector(2)) << "cut after write " << cut;
        for (int k = 0; k < 10; ++k) ASSERT_EQ(score(c, 1, key_of(k)), score(c, 2, key_of(k))) << "cut after write " << cut;
        ASSERT_EQ(c.digest(1), c.digest(2)) << "cut after write " << cut;
    }
    EXPECT_GT(tried, 10);
}

TEST(join, of_a_newcomer_that_was_cut_off_is_finished_alone) {
    int finished = 0;
    for (int cut = 40; cut < 400; cut += 4) {
        cluster c(3, seed(92), [](std::size_t i, dunlin::options& o) { if (i != 1) o.log_budget(64 << 10); }, false);
        c.restart(0), c.restart(1);
        for (int k = 0; k < 10; ++k) change(c, 0, key_of(k), fill_player, true);
        ASSERT_SETTLES(c);
        outgrow_the_log(c, 0);
        c.partition({0, 2}, {1});
        if (!cut_off_after(c, cut)) break;
        if (!join_has_begun(c)) continue;
        ++finished;
        c.heal();
        c.partition({0}, {1}, {2}); // it knows of no type but what was staged
        c.restart(2);
        c.advance(10s);
        ASSERT_EQ(c.vector(2), c.vector(0)) << "cut after write " << cut;
        ASSERT_EQ(c.digest(2), c.digest(0)) << "cut after write " << cut;
    }
    EXPECT_GT(finished, 3);
}

TEST(join, has_what_was_in_memory_in_the_file_before_the_vector_that_says_so) {
    int tried = 0;
    for (std::uint64_t n = 1; n < 200; n += 2) { // a commit whose writes fail is none; one whose sync fails may be one
        counters f;
        auto& c = f.c;
        c.heal();
        c.partition({0}, {1}, {2});
        c.restart(2);
        c.spawn(2, [&c](node& m) -> awaitable<void> { // in memory until the end, so that no row is joined for them
            std::vector<dunlin::ref<player>> held;
            for (int k = 0; k < 10; ++k) {
                dunlin::ref<player> p = co_await m.open<player>(key_of(k), 0s);
                held.push_back(p);
            }
            co_await c.time().sleep(1h);
        });
        c.advance(2s);
        ASSERT_GE(c.node(2).space("main").body()->resident(), 10u);
        c.disk(2).add(disk_fault(dunlin::sim::on_write, n));
        c.heal();
        c.partition({0, 2}, {1});
        for (int t = 0; t < 300 && c.vector(2) != c.vector(0); ++t) c.advance(100ms);
        c.advance(3s);
        ASSERT_EQ(c.vector(2), c.vector(0)) << "fault " << n;
        auto is_open = [](std::string const& a) { return a.find("open again: what it lacked") != a.npos; };
        if (std::none_of(c.alarms(2).begin(), c.alarms(2).end(), is_open)) continue;
        ++tried;
        c.heal();
        c.partition({0}, {1}, {2});
        c.crash(2);
        c.restart(2);
        c.advance(5s);
        if (c.vector(2) != c.vector(0)) continue; // the vector had not got there: it will be asked for
        for (int k = 0; k < 10; ++k) ASSERT_EQ(score(c, 2, key_of(k)), score(c, 0, key_of(k))) << "fault " << n;
    }
    EXPECT_GT(tried, 3);
}

TEST(join, whose_staged_rows_rot_meanwhile_leaves_objects_unknown_until_a_state_that_has_as_much) {
    int broken = 0;
    for (int cut = 20; cut < 160 && !broken; cut += 3) {
        counters f;
        auto& c = f.c;
        for (int k = 0; k < 10; ++k) add(c, 0, key_of(k), 100); // node 1 has not seen these
        if (!cut_off_after(c, cut)) break;
        if (!join_has_begun(c)) continue;
        ++broken;
        auto rotten = change_file(c, 2, "UPDATE object SET sum = CAST('0123456789abcdef' AS BLOB) WHERE h >> 43 = " +
                                            number_of("dunlin.staged main") + " AND key <> CAST('schema' AS BLOB)");
        ASSERT_GT(rotten, 0);
        c.heal();
        c.partition({0}, {1}, {2});
        c.restart(2);
        c.advance(10s);
        auto const unknown = dunlin::make_error_code(dunlin::node_errc::object_unknown);
        EXPECT_EQ(opening(c, 2, key_of(3)), unknown);
        c.heal();
        c.partition({0}, {1, 2});
        c.advance(30s);
        EXPECT_EQ(opening(c, 2, key_of(3)), unknown) << "node 1 has less than what the rows may hold";
        c.heal();
        ASSERT_SETTLES(c);
        for (int k = 0; k < 10; ++k) EXPECT_EQ(score(c, 1, key_of(k)), score(c, 2, key_of(k)));
        add(c, 2, key_of(1), 1);
        c.crash(2);
        c.restart(2);
        ASSERT_SETTLES(c);
    }
    EXPECT_EQ(broken, 1) << "no cut fell into a join";
}

// At one of sixty moments the fault falls into the join, while the file is opened again.
TEST(heavy_join, that_becomes_possible_while_the_file_is_read_again_does_not_end_the_reading) {
    int tried = 0;
    for (int n = 0; n < 60; ++n) {
        cluster c(2, seed(94) + std::uint64_t(n), [](std::size_t i, dunlin::options& o) { if (i == 0) o.log_budget(64 << 10); });
        ASSERT_SETTLES(c);
        for (int k = 0; k < 150; ++k) change(c, 1, "f" + std::to_string(k % 20), [&](player& p) { p.name = std::string(30000, char('a' + k % 26)); }, true);
        for (int k = 0; k < 20; ++k) change(c, 1, "f" + std::to_string(k), [&](player& p) { p.name = ""; }, true);
        ASSERT_SETTLES(c);
        c.crash(1);
        outgrow_the_log(c, 0, 250);
        bool quit = false;
        c.spawn(0, [&](node& m) -> awaitable<void> {
            for (int k = 0; !quit; ++k) {
                {
                    dunlin::ref<player> p = co_await m.open<player>("f" + std::to_string(k % 5));
                    p->score += 1, m.seal();
                }
                co_await c.time().sleep(200us);
            }
        });
        c.restart(1);
        auto begun = [&] { return !c.node(1).space("main").body()->staging_is_empty(); };
        for (int t = 0; t < 20000 && !begun(); ++t) c.advance(100us);
        if (begun()) {
            c.advance(std::chrono::microseconds(n * 25));
            c.disk(1).timing.read = 500us;
            c.disk(1).add(disk_fault(dunlin::sim::on_sync, 1));
            c.wire().clog("n0", "n1", 1200ms);
        }
        quit = true;
        c.spawn(1, [&](node& m) -> awaitable<void> {
            dunlin::ref<player> p = co_await m.open<player>("mine", 0s);
            p->score += 1, m.seal();
        });
        c.advance(40s);
        auto is_open = [](std::string const& a) { return a.find("open again: what it lacked") != a.npos; };
        if (std::none_of(c.alarms(1).begin(), c.alarms(1).end(), is_open)) continue; // the fault fell elsewhere
        ++tried;
        auto ec = c.run(1, [](node& m) -> awaitable<boost::system::error_code> {
            dunlin::ref<player> p = co_await m.open<player>("mine");
            p->score += 1;
            auto r = m.seal();
            auto [e] = co_await r.saved(boost::asio::as_tuple(boost::asio::deferred));
            co_return e;
        });
        ASSERT_FALSE(ec) << "run " << n << ": " << ec.message();
    }
    EXPECT_GT(tried, 20);
}
