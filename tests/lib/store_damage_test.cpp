// Bit rot: a flipped bit in any row is found by its checksum, and nothing else stops.
#include "store_folder.hpp"
#include <fstream>
#include <random>

namespace dunlin {
namespace {

struct rotten : store_folder {
    store_options with = options();
    store_file file;
    seen_at_start seen;
    store_summary summary;

    void open() {
        auto error = file.open(with);
        ASSERT_FALSE(error) << error.message();
        seen = {};
        ASSERT_FALSE(file.scan(seen, summary));
    }
    void write(std::vector<store_write> const& writes, std::vector<write_result>* results = nullptr) {
        ASSERT_EQ(file.write_batch(1, writes, results).outcome, commit_outcome::ok) << file.last_message();
    }
    /// With the file closed: changes a bit wherever these bytes lie (SQLite leaves old copies in free space).
    void damage(std::string const& bytes) {
        std::fstream f(with.path, std::ios::in | std::ios::out | std::ios::binary);
        std::string all{std::istreambuf_iterator<char>(f), {}};
        f.clear();
        int places = 0;
        for (std::size_t at = 0; (at = all.find(bytes, at)) != std::string::npos; at += bytes.size(), ++places) {
            f.seekp(std::streamoff(at + bytes.size() / 2));
            f.put(char(all[at + bytes.size() / 2] ^ 4));
        }
        ASSERT_GT(places, 0);
    }
    void restart_damaged(std::string const& bytes) {
        file.close();
        damage(bytes);
        open();
    }
};

TEST(store_damage, an_object_is_unknown_and_not_absent_until_it_is_written_whole) {
    rotten r;
    r.open();
    r.write({state_write{object("alice"), "state of alice"}, state_write{object("bob"), "state of bob"}});
    r.restart_damaged("state of alice");
    for (int again = 0; again < 2; ++again) {
        EXPECT_EQ(load(r.file, object("alice")).is, row_presence::damaged);
        EXPECT_EQ(load(r.file, object("bob")).state, "state of bob");
        list_query query;
        query.space = 1, query.type = 1;
        auto page = r.file.list(query);
        ASSERT_EQ(page.items.size(), 2u);
        for (auto& item : page.items)
            EXPECT_EQ(item.object.is, item.key == "bob" ? row_presence::present : row_presence::damaged);
        std::vector<write_result> results;
        r.write({delta_write{object("alice"), "delta"}}, &results);
        EXPECT_EQ(results[0].error, store_errc::object_damaged) << "deltas on an unknown state";
        r.file.close();
        r.open();
    }
    r.write({state_write{object("alice"), "whole again"}});
    EXPECT_EQ(load(r.file, object("alice")).state, "whole again");
    r.file.close();
    r.open();
    EXPECT_EQ(load(r.file, object("alice")).is, row_presence::present);
    EXPECT_EQ(r.file.integrity_check(), "ok");
}

TEST(store_damage, an_object_whose_key_is_damaged_is_unknown_too) {
    rotten r;
    r.open();
    r.write({state_write{object("a rather long key"), "state"}});
    r.restart_damaged("a rather long key");
    EXPECT_EQ(load(r.file, object("a rather long key")).is, row_presence::damaged);
    r.write({state_write{object("a rather long key"), "new"}});
    EXPECT_EQ(load(r.file, object("a rather long key")).state, "new");
    r.write({erase_write{object("a rather long key")}});
    EXPECT_EQ(load(r.file, object("a rather long key")).is, row_presence::absent);
    r.write({state_write{object("a rather long key"), "new"}});
    list_query query;
    query.space = 1;
    EXPECT_EQ(r.file.list(query).items.size(), 1u);
}

TEST(store_damage, a_listing_finds_it_as_well) {
    rotten r;
    r.open();
    std::vector<store_write> writes;
    for (int n = 0; n < 100; ++n)
        writes.push_back(state_write{object("k" + std::to_string(n)), "<state " + std::to_string(n) + ">"});
    r.write(writes);
    r.restart_damaged("<state 50>");
    list_query query;
    query.space = 1, query.count_max = 10;
    int damaged = 0, present = 0;
    for (bool end = false; !end;) {
        auto page = r.file.list(query);
        for (auto& item : page.items) ++(item.object.is == row_presence::damaged ? damaged : present);
        end = page.end;
        if (!page.items.empty()) query.after = std::int64_t(page.items.back().hash);
    }
    EXPECT_EQ(damaged, 1);
    EXPECT_EQ(present, 99);
}

TEST(store_damage, a_part_of_a_large_object_makes_the_object_unknown) {
    rotten r;
    r.open();
    std::string state(100'000, 's');
    state.replace(70'000, 9, "<in here>");
    r.write({state_write{object("big"), state}, delta_write{object("big"), std::string(5000, 'd')}});
    r.restart_damaged("<in here>");
    EXPECT_EQ(load(r.file, object("big")).is, row_presence::damaged);
    r.write({state_write{object("big"), "small"}});
    EXPECT_EQ(load(r.file, object("big")).state, "small");
}

TEST(store_damage, rot_under_a_delta_is_not_covered_by_a_new_checksum) {
    rotten r;
    r.open();
    r.write({state_write{object("alice"), "state of alice"}});
    r.restart_damaged("state of alice");
    std::vector<write_result> results;
    r.write({delta_write{object("alice"), "delta"}, entry(1, "x")}, &results);
    EXPECT_EQ(results[0].error, store_errc::object_damaged);
    EXPECT_FALSE(results[1].error);
    EXPECT_EQ(load(r.file, object("alice")).is, row_presence::damaged);
}

TEST(store_damage, a_log_row_above_the_floor_is_reported_with_its_spaces_and_the_rest_is_read) {
    rotten r;
    r.open();
    r.write({entry(1, "first row")});
    r.write({entry(2, "second row", 1, 7)});
    r.write({entry(3, "third row")});
    r.restart_damaged("second row");
    ASSERT_EQ(r.seen.damage.size(), 1u);
    EXPECT_EQ(r.seen.damage[0].where, store_damage::place::log_bytes);
    EXPECT_EQ(r.seen.damage[0].number, 2u);
    ASSERT_EQ(r.seen.damage[0].runs.size(), 1u);
    EXPECT_EQ(r.seen.damage[0].runs[0].space, 7u);
    EXPECT_EQ(r.seen.bytes, "first rowthird row");
    auto rows = r.file.read_rows(1, 1000);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_TRUE(rows[1].damaged);
    EXPECT_EQ(rows[1].bytes, "");
    EXPECT_TRUE(r.file.read_row(2).damaged) << "it stays until the floor has passed it";
}

TEST(store_damage, a_log_row_below_the_floor_is_dropped_when_it_is_read) {
    rotten r;
    r.open();
    r.write({entry(1, "first row")});
    r.write({entry(2, "second row")});
    r.write({floor_write{2}});
    r.restart_damaged("first row");
    EXPECT_TRUE(r.seen.damage.empty()) << "bytes below the floor are not read at start";
    EXPECT_TRUE(r.file.read_row(1).damaged);
    EXPECT_EQ(r.file.read_row(1).row, 0u);
    EXPECT_EQ(r.file.read_row(2).bytes, "second row");
}

TEST(store_damage, damaged_small_rows_are_reported_and_a_lost_floor_does_not_reuse_ids) {
    rotten r;
    r.with.log_budget_bytes = 0;
    r.open();
    for (std::uint64_t n = 1; n <= 300; ++n) r.write({entry(n, "x")});
    r.write({state_write{object("alice"), "A"}, name_write{name_kind::type, 1, "a type name"},
             meta_write{16, "a meta value"}, space_write{1, "a vector", "heads"}});
    std::string floor("\0\0\0\0\0\0\1\x2C", 8);
    for (int n = 0; n < 5; ++n) r.write({floor_write{300}});
    r.file.close();
    for (auto bytes : {std::string("a type name"), std::string("a meta value"), std::string("a vector"), floor})
        r.damage(bytes);
    r.open();
    EXPECT_EQ(r.seen.damage.size(), 4u);
    EXPECT_TRUE(r.seen.names.empty() && r.seen.metas.empty() && r.seen.spaces.empty());
    EXPECT_EQ(r.file.floor(), 0u);
    EXPECT_EQ(load(r.file, object("alice")).upto, 300u);
    std::vector<write_result> results;
    r.write({entry(301, "x")}, &results);
    EXPECT_EQ(results[0].row, 301u);
}

/// Any bit of a file: found by a checksum, refused at opening, or without effect; never a wrong answer.
TEST(store_damage, no_flipped_bit_is_ever_believed) {
    rotten r;
    r.open();
    std::vector<store_write> writes{name_write{name_kind::type, 1, "t"}, space_write{1, "v", "h"}};
    std::map<std::string, std::string> states;
    for (std::uint64_t n = 1; n <= 40; ++n) {
        auto key = "key " + std::to_string(n);
        states[key] = std::string(n * 7, char('a' + n % 26));
        writes.push_back(entry(n, "body " + std::to_string(n) + ";"));
        writes.push_back(state_write{object(key), states[key]});
    }
    r.write(writes);
    auto whole = r.seen;
    r.file.close();
    r.open();
    whole = r.seen;
    r.file.close();
    std::string sound;
    {
        std::ifstream in(r.with.path, std::ios::binary);
        sound.assign(std::istreambuf_iterator<char>(in), {});
    }
    std::mt19937_64 random(7);
    int refused = 0, found = 0, unseen = 0;
    for (int trial = 0; trial < 600; ++trial) {
        auto bytes = sound;
        auto at = random() % bytes.size();
        bytes[at] = char(bytes[at] ^ (1 << random() % 8));
        {
            std::ofstream out(r.with.path, std::ios::binary | std::ios::trunc);
            out.write(bytes.data(), std::streamsize(bytes.size()));
        }
        std::filesystem::remove(r.with.path + "-wal");
        store_file file;
        seen_at_start seen;
        store_summary summary;
        if (file.open(r.with) || file.scan(seen, summary)) {
            ++refused;
            continue;
        }
        bool damaged = !seen.damage.empty();
        for (auto& [key, state] : states) {
            auto got = load(file, object(key));
            if (file.broken()) break;
            damaged = damaged || got.is == row_presence::damaged;
            if (got.is == row_presence::present) { EXPECT_EQ(got.state, state) << "bit of byte " << at; }
            EXPECT_NE(got.is, row_presence::absent) << "a flipped bit became an absence: byte " << at;
        }
        damaged = damaged || file.broken();
        if (!damaged) {
            EXPECT_EQ(seen.bytes, whole.bytes) << "byte " << at;
            EXPECT_EQ(seen.names, whole.names);
            EXPECT_EQ(seen.spaces, whole.spaces);
        }
        ++(damaged ? found : unseen);
    }
    EXPECT_GT(found, 100);
    RecordProperty("refused", refused), RecordProperty("found", found), RecordProperty("without_effect", unseen);
}

} // namespace
} // namespace dunlin
