#include "run.hpp"
#include <boost/asio/error.hpp>
#include <dunlin/net/address.hpp>
#include <dunlin/net/error.hpp>
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>
#include <gtest/gtest.h>

namespace dunlin {
namespace {

using boost::system::system_error;
using namespace std::chrono_literals;

TEST(address, host_and_port_come_apart_and_together_again) {
    for (std::string text : {"node1:7700", "127.0.0.1:0", "[::1]:65535", "[fe80::1%eth0]:80"}) {
        auto a = parse_address(text);
        EXPECT_EQ(address_text(a.host, a.port), text);
        EXPECT_EQ(host_of(text), a.host);
    }
    EXPECT_EQ(parse_address("[::1]:9").host, "::1");
}

TEST(address, what_is_not_host_and_port_is_refused) {
    for (std::string text : {"", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:8x", "::1:80", "[::1]",
                             "[host]:80", "[]:80", "a b:80", "host:80 ", "[::1:80", "http://host:80"})
        EXPECT_THROW(parse_address(text), system_error) << text;
}

TEST(address, only_what_stays_on_this_machine_is_loopback) {
    for (auto yes :
         {"127.0.0.1:7700", "127.9.9.9:1", "[::1]:7700", "localhost:80", "[::ffff:127.0.0.1]:80", "::1", "127.0.0.1"})
        EXPECT_TRUE(is_loopback(yes)) << yes;
    for (auto no : {"0.0.0.0:7700", "[::]:7700", "10.0.0.1:80", "127.0.0.1.example.org:80", "localhost.example.org:80",
                    "[::ffff:10.0.0.1]:80", "", "example.org:80"})
        EXPECT_FALSE(is_loopback(no)) << no;
}

struct tcp : testing::Test {
    boost::asio::io_context io;
    tcp_transport transport;
    any_io_executor executor = io.get_executor();
};

awaitable<std::string> read_all(stream& s) {
    std::string all, part(64, '\0');
    try {
        for (;;) {
            auto n = co_await s.read_some(boost::asio::buffer(part));
            all.append(part, 0, n);
        }
    } catch (system_error const& e) {
        if (e.code() != boost::asio::error::eof) throw;
    }
    co_return all;
}

awaitable<void> greet(transport& t, any_io_executor executor, std::string address, std::string host) {
    auto listening = t.listen(executor, address);
    auto at = listening->local_address();
    EXPECT_NE(parse_address(at).port, 0);
    auto near = co_await t.connect(executor, address_text(host, parse_address(at).port));
    auto far = co_await listening->accept();
    EXPECT_EQ(near->remote_address(), at);
    EXPECT_TRUE(is_loopback(far->remote_address()));
    std::string hello = "hello";
    co_await near->write(boost::asio::buffer(hello));
    near->close();
    near->close();
    auto heard = co_await read_all(*far);
    EXPECT_EQ(heard, hello);
}

TEST_F(tcp, bytes_go_over_loopback_by_number_by_name_and_by_ipv6) {
    test::run(io, greet(transport, executor, "127.0.0.1:0", "127.0.0.1"));
    test::run(io, greet(transport, executor, "localhost:0", "localhost"));
    test::run(io, greet(transport, executor, "[::1]:0", "::1"));
}

awaitable<void> read_one(stream& s) {
    std::string part(8, '\0');
    co_await s.read_some(boost::asio::buffer(part));
}

awaitable<void> close_while_reading(transport& t, any_io_executor executor, bool& ended) {
    auto listening = t.listen(executor, "127.0.0.1:0");
    auto near = co_await t.connect(executor, listening->local_address());
    auto far = co_await listening->accept();
    boost::asio::co_spawn(executor, read_one(*near), [&](std::exception_ptr e) { ended = e != nullptr; });
    machine_clock clock;
    std::string nothing;
    auto timer = clock.make_timer(executor);
    timer->expires_after(1ms, [&] { near->close(); });
    auto heard = co_await read_all(*far); // ends because near closes
    EXPECT_EQ(heard, "");
}

TEST_F(tcp, closing_ends_a_waiting_read_with_an_error) {
    bool ended = false;
    test::run(io, close_while_reading(transport, executor, ended));
    EXPECT_TRUE(ended);
}

TEST_F(tcp, a_port_in_use_is_an_error_that_names_the_address) {
    auto first = transport.listen(executor, "127.0.0.1:0");
    try {
        transport.listen(executor, first->local_address());
        FAIL() << "two listen on one port";
    } catch (system_error const& e) {
        EXPECT_NE(std::string(e.what()).find(first->local_address()), std::string::npos) << e.what();
    }
}

TEST_F(tcp, connecting_where_nobody_listens_is_an_error_that_names_the_address) {
    auto gone = transport.listen(executor, "127.0.0.1:0");
    auto address = gone->local_address();
    gone->close();
    try {
        test::run(io, transport.connect(executor, address));
        FAIL() << "connected to nobody";
    } catch (system_error const& e) {
        EXPECT_EQ(e.code(), boost::asio::error::connection_refused);
        EXPECT_NE(std::string(e.what()).find(address), std::string::npos) << e.what();
    }
}

TEST_F(tcp, a_timer_rings_once_and_never_after_it_was_called_off_or_replaced) {
    machine_clock clock;
    int rung = 0;
    auto a = clock.make_timer(executor), b = clock.make_timer(executor), c = clock.make_timer(executor);
    a->expires_after(0ms, [&] { rung += 1; });
    a->expires_after(1ms, [&] { rung += 10; });
    b->expires_after(0ms, [&] { rung += 100; });
    b->cancel();
    c->expires_after(0ms, [&] { rung += 1000; });
    c.reset();
    io.run();
    EXPECT_EQ(rung, 10);
    EXPECT_GT(clock.wall_now().count(), 1600000000000);
    auto before = clock.steady_now();
    EXPECT_LE(before, clock.steady_now());
}

TEST_F(tcp, a_timer_called_off_by_the_handler_before_it_does_not_ring) {
    machine_clock clock;
    auto a = clock.make_timer(executor), b = clock.make_timer(executor);
    int rung = 0;
    a->expires_after(0ms, [&] { ++rung, b->cancel(); });
    b->expires_after(0ms, [&] { ++rung, a->cancel(); });
    io.run(); // both are due in one pass of the reactor
    EXPECT_EQ(rung, 1);
}

} // namespace
} // namespace dunlin
