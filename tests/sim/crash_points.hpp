// Crash points of a whole node: one run of it is recorded on its disk, and the power is cut after every change of that.
//
//   workload   node 1 of two writes, takes entries, evicts under 24 KiB of memory, cuts its log under 32 KiB, and takes
//              a state from node 0, whose log has been cut; recorded from the creation of the file on
//   cut        after each write, sync, truncate, create and remove: any mixture of sectors, with noise, or only what was
//              synced
//   look       at every cut, in the file itself: integrity_check, rows, sums, no state ahead of the log, the entries of
//              node 1: at least those confirmed, at most those attempted
//   reopen     at some cuts, a real node: each object holds exactly the entries that the vector says
//   again      at some of these the recovery is recorded and cut too, or meets a disk that fails
//   reunite    at some, with node 0: both end with all that both had, and nothing of node 0 is gone
#pragma once
#include "crash_model.hpp"
#include <dunlin/lib/store_file.hpp>

namespace crash_points {

// ---- the run

struct recorded_run {
    std::uint64_t seed;
    sim::recording disk;
    sim::image other;                        // what node 0 has on its disk in the end
    std::vector<std::uint64_t> number[2];    // of the entry of change n, from 1
    std::string writer[2];                   // as a vector names it
    int changes[2] = {0, 0};

    recorded_run(std::uint64_t s, int rounds) : seed(s), number{{0}, {0}} { record(rounds); }

private:
    void one(cluster& c, std::size_t w) {
        int n = ++changes[w];
        auto numbered = c.run(w, [&c, n, w](dunlin::node& node) -> awaitable<std::uint64_t> {
            std::function<void()> attempted = [&c, n, w] { if (w == 1) c.disk(1).mark(2 * std::uint64_t(n)); };
            made_handler made = [&c, n, w](dunlin::receipt const& r) {
                if (w == 1) r.saved([&c, n](boost::system::error_code ec) { if (!ec) c.disk(1).mark(2 * std::uint64_t(n) + 1); });
            };
            auto number_of_it = co_await make_change(node, int(w), n, attempted, made);
            co_return number_of_it;
        });
        number[w].push_back(numbered);
    }

    /// Node 1 lacks entries that node 0 has cut from its log: only a state can bring it up to date.
    static bool below_the_floor_of_0(cluster& c) {
        auto body = c.node(0).space("main").body();
        return c.vector(1)[dunlin::view_of_writer(body->table().id(body->self()))] < body->floor()[body->self()];
    }

    void record(int rounds) {
        cluster c(2, seed, narrow, false);
        c.restart(0);
        c.disk(1).record(&disk);
        c.restart(1);
        EXPECT_SETTLES(c);
        sim::generator chance(seed, "crash points");
        bool by_state = false;
        for (int round = 0; round < rounds; ++round) {
            for (int k = 0; k < 40; ++k) {
                one(c, chance.below(3) ? 1 : 0);
                if (chance.happens(0.3)) c.advance(std::chrono::microseconds(chance.below(30'000)));
            }
            c.advance(1500ms); // idle: the WAL is checked in
            c.partition({0}, {1});
            for (int k = 0; k < 20; ++k) one(c, 1);
            for (int k = 0; k < 120; ++k) one(c, 0), c.advance(200us);
            c.advance(2s);
            by_state = by_state || below_the_floor_of_0(c);
            c.heal();
            for (int k = 0; k < 400 && c.vector(0) != c.vector(1); ++k) {
                if (k % 10 == 0 && k < 60) one(c, 1);
                c.advance(10ms);
            }
            EXPECT_EQ(c.vector(0), c.vector(1));
        }
        EXPECT_SETTLES(c);
        EXPECT_TRUE(by_state) << "no state was taken";
        EXPECT_GT(cut_entries(c, 1), 100u) << "no log was cut";
        EXPECT_LT(c.node(1).space("main").body()->resident(), std::size_t(objects)) << "nothing was evicted";
        for (int w = 0; w < 2; ++w) {
            auto body = c.node(std::size_t(w)).space("main").body();
            writer[w] = dunlin::view_of_writer(body->table().id(body->self()));
        }
        other = c.disk(0).contents();
    }
};

// ---- what may be found after a cut

struct finding {
    int looked = 0, reopened = 0, again = 0, faults = 0, reunited = 0; // points of each kind
    int lost = 0, broken = 0;
    std::string first;

    void bad(int& kind, std::string const& what) {
        ++kind;
        if (first.empty()) first = what;
    }
    bool clean() const { return !lost && !broken; }
    int points() const { return looked + reopened + again + faults + reunited; }
    std::string text() const {
        return std::to_string(looked) + " files looked at, " + std::to_string(reopened) + " nodes reopened, " +
               std::to_string(again) + " after a second cut, " + std::to_string(faults) + " after a second fault, " +
               std::to_string(reunited) + " reunited; " + std::to_string(lost) + " lost, " + std::to_string(broken) +
               " broken" + (first.empty() ? "" : "; first: " + first);
    }
};

/// What stands in the file itself.
struct file_reader final : dunlin::store_sink {
    std::map<std::pair<dunlin::name_kind, std::string>, std::uint32_t> names;
    std::map<std::uint32_t, std::string> heads;
    std::vector<dunlin::log_run> runs;
    std::vector<std::uint32_t> spaces;
    int damaged = 0;
    void on_name(dunlin::name_kind k, std::uint32_t n, dunlin::bytes_view b) override {
        names[{k, std::string(b)}] = n;
        if (k == dunlin::name_kind::space) spaces.push_back(n);
    }
    void on_space(std::uint32_t n, std::uint64_t, dunlin::bytes_view, dunlin::bytes_view h) override { heads[n] = h; }
    void on_log_heads(std::uint64_t, std::vector<dunlin::log_run> const& r, std::size_t) override {
        runs.insert(runs.end(), r.begin(), r.end());
    }
    void on_damage(dunlin::store_damage const&) override { ++damaged; }

    /// The last entry of the writer in the space `main`.
    std::uint64_t last_of(std::string const& writer) {
        auto space = names.find({dunlin::name_kind::space, "main"});
        auto name = names.find({dunlin::name_kind::writer, writer});
        std::uint64_t last = 0;
        if (space == names.end()) return 0;
        if (name != names.end())
            for (auto& r : runs)
                if (r.space == space->second && r.writer == name->second) last = std::max(last, r.last);
        dunlin::writers table;
        dunlin::heads known(table);
        dunlin::decoder in(heads[space->second]), id(writer);
        if (!in.done() && known.read(in)) last = std::max(last, known.of(dunlin::read_writer(id)).number);
        return last;
    }
};

/// Looks at the file; empty, or what is wrong with it.
inline std::string look_at(dunlin::store_file& file, file_reader& sink, char const* vfs) {
    dunlin::store_options o;
    o.path = "node.db", o.vfs = vfs, o.log_budget_bytes = 32 << 10;
    dunlin::store_summary summary;
    if (auto error = file.open(o)) return "open: " + error.message() + file.last_message();
    if (auto error = file.scan(sink, summary)) return "scan: " + error.message();
    if (sink.damaged) return "damaged rows";
    if (auto said = file.integrity_check(); said != "ok") return "integrity_check: " + said;
    if (summary.first_row > summary.floor + 1) return "rows above the floor are missing";
    auto row = summary.first_row;
    for (auto& r : file.read_rows(1, 64 << 20))
        if (r.damaged || r.row != row++) return "log row " + std::to_string(r.row) + " is damaged or out of order";
    if (row != summary.last_row + 1) return "log rows are missing";
    for (auto space : sink.spaces) {
        dunlin::list_query query;
        query.space = space, query.states = true, query.bytes_max = 64 << 20, query.count_max = 1 << 20;
        for (auto& i : file.list(query).items) {
            if (i.object.is != dunlin::row_presence::present) return "a damaged object row";
            if (i.object.upto > summary.last_row) return "the state of " + i.key + " is ahead of the log";
        }
    }
    return {};
}

/// How many changes of each writer the vector of the node says.
inline void count_by_vector(cluster& c, std::size_t node, recorded_run const& run, int (&m)[2]) {
    auto vector = c.vector(node);
    for (int w = 0; w < 2; ++w) {
        auto last = vector[run.writer[w]];
        m[w] = int(std::upper_bound(run.number[w].begin(), run.number[w].end(), last) - run.number[w].begin()) - 1;
    }
}
/// All cuts of one run, each looked at and some reopened: one in `reopen_every`.
class cutter {
    recorded_run const& run_;
    finding& found_;
    sim::generator chance_;
    int reopen_every_;
    int attempted_ = 0, confirmed_ = 0, until_reopen_ = 0, until_more_ = 0;

    std::uint64_t fresh() { return chance_(); }

    void check_numbers(int mine, std::string const& where) {
        if (mine < confirmed_)
            found_.bad(found_.lost, where + ": confirmed " + std::to_string(confirmed_) + ", there " + std::to_string(mine));
        if (mine > attempted_) found_.bad(found_.broken, where + ": a change that was never made");
    }

    void look(sim::image const& image) {
        ++found_.looked;
        sim::disk disk("looked", fresh());
        disk.load(image);
        dunlin::store_file file;
        file_reader sink;
        if (auto wrong = look_at(file, sink, disk.vfs_name()); !wrong.empty()) return found_.bad(found_.broken, wrong);
        auto last = sink.last_of(run_.writer[1]);
        auto& numbers = run_.number[1];
        check_numbers(int(std::upper_bound(numbers.begin(), numbers.end(), last) - numbers.begin()) - 1, "in the file");
    }

    /// A node on it, alone.
    void reopen(sim::image const& image, int& counted, std::string const& where) {
        ++counted;
        cluster c(2, run_.seed, narrow, false);
        c.skip_runs(1);
        c.disk(1).load(image);
        c.restart(1);
        c.advance(50ms);
        check(c, where);
    }
    void check(cluster& c, std::string const& where) {
        int m[2];
        try {
            count_by_total(c, 1, m); // an open waits until a join that was cut off is finished; the vector does not
            count_by_vector(c, 1, run_, m);
            if (auto wrong = compare(c, 1, m); !wrong.empty()) return found_.bad(found_.broken, where + ": " + wrong);
        } catch (boost::system::system_error const& e) { return found_.bad(found_.broken, where + ": " + e.what()); }
        check_numbers(m[1], where);
    }

    /// Its recovery is recorded, and cut as well.
    void cut_recovery(sim::image const& image) {
        sim::recording again;
        {
            cluster c(2, run_.seed, narrow, false);
            c.skip_runs(1);
            c.disk(1).load(image);
            c.disk(1).record(&again);
            c.restart(1);
            c.advance(1500ms);
            c.disk(1).record(nullptr);
        }
        auto platter = again.start;
        for (auto& e : again.events) {
            platter.apply(e);
            reopen(platter.cut(chance_), found_.again, "after a second cut");
            if (!found_.clean()) return;
        }
    }

    /// Its recovery meets a disk that fails; then the power is cut, or the process dies.
    void fail_recovery(sim::image const& image) {
        using sim::disk_fault;
        auto n = 1 + chance_.below(14);
        disk_fault const faults[] = {{sim::on_write, n}, disk_fault(sim::on_write, n).short_by_all_but(700),
                                     disk_fault(sim::on_write, n).no_room().for_good(), {sim::on_sync, 1 + n / 4},
                                     disk_fault(sim::on_sync, 1 + n / 4).dropping(), disk_fault(sim::on_sync, 1 + n / 4).no_room(),
                                     {sim::on_read, n}, disk_fault(sim::on_read, n).for_good(), {sim::on_truncate, 1}};
        ++found_.faults;
        cluster c(2, run_.seed, narrow, false);
        c.skip_runs(1);
        c.disk(1).load(image);
        c.disk(1).add(faults[chance_.below(std::size(faults))]);
        try {
            c.restart(1);
        } catch (boost::system::system_error const&) {} // and says so
        c.advance(1500ms);
        c.disk(1).clear_faults();
        chance_.happens(0.5) ? c.crash(1) : c.kill(1);
        c.restart(1);
        check(c, "after a second fault");
    }

    void reunite(sim::image const& image) {
        ++found_.reunited;
        cluster c(2, run_.seed, narrow, false);
        c.skip_runs(1);
        c.disk(0).load(run_.other), c.disk(1).load(image);
        c.restart(0);
        auto before = c.vector(0);
        c.restart(1);
        if (!c.settle(1min)) return found_.bad(found_.broken, "no convergence with node 0\n" + c.describe());
        for (auto& [w, n] : before)
            if (c.vector(1)[w] < n) found_.bad(found_.broken, "node 0 has what node 1 never got");
        for (std::size_t i = 0; i < 2; ++i) {
            int m[2];
            count_by_vector(c, i, run_, m);
            if (auto wrong = compare(c, i, m); !wrong.empty()) found_.bad(found_.broken, "reunited, n" + std::to_string(i) + ": " + wrong);
            if (m[0] != run_.changes[0] || m[1] < confirmed_) found_.bad(found_.lost, "reunited: changes are gone");
        }
    }

    void point(sim::image const& image) {
        look(image);
        if (!found_.clean() || !reopen_every_ || ++until_reopen_ % reopen_every_) return;
        reopen(image, found_.reopened, "reopened");
        if (!found_.clean()) return;
        auto more = ++until_more_;
        if (more % 40 == 0) cut_recovery(image);
        if (more % 4 == 1) fail_recovery(image);
        if (more % 10 == 2) reunite(image);
    }

public:
    cutter(recorded_run const& run, finding& found, int reopen_every)
        : run_(run), found_(found), chance_(run.seed, "cuts"), reopen_every_(reopen_every) {}

    /// `honoured`: whether the disk did what it was told by the n-th event. Goes on after losses only if `all`.
    void cut_everywhere(std::function<bool(std::size_t)> const& honoured = {}, bool all = false, std::size_t step = 1) {
        auto platter = run_.disk.start;
        for (std::size_t k = 0; k < run_.disk.events.size() && (all || found_.clean()); ++k) {
            auto& e = run_.disk.events[k];
            if (e.what == sim::disk_op::mark) {
                (e.at % 2 ? confirmed_ : attempted_) = int(e.at / 2);
                continue;
            }
            if (!honoured || honoured(k)) platter.apply(e);
            if (k % step) continue;
            sim::cut_style noisy, sure;
            noisy.noise = 0.1, sure.what = sim::cut_style::keep::only_sure;
            point(platter.cut(chance_));
            if (k % 3 == 0) point(platter.cut(chance_, noisy));
            if (e.what == sim::disk_op::sync) point(platter.cut(chance_, sure));
        }
    }
};

} // namespace crash_points
