// Golden space: a lone space whose program has a type for every kind, and the history that the golden files hold.
#pragma once
#include "golden_bytes.hpp"
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/flag.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/lib/roster.hpp>
#include <gtest/gtest.h>

namespace golden {

using namespace dunlin;

struct point {
    int x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct sums {
    counter sum;
};
DUNLIN_OBJECT_AS("golden.sums", sums, sum)
struct flags {
    flag on;
};
DUNLIN_OBJECT_AS("golden.flags", flags, on)
struct registers {
    latest<std::int64_t> number;
    latest<std::uint64_t> size;
    latest<bool> yes;
    latest<double> real;
    latest<std::string> text;
    latest<std::vector<std::uint8_t>> raw;
    latest<point> at;
};
DUNLIN_OBJECT_AS("golden.registers", registers, number, size, yes, real, text, raw, at)
struct sets {
    set<std::int64_t> numbers;
    set<std::string> names;
    set<point> points;
};
DUNLIN_OBJECT_AS("golden.sets", sets, numbers, names, points)
struct item {
    counter count;
    latest<std::string> label;
};
DUNLIN_OBJECT_AS("golden.item", item, count, label)
struct maps {
    map<std::string, counter> bag;
    map<std::uint64_t, set<std::string>> groups;
    map<std::string, map<std::int64_t, flag>> deep;
    map<std::string, item> items;
    map<std::string, latest<point>> places;
};
DUNLIN_OBJECT_AS("golden.maps", maps, bag, groups, deep, items, places)
struct home {
    latest<point> at;
    set<std::string> doors;
};
DUNLIN_OBJECT_AS("golden.home", home, at, doors)
struct whole {
    counter gold;
    golden::home home;
};
DUNLIN_OBJECT_AS("golden.whole", whole, gold, home)

using lone::writer_of;

struct golden_space : lone::space {
    using lone::space::space;

    /// The program has the types: before anything is absorbed, since a type that is met later ends the turn.
    void know_types() {
        (void)of<sums>(), (void)of<flags>(), (void)of<registers>(), (void)of<sets>(), (void)of<maps>();
        (void)of<whole>(), (void)of<roster_entry>("00");
    }
    void absorb(series const& s) { ASSERT_TRUE(take(s)) << (alarms.empty() ? "" : alarms.back()); }
};

// ---- the history: every kind of change of every type, concurrent ones too ------------------------------------------

template <class S> void fill(S& s, int n) {
    auto text = n % 2 ? std::string("odd") : std::string("even, and too long to stand inline");
    s.template get<sums>().sum += 10 * n;
    s.template get<flags>().on = true;
    auto& r = s.template get<registers>();
    r.number = -n, r.size = std::uint64_t(n) << 40, r.yes = n % 2 == 1, r.real = n / 4.0, r.text = text;
    r.raw = std::vector<std::uint8_t>(std::size_t(n), 0xFF), r.at = point{n, -n};
    auto& e = s.template get<sets>();
    e.numbers.insert(n), e.numbers.insert(1000), e.names.insert(text), e.names.insert(""), e.points.insert(point{n, 0});
    auto& m = s.template get<maps>();
    m.bag["sword"] += n, m.bag[text] += 1, m.groups[std::uint64_t(n)]->insert("a"), m.deep["x"][n] = true;
    m.items[text]->count += n, m.items[text]->label = text, m.places["p"] = point{n, n};
    s.template get<whole>().gold += n, s.template get<whole>().home.at = point{1, n},
                                                  s.template get<whole>().home.doors.insert(text);
}
inline void take_away(golden_space& s) {
    s.get<sums>().sum.reset();
    s.get<flags>().on = false;
    auto& r = s.get<registers>();
    r.number.reset(), r.text = "written over";
    auto& e = s.get<sets>();
    e.numbers.clear(), e.names.erase("odd"), e.names.insert("later");
    auto& m = s.get<maps>();
    m.bag.erase("sword"), m.groups.clear(), m.deep.erase("x"), m.items.clear(), m.items["new"]->count += 1;
    s.erase<whole>();
}

/// What a and b said, in an order in which it applies; both have all of it in the end.
inline std::vector<named_series> history(golden_space& a, golden_space& b) {
    std::vector<named_series> all;
    auto say = [&](std::string name, golden_space& who, std::string what) {
        all.push_back({std::move(name), std::move(what), who.seal()});
    };
    a.know_types(), b.know_types();
    fill(a, 1);
    say("a1", a, "number 1 of writer 1: the schema's lines, and one object of each type");
    b.absorb(all.back().series);
    fill(a, 3), fill(b, 2);
    say("a2", a, "number 2 of writer 1: the same fields again");
    say("b1", b, "number 1 of writer 2: at the same time");
    a.absorb(all[2].series), b.absorb(all[1].series);
    return all;
}
inline std::vector<named_series> take_away_history(golden_space& a, golden_space& b) {
    std::vector<named_series> all;
    take_away(a), fill(b, 5);
    all.push_back({"a3", "number 3 of writer 1: resets, erases and clears", a.seal()});
    all.push_back({"b2", "number 2 of writer 2: not seen by those", b.seal()});
    a.absorb(all[1].series), b.absorb(all[0].series);
    a.get<sums>().sum += 1, a.get<flags>().on = true, a.get<maps>().bag["sword"] += 1;
    all.push_back({"a4", "number 4 of writer 1: a new epoch of a counter", a.seal()});
    b.absorb(all[2].series);
    return all;
}

} // namespace golden
