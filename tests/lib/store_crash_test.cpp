// Power cuts after every change that a workload makes to its disk, and disks that fail under a running store.
//
// A workload is recorded once, with marks "attempted n" and "confirmed n" for its commits; then the power is cut after
// each event, in several ways, and what the file says is compared with what the workload knows:
//   - whole commits are there, in order, at least the confirmed and at most the attempted ones;
//   - every log row that is there is the one that was written, and none above the floor is missing;
//   - an object's state holds exactly its entries in rows <= upto, and the log has all later ones.
#include "store_folder.hpp"
#include <dunlin/lib/sim/disk.hpp>
#include <dunlin/lib/sim/node_clock.hpp>
#include <dunlin/lib/store.hpp>
#include <random>

namespace dunlin {
namespace {

store_options on(sim::disk& disk) {
    store_options with;
    with.path = "game.db", with.vfs = disk.vfs_name();
    with.log_budget_bytes = 6000;
    return with;
}

/// What was written, by commit, row and object.
struct workload {
    struct item {
        int commit;
        std::uint64_t row, id;
    };
    struct kept {
        std::uint64_t last_row, floor;
        bool extra; // the object that comes and goes is there
    };
    std::map<std::uint64_t, std::string> rows;
    std::map<std::string, std::vector<item>> objects;
    std::vector<kept> commits{{0, 0, false}}; // by number, from 1

    store_file file;
    std::mt19937_64 random;
    std::uint64_t next_id = 0;
    std::map<std::string, std::uint64_t> dirty;                // object -> commit-ordered first row not in its state
    std::map<std::string, std::vector<std::uint64_t>> pending; // ids not yet in the stored state of "big"

    explicit workload(std::uint64_t seed) : random(seed) {}

    struct batch {
        std::vector<store_write> writes;
        std::vector<std::pair<std::string, std::uint64_t>> entries; // object and id, of the n-th log write
    };
    void entry_for(batch& b, std::string const& key) {
        auto id = ++next_id;
        encoder body;
        body.u(id);
        body.raw(std::string(random() % 8 == 0 ? 6000 : 20 + random() % 150, char('a' + id % 26)));
        b.writes.push_back(log_write{{1, 1 + std::uint32_t(id % 3), id, id}, body.take()});
        b.entries.emplace_back(key, id);
        ids[key].push_back(id);
        if (key == "big") pending[key].push_back(id);
        dirty.try_emplace(key, 0);
    }
    void state_for(batch& b, std::string const& key) {
        encoder out;
        if (key == "big" && random() % 4) { // unread, as deltas
            for (auto id : pending[key]) out.u(id);
            b.writes.push_back(delta_write{object(key), out.take()});
        } else {
            std::string pad(key == "big" ? 20'000 : random() % 200, 'p');
            out.bytes(pad);
            for (auto id : ids[key]) out.u(id);
            b.writes.push_back(state_write{object(key), out.take()});
        }
        pending[key].clear();
        dirty.erase(key);
    }
    std::map<std::string, std::vector<std::uint64_t>> ids;

    void commit(sim::disk& disk, int number) {
        batch b;
        auto some = [&](std::uint64_t n) {
            while (n--) entry_for(b, random() % 4 ? "k" + std::to_string(random() % 30) : "big");
        };
        some(1 + random() % 6);
        bool round = number % 5 == 0, extra = commits.back().extra;
        if (round) {
            auto chunk = dirty;
            for (auto& [key, row] : chunk)
                if (random() % 5) state_for(b, key);
            // everything dirty that was left has its first entry in a row above the floor
            std::uint64_t floor = file.last_row();
            for (auto& [key, row] : dirty)
                if (row) floor = std::min(floor, row - 1);
            b.writes.push_back(floor_write{floor});
            some(random() % 3);
        }
        if (number % 7 == 3)
            b.writes.push_back(state_write{object("extra"), std::string(random() % 2 ? 50 : 40'000, 'x')}),
                extra = true;
        if (number % 7 == 6) b.writes.push_back(erase_write{object("extra")}), extra = false;
        b.writes.push_back(meta_write{16, std::to_string(number)});

        disk.mark(2 * std::uint64_t(number));
        std::vector<write_result> results;
        auto outcome = file.write_batch(number, b.writes, &results);
        ASSERT_EQ(outcome.outcome, commit_outcome::ok) << file.last_message();
        disk.mark(2 * std::uint64_t(number) + 1);
        std::size_t n = 0;
        for (std::size_t w = 0; w < b.writes.size(); ++w) {
            auto log = std::get_if<log_write>(&b.writes[w]);
            if (!log) continue;
            auto& [key, id] = b.entries[n++];
            EXPECT_EQ(rows[results[w].row].size(), results[w].offset);
            rows[results[w].row] += log->bytes;
            objects[key].push_back({number, results[w].row, id});
            if (auto d = dirty.find(key); d != dirty.end() && !d->second) d->second = results[w].row;
        }
        commits.push_back({file.last_row(), file.floor(), extra});
        bool checked_in = file.wal_frames() <= 60 || file.checkpoint();
        EXPECT_TRUE(checked_in);
    }
};

struct finding {
    int cuts = 0, lost = 0, broken = 0;
    std::string first;
    void bad(int& kind, std::string const& what) {
        ++kind;
        if (first.empty()) first = what;
    }
};

struct reading_sink : store_sink {
    int commit = 0, damage = 0;
    void on_meta(std::uint32_t key, bytes_view value) override {
        if (key == 16) commit = std::stoi(std::string(value));
    }
    void on_damage(store_damage const&) override { ++damage; }
};

bool object_is_right(store_file& file, workload const& w, std::string const& key, int commit, std::uint64_t first_row) {
    auto found = load(file, object(key));
    std::vector<std::uint64_t> ids, expected;
    decoder state(found.state), deltas(found.deltas);
    if (!found.state.empty()) state.bytes();
    while (state.ok() && !state.done()) ids.push_back(state.u());
    while (deltas.ok() && !deltas.done()) ids.push_back(deltas.u());
    if (found.is == presence::damaged || !state.ok() || !deltas.ok()) return false;
    for (auto& item : w.objects.at(key)) {
        if (item.commit > commit) break;
        if (item.row <= found.upto)
            expected.push_back(item.id);
        else if (item.row < first_row)
            return false; // neither in the state nor in the log
    }
    return ids == expected;
}

std::string check(store_file& file, workload const& w, reading_sink const& sink, store_summary const& summary,
                  bool thorough) {
    auto& kept = w.commits[std::size_t(sink.commit)];
    if (summary.last_row != kept.last_row || summary.floor != kept.floor) return "rows or floor of another commit";
    if (sink.damage) return "damaged rows";
    auto expected = summary.first_row;
    for (auto& row : file.read_rows(1, 64 << 20)) {
        if (row.damaged || row.row != expected++ || row.bytes != w.rows.at(row.row))
            return "a log row is not what was written";
    }
    if (expected != kept.last_row + 1 || summary.first_row > kept.floor + 1) return "log rows are missing";
    for (auto& [key, items] : w.objects)
        if (!object_is_right(file, w, key, sink.commit, summary.first_row)) return "object " + key;
    if ((load(file, object("extra")).is == presence::present) != kept.extra) return "the object that comes and goes";
    if (thorough && file.integrity_check() != "ok") return "integrity_check";
    return {};
}

void check_cut(workload const& w, sim::image const& image, int attempted, int confirmed, finding& found) {
    ++found.cuts;
    sim::disk disk("after", std::uint64_t(found.cuts));
    disk.load(image);
    store_file file;
    store_summary summary;
    reading_sink sink;
    if (auto error = file.open(on(disk)))
        return found.bad(found.broken, "open: " + error.message() + file.last_message());
    if (auto error = file.scan(sink, summary)) return found.bad(found.broken, "scan: " + error.message());
    if (sink.commit > attempted) return found.bad(found.broken, "a commit that was never made");
    if (sink.commit < confirmed)
        return found.bad(found.lost,
                         "confirmed " + std::to_string(confirmed) + ", there " + std::to_string(sink.commit));
    if (auto what = check(file, w, sink, summary, found.cuts % 8 == 0); !what.empty())
        return found.bad(found.broken, what);
    if (found.cuts % 16) return;
    std::vector<store_write> more{entry(1, "after the cut"), state_write{object("new"), "n"}}; // and life goes on
    if (file.write_batch(1, more).outcome != commit_outcome::ok || file.last_row() != summary.last_row + 1)
        found.bad(found.broken, "cannot go on");
}

/// All cuts of one recorded run.
void cut_everywhere(std::uint64_t seed, int commits, bool forget_power_loss, finding& found) {
    sim::recording recorded;
    workload w(seed);
    {
        sim::disk disk("recorded", seed);
        sim::disk_registration first(disk);
        auto with = on(disk);
        with.forget_power_loss = forget_power_loss;
        seen_at_start seen;
        store_summary summary;
        ASSERT_FALSE(w.file.open(with)) << w.file.last_message();
        ASSERT_FALSE(w.file.scan(seen, summary));
        disk.record(&recorded);
        for (int n = 1; n <= commits && !testing::Test::HasFatalFailure(); ++n) w.commit(disk, n);
        disk.record(nullptr);
        w.file.close();
    }
    EXPECT_GT(w.commits.back().floor, 20u);
    sim::platter platter = recorded.start;
    sim::generator chance(seed);
    int attempted = 0, confirmed = 0;
    for (auto& event : recorded.events) {
        platter.apply(event);
        if (event.what == sim::disk_op::mark) (event.at % 2 ? confirmed : attempted) = int(event.at / 2);
        sim::cut_style any, noisy, sure;
        noisy.noise = 0.1;
        sure.what = sim::cut_style::keep::only_sure;
        check_cut(w, platter.cut(chance, any), attempted, confirmed, found);
        if (found.cuts % 3 == 0) check_cut(w, platter.cut(chance, noisy), attempted, confirmed, found);
        if (event.what == sim::disk_op::sync || event.what == sim::disk_op::mark)
            check_cut(w, platter.cut(chance, sure), attempted, confirmed, found);
    }
}

TEST(store_crash, no_power_cut_loses_what_was_confirmed_or_breaks_what_is_there) {
    finding found;
    for (std::uint64_t seed = 1; found.cuts < 10'000 && !found.lost && !found.broken; ++seed)
        cut_everywhere(seed, 60, false, found);
    EXPECT_EQ(found.lost, 0) << found.first;
    EXPECT_EQ(found.broken, 0) << found.first;
    EXPECT_GE(found.cuts, 10'000);
    RecordProperty("cuts", found.cuts);
}

TEST(store_crash, without_full_syncs_the_same_check_finds_losses) {
    finding found;
    cut_everywhere(1, 60, true, found);
    EXPECT_GT(found.lost, 100) << "a check that cannot fail shows nothing";
    EXPECT_EQ(found.broken, 0) << found.first;
}

// ---- a running store on a failing disk

struct failing {
    sim::world world{1};
    sim::node_clock time{world, "n"};
    sim::disk disk{"n", 1, &time};
    sim::disk_registration first{disk};
    sim::process* process = &world.make_process("n");
    std::optional<store> it;
    std::vector<std::pair<store_state, boost::system::error_code>> states;
    std::shared_ptr<seen_at_start> seen;

    failing() {
        any_io_executor executor = process->get_executor();
        it.emplace(executor, time, make_inline_store_runner(executor, time, [this] { return disk.take_time(); }));
        it->on_state([this](store_state s, boost::system::error_code e) { states.emplace_back(s, e); });
        EXPECT_FALSE(open());
    }
    template <class Condition> void run_until(Condition const& so) {
        while (!so()) ASSERT_TRUE(world.step()) << "nothing happens any more";
    }
    boost::system::error_code open() {
        std::optional<boost::system::error_code> answer;
        seen = std::make_shared<seen_at_start>();
        it->open(on(disk), seen, [&](auto error, store_summary) { answer = error; });
        run_until([&] { return answer.has_value(); });
        return answer.value_or(boost::system::error_code(store_errc::stopped));
    }
    boost::system::error_code write(store_write w) {
        std::optional<boost::system::error_code> answer;
        it->write(std::move(w), [&](write_result const& r) { answer = r.error; });
        run_until([&] { return answer.has_value(); });
        return answer.value_or(boost::system::error_code(store_errc::stopped));
    }
};

TEST(store_crash, a_failed_sync_is_an_unknown_outcome_for_all_that_waits_and_is_mended_by_opening_again) {
    failing f;
    auto main = f.it->intern(name_kind::space, "main");
    EXPECT_FALSE(f.write(entry(1, "a")));
    f.disk.add(sim::disk_fault(sim::on_sync, 1));
    std::vector<boost::system::error_code> answers;
    auto other = f.it->intern(name_kind::space, "other");
    for (std::uint64_t n = 2; n <= 4; ++n) f.it->write(entry(n, "b"), [&](auto& r) { answers.push_back(r.error); });
    f.run_until([&] { return answers.size() == 3; });
    for (auto e : answers) EXPECT_EQ(e, store_errc::unknown_outcome);
    EXPECT_EQ(f.it->state(), store_state::broken);
    EXPECT_EQ(f.states.back().second, store_errc::unknown_outcome);
    EXPECT_EQ(f.write(entry(5, "c")), store_errc::reopen_needed);
    std::optional<boost::system::error_code> loaded;
    f.it->load(object("x"), [&](auto error, object_state) { loaded = error; });
    f.run_until([&] { return loaded.has_value(); });
    EXPECT_EQ(*loaded, store_errc::reopen_needed);
    auto third = f.it->intern(name_kind::space, "third");

    bool refused = false;
    f.it->write(entry(6, "stale"), [&](auto& r) { refused = r.error == store_errc::reopen_needed; });
    EXPECT_FALSE(f.open());
    EXPECT_TRUE(refused) << "what was queued for the old file must not follow on a gap in the new one";
    EXPECT_TRUE(f.seen->bytes == "a" || f.seen->bytes == "abbb") << f.seen->bytes;
    EXPECT_FALSE(f.write(entry(7, "d")));
    f.it.reset();
    store_file file;
    store_summary summary;
    ASSERT_FALSE(file.open(on(f.disk)));
    seen_at_start seen;
    ASSERT_FALSE(file.scan(seen, summary));
    EXPECT_EQ(seen.names,
              (std::vector<std::string>{"1:" + std::to_string(main) + ":main", "1:" + std::to_string(other) + ":other",
                                        "1:" + std::to_string(third) + ":third"}))
        << "names keep their numbers";
}

TEST(store_crash, a_failing_disk_can_be_opened_again_and_again_until_it_works) {
    failing f;
    f.disk.add(sim::disk_fault(sim::on_write, 1).for_good());
    EXPECT_EQ(f.write(entry(1, "a")), store_errc::unknown_outcome);
    f.disk.add(sim::disk_fault(sim::on_read, 1).for_good());
    EXPECT_TRUE(f.open());
    EXPECT_TRUE(f.open());
    EXPECT_EQ(f.it->state(), store_state::broken);
    f.disk.clear_faults();
    EXPECT_FALSE(f.open());
    EXPECT_FALSE(f.write(entry(1, "a")));
}

TEST(store_crash, a_read_that_fails_breaks_the_store_and_no_object_is_absent_for_it) {
    failing f;
    for (std::uint64_t n = 1; n <= 300; ++n)
        EXPECT_FALSE(f.write(state_write{object("k" + std::to_string(n)), std::string(300, 's')}));
    bool stopped = false;
    f.it->stop([&] { stopped = true; });
    f.run_until([&] { return stopped; });
    failing* again = &f;
    any_io_executor executor = f.process->get_executor();
    f.it.emplace(executor, f.time,
                 make_inline_store_runner(executor, f.time, [again] { return again->disk.take_time(); }));
    EXPECT_FALSE(f.open());
    f.disk.add(sim::disk_fault(sim::on_read, 1).for_good());
    std::optional<boost::system::error_code> loaded;
    f.it->load(object("k7"), [&](auto error, object_state) { loaded = error; });
    f.run_until([&] { return loaded.has_value(); });
    EXPECT_EQ(*loaded, store_errc::unknown_outcome);
    EXPECT_EQ(f.it->state(), store_state::broken);
}

TEST(store_crash, a_full_disk_keeps_the_queue_and_saves_it_when_there_is_room) {
    failing f;
    EXPECT_FALSE(f.write(entry(1, "a")));
    f.disk.set_room(f.disk.used_bytes() + 4096);
    std::vector<boost::system::error_code> answers;
    for (std::uint64_t n = 2; n <= 50; ++n)
        f.it->write(entry(n, std::string(1000, 'b')), [&](auto& r) { answers.push_back(r.error); });
    f.run_until([&] { return f.it->state() == store_state::disk_full && f.states.size() > 1; });
    EXPECT_EQ(f.states.back().second, store_errc::disk_full);
    auto since = f.world.now();
    f.run_until([&] { return f.world.now() > since + std::chrono::seconds(5); });
    EXPECT_TRUE(answers.empty());
    EXPECT_GT(f.it->queued_bytes(), 49'000u);
    f.disk.set_room(~std::uint64_t(0));
    f.run_until([&] { return answers.size() == 49; });
    for (auto e : answers) EXPECT_FALSE(e);
    EXPECT_EQ(f.it->state(), store_state::open);
    EXPECT_EQ(f.it->queued_bytes(), 0u);
}

TEST(store_crash, a_stop_on_a_full_disk_says_so_and_ends) {
    failing f;
    EXPECT_FALSE(f.write(entry(1, "a")));
    f.disk.set_room(f.disk.used_bytes());
    std::vector<boost::system::error_code> answers;
    for (std::uint64_t n = 2; n <= 50; ++n)
        f.it->write(entry(n, std::string(5000, 'b')), [&](auto& r) { answers.push_back(r.error); });
    bool stopped = false;
    f.it->stop([&] { stopped = true; });
    f.run_until([&] { return stopped; });
    ASSERT_EQ(answers.size(), 49u);
    for (auto e : answers) EXPECT_EQ(e, store_errc::disk_full);
}

} // namespace
} // namespace dunlin
