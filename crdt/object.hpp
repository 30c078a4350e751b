// Object: how a user's struct is told to dunlin: its public name and its fields by name.
//
//   DUNLIN_OBJECT(player, name, score)                     public name "player"
//   DUNLIN_OBJECT_AS("shop.account", account, balance)     a public name of one's own
//   template <> inline constexpr auto dunlin::fields_of<player> =     without a macro
//       dunlin::fields("player", dunlin::named("name", &player::name), dunlin::named("score", &player::score));
//
// Identity on the wire and on disk is the public name and the fields' names, never a position: fields may be added and
// moved; what is renamed is another field. In the namespace of the struct. Checked while compiling: a member that is no
// field, a field that is not listed, a base that is not listed.
#pragma once
#include "struct.hpp"
#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstddef>
#include <tuple>

#define DUNLIN_OBJECT_AS(NAME, TYPE, ...)                                                                              \
    BOOST_DESCRIBE_STRUCT(TYPE, (), (__VA_ARGS__))                                                                     \
    constexpr char const* dunlin_public_name(TYPE const*) { return NAME; }
#define DUNLIN_OBJECT(TYPE, ...) DUNLIN_OBJECT_AS(#TYPE, TYPE, __VA_ARGS__)

namespace dunlin {

template <class Pointer> struct named_field {
    char const* name;
    Pointer pointer;
};
template <class... Pointers> struct field_list {
    char const* public_name;
    std::tuple<named_field<Pointers>...> all;
};
template <class P> constexpr named_field<P> named(char const* name, P pointer) { return {name, pointer}; }
template <class... P> constexpr field_list<P...> fields(char const* public_name, named_field<P>... all) {
    return {public_name, {all...}};
}
/// Specialise it to list a struct's fields without a macro.
template <class T> inline constexpr auto fields_of = nullptr;

template <class T> constexpr bool is_listed = !std::is_same_v<std::remove_cv_t<decltype(fields_of<T>)>, std::nullptr_t>;
template <class T>
concept described = is_listed<T> || requires(T const* p) {
    dunlin_public_name(p);
};
template <class T>
concept field_type = std::derived_from<T, field> && requires {
    { T::of() } -> std::convertible_to<part const&>;
};

/// Calls f(name, member pointer) for each listed field, in order.
template <class T, class F> constexpr void for_each_field(F f) {
    if constexpr (is_listed<T>)
        std::apply([&](auto... x) { (f(x.name, x.pointer), ...); }, fields_of<T>.all);
    else
        boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>(
            [&](auto d) { f(d.name, d.pointer); });
}

template <class T> constexpr char const* public_name() {
    if constexpr (is_listed<T>)
        return fields_of<T>.public_name;
    else
        return dunlin_public_name(static_cast<T const*>(nullptr));
}

template <class T> constexpr std::size_t size_of_fields() {
    std::size_t size = 0;
    for_each_field<T>([&](char const*, auto pointer) {
        using member = std::remove_reference_t<decltype(std::declval<T&>().*pointer)>;
        size = (size + alignof(member) - 1) / alignof(member) * alignof(member) + sizeof(member);
    });
    return (size + alignof(T) - 1) / alignof(T) * alignof(T);
}

template <class T>
void add_members(std::vector<struct_part::member>& to, std::string const& prefix, std::size_t offset) {
    static_assert(described<T>, "this struct is not described: write DUNLIN_OBJECT(type, field, ...) after it");
    static_assert(
        size_of_fields<T>() == sizeof(T),
        "a member or a base of this struct is not listed in DUNLIN_OBJECT: list every field; state that is not "
        "replicated lives outside the struct");
    alignas(T) static char place[sizeof(T)];
    for_each_field<T>([&](char const* name, auto pointer) {
        using member = std::remove_reference_t<decltype(std::declval<T&>().*pointer)>;
        static_assert(
            field_type<member> || described<member>,
            "a member of this struct is no field of dunlin: use latest<T>, counter, flag, set<T> or map<K, V>");
        auto at = offset + std::size_t(reinterpret_cast<char*>(&(reinterpret_cast<T*>(place)->*pointer)) - place);
        if constexpr (described<member>)
            add_members<member>(to, prefix + name + ".", at);
        else if constexpr (field_type<member>) {
            auto& type = member::of();
            require(type.size() == sizeof(member), "a class over a field has members of its own, which nobody would keep: give it fields "
                                                   "in a struct with DUNLIN_OBJECT instead");
            auto full = prefix + name;
            to.push_back({full, field_id(full, type.kind()), at, &type, unsigned(to.size())});
        }
    });
}

class bounded_counter;
class expiry;

/// A field of this type is in it, or in a struct in it.
template <class Field, class T> constexpr bool holds() {
    bool any = std::is_base_of_v<Field, T>;
    if constexpr (described<T>)
        for_each_field<T>([&](char const*, auto pointer) {
            any |= holds<Field, std::remove_reference_t<decltype(std::declval<T&>().*pointer)>>();
        });
    return any;
}

template <class T> struct_part const& struct_of() {
    static_assert(!holds<bounded_counter, T>() || !holds<expiry, T>(),
                  "an object with a bounded_counter cannot end by an expiry: rights to spend may be at nodes that are away");
    static struct_part const one = [] {
        std::vector<struct_part::member> members;
        add_members<T>(members, "", 0);
        return struct_part(
            public_name<T>(), sizeof(T), [](void* at) { new (at) T; }, [](void* v) { static_cast<T*>(v)->~T(); },
            std::move(members));
    }();
    return one;
}

template <class T> part const& part_of() {
    static_assert(!holds<bounded_counter, T>(), "a bounded_counter cannot lie below a map: erasing its key would take rights away that "
                                      "are spent elsewhere; give it an object of its own and keep the object's key");
    static_assert(field_type<T> || described<T>,
                  "a map's children are fields or described structs: latest<T>, counter, flag, set<T>, map<K, V>, or a "
                  "struct with DUNLIN_OBJECT");
    if constexpr (field_type<T>)
        return T::of();
    else if constexpr (described<T>)
        return struct_of<T>();
}

} // namespace dunlin
