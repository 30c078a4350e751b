// Entry: the deltas of one turn, as bytes that are logged, sent and hashed without being written twice.
//
//   body   := flags u8 | u stamp step | [1: u n, n x writer 24] | [2: u n, n x {u index, u number}]
//             | [4: writer 24, u number, hash 16] | delta (the rest, opaque here)
//   series := writer 24 | u first | u first stamp | [first > 1: prior 8] | u n | n x bytes body
//   hash   := BLAKE2b-128(prior 8 | writer 24 | number 8 | stamp 8 | body); prior := first 8 bytes of the hash before
//
//   flag 1  the table of writers that the rest of the body names by index: 0 is the author, 1.. is this table
//   flag 2  dependencies: what changed of the author's vector since its previous entry, indices ascending
//   flag 4  the first entry of a run names the node's previous writer here
//
// A body holds no writer and no number: its series gives them, in a log row and in a message alike. The step is the
// difference to the stamp of the author's previous entry; the first body of a series ignores it, since the series
// says that stamp. `prior` is what the first entry hangs on: 8 bytes, so that whoever has the middle of a chain can
// compute the hashes that follow, and two branches of a cloned writer are never spliced.
// State   `entry_builder` and `entry_body` keep their buffers: reuse one.
// Size    a lone entry has 40 bytes around its delta at most, one among others of its series 3 to 7.
// Threads none. Errors: read() answers false for whatever is not exactly this grammar or is above a bound.
#pragma once
#include "../crdt/writer.hpp"
#include "crypto.hpp"
#include <optional>
#include <string>
#include <vector>

namespace dunlin {

using hash16 = octets<16>;

namespace entry_bounds {
constexpr std::size_t body_default = 1u << 20;
constexpr std::size_t body_max = 4u << 20;
constexpr std::size_t writers_max = 1u << 16;
constexpr std::uint64_t series_count_max = 1u << 16;
} // namespace entry_bounds

/// Everything of a writer up to a number; vectors that travel are lists of these, sorted by writer.
struct writer_number {
    writer_id writer;
    std::uint64_t number = 0;
    auto operator<=>(writer_number const&) const = default;
};
using id_vector = std::vector<writer_number>;
std::uint64_t number_in(id_vector const& v, writer_id const& w);

struct dependency {
    std::uint32_t writer = 0; // an index into the body's table, never 0
    std::uint64_t number = 0;
    bool operator==(dependency const&) const = default;
};

struct predecessor {
    writer_id writer;
    std::uint64_t number = 0;
    hash16 hash{};
    bool operator==(predecessor const&) const = default;
};

/// A body that was checked and taken apart; `delta` points into the bytes it was read from.
class entry_body {
public:
    std::uint64_t stamp_step = 0;
    std::vector<writer_id> writers;
    std::vector<dependency> dependencies;
    std::optional<predecessor> pred;
    bytes_view delta;

    [[nodiscard]] bool read(bytes_view body);
    writer_id const& writer(std::uint32_t index, writer_id const& author) const {
        return index ? writers[index - 1] : author;
    }
    /// How many indices a delta may name.
    std::uint32_t indices() const { return std::uint32_t(writers.size()) + 1; }
};

/// Makes bodies. Between begin() and finish() the delta is encoded into delta(), and whoever it names is given an
/// index by index().
class entry_builder {
    encoder delta_, table_, dependencies_;
    std::vector<std::uint32_t> index_of_slot_, slots_;
    std::vector<dependency> depends_;
    std::optional<predecessor> pred_;

public:
    void begin(std::uint32_t author_slot);
    encoder& delta() { return delta_; }
    /// The writer's index in this body; writers::none when the table is full.
    std::uint32_t index(std::uint32_t slot, writers const& table);
    /// Once a writer at most. False when the table is full.
    [[nodiscard]] bool depend(std::uint32_t slot, std::uint64_t number, writers const& table);
    void follow(predecessor const& p) { pred_ = p; }
    std::size_t size() const { return delta_.size() + table_.size() + 8 * depends_.size() + 64; }
    /// The body, with this step, appended to `out`.
    void finish(std::uint64_t stamp_step, encoder& out);
};

/// What the hash of the next entry hangs on.
inline std::uint64_t prior_of(hash16 const& h) {
    std::uint64_t n = 0;
    for (int i = 0; i < 8; ++i) n = n << 8 | h[std::size_t(i)];
    return n;
}
hash16 entry_hash(std::uint64_t prior, writer_id const& writer, std::uint64_t number, std::uint64_t stamp,
                  bytes_view body);

struct entry {
    writer_id writer;
    std::uint64_t number = 0;
    std::uint64_t stamp = 0;
    bytes_view body;
};

/// Consecutive entries of one writer. `bodies` holds n x {u length, body}.
struct series {
    writer_id writer;
    std::uint64_t first = 1;
    std::uint64_t first_stamp = 0;
    std::uint64_t prior = 0;
    std::uint32_t count = 0;
    std::string bodies;

    bool operator==(series const&) const = default;
    std::uint64_t last() const { return first + count - 1; }
    /// The next one; the caller sees to it that number and stamp follow.
    void add(bytes_view body);
    std::size_t size() const { return bodies.size() + 64; }

    void write(encoder& out) const;
    /// All but the writer, which a link names by a number of its own.
    void write_after_writer(encoder& out) const;
    /// Checked whole: bounds, every body, every stamp. Does not need to be the decoder's end.
    [[nodiscard]] bool read(decoder& in);
    [[nodiscard]] bool read_after_writer(decoder& in);
    /// For a series that was not read but put together.
    [[nodiscard]] bool check(entry_body& scratch) const;
};

/// Walks a checked series.
class series_cursor {
    decoder in_;
    std::uint32_t left_;
    bool begun_ = false;
    dunlin::entry entry_;

public:
    explicit series_cursor(series const& s) : in_(s.bodies), left_(s.count) {
        entry_.writer = s.writer, entry_.number = s.first, entry_.stamp = s.first_stamp;
    }
    /// False at the end, or where the series is not what read() lets through.
    [[nodiscard]] bool next();
    dunlin::entry const& entry() const { return entry_; }
    bytes_view rest() const { return {in_.position(), in_.left()}; }
    /// This entry and those behind it as a series of their own; `prior` is this entry's.
    series remainder(std::uint64_t prior) const;
};

/// What of a checked series is above a number; nothing of it: count 0.
series above(series const& s, std::uint64_t number);

void write_writer(encoder& out, writer_id const& w);
writer_id read_writer(decoder& in);
void write_hash(encoder& out, hash16 const& h);
hash16 read_hash(decoder& in);

} // namespace dunlin
