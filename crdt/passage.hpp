// Passages: what a value is given when it goes from memory to bytes and back. Five of them, one a direction.
//
//   flushing    this turn's change -> delta      the entry's dot, stamp, table of writers
//   checking    a delta, looked at only          the number of writers in the table, the depth
//   absorbing   delta -> state                   the same as flushing, after checking
//   saving      state -> bytes                   the state's table of writers; live_only for digests
//   loading     bytes -> state                   likewise
//   joining     two pairs (state, vector)        both vectors
//
// Entries and states name writers by small indices into a table of their own: index 0 of an entry is its author; the
// table of a state is sorted by writer id, so that equal states have equal bytes on all nodes. Inside one delta,
// removals stand before additions and name dots of earlier entries only: a dot needs no third number.
// `self` is the slot of this node's own writer: a counter keeps its own part apart.
#pragma once
#include "codec.hpp"
#include "dots.hpp"
#include "mutant.hpp"
#include "writer.hpp"
#include <boost/unordered/unordered_flat_map.hpp>
#include <span>
#include <string>
#include <vector>

namespace dunlin {

class shapes;

constexpr unsigned depth_max = 32;                            // of nesting

/// Writers of one entry, numbered in order of first use; 0 is the author.
class entry_writers {
    std::vector<std::uint32_t> slots_;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices_; // only above a few

public:
    void begin(std::uint32_t author) {
        slots_.assign(1, author);
        indices_.clear();
    }
    std::uint32_t index(std::uint32_t slot);
    std::span<std::uint32_t const> slots() const { return slots_; }
};

/// What a turn says beside its entry: an ephemeral's value (ephemeral.hpp), or that there is none any more.
struct aside {
    std::uint32_t field = 0; // of the object: its id
    std::string below;       // the path from that field on (part.hpp)
    std::uint64_t stamp = 0;
    bool held = false;
    std::string value;
};

struct flushing {
    encoder& out;
    entry_writers& table;
    dot at;
    std::uint64_t stamp;
    bool erased = false; // a removal above covers every dot that lived below before this turn
    /// Where an entry is full: sets and maps stop between two elements, and `more` says that marks are left.
    std::size_t full_at_bytes = ~std::size_t(0), full_at_writers = ~std::size_t(0);
    bool more = false;
    std::vector<aside>* asides = nullptr; // nobody hears them if there are none
    encoder path{};                       // to what is being flushed, where an aside may lie in it (part.hpp)

    bool full() const { return out.size() >= full_at_bytes || table.slots().size() >= full_at_writers; }
    std::uint32_t self() const { return at.slot(); }
    void put(dot d) { out.u(table.index(d.slot())), out.u(d.number()); }
    void put(removal const& r) {
        for (auto d : r) put(d);
    }
};

struct checking {
    decoder& in;
    std::size_t writers;  // in the entry's table
    std::uint64_t number; // of the entry: the author's earlier dots are below it
    unsigned depth = 0;
    shapes const* kinds = nullptr; // what fields of structs are called and are
    /// By index, the greatest number that the author had seen: what was written later nobody can have removed. Where
    /// that would be taken away depends on what comes first, so it is refused. Null: not looked at.
    std::uint64_t const* seen = nullptr;

    bool may_name(std::uint64_t index, std::uint64_t n) const {
        if (index >= writers || n == 0 || n > dot::number_max || (index == 0 && n >= number)) return false;
        return !seen || index == 0 || n <= seen[index] || mutant("merge_removes_what_nobody_has_seen");
    }
    /// One (writer, number).
    void pair() {
        auto index = in.u();
        auto n = in.u();
        if (!may_name(index, n)) in.fail();
    }
    void pairs(std::uint64_t n) {
        if (n > writers) return in.fail();
        for (; n && in.ok(); --n) pair();
    }
};

struct absorbing {
    decoder& in;
    std::span<std::uint32_t const> slots; // index -> slot
    dot at;
    std::uint64_t stamp;
    std::uint32_t self;
    shapes const* kinds = nullptr;

    dot pair() {
        auto index = in.u();
        auto n = in.u();
        return dot(slots[index], n);
    }
    removal pairs(std::uint64_t n) {
        removal r;
        for (; n; --n) r.add(pair());
        return r;
    }
};

struct saving {
    encoder& out;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> const& indices; // slot -> index, in order of writer ids
    writers const* full = nullptr; // for digests: writers by their full ids, no residue, nothing that may be dropped
    bool is_copy = false;          // for the program itself: of maps what is shown

    bool live_only() const { return full; }
    std::uint32_t index(std::uint32_t slot) const { return indices.find(slot)->second; }
    /// The writer, as this state names it.
    void name(std::uint32_t slot);
    /// Sorted by index, so canonical.
    void dots(dot_set const& d);
};

struct loading {
    decoder& in;
    std::span<std::uint32_t const> slots;
    std::uint32_t self;
    shapes const* kinds = nullptr;
    unsigned depth = 0;
    bool is_copy = false; // for the program itself, from values here: what it does not have is left out

    dot one() {
        auto index = in.u();
        auto n = in.u();
        if (index >= slots.size() || n == 0 || n > dot::number_max) return in.fail(), dot();
        return dot(slots[index], n);
    }
    dot_set dots();
};

struct joining {
    version_vector const& mine;
    version_vector const& theirs;
    std::uint32_t self;
};

/// Slots in use below something, for the table of a state.
class slot_set {
    std::vector<std::uint64_t> bits_;

public:
    void add(std::uint32_t slot) {
        if (slot / 64 >= bits_.size()) bits_.resize(slot / 64 + 1);
        bits_[slot / 64] |= std::uint64_t(1) << slot % 64;
    }
    template <class F> void each(F f) const {
        for (std::uint32_t w = 0; w < bits_.size(); ++w)
            for (auto b = bits_[w]; b; b &= b - 1) f(w * 64 + std::uint32_t(std::countr_zero(b)));
    }
};

} // namespace dunlin
