// How the store's work runs: on the only thread that dunlin starts, or, in a simulation, inside the caller's virtual
// time.
//
//   step       one piece of work: a few loads, one commit, or one checkpoint. Says how long nothing needs to happen
//   wake       there is work: a step follows. While one runs, more work gathers: that is the group commit
//   deliver    from inside a step: run this on the executor, in order. The thread posts it at once; the simulation when
//   the time
//              that the disk took has passed
//
// Threads  start and destruction on the owner's executor; wake on any; step and deliver where steps run, never two at
// once. Destruction waits for the step that runs; no other follows, and what was not delivered may be lost.
#pragma once
#include "../net/seams.hpp"

namespace dunlin {

class store_runner {
public:
    using step = std::function<std::chrono::nanoseconds()>;
    static constexpr std::chrono::nanoseconds until_woken = std::chrono::nanoseconds::max();

    virtual ~store_runner() = default;
    virtual void start(step work) = 0;
    virtual void wake() = 0;
    virtual void deliver(std::function<void()> completion) = 0;
};

/// A thread of its own.
std::unique_ptr<store_runner> make_store_thread(any_io_executor executor);

/// No thread: a step runs at once on the executor, and `took` (since it was last asked) of virtual time passes before
/// its completions.
std::unique_ptr<store_runner> make_inline_store_runner(any_io_executor executor, clock& clock,
                                                       std::function<std::chrono::nanoseconds()> took);

} // namespace dunlin
