// type: kind D
// Disable-wins flag: yes or no, and a no is not overruled by who has not seen it.
//
// Concurrent  an enable and a disable: disabled. An enable takes away the disables that it has seen, and only those.
//
//   delta := u 3 * removed + what | removed x {u writer, u number}      what: 0 forgotten, 1 disabled, 2 enabled
//   state := dots of enables, dots of disables
//
// A disable leaves its dot behind (a residue: no life, not in digests), since only so can it beat an enable that is on
// its way. A reset, or an erase of what holds the flag, forgets both: it is no disable.
// State   a dot for each concurrent change.   Size  24 bytes.   Cost  O(1); delta 1 to 5 bytes.   Errors  none.
// Source  disable-wins flag: as a remove-wins set of one element, Zawirski et al. 2016 and AntidoteDB (flag_dw).
#pragma once
#include "part.hpp"

namespace dunlin {

class disable_wins_flag : public field {
public:
    disable_wins_flag() = default;
    disable_wins_flag(disable_wins_flag&&) noexcept = default;

    void enable() { touch(), change_ = change::enable; }
    /// A change even where the flag is off: it beats enables that are on their way.
    void disable() { touch(), change_ = change::disable; }
    /// As if nothing had been said, of what has been seen here: it is off, and no enable on its way is beaten.
    void reset() { touch(), change_ = change::forget; }
    disable_wins_flag& operator=(bool on) {
        on ? enable() : disable();
        return *this;
    }
    bool value() const {
        return change_ == change::none ? !enables_.empty() && disables_.empty() : change_ == change::enable;
    }
    operator bool() const { return value(); }

    static part const& of();

private:
    friend class disable_wins_part;
    enum class change : std::uint32_t { none, disable, enable, forget };
    change change_ = change::none;
    dot_set enables_, disables_;
};
static_assert(sizeof(disable_wins_flag) == 24);

} // namespace dunlin
