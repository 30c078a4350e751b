// Where a node listens, and what it refuses.
#include "folder.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/net/error.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/system.hpp>
#include <fstream>
#include <gtest/gtest.h>

namespace asio = boost::asio;

namespace {
struct start_result {
    boost::system::error_code error;
    std::string address;
};

start_result start(dunlin::options const& o) {
    asio::io_context io;
    start_result r;
    dunlin::node node{io.get_executor(), o};
    auto work = [&]() -> asio::awaitable<void> {
        auto [ec] = co_await node.start(asio::as_tuple(asio::deferred));
        r.error = ec, r.address = node.address();
        co_await node.stop();
    };
    asio::co_spawn(io, work(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
    return r;
}

struct key_file {
    dunlin::test::temporary_folder folder;
    std::string path = folder.file("key");
    key_file() {
        dunlin::machine_chance chance;
        std::ofstream(path) << dunlin::cluster_key::make(chance).text() << "\n";
        std::filesystem::permissions(path, std::filesystem::perms(0600));
    }
};
} // namespace

TEST(listening, beyond_loopback_without_a_key_is_refused_and_says_how_to_make_one) {
    for (auto address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "dunlin.example:0", "127.0.0.1.dunlin.example:0",
                         "[::ffff:0.0.0.0]:0", "localhost.dunlin.example:0"}) {
        auto r = start(dunlin::options().listen(address));
        EXPECT_EQ(r.error, dunlin::make_error_code(dunlin::node_errc::refused_listen)) << address;
        EXPECT_NE(r.error.message().find("dunlin key new"), std::string::npos);
        EXPECT_EQ(r.address, "") << address;
    }
}

TEST(listening, at_what_is_no_address_says_so) {
    auto bad = make_error_code(dunlin::net_error::bad_address);
    for (auto text : {"foo", "127.0.0.1", ":7700", "localhost:port", "127.0.0.1:70000", "::1:7700"}) {
        auto r = start(dunlin::options().listen(text));
        EXPECT_EQ(r.error, bad) << text;
        EXPECT_EQ(r.address, "") << text;
    }
    ::setenv("DUNLIN_LISTEN", "foo", 1);
    auto from_env = dunlin::options::from_env();
    ::unsetenv("DUNLIN_LISTEN");
    EXPECT_EQ(start(from_env).error, bad);
    EXPECT_EQ(start(dunlin::options().listen("foo").key_file("/nowhere/dunlin.key")).error, bad) << "it comes first";
}

TEST(listening, on_loopback_needs_no_key) {
    for (auto address : {"127.0.0.1:0", "127.5.6.7:0", "localhost:0"}) {
        auto r = start(dunlin::options().listen(address));
        EXPECT_FALSE(r.error) << address << ": " << r.error.message();
        EXPECT_TRUE(r.address.starts_with("127.")) << r.address;
        EXPECT_FALSE(r.address.ends_with(":0")) << "the port that was taken";
    }
}

TEST(listening, with_a_key_is_possible_everywhere) {
    key_file key;
    auto r = start(dunlin::options().listen("0.0.0.0:0").key_file(key.path));
    EXPECT_FALSE(r.error) << r.error.message();
    EXPECT_TRUE(r.address.starts_with("0.0.0.0:"));
}

TEST(listening, with_a_key_that_cannot_be_read_starts_nothing) {
    auto r = start(dunlin::options().listen("127.0.0.1:0").key_file("/nowhere/dunlin.key"));
    EXPECT_TRUE(r.error);
    EXPECT_EQ(r.address, "");
}

TEST(listening, on_a_taken_port_is_one_clear_error) {
    asio::io_context io;
    dunlin::node first{io.get_executor(), dunlin::options().listen("127.0.0.1:0")};
    auto work = [&]() -> asio::awaitable<void> {
        co_await first.start();
        dunlin::node second{io.get_executor(), dunlin::options().listen(first.address())};
        auto [ec] = co_await second.start(asio::as_tuple(asio::deferred));
        EXPECT_EQ(ec, boost::system::errc::address_in_use);
        co_await second.stop();
        co_await first.stop();
    };
    asio::co_spawn(io, work(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
