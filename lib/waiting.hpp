// Waiting: how a call that waits for the world takes a completion token.
//
// Every such call has an optional last argument: any Asio token. Without one it is `deferred`: co_await it, or give it
// a token later. Errors are thrown by co_await; as_tuple(deferred) returns them. Cancelling gives up the wait, never
// the change: the call ends with operation_aborted, and what it would have answered is dropped. Handlers run on their
// own executor.
#pragma once
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <optional>
#include <tuple>

namespace dunlin {

using default_token = boost::asio::deferred_t;

/// A handler that is called once, on its own executor: by whoever answers or by whoever cancels, who comes first.
template <class Handler, class... A> struct single_answer {
    boost::asio::associated_executor_t<Handler> executor;
    std::optional<Handler> handler;

    explicit single_answer(Handler h) : executor(boost::asio::get_associated_executor(h)), handler(std::move(h)) {}
    void answer(A... values) {
        if (handler) boost::asio::dispatch(executor, call(std::move(values)...));
    }
    /// From whoever cancels, who may be in the midst of anything: never inside of that.
    void give_up() {
        if (handler) post_aborted(std::tuple<A...>());
    }

private:
    auto call(A... values) {
        auto h = std::move(*handler);
        handler.reset();
        return [h = std::move(h), all = std::tuple<A...>(std::move(values)...)]() mutable {
            std::apply([&](auto&... v) { std::move(h)(std::move(v)...); }, all);
        };
    }
    template <class E, class... R> void post_aborted(std::tuple<E, R...>) {
        boost::asio::post(executor, call(boost::asio::error::operation_aborted, R()...));
    }
};

template <class Signature> struct waiting;
template <class... R> struct waiting<void(boost::system::error_code, R...)> {
    using signature = void(boost::system::error_code, R...);
    using any_handler = boost::asio::any_completion_handler<signature>;

    template <class Token, class Start> static auto start(Token&& token, Start begin) {
        return boost::asio::async_initiate<Token, signature>(
            [begin = std::move(begin)](auto handler) mutable {
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                auto one =
                    std::make_shared<single_answer<decltype(handler), boost::system::error_code, R...>>(std::move(handler));
                any_handler call(boost::asio::bind_cancellation_slot(
                    slot, [one](boost::system::error_code ec, R... values) { one->answer(ec, std::move(values)...); }));
                // Its own slot, which whoever keeps many that wait may take over, to forget what was given up.
                if (auto own = boost::asio::get_associated_cancellation_slot(call); own.is_connected())
                    own.assign([weak = std::weak_ptr(one)](boost::asio::cancellation_type type) {
                        auto o = weak.lock();
                        if (o && type != boost::asio::cancellation_type::none) o->give_up();
                    });
                begin(std::move(call));
            },
            token);
    }
};

/// Runs start(any_completion_handler<Signature>) for the token.
template <class Signature, class Token, class Start> auto wait_for(Token&& token, Start start) {
    return waiting<Signature>::start(std::forward<Token>(token), std::move(start));
}

} // namespace dunlin
