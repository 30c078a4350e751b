// Runs a coroutine to its end on an io_context of the test; what it throws, the test sees. Others go on meanwhile.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>

namespace dunlin::test {

template <class T> T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
    std::exception_ptr failed;
    std::optional<T> result;
    bool ended = false;
    boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T value) {
        failed = e, ended = true;
        if (!e) result.emplace(std::move(value));
    });
    io.restart();
    while (!ended && io.run_one()) {}
    if (failed) std::rethrow_exception(failed);
    if (!ended) throw std::logic_error("the coroutine waits for something that never comes");
    return std::move(result.value());
}

inline void run(boost::asio::io_context& io, boost::asio::awaitable<void> work) {
    std::exception_ptr failed;
    bool ended = false;
    boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) { failed = e, ended = true; });
    io.restart();
    while (!ended && io.run_one()) {}
    if (failed) std::rethrow_exception(failed);
    if (!ended) throw std::logic_error("the coroutine waits for something that never comes");
}

} // namespace dunlin::test
