// Scope: the owner of coroutines. What is spawned here has ended when join() has.
//
// Cancelling asks all that run to end at their next wait. What a coroutine throws comes out of its executor, except an
// operation that was aborted.
// State   one allocation a coroutine. Threads: one executor. Errors: none of its own.
#pragma once
#include "seams.hpp"
#include "stop_signal.hpp"
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <memory>
#include <vector>

namespace dunlin {

class scope {
    struct inside {
        std::list<stop_signal> running;
        std::vector<std::function<void()>> waiting;
    };
    any_io_executor executor_;
    std::shared_ptr<inside> inside_ = std::make_shared<inside>();

    /// Goes with the coroutine, however it ends.
    class place {
        any_io_executor executor_;
        std::shared_ptr<inside> in_;
        std::list<stop_signal>::iterator at_;

    public:
        place(any_io_executor e, std::shared_ptr<inside> in) : executor_(std::move(e)), in_(std::move(in)) {
            at_ = in_->running.emplace(in_->running.end(), executor_);
        }
        place(place&&) = default;
        ~place() {
            if (!in_) return;
            in_->running.erase(at_);
            if (in_->running.empty())
                for (auto& w : std::exchange(in_->waiting, {})) boost::asio::post(executor_, std::move(w));
        }
        boost::asio::cancellation_slot slot() { return at_->slot(); }
    };

public:
    explicit scope(any_io_executor e) : executor_(std::move(e)) {}
    scope(scope const&) = delete;
    scope& operator=(scope const&) = delete;

    std::size_t running() const { return inside_->running.size(); }

    /// `kept` lives as long as the coroutine.
    void spawn(awaitable<void> work, std::shared_ptr<void const> kept = {}) {
        place here(executor_, inside_);
        auto slot = here.slot();
        auto ended = [here = std::move(here)](std::exception_ptr e) {
            if (!e) return;
            try {
                std::rethrow_exception(e);
            } catch (boost::system::system_error const& error) {
                if (error.code() != boost::asio::error::operation_aborted) throw;
            }
        };
        auto begin = [kept = std::move(kept), work = std::move(work)]() mutable { return std::move(work); };
        boost::asio::co_spawn(executor_, std::move(begin), boost::asio::bind_cancellation_slot(slot, std::move(ended)));
    }

    void cancel() {
        // One that ends at once goes from the list meanwhile.
        std::vector<stop_signal*> all;
        for (auto& s : inside_->running) all.push_back(&s);
        for (auto s : all)
            for (auto& still : inside_->running)
                if (&still == s) {
                    s->emit(boost::asio::cancellation_type::terminal);
                    break;
                }
    }

    awaitable<void> join() {
        auto keep = inside_;
        while (!keep->running.empty())
            co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
                [&](auto handler) {
                    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
                    keep->waiting.push_back([kept] { std::move (*kept)(); });
                },
                boost::asio::use_awaitable);
    }
};

} // namespace dunlin
