// Link: whole messages between two nodes that know who the other is, over any stream of bytes.
//
//   caller                                                        answerer
//   magic 4 | version 1 | key id 4 | mac1 16 | noise message 1    ->       mac1 is checked before anything costs
//                          <-  u16 length | noise message 2 { introduction }
//   u16 length | noise message 3 { introduction }                 ->
//                          <-  ready                              now the caller knows that the key is known there
//   then, both ways   frame := u16 length | sealed ( kind 1 | bytes )
//   kind              0 the last bytes of a message, 1 more of it follow (such a frame is full), 2 close, 3 ready
//   introduction      u least version | u greatest version | secure 1 | node id 16 if not secure | bytes hello
//   refusal           u16 0 | reason 1, in clear and believed by nobody but the one who reads the error
//
// Noise XXpsk3 (noise.hpp) with prologue "dunlin/1" | pattern | key id. mac1 = keyed BLAKE2b-128 of all before it and
// message 1. Each direction takes a new key every 2^16 frames. Without a cluster key, on loopback only: key id 0, no
// mac1, and introductions and frames in clear; node ids are then only claimed. A node with a key refuses that.
//
// Messages are sealed when queued and written together: one write a flush, no allocation a message.
// State   two buffers that keep what they grew to (64 KiB in, 256 KiB out), 256 bytes and its introduction before the other is known.
// Bounds  first frame 73 bytes, introduction 1 KiB and a little, message 4 MiB and 256 KiB, queue 8 MiB; 5 s for the handshake.
// Threads one executor. One coroutine receives; any number queue and flush. A link goes after the coroutines that
//         use it have ended: drop() ends them.
// Errors  net_error, and the stream's own. After any error the link is closed; it says the same one again.
// Source  the first-frame check is WireGuard's mac1; the rest is the Noise specification, sections 11 and 13.
#pragma once
#include "error.hpp"
#include "key.hpp"
#include "noise.hpp"
#include "seams.hpp"
#include <functional>
#include <memory>

namespace dunlin {

namespace link_bounds {
constexpr std::size_t hello_max = 1024;
constexpr std::size_t frame_max = noise::message_max_bytes;
constexpr std::uint64_t frames_per_key = 1u << 16;
} // namespace link_bounds

struct link_options {
    dunlin::clock& clock;
    dunlin::chance& chance;
    identity own;
    std::optional<cluster_key> key; // none: insecure, on loopback only
    std::string hello;              // opaque, for the other's remote_hello()
    std::uint32_t version_least = 1, version_most = 1;
    std::optional<node_id> expected; // any other node is refused
    std::size_t message_max_bytes = (4u << 20) + (256u << 10); // the largest entry and what names it
    std::size_t queue_max_bytes = 8u << 20;
    std::chrono::nanoseconds handshake_time = std::chrono::seconds(5);
    std::chrono::nanoseconds close_time = std::chrono::seconds(1);

    link_options(dunlin::clock& c, dunlin::chance& r, identity const& i) : clock(c), chance(r), own(i) {}
};

class link {
public:
    ~link() { drop(); }
    link(link const&) = delete;

    /// The next whole message. Throws net_error::closed after the other's goodbye, truncated where there was none.
    awaitable<std::string> receive();
    /// The same into a string that keeps its room.
    awaitable<void> receive(std::string& into);
    /// What has arrived already, without waiting: false if that is no whole message.
    bool try_receive(std::string& into);

    /// Sealed now, written at the next flush. False, and nothing is queued, when the queue is full or the link closed.
    [[nodiscard]] bool queue(bytes_view message);
    /// Writes until nothing is queued. While one flush runs another returns at once: the running one takes all.
    awaitable<void> flush();
    /// queue and flush; throws net_error::busy when the queue is full.
    awaitable<void> send(bytes_view message);
    std::size_t queued_bytes() const { return out_.size() + writing_.size(); }

    /// Says goodbye, for at most close_time, and closes.
    awaitable<void> close();
    /// Closes at once; who waits here gets an error. Idempotent.
    void drop();

    bool secure() const { return send_.keyed(); }
    node_id const& remote_node() const { return remote_node_; }
    std::string const& remote_hello() const { return remote_hello_; }
    std::string remote_address() const { return stream_->remote_address(); }
    /// The greatest that both know.
    std::uint32_t version() const { return version_; }
    /// Of the whole handshake, the same on both sides and in no other link; zero if not secure.
    octets<32> const& handshake_hash() const { return handshake_hash_; }

private:
    friend struct greeting;
    enum kind : std::uint8_t { last, more, goodbye, ready };
    struct frame {
        kind what;
        bytes_view text;
    };

    std::unique_ptr<stream> stream_;
    dunlin::clock& clock_;
    std::unique_ptr<timer> goodbye_;
    std::size_t message_max_, queue_max_;
    std::chrono::nanoseconds close_time_;

    noise::cipher_state send_, receive_;
    std::string in_; // bytes [from_, to_) have arrived and wait
    std::size_t from_ = 0, to_ = 0;
    std::string partial_; // of a message that comes in several frames
    std::string out_, writing_;
    bool open_ = false, closing_ = false, flushing_ = false;
    boost::system::error_code failed_;

    node_id remote_node_{};
    std::string remote_hello_;
    std::uint32_t version_ = 0;
    octets<32> handshake_hash_{};

    link(std::unique_ptr<stream> s, link_options const& o);
    std::size_t text_max() const;
    std::size_t arrived() const { return to_ - from_; }
    std::size_t frame_size() const;
    awaitable<void> arrive(std::size_t least);
    std::optional<frame> next_frame();
    void put_frame(kind what, bytes_view text);
    [[noreturn]] void broken(net_error e);
};

/// The one that connected. Both throw, and the stream is closed, when the other is not one to talk to.
awaitable<std::unique_ptr<link>> initiate(std::unique_ptr<stream> connected, link_options options);
/// The one that accepted; a gate (gate.hpp) stands before it. `admit` is asked once the first frame is right, before any
/// key is made; false: closed. The options are shared: a stranger may cost 4 KiB, no more.
awaitable<std::unique_ptr<link>> respond(std::unique_ptr<stream> accepted, std::shared_ptr<link_options const> options,
                                         std::function<bool()> admit = {});
/// Connects and initiates, in handshake_time each.
awaitable<std::unique_ptr<link>> dial(transport& by, std::string address, link_options options);

} // namespace dunlin
