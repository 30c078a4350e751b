// Indexed: a field by whose value the objects of a type are kept in order, on each node that asks for it (lib/query.hpp).
//
//   struct player { dunlin::indexed<dunlin::counter> score; };
//   node.all<player>().order_by(&player::score, dunlin::descending).limit(10)
//
// Concurrent  as the field itself: it is that field, with its bytes, its kind and its methods. So a field can be indexed, or
//             no longer, at any time: nodes that differ in it understand each other.
//
// Fields that can be: what has a value() with an order: counter, bounded_counter, flag, latest, maximum and minimum of
// numbers, enums, bool, double, strings and bytes. Its place in the order is that of value(); a field that was never set has T().
// Size    nothing in the object; about 160 bytes an object on a node that asks.
// Errors  those of the field. In a struct inside a struct, or below a map, it is the field and no more: nobody can ask by it.
//          Source  secondary index.
#pragma once
#include "maximum.hpp"
#include "object.hpp"

namespace dunlin {

/// What value() of a field gives, as it is kept.
template <class F> struct field_value { using type = void; };
template <class F> requires requires(F const& f) { f.value(); }
struct field_value<F> { using type = std::remove_cvref_t<decltype(std::declval<F const&>().value())>; };
template <class F> using value_of_field = typename field_value<F>::type;

class expiry;
template <value T> class present;
template <value T> class ephemeral;
/// What changes without an entry has no place in an order that follows entries.
template <class F> constexpr bool changes_aside = std::same_as<F, expiry>;
template <class T> constexpr bool changes_aside<present<T>> = true;
template <class T> constexpr bool changes_aside<ephemeral<T>> = true;

template <class F>
concept indexable = field_type<F> && !changes_aside<F> && value<value_of_field<F>> &&
                    (ordered_value<value_of_field<F>> || std::is_enum_v<value_of_field<F>>);

template <class F> class indexed : public F {
    static_assert(indexable<F>, "an indexed field has a value() with an order: counter, bounded_counter, flag, latest<T>, maximum<T> or "
                                "minimum<T> of numbers, enums, bool, strings or bytes");

public:
    using value_type = value_of_field<F>;
    using F::operator=;
    indexed() = default;
    indexed(indexed&&) = default;

    /// Bytes in the order of the values. Of doubles 0 and -0 are one; what is not a number stands above all.
    static void put_value(value_type const& v, encoder& out) {
        if constexpr (std::same_as<value_type, double>)
            value_codec<double>::put(out, v == 0 ? 0.0 : v);
        else
            value_codec<value_type>::put(out, v);
    }
};

} // namespace dunlin
