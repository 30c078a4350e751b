// The queue and the steps behind lib/store.hpp; private. What is shared lies under the mutex, the rest belongs to the
// step.
#pragma once
#include "store.hpp"
#include "store_file.hpp"
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>

namespace dunlin {

class store::core : public std::enable_shared_from_this<store::core> {
public:
    using nanoseconds = std::chrono::nanoseconds;
    using completion = std::function<void()>;
    /// Runs where the file lives; `file` is null when `error` says why there is none.
    using read_job = std::function<completion(store_file* file, error_code error)>;
    struct queued {
        store_write write;
        std::function<void(write_result const&)> done;
        std::size_t bytes = 0;
    };

    core(any_io_executor executor, clock& clock) : executor_(std::move(executor)), clock_(clock) {}

    // ---- any thread
    void submit(store_write write, std::function<void(write_result const&)> done);
    void submit(read_job job);
    std::uint32_t intern(name_kind kind, bytes_view bytes);
    std::uint32_t find(name_kind kind, bytes_view bytes) const;
    std::string name(name_kind kind, std::uint32_t number) const;
    void open(store_options options, std::shared_ptr<store_sink> sink,
              std::function<void(error_code, store_summary)> done);
    void stop(std::function<void()> done);
    /// Lets the executor run out, whatever is still due.
    void let_go() {
        std::lock_guard lock(mutex_);
        work_.reset();
    }
    store_state state() const { return state_; }
    std::size_t queued_bytes() const { return queued_bytes_; }
    std::uint64_t first_row() const { return first_row_; }

    /// One piece of work.
    nanoseconds step();

    store_runner* runner = nullptr;
    std::function<void(store_state, error_code)> on_state;
    std::atomic<bool> alive = true; // false: answers are dropped

private:
    struct opening {
        store_options options;
        std::shared_ptr<store_sink> sink;
        std::function<void(error_code, store_summary)> done;
    };
    class naming_sink;

    bool run_control();
    error_code open_file(store_options const& options, naming_sink& sink, store_summary& summary);
    error_code without_names(store_options const& options, store_summary& summary);
    bool run_reads();
    nanoseconds run_writes();
    void take_arrived();
    bool commit_some();
    void after_commit(commit_result const& result, std::size_t count);
    void make_room();
    void checkpoint(bool resting = false);
    void give_up(error_code error);
    void finish_stop();
    void answer_refused();
    void answer_all_writes(error_code error);
    error_code why_closed() const;
    void set_state(store_state state, error_code reason);
    void deliver(completion what, std::size_t answers);
    void expect_answer();

    any_io_executor executor_;
    clock& clock_;

    mutable std::mutex mutex_;
    std::deque<queued> arrived_;          // under mutex_
    std::vector<queued> refused_;         // under mutex_: of before open(), answered reopen_needed
    std::deque<read_job> reads_;          // under mutex_
    std::optional<opening> opening_;      // under mutex_
    std::function<void()> stopping_;      // under mutex_
    store_names names_;                   // under mutex_
    bool named_ = false;
    bool scanning_ = false; // an opening has told all names of the file                  // under mutex_: the names of the file are known
    std::size_t answers_due_ = 0;         // under mutex_
    std::optional<any_io_executor> work_; // under mutex_: keeps the executor running while answers are due
    std::atomic<store_state> state_ = store_state::closed; // written by steps
    std::atomic<std::size_t> queued_bytes_ = 0;
    std::atomic<std::uint64_t> first_row_ = 0;

    store_file file_; // from here on: of the step
    std::deque<queued> waiting_;
    std::vector<write_result> results_;
    bool writes_next_ = false; // loads had their turn
    bool suspect_ = false;     // a page was found damaged: not to be opened before it was looked at again
    nanoseconds last_commit_{}, retry_at_{}, checkpoint_at_{};
};

} // namespace dunlin
