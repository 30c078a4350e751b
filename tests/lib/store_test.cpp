// The store over its file: with its thread on a real executor, and without one in virtual time.
#include "store_folder.hpp"
#include <boost/asio/io_context.hpp>
#include <dunlin/lib/sim/node_clock.hpp>
#include <dunlin/lib/store.hpp>
#include <thread>

namespace dunlin {
namespace {

struct plain_clock final : clock {
    std::chrono::nanoseconds steady_now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
    std::chrono::milliseconds wall_now() const override { return std::chrono::milliseconds(77); }
    std::unique_ptr<timer> make_timer(any_io_executor) override { return nullptr; }
};

/// A store with its thread; `wait` runs the executor until something is so.
struct threaded : store_folder {
    boost::asio::io_context io;
    plain_clock time;
    std::optional<store> it;
    std::shared_ptr<seen_at_start> seen;
    store_options with = options();
    std::vector<store_state> states;

    threaded() { start(); }
    template <class Condition> void wait(Condition const& so) {
        for (io.restart(); !so(); io.restart())
            ASSERT_EQ(io.run_one(), 1u) << "the executor ran out while an answer was due";
    }
    void start() {
        it.emplace(io.get_executor(), time);
        it->on_state([this](store_state s, boost::system::error_code) { states.push_back(s); });
        EXPECT_FALSE(open());
    }
    boost::system::error_code open() {
        std::optional<boost::system::error_code> answer;
        seen = std::make_shared<seen_at_start>();
        it->open(with, seen, [&](auto error, store_summary) { answer = error; });
        wait([&] { return answer.has_value(); });
        return *answer;
    }
    void stop() {
        bool stopped = false;
        it->stop([&] { stopped = true; });
        wait([&] { return stopped; });
    }
    object_state load(object_name const& name, boost::system::error_code expected = {}) {
        std::optional<object_state> answer;
        it->load(name, [&](auto error, object_state state) {
            EXPECT_EQ(error, expected);
            answer = std::move(state);
        });
        wait([&] { return answer.has_value(); });
        return *answer;
    }
};

TEST(store, answers_every_write_once_and_in_order) {
    threaded t;
    std::vector<int> answered;
    std::uint64_t rows = 0;
    for (int n = 0; n < 1000; ++n)
        t.it->write(entry(std::uint64_t(n) + 1, "x"), [&, n](write_result const& r) {
            EXPECT_FALSE(r.error);
            answered.push_back(n);
            rows = std::max(rows, r.row);
        });
    t.wait([&] { return answered.size() == 1000; });
    for (int n = 0; n < 1000; ++n) EXPECT_EQ(answered[std::size_t(n)], n);
    EXPECT_LT(rows, 900u) << "commits gather what arrives while one runs";
    EXPECT_EQ(t.it->queued_bytes(), 0u);
    t.stop();
    EXPECT_EQ(t.states, (std::vector<store_state>{store_state::open, store_state::stopped}));
}

TEST(store, lets_the_executor_end_when_nothing_is_due) {
    threaded t;
    bool answered = false;
    t.it->write(entry(1, "x"), [&](auto&) { answered = true; });
    t.io.restart();
    t.io.run();
    EXPECT_TRUE(answered);
}

TEST(store, keeps_what_was_queued_when_it_stops_and_refuses_what_comes_later) {
    threaded t;
    for (int n = 0; n < 100; ++n) t.it->write(entry(std::uint64_t(n) + 1, "x"));
    t.stop();
    EXPECT_EQ(t.it->state(), store_state::stopped);
    boost::system::error_code late;
    t.it->write(entry(101, "x"), [&](auto& r) { late = r.error; });
    t.wait([&] { return bool(late); });
    EXPECT_EQ(late, store_errc::stopped);
    t.load(object("x"), store_errc::stopped);
    EXPECT_FALSE(std::filesystem::exists(t.with.path + "-wal")) << "a clean stop leaves one file";
    t.start();
    EXPECT_EQ(t.seen->bytes, std::string(100, 'x'));
}

TEST(store, gives_names_numbers_that_stay) {
    threaded t;
    auto main = t.it->intern(name_kind::space, "main"), other = t.it->intern(name_kind::space, "other");
    auto player = t.it->intern(name_kind::type, "player");
    EXPECT_EQ(main, 1u);
    EXPECT_EQ(other, 2u);
    EXPECT_EQ(player, 1u);
    EXPECT_EQ(t.it->intern(name_kind::space, "main"), main);
    t.stop();
    t.start();
    EXPECT_EQ(t.it->find(name_kind::space, "other"), other);
    EXPECT_EQ(t.it->name(name_kind::type, player), "player");
    EXPECT_EQ(t.it->intern(name_kind::space, "third"), 3u);
    EXPECT_EQ(t.it->name(name_kind::writer, 9), "");
}

TEST(store, loads_lists_and_reads_rows) {
    threaded t;
    t.it->write(entry(1, "abc"));
    t.it->write(state_write{object("alice"), "A"});
    bool written = false;
    t.it->write(delta_write{object("alice"), "+"}, [&](auto&) { written = true; });
    t.wait([&] { return written; });
    auto alice = t.load(object("alice"));
    EXPECT_EQ(alice.state + alice.deltas, "A+");
    EXPECT_EQ(alice.upto, 1u);
    EXPECT_EQ(t.load(object("nobody")).is, row_presence::absent);
    std::optional<list_page> page;
    list_query query;
    query.space = 1, query.type = 1;
    t.it->list(query, [&](auto, list_page p) { page = std::move(p); });
    std::optional<std::vector<log_row>> rows;
    t.it->read_rows(1, 100, [&](auto, std::vector<log_row> r) { rows = std::move(r); });
    t.wait([&] { return page && rows; });
    ASSERT_EQ(page->items.size(), 1u);
    EXPECT_EQ(page->items[0].key, "alice");
    ASSERT_EQ(rows->size(), 1u);
    EXPECT_EQ((*rows)[0].bytes, "abc");
    EXPECT_EQ((*rows)[0].at_ms, 77);
}

TEST(store, opens_only_when_the_other_one_has_stopped) {
    threaded t;
    store second(t.io.get_executor(), t.time);
    std::optional<boost::system::error_code> answer;
    auto open = [&] {
        answer.reset();
        second.open(t.with, nullptr, [&](auto error, store_summary) { answer = error; });
        t.wait([&] { return answer.has_value(); });
        return *answer;
    };
    EXPECT_EQ(open(), store_errc::locked);
    EXPECT_EQ(second.intern(name_kind::space, "x"), 0u) << "no numbers before the file's own are known";
    t.stop();
    EXPECT_FALSE(open());
}

TEST(store, can_be_destroyed_with_answers_due) {
    threaded t;
    bool answered = false;
    for (int n = 0; n < 100; ++n) t.it->write(entry(std::uint64_t(n) + 1, "x"), [&](auto&) { answered = true; });
    t.it.reset();
    t.io.restart();
    t.io.run();
    EXPECT_FALSE(answered);
    t.start();
    auto kept = t.seen->bytes.size();
    EXPECT_EQ(t.seen->bytes, std::string(kept, 'x'));
}

TEST(store, keeps_the_order_of_each_thread_that_writes) {
    threaded t;
    constexpr int each = 2000;
    std::atomic<int> answered = 0;
    std::vector<std::jthread> threads;
    for (std::uint32_t w = 1; w <= 2; ++w)
        threads.emplace_back([&, w] {
            auto number = t.it->intern(name_kind::writer, "writer " + std::to_string(w));
            for (int n = 1; n <= each; ++n) {
                t.it->write(entry(std::uint64_t(n), "x", number), [&](auto& r) { answered += !r.error; });
                if (n % 100 == 0) t.it->load(object("x"), [](auto, object_state) {});
            }
        });
    threads.clear();
    t.wait([&] { return answered == 2 * each; });
    t.stop();
    t.start();
    std::map<std::uint32_t, std::uint64_t> last;
    for (auto& run : t.seen->heads) {
        EXPECT_EQ(run.first, last[run.writer] + 1);
        last[run.writer] = run.last;
    }
    EXPECT_EQ(last[1], std::uint64_t(each));
    EXPECT_EQ(last[2], std::uint64_t(each));
}

// ---- in virtual time

struct simulated : store_folder {
    sim::world world{1};
    sim::node_clock time{world, "n"};
    sim::process* process = &world.make_process("n");
    std::chrono::microseconds disk_us{100};
    store_options with = options();
    std::optional<store> it;
    std::vector<std::pair<store_state, boost::system::error_code>> states;

    void start() {
        any_io_executor executor = process->get_executor();
        it.emplace(executor, time, make_inline_store_runner(executor, time, [this] { return disk_us; }));
        it->on_state([this](store_state s, boost::system::error_code e) { states.emplace_back(s, e); });
        bool opened = false;
        it->open(with, nullptr, [&](auto error, store_summary) {
            EXPECT_FALSE(error);
            opened = true;
        });
        run_until([&] { return opened; });
    }
    template <class Condition> void run_until(Condition const& so) {
        while (!so()) ASSERT_TRUE(world.step()) << "nothing happens any more";
    }
};

TEST(store, needs_no_thread_and_takes_virtual_time) {
    simulated s;
    s.start();
    auto begun = s.world.now();
    std::size_t answered = 0;
    std::vector<std::uint64_t> rows;
    for (int n = 0; n < 10; ++n)
        s.it->write(entry(std::uint64_t(n) + 1, "x"), [&](auto& r) { ++answered, rows.push_back(r.row); });
    EXPECT_EQ(answered, 0u);
    s.run_until([&] { return answered == 10; });
    EXPECT_EQ(s.world.now() - begun, std::chrono::microseconds(100)) << "one commit for all";
    EXPECT_EQ(rows, std::vector<std::uint64_t>(10, 1));
    bool stopped = false;
    s.it->stop([&] { stopped = true; });
    s.run_until([&] { return stopped; });
}

TEST(store, says_when_the_queue_is_full) {
    simulated s;
    s.start();
    EXPECT_FALSE(s.it->full());
    std::size_t answered = 0;
    for (int n = 0; n < 70; ++n)
        s.it->write(state_write{object("k" + std::to_string(n)), std::string(1 << 20, 'x')},
                    [&](auto&) { ++answered; });
    EXPECT_TRUE(s.it->full());
    s.run_until([&] { return answered > 10; });
    EXPECT_FALSE(s.it->full());
    s.run_until([&] { return answered == 70; });
    EXPECT_EQ(s.it->queued_bytes(), 0u);
}

TEST(store, gathers_what_arrives_while_a_commit_runs) {
    simulated s;
    s.start();
    std::vector<std::uint64_t> rows;
    auto again = [&](auto& r) { rows.push_back(r.row); };
    s.it->write(entry(1, "x"), [&](auto& r) {
        rows.push_back(r.row);
        for (std::uint64_t n = 2; n <= 4; ++n) s.it->write(entry(n, "x"), again);
    });
    s.run_until([&] { return rows.size() == 4; });
    EXPECT_EQ(rows, (std::vector<std::uint64_t>{1, 2, 2, 2}));
}

TEST(store, keeps_the_queue_while_the_disk_is_full_and_finds_room_below_the_floor) {
    simulated s;
    s.with.file_bytes_max = 60 * 4096;
    s.start();
    std::string large(20'000, 'x');
    std::uint64_t number = 0;
    std::size_t answered = 0;
    auto write = [&] {
        s.it->write(entry(++number, large), [&](write_result const& r) {
            EXPECT_FALSE(r.error);
            ++answered;
        });
    };
    for (int n = 0; n < 6; ++n) write(), s.run_until([&] { return answered == number; });
    bool floor = false;
    s.it->write(floor_write{5}, [&](auto&) { floor = true; });
    s.run_until([&] { return floor; });
    s.states.clear();
    while (s.states.empty()) {
        write();
        s.run_until([&] { return answered == number || !s.states.empty(); });
        ASSERT_LT(number, 100u);
    }
    EXPECT_EQ(s.states[0].first, store_state::disk_full);
    EXPECT_EQ(s.states[0].second, store_errc::disk_full);
    EXPECT_LT(answered, number) << "not saved, and not lost";
    bool loaded = false;
    s.it->load(object("x"), [&](auto error, object_state) {
        EXPECT_FALSE(error);
        loaded = true;
    });
    s.run_until([&] { return loaded; });
    auto full_since = s.world.now();
    s.run_until([&] { return answered == number; });
    EXPECT_GE(s.world.now() - full_since, std::chrono::milliseconds(900));
    EXPECT_EQ(s.states.back().first, store_state::open);
    EXPECT_EQ(s.it->first_row(), 6u);
}

TEST(store, checks_the_wal_in_after_a_second_without_work) {
    simulated s;
    s.start();
    bool written = false;
    s.it->write(state_write{object("a"), "A"}, [&](auto&) { written = true; });
    s.run_until([&] { return written; });
    auto database = [&] {
        std::error_code e;
        return std::filesystem::file_size(s.with.path, e);
    };
    auto before = database();
    auto begun = s.world.now();
    while (s.world.step()) {}
    EXPECT_GT(database(), before);
    EXPECT_GE(s.world.now() - begun, std::chrono::milliseconds(990));
    EXPECT_LE(s.world.now() - begun, std::chrono::milliseconds(1100)) << "and then it is quiet";
}

} // namespace
} // namespace dunlin
