#include "store_core.hpp"
#include "../crdt/mutant.hpp"
#include <algorithm>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/assert.hpp>

namespace dunlin {
namespace {

template <class... F> struct overloaded : F... { using F::operator()...; };

std::size_t bytes_of(store_write const& write) {
    return 128 + std::visit(overloaded{[](log_write const& w) { return w.bytes.size(); },
                                       [](state_write const& w) { return w.state.size() + w.object.key.size(); },
                                       [](delta_write const& w) { return w.deltas.size() + w.object.key.size(); },
                                       [](erase_write const& w) { return w.object.key.size(); },
                                       [](space_write const& w) { return w.vector.size() + w.heads.size(); },
                                       [](name_write const& w) { return w.bytes.size(); },
                                       [](meta_write const& w) { return w.value.size(); },
                                       [](floor_write const&) { return std::size_t(0); }},
                            write);
}

std::size_t entries_of(store_write const& write) {
    auto log = std::get_if<log_write>(&write);
    return log ? std::size_t(log->run.last - log->run.first + 1) : 1;
}

} // namespace

/// Passes everything on and keeps the names.
class store::core::naming_sink final : public store_sink {
    core& core_;
    store_sink& to_;

public:
    store_names of_file;
    bool lost_names = false; // or heads: then rows of objects cannot be understood, and nothing says which
    naming_sink(core& core, store_sink& to) : core_(core), to_(to) {}
    void on_name(name_kind kind, std::uint32_t number, bytes_view bytes) override {
        {
            std::lock_guard lock(core_.mutex_);
            core_.names_.add(kind, number, bytes);
        }
        of_file.add(kind, number, bytes);
        to_.on_name(kind, number, bytes);
    }
    void on_damage(store_damage const& damage) override {
        auto kind = name_kind(damage.number >> 32);
        auto number = std::uint32_t(damage.number);
        if (damage.where == store_damage::place::name && store_names::known_kind(kind) && number <= name_number_max) {
            std::lock_guard lock(core_.mutex_);
            core_.names_.reserve(kind, number);
        }
        lost_names |= damage.where == store_damage::place::name || damage.where == store_damage::place::space;
        to_.on_damage(damage);
    }
    void on_meta(std::uint32_t key, bytes_view value) override { names_done(), to_.on_meta(key, value); }
    void on_space(std::uint32_t space, std::uint64_t at, bytes_view vector, bytes_view heads) override {
        names_done();
        to_.on_space(space, at, vector, heads);
    }
    void on_log_heads(std::uint64_t row, std::vector<log_run> const& runs, std::size_t bytes) override {
        names_done();
        to_.on_log_heads(row, runs, bytes);
    }
    void on_log_row(std::uint64_t row, std::vector<log_run> const& runs, bytes_view bytes) override {
        to_.on_log_row(row, runs, bytes);
    }

private:
    /// From here on the sink may intern: the file's own numbers are all known.
    void names_done() {
        std::lock_guard lock(core_.mutex_);
        core_.scanning_ = true;
    }
};

// ---- any thread

void store::core::expect_answer() {
    if (answers_due_++ == 0) work_ = boost::asio::prefer(executor_, boost::asio::execution::outstanding_work.tracked);
}

void store::core::submit(store_write write, std::function<void(write_result const&)> done) {
    auto bytes = bytes_of(write);
    {
        std::lock_guard lock(mutex_);
        if (done) expect_answer();
        queued_bytes_ += bytes;
        arrived_.push_back({std::move(write), std::move(done), bytes});
    }
    runner->wake();
}

void store::core::submit(read_job job) {
    {
        std::lock_guard lock(mutex_);
        expect_answer();
        reads_.push_back(std::move(job));
    }
    runner->wake();
}

/// The row goes into the queue under the same lock: so before every write that uses the number.
std::uint32_t store::core::intern(name_kind kind, bytes_view bytes) {
    std::uint32_t number;
    {
        std::lock_guard lock(mutex_);
        bool fresh = false;
        if (!named_ && !scanning_) return 0; // the file's own numbers are not known yet
        number = names_.intern(kind, bytes, fresh);
        if (!fresh || scanning_) return number; // while scanning: written when the opening ends
        queued one{name_write{kind, number, std::string(bytes)}, {}, 128 + bytes.size()};
        queued_bytes_ += one.bytes;
        arrived_.push_back(std::move(one));
    }
    runner->wake();
    return number;
}

std::uint32_t store::core::find(name_kind kind, bytes_view bytes) const {
    std::lock_guard lock(mutex_);
    return names_.find(kind, bytes);
}

std::string store::core::name(name_kind kind, std::uint32_t number) const {
    std::lock_guard lock(mutex_);
    return std::string(names_.name(kind, number));
}

/// What was queued before belongs to the file as it was: it must not follow on a gap.
void store::core::open(store_options options, std::shared_ptr<store_sink> sink,
                       std::function<void(error_code, store_summary)> done) {
    {
        std::lock_guard lock(mutex_);
        BOOST_ASSERT(!opening_ && (state_ == store_state::closed || state_ == store_state::broken));
        expect_answer();
        for (auto& one : arrived_) {
            queued_bytes_ -= one.bytes;
            refused_.push_back(std::move(one));
        }
        arrived_.clear();
        opening_.emplace(opening{std::move(options), std::move(sink), std::move(done)});
    }
    runner->wake();
}

void store::core::stop(std::function<void()> done) {
    {
        std::lock_guard lock(mutex_);
        BOOST_ASSERT(!stopping_);
        expect_answer();
        stopping_ = std::move(done);
    }
    runner->wake();
}

// ---- the step

store::core::nanoseconds store::core::step() {
    answer_refused();
    if (run_control()) return nanoseconds(0);
    if (!writes_next_ && run_reads()) {
        writes_next_ = true;
        return nanoseconds(0);
    }
    writes_next_ = false;
    return run_writes();
}

bool store::core::run_control() {
    std::optional<opening> now;
    {
        std::lock_guard lock(mutex_);
        now = std::exchange(opening_, std::nullopt);
    }
    if (!now) return false;
    store_sink nobody;
    naming_sink sink(*this, now->sink ? *now->sink : nobody);
    store_summary summary;
    auto error = open_file(now->options, sink, summary);
    if (error) {
        std::lock_guard lock(mutex_);
        scanning_ = false;
        file_.close();
    } else {
        std::lock_guard lock(mutex_);
        for (auto kind : {name_kind::space, name_kind::type, name_kind::writer})
            for (std::uint32_t n = 1; n < names_.size(kind); ++n)
                if (auto bytes = names_.name(kind, n); !bytes.empty() && sink.of_file.name(kind, n).empty())
                    waiting_.push_back({name_write{kind, n, std::string(bytes)}, {}, 0});
        first_row_ = file_.first_row();
        named_ = true, scanning_ = false;
    }
    if (!error) set_state(store_state::open, {});
    deliver([done = std::move(now->done), error, summary] { done(error, summary); }, 1);
    last_commit_ = clock_.steady_now();
    return true;
}

/// A page that is damaged may be so in the file, or have been read wrongly: the whole is looked at before it is trusted
/// again. What is damaged goes aside if the owner wants that, and the opening fails: the sink has heard a part of it.
boost::system::error_code store::core::open_file(store_options const& options, naming_sink& sink, store_summary& summary) {
    if (state_ == store_state::stopped) return store_errc::stopped;
    error_code error;
    bool const heard = !suspect_;
    if (heard) {
        error = file_.open(options);
        // After a failed sync the kernel may show pages that the disk never got: what the WAL holds is written once more.
        if (!error && state_ == store_state::broken &&
            !mutant("recovery_trusts_the_cache_after_a_failed_sync") && !file_.empty_wal())
            error = file_.broken() ? file_.broken_reason() : make_error_code(store_errc::disk_full);
        if (!error) error = file_.scan(sink, summary);
        if (!error && sink.lost_names && options.moves_damaged && !named_ && !mutant("recovery_goes_on_without_names"))
            return without_names(options, summary);
        if (error != store_errc::damaged_file) return error;
        suspect_ = true;
    }
    file_.close();
    error = file_.look_again(options);
    file_.close();
    suspect_ = bool(error);
    if (!error) return heard ? make_error_code(store_errc::reopen_needed) : open_file(options, sink, summary);
    if (error != store_errc::damaged_file || !options.moves_damaged) return error;
    if (auto failed = store_file::move_aside(options, summary.moved_to)) return failed;
    suspect_ = false;
    return error;
}

boost::system::error_code store::core::why_closed() const {
    return state_ == store_state::stopped ? store_errc::stopped : store_errc::reopen_needed;
}

bool store::core::run_reads() {
    std::vector<read_job> jobs;
    {
        std::lock_guard lock(mutex_);
        auto count = std::min(reads_.size(), loads_max);
        jobs.assign(std::move_iterator(reads_.begin()), std::move_iterator(reads_.begin() + std::ptrdiff_t(count)));
        reads_.erase(reads_.begin(), reads_.begin() + std::ptrdiff_t(count));
    }
    if (jobs.empty()) return false;
    std::vector<completion> done;
    done.reserve(jobs.size());
    auto end = clock_.steady_now() + loads_time_max;
    std::size_t n = 0;
    for (; n < jobs.size() && (n == 0 || clock_.steady_now() < end); ++n) {
        bool open = file_.is_open();
        done.push_back(jobs[n](open ? &file_ : nullptr, open ? error_code() : why_closed()));
        if (file_.is_open() && file_.broken()) give_up(file_.broken_reason());
    }
    if (n < jobs.size()) {
        std::lock_guard lock(mutex_);
        reads_.insert(reads_.begin(), std::move_iterator(jobs.begin() + std::ptrdiff_t(n)),
                      std::move_iterator(jobs.end()));
    }
    deliver(
        [done = std::move(done)] {
            for (auto& one : done) one();
        },
        n);
    return true;
}

void store::core::take_arrived() {
    if (!waiting_.empty()) return;
    std::lock_guard lock(mutex_);
    waiting_.swap(arrived_);
}

/// A commit, a retry, a checkpoint, or the end. Says how long nothing needs to be done.
store::core::nanoseconds store::core::run_writes() {
    take_arrived();
    if (!file_.is_open()) {
        answer_all_writes(why_closed());
        finish_stop();
        std::lock_guard lock(mutex_);
        return reads_.empty() && arrived_.empty() && !opening_ ? store_runner::until_woken : nanoseconds(0);
    }
    auto now = clock_.steady_now();
    bool stopping;
    bool more;
    {
        std::lock_guard lock(mutex_);
        stopping = bool(stopping_);
        more = !reads_.empty();
    }
    bool due = file_.wal_frames() >= wal_frames_max && now >= checkpoint_at_ && state_ == store_state::open;
    if (due) return checkpoint(), nanoseconds(0);
    if (!waiting_.empty()) {
        if (state_ == store_state::disk_full && !stopping) {
            if (now < retry_at_) return more ? nanoseconds(0) : retry_at_ - now;
            make_room();
            if (!file_.is_open()) return nanoseconds(0);
        }
        bool full = !commit_some();
        if (full && stopping) answer_all_writes(store_errc::disk_full);
        return nanoseconds(0);
    }
    if (stopping) return finish_stop(), nanoseconds(0);
    if (more) return nanoseconds(0);
    if (!file_.wal_frames()) return store_runner::until_woken;
    if (now < last_commit_ + idle_before_checkpoint) return last_commit_ + idle_before_checkpoint - now;
    checkpoint(true);
    last_commit_ = now; // if it did not succeed, not again at once
    return file_.is_open() && !file_.wal_frames() ? store_runner::until_woken : idle_before_checkpoint;
}

/// One transaction from the head of the queue. False: the disk is full.
bool store::core::commit_some() {
    results_.clear();
    std::size_t bytes = 0, entries = 0;
    if (mutant("checkpoint_states_before_their_entries"))
        std::stable_partition(waiting_.begin(), waiting_.end(), [](auto& one) { return std::holds_alternative<state_write>(one.write); });
    file_.begin(clock_.wall_now().count());
    for (auto& one : waiting_) {
        bytes += one.bytes, entries += entries_of(one.write);
        if (!results_.empty() && (bytes > batch_bytes_max || entries > batch_entries_max)) break;
        if (mutant("checkpoint_states_before_their_entries") && !results_.empty() &&
            std::holds_alternative<state_write>(waiting_.front().write) != std::holds_alternative<state_write>(one.write))
            break;
        results_.push_back(file_.add(one.write));
    }
    auto result = file_.commit();
    last_commit_ = clock_.steady_now();
    if (result.outcome == commit_outcome::unknown) return give_up(result.error), true;
    if (result.outcome == commit_outcome::disk_full) {
        retry_at_ = last_commit_ + full_retry;
        if (state_ != store_state::disk_full) set_state(store_state::disk_full, store_errc::disk_full);
        return false;
    }
    if (state_ == store_state::disk_full) set_state(store_state::open, {});
    after_commit(result, results_.size());
    return true;
}

void store::core::after_commit(commit_result const& result, std::size_t count) {
    first_row_ = result.first_row;
    std::vector<std::pair<std::function<void(write_result const&)>, write_result>> answers;
    answers.reserve(count);
    std::size_t bytes = 0;
    auto end = waiting_.begin() + std::ptrdiff_t(count);
    for (auto it = waiting_.begin(); it != end; ++it) {
        bytes += it->bytes;
        if (it->done)
            answers.emplace_back(std::move(it->done), std::move(results_[std::size_t(it - waiting_.begin())]));
    }
    waiting_.erase(waiting_.begin(), end);
    queued_bytes_ -= bytes;
    if (answers.empty()) return;
    auto n = answers.size();
    deliver(
        [answers = std::move(answers)] {
            for (auto& [done, outcome] : answers) done(outcome);
        },
        n);
}

/// Each of these may find the room: free pages, or a WAL that can be used again.
void store::core::make_room() {
    checkpoint();
    if (!file_.is_open()) return;
    if (file_.cut_to_floor(store_file::cut_rows_max).outcome == commit_outcome::unknown)
        return give_up(file_.broken_reason());
    checkpoint();
}

void store::core::checkpoint(bool resting) {
    if (resting ? file_.check_in() : file_.checkpoint()) return;
    checkpoint_at_ = clock_.steady_now() + full_retry;
    if (file_.broken()) give_up(file_.broken_reason());
}

/// The outcome of what is queued is unknown. Closing writes nothing.
void store::core::give_up(error_code error) {
    file_.close();
    suspect_ = error == store_errc::damaged_file;
    set_state(store_state::broken, error);
    answer_all_writes(error);
    take_arrived();
    answer_all_writes(error);
}

void store::core::finish_stop() {
    std::function<void()> done;
    {
        std::lock_guard lock(mutex_);
        if (!arrived_.empty() && file_.is_open()) return;
        done = std::exchange(stopping_, nullptr);
    }
    if (!done) return;
    if (file_.is_open()) file_.checkpoint();
    file_.close();
    set_state(store_state::stopped, store_errc::stopped);
    deliver([done = std::move(done)] { done(); }, 1);
}

} // namespace dunlin
