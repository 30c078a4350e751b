// Subject: one object that can be every type of the histories, and the operations and values of both formats on it.
#pragma once
#include "report.hpp"
#include <boost/json.hpp>
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/disable_wins_flag.hpp>
#include <dunlin/crdt/flag.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/crdt/siblings.hpp>

namespace conformance {

namespace json = boost::json;

/// A map of keys "name:type" to children; nested N deep.
template <unsigned N> struct tree {
    dunlin::map<std::string, dunlin::counter> counters;
    dunlin::map<std::string, dunlin::set<std::string>> sets;
    dunlin::map<std::string, dunlin::flag> flags;
    dunlin::map<std::string, dunlin::set<std::string, dunlin::remove_wins>> rights;
    dunlin::map<std::string, tree<N - 1>> maps;
};
template <> struct tree<0> {
    dunlin::map<std::string, dunlin::counter> counters;
    dunlin::map<std::string, dunlin::set<std::string>> sets;
    dunlin::map<std::string, dunlin::flag> flags;
    dunlin::map<std::string, dunlin::set<std::string, dunlin::remove_wins>> rights;
};
constexpr char const* tree_names[] = {"tree0", "tree1", "tree2", "tree3", "tree4"};
constexpr unsigned nested = 4;

struct subject {
    dunlin::counter number;
    dunlin::set<std::string> elements;
    dunlin::flag on;
    dunlin::latest<std::string> value;
    dunlin::siblings<std::string> values; // written as `value` is
    dunlin::map<std::string, dunlin::latest<std::string>> fields;
    dunlin::set<std::string, dunlin::remove_wins> allowed;
    dunlin::set<std::string, dunlin::grow_only> ever;
    dunlin::disable_wins_flag safe;
    tree<nested> keys;
};
DUNLIN_OBJECT(subject, number, elements, on, value, values, fields, allowed, ever, safe, keys)

} // namespace conformance

template <unsigned N> inline constexpr auto dunlin::fields_of<conformance::tree<N>> = dunlin::fields(
    conformance::tree_names[N], dunlin::named("counters", &conformance::tree<N>::counters),
    dunlin::named("sets", &conformance::tree<N>::sets), dunlin::named("flags", &conformance::tree<N>::flags),
    dunlin::named("rights", &conformance::tree<N>::rights), dunlin::named("maps", &conformance::tree<N>::maps));
template <> inline constexpr auto dunlin::fields_of<conformance::tree<0>> = dunlin::fields(
    conformance::tree_names[0], dunlin::named("counters", &conformance::tree<0>::counters),
    dunlin::named("sets", &conformance::tree<0>::sets), dunlin::named("flags", &conformance::tree<0>::flags),
    dunlin::named("rights", &conformance::tree<0>::rights));

namespace conformance {

inline std::string text(json::value const& v) {
    return v.is_string() ? std::string(v.as_string()) : json::serialize(v);
}
inline json::value const& at(json::array const& a, std::size_t n) {
    if (n >= a.size()) throw differs("an operation lacks an argument: " + json::serialize(a));
    return a[n];
}
inline std::int64_t number(json::value const& v) {
    if (!v.is_int64() && !v.is_uint64()) throw differs("no integer: " + json::serialize(v));
    return json::value_to<std::int64_t>(v);
}
inline json::array const& list(json::value const& v) {
    if (!v.is_array()) throw differs("no list: " + json::serialize(v));
    return v.as_array();
}

/// Types of both formats by ours: c counter, s set, w remove-wins set, g grow-only set, f flag, d disable-wins flag,
/// r register, m map; 0: not here.
inline char kind_of(std::string_view type) {
    for (auto t : {"counter_pn", "counter_fat", "counter", "pncounter", "gcounter"})
        if (type == t) return 'c';
    for (auto t : {"set_aw", "set", "orswot"})
        if (type == t) return 's';
    for (auto t : {"set_go", "gset"})
        if (type == t) return 'g';
    if (type == "set_rw") return 'w';
    if (type == "flag_ew") return 'f';
    if (type == "flag_dw") return 'd';
    if (type == "register_mv") return 'r';
    for (auto t : {"map_rr", "map"})
        if (type == t) return 'm';
    return 0;
}
[[noreturn]] inline void no_type(std::string_view type) { throw not_here(std::string(type) + ": no such type yet"); }
[[noreturn]] inline void no_operation(json::array const& op) {
    throw differs("an unknown operation: " + json::serialize(op));
}

inline void change(dunlin::counter& x, json::array const& op) {
    auto what = text(at(op, 0));
    auto by = [&] { return op.size() > 1 ? number(op[1]) : 1; };
    if (what == "increment")
        x += by();
    else if (what == "decrement")
        x -= by();
    else if (what == "reset")
        x.reset();
    else
        no_operation(op);
}
template <class Policy> void change(dunlin::set<std::string, Policy>& x, json::array const& op) {
    auto what = text(at(op, 0));
    if (what == "add") return void(x.insert(text(at(op, 1))));
    if (what == "add_all") {
        for (auto& e : list(at(op, 1))) x.insert(text(e));
        return;
    }
    if constexpr (requires { x.clear(); }) {
        if (what == "remove") return void(x.erase(text(at(op, 1))));
        if (what == "reset") {
            if constexpr (requires { x.reset(); }) return x.reset();
            return x.clear();
        }
        if (what == "remove_all") {
            for (auto& e : list(at(op, 1))) x.erase(text(e));
            return;
        }
    }
    no_operation(op);
}
template <class Flag>
requires(std::same_as<Flag, dunlin::flag> || std::same_as<Flag, dunlin::disable_wins_flag>)
void change(Flag& x, json::array const& op) {
    auto what = text(at(op, 0));
    if (what == "enable")
        x.enable();
    else if (what == "disable")
        x.disable();
    else if (what == "reset") {
        if constexpr (requires { x.reset(); }) return x.reset();
        x.disable();
    } else
        no_operation(op);
}
template <class Register>
requires requires(Register& x) { x = std::string(), x.reset(); }
void change(Register& x, json::array const& op) {
    auto what = text(at(op, 0));
    if (what == "assign")
        x = text(at(op, 1));
    else if (what == "reset")
        x.reset();
    else
        no_operation(op);
}

template <unsigned N> void change(tree<N>& x, json::array const& op) {
    auto what = text(at(op, 0));
    if (what == "reset") {
        x.counters.clear(), x.sets.clear(), x.flags.clear(), x.rights.clear();
        if constexpr (N > 0) x.maps.clear();
        return;
    }
    if (what != "update" && what != "remove_key") no_operation(op);
    auto key = text(at(op, 1)), type = text(at(op, 2));
    auto name = key + ":" + type;
    auto on = [&](auto& map) {
        if (what == "remove_key")
            map.erase(name);
        else
            change(*map[name].operator->(), list(at(op, 3)));
    };
    switch (kind_of(type)) {
    case 'c':
        return on(x.counters);
    case 's':
        return on(x.sets);
    case 'f':
        return on(x.flags);
    case 'w':
        return on(x.rights);
    case 'm':
        if constexpr (N > 0) return on(x.maps);
        throw not_here("maps nested deeper than " + std::to_string(nested));
    }
    no_type(type);
}

template <class Policy> json::value elements(dunlin::set<std::string, Policy> const& x) {
    json::array all;
    for (auto e : x) all.emplace_back(std::string(e));
    return all;
}
template <unsigned N> json::value read(tree<N> const& x) {
    json::object all;
    for (auto [k, v] : x.counters) all[k] = std::int64_t(v);
    for (auto [k, v] : x.sets) all[k] = elements(v);
    for (auto [k, v] : x.flags) all[k] = bool(v);
    for (auto [k, v] : x.rights) all[k] = elements(v);
    if constexpr (N > 0)
        for (auto [k, v] : x.maps) all[k] = read(v);
    return all;
}
/// Lists without order and without doubles; in maps no children in which nothing is (others show them for a while).
inline json::value plain(json::value const& v, bool child = false) {
    if (v.is_array()) {
        std::map<std::string, json::value> sorted;
        for (auto& e : v.as_array()) sorted.emplace(text(e), json::value(text(e)));
        json::array out;
        for (auto& [k, e] : sorted) out.push_back(e);
        return out.empty() && child ? json::value() : json::value(out);
    }
    if (v.is_object()) {
        std::map<std::string, json::value> sorted;
        for (auto& [k, e] : v.as_object())
            if (auto p = plain(e, true); !p.is_null()) sorted.emplace(k, p);
        json::object out;
        for (auto& [k, e] : sorted) out[k] = e;
        return out.empty() && child ? json::value() : json::value(out);
    }
    if (child && (v == json::value(0) || v == json::value(false))) return nullptr;
    return v.is_uint64() ? json::value(std::int64_t(v.as_uint64())) : v;
}

inline void same(json::value const& is, json::value const& should, std::string const& where) {
    if (auto x = plain(is), y = plain(should); x != y)
        throw differs(where + ": " + json::serialize(x) + " instead of " + json::serialize(y));
}

} // namespace conformance
