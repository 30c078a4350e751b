// A world: virtual time, and the executors of everything that runs in it.
//
//   world ── process "n1" ── lane ── FIFO of handlers      process: one run of a node, killed as one
//     │         └─────────── lane ── FIFO of handlers      lane:    what one executor posts, never reordered
//     ├── process "n2" ── ...
//     └── alarms, ordered by (deadline, sequence)          time moves only when no handler is ready
//
// `step` runs one handler: of a lane drawn by the seed if `shuffle`, of the oldest otherwise; if none is ready, the
// next alarm moves the time and rings. So a seed decides every order, a year costs as much as its events, and nothing
// sleeps. asio's awaitable, co_spawn, channel and awaitable_operators run unchanged through any_io_executor.
//
// kill(process) is a crash: its queued handlers, alarms and suspended operations are destroyed, none is run, and
// whatever it is given later is destroyed too. Coroutine frames go before the objects they use, so kill first, then
// destroy those. Killed from inside itself it goes when the running handler returns.
// hold(process) is a pause, as by SIGSTOP: what it would run, and what rings for it, waits for release().
//
// Outlives all that runs in it; processes stay (dead) until its end, since channels and timers may still point at them.
// Size     some 500 bytes a process; a handler 64 bytes; an alarm costs no allocation.
// Threads  one.  Errors  what a handler throws comes out of step(), and the world can go on; misuse is
// std::logic_error.
#pragma once
#include "job.hpp"
#include "random.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/circular_buffer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace dunlin::sim {

using std::chrono::nanoseconds;
class world;
class process;

/// What one executor has posted and not yet run.
struct lane {
    process& owner;
    std::uint32_t number;
    boost::circular_buffer<job> jobs{8};
};

/// Never runs a handler inside execute(); accepts every property asio asks for and needs none.
class executor {
    lane* lane_;

public:
    explicit executor(lane& l) noexcept : lane_(&l) {}

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept;
    static constexpr boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) noexcept {
        return boost::asio::execution::blocking.never;
    }
    executor require(boost::asio::execution::blocking_t::never_t) const { return *this; }
    executor require(boost::asio::execution::relationship_t::fork_t) const { return *this; }
    executor require(boost::asio::execution::relationship_t::continuation_t) const { return *this; }
    executor require(boost::asio::execution::outstanding_work_t::tracked_t) const { return *this; }
    executor require(boost::asio::execution::outstanding_work_t::untracked_t) const { return *this; }

    template <class F> void execute(F f) const { push(job(std::move(f))); }
    void push(job j) const;
    lane& at() const { return *lane_; }
    process& owner() const { return lane_->owner; }
    bool operator==(executor const&) const noexcept = default;
};

/// A place in virtual time. Rings in the process it belongs to (none: in the world itself), which owns what it would
/// run.
class alarm : public boost::intrusive::set_base_hook<> {
    friend class world;
    world& world_;
    process* owner_;
    std::function<void()> ring_;
    nanoseconds at_{};
    std::uint64_t sequence_ = 0;
    bool parked_ = false; // due, while its process is held

public:
    explicit alarm(world& w, process* owner = nullptr) : world_(w), owner_(owner) {}
    ~alarm() { cancel(); }
    alarm(alarm const&) = delete;

    /// Replaces what it was set to. A time that has passed rings at once, after what is already due.
    void set(nanoseconds at, std::function<void()> ring);
    void cancel();
    bool is_set() const { return is_linked(); }
    nanoseconds at() const { return at_; }

    bool operator<(alarm const& o) const { return at_ != o.at_ ? at_ < o.at_ : sequence_ < o.sequence_; }
};

/// A coroutine that waits for the simulated world: one at a time. Cancelling it ends the wait with operation_aborted.
class pause : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    friend class world;
    using token = boost::asio::use_awaitable_t<any_io_executor>;
    using signature = void(boost::system::error_code);
    using handler = boost::asio::async_result<token, signature>::handler_type;
    std::optional<handler> handler_;

    void start(handler h);

public:
    pause() = default;
    ~pause() { resume(boost::asio::error::operation_aborted); }
    pause(pause const&) = delete;

    /// Throws what it is resumed with. The pause must live until then.
    awaitable<void> wait();
    bool waiting() const { return handler_.has_value(); }
    /// Posts; nothing if nobody waits.
    void resume(boost::system::error_code error = {});
};

/// One run of a node: its executors, and all that waits on them.
class process : public boost::asio::execution_context {
    friend class world;
    friend class executor;
    friend class alarm;
    friend class pause;
    using pauses = boost::intrusive::list<pause, boost::intrusive::constant_time_size<false>>;

    world& world_;
    std::string name_;
    std::uint32_t number_;
    bool alive_ = true;
    bool held_ = false;
    bool burying_ = false;
    std::vector<std::unique_ptr<lane>> lanes_;
    pauses pauses_;
    std::vector<job> graves_;
    std::vector<lane*> held_tickets_;
    boost::intrusive::set<alarm, boost::intrusive::constant_time_size<false>> held_alarms_;

    void bury(job j);
    void drain();

public:
    process(world& w, std::string name, std::uint32_t number);
    ~process();

    std::string const& name() const { return name_; }
    bool alive() const { return alive_; }
    bool held() const { return held_; }
    world& in() const { return world_; }
    /// The first executor, always the same.
    executor get_executor() const { return executor(*lanes_.front()); }
    /// Another one of the same process.
    executor make_executor();
    /// Runs until it ends or the process is killed; what it throws comes out of world::step().
    void spawn(awaitable<void> work);
};

class world {
    friend class alarm;
    friend class process;
    friend class executor;
    friend class pause;
    using alarms = boost::intrusive::set<alarm, boost::intrusive::constant_time_size<false>>;

    struct note_record {
        nanoseconds at;
        std::array<char, 16> who;
        char const* what;
        std::uint64_t a, b;
    };

    std::uint64_t seed_;
    generator order_;
    bool shuffle_ = true;
    nanoseconds now_{};
    std::uint64_t sequence_ = 0, steps_ = 0, fingerprint_ = 0, instant_steps_ = 0;
    process* running_ = nullptr;
    bool stepping_ = false;
    alarms alarms_;
    boost::circular_buffer<lane*> tickets_{64};
    boost::circular_buffer<note_record> notes_;
    std::vector<std::unique_ptr<process>> processes_;

    void ready(lane& l);
    template <class F> void run_as(process* p, F&& f);
    bool run_ready();
    void move_to(nanoseconds at) { now_ = at, instant_steps_ = 0; }
    void stir(std::uint64_t n) { fingerprint_ = scramble(fingerprint_ ^ n) + 0x9E3779B97F4A7C15u; }

public:
    /// More steps at one instant than this is a loop that waits for nothing: std::logic_error with the trace.
    static constexpr std::uint64_t steps_at_one_instant_max = 2'000'000;

    explicit world(std::uint64_t seed, std::size_t notes_max = 256);
    ~world();
    world(world const&) = delete;

    std::uint64_t seed() const { return seed_; }
    /// DUNLIN_SEED, or the fallback.
    static std::uint64_t seed_from_env(std::uint64_t fallback);
    /// A stream of chance of its own for each label and number.
    generator chance(std::string_view label, std::uint64_t n = 0) const { return generator(seed_, label, n); }
    void shuffle(bool on) { shuffle_ = on; }

    process& make_process(std::string name);
    void kill(process& p);
    void hold(process& p);
    void release(process& p);

    nanoseconds now() const { return now_; }
    std::uint64_t steps() const { return steps_; }

    /// Runs one handler, or moves time to the next alarm and rings it; false if there is neither.
    bool step();
    /// Runs what is ready now; time stands still. Returns the number of steps, as the next two do.
    std::uint64_t run_until_idle();
    /// Moves time by exactly this much and runs all that falls due.
    std::uint64_t advance(nanoseconds duration);
    /// The same, but time stays at the last event if nothing at all is left to happen.
    std::uint64_t run_for(nanoseconds duration);
    /// Steps until the question is answered yes, or time has moved by the limit (false), or nothing is left (false).
    template <class F> bool run_until(F&& yes, nanoseconds limit);
    /// Runs a coroutine to its end and gives what it gives; std::logic_error if it does not end within the limit.
    template <class T> T run(executor where, awaitable<T> work, nanoseconds limit = std::chrono::hours(1));

    /// On the coroutine's own executor.
    awaitable<void> sleep(nanoseconds duration);

    /// Remembers the last few events; `what` is a literal.
    void note(std::string_view who, char const* what, std::uint64_t a = 0, std::uint64_t b = 0);
    /// A line an event, oldest first: "1.250000000 n1 killed 3 0".
    std::string trace() const;
    /// Over everything that has run and was noted: equal for equal seeds.
    std::uint64_t fingerprint() const { return fingerprint_; }
};

/// The process an executor of any wrapping belongs to; std::logic_error if it is no world's.
process& process_of(any_io_executor const& executor);

template <class F> bool world::run_until(F&& yes, nanoseconds limit) {
    nanoseconds const end = now_ + limit;
    while (!yes()) {
        if (tickets_.empty()) {
            if (alarms_.empty()) return false;
            if (alarms_.begin()->at_ > end) return move_to(end), false;
        }
        step();
    }
    return true;
}

template <class T> T world::run(executor where, awaitable<T> work, nanoseconds limit) {
    using slot = std::conditional_t<std::is_void_v<T>, char, std::optional<T>>;
    struct outcome {
        bool done = false;
        std::exception_ptr failure;
        [[no_unique_address]] slot value{};
    };
    auto out = std::make_shared<outcome>();
    if constexpr (std::is_void_v<T>)
        boost::asio::co_spawn(where, std::move(work),
                              [out](std::exception_ptr e) { out->failure = e, out->done = true; });
    else
        boost::asio::co_spawn(where, std::move(work), [out](std::exception_ptr e, T value) {
            out->failure = e, out->done = true;
            if (!e) out->value.emplace(std::move(value));
        });
    if (!run_until([&] { return out->done; }, limit)) throw std::logic_error("a coroutine does not end\n" + trace());
    if (out->failure) std::rethrow_exception(out->failure);
    if constexpr (!std::is_void_v<T>) return std::move(*out->value);
}

} // namespace dunlin::sim
