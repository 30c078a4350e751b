// What goes into the store and comes out of it: plain structs. The store keeps bytes and knows no CRDT.
//
// Writes stand in one queue, first in first out, and the order is the proof of recovery:
//   - an entry (log_write) is queued before every state that contains it, and after every state that does not;
//   - so `upto`, the last log row written at the point of the queue where a state stands, is exact: the stored state
//     holds all entries of rows <= upto and none of later rows. After a crash the reader replays rows > upto, no
//     others.
// Numbers of spaces, types and writers are those of store_names.hpp: small, persistent, private to one file.
//
// Bounds   a log write 64 MiB, a state 512 MiB, a key 4 KiB, meta and space rows 64 MiB; more is refused (too_large).
#pragma once
#include "../crdt/codec.hpp"
#include "../net/crypto.hpp"
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace dunlin {

constexpr std::uint64_t hash_bits = 41;
constexpr std::uint64_t hash_max = (std::uint64_t(1) << hash_bits) - 1;
constexpr std::size_t log_write_bytes_max = std::size_t(64) << 20;
constexpr std::size_t state_bytes_max = std::size_t(512) << 20;
constexpr std::size_t key_bytes_max = 4096;

/// The order of objects in listings and reconciliation, the same on all nodes: BLAKE2b-64 of (type name, 0, key), its
/// upper 41 bits.
inline std::uint64_t object_hash(bytes_view type_name, bytes_view key) {
    hasher<8> h;
    h.update(type_name), h.update(bytes_view("\0", 1)), h.update(key);
    std::uint64_t n = 0;
    for (auto b : h.finish()) n = n << 8 | b;
    return n >> (64 - hash_bits);
}

/// Which object: everything its row needs.
struct object_name {
    std::uint32_t space = 0;
    std::uint32_t type = 0;
    std::uint64_t hash = 0; // object_hash(type name, key)
    std::string key;
};

/// Entries first..last of one writer in one space.
struct log_run {
    std::uint32_t space = 0;
    std::uint32_t writer = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool operator==(log_run const&) const = default;
};

constexpr std::uint32_t name_number_max = (1u << 20) - 1;
enum class name_kind : std::uint8_t { space = 1, type = 2, writer = 3 };

// ---- what can be written

/// One series of entries, framed by the caller; the same bytes that are sent. Lands in a row with its neighbours.
struct log_write {
    log_run run;
    std::string bytes;
};
/// The whole state of an object, in place of what was stored. Lifts a quarantine.
struct state_write {
    object_name object;
    std::string state;
    std::int64_t ends_ms = 0; // the first deadline in it; 0: none
};
/// Deltas appended to the stored state without reading it, in log order. They delimit themselves: the reader gets all
/// of an object's deltas in one string.
struct delta_write {
    object_name object;
    std::string deltas;
    std::uint64_t upto = 0; // last row contained; 0: everything queued before
    std::int64_t ends_ms = 0; // to be looked at by then; 0: as before
};
/// Nothing is left of the object: its row goes. The entries that emptied it are queued before.
struct erase_write {
    object_name object;
};
/// Vector and heads of a space, as of all entries queued before.
struct space_write {
    std::uint32_t space = 0;
    std::string vector;
    std::string heads;
};
struct name_write {
    name_kind kind{};
    std::uint32_t number = 0;
    std::string bytes;
};
/// Small values of the caller. Keys below 16 are the store's.
struct meta_write {
    std::uint32_t key = 16;
    std::string value;
};
/// All states of the space hold all of its entries of rows <= floor, and its heads are stored. The file's floor is as
/// high as all spaces allow that have entries in rows above; it only rises, and the log is never cut above it.
struct floor_write {
    std::uint64_t floor = 0;
    std::uint32_t space = 0; // 0: all spaces
};

using store_write =
    std::variant<log_write, state_write, delta_write, erase_write, space_write, name_write, meta_write, floor_write>;

/// What became of a write whose batch was committed.
struct write_result {
    boost::system::error_code error; // too_large, no_slot, object_damaged: this write alone was left out
    std::uint64_t row = 0;           // log_write: its row; others: the `upto` that was stored
    std::uint32_t offset = 0;        // log_write: where in the row its bytes begin
    bool wants_fold = false;         // delta_write: deltas outgrew half the state; send a state_write when convenient
};

// ---- what can be read

/// Damaged is not absent: the row failed its checksum and lies in quarantine; the object is unknown here until a
/// state_write.
enum class row_presence : std::uint8_t { absent, present, damaged };

struct object_state {
    row_presence is = row_presence::absent;
    std::uint64_t upto = 0;
    std::string state;  // empty if only deltas were ever stored
    std::string deltas; // to be applied after state, in order
};

struct list_query {
    std::uint32_t space = 0;
    std::uint32_t type = 0;  // 0: all types
    std::int64_t after = -1; // greatest hash of the page before
    std::size_t count_max = 256;
    std::size_t bytes_max = 1 << 20; // of keys and states; one object may exceed it
    bool states = false;
};
struct list_item {
    std::uint32_t type = 0; // 0 and no key: a damaged row that does not say what it was
    std::uint64_t hash = 0;
    std::string key;
    object_state object; // state and deltas only if asked for
};
/// In hash order. A page never ends between two objects of one hash, so a hash is a sufficient cursor.
struct list_page {
    std::vector<list_item> items;
    std::size_t bytes = 0; // of keys and states
    bool end = false;
};

/// Objects with a deadline before a time, the earliest first. What they hold is not looked at: a hint, to be loaded.
struct due_place {
    std::int64_t ends_ms = 0, h = 0;
};
struct due_query {
    std::uint32_t space = 0;
    std::int64_t before_ms = 0;
    due_place after; // the last one of the page before
    std::size_t count_max = 64;
};
struct due_item {
    due_place at;
    std::uint32_t type = 0;
    std::string key;
};

struct log_row {
    std::uint64_t row = 0;
    std::int64_t at_ms = 0; // wall clock of the commit
    bool damaged = false;
    std::vector<log_run> runs; // in the order of the series in bytes; neighbours that connect are one run
    std::string bytes;
};

// ---- what is told at start

struct store_damage {
    enum class place : std::uint8_t { name, meta, space, log_heads, log_bytes } where{};
    std::uint64_t number = 0;  // row, or number within its kind
    std::vector<log_run> runs; // of a log row, if its heads are sound: the spaces concerned
};

/// Receives the contents at start: names, meta, spaces, then the log by ascending row. Called on the storage thread;
/// what it fills belongs to that thread until the opening is answered. Views live only during the call.
class store_sink {
public:
    virtual ~store_sink() = default;
    virtual void on_name(name_kind, std::uint32_t /*number*/, bytes_view) {}
    virtual void on_meta(std::uint32_t /*key*/, bytes_view) {}
    /// As of log row `at`; rows above it add to the vector.
    virtual void on_space(std::uint32_t /*space*/, std::uint64_t /*at*/, bytes_view /*vector*/, bytes_view /*heads*/) {}
    /// Every row of the log, whole or not: what can be served.
    virtual void on_log_heads(std::uint64_t /*row*/, std::vector<log_run> const&, std::size_t /*bytes*/) {}
    /// Rows above the floor, right after their heads: what is to be replayed by need.
    virtual void on_log_row(std::uint64_t /*row*/, std::vector<log_run> const&, bytes_view) {}
    virtual void on_damage(store_damage const&) {}
};

struct store_summary {
    std::uint64_t floor = 0;
    std::uint64_t first_row = 0; // of the log; last_row + 1 if it is empty
    std::uint64_t last_row = 0;
    std::uint64_t log_bytes = 0;
    std::uint64_t damaged_rows = 0;
    bool fresh = false; // the file was made by this opening
    bool is_short = false; // opened again: commits that were confirmed are not in it any more
    std::string moved_to; // where the file went, whose pages were damaged; then the opening has failed
};

// ---- settings

struct store_options {
    std::string path;
    std::string vfs;                                           // empty: the machine's
    std::uint64_t log_budget_bytes = std::uint64_t(256) << 20; // the log is cut above this, never above the floor
    std::int64_t log_budget_age_ms = 0; // rows older than this are cut too; 0: age does not count
    std::uint64_t file_bytes_max = 0;   // then disk_full; 0: as the disk allows
    std::size_t cache_bytes = std::size_t(64) << 20;
    bool moves_damaged = false; // a file whose pages are damaged is moved aside when it is opened
    bool forget_power_loss = false; // tests only: synchronous=NORMAL, which loses what it acknowledged
};

enum class commit_outcome : std::uint8_t {
    ok,
    disk_full, // rolled back, nothing of it is on the disk, the file is sound
    unknown,   // perhaps on the disk: the file is closed and must be opened again
};

struct commit_result {
    commit_outcome outcome = commit_outcome::ok;
    boost::system::error_code error;
    std::uint64_t last_row = 0;  // of the log
    std::uint64_t first_row = 0; // rows before it were cut
};

} // namespace dunlin
