// Power cuts after every change that a workload makes to its disk, and disks that fail under a running store.
//
// A workload is recorded once, with marks "attempted n" and "confirmed n" for its commits; then the power is cut after
// each event, in several ways, and what the file says is compared with what the workload knows: whole commits are
// there, in order, at least the confirmed and at most the attempted ones, and what they wrote (store_workload.hpp). One
// recovery in 16 is recorded, and cut as well; one in 16 meets a disk that fails.
#include "store_workload.hpp"
#include <dunlin/lib/sim/node_clock.hpp>
#include <dunlin/lib/store.hpp>

namespace dunlin {
namespace {

struct finding {
    int cuts = 0, again = 0, faults = 0, lost = 0, broken = 0;
    std::string first;
    void bad(int& kind, std::string const& what) {
        ++kind;
        if (first.empty()) first = what;
    }
};

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

/// The recovery of an image, and a commit after it, is recorded and cut.
void cut_recovery(workload const& w, sim::image const& image, int attempted, int confirmed, finding& found) {
    sim::recording again;
    sim::disk disk("recovering", std::uint64_t(found.cuts));
    disk.load(image);
    disk.record(&again);
    {
        store_file file;
        store_summary summary;
        reading_sink sink;
        if (file.open(on(disk)) || file.scan(sink, summary) || !file.checkpoint()) return found.bad(found.broken, "no recovery");
    }
    sim::generator chance{std::uint64_t(found.cuts)};
    sim::platter platter = again.start;
    for (auto& event : again.events) {
        platter.apply(event);
        ++found.again;
        check_cut(w, platter.cut(chance), attempted, confirmed, found);
    }
}

/// The recovery of an image meets a call that fails; the file is closed as it then is, and opened again.
void fail_recovery(workload const& w, sim::image const& image, int attempted, int confirmed, finding& found) {
    sim::generator chance{std::uint64_t(found.cuts)};
    auto n = 1 + chance.below(12);
    sim::disk_fault const faults[] = {{sim::on_write, n}, sim::disk_fault(sim::on_write, n).short_by_all_but(700),
                                      sim::disk_fault(sim::on_write, n).no_room().for_good(), {sim::on_sync, 1 + n / 4},
                                      sim::disk_fault(sim::on_sync, 1 + n / 4).dropping(), {sim::on_read, n}};
    sim::disk disk("failing", std::uint64_t(found.cuts));
    disk.load(image);
    disk.add(faults[chance.below(std::size(faults))]);
    {
        store_file file;
        store_summary summary;
        reading_sink sink;
        bool open = !file.open(on(disk)) && !file.scan(sink, summary);
        if (open && file.checkpoint()) file.write_batch(1, std::vector<store_write>{meta_write{17, "x"}});
    }
    disk.clear_faults();
    ++found.faults;
    check_cut(w, disk.cut(chance), attempted, confirmed, found);
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
    int attempted = 0, confirmed = 0, recoveries = 0;
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
        if (forget_power_loss || event.what == sim::disk_op::mark) continue;
        auto more = ++recoveries;
        if (more % 16 == 0) cut_recovery(w, platter.cut(chance), attempted, confirmed, found);
        if (more % 16 == 8) fail_recovery(w, platter.cut(chance), attempted, confirmed, found);
    }
}

void cut_until(int cuts) {
    finding found;
    for (std::uint64_t seed = 1; found.cuts < cuts && !found.lost && !found.broken; ++seed)
        cut_everywhere(seed, 60, false, found);
    EXPECT_EQ(found.lost, 0) << found.first;
    EXPECT_EQ(found.broken, 0) << found.first;
    EXPECT_GE(found.cuts, cuts);
    EXPECT_GT(found.again, cuts / 20);
    EXPECT_GT(found.faults, cuts / 100);
    std::cout << "[   POINTS ] " << found.cuts << " cuts, " << found.again << " of them during a recovery, " << found.faults
              << " after a recovery that met a failing call\n";
}

TEST(store_crash, no_power_cut_loses_what_was_confirmed_or_breaks_what_is_there) { cut_until(1500); }
TEST(heavy_store_crash, no_power_cut_loses_what_was_confirmed_or_breaks_what_is_there) { cut_until(10'000); }

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
