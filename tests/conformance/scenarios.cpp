// Scenarios: facts in prose. What is written in the notation (notation.cpp) is read and carried out; what is not is acted
// out here for exactly these steps, whatever the scenario is called. What comes out is compared with `expected`.
//
// A policy binds where ours is the named one (docs/types.md); where a property is expected, the act checks it.
#include "stage.hpp"
#include <functional>

namespace conformance {

namespace {
void must(bool holds, char const* what) {
    if (!holds) throw differs(what);
}
json::value const held = "the property holds";

using act = std::function<json::value(stage&)>;
json::value value_of_elements(stage& s) {
    return s.value([](replica& r) { return elements(r->elements); });
}

std::map<std::string, act> set_acts() {
    return {
        {"both hold {a,b} / A: remove a || B: add c / A: remove c (unseen: no effect) / sync",
         [](stage& s) {
             s.in("A", [](subject& x) { x.elements.insert("a"), x.elements.insert("b"); }), s.sync();
             s.in("A", [](subject& x) { x.elements.erase("a"); }), s.in("B", [](subject& x) { x.elements.insert("c"); });
             s.in("A", [](subject& x) { must(!x.elements.erase("c"), "an unseen element was erased"); }), s.sync();
             return value_of_elements(s);
         }},
        {"A: add Z (C := copy of A) / A: remove Z / B: add Z / A := merge(B,A) / B: remove Z / merge C into A first, then B",
         [](stage& s) {
             s.in("A", [](subject& x) { x.elements.insert("Z"); }), s.merge("C", "A");
             s.in("A", [](subject& x) { x.elements.erase("Z"); });
             s.in("B", [](subject& x) { x.elements.insert("Z"); }), s.merge("A", "B");
             s.in("B", [](subject& x) { x.elements.erase("Z"); });
             s.merge("A", "C"), s.merge("A", "B");
             return value_of_elements(s);
         }},
        {"A: add Z; B: add Z; C := copy of A / A: remove Z; A := merge(A,B) / B: remove Z; B := merge(B,C) / merge A with B, then C",
         [](stage& s) {
             s.in("A", [](subject& x) { x.elements.insert("Z"); }), s.in("B", [](subject& x) { x.elements.insert("Z"); });
             s.merge("C", "A");
             s.in("A", [](subject& x) { x.elements.erase("Z"); }), s.merge("A", "B");
             s.in("B", [](subject& x) { x.elements.erase("Z"); }), s.merge("B", "C");
             s.merge("A", "B"), s.merge("A", "C");
             return value_of_elements(s);
         }},
        {"three deltas d1<d2<d3 of one node; apply d1, d3 only",
         [](stage& s) {
             for (auto e : {"1", "2", "3"}) s.in("A", [&](subject& x) { x.elements.insert(e); });
             must(s.at("B").absorb(s.said(0)), "the first is not taken");
             must(!s.at("B").absorb(s.said(2)), "the third is applied before the second");
             same(elements(s.at("B")->elements), json::array{"1"}, "before the second");
             must(s.at("B").absorb(s.said(1)), "the second is not taken");
             same(elements(s.at("B")->elements), json::array{"1", "2", "3"}, "after the second");
             return held;
         }},
        {"{colors:{blue}} / A: set colors.red || B: CLEAR colors, then colors.green / sync",
         [](stage& s) {
             auto colors = [](subject& x) { return x.keys.sets["colors"]; };
             s.in("A", [&](subject& x) { colors(x)->insert("blue"); }), s.sync();
             s.in("A", [&](subject& x) { colors(x)->insert("red"); });
             s.in("B", [&](subject& x) { colors(x)->clear(), colors(x)->insert("green"); }), s.sync();
             return s.value([&](replica& r) { return json::value{{"colors", elements(*colors(*r))}}; });
         }},
    };
}

std::map<std::string, act> other_acts() {
    return {
        {"A: +1 / deliver the same delta to B three times",
         [](stage& s) {
             s.in("A", [](subject& x) { x.number += 1; });
             for (int n = 0; n < 3; ++n) s.at("B").absorb(s.said(0));
             return json::value(s.at("B")->number.value());
         }},
        {"node N writes dot (N,5) and gossips it; disk is restored from a backup at dot 3; N writes again",
         [](stage& s) {
             given_state backup;
             for (int n = 1; n <= 5; ++n) {
                 s.in("N", [&](subject& x) { x.elements.insert(std::to_string(n)); });
                 if (n == 3) backup = s.at("N").give();
             }
             s.merge("B", "N");
             s.at("restored").join(backup); // a new run is a new writer
             s.in("restored", [](subject& x) { x.elements.insert("new"); });
             s.merge("B", "restored"), s.merge("restored", "B");
             must(s.at("B")->elements.size() == 6 && s.at("restored")->elements.size() == 6, "a write was swallowed");
             return held;
         }},
        {"A: assign a @t1 / sync / B (clock behind, t0<t1): assign b after having seen a / sync",
         [](stage& s) {
             s.at("A").clock(1'700'000'001'000), s.in("A", [](subject& x) { x.value = "a"; }), s.sync();
             s.at("B").clock(1), s.in("B", [](subject& x) { x.value = "b"; }), s.sync();
             return s.value([](replica& r) { return json::value(r->value.value()); });
         }},
        {"A: assign a @t || B: assign b @t (same timestamp) / sync",
         [](stage& s) {
             s.in("A", [](subject& x) { x.value = "a"; }), s.in("B", [](subject& x) { x.value = "b"; });
             s.at("C").absorb(s.said(1)), s.at("C").absorb(s.said(0)), s.sync();
             s.value([](replica& r) { return json::value(r->value.value()); });
             return held;
         }},
        {"two assignments on one node within one clock tick",
         [](stage& s) {
             s.in("A", [](subject& x) { x.value = "second by its bytes"; }), s.in("A", [](subject& x) { x.value = "a"; });
             s.sync();
             same(s.value([](replica& r) { return json::value(r->value.value()); }), "a", "the second");
             return held;
         }},
    };
}

std::map<std::string, act> map_acts() {
    auto k = [](subject& x) { return x.keys.sets["k"]; };
    return {
        {"key k holds set {a} / sync / A: remove key k || B: add b to k / sync",
         [k](stage& s) {
             s.in("A", [&](subject& x) { k(x)->insert("a"); }), s.sync();
             s.in("A", [&](subject& x) { x.keys.sets.erase("k"); }), s.in("B", [&](subject& x) { k(x)->insert("b"); });
             s.sync();
             return s.value([&](replica& r) { return json::value{{"k", elements(*k(*r))}}; });
         }},
        {"k = counter 5 / sync / A: remove key k || B: increment k by 2 / sync",
         [](stage& s) {
             s.in("A", [](subject& x) { x.keys.counters["k"] += 5; }), s.sync();
             s.in("A", [](subject& x) { x.keys.counters.erase("k"); });
             s.in("B", [](subject& x) { x.keys.counters["k"] += 2; }), s.sync();
             return s.value([](replica& r) { return json::value{{"k", std::int64_t(r->keys.counters["k"])}}; });
         }},
        {"A: k -> {a}, sync, A: remove k then put k -> {b} || B: add c to k / sync",
         [k](stage& s) { // the anomaly: what was added meanwhile stays; docs/types.md says so
             s.in("A", [&](subject& x) { k(x)->insert("a"); }), s.sync();
             s.in("A", [&](subject& x) { x.keys.sets.erase("k"), k(x)->insert("b"); });
             s.in("B", [&](subject& x) { k(x)->insert("c"); }), s.sync();
             same(s.value([&](replica& r) { return elements(*k(*r)); }), json::array{"b", "c"}, "k");
             return held;
         }},
        {"remove + updated scenarios delivered as deltas, delta groups and full state in 11 variants",
         [k](stage& s) {
             s.in("A", [&](subject& x) { k(x)->insert("a"); }), s.sync();
             s.in("A", [&](subject& x) { x.keys.sets.erase("k"); }), s.in("B", [&](subject& x) { k(x)->insert("b"); });
             s.in("A", [&](subject& x) { k(x)->insert("c"); });
             replica fresh(90), group(91);
             fresh.join(s.at("B")), fresh.join(s.at("A"));
             for (auto n : {0u, 2u}) must(group.absorb(s.said(n)), "an entry of a group is not taken");
             group.join(s.at("A")); // a group, then the state
             s.sync();
             must(s.at("A").save() == fresh.save(), "deltas give another result than states");
             must(s.at("A").save() == group.save(), "deltas and a state give another result than states");
             return held;
         }},
    };
}

/// Why a type, or steps, are not comparable here; empty: they are.
std::string other_policy(std::string_view type, std::string const& steps) {
    auto has = [&](std::string_view part) { return type.find(part) != type.npos; };
    if (has("delete wins")) return "delete wins: an erase here takes what it has seen";
    if (has("remove context")) return "a removal by a client's context: an erase here removes what its replica has seen";
    if (has("type conflict")) return "one name with two kinds: both are kept here, neither wins";
    if (has("list") || has("array") || has("text")) return "no sequence type yet";
    if (has("tree")) return "no tree type yet";
    if (has("nested objects") && steps.find("assign") != steps.npos) return "assigning a whole object: a struct is no value here";
    return {};
}

void scenario(json::object const& one, std::map<std::string, act> const& acts) {
    auto steps = one.if_contains("steps"), should = one.if_contains("expected");
    if (!steps || !should) throw differs("no steps, or nothing expected");
    std::string all;
    for (auto& s : list(*steps)) all += (all.empty() ? "" : " / ") + text(s);
    auto type = one.contains("type") ? text(one.at("type")) : std::string();
    if (auto why = other_policy(type, all); !why.empty()) throw not_here(why);
    auto is = act_out(type, steps->as_array());
    if (!is) {
        auto it = acts.find(all);
        if (it == acts.end()) throw not_here("not in the notation: " + all);
        stage s;
        is = it->second(s);
    }
    bool property = should->is_object() && should->as_object().contains("property");
    if (property != (*is == held)) throw differs("expected " + json::serialize(*should));
    if (!property) same(*is, *should, "value");
}
} // namespace

void scenarios(json::array const& all, report& r) {
    std::map<std::string, act> acts;
    for (auto&& some : {set_acts(), other_acts(), map_acts()}) acts.insert(some.begin(), some.end());
    for (auto& one : all) {
        auto o = one.if_object();
        auto id = o && o->contains("id") ? text(o->at("id")) : "without an id";
        r.run(id, [&] {
            if (!o) throw differs("no scenario: " + json::serialize(one));
            scenario(*o, acts);
        });
    }
}

} // namespace conformance
