// Strangers over real TCP: what each costs before it is known, and a node that has no descriptors left.
#include "folder.hpp"
#include <arpa/inet.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/net/mesh.hpp>
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <malloc.h>
#include <netinet/in.h>
#include <cstring>
#include <utility>
#include <iostream>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using dunlin::awaitable;
using dunlin::test::temporary_folder;
namespace asio = boost::asio;

/// Of the heap only: nothing of this is in it.
int socket_from(std::uint32_t host, std::uint16_t port) {
    int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in from{}, to{};
    from.sin_family = to.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl((127u << 24) + host), to.sin_addr.s_addr = htonl((127u << 24) + 1);
    to.sin_port = htons(port);
    bool fine = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
                ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    EXPECT_TRUE(fine) << std::strerror(errno);
    return fd;
}

struct keyed_node {
    asio::io_context io{1};
    dunlin::machine_clock clock;
    dunlin::machine_chance chance;
    dunlin::tcp_transport transport;
    dunlin::cluster_key key = dunlin::cluster_key::make(chance);
    temporary_folder folder;
    std::vector<std::string> alarms;
    std::optional<dunlin::node> node;

    keyed_node() {
        auto file = folder.file("key");
        std::ofstream(file) << key.text() << "\n";
        ::chmod(file.c_str(), 0600);
        node.emplace(io.get_executor(), dunlin::options().listen("127.0.0.1:0").key_file(file));
        node->on_alarm([this](std::string const& text) { alarms.push_back(text); });
        until([this]() -> awaitable<void> { co_await node->start(); });
    }
    ~keyed_node() {
        until([this]() -> awaitable<void> { co_await node->stop(); });
    }
    template <class F> void until(F f) {
        std::exception_ptr failed;
        bool ended = false;
        asio::co_spawn(io, std::move(f), [&](std::exception_ptr e) { failed = e, ended = true; });
        io.restart();
        while (!ended && io.run_one()) {}
        if (failed) std::rethrow_exception(failed);
    }
    /// So many handlers, or until nothing is ready.
    std::size_t poll() { return io.restart(), io.poll(); }
    /// Until all who have come so far were looked at: they come in at a rate, in their order, and the last is hung up on.
    void let_all_in() {
        int last = socket_from(201, port());
        EXPECT_EQ(::send(last, "GET / HTTP/1.1", 14, MSG_NOSIGNAL), 14);
        char c;
        io.restart();
        while (::recv(last, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN && io.run_one()) {}
        ::close(last);
    }
    std::uint16_t port() const {
        auto a = node->address();
        return std::uint16_t(std::stoi(a.substr(a.rfind(':') + 1)));
    }
    /// A question as a tool asks it: a whole handshake, and an answer.
    std::string status() {
        std::string answer;
        until([&]() -> awaitable<void> {
            dunlin::seams world{clock, chance, transport};
            auto own = dunlin::identity::make(chance);
            auto address = node->address();
            std::optional<dunlin::cluster_key> with = key;
            std::string question = "status";
            answer = co_await dunlin::ask(world, address, own, with, question);
        });
        return answer;
    }
};

std::size_t heap_bytes() {
    auto m = ::mallinfo2();
    return m.uordblks + m.hblkhd;
}

} // namespace

// Counted: every byte of the heap that the library and asio hold for it, with what malloc adds. Not: the kernel's.
TEST(heavy_strangers, cost_at_most_4_KiB_each_before_they_are_known) {
    keyed_node n;
    std::string almost = std::string("dnln\x01", 5) + std::string(67, 'x');
    bool warm = false; // asio keeps what it has used once
    for (auto& part : {almost, std::string(), std::string("dnln\x01", 5), almost}) {
        std::vector<int> sockets;
        n.poll();
        auto before = heap_bytes();
        for (std::uint32_t k = 0; k < 60; ++k) sockets.push_back(socket_from(2 + k / 4, n.port()));
        n.let_all_in();
        n.poll();
        for (auto fd : sockets) { ASSERT_EQ(::send(fd, part.data(), part.size(), MSG_NOSIGNAL), ssize_t(part.size())); }
        n.poll();
        auto grown = heap_bytes() - before - sockets.capacity() * sizeof(int);
        if (std::exchange(warm, true)) { EXPECT_LE(grown / sockets.size(), 4096u) << part.size() << " bytes said"; }
        EXPECT_GE(grown / sockets.size(), 500u) << "they are really there";
        RecordProperty("bytes_after_" + std::to_string(part.size()), int(grown / sockets.size()));
        std::cout << "bytes a socket, with " << part.size() << " bytes said: " << grown / sockets.size() << "\n";
        for (auto fd : sockets) ::close(fd);
        while (n.poll()) {}
    }
    EXPECT_NE(n.status().find("\"links\""), std::string::npos);
}

TEST(strangers, of_whom_there_are_more_than_places_cost_no_more) {
    keyed_node n;
    std::vector<int> sockets;
    for (std::uint32_t k = 0; k < 200; ++k) {
        sockets.push_back(socket_from(2 + k % 100, n.port()));
        if (k % 50 == 49) n.let_all_in();
    }
    n.poll();
    std::size_t open = 0;
    for (auto fd : sockets) {
        char c;
        open += ::recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }
    EXPECT_LE(open, 64u);
    EXPECT_GE(open, 60u);
    EXPECT_NE(n.status().find("\"links\""), std::string::npos) << "and who has the key comes in";
    for (auto fd : sockets) ::close(fd);
}

// RLIMIT_NOFILE=32, and all of them taken: accept fails, ten times a second and not in a loop, until some are free again.
TEST(strangers, that_come_when_there_are_no_descriptors_are_waited_for_and_then_served) {
    keyed_node n;
    std::vector<int> waiting, fillers;
    for (std::uint32_t k = 0; k < 3; ++k) waiting.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    auto few = before;
    few.rlim_cur = 32;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fillers.push_back(fd);
    ASSERT_EQ(errno, EMFILE);
    sockaddr_in to{};
    to.sin_family = AF_INET, to.sin_port = htons(n.port()), to.sin_addr.s_addr = htonl((127u << 24) + 1);
    for (auto fd : waiting) { ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0); }
    std::size_t handlers = 0;
    n.io.restart();
    while (n.alarms.size() < 5 && n.io.run_one()) ++handlers;
    EXPECT_LT(handlers, 500u) << "it does not spin";
    for (auto fd : fillers) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before);
    for (auto fd : waiting) {
        (void)!::send(fd, "GET / HTTP/1.1", 14, MSG_NOSIGNAL);
        char c;
        while (::recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN && n.io.run_one()) {}
        ::close(fd);
    }
    EXPECT_NE(n.status().find("\"links\""), std::string::npos) << "it has recovered";
}
