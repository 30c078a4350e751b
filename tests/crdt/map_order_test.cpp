// Maps by key, and names of elements that lie deep.
#include "rig.hpp"
#include <gtest/gtest.h>
#include <random>

namespace {
using namespace rig;

struct slot_of_shelf {
    dunlin::latest<std::string> label;
    dunlin::map<std::string, dunlin::counter> stock;
    dunlin::map<std::int64_t, dunlin::map<std::string, dunlin::set<std::string>>> notes;
};
DUNLIN_OBJECT(slot_of_shelf, label, stock, notes)
struct depot {
    dunlin::map<std::string, slot_of_shelf> shelves;
    dunlin::map<std::int64_t, dunlin::counter> by_number;
    dunlin::map<std::string, dunlin::counter> by_name;
    dunlin::map<double, dunlin::counter> by_weight;
};
DUNLIN_OBJECT(depot, shelves, by_number, by_name, by_weight)
std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<depot>()};

template <class View> auto keys_of(View const& v) {
    std::vector<std::int64_t> all;
    for (auto [k, n] : v) all.push_back(k);
    return all;
}

TEST(map_order, is_that_of_a_sorted_map_whatever_comes_and_goes) {
    std::mt19937_64 chance(7);
    replica a{writer(1), types}, b{writer(2), types};
    auto& m = a.get<depot>().by_number;
    std::map<std::int64_t, std::int64_t> expected;
    auto number = [&] {
        auto wide = chance() % 4 == 0;
        return wide ? std::int64_t(chance()) : std::int64_t(chance() % 300) - 150;
    };
    for (int step = 0; step < 300; ++step) {
        auto e = a.turn([&] {
            for (int k = 0; k < 8; ++k) {
                auto n = number();
                if (chance() % 3 == 0) m.erase(n), expected.erase(n);
                else m[n] += 1, ++expected[n];
            }
            if (chance() % 60 == 0) m.clear(), expected.clear();
        });
        if (e) b.absorb(*e);
        if (step % 3) continue;
        for (auto r : {&a, &b}) {
            std::vector<std::int64_t> keys;
            for (auto& [k, n] : expected) keys.push_back(k);
            auto& of = r->get<depot>().by_number;
            ASSERT_EQ(keys_of(of.ordered()), keys) << step;
            auto from = number(), to = number();
            std::erase_if(keys, [&](auto k) { return k < from; });
            ASSERT_EQ(keys_of(of.from(from)), keys);
            std::erase_if(keys, [&](auto k) { return k >= to; });
            ASSERT_EQ(keys_of(of.range(from, to)), keys) << from << " to " << to;
        }
    }
    for (auto [k, n] : m.ordered()) EXPECT_EQ(std::int64_t(n), expected[k]);
}

TEST(map_order, of_strings_is_that_of_their_bytes_and_of_numbers_their_size) {
    dunlin::map<std::string, dunlin::counter> names;
    for (auto s : {"b", "", "a", "ab", "a longer one than fits in place", "\xC3\xA4", "B"}) names[s] += 1;
    std::string all;
    for (auto [k, n] : names.ordered()) all += std::string(k) + "|";
    EXPECT_EQ(all, "|B|a|a longer one than fits in place|ab|b|\xC3\xA4|");
    all.clear();
    for (auto [k, n] : names.range("a", "b")) all += std::string(k) + "|";
    EXPECT_EQ(all, "a|a longer one than fits in place|ab|");
    dunlin::map<double, dunlin::counter> weights;
    for (auto d : {2.5, -1.0, 0.0, 1e300, -1e300, 0.5}) weights[d] += 1;
    std::vector<double> sorted;
    for (auto [k, n] : weights.ordered()) sorted.push_back(k);
    EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
    EXPECT_EQ(sorted.size(), 6u);
}

TEST(map_order, has_what_is_shown_and_of_this_turn_too) {
    replica a{writer(1), types};
    auto& m = a.get<depot>().by_number;
    a.turn([&] {
        for (int k = 0; k < 100; ++k) m[k] += 1;
    });
    EXPECT_EQ(keys_of(m.from(95)), (std::vector<std::int64_t>{95, 96, 97, 98, 99}));
    a.turn([&] {
        m.erase(96);
        m[101] += 1;
        EXPECT_EQ(std::int64_t(m[500]), 0);
        EXPECT_EQ(keys_of(m.from(95)), (std::vector<std::int64_t>{95, 97, 98, 99, 101}));
    });
    EXPECT_FALSE(a.atomic([&] { return m[-5] += 1, m.erase(0), false; }));
    EXPECT_EQ(keys_of(m.range(-100, 3)), (std::vector<std::int64_t>{0, 1, 2}));
    EXPECT_TRUE(keys_of(m.range(3, 3)).empty());
    EXPECT_TRUE(keys_of(m.range(7, 3)).empty());
}

// The name is of the key, whatever was above it meanwhile.
TEST(map_order, a_name_below_a_struct_outlives_the_struct) {
    replica a{writer(1), types, 2}, b{writer(2), types};
    auto& x = a.get<depot>();
    std::optional<dunlin::element<dunlin::counter>> nails;
    std::optional<dunlin::element<dunlin::set<std::string>>> note;
    auto e = *a.turn([&] {
        x.shelves["top"]->label = "Top";
        nails.emplace(x.shelves["top"]->stock["nails"]);
        note.emplace(x.shelves["top"]->notes[5]["x"]);
        *nails += 3;
        (*note)->insert("rusty");
    });
    b.absorb(e);
    EXPECT_EQ(std::int64_t(**nails), 3);
    auto gone = *b.turn([&] { b.get<depot>().shelves.erase("top"); });
    ASSERT_EQ(a.absorb(gone), absorbed::yes);
    EXPECT_FALSE(nails->exists());
    EXPECT_EQ(std::int64_t(**nails), 0);
    EXPECT_FALSE(note->exists());
    b.absorb(*a.turn([&] { *nails += 2, (*note)->insert("new"); }));
    EXPECT_EQ(std::int64_t(**nails), 2);
    for (auto r : {&a, &b}) {
        auto& shelves = r->get<depot>().shelves;
        EXPECT_EQ(std::int64_t(shelves["top"]->stock["nails"]), 2);
        EXPECT_EQ((*shelves["top"]).label.value(), "");
        EXPECT_TRUE((*shelves["top"]).notes.find(5)->find("x")->contains("new"));
    }
    EXPECT_FALSE(a.seal()) << "looking is no change";
    EXPECT_FALSE(b.seal());
    EXPECT_EQ(a.save(), b.save());
}

TEST(map_order, names_in_a_detached_map) {
    dunlin::map<std::string, slot_of_shelf> shelves;
    auto nails = shelves["top"]->stock["nails"];
    nails += 4;
    EXPECT_EQ(std::int64_t(shelves["top"]->stock["nails"]), 4);
    shelves.erase("top");
    EXPECT_FALSE(nails.exists());
}

} // namespace
