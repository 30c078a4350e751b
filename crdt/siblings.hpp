// type: kind V
// Siblings: one value, and a look at the conflict (multi-value register).
//
// Concurrent  all values stay, side by side, until somebody who has seen them writes: which one is right is the
//             program's decision, or its user's.
//
// State, size, cost, bytes and errors: register.hpp; a change costs 1 byte and the value.
// Source  multi-value register: Shapiro et al. 2011 (RR-7506).
#pragma once
#include "register.hpp"

namespace dunlin {

template <value T> class siblings : public register_body {
    friend class register_body;
    T value_{};

public:
    siblings() = default;
    siblings(siblings&&) = default;

    /// Replaces every value that has been seen here.
    siblings& operator=(T v) {
        write_to(value_, std::move(v));
        return *this;
    }
    /// Nothing is held any more, of what has been seen here.
    void reset() { reset_of(value_); }
    bool empty() const { return holds_nothing(); }
    /// Different values are side by side.
    bool conflict() const { return values().size() > 1; }
    /// In an order that is the same everywhere (that of their bytes). What this program's type cannot hold is shown as
    /// the nearest that it can. O(n log n).
    std::vector<T> values() const {
        std::vector<T> all;
        encoder shown;
        value_codec<T>::put(shown, value_);
        for (auto b : values_of(shown.view())) {
            T one{};
            value_codec<T>::get(b, one);
            all.push_back(std::move(one));
        }
        return all;
    }
    /// The one with the greatest bytes, the same everywhere; T() if there is none.
    T const& value() const { return value_; }

    static part const& of() {
        static auto const one =
            make_register_part(access_of<siblings, T>(value_codec<T>::kind), register_view::siblings);
        return *one;
    }
};

} // namespace dunlin
