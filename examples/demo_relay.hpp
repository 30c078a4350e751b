// Relay: the cable to one node. The node tells others the relay's address; so every link goes through here.
//
//   node 4 ──▶ relay of node 1 ──▶ node 1          cut: relays drop the links between the two sides and refuse new ones
//
// Who calls is found out as a firewall would: which process holds the socket at the other end (/proc).
#pragma once
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>

namespace demo {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

/// The inode of the TCP socket that is bound to this loopback port at the caller's side; 0 if there is none.
inline unsigned long socket_inode(unsigned short port) {
    std::ifstream table("/proc/net/tcp");
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
        unsigned local = 0, local_port = 0;
        unsigned long inode = 0;
        if (std::sscanf(line.c_str(), " %*d: %x:%x %*x:%*x %*x %*x:%*x %*x:%*x %*x %*u %*d %lu", &local, &local_port,
                        &inode) == 3 &&
            local_port == port && inode)
            return inode;
    }
    return 0;
}

inline bool holds_socket(int process, unsigned long inode) {
    std::error_code ec;
    auto wanted = "socket:[" + std::to_string(inode) + "]";
    for (auto& file : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd", ec)) {
        std::error_code gone;
        if (std::filesystem::read_symlink(file.path(), gone) == wanted) return true;
    }
    return false;
}

class relay {
    struct link {
        tcp::socket outer, inner;
        int from = 0;
        link(tcp::socket o, asio::any_io_executor io) : outer(std::move(o)), inner(io) {}
        void close() {
            boost::system::error_code ignored;
            outer.close(ignored), inner.close(ignored);
        }
    };
    tcp::acceptor door_;
    unsigned short target_ = 0;
    std::function<int(unsigned short port)> who_; // the number of the node that calls from a port; 0: a tool
    std::function<bool(int from)> allowed_;
    std::set<std::shared_ptr<link>> links_;

public:
    relay(asio::any_io_executor io, std::function<int(unsigned short)> who, std::function<bool(int)> allowed)
        : door_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), who_(std::move(who)),
          allowed_(std::move(allowed)) {
        asio::co_spawn(io, accept_all(), [](std::exception_ptr) {}); // ends with the door
    }
    relay(relay const&) = delete;
    ~relay() { close(); }

    std::string address() const { return "127.0.0.1:" + std::to_string(door_.local_endpoint().port()); }
    /// Where the node really listens; 0 while it is down.
    void target(unsigned short port) { target_ = port; }
    /// Drops what is no longer allowed.
    void enforce() {
        for (auto& l : links_)
            if (!allowed_(l->from)) l->close();
    }
    void close() {
        boost::system::error_code ignored;
        door_.close(ignored);
        for (auto& l : links_) l->close();
    }

private:
    awaitable<void> accept_all() {
        while (door_.is_open()) {
            tcp::socket came = co_await door_.async_accept(asio::use_awaitable);
            boost::system::error_code ec;
            auto caller = came.remote_endpoint(ec);
            auto l = std::make_shared<link>(std::move(came), door_.get_executor());
            if (ec || !target_) continue;
            l->from = who_(caller.port());
            if (!allowed_(l->from)) continue;
            links_.insert(l);
            asio::co_spawn(door_.get_executor(), carry(l), [this, l](std::exception_ptr) { links_.erase(l); });
        }
    }

    awaitable<void> carry(std::shared_ptr<link> l) {
        tcp::endpoint to(asio::ip::address_v4::loopback(), target_);
        co_await l->inner.async_connect(to, asio::use_awaitable);
        l->inner.set_option(tcp::no_delay(true)), l->outer.set_option(tcp::no_delay(true));
        if (!allowed_(l->from)) l->close();
        asio::co_spawn(door_.get_executor(), pump(l, l->inner, l->outer), [l](std::exception_ptr) { l->close(); });
        try {
            co_await pump(l, l->outer, l->inner);
        } catch (boost::system::system_error const&) { // one end has closed: so does the other
        }
        l->close();
    }

    static awaitable<void> pump(std::shared_ptr<link> l, tcp::socket& from, tcp::socket& to) {
        std::array<char, 16384> bytes;
        while (l->outer.is_open()) {
            auto room = asio::buffer(bytes);
            std::size_t n = co_await from.async_read_some(room, asio::use_awaitable);
            auto read = asio::buffer(bytes.data(), n);
            co_await asio::async_write(to, read, asio::use_awaitable);
        }
    }
};

} // namespace demo
