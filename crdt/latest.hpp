// type: kind R
// Latest: one value, the last write wins (last-writer-wins register with causal stamps).
//
// Concurrent  the write with the greater stamp wins, at equal stamps the greater value in bytes; a write that has seen
//             another always beats it, whatever the clocks say.
//
// Stamps are hybrid clocks' times: max(the entry's, greatest seen here + 1), saturating. State, size, cost, bytes and
// errors: register.hpp; a change costs 2 bytes and the value.
// Source  LWW register: Shapiro et al. 2011 (RR-7506), here over a multi-value register (causal).
#pragma once
#include "register.hpp"

namespace dunlin {

template <value T> class latest : public register_body {
    friend class register_body;
    T value_{};

public:
    latest() = default;
    latest(latest&&) = default;

    latest& operator=(T v) {
        write_to(value_, std::move(v));
        return *this;
    }
    /// Nothing is held any more; reads give T().
    void reset() { reset_of(value_); }
    T const& value() const { return value_; }
    operator T const&() const { return value_; }
    T const* operator->() const { return &value_; }
    template <class U>
    requires(!std::derived_from<U, field> && requires(T const& x, U const& y) { x == y; }) friend bool
    operator==(latest const& x, U const& y) {
        return x.value_ == y;
    }

    static part const& of() {
        static auto const one = make_register_part(access(value_codec<T>::kind), register_view::latest);
        return *one;
    }
    static value_access access(char kind) { return access_of<latest, T>(kind); }
};

} // namespace dunlin
