// Two hosts of a simulated network and the coroutines that use them, for the tests of the network.
#pragma once
#include <dunlin/lib/sim/network.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

namespace two_hosts {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::system::error_code;
using boost::system::system_error;
using dunlin::awaitable;
namespace asio = boost::asio;
namespace sim = dunlin::sim;
using bytes = std::vector<std::uint8_t>;
using stream_ptr = std::unique_ptr<dunlin::stream>;

inline awaitable<void> accept_one(dunlin::acceptor& a, stream_ptr& into) { into = co_await a.accept(); }

inline awaitable<void> connect_one(dunlin::transport& t, dunlin::any_io_executor e, std::string address,
                                   stream_ptr& into) {
    into = co_await t.connect(e, address);
}

inline awaitable<void> write_all(dunlin::stream& s, bytes data) { co_await s.write(asio::buffer(data)); }

/// Writes in pieces drawn by the seed.
inline awaitable<void> write_pieces(dunlin::stream& s, bytes data, sim::generator chance) {
    for (std::size_t at = 0; at < data.size();) {
        std::size_t const n = std::min<std::size_t>(1 + chance.below(3000), data.size() - at);
        asio::const_buffer const piece(data.data() + at, n);
        co_await s.write(piece);
        at += n;
    }
}

inline awaitable<bytes> read_n(dunlin::stream& s, std::size_t n) {
    bytes all;
    std::uint8_t space[1000];
    while (all.size() < n) {
        asio::mutable_buffer const into(space, std::min(sizeof space, n - all.size()));
        auto const k = co_await s.read_some(into);
        all.insert(all.end(), space, space + k);
    }
    co_return all;
}

inline awaitable<void> read_to_end(dunlin::stream& s, bytes& all, error_code& how) {
    std::uint8_t space[1000];
    try {
        for (;;) {
            auto const k = co_await s.read_some(asio::buffer(space));
            all.insert(all.end(), space, space + k);
        }
    } catch (system_error const& e) { how = e.code(); }
}

inline awaitable<void> outcome(awaitable<void> work, error_code& how) {
    try {
        co_await std::move(work);
        how = {};
    } catch (system_error const& e) { how = e.code(); }
}

inline awaitable<void> quietly(awaitable<void> work) {
    error_code ignored;
    co_await outcome(std::move(work), ignored);
}

inline bytes noise(std::size_t n, std::uint64_t seed = 9) {
    bytes b(n);
    sim::generator(seed).fill(b);
    return b;
}

/// Two hosts and, after join(), one connection from n1 to n2.
struct pair_of_hosts {
    sim::world world;
    sim::network net{world};
    sim::process& p1 = world.make_process("n1");
    sim::process& p2 = world.make_process("n2");
    dunlin::transport &t1 = net.attach("n1"), &t2 = net.attach("n2");
    std::unique_ptr<dunlin::acceptor> acceptor;
    stream_ptr a, b;

    explicit pair_of_hosts(std::uint64_t seed = 1) : world(seed) {}
    void join() {
        if (!acceptor) acceptor = t2.listen(p2.get_executor(), "n2:7");
        p2.spawn(accept_one(*acceptor, b));
        world.run(p1.get_executor(), connect_one(t1, p1.get_executor(), "n2:7", a));
        world.run_until([&] { return bool(b); }, 1min);
    }
    template <class T> T on1(awaitable<T> work) { return world.run(p1.get_executor(), std::move(work)); }
    template <class T> T on2(awaitable<T> work) { return world.run(p2.get_executor(), std::move(work)); }
    error_code try1(awaitable<void> work) {
        error_code how;
        on1(outcome(std::move(work), how));
        return how;
    }
    error_code try2(awaitable<void> work) {
        error_code how;
        on2(outcome(std::move(work), how));
        return how;
    }
};

inline awaitable<void> read_some_once(dunlin::stream& s) {
    std::uint8_t space[100];
    co_await s.read_some(asio::buffer(space));
}

inline awaitable<bool> read_within(sim::world& w, dunlin::stream& s, std::chrono::nanoseconds limit) {
    auto which = co_await (read_some_once(s) || w.sleep(limit));
    co_return which.index() == 0;
}

} // namespace two_hosts
