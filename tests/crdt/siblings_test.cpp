#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct note_book {
    dunlin::siblings<std::string> page;
};
DUNLIN_OBJECT(note_book, page)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<note_book>()};

void act(replica& r, notes& note, chance& c) {
    auto& page = r.get<note_book>().page;
    if (draw(c, 5) == 0) {
        page.reset();
        note({spec::operation::erase, {}});
    } else {
        auto value = pick(c, "a", "b", "c", "a value that is longer than any that fits inline", "");
        page = value;
        note({spec::operation::write, {}, 0, value});
    }
}

std::set<std::string> shown(replica& r) {
    auto all = r.get<note_book>().page.values();
    must(std::is_sorted(all.begin(), all.end()), "values are not in their order");
    return {all.begin(), all.end()};
}

/// What is stored is what is shown, a dot a writer at most; JSON says the same.
void invariant(replica& r, std::set<std::string> const& is) {
    auto& page = r.get<note_book>().page;
    must(page.empty() == is.empty() && page.conflict() == (is.size() > 1), "empty or conflict say the wrong thing");
    must(page.values().size() == is.size(), "a value is shown twice");
    must(page.value() == (is.empty() ? "" : *is.rbegin()), "the one value is not the greatest");
    auto bytes = r.save().member("page", "Vs");
    dunlin::decoder in(bytes);
    std::set<std::string> stored;
    for (std::uint64_t k = bytes.empty() ? 0 : in.u(), least = 0; k; --k) {
        auto index = in.u();
        must(index >= least && in.u() > 0, "writes are not sorted, or two are one writer's");
        least = index + 1;
        stored.emplace(in.bytes());
    }
    must(in.finished() && stored == is, "the state is not the grammar's, or has other values");
    std::set<std::string> told;
    auto json = r.json();
    for (auto& v : json.at("page").as_array()) told.emplace(v.as_string());
    must(told == is, "JSON has other values");
}

player registers() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto is = shown(r);
                must(is == spec::values(h, seen), "not the values of the specification");
                invariant(r, is);
            }};
}

TEST(siblings, are_what_their_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(registers(), 1, 150), ""); }
TEST(heavy_siblings, are_what_their_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(registers(), 1000, 4000), "");
}

TEST(siblings, detached_is_a_plain_value) {
    dunlin::siblings<int> n;
    EXPECT_TRUE(n.empty());
    EXPECT_TRUE(n.values().empty());
    n = 5;
    EXPECT_EQ(n.value(), 5);
    EXPECT_EQ(n.values(), std::vector<int>{5});
    EXPECT_FALSE(n.conflict());
    n.reset();
    EXPECT_TRUE(n.empty());
}

TEST(siblings, show_a_conflict_until_somebody_who_has_seen_it_decides) {
    replica a(writer(1), types), b(writer(2), types, 2);
    auto write = [](replica& r, std::string v) { return *r.turn([&] { r.get<note_book>().page = v; }); };
    auto tea = write(a, "tea"), coffee = write(b, "coffee");
    a.absorb(coffee), b.absorb(tea);
    for (auto r : {&a, &b}) {
        EXPECT_TRUE(r->get<note_book>().page.conflict());
        EXPECT_EQ(r->get<note_book>().page.values(), (std::vector<std::string>{"coffee", "tea"}));
    }
    b.absorb(write(a, "water"));
    EXPECT_FALSE(b.get<note_book>().page.conflict());
    EXPECT_EQ(b.get<note_book>().page.value(), "water");
    EXPECT_EQ(a.save(), b.save());
    EXPECT_EQ(b.heap_bytes(), 0u);
}

// Undone, the conflict is there again: a write of the turn only hides it.
TEST(siblings, are_as_before_when_an_atomic_is_undone) {
    replica a(writer(1), types), b(writer(2), types, 2);
    b.absorb(*a.turn([&] { a.get<note_book>().page = "x"; }));
    auto y = *b.turn([&] { b.get<note_book>().page = "y"; });
    auto z = *a.turn([&] { a.get<note_book>().page = "z"; });
    a.absorb(y);
    a.atomic([&] {
        a.get<note_book>().page = "w";
        EXPECT_EQ(a.get<note_book>().page.values(), std::vector<std::string>{"w"});
        return false;
    });
    EXPECT_EQ(a.get<note_book>().page.values(), (std::vector<std::string>{"y", "z"}));
}

struct wide_book {
    dunlin::siblings<std::int64_t> page;
};
struct narrow_book {
    dunlin::siblings<std::int8_t> page;
};
DUNLIN_OBJECT_AS("book", wide_book, page)
DUNLIN_OBJECT_AS("book", narrow_book, page)

// 300 and 127 are two values, whatever a program that only knows small numbers can show of them.
TEST(siblings, are_in_conflict_in_a_narrower_program_too) {
    std::vector<dunlin::struct_part const*> const wide = {&dunlin::struct_of<wide_book>()};
    replica a(writer(1), wide), b(writer(2), wide), n(writer(3), {&dunlin::struct_of<narrow_book>()});
    n.absorb(*a.turn([&] { a.get<wide_book>().page = 300; }));
    n.absorb(*b.turn([&] { b.get<wide_book>().page = 127; }));
    auto& page = n.get<narrow_book>().page;
    EXPECT_TRUE(page.conflict());
    EXPECT_EQ(page.values(), (std::vector<std::int8_t>{127, 127}));
    EXPECT_EQ(boost::json::serialize(n.json()), R"({"page":[127,300]})");
    n.turn([&] { page = 5; });
    EXPECT_EQ(page.values(), std::vector<std::int8_t>{5});
}

TEST(siblings, hold_bools_too) {
    dunlin::siblings<bool> yes;
    yes = true;
    EXPECT_EQ(yes.values(), std::vector<bool>{true});
    EXPECT_FALSE(yes.conflict());
}

// As many writes as there are writers: nothing of it takes a step for each pair of them.
TEST(siblings, of_many_writers_are_read_joined_and_dropped) {
    constexpr unsigned many = 50'000;
    dunlin::shapes shapes;
    auto& part = *shapes.kind("Vi");
    std::vector<std::uint32_t> slots;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
    dunlin::encoder state;
    state.u(many);
    for (std::uint32_t k = 0; k < many; ++k) {
        slots.push_back(k + 1), indices.emplace(k + 1, k);
        state.u(k), state.u(1), state.i(k % 1000);
    }
    alignas(8) char one[128], two[128];
    ASSERT_LE(part.size(), sizeof one);
    for (auto place : {one, two}) {
        part.make(place);
        dunlin::decoder in(state.view());
        dunlin::loading l{in, slots, 0};
        part.decode(place, l);
        ASSERT_TRUE(in.finished());
    }
    dunlin::version_vector nothing;
    part.join(one, two, {nothing, nothing, 0});
    dunlin::slot_set used;
    part.each_slot(one, used);
    dunlin::encoder again;
    dunlin::saving s{again, indices};
    part.encode(one, s);
    EXPECT_EQ(again.view(), state.view());
    dunlin::version_vector all;
    for (auto slot : slots) all.raise(slot, 1);
    part.join(one, nullptr, {all, all, 0});
    EXPECT_TRUE(part.vacant(one));
    part.destroy(one), part.destroy(two);
}

TEST(siblings, are_small) {
    replica a(writer(1), types);
    EXPECT_LE(a.turn([&] { a.get<note_book>().page = "x"; })->bytes() - 6, 3u);
    EXPECT_LE(a.save().member("page", "Vs").size(), 6u);
    EXPECT_LE(sizeof(dunlin::siblings<std::string>), 72u);
    EXPECT_EQ(a.heap_bytes(), 0u);
}
} // namespace
