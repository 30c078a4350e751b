// A cancellation signal that outlives what was emitted.
//
//   co_spawn does not pass an emitted cancellation on at once: it dispatches it, by an address in the signal's slot.
//   Where that means to post, the coroutine may have ended and the signal be gone before it is looked at: so what has
//   been emitted keeps the signal until everything posted so far has run.
//
// Threads  the executor's.  Size  one allocation.  Source  Boost.Asio 1.81, impl/co_spawn.hpp,
// co_spawn_cancellation_handler; found by the simulator.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <memory>

namespace dunlin {

class stop_signal {
    boost::asio::any_io_executor executor_;
    std::shared_ptr<boost::asio::cancellation_signal> signal_ = std::make_shared<boost::asio::cancellation_signal>();
    bool asked_ = false;

public:
    explicit stop_signal(boost::asio::any_io_executor e) : executor_(std::move(e)) {}
    stop_signal(stop_signal const&) = delete;
    stop_signal& operator=(stop_signal const&) = delete;
    ~stop_signal() {
        if (asked_) boost::asio::post(executor_, [kept = std::move(signal_)] {});
    }

    boost::asio::cancellation_slot slot() { return signal_->slot(); }
    void emit(boost::asio::cancellation_type how) {
        asked_ = true;
        signal_->emit(how);
    }
};

} // namespace dunlin
