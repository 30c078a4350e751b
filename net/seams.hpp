// Seams: everything impure that dunlin needs, as four small interfaces.
//
//   clock      what time it is, and timers          net/system.hpp: the machine's;  lib/sim: virtual time
//   chance     random bytes                         net/system.hpp: libsodium;      lib/sim: a seed
//   transport  streams of bytes between addresses   net/tcp.hpp: TCP;               lib/sim: a seeded network
//   (disk)     SQLite's VFS                         lib/store: the machine's;       lib/sim: a disk that loses writes
//
// Outside the implementations nothing names io_context, steady_timer, system_clock, random_device or
// randombytes: so the simulator runs the shipped code. A seam outlives all who use it; its owner is main()
// (through dunlin::node) or the simulator.
// Threads  an object of a seam is used on one executor; `seams` itself may be shared by several.
// Errors   operations of the world throw boost::system::system_error.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace dunlin {

using boost::asio::any_io_executor;
using boost::asio::awaitable;

/// One alarm at a time. It rings on the executor it was made for, and never after cancel() or destruction.
class timer {
public:
    virtual ~timer() = default;
    /// Replaces an earlier alarm that has not rung.
    virtual void expires_after(std::chrono::nanoseconds delay, std::function<void()> ring) = 0;
    virtual void cancel() = 0;
};

class clock {
public:
    virtual ~clock() = default;
    /// Never goes back; only differences mean something.
    virtual std::chrono::nanoseconds steady_now() const = 0;
    /// Since 1970, as far as this machine knows. May jump either way.
    virtual std::chrono::milliseconds wall_now() const = 0;
    virtual std::unique_ptr<timer> make_timer(any_io_executor executor) = 0;
};

class chance {
public:
    virtual ~chance() = default;
    virtual void fill(std::span<std::uint8_t> bytes) = 0;
    std::uint64_t next() {
        std::uint8_t b[8];
        fill(b);
        std::uint64_t n = 0;
        for (auto x : b) n = n << 8 | x;
        return n;
    }
    /// Uniform below n (n > 0) as far as a bias of n / 2^64 allows.
    std::uint64_t below(std::uint64_t n) { return next() % n; }
};

/// An ordered, reliable stream of bytes, as TCP gives. One read and one write may be under way at a time.
class stream {
public:
    virtual ~stream() = default;
    /// At least one byte; throws boost::asio::error::eof at the end.
    virtual awaitable<std::size_t> read_some(boost::asio::mutable_buffer into) = 0;
    /// All of it.
    virtual awaitable<void> write(boost::asio::const_buffer bytes) = 0;
    /// At once; waiting reads and writes end with an error. Idempotent.
    virtual void close() = 0;
    virtual std::string remote_address() const = 0;
};

class acceptor {
public:
    virtual ~acceptor() = default;
    virtual awaitable<std::unique_ptr<stream>> accept() = 0;
    virtual void close() = 0;
    /// With the port that was really taken: "127.0.0.1:41234".
    virtual std::string local_address() const = 0;
};

/// Addresses are "host:port"; IPv6 hosts in brackets. Port 0 in listen() means any free one.
class transport {
public:
    virtual ~transport() = default;
    virtual awaitable<std::unique_ptr<stream>> connect(any_io_executor executor, std::string address) = 0;
    virtual std::unique_ptr<acceptor> listen(any_io_executor executor, std::string const& address) = 0;
};

struct seams {
    dunlin::clock& clock;
    dunlin::chance& chance;
    dunlin::transport& transport;
};

} // namespace dunlin
