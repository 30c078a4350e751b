// Field: how a value inside a struct finds its object, and says once a turn that it has changed.
//
//   [header 16 bytes][struct: field field field ...]      an object's struct, or a map child's
//        ^ up              | link: offset back to the header : 16 | number of the member : 10 | flags : 6
//        |                 v
//      owner <--- touched(header), once a turn and struct
//
// A field stores no pointer: four bytes lead back to the header before its struct. `quiet` says that nobody has to be
// told: the field is detached (a local variable, a unit test) or has already reported in this turn; so the hot path
// of every mutator is one test. The marks of a turn are: the quiet bit of a field, a bit of `dirty` in its header,
// and whatever the type itself remembers. They are cleared when the turn is sealed or rolled back.
// Size    4 bytes a field, 16 a struct. A struct is at most 512 KiB and has at most 1,023 members.
// Threads a field is used on the executor of its space.
#pragma once
#include "error.hpp"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace dunlin {

struct header;
class encoder;
class extras;
class map_body;
class part;

/// What an `atomic` needs to take back a register's value; the other types undo from their marks.
class undo_step {
public:
    virtual ~undo_step() = default;
    virtual void undo() = 0;
};
using undo_log = std::vector<std::unique_ptr<undo_step>>;

/// Above a struct: an object, or the body of a map.
class owner {
public:
    /// The struct's first change of this turn. May throw `overloaded`; then nothing has changed.
    virtual void touched(header& of) = 0;
    /// Where to note old values; null unless an `atomic` is running.
    virtual undo_log* undo(header& of) = 0;
    /// Fields of the struct that this program does not know; null if there are none and none are to be made.
    virtual extras* unknown(header& of, bool make) = 0;
    /// A bounded counter in the struct has few rights here, or more than it needs: they are to be moved.
    virtual void rights_changed(header&) {}
    /// Where the struct is an element of a map: the outermost map above it, the type of that map's elements, and the path from
    /// there to `inside`, a field of the struct. Null for an object.
    virtual map_body* outermost(header&, void const* /*inside*/, encoder& /*path*/, part const*& /*child*/) { return nullptr; }
    /// Until when the run of a node is there that made a write with that stamp, in milliseconds since 1970 (presence.hpp).
    virtual std::int64_t lease_ms(header&, std::uint32_t /*writer*/, std::uint64_t /*stamp*/) { return std::numeric_limits<std::int64_t>::max(); }
    /// Something was announced that is there while this run is.
    virtual void announced(header&) {}
    /// Milliseconds since 1970 by this node's clock; where there is none, time stands still.
    virtual std::int64_t now_ms(header&) { return 0; }

protected:
    ~owner() = default;
};

struct header {
    static constexpr std::uint32_t erased = std::uint32_t(1) << 31, extras_left = std::uint32_t(1) << 30;
    static constexpr unsigned shared_bit = 29;

    owner* up = nullptr;
    /// A bit a member; bit 29 stands for all from 29 on; bit 30: unknown fields are erased and the entries so far had
    /// no room to say it of all; bit 31: the whole struct was erased.
    std::uint32_t dirty = 0;
    std::uint32_t place = 0; // of a map child: its position in the map's table

    static std::uint32_t bit(unsigned member) { return std::uint32_t(1) << std::min(member, shared_bit); }
};

class field {
    static constexpr std::uint32_t quiet = 1, attached = 2;
    std::uint32_t link_ = quiet;

protected:
    field() = default;
    field(field&&) noexcept {} // a moved value is detached
    field(field const&) = delete;
    field& operator=(field const&) = delete;
    ~field() = default;

    /// Call before changing anything. True on the first change of a turn of an attached field.
    bool touch() {
        if (link_ & quiet) [[likely]]
            return false;
        touch_first();
        return true;
    }
    undo_log* undo() const { return link_ & attached ? head().up->undo(head()) : nullptr; }

public:
    bool is_attached() const { return link_ & attached; }
    bool is_dirty() const { return (link_ & (quiet | attached)) == (quiet | attached); }
    unsigned member() const { return link_ >> 6 & 1023; }

    header& head() const {
        auto at = const_cast<char*>(reinterpret_cast<char const*>(this));
        return *reinterpret_cast<header*>(at - (std::size_t(link_ >> 16) << 3));
    }
    void attach(header& h, unsigned member) {
        auto offset = std::size_t(reinterpret_cast<char*>(this) - reinterpret_cast<char*>(&h));
        require(offset % 8 == 0 && offset / 8 < 65536 && member < 1024,
                "a struct of fields is at most 512 KiB and has at most 1,023 members; split it");
        link_ = std::uint32_t(offset / 8) << 16 | member << 6 | attached;
    }
    /// The turn is over: the next change has to be reported again.
    void settle() {
        if (link_ & attached) link_ &= ~quiet;
    }
    /// Reports without changing anything: an owner whose struct was changed from within.
    void report() { touch(); }

private:
    [[gnu::noinline]] void touch_first() {
        auto& h = head();
        auto before = h.dirty;
        h.dirty |= header::bit(member());
        if (!before) {
            try {
                h.up->touched(h);
            } catch (...) {
                h.dirty = 0;
                throw;
            }
        }
        link_ |= quiet;
    }
};

} // namespace dunlin
