// Bit rot at rest: one random bit of the database or of its WAL is turned, 3,000 times each. Nothing wrong is believed.
#include "store_workload.hpp"

namespace dunlin {
namespace {

constexpr int trials = 3000;

struct aged_file {
    sim::disk disk{"aged", 5};
    workload w{5};
    sim::image image; // the database, and its WAL if there is one

    enum class left { closed, running, resting };
    explicit aged_file(left how) {
        if (how == left::running) w.frames_max = 1 << 30;
        sim::disk_registration first(disk);
        seen_at_start seen;
        store_summary summary;
        EXPECT_FALSE(w.file.open(on(disk)));
        EXPECT_FALSE(w.file.scan(seen, summary));
        for (int n = 1; n <= 60; ++n) w.commit(disk, n);
        if (how == left::resting) { EXPECT_TRUE(w.file.check_in()); }
        if (how == left::closed) w.file.close();
        image = disk.contents();
        disk.leave(); // as by kill -9
    }
};

// Opened again and again while the disk is full, as its owner does: each time it is closed without being checked in.
TEST(store_rot, of_a_wal_is_told_also_after_openings_for_which_there_was_no_room) {
    sim::disk disk("short", 5);
    sim::disk_registration here(disk);
    workload w{5};
    w.frames_max = 1 << 30;
    seen_at_start seen;
    store_summary summary;
    ASSERT_FALSE(w.file.open(on(disk)));
    ASSERT_FALSE(w.file.scan(seen, summary));
    for (int n = 1; n <= 60; ++n) w.commit(disk, n);
    disk.set_room(disk.used_bytes());
    disk.flip_at_rest("game.db-wal", disk.contents().files.at("game.db-wal").size() / 2 * 8);
    for (int k = 0; k < 3; ++k) {
        ASSERT_FALSE(w.file.open(on(disk)));
        EXPECT_FALSE(w.file.empty_wal()) << "there is room, and the test shows nothing";
    }
    disk.set_room(~std::uint64_t(0));
    ASSERT_FALSE(w.file.open(on(disk)));
    EXPECT_TRUE(w.file.empty_wal());
    seen = {};
    ASSERT_FALSE(w.file.scan(seen, summary));
    EXPECT_TRUE(summary.is_short) << "commits that were confirmed are not in it any more";
}

TEST(heavy_store_rot, of_one_bit_of_the_database_is_found_or_without_effect) {
    aged_file aged(aged_file::left::closed);
    auto& w = aged.w;
    ASSERT_EQ(aged.image.files.size(), 1u);
    sim::generator chance(9, "rot");
    int refused = 0, damaged_pages = 0, damaged_rows = 0, without_effect = 0;
    for (int trial = 0; trial < trials; ++trial) {
        sim::disk disk("rotten", std::uint64_t(trial));
        disk.load(aged.image);
        auto bit = chance.below(aged.image.files.at("game.db").size() * 8);
        disk.flip_at_rest("game.db", bit);
        auto where = "bit " + std::to_string(bit);
        store_file file;
        store_summary summary;
        seen_at_start seen;
        if (file.open(on(disk))) {
            ++refused;
            continue;
        }
        bool rows = file.scan(seen, summary) || !seen.damage.empty();
        for (auto& [key, items] : w.objects) {
            if (file.broken()) break;
            auto found = load(file, object(key));
            if (file.broken()) break;
            EXPECT_NE(found.is, row_presence::absent) << where << ": a flipped bit became an absence of " << key;
            rows = rows || found.is == row_presence::damaged;
            if (found.is == row_presence::present && seen.damage.empty()) {
                EXPECT_TRUE(object_is_right(file, w, key, 60, summary.first_row)) << where << ": " << key;
            }
        }
        if (!file.broken())
            for (auto& row : file.read_rows(1, 64 << 20)) {
                rows = rows || row.damaged;
                if (!row.damaged) { EXPECT_EQ(row.bytes, w.rows.at(row.row)) << where; }
            }
        ++(file.broken() ? damaged_pages : rows ? damaged_rows : without_effect);
    }
    EXPECT_GT(damaged_rows, trials / 10);
    std::cout << "[      ROT ] database: " << trials << " bits: " << refused << " not opened, " << damaged_pages << " pages, "
              << damaged_rows << " rows, " << without_effect << " without effect\n";
}

// One read turns a bit, of a page that is sound: a row that the index knows and the table does not show then is not
// written past. What was to be added to it would be gone, and the row be as sound as before.
TEST(heavy_store_rot, of_one_bit_that_is_read_loses_nothing_that_is_written_then) {
    aged_file aged(aged_file::left::closed);
    sim::disk sound("sound", 1);
    sound.load(aged.image);
    store_file whole;
    store_summary summary;
    seen_at_start seen;
    ASSERT_FALSE(whole.open(on(sound)));
    ASSERT_FALSE(whole.scan(seen, summary));
    std::vector<std::string> keys;
    for (auto& [key, items] : aged.w.objects)
        if (load(whole, object(key)).is == row_presence::present) keys.push_back(key);
    sim::generator chance(10, "rot");
    int added = 0, erased = 0, anew = 0, refused = 0;
    for (int trial = 0; trial < 4 * trials; ++trial) {
        sim::disk disk("rotten", std::uint64_t(trial));
        disk.load(aged.image);
        auto& key = keys[chance.below(keys.size())];
        auto where = "trial " + std::to_string(trial) + ": " + key;
        store_file file;
        seen_at_start ignored;
        ASSERT_FALSE(file.open(on(disk)));
        ASSERT_FALSE(file.scan(ignored, summary));
        disk.flip_read(1 + chance.below(2)); // of the index or of the table
        auto before = load(whole, object(key));
        std::string const delta = "and this";
        bool erases = trial % 4 == 0, whole_anew = trial % 4 == 1;
        std::vector<store_write> const writes = {erases       ? store_write(erase_write{object(key)})
                                                 : whole_anew ? store_write(state_write{object(key), delta})
                                                              : store_write(delta_write{object(key), delta, 0})};
        std::vector<write_result> results;
        auto done = file.write_batch(1, writes, &results);
        if (done.outcome != commit_outcome::ok || results[0].error) {
            ++refused;
            continue;
        }
        file.close();
        auto again = file.open(on(disk));
        if (again || file.scan(ignored, summary)) continue; // what was read so was written so: a damaged page
        auto after = load(file, object(key));
        if (file.broken() || after.is == row_presence::damaged) continue;
        if (erases) {
            ++erased;
            EXPECT_EQ(after.is, row_presence::absent) << where << ": an erase that was confirmed";
        } else if (whole_anew) {
            ++anew;
            EXPECT_EQ(after.state, delta) << where << ": a state that was confirmed";
            EXPECT_EQ(after.deltas, "") << where;
        } else {
            ++added;
            EXPECT_EQ(after.state, before.state) << where;
            EXPECT_EQ(after.deltas, before.deltas + delta) << where;
        }
    }
    EXPECT_GT(added, trials);
    EXPECT_GT(erased, trials / 4);
    EXPECT_GT(anew, trials / 4);
    EXPECT_GT(refused, 0);
}

/// Opens the file with one bit of its WAL turned; how many commits are left, each of them whole.
int commits_left(aged_file const& aged, int trial, sim::generator& chance) {
    sim::disk disk("rotten", std::uint64_t(trial));
    disk.load(aged.image);
    auto bit = chance.below(aged.image.files.at("game.db-wal").size() * 8);
    disk.flip_at_rest("game.db-wal", bit);
    store_file file;
    store_summary summary;
    reading_sink sink;
    auto error = file.open(on(disk));
    if (!error) error = file.scan(sink, summary);
    EXPECT_FALSE(error) << "bit " << bit << ": " << error.message();
    if (error) return -1;
    EXPECT_EQ(check(file, aged.w, sink, summary, trial % 16 == 0), "") << "bit " << bit;
    return sink.commit;
}

/// SQLite drops the frame and all after it without a word: what is left is what some earlier commit left.
TEST(heavy_store_rot, of_one_bit_of_the_wal_takes_its_tail_and_nothing_else) {
    aged_file aged(aged_file::left::running);
    sim::generator chance(10, "rot");
    int shorter = 0;
    for (int trial = 0; trial < trials && !HasFailure(); ++trial) shorter += commits_left(aged, trial, chance) < 60;
    EXPECT_GT(shorter, trials * 9 / 10);
    std::cout << "[      ROT ] WAL: " << trials << " bits: " << shorter << " took commits away; each left what one commit had left\n";
}

/// What was checked in is not played back, so nothing can be lost of it.
TEST(heavy_store_rot, of_one_bit_of_the_wal_of_a_file_that_rests_takes_nothing) {
    aged_file aged(aged_file::left::resting);
    ASSERT_GT(aged.image.files.at("game.db-wal").size(), 20'000u);
    sim::generator chance(11, "rot");
    for (int trial = 0; trial < trials && !HasFailure(); ++trial) { EXPECT_EQ(commits_left(aged, trial, chance), 60); }
}

} // namespace
} // namespace dunlin
