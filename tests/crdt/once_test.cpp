#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct desk {
    dunlin::once<std::string, std::chrono::milliseconds, 80> done; // slices of 10 ms
    dunlin::map<std::string, dunlin::once<std::int64_t, std::chrono::milliseconds, 80>> by_shop;
};
DUNLIN_OBJECT(desk, done, by_shop)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<desk>()};
auto& wall = rig::object::wall_ms;

void act(replica& r, notes& note, chance& c) {
    auto& done = r.get<desk>().done;
    wall += draw(c, 3);
    if (draw(c, 30) == 0) return r.erase(), note({spec::operation::erase, {}});
    auto id = pick(c, "a", "b", "c", "d", "e", "f", "a request with a long name");
    bool was_in = done.contains(id);
    must(done.accept(id) != was_in, was_in ? "accepted twice" : "refused and not there");
    must(done.contains(id), "accepted and not there");
    if (!was_in) note({spec::operation::insert, {id}, wall});
}

player desks() {
    wall = 0;
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto& done = r.get<desk>().done;
                std::set<std::string> in;
                auto all = spec::standing(h, seen);
                for (auto o : all) {
                    auto& id = h.all[o].at.back();
                    in.insert(id);
                    must(h.all[o].amount <= wall - 80 || done.contains(id), id + " was forgotten in its time");
                }
                for (auto [slice, ids] : done)
                    for (auto id : ids) must(in.contains(std::string(id)), std::string(id) + " was never accepted");
                must(done.size() <= all.size(), "more is kept than was accepted");
            }};
}

TEST(once, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(desks(), 1, 150), ""); }
TEST(heavy_once, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(desks(), 1000, 2000), ""); }

struct two {
    replica a{writer(1), types, 2}, b{writer(2), types};
    two() { wall = 1000; }
    desk &of_a = a.get<desk>(), &of_b = b.get<desk>();
    void b_hears(entry const& e) { EXPECT_EQ(b.absorb(e), absorbed::yes); }
};

TEST(once, a_request_that_is_tried_again_elsewhere_does_nothing) {
    two t;
    t.b_hears(*t.a.turn([&] { EXPECT_TRUE(t.of_a.done.accept("r1")); }));
    EXPECT_FALSE(t.of_a.done.accept("r1"));
    EXPECT_FALSE(t.of_b.done.accept("r1"));
    EXPECT_FALSE(t.a.seal()) << "a refusal is no change";
    EXPECT_FALSE(t.b.seal());
    EXPECT_TRUE(t.of_b.done.accept("r2"));
}

TEST(once, an_atomic_that_is_undone_has_accepted_nothing) {
    two t;
    t.a.atomic([&] { return t.of_a.done.accept("r1"), false; });
    EXPECT_FALSE(t.of_a.done.contains("r1"));
    EXPECT_TRUE(t.of_a.done.accept("r1"));
}

TEST(once, an_id_is_kept_for_its_time_and_a_quarter_more_at_most) {
    two t;
    t.b_hears(*t.a.turn([&] { t.of_a.done.accept("r1"); }));
    wall = 1080;
    t.b_hears(*t.a.turn([&] { t.of_a.done.accept("r2"); }));
    EXPECT_TRUE(t.of_a.done.contains("r1"));
    wall = 1105;
    t.b_hears(*t.a.turn([&] { t.of_a.done.accept("r3"); }));
    for (auto d : {&t.of_a.done, &t.of_b.done}) {
        EXPECT_FALSE(d->contains("r1")) << "what is over goes with the next that is accepted";
        EXPECT_TRUE(d->contains("r2"));
        EXPECT_EQ(d->size(), 2u);
    }
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(once, leaves_nothing_behind_whatever_its_age) {
    two t;
    std::size_t most = 0;
    for (int k = 0; k < 2000; ++k) {
        wall += 10;
        t.b_hears(*t.a.turn([&] { t.of_a.done.accept("request " + std::to_string(k)); }));
        most = std::max(most, t.b.save().bytes());
    }
    EXPECT_EQ(t.of_b.done.size(), 10u);
    EXPECT_LE(most, 500u);
}

TEST(once, below_a_map_knows_the_time_too) {
    two t;
    auto& shop = *t.of_a.by_shop["x"].operator->();
    t.a.turn([&] { shop.accept(1); });
    wall += 200;
    t.a.turn([&] { shop.accept(2); });
    EXPECT_FALSE(shop.contains(1));
    EXPECT_TRUE(shop.contains(2));
}

TEST(once, detached_time_stands_still) {
    dunlin::once<std::int64_t> o;
    EXPECT_TRUE(o.accept(7));
    EXPECT_FALSE(o.accept(7));
    EXPECT_EQ(o.size(), 1u);
    EXPECT_EQ(o.keep, std::chrono::hours(24));
}

TEST(once, is_small) {
    two t;
    EXPECT_LE(t.a.turn([&] { t.of_a.done.accept("12 bytes id."); })->bytes() - 6, 22u);
    EXPECT_EQ(sizeof(dunlin::once<>), 16u);
}
} // namespace
