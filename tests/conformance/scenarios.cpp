// Scenarios: facts in prose, each acted out here by its id; what comes out is compared with the file's `expected`.
//
// What a scenario names as `policy` binds where ours is the named one; where it names a property, the act checks it.
#include "subject.hpp"
#include <functional>

namespace conformance {

namespace {
std::vector<dunlin::struct_part const*> const& types() {
    static std::vector<dunlin::struct_part const*> const all = {&dunlin::struct_of<subject>()};
    return all;
}

/// Three replicas, and what they have sealed.
struct stage {
    rig::replica a{rig::writer(1), types(), 2}, b{rig::writer(2), types()}, c{rig::writer(3), types(), 4};
    subject &A = a.get<subject>(), &B = b.get<subject>(), &C = c.get<subject>();
    std::vector<rig::entry> log;

    template <class F> void in(rig::replica& r, F f) {
        if (auto e = r.turn(f)) log.push_back(*e);
    }
    void sync() {
        for (std::size_t round = 0; round < log.size(); ++round)
            for (auto r : {&a, &b, &c})
                for (auto& e : log) r->absorb(e);
        if (!(a.save() == b.save() && b.save() == c.save())) throw differs("not the same on every replica");
    }
    static void merge(rig::replica& target, rig::replica const& source) { target.join(source.save()); }
};
void must(bool holds, char const* what) {
    if (!holds) throw differs(what);
}
json::value const held = "the property holds";

using act = std::function<json::value(stage&)>;

std::map<std::string, act> set_acts() {
    return {
        {"set-aw-01",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("x"); }), s.sync();
             s.in(s.a, [&] { s.A.elements.erase("x"); }), s.in(s.b, [&] { s.B.elements.insert("x"); }), s.sync();
             return elements(s.A.elements);
         }},
        {"set-aw-02",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("a"); }), s.in(s.b, [&] { s.B.elements.insert("b"); }), s.sync();
             return elements(s.A.elements);
         }},
        {"set-aw-03",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("a"), s.A.elements.insert("b"); }), s.sync();
             s.in(s.a, [&] { s.A.elements.erase("a"); }), s.in(s.b, [&] { s.B.elements.insert("c"); });
             s.in(s.a, [&] { must(!s.A.elements.erase("c"), "an unseen element was erased"); }), s.sync();
             return elements(s.B.elements);
         }},
        {"set-aw-04",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("e1"); }), s.sync();
             s.in(s.a, [&] { s.A.elements.insert("e2"); }), s.in(s.b, [&] { s.B.elements.clear(); }), s.sync();
             return elements(s.B.elements);
         }},
        {"set-aw-05",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("bar"); }), s.in(s.b, [&] { s.B.elements.insert("baz"); });
             s.merge(s.c, s.a), s.merge(s.c, s.b);
             s.in(s.a, [&] { s.A.elements.erase("bar"); });
             rig::replica d(rig::writer(4), types());
             s.merge(d, s.a), s.merge(d, s.c);
             return elements(d.get<subject>().elements);
         }},
        {"set-aw-06",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("Z"); }), s.merge(s.c, s.a);
             s.in(s.a, [&] { s.A.elements.erase("Z"); });
             s.in(s.b, [&] { s.B.elements.insert("Z"); }), s.merge(s.a, s.b);
             s.in(s.b, [&] { s.B.elements.erase("Z"); });
             s.merge(s.a, s.c), s.merge(s.a, s.b);
             return elements(s.A.elements);
         }},
        {"set-aw-07",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("Z"); }), s.in(s.b, [&] { s.B.elements.insert("Z"); });
             s.merge(s.c, s.a);
             s.in(s.a, [&] { s.A.elements.erase("Z"); }), s.merge(s.a, s.b);
             s.in(s.b, [&] { s.B.elements.erase("Z"); }), s.merge(s.b, s.c);
             s.merge(s.a, s.b), s.merge(s.a, s.c);
             return elements(s.A.elements);
         }},
        {"set-aw-09",
         [](stage& s) {
             s.in(s.a, [&] { s.A.elements.insert("bar"), s.A.elements.insert("baz"); });
             s.in(s.a, [&] { s.A.elements.erase("baz"), s.A.elements.insert("baz"); }), s.sync();
             return elements(s.B.elements);
         }},
        {"delta-01",
         [](stage& s) {
             for (auto x : {"1", "2", "3"}) s.in(s.a, [&] { s.A.elements.insert(x); });
             s.b.absorb(s.log[0]);
             must(s.b.absorb(s.log[2]) == rig::absorbed::not_yet, "a delta was applied before its cause");
             s.b.absorb(s.log[1]), s.b.absorb(s.log[2]);
             must(s.B.elements.size() == 3, "an element was lost");
             return held;
         }},
        {"json-02",
         [](stage& s) {
             auto colors = [](subject& x) { return x.keys.sets["colors"]; };
             s.in(s.a, [&] { colors(s.A)->insert("blue"); }), s.sync();
             s.in(s.a, [&] { colors(s.A)->insert("red"); });
             s.in(s.b, [&] { colors(s.B)->clear(), colors(s.B)->insert("green"); }), s.sync();
             return json::value{{"colors", elements(*colors(s.A))}};
         }},
    };
}

std::map<std::string, act> number_acts() {
    return {
        {"flag-ew-01",
         [](stage& s) {
             s.in(s.a, [&] { s.A.on.enable(); }), s.sync();
             s.in(s.a, [&] { s.A.on.disable(); }), s.in(s.b, [&] { s.B.on.enable(); }), s.sync();
             return json::value(bool(s.A.on));
         }},
        {"flag-ew-02",
         [](stage& s) {
             s.in(s.a, [&] { s.A.on.enable(); }), s.in(s.b, [&] { s.B.on.disable(); }), s.sync();
             return json::value(bool(s.B.on));
         }},
        {"ctr-01",
         [](stage& s) {
             s.in(s.a, [&] { s.A.number += 5; }), s.in(s.b, [&] { s.B.number -= 3; }), s.sync();
             return json::value(s.A.number.value());
         }},
        {"ctr-02",
         [](stage& s) {
             s.in(s.a, [&] { s.A.number += 1; });
             for (int n = 0; n < 3; ++n) s.b.absorb(s.log[0]);
             return json::value(s.B.number.value());
         }},
        {"ctr-03",
         [](stage& s) {
             s.in(s.a, [&] { s.A.number += 5; }), s.sync();
             s.in(s.a, [&] { s.A.number.reset(); }), s.in(s.b, [&] { s.B.number += 3; }), s.sync();
             return json::value(s.A.number.value());
         }},
        {"ctr-04", // in tenths
         [](stage& s) {
             s.in(s.a, [&] { s.A.keys.counters["x"] += 41; }), s.sync();
             s.in(s.a, [&] { s.A.keys.counters.erase("x"); }), s.in(s.b, [&] { s.B.keys.counters["x"] += 20; });
             s.sync();
             return json::value{{"x", double(std::int64_t(s.A.keys.counters["x"])) / 10}};
         }},
        {"ctr-05",
         [](stage& s) {
             s.in(s.a, [&] { s.A.keys.counters["x"] += 11; }), s.sync();
             s.in(s.a, [&] { s.A.keys.counters["x"] += 10; }), s.in(s.b, [&] { s.B.keys.counters["x"] += 10; });
             s.sync();
             return json::value{{"x", double(std::int64_t(s.B.keys.counters["x"])) / 10}};
         }},
        {"id-01",
         [](stage& s) {
             rig::state backup;
             for (int n = 1; n <= 5; ++n) {
                 s.in(s.a, [&] { s.A.elements.insert(std::to_string(n)); });
                 if (n == 3) backup = s.a.save();
             }
             s.sync();
             rig::replica restored(rig::writer(5), types()); // a new run is a new writer
             restored.join(backup);
             s.in(restored, [&] { restored.get<subject>().elements.insert("new"); });
             s.merge(s.b, restored), s.merge(restored, s.b);
             must(s.B.elements.size() == 6 && restored.get<subject>().elements.size() == 6, "a write was swallowed");
             return held;
         }},
    };
}

std::map<std::string, act> register_acts() {
    return {
        {"reg-mv-01",
         [](stage& s) {
             s.in(s.a, [&] { s.A.value = "a"; }), s.in(s.b, [&] { s.B.value = "b"; }), s.sync();
             return siblings(s.c);
         }},
        {"reg-mv-02",
         [](stage& s) {
             s.in(s.a, [&] { s.A.value = "a"; }), s.in(s.b, [&] { s.B.value = "b"; }), s.sync();
             s.in(s.b, [&] { s.B.value = "c"; }), s.sync();
             return siblings(s.a);
         }},
        {"reg-mv-03",
         [](stage& s) {
             s.in(s.a, [&] { s.A.value = "a"; }), s.sync();
             s.in(s.a, [&] { s.A.value.reset(); }), s.in(s.b, [&] { s.B.value = "b"; }), s.sync();
             return siblings(s.a);
         }},
        {"reg-lww-01",
         [](stage& s) {
             s.a.clock = 1000, s.in(s.a, [&] { s.A.value = "a"; }), s.sync();
             s.b.clock = 1, s.in(s.b, [&] { s.B.value = "b"; }), s.sync();
             return json::value(s.A.value.value());
         }},
        {"reg-lww-02",
         [](stage& s) {
             s.a.clock = s.b.clock = 7;
             s.in(s.a, [&] { s.A.value = "a"; }), s.in(s.b, [&] { s.B.value = "b"; });
             s.c.absorb(s.log[1]), s.c.absorb(s.log[0]), s.sync();
             must(s.A.value.value() == s.B.value.value() && s.B.value.value() == s.C.value.value(), "two values");
             return held;
         }},
        {"reg-lww-03",
         [](stage& s) {
             s.in(s.a, [&] { s.A.value = "second by its bytes"; }), s.in(s.a, [&] { s.A.value = "a"; }), s.sync();
             must(s.A.value == "a" && s.B.value == "a", "the first is read");
             return held;
         }},
    };
}

std::map<std::string, act> map_acts() {
    auto k = [](subject& x) { return x.keys.sets["k"]; };
    return {
        {"map-01",
         [k](stage& s) {
             s.in(s.a, [&] { k(s.A)->insert("a"); }), s.sync();
             s.in(s.a, [&] { s.A.keys.sets.erase("k"); }), s.in(s.b, [&] { k(s.B)->insert("b"); }), s.sync();
             return json::value{{"k", elements(*k(s.A))}};
         }},
        {"map-02",
         [](stage& s) {
             s.in(s.a, [&] { s.A.keys.counters["k"] += 5; }), s.sync();
             s.in(s.a, [&] { s.A.keys.counters.erase("k"); }), s.in(s.b, [&] { s.B.keys.counters["k"] += 2; });
             s.sync();
             return json::value{{"k", std::int64_t(s.A.keys.counters["k"])}};
         }},
        {"map-03",
         [](stage& s) {
             auto set = [](subject& x, char const* f, char const* v) { x.keys.sets[f]->insert(v); };
             s.in(s.a, [&] { set(s.A, "f1", "a"); }), s.in(s.b, [&] { set(s.B, "f2", "b"); }), s.sync();
             auto only = [&](char const* f) { return std::string(*(*s.A.keys.sets[f]).begin()); };
             return json::value{{"f1", only("f1")}, {"f2", only("f2")}};
         }},
        {"map-04", // the anomaly: what was added meanwhile stays; docs/types.md says so
         [k](stage& s) {
             s.in(s.a, [&] { k(s.A)->insert("a"); }), s.sync();
             s.in(s.a, [&] { s.A.keys.sets.erase("k"), k(s.A)->insert("b"); });
             s.in(s.b, [&] { k(s.B)->insert("c"); }), s.sync();
             same(elements(*k(s.B)), json::value{"b", "c"}, "k");
             return held;
         }},
        {"map-05",
         [k](stage& s) {
             s.in(s.a, [&] { k(s.A)->insert("a"); }), s.sync();
             s.in(s.a, [&] { s.A.keys.sets.erase("k"); }), s.in(s.b, [&] { k(s.B)->insert("b"); });
             s.in(s.a, [&] { k(s.A)->insert("c"); });
             auto states = rig::joined(s.a.save(), s.b.save(), types());
             s.sync();
             must(s.a.save() == states, "deltas give another result than states");
             return held;
         }},
    };
}

std::map<std::string, std::string> const other_policy = {
    {"set-rw-01", "remove wins: no such type yet"},
    {"flag-dw-01", "disable wins: no such type yet"},
    {"set-aw-08", "a removal by a client's context: an erase here removes what this replica has seen"},
    {"json-01", "assigning a whole object: a struct is no value here"},
    {"json-04", "one name with two kinds: both are kept, neither wins"},
    {"del-01", "delete wins: ours is observed-remove"},
};
} // namespace

report scenarios(files const& file) {
    report r(file.filename().string());
    json::value all;
    try {
        all = json::parse(contents(file));
    } catch (std::exception const& e) {
        r.run("file", [&] { throw differs(e.what()); });
        return r;
    }
    std::map<std::string, act> acts;
    for (auto&& some : {set_acts(), number_acts(), register_acts(), map_acts()}) acts.insert(some.begin(), some.end());
    auto found = all.is_object() ? all.as_object().if_contains("scenarios") : nullptr;
    if (!found || !found->is_array()) {
        r.run("file", [] { throw differs("no list 'scenarios'"); });
        return r;
    }
    for (auto& one : found->as_array()) {
        auto id = one.is_object() && one.as_object().contains("id") ? text(one.at("id")) : "without an id";
        r.run(id, [&] {
            if (auto other = other_policy.find(id); other != other_policy.end()) throw not_here(other->second);
            auto it = acts.find(id);
            if (it == acts.end()) throw not_here("not acted out: sequences, trees, or new");
            stage s;
            auto is = it->second(s);
            auto& should = one.at("expected");
            bool property = should.is_object() && should.as_object().contains("property");
            if (property != (is == held)) throw differs("expected " + json::serialize(should));
            if (!property) same(is, should, "value");
        });
    }
    return r;
}

} // namespace conformance
