// type: kind F
// Flag: yes or no (enable-wins flag).
//
// Concurrent  an enable and a disable: enabled. A disable takes away the enables that it has seen, and only those.
//
//   delta := u 2 * removed + enabled | removed x {u writer, u number}       state := dots
//
// State   a dot for each concurrent enable, usually one or none; nothing is left by a disable.
// Size    16 bytes.   Cost  O(1); delta 1 to 5 bytes.   Errors  none.
// Source  enable-wins flag: Shapiro et al. 2011 (RR-7506) as an observed-remove set of one element.
#pragma once
#include "part.hpp"

namespace dunlin {

class flag : public field {
public:
    flag() = default;
    flag(flag&&) noexcept = default;

    void enable() { touch(), change_ = change::enable; }
    void disable() { touch(), change_ = change::disable; }
    flag& operator=(bool on) {
        on ? enable() : disable();
        return *this;
    }
    bool value() const { return change_ == change::none ? !dots_.empty() : change_ == change::enable; }
    operator bool() const { return value(); }

    static part const& of();

private:
    friend class flag_part;
    enum class change : std::uint32_t { none, enable, disable };
    change change_ = change::none;
    dot_set dots_;
};
static_assert(sizeof(flag) == 16);

} // namespace dunlin
