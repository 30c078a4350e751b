#include "backpack.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

TEST(shape, every_kind_of_a_type_is_parsed_back_to_itself) {
    dunlin::shapes s;
    for (auto kind : {"C", "F", "Ri", "Ru", "Rb", "Rd", "Rs", "Ry", "Rv", "Ss", "Si", "MsC", "MiRs", "MsMsSs",
                      "Ms{item}", "{player}", "MdMbMyF", "D", "Xi", "Nd", "Vs", "Gs", "Wu", "Ra", "MsD", "MaVa", "B", "Ti", "Tv", "MsTi", "MsMiTv"}) {
        auto p = s.kind(kind);
        ASSERT_TRUE(p) << kind;
        EXPECT_EQ(p->kind(), kind);
        EXPECT_EQ(s.kind(kind), p) << "made once";
    }
    for (auto& m : dunlin::struct_of<backpack>().members()) EXPECT_TRUE(s.kind(m.type->kind())) << m.type->kind();
}

TEST(shape, what_is_no_kind_is_refused) {
    dunlin::shapes s;
    for (auto bad : {"",    "X", "N", "V", "G", "W", "DD", "Q", "R",  "S",  "M",    "Ms",   "Mx",  "RC", "SC", "MCs", "CC",
                     "Css", "{", "{}", "T", "MsT", "{a", "{a}C", "MsMs", "Rss", "M",  " C", "C ",  "c"})
        EXPECT_FALSE(s.kind(bad)) << bad;
    std::string deep;
    for (int n = 0; n < 30; ++n) deep += "Ms";
    EXPECT_TRUE(s.kind(deep + "C"));
    for (int n = 0; n < 10; ++n) deep += "Ms";
    EXPECT_FALSE(s.kind(deep + "C")) << "nested deeper than the bound";
    EXPECT_FALSE(s.add("t", "n", std::string(257, 'M')));
    EXPECT_FALSE(s.add("t", "", "C"));
}

TEST(shape, a_line_is_found_by_its_id_and_added_twice_it_is_one) {
    dunlin::shapes s;
    EXPECT_TRUE(s.add("player", "score", "C"));
    EXPECT_TRUE(s.add("player", "score", "C"));
    EXPECT_TRUE(s.add("player", "score", "Rs")) << "another kind is another field";
    auto line = s.find("player", dunlin::field_id("score", "C"));
    ASSERT_TRUE(line);
    EXPECT_EQ(line->name, "score");
    EXPECT_EQ(line->type->kind(), "C");
    EXPECT_FALSE(s.find("other", dunlin::field_id("score", "C")));
    std::size_t lines = 0;
    s.each([&](auto&, auto&, auto&) { ++lines; });
    EXPECT_EQ(lines, 2u);
}

TEST(shape, ids_are_those_of_version_1) {
    EXPECT_EQ(dunlin::field_id("score", "C"), 0xBCD35A9Au);
    EXPECT_EQ(dunlin::field_id("name", "Rs"), 0x95917593u);
}

/// A program that has no type at all relays a whole history of everything nested, by its shapes alone.
TEST(shape, a_program_without_the_types_has_the_same_bytes_in_random_histories) {
    dunlin::shapes s;
    for (auto type : {&dunlin::struct_of<backpack>(), &dunlin::struct_of<item>()})
        for (auto& m : type->members()) ASSERT_TRUE(s.add(type->name(), m.name, m.type->kind()));
    dunlin::struct_part const nothing("backpack");
    std::vector<dunlin::struct_part const*> const known = {&dunlin::struct_of<backpack>()}, none = {&nothing};
    for (unsigned seed = 0; seed < 60; ++seed) {
        chance r(seed);
        replica a(writer(1), known, 0, &s), b(writer(2), known, 3, &s), relay(writer(3), none, 1, &s);
        spec::history h;
        spec::moment seen;
        notes note{h, seen, 0, 0};
        for (int step = 0; step < 40; ++step) {
            auto& x = draw(r, 2) ? a : b;
            x.clock = draw(r, 5);
            for (int n = 0; n < 3; ++n) change_backpack(x, note, r);
            auto e = x.seal();
            if (draw(r, 3) == 0) a.join(b.save()), b.join(a.save());
            if (e && &x == &a && relay.absorb(*e) == absorbed::yes && draw(r, 2)) b.join(relay.save());
            if (draw(r, 4) == 0) relay.join(b.save());
            relay.join(a.save());
            a.join(relay.save());
            ASSERT_EQ(relay.save(), a.save()) << "seed " << seed;
            ASSERT_EQ(boost::json::serialize(relay.json()).empty(), false);
        }
    }
}
} // namespace
