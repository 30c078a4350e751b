// Ephemerals below maps: a key that is there by them alone, elements that hold one, the paths by which they are told, and
// that no delta, state or digest has anything of it.
#include "lone_object.hpp"
#include "play.hpp"
#include <dunlin/crdt/ephemeral.hpp>
#include <dunlin/crdt/map.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace {
using namespace rig;
using dunlin::ephemeral, dunlin::asides_in;

struct guest {
    dunlin::latest<std::string> name;
    ephemeral<std::int64_t> at;
};
DUNLIN_OBJECT(guest, name, at)

struct marker {
    ephemeral<std::int64_t> x, y;
};
DUNLIN_OBJECT(marker, x, y)

struct room {
    dunlin::counter visits;
    dunlin::map<std::string, ephemeral<std::int64_t>> cursors;
    dunlin::map<std::int64_t, dunlin::map<std::string, ephemeral<std::string>>> typing;
    dunlin::map<std::string, guest> guests;
    dunlin::map<std::string, dunlin::map<std::string, guest>> tables;
};
DUNLIN_OBJECT(room, visits, cursors, typing, guests, tables)

dunlin::struct_part const& room_type() { return dunlin::struct_of<room>(); }
std::uint32_t id_of(char const* name, char const* kind) { return dunlin::field_id(name, kind); }
std::string number(std::int64_t n) { return bytes_of(n); }

/// The path below a map: keys, and of a struct its field.
struct path {
    dunlin::encoder out;
    template <class K> path& key(K const& k) { return out.bytes(bytes_of(k)), *this; }
    path& field(char const* name, char const* kind) { return out.u32(id_of(name, kind)), *this; }
    operator std::string() { return std::string(out.view()); }
};
std::string cursor_of(std::string const& who) { return path().key(who); }
std::string place_of(std::string const& who) { return path().key(who).field("at", "Ti"); }

std::string json(object& o) {
    boost::json::value out;
    o.type().to_json(o.value(), out);
    return boost::json::serialize(out);
}
std::string state_of(object& o, bool live_only) {
    dunlin::encoder out;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices{{0, 0}, {1, 1}};
    dunlin::writers table;
    dunlin::saving s{out, indices};
    if (live_only) s.full = &table;
    o.type().encode(o.value(), s);
    return out.take();
}
} // namespace

TEST(ephemeral_map, has_the_keys_that_hold_something) {
    lone_object<room> r;
    auto& cursors = r->cursors;
    EXPECT_TRUE(cursors["ada"]->empty()) << "looked at for writing, which makes it for the turn";
    EXPECT_EQ(cursors.size(), 0u);
    cursors["ada"] = 3, cursors["eve"] = 4;
    EXPECT_TRUE(cursors.contains("ada"));
    EXPECT_EQ(cursors.size(), 2u);
    r.seal(1);
    EXPECT_EQ((*cursors["eve"]).value(), 4);
    EXPECT_EQ((*cursors["ida"]).value(), 0);
    EXPECT_FALSE(cursors["ida"].exists());
    std::int64_t sum = 0;
    std::string names;
    for (auto [who, at] : cursors.ordered()) names += std::string(who) + " ", sum += at.value();
    EXPECT_EQ(names, "ada eve ");
    EXPECT_EQ(sum, 7);
    EXPECT_TRUE(cursors.erase("ada"));
    EXPECT_FALSE(cursors.erase("ada"));
    cursors["eve"]->reset();
    EXPECT_TRUE(cursors.empty());
    r.seal(2);
    EXPECT_TRUE(cursors.empty());
    EXPECT_EQ(r.o.type().heap_bytes(r.o.value()), 0u) << "nothing is left";
}

TEST(ephemeral_map, is_told_by_its_path) {
    lone_object<room> r;
    r->cursors["ada"] = 3;
    r->typing[7]["ada"] = "hm";
    r->guests["ada"]->at = 5;
    r->tables["round"]["eve"]->at = 6;
    auto said = r.seal(9);
    EXPECT_EQ(said.delta, "") << "none of it is a change";
    ASSERT_EQ(said.asides.size(), 4u);
    std::map<std::pair<std::uint32_t, std::string>, std::string> told;
    for (auto& a : said.asides) {
        told[{a.field, a.below}] = a.value;
        EXPECT_TRUE(a.held);
    }
    std::map<std::pair<std::uint32_t, std::string>, std::string> right{
        {{id_of("cursors", "MsTi"), cursor_of("ada")}, number(3)},
        {{id_of("typing", "MiMsTs"), path().key(std::int64_t(7)).key(std::string("ada"))}, "hm"},
        {{id_of("guests", "Ms{guest}"), place_of("ada")}, number(5)},
        {{id_of("tables", "MsMs{guest}"), path().key(std::string("round")).key(std::string("eve")).field("at", "Ti")}, number(6)}};
    EXPECT_EQ(told, right);
    for (auto& [where, value] : told) {
        dunlin::decoder below(where.second);
        EXPECT_TRUE(room_type().aside_at(where.first)->type->aside_at(below)) << "and found by it";
    }
}

TEST(ephemeral_map, erased_or_cleared_is_told_as_taken_back) {
    lone_object<room> r;
    r->cursors["ada"] = 3, r->cursors["eve"] = 4;
    r->guests["ada"]->name = "Ada", r->guests["ada"]->at = 5;
    r->guests["eve"]->name = "Eve";
    r.seal(1);
    r->guests.erase("ada"), r->guests.erase("eve"), r->cursors.clear();
    auto said = r.seal(2);
    EXPECT_NE(said.delta, "");
    std::multiset<std::string> told;
    for (auto& a : said.asides) {
        told.insert(a.below);
        EXPECT_FALSE(a.held || !a.value.empty());
    }
    EXPECT_EQ(told, (std::multiset<std::string>{cursor_of("ada"), cursor_of("eve"), place_of("ada")}));
    r->guests["ada"]->name = "Ada";
    r.seal(3);
    EXPECT_TRUE((*r->guests["ada"]).at.empty()) << "who comes again does not begin where he went";
    r->guests["ada"]->at = 6, r->guests.erase("ada"), r->guests["ada"]->at = 7;
    said = r.seal(4);
    ASSERT_EQ(said.asides.size(), 1u) << "of a turn the last";
    EXPECT_EQ(said.asides[0].value, number(7));
}

TEST(ephemeral_map, is_no_life_of_an_element_or_an_object) {
    lone_object<room> r;
    auto nothing = state_of(r.o, false);
    r->cursors["ada"] = 3, r->typing[1]["ada"] = "x", r->guests["ada"]->at = 5, r->tables["t"]["eve"]->at = 6;
    r.seal(1);
    EXPECT_FALSE(room_type().live(r.o.value()));
    EXPECT_TRUE(room_type().vacant(r.o.value()));
    EXPECT_EQ(r->guests.size() + r->tables.size(), 0u);
    EXPECT_FALSE(r->guests.contains("ada"));
    for (bool live_only : {false, true}) EXPECT_EQ(state_of(r.o, live_only), nothing);
    r->guests["ada"]->name = "Ada";
    r.seal(2);
    EXPECT_TRUE(r->guests.contains("ada"));
    EXPECT_EQ((*r->guests["ada"]).at.value(), 5) << "what was told before the element was made is shown with it";
    EXPECT_EQ(json(r.o), R"({"visits":0,"cursors":{"ada":3},"typing":{"1":{"ada":"x"}},"guests":{"ada":{"name":"Ada","at":5}},"tables":{}})");
}

TEST(ephemeral_map, shows_what_a_space_has_heard_and_no_more) {
    lone_object<room> r;
    r.show("cursors", "MsTi", cursor_of("ada"), number(8), 5);
    r.show("guests", "Ms{guest}", place_of("ada"), number(9), 5);
    EXPECT_EQ((*r->cursors["ada"]).value(), 8);
    EXPECT_FALSE(r->guests.contains("ada")) << "its position is known, it is not";
    EXPECT_TRUE(r.touched.empty()) << "no change";
    r->cursors["ada"] = 10;
    EXPECT_GT(r.seal(1).asides.at(0).stamp, 5u) << "who has seen it is newer";
    r.show("cursors", "MsTi", cursor_of("ada"), std::nullopt, 20);
    r.show("cursors", "MsTi", cursor_of("nobody"), std::nullopt, 20);
    r.show("guests", "Ms{guest}", place_of("ada"), std::nullopt, 20);
    EXPECT_TRUE(r->cursors.empty());
    EXPECT_EQ(r.o.type().heap_bytes(r.o.value()), 0u);
}

TEST(ephemeral_map, stays_beside_what_entries_make_and_erase) {
    replica a(writer(1), {&room_type()}), b(writer(2), {&room_type()});
    auto show = [&](std::int64_t n) {
        auto& m = *room_type().aside_at(id_of("guests", "Ms{guest}"));
        auto bytes = place_of("ada"), value = number(n);
        dunlin::decoder below(bytes);
        m.type->show(reinterpret_cast<char*>(&b.get<room>()) + m.offset, {below, value, 1, 0});
    };
    show(3);
    b.absorb(*a.turn([&] { a.get<room>().guests["ada"]->name = "Ada"; }));
    EXPECT_EQ((*b.get<room>().guests["ada"]).at.value(), 3);
    show(4);
    b.join(a.save());
    EXPECT_EQ((*b.get<room>().guests["ada"]).at.value(), 4);
    EXPECT_EQ(b.save(), a.save());
    b.absorb(*a.turn([&] { a.get<room>().guests.clear(); }));
    EXPECT_TRUE(b.get<room>().guests.empty());
    EXPECT_EQ(b.save(), a.save()) << "the row is not in the state";
    b.turn([&] { b.get<room>().guests["ada"]->name = "Ada again"; });
    EXPECT_EQ((*b.get<room>().guests["ada"]).at.value(), 4);
}

TEST(ephemeral_map, undone_is_what_it_was) {
    replica r(writer(1), {&room_type()});
    r.turn([&] { r.get<room>().cursors["ada"] = 1, r.get<room>().guests["ada"]->name = "Ada", r.get<room>().guests["ada"]->at = 2; });
    auto before = boost::json::serialize(r.json());
    auto nothing = r.atomic([&] {
        auto& x = r.get<room>();
        x.cursors["ada"] = 5, x.cursors["eve"] = 6, x.cursors.clear(), x.cursors["ida"] = 7;
        x.guests.erase("ada"), x.guests["eve"]->at = 1, x.typing[1]["a"] = "b", x.tables["t"]["u"]->at = 9;
        return false;
    });
    EXPECT_FALSE(nothing);
    EXPECT_EQ(boost::json::serialize(r.json()), before);
    EXPECT_FALSE(r.turn([] {})) << "no mark is left";
}

TEST(ephemeral_map, copies_show_the_same) {
    lone_object<room> r, copy;
    r->cursors["ada"] = 3, r->typing[1]["ada"] = "x", r->guests["ada"]->at = 5;
    r.seal(1);
    room_type().copy_asides(r.o.value(), copy.o.value());
    EXPECT_EQ((*copy->cursors["ada"]).value(), 3);
    EXPECT_EQ((*copy->typing[1]["ada"]).value(), "x");
    copy->guests["ada"]->name = "Ada";
    EXPECT_EQ((*copy->guests["ada"]).at.value(), 5);
}

TEST(ephemeral_map, keys_above_16_KiB_are_refused_before_anything_changes) {
    lone_object<room> r;
    std::string longest(dunlin::ephemeral_path_max - 3, 'k');
    r->cursors[longest] = 1;
    EXPECT_THROW(r->cursors[longest + "k"] = 1, boost::system::system_error);
    EXPECT_THROW(r->tables["t"][longest]->at = 1, boost::system::system_error) << "together";
    EXPECT_EQ(r->cursors.size(), 1u);
    EXPECT_EQ(r.seal(1).asides.size(), 1u);
    r->tables["t"][longest]->name = "who has no position may be called so";
    EXPECT_NE(r.seal(2).delta, "");
    EXPECT_EQ(r->tables.find("t")->size(), 1u);
}

TEST(ephemeral_map, of_elements_without_a_life_of_their_own_is_refused) {
    EXPECT_TRUE(dunlin::struct_of<marker>().is_aside_alone());
    EXPECT_FALSE(dunlin::struct_of<guest>().is_aside_alone());
    EXPECT_FALSE(dunlin::struct_part("unknown").is_aside_alone());
}

TEST(ephemeral_map, paths_of_an_enemy_name_nothing) {
    auto named = [](char const* name, char const* kind, std::string const& bytes) {
        dunlin::decoder below(bytes);
        return room_type().aside_at(id_of(name, kind))->type->aside_at(below) != nullptr;
    };
    EXPECT_TRUE(named("cursors", "MsTi", cursor_of("ada")));
    EXPECT_FALSE(named("cursors", "MsTi", ""));
    EXPECT_FALSE(named("cursors", "MsTi", cursor_of("ada") + "x")) << "more than a key";
    EXPECT_FALSE(named("cursors", "MsTi", cursor_of("ada").substr(1)));
    EXPECT_FALSE(named("typing", "MiMsTs", path().key(std::int64_t(7)))) << "a map is no value";
    EXPECT_FALSE(named("typing", "MiMsTs", path().key(std::string("no number at all")).key(std::string("ada"))));
    EXPECT_FALSE(named("guests", "Ms{guest}", path().key(std::string("ada")).field("name", "Rs"))) << "no aside";
    EXPECT_FALSE(named("guests", "Ms{guest}", path().key(std::string("ada"))));
    EXPECT_FALSE(room_type().aside_at(id_of("visits", "C")));
}
