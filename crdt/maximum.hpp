// type: kind X
// Maximum and minimum: the greatest, or the least, of all that was said (max-register).
//
// Concurrent  the greater one (the lesser one); the other waits behind it, for the case that a reset or an erase that
//             has not seen it takes the first away.
//
// What does not go beyond what is seen here is no change and says nothing: so it does not survive an erase either.
// State, size, cost, bytes and errors: register.hpp; a change costs 1 byte and the value.
// Source  max-register as a join of values: Shapiro et al. 2011 (RR-7506); dots make it removable.
#pragma once
#include "register.hpp"

namespace dunlin {

/// A value that has an order, which is that of its bytes.
template <class T>
concept ordered_value = value<T> && !has_own_bytes<T> && std::totally_ordered<T> && std::string_view("iubdsy").find(value_codec<T>::kind) !=
                                                                     std::string_view::npos;

template <ordered_value T> class maximum : public register_body {
    friend class register_body;
    T value_{};

public:
    maximum() = default;
    maximum(maximum&&) = default;

    /// True if it is a new maximum. What is not a number is none.
    bool raise(T v) {
        if (!(holds_nothing() ? v == v : value_ < v) && !mutant("maximum_says_what_is_not_beyond")) return false;
        write_to(value_, std::move(v));
        return true;
    }
    /// Nothing is held any more, of what has been seen here.
    void reset() { reset_of(value_); }
    bool empty() const { return holds_nothing(); }
    /// T() if there is none.
    T const& value() const { return value_; }
    operator T const&() const { return value_; }

    static part const& of() {
        static auto const one = make_register_part(access_of<maximum, T>(value_codec<T>::kind), register_view::maximum);
        return *one;
    }
};

template <ordered_value T> class minimum : public register_body {
    friend class register_body;
    T value_{};

public:
    minimum() = default;
    minimum(minimum&&) = default;

    /// True if it is a new minimum. What is not a number is none.
    bool lower(T v) {
        if (!(holds_nothing() ? v == v : v < value_)) return false;
        write_to(value_, std::move(v));
        return true;
    }
    /// Nothing is held any more, of what has been seen here.
    void reset() { reset_of(value_); }
    bool empty() const { return holds_nothing(); }
    /// T() if there is none.
    T const& value() const { return value_; }
    operator T const&() const { return value_; }

    static part const& of() {
        static auto const one = make_register_part(access_of<minimum, T>(value_codec<T>::kind), register_view::minimum);
        return *one;
    }
};

} // namespace dunlin
