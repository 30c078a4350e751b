// type: kind V
// Joined: a lattice of one's own, any C++ type that has a join (docs/own_types.md).
//
//   struct extent {                                         a described struct of values, or a class with bytes of its own
//       std::uint32_t width = 0, height = 0;
//       void join(extent const& x) { width = std::max(width, x.width), height = std::max(height, x.height); }
//       bool operator==(extent const&) const = default;
//   };
//   BOOST_DESCRIBE_STRUCT(extent, (), (width, height))
//   dunlin::joined<extent> page;            page.join({80, 24});            page.value().height
//
// A lattice L    L() is the bottom: nothing was said.   a.join(b) is idempotent, commutative and associative, and a.join(L()) is a.
//                Equal values have equal bytes. `check_type<L>` (lib/sim/check_type.hpp) tries all of it.
//
// Concurrent  both are kept beside each other, and read as their join, until somebody who has seen them joins something more.
//
// A join that adds nothing to what is seen is no change: so it does not survive an erase either. One that adds is one write of
// all that is seen: an erase that has not seen it leaves all of it, also what it had seen alone. What this program cannot
// read (bytes that decode refuses, a member that its struct does not have, a number too great for one, not-a-number) is left out of
// the value and stays beside it, until a program that can read it joins, or a reset or an erase. So do bytes of its own that
// decode takes and encode would write otherwise, though they are read: each costs a decode at every change.
// Programs that do not have L keep, join and show it as `siblings` of its bytes.
// State   siblings (register.hpp): one write, and at most one more a writer while nobody has joined them.
// Size    32 bytes and an L; 48 and the bytes for each write beside it, and 80 and an L for the first.
// Cost    a read is one of memory; the first after others have written beside it decodes and joins theirs. A change copies, joins
//         and compares, and costs 1 byte and all of L on the wire: keep L small, and make what grows of maps and sets.
// Errors  out_of_bound above 1 MiB.
// Source  state-based CRDT as a join semilattice: Shapiro et al. 2011 (RR-7506); dots make it removable.
#pragma once
#include "register.hpp"

namespace dunlin {

/// What joined<L> asks for; joined<L> itself says which of it is missing.
template <class L>
concept lattice = value<L> && std::default_initializable<L> && std::copyable<L> && std::equality_comparable<L> &&
                  requires(L& x, L const& y) { x.join(y); };

template <class L> class joined : public register_body {
    static_assert(std::default_initializable<L>, "a lattice begins at its bottom: L() is what is there when nothing was said");
    static_assert(std::copyable<L>, "a lattice is a value: it is copied and assigned");
    static_assert(std::equality_comparable<L>, "a lattice has operator==: a join that adds nothing is no change");
    static_assert(requires(L& x, L const& y) { x.join(y); }, "a lattice has `void join(L const& other)`");
    static_assert(value<L>, "a lattice has bytes: it is described (BOOST_DESCRIBE_STRUCT) and holds values, or it has "
                            "`void encode(dunlin::encoder&) const` and `void decode(dunlin::decoder&)`");
    friend class register_body;
    L value_{}; // of the write that is shown; in a turn that has changed it, all of it

    /// L() where it is not what was written: a number too great for a member, another alternative, what is not even itself.
    static fit read(bytes_view bytes, L& one) {
        auto how = value_codec<L>::get(bytes, one);
        if (how <= fit::part && one == one) return how;
        one = L();
        return std::max(how, fit::nearest);
    }
    static bool holds(bytes_view bytes) {
        L one{};
        return read(bytes, one) <= fit::whole;
    }

public:
    using lattice_type = L;
    joined() = default;
    joined(joined&&) = default;

    /// True if that adds something to what is seen here; else, or if what came of it is not even equal to itself, nothing changes.
    bool join(L const& other) {
        L all = value();
        all.join(other);
        if (all == value() || !(all == all)) return false;
        add_to(value_, std::move(all));
        return true;
    }
    /// Nothing is held any more, of what has been seen here.
    void reset() { reset_of(value_); }
    bool empty() const { return holds_nothing(); }
    /// The join of all that is seen; L() if there is nothing. Good until the next change.
    L const& value() const {
        if (shows_all()) return value_;
        return together(value_, [](L& all, bytes_view b) {
            L one{};
            if (read(b, one) <= fit::part) all.join(one);
        });
    }
    L const* operator->() const { return &value(); }

    static part const& of() {
        static auto const one = [] {
            auto access = access_of<joined, L>(value_codec<L>::kind);
            access.holds = holds;
            access.get = [](void* v, bytes_view b) { return read(b, static_cast<joined*>(v)->value_); };
            return make_register_part(access, register_view::siblings);
        }();
        return *one;
    }
};

} // namespace dunlin
