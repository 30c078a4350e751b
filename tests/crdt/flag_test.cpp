#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct light {
    dunlin::flag on;
};
DUNLIN_OBJECT(light, on)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<light>()};

void act(replica& r, notes& note, chance& c) {
    auto& on = r.get<light>().on;
    bool enable = draw(c, 2);
    draw(c, 2) ? void(on = enable) : enable ? on.enable() : on.disable();
    note({enable ? spec::operation::enable : spec::operation::erase, {}});
}

/// A dot for each concurrent enable, at most one a writer, none in a flag that is off.
void invariant(replica& r) {
    auto bytes = r.save().member("on", "F");
    must(bytes.empty() == !r.get<light>().on.value(), "on without a dot, or off with one");
    dunlin::decoder in(bytes);
    auto n = bytes.empty() ? 0 : in.u();
    must(n <= r.vector().size(), "more dots than writers");
    for (std::uint64_t k = 0, least = 0; k < n; ++k) {
        auto index = in.u();
        must(index >= least && in.u() > 0, "dots are not sorted, or none");
        least = index + 1;
    }
    must(in.finished(), "the state is not the grammar's");
}

player flags() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                bool is = r.get<light>().on, should = spec::flag(h, seen);
                must(is == should, should ? "off instead of on" : "on instead of off");
                must(r.json().at("on") == is, "JSON differs from the value");
                invariant(r);
            }};
}

TEST(flag, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(flags(), 1, 150), ""); }
TEST(heavy_flag, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(flags(), 1000, 4000), ""); }

TEST(flag, detached_is_a_plain_bool) {
    dunlin::flag f;
    EXPECT_FALSE(f);
    f = true;
    EXPECT_TRUE(f);
    f.disable();
    EXPECT_FALSE(f.value());
}

TEST(flag, an_enable_beats_a_concurrent_disable) {
    replica a(writer(1), types), b(writer(2), types, 2);
    b.absorb(*a.turn([&] { a.get<light>().on = true; }));
    auto off = *b.turn([&] { b.get<light>().on = false; });
    auto on = *a.turn([&] { a.get<light>().on = true; });
    EXPECT_EQ(a.absorb(off), absorbed::yes);
    EXPECT_EQ(b.absorb(on), absorbed::yes);
    EXPECT_TRUE(a.get<light>().on);
    EXPECT_TRUE(b.get<light>().on);
    EXPECT_EQ(a.save(), b.save());
}

TEST(flag, leaves_nothing_when_it_is_off) {
    replica a(writer(1), types);
    a.turn([&] { a.get<light>().on = true; });
    a.turn([&] { a.get<light>().on = false; });
    EXPECT_EQ(a.save().objects[0], "");
    EXPECT_FALSE(a.turn([&] { a.get<light>().on = false; })) << "nothing is there to disable";
}

TEST(flag, is_small) {
    replica a(writer(1), types), b(writer(2), types);
    auto on = *a.turn([&] { a.get<light>().on = true; });
    EXPECT_LE(on.bytes() - 6, 1u);
    b.absorb(on);
    EXPECT_LE(b.turn([&] { b.get<light>().on = false; })->bytes() - 6, 3u);
    EXPECT_LE(a.save().member("on", "F").size(), 3u);
    EXPECT_LE(sizeof(dunlin::flag), 16u);
    EXPECT_EQ(a.heap_bytes(), 0u);
}
} // namespace
