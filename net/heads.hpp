// Heads: what is known of each writer of a space at its vector entry, and whether an entry connects to it.
//
//   head   := number, stamp, hash, and the dependencies that the writer's entries have named so far
//   heads  := u n, n x {writer 24, u number, u stamp, hash 16, u m, m x {u index of a writer in this list or
//             beyond it in `others`, u number}}, preceded by u k, k x writer 24 (others)
//
// The numbers of all heads are the space's applied vector. An entry connects when its number is the next, its prior
// is the first half of the head's hash, its stamp is the head's plus its step, and its dependencies are covered: so
// whatever is applied is a prefix of each writer, and causes come before effects. The digest is a sum over the heads'
// hashes: kept up to date with one addition, equal for equal heads in whatever order they came.
// State   grows with writers seen; a head has 56 bytes and 16 for each writer it depends on, whatever their slots: a
//         few bytes on the wire cost a few bytes here.
// Threads the space's executor. Errors: verdicts, and false for a malformed list.
// Source  hash chains as in Secure Scuttlebutt; delta dependencies as in `research/replication.md` C5.
#pragma once
#include "../crdt/dot.hpp"
#include "entry.hpp"

namespace dunlin {

/// Numbers of some slots out of many.
class sparse_vector {
    using item = std::pair<std::uint32_t, std::uint64_t>;
    std::vector<item> items_; // by slot

public:
    std::uint64_t operator[](std::uint32_t slot) const;
    void raise(std::uint32_t slot, std::uint64_t number) { raise({{slot, number}}); }
    /// In any order. Linear in what is new and what is here; logarithmic for each slot that is here already.
    void raise(std::vector<item> more);
    auto begin() const { return items_.begin(); }
    auto end() const { return items_.end(); }
    std::size_t size() const { return items_.size(); }
};

struct head {
    std::uint64_t number = 0;
    std::uint64_t stamp = 0;
    hash16 hash{};
    sparse_vector dependencies; // in the slots of the space
    std::uint64_t prior() const { return number ? prior_of(hash) : 0; }
};

enum class verdict : std::uint8_t {
    connects,
    stale,   // at or below the head
    gap,     // its predecessor is missing
    missing, // a dependency is missing
    forked,  // hangs on another entry than ours of the same number
    refused  // no honest writer made this
};

class heads {
    writers& table_;
    std::vector<head> heads_;
    version_vector applied_;
    std::uint64_t digest_ = 0;

public:
    explicit heads(writers& table) : table_(table) {}
    heads(heads const&) = delete;
    heads& operator=(heads const&) = delete;

    dunlin::writers& table() { return table_; }
    dunlin::writers const& table() const { return table_; }
    head const& operator[](std::uint32_t slot) const {
        static head const none;
        return slot < heads_.size() ? heads_[slot] : none;
    }
    head const& of(writer_id const& w) const { return (*this)[table_.find(w)]; }
    version_vector const& applied() const { return applied_; }
    std::uint64_t digest() const { return digest_; }
    std::uint32_t size() const { return std::uint32_t(heads_.size()); }

    /// Changes nothing. `prior` is what the entry's series says of it.
    verdict check(entry const& e, entry_body const& body, std::uint64_t prior) const;
    /// Whether the table of writers has room for all that it names. An entry of our own names nobody new.
    bool has_room(entry const& e, entry_body const& body) const;
    /// The entry is applied: it becomes the writer's head. It must connect. writers::none when there is no room,
    /// and nothing has changed then.
    std::uint32_t advance(entry const& e, entry_body const& body);
    /// A head from a state, a file or another node's list; the greater number stays.
    void adopt(std::uint32_t slot, head h);

    /// All of them, sorted by writer: the same heads are the same bytes.
    void write(encoder& out) const;
    /// Checked whole before the first is adopted.
    [[nodiscard]] bool read(decoder& in, std::size_t writers_most = writers::writers_max);
};

} // namespace dunlin
