// type: kind E
// Expiry: a deadline, after which the struct that it lies in is not there any more (time to live).
//
//   struct session {
//       dunlin::latest<std::string> user;
//       dunlin::expiry expires;                        of the object, or of the map's element that this struct is
//   };
//   session->expires(30min);                           from now on for so long
//   session->expires.keep(30min);                      at least so long; may be said at each request
//   dunlin::map<std::string, dunlin::expiry> online;   keys that end by themselves: online["alice"](30s)
//
// Concurrent  the later deadline wins; one that was set by who had seen the other replaces it, be it earlier. A change
//             of the struct says the deadline again: what was changed before it was heard that all has ended, ends too.
//
// Nothing is sent when it ends. Each node stops showing it, by its own clock; a minute later, which is by how much clocks
// may differ, whoever set the deadline takes it away by an ordinary erase (lib/endings.hpp). What is written to it after
// the deadline begins anew, with nothing of what was, and without a deadline. A deadline alone makes nothing exist.
// Detached, time stands still at 0.
// State, size and errors: register.hpp.   Cost  set: 1 byte and 7 for the deadline; every entry that changes the struct: 12.
// Source  a deadline as a lattice: the greatest, among the writes that none has replaced (register.hpp).
#pragma once
#include "register.hpp"
#include <chrono>

namespace dunlin {

class expiry : public register_body {
    friend class register_body;
    friend class struct_part;
    std::int64_t value_ = 0; // when, in milliseconds since 1970

    std::int64_t now_ms() const { return is_attached() ? head().up->now_ms(head()) : 0; }
    static std::int64_t later(std::int64_t now, std::chrono::milliseconds by) {
        constexpr std::int64_t longest = std::int64_t(1) << 50; // 35,000 years
        return std::max<std::int64_t>(now, 0) + std::clamp<std::int64_t>(by.count(), 0, longest);
    }
    void reset() { forget(value_); } // also where the program has no such field, and no undo notes its value

public:
    expiry() = default;
    expiry(expiry&&) = default;

    /// It ends so long from now; at once if that is nothing.
    void operator()(std::chrono::milliseconds after) { write_to(value_, later(now_ms(), after)); }
    /// It does not end before so long from now. Written only where less is left, and then for a sixteenth longer: at most
    /// 16 entries in that time, however often it is said. Shortens nothing.
    void keep(std::chrono::milliseconds after) {
        auto now = now_ms();
        if (is_set() && value_ >= later(now, after)) return;
        write_to(value_, later(later(now, after), std::chrono::milliseconds(std::max<std::int64_t>(after.count(), 0) / 16)));
    }
    /// There is no deadline any more; said as one that is later than all.
    void never() { write_to(value_, std::int64_t(never_ms)); }

    bool is_set() const { return !holds_nothing() && value_ != never_ms; }
    /// By this node's clock.
    bool is_over() const { return is_set() && value_ <= now_ms(); }
    /// Milliseconds since 1970.
    std::int64_t deadline_ms() const { return is_set() ? value_ : never_ms; }
    /// What is left; nothing if it is over, and the longest time there is if it is not set.
    std::chrono::milliseconds left() const {
        if (!is_set()) return std::chrono::milliseconds::max();
        auto now = now_ms();
        return std::chrono::milliseconds(value_ > now ? std::uint64_t(value_) - std::uint64_t(now) : 0);
    }

    static part const& of() {
        static auto const one = make_register_part(access_of<expiry, std::int64_t>('i'), register_view::expiry);
        return *one;
    }
};

} // namespace dunlin
