// The file alone, on the machine's disk: what is written is read, in the same order, exactly up to where it was said.
#include "store_folder.hpp"
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dunlin {
namespace {

struct opened : store_folder {
    store_file file;
    seen_at_start seen;
    store_summary summary;
    store_options with = options();
    explicit opened(void (*change)(store_options&) = nullptr) {
        if (change) change(with);
        reopen();
    }
    void reopen() {
        file.close();
        auto error = file.open(with);
        ASSERT_FALSE(error) << error.message() << " " << file.last_message();
        seen = {};
        ASSERT_FALSE(file.scan(seen, summary));
    }
    std::vector<write_result> write(std::vector<store_write> const& writes,
                                    commit_outcome expected = commit_outcome::ok) {
        std::vector<write_result> results;
        auto commit = file.write_batch(now_ms++, writes, &results);
        EXPECT_EQ(commit.outcome, expected) << file.last_message();
        return results;
    }
    std::int64_t now_ms = 1000;
};

TEST(store_file, gives_back_after_reopening_what_was_written) {
    opened o;
    EXPECT_TRUE(o.summary.fresh);
    o.write({name_write{name_kind::space, 1, "main"}, name_write{name_kind::type, 1, "player"}, entry(1, "aa"),
             entry(2, "bb"), state_write{object("alice"), "AA"}, meta_write{16, "run"}, space_write{1, "v2", "h2"},
             entry(3, "cc")});
    o.reopen();
    EXPECT_FALSE(o.summary.fresh);
    EXPECT_EQ(o.seen.names, (std::vector<std::string>{"1:1:main", "2:1:player"}));
    EXPECT_EQ(o.seen.metas, (std::vector<std::string>{"16:run"}));
    EXPECT_EQ(o.seen.spaces, (std::vector<std::string>{"1@1:v2/h2"}));
    EXPECT_EQ(o.seen.heads, (std::vector<log_run>{{1, 1, 1, 2}, {1, 1, 3, 3}}));
    EXPECT_EQ(o.seen.bytes, "aabbcc");
    auto alice = load(o.file, object("alice"));
    EXPECT_EQ(alice.is, row_presence::present);
    EXPECT_EQ(alice.state, "AA");
    EXPECT_EQ(load(o.file, object("bob")).is, row_presence::absent);
    EXPECT_EQ(o.file.integrity_check(), "ok");
}

TEST(store_file, puts_entries_of_one_batch_into_one_row_and_says_where) {
    opened o;
    auto results = o.write({entry(1, "aaa"), entry(1, "bb", 2), entry(2, "c", 2)});
    EXPECT_EQ(results[0].row, 1u);
    EXPECT_EQ(results[2].row, 1u);
    EXPECT_EQ(results[1].offset, 3u);
    EXPECT_EQ(results[2].offset, 5u);
    auto row = o.file.read_row(1);
    EXPECT_EQ(row.bytes, "aaabbc");
    EXPECT_EQ(row.at_ms, 1000);
    EXPECT_EQ(row.runs, (std::vector<log_run>{{1, 1, 1, 1}, {1, 2, 1, 2}}));
    EXPECT_EQ(o.file.read_row(2).row, 0u);
}

TEST(store_file, keeps_rows_small_unless_one_entry_is_large) {
    opened o;
    std::string part(100 << 10, 'x'), large(1 << 20, 'y');
    auto results = o.write({entry(1, part), entry(2, part), entry(3, part), entry(4, large), entry(5, part)});
    EXPECT_EQ(results[1].row, 1u);
    EXPECT_EQ(results[2].row, 2u);
    EXPECT_EQ(results[3].row, 3u);
    EXPECT_EQ(results[4].row, 4u);
    auto rows = o.file.read_rows(1, 250 << 10);
    ASSERT_EQ(rows.size(), 1u);
    rows = o.file.read_rows(2, 64 << 20);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[1].bytes, large);
    EXPECT_TRUE(o.file.read_rows(5, 1).empty());
}

TEST(store_file, says_upto_of_a_state_exactly) {
    opened o;
    auto results = o.write({state_write{object("before"), "0"}, entry(1, "a"), state_write{object("between"), "1"},
                            entry(2, "b"), state_write{object("after"), "2"}, delta_write{object("deltas"), "2"}});
    EXPECT_EQ(load(o.file, object("before")).upto, 0u);
    EXPECT_EQ(load(o.file, object("between")).upto, 1u);
    EXPECT_EQ(load(o.file, object("after")).upto, 2u);
    EXPECT_EQ(load(o.file, object("deltas")).upto, 2u);
    EXPECT_EQ(results[3].row, 2u) << "an entry after a state shares no row with one before it";
    o.write({delta_write{object("deltas"), "x", 2}, entry(3, "c"), delta_write{object("explicit"), "y", 1}});
    EXPECT_EQ(load(o.file, object("deltas")).upto, 2u);
    EXPECT_EQ(load(o.file, object("explicit")).upto, 1u);
}

TEST(store_file, never_begins_log_ids_again_after_a_full_cut) {
    opened o([](store_options& with) { with.log_budget_bytes = 0; });
    for (std::uint64_t n = 1; n <= 5; ++n) o.write({entry(n, "x")});
    o.write({floor_write{5}});
    EXPECT_EQ(o.file.first_row(), 6u);
    EXPECT_TRUE(o.file.read_rows(1, 1 << 20).empty());
    o.reopen();
    EXPECT_EQ(o.summary.floor, 5u);
    EXPECT_EQ(o.write({entry(6, "x")})[0].row, 6u);
}

TEST(store_file, never_cuts_above_the_floor) {
    opened o([](store_options& with) { with.log_budget_bytes = 0; });
    for (std::uint64_t n = 1; n <= 10; ++n) o.write({entry(n, "x")});
    EXPECT_EQ(o.file.read_rows(1, 1 << 20).size(), 10u);
    o.write({floor_write{4}});
    o.write({entry(11, "x")});
    auto rows = o.file.read_rows(1, 1 << 20);
    ASSERT_EQ(rows.size(), 7u);
    EXPECT_EQ(rows[0].row, 5u);
    EXPECT_EQ(o.file.cut_to_floor(1000).outcome, commit_outcome::ok);
    EXPECT_EQ(o.file.read_rows(1, 1 << 20).size(), 7u);
}

TEST(store_file, raises_the_floor_as_far_as_every_space_allows) {
    opened o;
    o.write({entry(1, "a", 1, 1)});
    o.write({entry(1, "b", 1, 2)});
    o.write({entry(2, "c", 1, 1)});
    o.write({floor_write{3, 1}});
    EXPECT_EQ(o.file.floor(), 0u) << "row 2 is of a space that has not said anything";
    o.reopen();
    o.write({floor_write{3, 1}});
    EXPECT_EQ(o.file.floor(), 0u) << "nor after a start";
    o.write({entry(2, "d", 1, 2)});
    o.write({floor_write{2, 2}});
    EXPECT_EQ(o.file.floor(), 2u) << "row 4 is of that space";
    o.write({floor_write{4, 2}});
    EXPECT_EQ(o.file.floor(), 4u) << "nothing above row 3 is of the other";
    o.write({entry(3, "e", 1, 1), floor_write{5, 2}});
    EXPECT_EQ(o.file.floor(), 4u);
}

TEST(store_file, cuts_by_budget_and_by_age_in_steps) {
    opened o([](store_options& with) { with.log_budget_bytes = 10'000, with.log_budget_age_ms = 1000; });
    std::string bytes(100, 'x');
    for (std::uint64_t n = 1; n <= 400; ++n) o.write({entry(n, bytes)});
    o.write({floor_write{400}});
    EXPECT_EQ(o.file.first_row(), 101u) << "a hundred rows a commit";
    for (int n = 0; n < 10; ++n) o.write({meta_write{16, "x"}});
    EXPECT_LE(o.file.log_bytes(), 10'000u);
    EXPECT_GT(o.file.log_bytes(), 9'000u);
    o.now_ms += 5000;
    o.write({entry(401, bytes)});
    EXPECT_EQ(o.file.first_row(), 401u) << "the old ones are gone, the new one stays";
}

TEST(store_file, keeps_large_states_and_appends_deltas_in_order) {
    opened o;
    std::string state(3'000'000, 's'), deltas;
    o.write({state_write{object("big"), state}});
    bool wants_fold = false;
    for (int n = 0; n < 300; ++n) {
        std::string delta = "<" + std::to_string(n) + std::string(std::size_t(n * 37 % 900), '.') + ">";
        deltas += delta;
        auto results = o.write({entry(std::uint64_t(n) + 1, "x"), delta_write{object("big"), delta}});
        wants_fold = wants_fold || results[1].wants_fold;
    }
    EXPECT_FALSE(wants_fold);
    o.reopen();
    auto big = load(o.file, object("big"));
    EXPECT_EQ(big.state, state);
    EXPECT_EQ(big.deltas, deltas);
    EXPECT_EQ(big.upto, 300u);
    auto results = o.write({delta_write{object("big"), std::string(1'600'000, 'd')}});
    EXPECT_TRUE(results[0].wants_fold);
    o.write({state_write{object("big"), "small"}});
    big = load(o.file, object("big"));
    EXPECT_EQ(big.state, "small");
    EXPECT_EQ(big.deltas, "");
    o.write({erase_write{object("big")}});
    EXPECT_EQ(load(o.file, object("big")).is, row_presence::absent);
    EXPECT_EQ(o.file.integrity_check(), "ok");
}

TEST(store_file, keeps_deltas_of_an_object_that_has_no_state_yet) {
    opened o;
    auto results = o.write({delta_write{object("cold"), "one "}, delta_write{object("cold"), "two "}});
    EXPECT_FALSE(results[1].wants_fold);
    auto cold = load(o.file, object("cold"));
    EXPECT_EQ(cold.state, "");
    EXPECT_EQ(cold.deltas, "one two ");
    results = o.write({delta_write{object("cold"), std::string(20'000, 'x')}});
    EXPECT_TRUE(results[0].wants_fold);
    EXPECT_EQ(load(o.file, object("cold")).deltas.size(), 20'008u);
}

TEST(store_file, keeps_four_objects_of_one_hash_apart_and_refuses_the_fifth) {
    opened o;
    std::vector<store_write> writes;
    for (int n = 0; n < 5; ++n) writes.push_back(state_write{{1, 1, 77, "k" + std::to_string(n)}, std::to_string(n)});
    auto results = o.write(writes);
    for (int n = 0; n < 4; ++n) EXPECT_EQ(o.file.load(1, 1, 77, "k" + std::to_string(n)).state, std::to_string(n));
    EXPECT_EQ(results[4].error, store_errc::no_slot);
    EXPECT_EQ(o.file.load(1, 1, 77, "k4").is, row_presence::absent);
    list_query query;
    query.space = 1, query.count_max = 1;
    EXPECT_EQ(o.file.list(query).items.size(), 4u) << "a page never splits a hash";
    o.write({erase_write{{1, 1, 77, "k1"}}});
    EXPECT_FALSE(o.write({writes[4]})[0].error);
    EXPECT_EQ(o.file.load(1, 1, 77, "k4").state, "4");
    EXPECT_EQ(o.file.load(1, 1, 77, "k3").state, "3");
}

TEST(store_file, lists_objects_in_hash_order_page_by_page) {
    opened o;
    std::vector<store_write> writes;
    for (int n = 0; n < 1000; ++n)
        writes.push_back(state_write{
            object("k" + std::to_string(n), 1 + std::uint32_t(n % 3), 1 + std::uint32_t(n % 2)), std::to_string(n)});
    o.write(writes);
    for (std::uint32_t type : {0u, 2u}) {
        list_query query;
        query.space = 2, query.type = type, query.count_max = 7, query.states = true;
        std::size_t count = 0, pages = 0;
        for (bool end = false; !end; ++pages) {
            auto page = o.file.list(query);
            for (auto& item : page.items) {
                EXPECT_GT(std::int64_t(item.hash), query.after);
                query.after = std::int64_t(item.hash);
                EXPECT_EQ("k" + item.object.state, item.key);
                EXPECT_TRUE(!type || item.type == type);
                ++count;
            }
            end = page.end;
        }
        EXPECT_EQ(count, type ? 167u : 500u);
        EXPECT_GT(pages, 20u);
    }
}

// ---- files that are not ours to open

TEST(store_file, refuses_a_file_that_is_open_here) {
    opened o;
    store_file second;
    EXPECT_EQ(second.open(o.with), store_errc::locked);
    EXPECT_EQ(o.write({entry(1, "x")})[0].row, 1u) << "and the first goes on";
    store_file third;
    EXPECT_EQ(third.open(o.with), store_errc::locked);
}

TEST(store_file, refuses_a_file_that_another_process_holds) {
    opened o;
    auto child = ::fork();
    if (child == 0) {
        store_file second;
        ::_exit(second.open(o.with) == store_errc::locked ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

void sql(std::string const& path, std::string const& text) {
    auto command = "python3 -c 'import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2])' '" +
                   path + "' '" + text + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
}
std::string contents(std::string const& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(store_file, refuses_a_newer_file_and_one_of_another_program_and_touches_neither) {
    store_folder folder;
    auto with = folder.options();
    sql(with.path, "CREATE TABLE t(x); INSERT INTO t VALUES(1);");
    auto before = contents(with.path);
    store_file file;
    EXPECT_EQ(file.open(with), store_errc::foreign_file);
    EXPECT_EQ(contents(with.path), before);
    sql(with.path, "PRAGMA application_id = 0x64756E6C; PRAGMA user_version = 2;");
    before = contents(with.path);
    EXPECT_EQ(file.open(with), store_errc::newer_file);
    EXPECT_EQ(contents(with.path), before);
}

TEST(store_file, finds_objects_by_their_deadlines_the_earliest_first) {
    opened o;
    auto with_end = [](std::string key, std::int64_t ends) { return state_write{object(key), "S", ends}; };
    o.write({with_end("c", 300), with_end("a", 100), with_end("never", 0), with_end("b", 200), with_end("b2", 200)});
    auto found = [&](due_query q) {
        std::string all;
        q.space = 1;
        for (auto& item : o.file.due(q)) all += item.key + "@" + std::to_string(item.at.ends_ms) + " ";
        return all;
    };
    auto all = found({0, 1000, {}, 10});
    EXPECT_TRUE(all == "a@100 b@200 b2@200 c@300 " || all == "a@100 b2@200 b@200 c@300 ") << all;
    EXPECT_EQ(found({0, 200, {}, 10}), "a@100 ");
    std::string paged;
    due_query q{1, 1000, {}, 1};
    for (auto page = o.file.due(q); !page.empty(); page = o.file.due(q)) {
        paged += page[0].key + "@" + std::to_string(page[0].at.ends_ms) + " ";
        q.after = page[0].at;
    }
    EXPECT_EQ(paged, all);
    o.write({delta_write{object("a"), "d", 0, 50}, delta_write{object("c"), "d", 0, 900}, delta_write{object("never"), "d", 0, 700},
             delta_write{object("b"), "d"}, with_end("b2", 0)});
    EXPECT_EQ(found({0, 1000, {}, 10}), "a@50 b@200 c@300 never@700 ") << "deltas only bring it forward";
    o.write({erase_write{object("a")}});
    o.reopen();
    EXPECT_EQ(found({0, 1000, {}, 10}), "b@200 c@300 never@700 ");
    q = {2, 1000, {}, 10};
    EXPECT_TRUE(o.file.due(q).empty()) << "another space";
    EXPECT_EQ(o.file.integrity_check(), "ok");
}

TEST(store_file, gives_an_older_file_the_column_of_deadlines) {
    opened o;
    o.write({entry(1, "aa"), state_write{object("alice"), "AA"}});
    o.file.close();
    sql(o.with.path, "DROP INDEX object_ends; ALTER TABLE object DROP COLUMN ends;");
    o.reopen();
    EXPECT_EQ(load(o.file, object("alice")).state, "AA");
    o.write({state_write{object("bob"), "B", 7}});
    EXPECT_EQ(o.file.due({1, 100, {}, 10}).size(), 1u);
    EXPECT_EQ(o.file.integrity_check(), "ok");
}

TEST(store_file, refuses_what_is_no_database) {
    store_folder folder;
    auto with = folder.options();
    std::string text(10'000, 'z');
    std::ofstream(with.path) << text;
    store_file file;
    EXPECT_EQ(file.open(with), store_errc::not_a_database);
    EXPECT_EQ(contents(with.path), text);
}

TEST(store_file, says_that_a_folder_is_missing_or_no_folder) {
    store_folder folder;
    store_file file;
    EXPECT_EQ(file.open(folder.options("no/such/folder.db")), store_errc::unwritable);
    std::ofstream(folder.path / "plain") << "x";
    EXPECT_EQ(file.open(folder.options("plain/game.db")), store_errc::unwritable);
    std::filesystem::create_directory(folder.path / "dir");
    EXPECT_EQ(file.open(folder.options("dir")), store_errc::unwritable);
}

TEST(store_file, makes_its_files_private_and_never_a_shared_memory_file) {
    opened o;
    for (int n = 0; n < 3; ++n) {
        o.write({entry(std::uint64_t(n) + 1, "x")});
        EXPECT_FALSE(std::filesystem::exists(o.with.path + "-shm"));
        for (auto name : {"", "-wal"}) {
            struct stat s;
            ASSERT_EQ(::stat((o.with.path + name).c_str(), &s), 0);
            EXPECT_EQ(s.st_mode & 0777, 0600u);
        }
        o.reopen();
    }
    EXPECT_FALSE(std::filesystem::exists(o.with.path + "-shm"));
}

TEST(store_file, says_disk_full_and_goes_on_when_there_is_room) {
    opened o([](store_options& with) { with.file_bytes_max = 40 * 4096, with.log_budget_bytes = 0; });
    std::string large(50'000, 'x');
    o.write({entry(1, large), state_write{object("a"), "before"}, floor_write{1}});
    commit_result result;
    for (std::uint64_t n = 2; n < 100; ++n) {
        std::vector<store_write> writes{entry(n, large), state_write{object("a"), "after " + std::to_string(n)}};
        result = o.file.write_batch(1, writes);
        if (result.outcome != commit_outcome::ok) break;
    }
    ASSERT_EQ(result.outcome, commit_outcome::disk_full);
    auto last = o.file.last_row();
    EXPECT_FALSE(o.file.broken());
    EXPECT_EQ(load(o.file, object("a")).upto, last);
    o.write({floor_write{last}});
    EXPECT_EQ(o.file.cut_to_floor(1000).outcome, commit_outcome::ok);
    EXPECT_EQ(o.write({entry(99, large)})[0].row, last + 1);
    EXPECT_EQ(o.file.integrity_check(), "ok");
}

} // namespace
} // namespace dunlin
