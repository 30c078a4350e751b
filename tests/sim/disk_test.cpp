#include <dunlin/lib/sim/disk.hpp>
#include <dunlin/lib/sqlite.hpp>

#include <gtest/gtest.h>
#include <set>

namespace {

namespace sim = dunlin::sim;
using namespace std::chrono_literals;

/// One connection with the settings of a node's file, or some of them.
struct connection {
    sqlite3* db = nullptr;
    int opened = SQLITE_OK;

    explicit connection(sim::disk& d, std::string const& settings = "PRAGMA synchronous=FULL;") {
        opened = sqlite3_open_v2("game.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                 d.vfs_name());
        if (opened == SQLITE_OK)
            opened = run("PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=1024; PRAGMA journal_mode=WAL;" + settings +
                         "PRAGMA wal_autocheckpoint=12; PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY;"
                         "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, v BLOB);");
    }
    ~connection() { sqlite3_close(db); }
    connection(connection const&) = delete;

    int run(std::string const& sql) { return sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr); }
    int extended() const { return sqlite3_extended_errcode(db); }
    std::string text(std::string const& sql) {
        std::string out;
        auto row = [](void* o, int n, char** values, char**) {
            for (int i = 0; i < n; ++i)
                *static_cast<std::string*>(o) += std::string(values[i] ? values[i] : "-") + "\n";
            return 0;
        };
        if (sqlite3_exec(db, sql.c_str(), row, &out, nullptr) != SQLITE_OK) return sqlite3_errmsg(db);
        return out;
    }
};

std::string value_of(std::uint64_t n) {
    sim::generator g(n, "value");
    std::string hex(20 + g() % 300, '0');
    for (auto& c : hex) c = "0123456789abcdef"[g() % 16];
    return hex;
}

std::string insert(std::uint64_t n) {
    return "INSERT INTO t VALUES(" + std::to_string(n) + ", '" + value_of(n) + "');";
}

// Marks: 2n attempted, 2n + 1 confirmed.
void commits(connection& c, sim::disk& d, std::uint64_t count) {
    for (std::uint64_t n = 1; n <= count; ++n) {
        d.mark(2 * n);
        if (c.run(insert(n)) == SQLITE_OK) d.mark(2 * n + 1);
    }
}

struct verdict {
    int cuts = 0, lost = 0, broken = 0, holes = 0;
};

/// Opens what a cut left, and compares: confirmed <= present <= attempted, no gap, each row what its number makes it.
void judge(verdict& v, sim::image const& left, std::uint64_t confirmed, std::uint64_t attempted, sim::disk& scratch) {
    ++v.cuts;
    scratch.load(left);
    connection c(scratch);
    if (c.opened != SQLITE_OK || c.text("PRAGMA integrity_check") != "ok\n") {
        ++v.broken;
        return;
    }
    sqlite3_stmt* rows = nullptr;
    sqlite3_prepare_v2(c.db, "SELECT n, v FROM t ORDER BY n", -1, &rows, nullptr);
    std::uint64_t present = 0;
    bool whole = true;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        ++present;
        whole = whole && std::uint64_t(sqlite3_column_int64(rows, 0)) == present;
        whole = whole && value_of(present) == reinterpret_cast<char const*>(sqlite3_column_text(rows, 1));
    }
    sqlite3_finalize(rows);
    v.lost += present < confirmed;
    v.holes += !whole || present > attempted;
}

/// Records one run, then cuts the power after each of its events, several times.
verdict cut_everywhere(std::uint64_t seed, std::string const& settings, double noise = 0, sim::disk_fault fault = {}) {
    sim::disk d("n1", seed), scratch("scratch", seed);
    sim::disk_registration here(d);
    sim::recording run;
    d.record(&run);
    d.add(fault);
    {
        connection c(d, settings);
        commits(c, d, 60);
    }
    d.record(nullptr);
    sim::generator chance(seed, "cuts");
    verdict v;
    auto p = run.start;
    std::uint64_t confirmed = 0, attempted = 0;
    sim::cut_style style;
    style.noise = noise;
    for (auto const& e : run.events) {
        p.apply(e);
        if (e.what == sim::disk_op::mark) (e.at % 2 ? confirmed : attempted) = e.at / 2;
        for (int k = 0; k < 2; ++k) judge(v, p.cut(chance, style), confirmed, attempted, scratch);
    }
    EXPECT_EQ(confirmed, 60u);
    return v;
}

std::string const full = "PRAGMA synchronous=FULL;";

TEST(disk, with_full_sync_no_power_cut_loses_or_breaks_anything) {
    verdict all;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        auto const v = cut_everywhere(seed, full, seed % 2 ? 0.1 : 0);
        EXPECT_EQ(v.broken, 0) << "seed " << seed;
        EXPECT_EQ(v.lost, 0) << "seed " << seed;
        EXPECT_EQ(v.holes, 0) << "seed " << seed;
        all.cuts += v.cuts;
    }
    EXPECT_GT(all.cuts, 3000);
}

TEST(disk, with_normal_sync_confirmed_commits_are_lost_and_nothing_breaks) {
    auto const v = cut_everywhere(1, "PRAGMA synchronous=NORMAL;");
    EXPECT_GT(v.lost, v.cuts / 10);
    EXPECT_EQ(v.broken, 0);
    EXPECT_EQ(v.holes, 0);
}

TEST(disk, without_sync_files_break) {
    auto const v = cut_everywhere(1, "PRAGMA synchronous=OFF;");
    EXPECT_GT(v.lost, 0);
    EXPECT_GT(v.broken, 0);
}

TEST(disk, a_disk_that_lies_about_every_third_sync_is_found_out) {
    auto const v = cut_everywhere(1, full, 0, sim::disk_fault(sim::on_sync, 3).again_every(3).lying());
    EXPECT_GT(v.lost + v.broken + v.holes, 10);
}

TEST(disk, a_rollback_journal_survives_too) {
    auto const v = cut_everywhere(1, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;");
    EXPECT_EQ(v.lost + v.broken + v.holes, 0);
    EXPECT_GT(v.cuts, 500);
}

TEST(disk, equal_seeds_give_equal_bytes) {
    auto bytes = [](std::uint64_t seed) {
        sim::disk d("n1", seed);
        sim::disk_registration here(d);
        connection c(d);
        commits(c, d, 30);
        return d.contents();
    };
    EXPECT_EQ(bytes(1), bytes(1));
    EXPECT_NE(bytes(1), bytes(2)) << "the salts of the WAL come from the seed";
}

TEST(disk, power_lost_at_any_change_of_a_live_run_loses_nothing_confirmed) {
    for (std::uint64_t n = 1, fired = 1; fired; n += 3) {
        sim::disk d("n1", n), scratch("scratch", n);
        sim::recording marks;
        std::uint64_t confirmed = 0, attempted = 0;
        d.cut_power_after(n);
        {
            connection c(d);
            for (std::uint64_t i = 1; i <= 20 && c.opened == SQLITE_OK; ++i) {
                attempted = i;
                if (c.run(insert(i)) != SQLITE_OK) break;
                confirmed = i;
            }
        }
        fired = d.dead();
        d.lose_power();
        verdict v;
        judge(v, d.contents(), confirmed, attempted, scratch);
        EXPECT_EQ(v.lost + v.broken + v.holes, 0) << "at change " << n;
        EXPECT_FALSE(d.dead());
    }
}

TEST(disk, without_power_every_call_fails_and_changes_nothing) {
    sim::disk d("n1", 1);
    connection c(d);
    commits(c, d, 5);
    auto const before = d.contents();
    d.cut_power_after(1);
    EXPECT_EQ(c.run(insert(6)), SQLITE_IOERR);
    EXPECT_TRUE(d.dead());
    EXPECT_EQ(c.run(insert(6)), SQLITE_IOERR);
    connection other(d);
    EXPECT_NE(other.opened, SQLITE_OK);
    EXPECT_EQ(d.contents(), before);
}

TEST(disk, a_failed_sync_fails_the_commit_whose_outcome_is_unknown_and_keeps_the_others) {
    int present_anyway = 0, fired = 0;
    for (bool drops : {false, true})
        for (std::uint64_t n = 1; n < 40; ++n) {
            sim::disk d("n1", n), scratch("scratch", n);
            std::uint64_t confirmed = 0, attempted = 0;
            int code = SQLITE_OK;
            {
                connection c(d);
                ASSERT_EQ(c.opened, SQLITE_OK);
                auto fault = sim::disk_fault(sim::on_sync, n);
                d.add(drops ? fault.dropping() : fault);
                for (std::uint64_t i = 1; i <= 30; ++i) {
                    attempted = i;
                    if (c.run(insert(i)) != SQLITE_OK) {
                        code = c.extended();
                        break;
                    }
                    confirmed = i;
                }
                d.leave(); // stop, and let the connection close without effect
            }
            EXPECT_TRUE(code == SQLITE_OK || code == SQLITE_IOERR_FSYNC) << code;
            fired += int(d.counts.fired);
            auto const files = d.contents();
            verdict v;
            judge(v, files, confirmed, attempted, scratch);
            judge(v, d.cut(*std::make_unique<sim::generator>(n)), confirmed, attempted, scratch);
            EXPECT_EQ(v.lost + v.broken + v.holes, 0) << "sync " << n;
            scratch.load(files);
            connection after(scratch);
            present_anyway += code && after.text("SELECT count(*) FROM t") == std::to_string(attempted) + "\n";
        }
    EXPECT_GT(fired, 50);
    EXPECT_GT(present_anyway, 10) << "a failed commit is no rollback";
}

TEST(disk, a_full_disk_refuses_the_commit_cleanly_and_recovers) {
    sim::disk d("n1", 1);
    connection c(d);
    commits(c, d, 10);
    d.set_room(d.used_bytes() + 3000);
    std::uint64_t n = 11;
    while (c.run(insert(n)) == SQLITE_OK) ++n;
    EXPECT_EQ(sqlite3_errcode(c.db), SQLITE_FULL);
    EXPECT_EQ(sqlite3_get_autocommit(c.db), 1);
    EXPECT_EQ(c.text("SELECT count(*) FROM t"), std::to_string(n - 1) + "\n");
    d.set_room(std::uint64_t(-1));
    EXPECT_EQ(c.run(insert(n)), SQLITE_OK);
    EXPECT_EQ(c.text("PRAGMA integrity_check"), "ok\n");
    d.add(sim::disk_fault(sim::on_write, 1).no_room().for_good());
    EXPECT_EQ(c.run(insert(n + 1)), SQLITE_FULL);
    EXPECT_EQ(c.run(insert(n + 1)), SQLITE_FULL);
    d.clear_faults();
    EXPECT_EQ(c.run(insert(n + 1)), SQLITE_OK);
}

TEST(disk, each_call_fails_with_its_own_code_once_or_for_good) {
    sim::disk d("n1", 1);
    connection c(d);
    commits(c, d, 10);
    d.add(sim::disk_fault(sim::on_write, 1).short_by_all_but(100));
    EXPECT_EQ(c.run(insert(11)), SQLITE_IOERR);
    EXPECT_EQ(c.extended(), SQLITE_IOERR_WRITE);
    EXPECT_EQ(c.run(insert(11)), SQLITE_OK);
    d.add(sim::disk_fault(sim::on_write, 1).for_good());
    EXPECT_EQ(c.run(insert(12)), SQLITE_IOERR);
    EXPECT_EQ(c.run(insert(12)), SQLITE_IOERR);
    d.clear_faults();
    auto const files = d.contents();
    sim::disk again("n2", 2);
    again.load(files);
    again.add(sim::disk_fault(sim::on_read, 3));
    connection unread(again);
    EXPECT_TRUE(unread.opened != SQLITE_OK || again.counts.fired == 1);
}

TEST(disk, a_bit_flipped_at_rest_or_in_a_read_shows_as_another_value_only) {
    sim::disk d("n1", 1);
    {
        connection c(d);
        commits(c, d, 10);
    }
    auto files = d.contents();
    auto const at = files.files.at("game.db").find(value_of(5));
    ASSERT_NE(at, std::string::npos);
    d.flip_at_rest("game.db", at * 8 + 1);
    connection c(d);
    EXPECT_EQ(c.text("PRAGMA integrity_check"), "ok\n") << "SQLite keeps no sums: rows need their own";
    EXPECT_NE(c.text("SELECT v FROM t WHERE n=5"), value_of(5) + "\n");
    EXPECT_THROW(d.flip_at_rest("none", 0), std::logic_error);

    int different = 0;
    for (std::uint64_t n = 1; n < 30; ++n) {
        sim::disk other("n2", n);
        other.load(files);
        other.flip_read(n);
        connection reader(other);
        std::string all;
        for (int i = 1; i <= 10; ++i) all += value_of(std::uint64_t(i)) + "\n";
        different += reader.opened != SQLITE_OK || reader.text("SELECT v FROM t ORDER BY n") != all;
    }
    EXPECT_GT(different, 0);
}

TEST(disk, after_a_kill_every_written_byte_is_there_and_old_handles_are_dead) {
    sim::disk d("n1", 1);
    {
        connection c(d, "PRAGMA synchronous=OFF;");
        commits(c, d, 20);
        d.leave();
        EXPECT_NE(c.run(insert(21)), SQLITE_OK);
    }
    auto const before = d.contents();
    connection c(d);
    EXPECT_EQ(c.text("SELECT count(*) FROM t"), "20\n");
    EXPECT_EQ(before.files.count("game.db-wal"), 1u);
}

TEST(disk, calls_take_simulated_time_and_no_real_one) {
    sim::disk d("n1", 1);
    d.timing.sync = 5s;
    connection c(d);
    d.take_time();
    c.run(insert(1));
    auto const spent = d.take_time();
    EXPECT_GE(spent, 5s);
    EXPECT_LT(spent, 6s);
    EXPECT_EQ(d.take_time(), 0ns);
    EXPECT_EQ(c.text("SELECT date('now')"), "2026-01-01\n");
}

TEST(disk, two_disks_and_temporary_files_stay_apart) {
    sim::disk a("n1", 1), b("n2", 1);
    connection at_a(a), at_b(b);
    commits(at_a, a, 3);
    EXPECT_EQ(at_b.text("SELECT count(*) FROM t"), "0\n");
    at_a.run("PRAGMA temp_store=FILE; PRAGMA cache_size=2; CREATE TEMP TABLE big(v); "
             "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<500) INSERT INTO big SELECT "
             "randomblob(500) FROM c;");
    EXPECT_EQ(at_a.text("SELECT count(*) FROM big"), "500\n");
}

} // namespace
