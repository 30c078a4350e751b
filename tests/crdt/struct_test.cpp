#include "backpack.hpp"
#include <gtest/gtest.h>

// One type in two versions of a program: the old one lacks fields, also inside a map's children.
namespace old_version {
struct child {
    dunlin::counter uses;
};
DUNLIN_OBJECT_AS("child", child, uses)
struct world {
    dunlin::counter score;
    dunlin::map<std::string, child> things;
};
DUNLIN_OBJECT_AS("world", world, score, things)
} // namespace old_version

namespace new_version {
struct child {
    dunlin::latest<std::string> label;
    dunlin::counter uses;
    dunlin::set<std::string> tags;
    dunlin::map<std::int64_t, dunlin::counter> wear;
};
DUNLIN_OBJECT_AS("child", child, label, uses, tags, wear)
struct world {
    dunlin::latest<std::string> name; // new fields stand before, between and after the old ones
    dunlin::counter score;
    dunlin::map<std::string, dunlin::map<std::int64_t, dunlin::latest<double>>> deep;
    dunlin::map<std::string, child> things;
    dunlin::flag open;
    dunlin::counter hits;
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT_AS("world", world, name, score, deep, things, open, hits, bag)
} // namespace new_version

namespace {
using namespace rig;

dunlin::shapes const& schema() {
    static dunlin::shapes const* const one = [] {
        auto s = new dunlin::shapes;
        for (auto type : {&dunlin::struct_of<new_version::world>(), &dunlin::struct_of<new_version::child>()})
            for (auto& m : type->members()) must(s->add(type->name(), m.name, m.type->kind()), "a line is refused");
        return s;
    }();
    return *one;
}
auto const& old_type() { return dunlin::struct_of<old_version::world>(); }
auto const& new_type() { return dunlin::struct_of<new_version::world>(); }

void change_world(replica& r, notes&, chance& c) {
    auto k = any_key(c);
    auto by = std::int64_t(draw(c, 5)) - 2;
    if (draw(c, 16) == 0) return r.erase();
    if (&r.at().type() == &old_type()) {
        auto& x = r.get<old_version::world>();
        switch (draw(c, 4)) {
        case 0:
            return void(x.score += by);
        case 1:
            return void(x.things.erase(k));
        case 2:
            return void(x.things[k]->uses += by);
        default:
            return draw(c, 4) ? void(x.score.reset()) : x.things.clear();
        }
    }
    auto& x = r.get<new_version::world>();
    switch (draw(c, 12)) {
    case 0:
        return void(x.name = k);
    case 1:
        return x.name.reset();
    case 2:
        return void(x.score += by);
    case 3:
        return draw(c, 2) ? void(x.deep[k][by] = double(by) / 2) : void(x.bag[k] += by);
    case 4:
        return void(x.deep.erase(k));
    case 5:
        return void(x.things.erase(k));
    case 6:
        return void(x.things[k]->label = k);
    case 7:
        return draw(c, 2) ? void(x.things[k]->uses += by) : void(x.things[k]->wear[by] += 1);
    case 8:
        return void(x.things[k]->tags.insert(k));
    case 9:
        return void(x.open = by > 0);
    case 10:
        return draw(c, 3) ? void(x.hits += by) : x.hits.reset();
    default:
        return void(x.things[k]->tags.clear());
    }
}

// New, old, and one that knows no field at all, in turn: all states are equal, by entries and by states, also with
// undone changes.
std::string mixed_versions(unsigned seed) {
    static dunlin::struct_part const nothing("world");
    chance r(seed);
    dunlin::struct_part const* const kinds[] = {&new_type(), &old_type(), &nothing};
    std::vector<std::unique_ptr<replica>> all;
    for (unsigned k = 0; k < 4; ++k)
        all.push_back(std::make_unique<replica>(writer(k), std::vector{kinds[(k + seed) % 3]}, draw(r, 4), &schema()));
    std::vector<entry> log;
    spec::history h;
    spec::moment seen;
    std::map<std::vector<std::uint64_t>, state> met;
    try {
        for (unsigned step = 0; step < 60; ++step) {
            auto& x = *all[draw(r, 4)];
            notes note{h, seen, step, 0};
            x.clock = draw(r, 4);
            auto what = draw(r, 10);
            bool changes = &x.at().type() != &nothing;
            auto act = [&] {
                for (auto n = 1 + draw(r, 3); n; --n) changes ? change_world(x, note, r) : x.erase();
                return draw(r, 2) == 0;
            };
            auto keep = [&](std::optional<entry> e) {
                if (e) log.push_back(*e);
            };
            auto before = x.save();
            if (what < 3 && (changes || draw(r, 4) == 0))
                keep(x.turn(act));
            else if (what < 5) {
                auto e = x.atomic(act);
                keep(e);
                must(e || x.save() == before, "an undone change left a trace");
            } else if (what < 8 && !log.empty())
                for (unsigned n = 0; n < 4; ++n) x.absorb(log[draw(r, unsigned(log.size()))]);
            else
                x.join(all[draw(r, 4)]->save());
            auto now = x.save();
            auto [it, fresh] = met.emplace(now.vector_bytes(), now);
            must(it->second == now, "equal vectors, other bytes");
        }
        for (int round = 0; round < 2; ++round)
            for (auto& x : all)
                for (auto& y : all) x->join(y->save());
        for (auto& x : all) must(x->save() == all[0]->save(), "not the same everywhere");
        return {};
    } catch (broken const& b) { return "seed " + std::to_string(seed) + ": " + b.what(); }
}

TEST(structs, a_replica_that_lacks_fields_keeps_joins_and_relays_them) {
    for (unsigned seed = 0; seed < 150; ++seed) ASSERT_EQ(mixed_versions(seed), "");
}
TEST(heavy_structs, a_replica_that_lacks_fields_keeps_joins_and_relays_them) {
    for (unsigned seed = 1000; seed < 5000; ++seed) ASSERT_EQ(mixed_versions(seed), "");
}

TEST(structs, an_undone_erase_brings_back_registers_that_this_program_does_not_know) {
    replica a(writer(1), {&new_type()}), b(writer(2), {&old_type()}, 0, &schema());
    b.absorb(*a.turn([&] {
        auto& x = a.get<new_version::world>();
        x.name = "alice", x.things["k"]->label = "l", x.things["k"]->uses += 1, x.deep["d"][1] = 0.5;
    }));
    EXPECT_EQ(a.save(), b.save());
    auto before = b.save();
    EXPECT_FALSE(b.atomic([&] { return b.erase(), false; }));
    EXPECT_EQ(b.save(), before);
    EXPECT_FALSE(b.atomic([&] { return b.get<old_version::world>().things.erase("k"), false; }));
    EXPECT_EQ(b.save(), before);
    EXPECT_FALSE(b.atomic([&] { return b.erase(), b.get<old_version::world>().score += 2, false; }));
    EXPECT_EQ(b.save(), before);
    EXPECT_NE(boost::json::serialize(b.json()).find("alice"), std::string::npos);
}

TEST(structs, an_erase_takes_along_what_this_program_does_not_know) {
    replica a(writer(1), {&new_type()}), b(writer(2), {&old_type()}, 0, &schema());
    b.absorb(*a.turn([&] {
        auto& x = a.get<new_version::world>();
        x.name = "alice", x.things["k"]->tags.insert("t"), x.deep["d"][1] = 0.5, x.open = true;
    }));
    a.absorb(*b.turn([&] { b.erase(); }));
    EXPECT_EQ(a.save().objects[0], "");
    EXPECT_EQ(b.save().objects[0], "");
    EXPECT_EQ(a.get<new_version::world>().name, "");
}

// Counters above all: no removal of dots speaks of them, each is cancelled by name. Also those in a map's children.
TEST(structs, an_erase_larger_than_an_entry_takes_along_all_that_this_program_does_not_know) {
    for (std::size_t full_at_bytes : {1, 40, 100, 1000, 100'000}) {
        replica a(writer(1), {&new_type()}), b(writer(2), {&old_type()}, 0, &schema()), c(writer(3), {&new_type()}, 1);
        auto e = *a.turn([&] {
            auto& x = a.get<new_version::world>();
            x.name = "alice", x.score += 5, x.hits += 7, x.open = true;
            for (int k = 0; k < 30; ++k) {
                auto key = "key " + std::to_string(k);
                for (int n = 0; n < 10; ++n) x.deep[key][n] = 0.5, x.things[key]->tags.insert(std::to_string(n));
                for (int n = 0; n < 10; ++n) x.things[key]->wear[n] += 1, x.bag[key + std::to_string(n)] += n;
                x.things[key]->label = "label";
            }
        });
        b.absorb(e), c.absorb(e);
        b.erase();
        b.get<old_version::world>().score += 1;
        b.get<old_version::world>().things["new"]->uses += 2; // written again: that is not taken along
        for (auto& part : b.seal_in_parts(full_at_bytes)) a.absorb(part), c.absorb(part);
        SCOPED_TRACE(full_at_bytes);
        EXPECT_EQ(b.save(), a.save());
        EXPECT_EQ(b.save(), c.save());
        EXPECT_EQ(boost::json::serialize(c.json()), boost::json::serialize(a.json()));
        EXPECT_EQ(a.get<new_version::world>().score, 1);
        EXPECT_EQ(a.get<new_version::world>().hits, 0);
        EXPECT_EQ(a.get<new_version::world>().deep.size(), 0u);
        EXPECT_EQ(a.get<new_version::world>().bag.size(), 0u);
        EXPECT_EQ(a.get<new_version::world>().things.size(), 1u);
    }
}

TEST(structs, an_erased_object_that_is_changed_again_in_the_turn_has_only_the_new) {
    replica a(writer(1), {&new_type()}, 1), b(writer(2), {&new_type()});
    auto& x = a.get<new_version::world>();
    b.absorb(*a.turn([&] { x.name = "old", x.score += 5, x.things["k"]->tags.insert("old"); }));
    b.absorb(*a.turn([&] { a.erase(), x.score += 1, x.things["k"]->tags.insert("new"); }));
    auto& y = b.get<new_version::world>();
    EXPECT_EQ(y.name, "");
    EXPECT_EQ(y.score, 1);
    EXPECT_FALSE((*y.things["k"]).tags.contains("old"));
    EXPECT_TRUE((*y.things["k"]).tags.contains("new"));
    EXPECT_EQ(a.save(), b.save());
}

TEST(structs, a_field_of_an_unknown_kind_is_refused_and_nothing_is_joined) {
    replica a(writer(1), {&new_type()}), b(writer(2), {&old_type()}); // without a schema
    auto e = *a.turn([&] { a.get<new_version::world>().score += 1, a.get<new_version::world>().name = "x"; });
    EXPECT_THROW(b.absorb(e), broken);
    EXPECT_EQ(b.save().objects[0], "");
    EXPECT_THROW(b.join(a.save()), broken);
}

struct first_kind {
    dunlin::counter n;
};
struct second_kind {
    dunlin::latest<std::string> n;
};
DUNLIN_OBJECT_AS("changed", first_kind, n)
DUNLIN_OBJECT_AS("changed", second_kind, n)

TEST(structs, one_name_with_two_kinds_keeps_both) {
    dunlin::shapes s;
    ASSERT_TRUE(s.add("changed", "n", "C"));
    ASSERT_TRUE(s.add("changed", "n", "Rs"));
    replica a(writer(1), {&dunlin::struct_of<first_kind>()}, 0, &s);
    replica b(writer(2), {&dunlin::struct_of<second_kind>()}, 2, &s);
    auto x = *a.turn([&] { a.get<first_kind>().n += 5; });
    auto y = *b.turn([&] { b.get<second_kind>().n = "five"; });
    EXPECT_EQ(a.absorb(y), absorbed::yes);
    EXPECT_EQ(b.absorb(x), absorbed::yes);
    EXPECT_EQ(a.save(), b.save());
    EXPECT_EQ(a.get<first_kind>().n, 5);
    EXPECT_EQ(b.get<second_kind>().n, "five");
    EXPECT_NE(a.save().member("n", "C"), "");
    EXPECT_NE(a.save().member("n", "Rs"), "");
    EXPECT_EQ(boost::json::serialize(a.json()), R"({"n":5,"n:Rs":"five"})");
    EXPECT_EQ(boost::json::serialize(b.json()), R"({"n":"five","n:C":5})");
}

TEST(structs, a_field_whose_name_is_no_utf8_is_shown_as_bytes) {
    dunlin::shapes s;
    ASSERT_TRUE(s.add("changed", "\xff\xfe", "F"));
    replica a(writer(1), {&dunlin::struct_of<first_kind>()}, 0, &s);
    dunlin::encoder off; // an entry of a program that has it: on
    off.u(2), off.u32(dunlin::field_id("\xff\xfe", "F")), off.bytes("\1");
    ASSERT_EQ(a.absorb({writer(2), 1, 1, {writer(2)}, {}, {{0, off.take()}}}), absorbed::yes);
    EXPECT_EQ(boost::json::serialize(a.json()), R"({"n":0,"$bytes://4=":true})");
}

TEST(structs, an_empty_new_member_changes_no_byte) {
    replica a(writer(1), {&new_type()}), b(writer(1), {&old_type()});
    a.turn([&] { a.get<new_version::world>().score += 3; });
    b.turn([&] { b.get<old_version::world>().score += 3; });
    EXPECT_EQ(a.save(), b.save());
}

TEST(structs, what_a_delta_touches_is_told_by_member) {
    replica a(writer(1), {&new_type()});
    auto e = *a.turn([&] { a.get<new_version::world>().open = true, a.get<new_version::world>().name = "x"; });
    auto bit = [&](auto pointer) {
        auto& x = a.get<new_version::world>();
        auto offset = reinterpret_cast<char*>(&(x.*pointer)) - reinterpret_cast<char*>(&x);
        return dunlin::struct_part::bit(new_type().number_at(std::size_t(offset)));
    };
    using new_version::world;
    EXPECT_EQ(new_type().touched_by(e.deltas[0].second), bit(&world::open) | bit(&world::name));
    auto gone = *a.turn([&] { a.erase(); });
    EXPECT_TRUE(new_type().touched_by(gone.deltas[0].second) & bit(&world::name));
}

// A member's list without a macro.
struct by_hand {
    dunlin::counter n;
    dunlin::flag f;
};
} // namespace
template <> inline constexpr auto dunlin::fields_of<by_hand> = dunlin::fields("by.hand",
                                                                              dunlin::named("n", &by_hand::n),
                                                                              dunlin::named("flag", &by_hand::f));
namespace {

TEST(structs, members_are_listed_by_hand_as_well) {
    auto& type = dunlin::struct_of<by_hand>();
    EXPECT_EQ(type.kind(), "{by.hand}");
    replica a(writer(1), {&type});
    a.turn([&] { a.get<by_hand>().n += 2, a.get<by_hand>().f = true; });
    EXPECT_EQ(boost::json::serialize(a.json()), R"({"n":2,"flag":true})");
}

// 40 members: those from the thirtieth on share a bit.
struct many {
    dunlin::counter a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    dunlin::counter c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
};
DUNLIN_OBJECT(many, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2, c3, c4,
              c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9)

TEST(structs, more_members_than_marks_are_all_told) {
    replica a(writer(1), {&dunlin::struct_of<many>()}), b(writer(2), {&dunlin::struct_of<many>()});
    auto e = *a.turn([&] { a.get<many>().a0 += 1, a.get<many>().d8 += 2, a.get<many>().d9 += 3; });
    b.absorb(e);
    EXPECT_EQ(b.get<many>().a0 + b.get<many>().d8 + b.get<many>().d9, 6);
    EXPECT_EQ(a.save(), b.save());
    auto before = a.save();
    a.atomic([&] { return a.get<many>().d7 += 1, a.get<many>().d9 += 1, false; });
    EXPECT_EQ(a.save(), before);
}

TEST(structs, members_that_share_a_mark_are_all_told_as_touched) {
    replica a(writer(1), {&dunlin::struct_of<many>()});
    auto marks = [&](auto change) {
        change(a.get<many>());
        auto dirty = a.at().head().dirty;
        a.seal();
        return dunlin::struct_part::touched_in(dirty);
    };
    auto bit = [](unsigned n) { return dunlin::struct_part::bit(n); };
    EXPECT_EQ(marks([](many& m) { m.a3 += 1; }), bit(3));
    auto shared = marks([](many& m) { m.d8 += 1; });
    EXPECT_TRUE(shared & bit(38));
    EXPECT_FALSE(shared & bit(28));
}

struct ten {
    dunlin::latest<std::string> name;
    dunlin::latest<std::int64_t> level;
    dunlin::latest<bool> alive;
    dunlin::counter score, wins, losses;
    dunlin::flag banned;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::latest<double> x;
};
DUNLIN_OBJECT(ten, name, level, alive, score, wins, losses, banned, friends, bag, x)

TEST(structs, are_small) {
    EXPECT_LE(sizeof(ten), 440u);
    EXPECT_EQ(sizeof(dunlin::header), 16u);
    replica a(writer(1), {&dunlin::struct_of<ten>()});
    EXPECT_LE(a.turn([&] { a.get<ten>().score += 1; })->bytes(), 8u);
}
} // namespace
