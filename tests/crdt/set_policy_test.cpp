// Sets with another policy than add wins: remove_wins, grow_only.
#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct rights {
    dunlin::set<std::string, dunlin::remove_wins> allowed;
};
DUNLIN_OBJECT(rights, allowed)
struct visits {
    dunlin::set<std::string, dunlin::grow_only> seen;
};
DUNLIN_OBJECT(visits, seen)

std::vector<dunlin::struct_part const*> const of_rights = {&dunlin::struct_of<rights>()},
                                              of_visits = {&dunlin::struct_of<visits>()};

std::string element(chance& c) { return pick(c, "a", "b", "c", "d", "an element that is too long to stand inline"); }

template <class Set> std::set<std::string> shown(Set const& s) {
    std::set<std::string> is;
    for (auto x : s) must(is.emplace(x).second && s.contains(x), "an element is iterated twice, or not in");
    must(s.size() == is.size() && s.empty() == is.empty(), "the size is not the number of elements");
    return is;
}
std::set<std::string> told(replica& r, char const* name) {
    std::set<std::string> all;
    auto json = r.json();
    for (auto& v : json.at(name).as_array()) all.emplace(v.as_string());
    return all;
}

// ---- remove wins

void act_on_rights(replica& r, notes& note, chance& c) {
    auto& allowed = r.get<rights>().allowed;
    auto x = element(c);
    auto what = draw(c, 16);
    if (what == 0) {
        for (auto& in : shown(allowed)) note({spec::operation::unsay, {in}});
        allowed.clear();
    } else if (what == 1) {
        draw(c, 2) ? r.erase() : allowed.reset();
        note({spec::operation::erase, {}});
    } else if (what < 9) {
        bool was = allowed.contains(x);
        must(allowed.insert(x) == !was && allowed.contains(x), "insert says the wrong thing");
        note({spec::operation::insert, {x}});
    } else {
        bool was = allowed.contains(x);
        must(allowed.erase(x) == was && !allowed.contains(x), "erase says the wrong thing");
        note({spec::operation::unsay, {x}});
    }
}

/// By element; each with a dot, at most one a writer in both sorts; in digests only what is in.
void state_of_rights(replica& r, std::set<std::string> const& is) {
    auto bytes = r.save().member("allowed", "Ws");
    dunlin::decoder in(bytes);
    std::set<std::string> stored;
    std::string last;
    for (auto n = bytes.empty() ? 0 : in.u(), k = n; k; --k) {
        std::string x(in.bytes());
        must(k == n || last < x, "the state is not in the order of bytes");
        last = x;
        std::set<std::uint64_t> writers;
        std::uint64_t sizes[2] = {};
        for (auto& size : sizes) {
            size = in.u();
            for (std::uint64_t d = 0; d < size; ++d) must(writers.insert(in.u()).second && in.u() > 0, "two dots of a writer");
        }
        must(sizes[0] + sizes[1] > 0, "an element without a dot");
        if (sizes[0] && !sizes[1]) stored.insert(x);
    }
    must(in.finished() && stored == is, "the state is not the grammar's, or has other elements");
    must(r.save().live[0].empty() == is.empty(), "erased elements count as life");
}

player rights_players() {
    return {of_rights, act_on_rights, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto is = shown(r.get<rights>().allowed);
                must(is == spec::remove_wins(h, seen), "not the elements of the specification");
                must(told(r, "allowed") == is, "JSON differs");
                state_of_rights(r, is);
            }};
}

TEST(remove_wins, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(rights_players(), 1, 150), ""); }
TEST(heavy_remove_wins, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(rights_players(), 1000, 3000), "");
}

TEST(remove_wins, detached_is_a_plain_set) {
    dunlin::set<int, dunlin::remove_wins> s;
    EXPECT_TRUE(s.insert(3));
    EXPECT_FALSE(s.insert(3));
    EXPECT_TRUE(s.erase(3));
    EXPECT_FALSE(s.erase(3));
    s.insert(4), s.insert(5);
    EXPECT_EQ(s.size(), 2u);
    s.clear();
    EXPECT_TRUE(s.empty());
}

TEST(remove_wins, an_erase_beats_a_concurrent_insert_also_of_what_its_author_never_had) {
    replica a(writer(1), of_rights), b(writer(2), of_rights, 2);
    auto in = *a.turn([&] { a.get<rights>().allowed.insert("eve"); });
    auto out = *b.turn([&] { EXPECT_FALSE(b.get<rights>().allowed.erase("eve")); });
    a.absorb(out), b.absorb(in);
    EXPECT_TRUE(a.get<rights>().allowed.empty());
    EXPECT_TRUE(b.get<rights>().allowed.empty());
    EXPECT_EQ(a.save(), b.save());
    b.absorb(*a.turn([&] { a.get<rights>().allowed.insert("eve"); }));
    EXPECT_TRUE(b.get<rights>().allowed.contains("eve")) << "who has seen the erase may insert again";
}

TEST(remove_wins, a_turn_of_many_changes_goes_in_parts) {
    replica a(writer(1), of_rights), b(writer(2), of_rights, 2);
    auto& s = a.get<rights>().allowed;
    for (int n = 0; n < 100; ++n) s.insert("n" + std::to_string(n));
    for (auto& e : a.seal_in_parts(40)) b.absorb(e);
    for (int n = 0; n < 100; n += 2) s.erase("n" + std::to_string(n));
    a.get<rights>().allowed.insert("more");
    auto parts = a.seal_in_parts(40);
    EXPECT_GT(parts.size(), 5u);
    for (auto& e : parts) b.absorb(e);
    EXPECT_EQ(shown(b.get<rights>().allowed), shown(s));
    EXPECT_EQ(a.save(), b.save());
    a.erase();
    s.insert("last");
    for (auto& e : a.seal_in_parts(1)) b.absorb(e);
    EXPECT_EQ(shown(b.get<rights>().allowed), std::set<std::string>{"last"});
    EXPECT_EQ(a.save(), b.save());
}

struct teams {
    dunlin::map<std::string, dunlin::set<std::string, dunlin::remove_wins>> by;
};
DUNLIN_OBJECT(teams, by)

// A key below which there are only erased elements is not shown; a clear or an erase forgets them all the same, everywhere.
TEST(remove_wins, a_clear_or_an_erase_of_a_key_forgets_what_is_erased_below_it) {
    std::vector<dunlin::struct_part const*> const type = {&dunlin::struct_of<teams>()};
    for (bool clear : {true, false}) {
        replica a(writer(1), type), b(writer(2), type, 2), c(writer(4), type);
        auto& by = a.get<teams>().by;
        b.absorb(*a.turn([&] { by["red"]->erase("x"), by["blue"]->insert("y"); }));
        EXPECT_EQ(by.size(), 1u);
        EXPECT_FALSE(by.contains("red"));
        auto late = *c.turn([&] { c.get<teams>().by["red"]->insert("x"); }); // by who has seen nothing
        auto gone = a.turn([&] {
            if (clear)
                by.clear();
            else
                EXPECT_FALSE(by.erase("red")) << "it is not there";
        });
        ASSERT_TRUE(gone) << "what was erased is to be forgotten";
        b.absorb(*gone), a.absorb(late), b.absorb(late);
        EXPECT_TRUE(by["red"]->contains("x")) << "an erase of the key is no erase of its elements";
        EXPECT_EQ(a.save(), b.save());
        replica fresh(writer(3), type);
        fresh.join(a.save());
        EXPECT_EQ(fresh.save(), b.save());
    }
}

TEST(remove_wins, is_as_small_as_it_says) {
    replica a(writer(1), of_rights);
    auto& s = a.get<rights>().allowed;
    EXPECT_LE(a.turn([&] { s.insert("12345678"); })->bytes() - 6, 11u);
    a.turn([&] {
        for (int n = 0; n < 100'000; ++n) s.insert("n" + std::to_string(n));
    });
    EXPECT_LE(a.heap_bytes() / s.size(), 80u);
    EXPECT_LE(sizeof s, 16u);
}

// ---- grow only

void act_on_visits(replica& r, notes& note, chance& c) {
    auto& seen = r.get<visits>().seen;
    auto x = element(c);
    if (draw(c, 10) == 0) return r.erase(), note({spec::operation::erase, {}});
    bool was = seen.contains(x);
    must(seen.insert(x) == !was && seen.contains(x), "insert says the wrong thing");
    if (!was) note({spec::operation::insert, {x}});
}

player visits_players() {
    return {of_visits, act_on_visits, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto is = shown(r.get<visits>().seen);
                must(is == spec::set(h, seen), "not the elements of the specification");
                must(told(r, "seen") == is, "JSON differs");
                auto bytes = r.save().member("seen", "Gs");
                must((bytes.empty() ? 0 : dunlin::decoder(bytes).u()) == is.size(), "the state has other elements");
            }};
}

TEST(grow_only, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(visits_players(), 1, 100), ""); }
TEST(heavy_grow_only, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(visits_players(), 1000, 2000), "");
}

template <class Set> concept can_shrink = requires(Set& s) { s.clear(); } || requires(Set& s) { s.erase(typename Set::argument{}); };

TEST(grow_only, an_insert_of_what_is_in_says_nothing_and_nothing_is_taken_out) {
    replica a(writer(1), of_visits);
    auto& s = a.get<visits>().seen;
    a.turn([&] { EXPECT_TRUE(s.insert("x")); });
    EXPECT_FALSE(a.turn([&] { EXPECT_FALSE(s.insert("x")); }));
    dunlin::encoder erase; // by an enemy
    erase.u(2), erase.bytes("x"), erase.u(2), erase.u(0), erase.u(1);
    dunlin::shapes shapes;
    for (auto kind : {"Ss", "Gs"}) {
        dunlin::decoder in(erase.view());
        dunlin::checking c{in, 1, 5};
        shapes.kind(kind)->check(c);
        EXPECT_EQ(in.finished(), kind[0] == 'S') << kind;
    }
    static_assert(!can_shrink<dunlin::set<std::string, dunlin::grow_only>>);
    static_assert(can_shrink<dunlin::set<std::string>> && can_shrink<dunlin::set<std::string, dunlin::remove_wins>>);
}
} // namespace
