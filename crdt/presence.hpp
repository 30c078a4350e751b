// type: kind P
// Presence: who is here, as each node says of its own; what a node has announced is gone when it leaves or fails.
//
//   struct room {
//       dunlin::presence<seat> who;
//   };
//   room->who.announce("ada", seat{3});                     for as long as this node is there, or until
//   room->who.leave("ada");
//   for (auto [name, here] : room->who) here.value();
//
// Concurrent  one name announced at two nodes: the later announcement shows; the other one when the node of that is gone. Who
//             has seen another's announces in its place.
//
// An announcement is shown while the run of the node that made it has a lease. A run renews its lease every 20 seconds, for
// a minute and a half, by one change of one object for all that it has announced in the space (lib/leases.hpp); stop() ends it.
// So nothing is sent for an announcement that stays, and when a node fails all of its announcements end at once, on every
// node by its own clock. They are taken away as what has an expiry is. What ends by a lease of its own is no presence:
// an element with an `expiry`.
// State   map of names to registers as of `latest`.   Size  16 bytes; about 90 and the value a name.
// Cost    an announcement: the name, 3 bytes and the value; the lease 20 bytes.   Errors  as map.
// Source  leases: Gray, Cheriton 1989 (SOSP 12); awareness as in y-protocols, with a lease a node in place of one a name.
#pragma once
#include "map.hpp"
#include "register.hpp"

namespace dunlin {

template <value T> class presence;

/// What was announced under a name.
template <value T> class present : public register_body {
    friend class register_body;
    friend class presence<T>;
    T value_{};

    void say(T v) { write_to(value_, std::move(v)); }
    void reset() { reset_of(value_); }

public:
    present() = default;
    present(present&&) = default;

    /// Of those who are here the latest.
    T value() const {
        auto shown = shown_by_lease();
        if (!shown) return value_;
        T other{};
        value_codec<T>::get(*shown, other);
        return other;
    }

    static part const& of() {
        static auto const one = make_register_part(access(value_codec<T>::kind), register_view::presence);
        return *one;
    }
    static value_access access(char kind) { return access_of<present, T>(kind); }
};

template <value T> class presence : public map<std::string, present<T>> {
    using names = map<std::string, present<T>>;

public:
    using argument = typename names::argument;

    /// From now on, while this node is there. Again: another value.
    void announce(argument name, T v) {
        names::operator[](name)->say(std::move(v));
        if (this->is_attached()) this->head().up->announced(this->head());
    }
    /// True if somebody was there under this name: whoever announced it.
    bool leave(argument name) { return names::erase(name); }

    // Written by announce alone.
    void operator[](argument) = delete;
    void erase(argument) = delete;
};

} // namespace dunlin
