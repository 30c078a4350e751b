// Memory stream: gives the bytes it was made with, some at a time, then the end; keeps what is written to it. It never
// waits, so that whoever reads it comes to an end in one go.
#pragma once
#include "driver.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/net/link.hpp>

namespace fuzz {

using namespace dunlin;

class memory_stream final : public stream {
    std::string_view left_;
    std::size_t at_a_time_;
    std::string& written_;
    bool closed_ = false;

public:
    memory_stream(std::string_view bytes, std::size_t at_a_time, std::string& written)
        : left_(bytes), at_a_time_(at_a_time), written_(written) {}

    awaitable<std::size_t> read_some(boost::asio::mutable_buffer into) override {
        if (closed_) throw boost::system::system_error(boost::asio::error::operation_aborted);
        if (left_.empty()) throw boost::system::system_error(boost::asio::error::eof);
        auto n = std::min({left_.size(), into.size(), at_a_time_});
        std::copy_n(left_.data(), n, static_cast<char*>(into.data()));
        left_.remove_prefix(n);
        co_return n;
    }
    awaitable<void> write(boost::asio::const_buffer bytes) override {
        if (closed_) throw boost::system::system_error(boost::asio::error::operation_aborted);
        written_.append(static_cast<char const*>(bytes.data()), bytes.size());
        co_return;
    }
    void close() override { closed_ = true; }
    std::string remote_address() const override { return "127.0.0.1:1"; }
};

class still_clock final : public dunlin::clock {
    struct bell final : timer {
        void expires_after(std::chrono::nanoseconds, std::function<void()>) override {}
        void cancel() override {}
    };

public:
    std::chrono::nanoseconds steady_now() const override { return {}; }
    std::chrono::milliseconds wall_now() const override { return {}; }
    std::unique_ptr<timer> make_timer(any_io_executor) override { return std::make_unique<bell>(); }
};
/// The same bytes in every run, and how many were drawn.
struct same_chance final : chance {
    std::uint8_t filled_with;
    std::size_t drawn = 0;
    explicit same_chance(std::uint8_t n) : filled_with(n) {}
    void fill(std::span<std::uint8_t> bytes) override {
        drawn += bytes.size();
        std::fill(bytes.begin(), bytes.end(), filled_with);
    }
};

inline boost::asio::io_context& io() {
    static boost::asio::io_context one;
    return one;
}

/// Runs it to its end. What it threw, if anything.
template <class T, class Keep> std::exception_ptr finish(awaitable<T> what, Keep keep) {
    bool ended = false;
    std::exception_ptr failed;
    boost::asio::co_spawn(io(), std::move(what), [&](std::exception_ptr e, T value) {
        ended = true, failed = e;
        if (!e) keep(std::move(value));
    });
    io().restart(), io().poll();
    must(ended, "it waits although there is nothing to wait for");
    return failed;
}

} // namespace fuzz
