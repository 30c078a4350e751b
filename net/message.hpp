// Messages: every word that two nodes can say to each other over a link, and the one codec for them.
//
//   frame   := message*                            what a link carries at a time, at most frame_max bytes
//   message := u length | kind u8 | payload        kind with bit 0x80: whoever does not know it skips it
//   payload of a word about a space := u space | the word's own fields
//
// docs/wire.md has the fields. Spaces and writers have numbers of a link's own: the first message that needs one is
// preceded by `name_space` or `name_writer`. A number may be given anew, so the tables are bounded and never full: the
// oldest number goes. `session` holds the tables of both directions of one link. A vector on the wire is sorted by
// writer, each writer once, no number 0.
// State   up to 64 Ki writers and 4 Ki spaces a direction; scratch space for one message.
// Threads the link's executor.
// Errors  `refusal`: the link must be closed. An unknown kind is named with its number. Nothing of a message that is
//         refused is seen by anyone.
#pragma once
#include "entry.hpp"
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace dunlin {

namespace wire_bounds {
constexpr std::size_t frame_max = entry_bounds::body_max + (1u << 18);
constexpr std::size_t chunk_max = 1u << 20;
constexpr std::size_t vector_max = 1u << 14;
constexpr std::size_t series_max = 1u << 12;
constexpr std::size_t cursor_max = 1024;
constexpr std::size_t name_max = 512;
constexpr std::size_t address_max = 256;
constexpr std::size_t addresses_max = 8;
constexpr std::size_t peers_max = 1024;
constexpr std::size_t text_max = 1u << 16;
constexpr std::size_t json_max = 4u << 20;
constexpr std::size_t cells_max = 1024;
constexpr std::size_t cell_value_max = 16u << 10;
constexpr std::size_t cell_below_max = 17u << 10;
constexpr std::size_t cell_links_max = 1024;
constexpr std::uint32_t writers_max = 1u << 16;
constexpr std::uint32_t spaces_max = 1u << 12;
} // namespace wire_bounds

/// What a node says of itself inside the handshake (link.hpp: `hello`), before any message.
struct hello {
    bool tool = false; // a tool asks questions and is no node
    std::string name;
    std::vector<std::string> addresses; // where it listens
    bool operator==(hello const&) const = default;
    std::string write() const;
    [[nodiscard]] bool read(bytes_view bytes);
};

/// A node as others are told of it.
struct known_peer {
    node_id node{};
    std::string name;
    std::vector<std::string> addresses;
    bool operator==(known_peer const&) const = default;
};

/// A value that is told beside the entries (cells.hpp). Its field is named by the hash of name and kind; 0: all of the object, which
/// was erased, and then nothing is held. Below a map there is the rest of its path.
struct cell {
    std::string type, key;
    std::uint32_t field = 0;
    std::uint64_t stamp = 0;
    writer_id writer;
    bool held = false; // else it was taken back
    std::string value;
    std::string below{};
    bool operator==(cell const&) const = default;
};

namespace word {

// About the link.
struct ping {
    std::uint64_t token = 0;
    bool operator==(ping const&) const = default;
};
struct pong {
    std::uint64_t token = 0;
    bool operator==(pong const&) const = default;
};
enum class reason : std::uint8_t { stopping, duplicate, refused, too_many, silent };
struct close {
    word::reason reason = reason::stopping;
    std::string text;
    bool operator==(close const&) const = default;
};
struct peers {
    std::vector<known_peer> list;
    bool operator==(peers const&) const = default;
};
/// "I have this space", or not any more; words about it are welcome only in between.
struct holds {
    std::string space;
    bool here = true;
    bool operator==(holds const&) const = default;
};
struct tool_request {
    std::uint64_t id = 0;
    std::string text;
    bool operator==(tool_request const&) const = default;
};
struct tool_answer {
    std::uint64_t id = 0;
    std::string json;
    bool operator==(tool_answer const&) const = default;
};

// About a space.
/// "My heads and durable vector have these digests: yours?"
struct digest {
    std::uint64_t heads = 0, durable = 0;
    bool synced = false; // the sender knows what the cluster knew
    bool operator==(digest const&) const = default;
};
/// "The same heads; and this is the digest of my durable vector."
struct same {
    std::uint64_t durable = 0;
    bool synced = false;
    bool operator==(same const&) const = default;
};
struct claim {
    writer_id writer;
    std::uint64_t number = 0;
    std::uint64_t mark = 0; // the first half of the entry's hash
    bool operator==(claim const&) const = default;
};
struct heads {
    bool complete = false; // whoever is not listed is unknown to the sender
    bool reply = false;    // the sender asks for what it lacks
    bool synced = false;
    std::vector<claim> list;
    id_vector durable;
    bool operator==(heads const&) const = default;
};
struct pull {
    std::uint64_t ticket = 0;
    id_vector have;
    std::uint64_t budget_bytes = 0;
    bool operator==(pull const&) const = default;
};
/// Entries above `basis`, in an order in which they apply.
struct range {
    std::uint64_t ticket = 0;
    id_vector basis;
    std::vector<series> list;
    bool more = false;
    bool operator==(range const&) const = default;
};
struct push {
    dunlin::series series;
    bool operator==(push const&) const = default;
};
struct durable {
    id_vector vector;
    bool operator==(durable const&) const = default;
};
/// "The log no longer has what you lack: ask for the state."
struct behind {
    std::uint64_t ticket = 0;
    id_vector floor;
    bool operator==(behind const&) const = default;
};
/// Token 0 begins.
struct state_pull {
    std::uint64_t token = 0;
    std::string cursor;
    bool operator==(state_pull const&) const = default;
};
/// Of the transfer `token`, what stands at `cursor`.
struct state_chunk {
    std::uint64_t token = 0;
    std::string cursor;
    std::string bytes;
    std::string next;
    bool last = false;
    bool operator==(state_chunk const&) const = default;
};
/// The answer to a pull (its ticket) or a state_pull (ticket 0) that cannot be served now.
struct busy {
    std::uint64_t ticket = 0;
    std::chrono::milliseconds retry_after{0};
    bool operator==(busy const&) const = default;
};
/// The newest values that are not kept; and, now and then, to which nodes the sender is linked in this space. May be ignored.
struct cells {
    bool tells_links = false;
    std::vector<node_id> links; // ascending
    std::vector<cell> list;
    bool operator==(cells const&) const = default;
};

} // namespace word

using space_message = std::variant<word::digest, word::same, word::heads, word::pull, word::range, word::push,
                                   word::durable, word::behind, word::state_pull, word::state_chunk, word::busy, word::cells>;
/// In both directions `space` is the name; decoded, it points into the session and holds until the next read.
struct in_space {
    std::string_view space;
    space_message said;
};
using message = std::variant<in_space, word::ping, word::pong, word::close, word::peers, word::tool_request,
                             word::tool_answer, word::holds>;

struct refusal {
    enum class fault : std::uint8_t { none, malformed, unknown_kind, unknown_number, oversized } what = fault::none;
    std::uint8_t kind = 0;
    explicit operator bool() const { return what != fault::none; }
    std::string text() const;
};

class session {
    struct outgoing_names {
        std::map<std::string, std::uint32_t, std::less<>> space_numbers;
        std::vector<std::string> spaces;
        boost::unordered_flat_map<writer_id, std::uint32_t> writer_numbers;
        std::vector<writer_id> writers;
        std::uint32_t next_space = 0, next_writer = 0;
    } out_;
    std::vector<std::string> spaces_in_;
    std::vector<writer_id> writers_in_;
    encoder payload_, names_;

    friend struct message_writer;
    friend struct message_reader;

public:
    /// The message, and before it the names it needs, appended to the frame.
    void write(std::string_view space, space_message const& said, encoder& frame);
    void write(message const& said, encoder& frame);

    /// The next message of a frame; false at its end, and when it is refused: then `why` says so.
    [[nodiscard]] bool read(decoder& frame, message& said, refusal& why);
};

} // namespace dunlin
