// Part: what a struct, a map or a tool needs of a type of field without knowing it. The only virtual interface here.
//
// A part is stateless, immutable and shared; the value it speaks of is passed as a pointer. So structs, map children,
// cold objects, tools and fields that this program does not know are handled by ordinary loops over parts, compiled
// once, and a user's unit instantiates next to nothing.
//
//   kind := C | B                    counter, bounded counter
//         | F | D                    flag: enable wins, disable wins
//         | R value                  last-writer-wins register
//         | X value | N value        maximum, minimum
//         | V value                  multi-value register
//         | E i                      expiry
//         | P value                  presence, of one name
//         | T value                  ephemeral: in no delta and no state; nor is a map of these
//         | S value | G value | W value   set: add wins, grow-only, remove wins
//         | M value kind             map: key, child
//         | { name }                 described struct; its members are in the schema of the space
//   value := i | u | b | d | s | y | v | a    (crdt/value.hpp)
//
// Rules for whoever writes one: a delta names removals before additions; flush that returns false has written nothing;
// join_delta is called only after check has passed and never while marks are set; encode of equal states gives equal
// bytes whatever the interning; a residue (a counter's cancelled slots, a disable, an erased element) is no life and no
// part of live_only.
//
// Asides are what is told beside entries and states, which say nothing of it (ephemeral.hpp). Each is named by a path from
// its object:  path := id 4, below    below := nothing | bytes key, below | id 4, below     by what the part is
#pragma once
#include "field.hpp"
#include "passage.hpp"
#include <boost/json/fwd.hpp>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace dunlin {

class struct_part;
class ephemeral_part;

/// No deadline.
constexpr std::int64_t never_ms = std::numeric_limits<std::int64_t>::max();

/// Whose writes say a deadline: all that say the same, so that all nodes choose the same one of them.
using deadline_setters = std::vector<dot>;

/// A walk over the elements of maps that have deadlines (expiry.hpp): those whose time has come go, by an ordinary erase.
struct ending {
    std::int64_t since_ms, now_ms;
    /// When an element with this deadline, set by these writes, is to be taken away here.
    std::function<std::int64_t(std::int64_t deadline_ms, deadline_setters const&, bool by_lease)> goes_at_ms; // none: only next_ms
    std::size_t erase_max;
    std::size_t looked = 0, erased = 0;
    deadline_setters set_by{};
    bool over = false;               // some were over in (since, now]
    std::int64_t next_ms = never_ms; // when the next one is over, or is to go
    std::int64_t leases_from_ms = std::numeric_limits<std::int64_t>::min(); // what ends by a lease is not looked at before
};

/// How much of a part is told beside entries and states: a map of asides is all aside, a struct never, as it is a life.
enum class asides_in : std::uint8_t { nothing, some, all };

/// What a space knows of one aside, on its way down to it. None: it was taken back, or is not known any more.
struct showing {
    decoder& below; // the path from here on
    std::optional<bytes_view> value;
    std::uint64_t stamp;
    std::int64_t told_ms;
};

class part {
public:
    virtual ~part() = default;

    /// The described struct that is this part, or a map's child at some depth; null if there is none.
    virtual struct_part const* nested() const { return nullptr; }

    asides_in asides() const { return asides_; }
    /// A struct of nothing but asides, which is no life of its own.
    virtual bool is_aside_alone() const { return false; }
    /// The aside that is named by a path from here, or null: the path is somebody else's.
    virtual ephemeral_part const* aside_at(decoder& /*below*/, unsigned /*depth*/ = 0) const { return nullptr; }
    /// An aside in it holds something: it stays in memory, though nothing else may be in it.
    virtual bool tells(void const*) const { return false; }
    /// No change, never while marks are set, and of a path that aside_at knows.
    virtual void show(void*, showing const&) const {}
    /// The asides of one value are shown by another, which says the same in its state.
    virtual void copy_asides(void const* /*from*/, void* /*to*/) const {}

    std::string const& kind() const { return kind_; }
    std::size_t size() const { return size_; }

    virtual void make(void* at) const = 0;
    virtual void destroy(void* v) const = 0;
    virtual void attach(void* v, header& h, unsigned member) const = 0;

    /// Something in it is live, or will be when this turn is sealed.
    virtual bool live(void const* v) const = 0;
    /// A deadline may lie in it, or below it.
    virtual bool may_end() const { return false; }
    /// When it is over, if it is something that ends, and who says so.
    virtual std::int64_t deadline_ms(void const*, deadline_setters* = nullptr) const { return never_ms; }
    /// It is live and not over.
    virtual bool shows(void const* v, std::int64_t) const { return live(v); }
    /// Elements below it, not itself.
    virtual void end(void*, ending&) const {}
    /// Nothing in it at all, not even a residue: may be forgotten.
    virtual bool vacant(void const* v) const = 0;

    /// Writes this turn's change, puts it under f.at, clears the marks. False: nothing to say, nothing written. With
    /// f.more not everything was written: flush again, into the next entry, before anything else happens.
    virtual bool flush(void* v, flushing& f) const = 0;
    /// At most so many bytes would flush write.
    virtual std::size_t weigh(void const* v) const = 0;
    /// Takes this turn's change back, but for registers' values, which the undo log holds.
    virtual void rollback(void* v) const = 0;
    /// A change: everything that is seen here goes.
    virtual void erase(void* v) const = 0;
    /// False where something in it cannot go by that: rights that lie at other nodes.
    virtual bool may_erase(void const*) const { return true; }
    /// Settled dots, those of residues too, for a removal of all. Counters have none: they are cancelled sum by sum.
    virtual void collect(void const* v, removal& r) const = 0;

    /// Reads over one delta; in fails if it is not well formed.
    virtual void check(checking& c) const = 0;
    virtual void join_delta(void* v, absorbing& a) const = 0;
    virtual void drop(void* v, removal const& r) const = 0;
    /// `other` may be null: nothing there.
    virtual void join(void* v, void const* other, joining const& j) const = 0;

    virtual void each_slot(void const* v, slot_set& s) const = 0;
    virtual void encode(void const* v, saving& s) const = 0;
    /// Into a value just made. in fails if the bytes are not what encode would have written.
    virtual void decode(void* v, loading& l) const = 0;

    virtual void to_json(void const* v, boost::json::value& out) const = 0;
    virtual std::size_t heap_bytes(void const* v) const = 0;

protected:
    part(std::string kind, std::size_t size, asides_in a = asides_in::nothing) : asides_(a), kind_(std::move(kind)), size_(size) {}
    asides_in asides_;

private:
    std::string kind_;
    std::size_t size_;
};

/// What more writers have written no one entry can take away (net/entry.hpp has room for twice as many).
constexpr std::size_t writers_erased_max = 32768;
inline bool has_too_many_writers(part const& p, void const* v) {
    slot_set used;
    p.each_slot(v, used);
    std::size_t n = 0;
    used.each([&](std::uint32_t) { ++n; });
    return n > writers_erased_max;
}

/// At most so many bytes has a removal of all that is settled here: one dot a writer.
inline std::size_t removal_bytes(part const& p, void const* v) {
    slot_set used;
    p.each_slot(v, used);
    std::size_t bytes = 16;
    used.each([&](std::uint32_t) { bytes += 16; });
    return bytes;
}

} // namespace dunlin
