// A seeded network: what TCP between machines does, in virtual time.
//
//   sim::network net(world);
//   dunlin::transport& at_n1 = net.attach("n1");      addresses are "n1:1", the port free to choose, 0 any
//
// A connection is an ordered, bounded pipe each way. A segment arrives after delay_min plus an exponential delay, later
// if it is lost (retransmission), if the path is clogged or slow; never out of order, as in TCP. So lost, repeated and
// reordered *messages* exist only between connections: at that level they are tests of the protocol machine, because
// links are encrypted and one connection cannot carry them.
//
//   blocked path    bytes are held; the sender breaks after stall_limit (timed_out), its peer learns nothing: half open
//   heal            held bytes flow on, or (heal_break) the connection breaks
//   broken, closed  whoever sends to it is reset, once a path back exists
//   crash: process  the kernel lives: peers see the end or a reset, connects are refused
//   crash: power    silence; after restart() what arrives for old connections is reset
//
// Order for a crash: network::crash, then world::kill, then destroy the node.
// Bounds   window_bytes each way (a write waits for the reader), backlog_max connections not yet accepted.
// Lifetime the world outlives the network; streams may outlive the network (they are cut off).
// Errors   connect: host_not_found, connection_refused, timed_out; streams: eof, connection_reset, timed_out, and
//          operation_aborted for what close() or a cancellation ends; listen: address_in_use.
#pragma once
#include "world.hpp"

#include <initializer_list>
#include <memory>

namespace dunlin::sim {

/// What a path does to what passes. Probabilities are for a segment.
struct faults {
    nanoseconds delay_min = std::chrono::microseconds(100);
    nanoseconds delay_mean = std::chrono::microseconds(400); ///< of the exponential part
    double loss = 0;
    nanoseconds retransmit = std::chrono::milliseconds(200); ///< doubles at each loss in a row
    double clog = 0;                                         ///< nothing passes for about clog_mean
    nanoseconds clog_mean = std::chrono::seconds(2);
    double reset = 0;        ///< the connection breaks
    double half_open = 0;    ///< of a break: only one side learns
    double heal_break = 0.5; ///< of a connection that a partition had stopped: broken by the heal
    nanoseconds stall_limit = std::chrono::seconds(20);
    nanoseconds connect_limit = std::chrono::seconds(5);
    std::uint64_t bandwidth_bytes_per_s = 0; ///< 0: no bound
    std::size_t window_bytes = 64 << 10;     ///< of a connection, each way; read when it is made
    std::size_t segment_bytes = 4096;

    faults() {}
    /// Drawn from wide ranges: loss 0 to 30 %, delay 0 to 30 ms, clogs, resets.
    static faults harsh(generator& chance);
};

enum class death { process, power };

class wire;

class network {
    std::shared_ptr<wire> wire_;

public:
    explicit network(world& w);
    ~network();
    network(network const&) = delete;

    /// The host of that name, made at the first call. Lives as long as the network.
    transport& attach(std::string const& name);

    void set_faults(faults f);
    /// Of one direction; stays until set_faults() of all.
    void set_faults(std::string const& from, std::string const& to, faults f);

    void block(std::string const& from, std::string const& to);
    void unblock(std::string const& from, std::string const& to);
    /// Nothing passes between different groups; hosts not named are one group more.
    void partition(std::vector<std::vector<std::string>> const& groups);
    /// All paths open again.
    void heal();
    /// Nothing passes in this direction for so long.
    void clog(std::string const& from, std::string const& to, nanoseconds duration);
    /// Breaks every connection between two hosts; both sides learn after a delay.
    void reset(std::string const& a, std::string const& b);
    /// The side at `a` breaks; the side at `b` learns when it sends, if ever.
    void half_open(std::string const& a, std::string const& b);

    void crash(std::string const& name, death how);
    /// After a crash by power.
    void restart(std::string const& name);

    /// Connections with a side that has not ended.
    std::size_t connections() const;
    /// Bytes that arrived anywhere, and segments that did.
    std::uint64_t carried_bytes() const;
    std::uint64_t carried_segments() const;
};

} // namespace dunlin::sim
