// The inside of the simulated network: hosts, connections, and the two pipes of each. Only network.cpp and wire.cpp.
//
//   end 0 ── pipe 0 ──> end 1        pipe: one ring of bytes, first those that arrived, then those in flight,
//   end 0 <── pipe 1 ── end 1              and when each segment of the latter is due
//
// One alarm a pipe, for its first segment; delivery keeps the order. An end is open, closed (by its owner) or broken
// (by the world); the error it is then read with stays. A connection leaves the wire when both ends are done and
// nothing flies.
#pragma once
#include "network.hpp"

#include <cstring>
#include <map>
#include <set>

namespace dunlin::sim {

using boost::system::error_code;

class byte_ring {
    std::vector<std::uint8_t> space_;
    std::size_t first_ = 0, size_ = 0;

public:
    std::size_t size() const { return size_; }
    void append(void const* from, std::size_t n);
    void take(void* into, std::size_t n);
    void drop_first(std::size_t n);
    void drop_last(std::size_t n) { size_ -= n; }
    void clear() { first_ = size_ = 0; }
};

enum class segment_kind : std::uint8_t { data, end, reset };

struct segment {
    nanoseconds at;
    std::uint32_t bytes;
    segment_kind kind;
};

struct pipe {
    byte_ring bytes;
    std::size_t arrived = 0; ///< of bytes
    boost::circular_buffer<segment> flying{8};
    nanoseconds last_at{}, free_at{};
    alarm arrival;
    bool held = false;    ///< the path was blocked when the first segment was due
    bool unacked = false; ///< it was delivered, but no answer comes back
    bool ended = false;   ///< the end arrived

    explicit pipe(world& w) : arrival(w) {}
};

struct host;

struct end {
    host& at;
    std::string remote;
    bool closed = false;
    error_code error; ///< set: broken or closed
    pause reading, writing;
    alarm stall, reset;

    end(world& w, host& h) : at(h), stall(w), reset(w) {}
    bool open() const { return !error; }
};

struct connection {
    wire& in;
    std::shared_ptr<wire> alive; ///< a ring of references, until the connection or the network ends
    std::uint64_t number;
    std::size_t window_bytes, index = 0;
    end ends[2];
    pipe pipes[2]; ///< pipes[i] is written by ends[i]

    connection(wire& w, std::uint64_t n, host& client, host& server);
};

struct listener {
    static constexpr std::size_t backlog_max = 128;
    host& at;
    std::uint16_t port;
    bool closed = false;
    pause accepting;
    boost::circular_buffer<std::shared_ptr<connection>> backlog{backlog_max};
};

struct host {
    std::string name;
    std::uint32_t number;
    bool up = true;
    std::uint16_t next_port = 40'000;
    std::map<std::uint16_t, std::shared_ptr<listener>> ports;
    std::unique_ptr<dunlin::transport> transport;

    std::uint16_t free_port();
};

class wire : public std::enable_shared_from_this<wire> {
    friend class network;
    using path = std::pair<std::uint32_t, std::uint32_t>;

    generator chance_;
    faults faults_;
    std::map<path, faults> faults_of_;
    std::set<path> blocked_;
    std::map<path, nanoseconds> clogged_;
    std::map<std::string, std::unique_ptr<host>, std::less<>> hosts_;
    std::vector<std::shared_ptr<connection>> connections_;
    std::uint64_t made_ = 0, carried_bytes_ = 0, carried_segments_ = 0;

    void send(connection& c, int side, std::uint32_t bytes, segment_kind kind);
    void arm(connection& c, int side);
    void arrive(connection& c, int side);
    void deliver(connection& c, int side, segment s);
    void refuse(connection& c, int side);
    void watch_stall(connection& c, int side);
    void drop_flying(pipe& p, std::size_t keep);
    void delay_flying(connection& c, int side, nanoseconds until);
    void resume_paths();
    void crash(host& h, death how);
    std::vector<std::shared_ptr<connection>> between(host const& a, host const& b) const;

public:
    world& in;

    explicit wire(world& w) : chance_(w.chance("network")), in(w) {}

    faults const& of(host const& from, host const& to) const;
    bool passes(host const& from, host const& to) const;
    nanoseconds delay(host const& from, host const& to);
    host* find(std::string_view name) const;
    std::shared_ptr<connection> join(host& client, std::uint16_t client_port, listener& l);

    /// As much as the window takes.
    std::size_t push(connection& c, int side, void const* from, std::size_t n);
    /// From what arrived.
    std::size_t take(connection& c, int side, void* into, std::size_t n);
    void close(connection& c, int side);
    void close(listener& l);
    void fail(connection& c, int side, error_code error, char const* why);
    void settle(connection& c);
    void cut_off();
};

/// "n1:7" as name and port; invalid_argument for anything else.
std::pair<std::string, std::uint16_t> parse_address(std::string_view address);

} // namespace dunlin::sim
