#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct group {
    dunlin::set<std::string> names;
};
DUNLIN_OBJECT(group, names)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<group>()};

void act(replica& r, notes& note, chance& c) {
    auto& names = r.get<group>().names;
    auto x = pick(c, "a", "b", "c", "d", "an element that is too long to stand inline");
    auto what = draw(c, 16);
    if (what == 0) {
        names.clear();
        note({spec::operation::erase, {}});
    } else if (what < 9) {
        bool was = names.contains(x);
        must(names.insert(x) == !was && names.contains(x), "insert says the wrong thing");
        note({spec::operation::insert, {x}});
    } else {
        bool was = names.contains(x);
        must(names.erase(x) == was && !names.contains(x), "erase says the wrong thing");
        note({spec::operation::erase, {x}});
    }
}

/// What is iterated, counted, asked for and stored is the same; nothing is stored of what is not in.
void invariant(replica& r, std::set<std::string> const& is) {
    auto& names = r.get<group>().names;
    must(names.size() == is.size() && names.empty() == is.empty(), "the size is not the number of elements");
    for (auto& x : is) must(names.contains(x), "an element is iterated and not in");
    auto bytes = r.save().member("names", "Ss");
    dunlin::decoder in(bytes);
    auto n = bytes.empty() ? 0 : in.u();
    must(n == is.size(), "the state has other elements");
    auto x = is.begin();
    for (; n; --n) {
        must(in.bytes() == *x++, "the state is not in the order of bytes");
        auto dots = in.u();
        must(dots > 0, "an element without a dot");
        for (; dots; --dots) in.u(), in.u();
    }
    must(in.finished(), "the state is not the grammar's");
}

player sets() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto& names = r.get<group>().names;
                std::set<std::string> is;
                for (auto x : names) is.emplace(x);
                must(is == spec::set(h, seen), "not the elements of the specification");
                invariant(r, is);
            }};
}

TEST(set, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(sets(), 1, 150), ""); }
TEST(heavy_set, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(sets(), 1000, 4000), ""); }

TEST(set, detached_is_a_plain_set) {
    dunlin::set<int> s;
    EXPECT_TRUE(s.insert(3));
    EXPECT_FALSE(s.insert(3));
    EXPECT_TRUE(s.insert(-3));
    EXPECT_TRUE(s.erase(3));
    EXPECT_FALSE(s.contains(3));
    EXPECT_EQ(s.size(), 1u);
    EXPECT_EQ(*s.begin(), -3);
    s.clear();
    EXPECT_TRUE(s.empty());
    s.insert(7);
    dunlin::set<int> moved(std::move(s));
    EXPECT_TRUE(moved.contains(7));
}

// review 1.3: what is not idempotent without its vector is with it.
TEST(set, a_late_duplicate_of_an_insert_does_not_bring_back_what_was_erased) {
    replica a(writer(1), types), b(writer(2), types, 2);
    auto add = *a.turn([&] { a.get<group>().names.insert("x"); });
    auto gone = *a.turn([&] { a.get<group>().names.erase("x"); });
    EXPECT_EQ(b.absorb(gone), absorbed::not_yet) << "an entry joins only where it connects";
    EXPECT_EQ(b.absorb(add), absorbed::yes);
    EXPECT_EQ(b.absorb(gone), absorbed::yes);
    EXPECT_EQ(b.absorb(add), absorbed::known);
    EXPECT_TRUE(b.get<group>().names.empty());
    EXPECT_EQ(a.save(), b.save());
}

TEST(set, an_insert_beats_a_concurrent_erase_also_of_an_element_that_was_in) {
    replica a(writer(1), types), b(writer(2), types, 2);
    b.absorb(*a.turn([&] { a.get<group>().names.insert("x"); }));
    auto again = *a.turn([&] { EXPECT_FALSE(a.get<group>().names.insert("x")); });
    auto gone = *b.turn([&] { b.get<group>().names.clear(); });
    a.absorb(gone), b.absorb(again);
    EXPECT_TRUE(a.get<group>().names.contains("x"));
    EXPECT_TRUE(b.get<group>().names.contains("x"));
}

TEST(set, what_is_put_in_and_taken_out_in_one_turn_says_nothing) {
    replica a(writer(1), types);
    auto& names = a.get<group>().names;
    EXPECT_FALSE(a.turn([&] { names.insert("x"), names.erase("x"); }));
    EXPECT_FALSE(a.turn([&] { names.insert("x"), names.clear(); }));
    EXPECT_FALSE(a.turn([&] { names.erase("y"), names.clear(); }));
    EXPECT_EQ(a.save().objects[0], "");
}

TEST(set, elements_of_every_kind_and_any_bytes_survive) {
    replica a(writer(1), types), b(writer(2), types);
    std::vector<std::string> const odd = {"",
                                          std::string(1, '\0'),
                                          "\xff\xfe",
                                          "\xed\xa0\x80",
                                          std::string(14, 'x'),
                                          std::string(15, 'x'),
                                          std::string(dunlin::value_bytes_max, 'y')};
    b.absorb(*a.turn([&] {
        for (auto& x : odd) a.get<group>().names.insert(x);
    }));
    for (auto& x : odd) EXPECT_TRUE(b.get<group>().names.contains(x));
    EXPECT_EQ(a.save(), b.save());
    EXPECT_THROW(a.get<group>().names.insert(std::string(dunlin::value_bytes_max + 1, 'y')),
                 boost::system::system_error);
}

TEST(set, a_clear_is_as_long_as_its_writers_and_not_as_its_elements) {
    replica a(writer(1), types), b(writer(2), types);
    b.absorb(*a.turn([&] {
        for (int n = 0; n < 1000; ++n) a.get<group>().names.insert(std::to_string(n));
    }));
    auto clear = *b.turn([&] { b.get<group>().names.clear(); });
    EXPECT_LE(clear.bytes() - 6, 5u);
    a.absorb(clear);
    EXPECT_TRUE(a.get<group>().names.empty());
    EXPECT_EQ(a.save().objects[0], "");
    EXPECT_EQ(a.heap_bytes(), 0u);
}

TEST(set, is_small) {
    replica a(writer(1), types);
    auto& names = a.get<group>().names;
    auto one = *a.turn([&] { names.insert("12345678"); });
    EXPECT_LE(one.bytes() - 6, 11u);
    a.turn([&] {
        for (int n = 0; n < 100'000; ++n) names.insert("n" + std::to_string(n));
    });
    EXPECT_LE(a.heap_bytes() / names.size(), 64u);
    EXPECT_LE(a.save().objects[0].size() / names.size(), 14u);
    EXPECT_LE(sizeof names, 16u);
}
} // namespace
