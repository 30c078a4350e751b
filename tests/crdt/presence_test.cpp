#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct room {
    dunlin::presence<std::string> who;
    dunlin::map<std::string, dunlin::presence<std::int64_t>> tables;
};
DUNLIN_OBJECT(room, who, tables)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<room>()};
auto& lease_of = rig::object::leases;
auto& room_wall = rig::object::wall_ms;

void act(replica& r, notes& note, chance& c) {
    auto& x = r.get<room>();
    auto name = pick(c, "ada", "bob", "a longer name than fits in place");
    auto author = std::int64_t(r.id_of(r.self()).run);
    switch (draw(c, 5)) {
    case 0:
        x.who.leave(name);
        return note({spec::operation::erase, {name}});
    case 1: // somebody fails, or is back: what is kept does not depend on it
        lease_of[writer(1 + draw(c, 4))] = draw(c, 2) ? 1 : dunlin::never_ms;
        return;
    default: {
        // Where all who announced the name are gone it begins anew, which takes what was seen of it away.
        auto value = pick(c, "x", "y", "z");
        x.who.announce(name, value);
        return note({spec::operation::write, {name}, author, value});
    }
    }
}

/// The latest of those writes that stand whose authors are there.
void compare(replica& r, spec::history const& h, spec::moment const& seen) {
    auto& x = r.get<room>();
    auto json = r.json().at("who").as_object();
    std::size_t here = 0;
    for (std::string name : {"ada", "bob", "a longer name than fits in place"}) {
        std::optional<std::pair<std::uint64_t, std::string>> latest;
        for (auto o : spec::siblings(h, seen, {name})) {
            auto lease = lease_of.find(writer(unsigned(h.all[o].amount)));
            if (lease != lease_of.end() && lease->second <= room_wall) continue;
            latest = std::max(latest.value_or(std::pair(std::uint64_t(0), std::string())), {spec::stamp(h, o), h.all[o].value});
        }
        auto found = x.who.find(name);
        must(bool(found) == bool(latest), name + (found ? " is here and is not there" : " is there and not here"));
        must(json.contains(name) == bool(latest), "JSON differs");
        if (!found) continue;
        ++here;
        must(found->value() == latest->second, name + " says something else");
        must(json.at(name).as_string() == latest->second, "JSON says something else");
    }
    must(x.who.size() == here, "size");
}

player rooms() {
    lease_of.clear(), room_wall = 100;
    return {types, act, compare};
}

TEST(presence, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(rooms(), 1, 150), "");
    lease_of.clear();
}
TEST(heavy_presence, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(rooms(), 1000, 2000), "");
    lease_of.clear();
}

TEST(presence, detached_is_a_plain_value) {
    dunlin::presence<std::string> p;
    p.announce("ada", "x");
    p.announce("bob", "y");
    EXPECT_TRUE(p.leave("ada"));
    EXPECT_FALSE(p.leave("ada"));
    ASSERT_EQ(p.size(), 1u);
    for (auto [name, here] : p) EXPECT_EQ(std::string(name) + here.value(), "boby");
}

TEST(presence, below_a_map) {
    lease_of.clear(), room_wall = 100;
    replica a{writer(1), types, 2}, b{writer(2), types};
    auto e = *a.turn([&] { a.get<room>().tables["1"]->announce("ada", 5); });
    b.absorb(e);
    EXPECT_EQ(b.get<room>().tables["1"]->find("ada")->value(), 5);
    lease_of[writer(1)] = 50;
    EXPECT_FALSE(b.get<room>().tables.contains("1")) << "nobody is at the table";
    EXPECT_EQ(a.save(), b.save());
    lease_of.clear();
    EXPECT_LE(e.bytes(), 30u);
}

} // namespace
