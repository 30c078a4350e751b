// The power of a whole node is cut after every change of its disk; see crash_points.hpp. And the tests of that test:
// disks that do not do what they are told have to be found out.
#include "crash_points.hpp"

using namespace crash_points;

namespace {

void report(finding const& f) {
    std::cout << "[   POINTS ] " << f.points() << ": " << f.text() << '\n';
    testing::Test::RecordProperty("points", f.points());
}

std::size_t of_the_wal(recorded_run const& run) { // its number among the files
    std::size_t files = run.disk.start.next_file();
    for (auto& e : run.disk.events) {
        if (e.what != sim::disk_op::create) continue;
        if (e.bytes == "node.db-wal") return files;
        ++files;
    }
    return sim::platter::none;
}

/// As with synchronous=NORMAL: the WAL is synced before it is checked in and when it begins anew, and not for a commit.
std::function<bool(std::size_t)> without_syncs_of_commits(recorded_run const& run, std::size_t wal) {
    auto& all = run.disk.events;
    return [&all, wal](std::size_t k) {
        if (all[k].what != sim::disk_op::sync || all[k].file != wal) return true;
        for (auto n = k; n-- > 0;)
            if (all[n].what == sim::disk_op::write) {
                if (all[n].file == wal && all[n].at == 0) return true; // its header
                break;
            }
        for (auto n = k + 1; n < all.size(); ++n)
            if (all[n].what != sim::disk_op::mark) return all[n].file != wal;
        return true;
    };
}

} // namespace

TEST(crash_points, of_a_short_run_lose_nothing) {
    finding found;
    recorded_run run(seed(61), 1);
    cutter(run, found, 20).cut_everywhere({}, false, 9);
    EXPECT_TRUE(found.clean()) << found.text();
    report(found);
}

TEST(heavy_crash_points, lose_nothing_that_was_confirmed_wherever_the_power_is_cut) {
    finding found;
    for (std::uint64_t s = 62; s < 66 && found.clean(); ++s) {
        recorded_run run(s, 2);
        cutter(run, found, 12).cut_everywhere();
    }
    EXPECT_TRUE(found.clean()) << found.text();
    EXPECT_GE(found.points(), 10'000);
    report(found);
}

TEST(heavy_crash_points, find_losses_if_commits_are_not_synced) {
    finding found;
    recorded_run run(64, 1);
    auto wal = of_the_wal(run);
    ASSERT_NE(wal, sim::platter::none);
    cutter(run, found, 0).cut_everywhere(without_syncs_of_commits(run, wal), true, 3);
    EXPECT_GT(found.lost, 100) << found.text() << ": a check that cannot fail shows nothing";
    EXPECT_EQ(found.broken, 0) << found.text() << ": synchronous=NORMAL loses, and breaks nothing";
    report(found);
}

TEST(heavy_crash_points, find_losses_if_the_disk_ignores_every_third_sync) {
    finding found;
    recorded_run run(65, 1);
    std::size_t syncs = 0;
    auto every_third = [&](std::size_t k) { return run.disk.events[k].what != sim::disk_op::sync || ++syncs % 3; };
    cutter(run, found, 0).cut_everywhere(every_third, true, 3);
    EXPECT_GT(found.lost, 20) << found.text();
    report(found);
}
