// The store of a node: its file, awaited from any executor.
//
//   write ─┐                       ┌─ one transaction: all that arrived while the last one ran
//   write ─┼─ FIFO ── step ────────┤  (at most 4 MiB or 10,000 entries), one sync, one post with all answers
//   load ──┘          loads first ─┘  (at most 64 or 1 ms between two commits)
//
// Rules
//   - order is kept: a state is on the disk after the entries queued before it and before those queued after it
//   (store_rows.hpp).
//   - a load overtakes queued writes: an object whose state is queued stays in memory until that is answered.
//   - every write is answered exactly once, when its outcome is final. A full disk is not final: on_state says
//   disk_full, the
//     queue waits and is tried again every second (checkpoint, cut to the floor, checkpoint, batch), loads go on.
//   - unknown_outcome is final: all that was queued is answered with it, the file is closed, on_state says broken, and
//   everything is
//     answered reopen_needed until open() is called again. Then the owner looks what the file holds and writes again
//     what it lacks.
//   - numbers of names survive that: names the file lacks are written again before anything else.
// States   closed -> open <-> disk_full; open -> broken -> open; any -> stopped.
// Bounds   full() from queue_bytes_max on: then the caller takes in nothing more until it is false. A write is never
// refused for that,
//          since what follows it would stand behind a gap.
// Threads  open, stop and destruction on the executor; all else from any thread. Answers come on the executor, in
// order.
//          clock.steady_now() and wall_now() are called on the storage thread. Destruction without stop() loses what is
//          queued, and answers nothing.
// Errors   store_errc.
#pragma once
#include "store_error.hpp"
#include "store_names.hpp"
#include "store_rows.hpp"
#include "store_runner.hpp"

namespace dunlin {

class store_file;

enum class store_state : std::uint8_t { closed, open, disk_full, broken, stopped };

class store {
public:
    using error_code = boost::system::error_code;
    static constexpr std::size_t batch_bytes_max = 4 << 20;
    static constexpr std::size_t batch_entries_max = 10'000;
    static constexpr std::size_t loads_max = 64;
    static constexpr std::chrono::nanoseconds loads_time_max = std::chrono::milliseconds(1);
    static constexpr int wal_frames_max = 1000;
    static constexpr std::chrono::nanoseconds idle_before_checkpoint = std::chrono::seconds(1);
    static constexpr std::chrono::nanoseconds full_retry = std::chrono::seconds(1);

    /// With a thread of its own.
    store(any_io_executor executor, clock& clock, std::size_t queue_bytes_max = std::size_t(64) << 20);
    store(any_io_executor executor, clock& clock, std::unique_ptr<store_runner> runner,
          std::size_t queue_bytes_max = std::size_t(64) << 20);
    ~store();
    store(store const&) = delete;
    store& operator=(store const&) = delete;

    /// Told of every change of state, with its reason. Before open().
    void on_state(std::function<void(store_state, error_code)> told);
    /// Opens, checks and scans. Also after broken; again and again if it fails, with the owner's back-off.
    void open(store_options options, std::shared_ptr<store_sink> sink,
              std::function<void(error_code, store_summary)> done);
    /// Writes all that is queued, checks the WAL in, closes. What a full disk does not take is answered disk_full.
    void stop(std::function<void()> done);

    void write(store_write write, std::function<void(write_result const&)> done = {});
    void load(object_name object, std::function<void(error_code, object_state)> done);
    void list(list_query query, std::function<void(error_code, list_page)> done);
    /// Objects with a deadline, the earliest first.
    void due(due_query query, std::function<void(error_code, std::vector<due_item>)> done);
    /// Rows from `row` on, at least one if there is one.
    void read_rows(std::uint64_t row, std::size_t bytes_max,
                   std::function<void(error_code, std::vector<log_row>)> done);

    /// The persistent number of a name, at once; its row is queued before what is written next. 0: too many, or never
    /// opened.
    std::uint32_t intern(name_kind kind, bytes_view bytes);
    std::uint32_t find(name_kind kind, bytes_view bytes) const;
    std::string name(name_kind kind, std::uint32_t number) const;

    store_state state() const;
    bool full() const { return queued_bytes() >= queue_bytes_max_; }
    bool half_full() const { return queued_bytes() >= queue_bytes_max_ / 2; }
    std::size_t queued_bytes() const;
    /// Rows of the log before this one were cut, as of the last commit.
    std::uint64_t first_row() const;

private:
    class core;
    std::size_t queue_bytes_max_;
    std::shared_ptr<core> core_;
    std::unique_ptr<store_runner> runner_;
};

} // namespace dunlin
