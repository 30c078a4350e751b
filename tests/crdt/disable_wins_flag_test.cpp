#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

struct gate {
    dunlin::disable_wins_flag open;
};
DUNLIN_OBJECT(gate, open)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<gate>()};

void act(replica& r, notes& note, chance& c) {
    auto& open = r.get<gate>().open;
    if (draw(c, 8) == 0) return draw(c, 2) ? r.erase() : open.reset(), note({spec::operation::erase, {}});
    bool enable = draw(c, 2);
    draw(c, 2) ? void(open = enable) : enable ? open.enable() : open.disable();
    note({enable ? spec::operation::enable : spec::operation::unsay, {}});
}

/// Dots of both sorts, sorted, one a writer in all.
void invariant(replica& r) {
    auto bytes = r.save().member("open", "D");
    if (bytes.empty()) return must(!r.get<gate>().open, "on, and nothing is stored");
    dunlin::decoder in(bytes);
    std::set<std::uint64_t> writers;
    std::uint64_t sizes[2] = {};
    for (auto& size : sizes) {
        size = in.u();
        for (std::uint64_t k = 0, least = 0; k < size; ++k) {
            auto index = in.u();
            must(index >= least && in.u() > 0, "dots are not sorted, or none");
            must(writers.insert(index).second, "two dots of one writer");
            least = index + 1;
        }
    }
    must(in.finished() && sizes[0] + sizes[1] > 0, "the state is not the grammar's");
    must(r.get<gate>().open == (sizes[0] && !sizes[1]), "what is shown is not what is stored");
}

player flags() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                bool is = r.get<gate>().open, should = spec::disable_wins(h, seen);
                must(is == should, should ? "off instead of on" : "on instead of off");
                must(r.json().at("open") == is, "JSON differs from the value");
                must(r.save().live[0].empty() == !is, "a disable counts as life");
                invariant(r);
            }};
}

TEST(disable_wins_flag, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(flags(), 1, 150), ""); }
TEST(heavy_disable_wins_flag, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(flags(), 1000, 4000), "");
}

TEST(disable_wins_flag, detached_is_a_plain_bool) {
    dunlin::disable_wins_flag f;
    EXPECT_FALSE(f);
    f = true;
    EXPECT_TRUE(f);
    f.disable();
    EXPECT_FALSE(f.value());
}

struct two {
    replica a{writer(1), types}, b{writer(2), types, 2};
    static entry say(replica& r, bool on) { return *r.turn([&] { r.get<gate>().open = on; }); }
    void meet(entry const& of_a, entry const& of_b) {
        EXPECT_EQ(b.absorb(of_a), absorbed::yes);
        EXPECT_EQ(a.absorb(of_b), absorbed::yes);
        EXPECT_EQ(a.save(), b.save());
    }
};

TEST(disable_wins_flag, a_disable_beats_a_concurrent_enable_also_where_it_was_off) {
    two t;
    t.meet(t.say(t.a, true), t.say(t.b, false));
    EXPECT_FALSE(t.a.get<gate>().open);
    EXPECT_FALSE(t.b.get<gate>().open);
}

TEST(disable_wins_flag, an_enable_that_has_seen_the_disable_turns_it_on) {
    two t;
    t.b.absorb(t.say(t.a, false));
    t.a.absorb(t.say(t.b, true));
    EXPECT_TRUE(t.a.get<gate>().open);
    EXPECT_TRUE(t.b.get<gate>().open);
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(disable_wins_flag, an_erase_of_the_object_is_no_disable) {
    two t;
    t.b.absorb(t.say(t.a, false));
    t.b.erase();
    auto gone = *t.b.seal();
    EXPECT_EQ(t.b.save().objects[0], "") << "nothing is left";
    t.meet(t.say(t.a, true), gone);
    EXPECT_TRUE(t.a.get<gate>().open);
    EXPECT_TRUE(t.b.get<gate>().open);
}

TEST(disable_wins_flag, is_small) {
    two t;
    auto on = t.say(t.a, true);
    EXPECT_LE(on.bytes() - 6, 1u);
    t.b.absorb(on);
    EXPECT_LE(t.say(t.b, false).bytes() - 6, 3u);
    EXPECT_LE(t.a.save().member("open", "D").size(), 4u);
    EXPECT_LE(sizeof(dunlin::disable_wins_flag), 24u);
    EXPECT_EQ(t.a.heap_bytes(), 0u);
}
} // namespace
