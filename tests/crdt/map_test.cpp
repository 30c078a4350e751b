#include "backpack.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<backpack>()};

TEST(map, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(backpacks(), 1, 150), ""); }
TEST(heavy_map, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(backpacks(), 1000, 4000), "");
}

TEST(map, detached_is_a_plain_map) {
    dunlin::map<std::string, dunlin::counter> m;
    m["sword"] += 2;
    ++m["shield"];
    EXPECT_EQ(m.size(), 2u);
    EXPECT_EQ(std::int64_t(m["sword"]), 2);
    EXPECT_TRUE(m.erase("sword"));
    EXPECT_FALSE(m.erase("sword"));
    EXPECT_FALSE(m.contains("sword"));
    dunlin::map<std::string, dunlin::counter> moved(std::move(m));
    EXPECT_EQ(moved.size(), 1u);
    moved.clear();
    EXPECT_TRUE(moved.empty());
}

struct two {
    replica a{writer(1), types, 2}, b{writer(2), types};
    backpack &x = a.get<backpack>(), &y = b.get<backpack>();
    void both_join() {
        auto s = a.save(), t = b.save();
        a.join(t), b.join(s);
    }
};

TEST(map, reading_makes_nothing) {
    two t;
    EXPECT_FALSE(t.a.turn([&] {
        EXPECT_EQ(std::int64_t(t.x.bag["sword"]), 0);
        EXPECT_FALSE(t.x.bag["sword"].exists());
        EXPECT_FALSE(t.x.deep["a"]["b"].exists());
        EXPECT_EQ((*t.x.items["a"]).uses, 0);
    }));
    EXPECT_EQ(t.a.heap_bytes(), 0u);
    EXPECT_EQ(t.x.bag.size(), 0u);
}

TEST(map, a_child_made_only_to_be_looked_at_is_swept) {
    two t;
    EXPECT_FALSE(t.a.turn([&] {
        t.x.deep["a"]["b"]->contains("x");
        t.x.items["a"]->uses += 0;
        EXPECT_EQ(t.x.deep.size(), 0u);
        EXPECT_EQ(t.x.items.size(), 0u);
    }));
    EXPECT_EQ(t.a.heap_bytes(), 0u);
    EXPECT_EQ(t.a.save().objects[0], "");
}

// review 1.4, by entries and by states: the ten are gone, the one that was added meanwhile is there.
TEST(map, an_erased_counter_keeps_exactly_what_was_added_meanwhile) {
    for (bool by_states : {false, true}) {
        two t;
        t.b.absorb(*t.a.turn([&] { t.x.bag["k"] += 10; }));
        auto erase = *t.b.turn([&] { t.y.bag.erase("k"); });
        auto one = *t.a.turn([&] { t.x.bag["k"] += 1; });
        if (by_states)
            t.both_join();
        else
            t.a.absorb(erase), t.b.absorb(one);
        EXPECT_EQ(std::int64_t(t.x.bag["k"]), 1);
        EXPECT_EQ(std::int64_t(t.y.bag["k"]), 1);
        EXPECT_EQ(t.a.save(), t.b.save());
    }
}

TEST(map, an_erased_key_shows_nothing_and_only_a_residue_stays) {
    two t;
    t.a.turn([&] { t.x.bag["k"] += 10, t.x.deep["a"]["b"]->insert("x"), t.x.items["k"]->label = "l"; });
    t.a.turn([&] { t.x.bag.erase("k"), t.x.deep.erase("a"), t.x.items.erase("k"); });
    EXPECT_EQ(show(t.x), shown());
    auto s = t.a.save();
    EXPECT_EQ(s.live[0], "");
    EXPECT_EQ(s.member("deep", "MsMsSs"), "");
    EXPECT_EQ(s.member("items", "Ms{item}"), "");
    EXPECT_NE(s.member("bag", "MsC"), "") << "the counter's";
}

TEST(map, a_key_that_is_erased_and_made_again_in_one_turn_has_only_the_new) {
    two t;
    t.b.absorb(*t.a.turn([&] { t.x.items["k"]->tags.insert("old"), t.x.items["k"]->uses += 4; }));
    auto made_again = *t.a.turn([&] {
        t.x.items.erase("k");
        t.x.items["k"]->tags.insert("new");
        t.x.items["k"]->uses += 1;
    });
    t.b.absorb(made_again);
    for (auto m : {&t.x, &t.y}) {
        EXPECT_EQ((*m->items["k"]).uses, 1);
        EXPECT_FALSE((*m->items["k"]).tags.contains("old"));
        EXPECT_TRUE((*m->items["k"]).tags.contains("new"));
    }
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(map, two_that_make_the_same_key_make_the_same_child) {
    two t;
    t.a.turn([&] { t.x.deep["note"]["body"]->insert("mine"); });
    t.b.turn([&] { t.y.deep["note"]["body"]->insert("yours"); });
    t.both_join();
    EXPECT_EQ((*t.x.deep["note"]["body"]).size(), 2u);
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(map, a_name_stays_good_when_its_element_comes_and_goes) {
    two t;
    auto sword = t.x.bag["sword"];
    t.a.turn([&] { sword += 2; });
    t.a.turn([&] { t.x.bag.erase("sword"); });
    EXPECT_FALSE(sword.exists());
    t.a.turn([&] { sword += 1; });
    EXPECT_EQ(std::int64_t(sword), 1);
}

TEST(map, a_refused_first_change_leaves_no_trace) {
    two t;
    t.a.at().refuses = true;
    EXPECT_THROW(t.x.bag["k"] += 1, std::runtime_error);
    EXPECT_THROW(t.x.deep["a"]["b"]->insert("x"), std::runtime_error);
    EXPECT_THROW(t.x.items["k"]->label = "l", std::runtime_error);
    EXPECT_THROW(t.x.best.tags.insert("x"), std::runtime_error);
    EXPECT_THROW(t.x.best.label = "x", std::runtime_error);
    EXPECT_THROW(t.x.best.uses += 1, std::runtime_error);
    EXPECT_THROW(t.x.best.bound = true, std::runtime_error);
    t.a.at().refuses = false;
    EXPECT_EQ(show(t.x), shown());
    EXPECT_EQ(t.a.save().objects[0], "");
    EXPECT_EQ(t.a.heap_bytes(), 0u);
    EXPECT_TRUE(t.a.turn([&] { t.x.bag["k"] += 1, t.x.best.label = "x"; }));
    EXPECT_EQ(show(t.x).size(), 2u);
    t.b.join(t.a.save());
    EXPECT_EQ(show(t.y), show(t.x));
}

TEST(map, a_refused_erase_leaves_no_trace) {
    two t;
    t.a.turn([&] { t.x.bag["k"] += 1, t.x.deep["a"]["b"]->insert("x"), t.x.items["k"]->label = "l"; });
    auto before = t.a.save();
    t.a.at().refuses = true;
    EXPECT_THROW(t.x.bag.erase("k"), std::runtime_error);
    EXPECT_THROW(t.x.deep.clear(), std::runtime_error);
    EXPECT_THROW(t.x.items.erase("k"), std::runtime_error);
    EXPECT_THROW(t.a.erase(), std::runtime_error);
    t.a.at().refuses = false;
    EXPECT_EQ(show(t.x).size(), 3u);
    EXPECT_EQ(t.a.save(), before);
}

TEST(map, keys_above_the_bound_are_refused) {
    two t;
    std::string const big(dunlin::value_bytes_max + 1, 'k');
    EXPECT_THROW(t.x.bag[big] += 1, boost::system::system_error);
    EXPECT_THROW(t.x.deep["a"][big]->insert("x"), boost::system::system_error);
    EXPECT_FALSE(t.a.seal());
    EXPECT_EQ(t.a.save().objects[0], "");
}

TEST(map, json_names_what_is_there) {
    two t;
    t.a.turn([&] {
        t.x.bag["sword"] += 2, t.x.deep["a"]["b"]->insert("\xff"), t.x.slots[-5] = "five", t.x.bag["gone"] += 1;
        t.x.items["i"]->bound = true;
    });
    t.a.turn([&] { t.x.bag.erase("gone"); });
    EXPECT_EQ(boost::json::serialize(t.a.json()),
              R"({"bag":{"sword":2},"deep":{"a":{"b":[{"$bytes":"/w=="}]}},)"
              R"("items":{"i":{"label":null,"uses":0,"tags":[],"bound":true}},"slots":{"-5":"five"},)"
              R"("best.label":null,"best.uses":0,"best.tags":[],"best.bound":false})");
}

TEST(map, is_small) {
    two t;
    auto one = *t.a.turn([&] { t.x.bag["12345678"] += 1; });
    EXPECT_LE(one.bytes() - 6, 12u);
    t.a.turn([&] {
        for (int n = 0; n < 10'000; ++n) t.x.bag["n" + std::to_string(n)] += 1;
    });
    EXPECT_LE(t.a.heap_bytes() / t.x.bag.size(), 190u);
    EXPECT_LE(t.a.save().objects[0].size() / t.x.bag.size(), 14u);
    t.b.join(t.a.save());
    t.y.deep["a"]; // no counters below: an erase of everything is as long as its writers
    t.b.turn([&] {
        for (int n = 0; n < 1000; ++n) t.y.deep["a"][std::to_string(n)]->insert("x");
    });
    EXPECT_LE(t.b.turn([&] { t.y.deep.clear(); })->bytes() - 6, 8u);
    EXPECT_LE(sizeof t.x.bag, 16u);
}
} // namespace
