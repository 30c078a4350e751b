#include "play.hpp"
#include <gtest/gtest.h>
#include <limits>

namespace {
using namespace rig;

struct weather {
    dunlin::maximum<std::int64_t> high;
    dunlin::minimum<std::int64_t> low;
};
DUNLIN_OBJECT(weather, high, low)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<weather>()};
constexpr std::int64_t numbers[] = {0, 1, -1, 5, 300, -300, std::numeric_limits<std::int64_t>::max(),
                                    std::numeric_limits<std::int64_t>::min()};

template <bool Least> void act(replica& r, notes& note, chance& c) {
    auto& x = r.get<weather>();
    auto n = numbers[draw(c, std::size(numbers))];
    if (draw(c, 6) == 0) {
        Least ? x.low.reset() : x.high.reset();
        return note({spec::operation::erase, {}});
    }
    auto& held = Least ? x.low.value() : x.high.value();
    bool beyond = (Least ? x.low.empty() : x.high.empty()) || (Least ? n < held : n > held);
    must((Least ? x.low.lower(n) : x.high.raise(n)) == beyond, "raise says the wrong thing");
    note({spec::operation::add, {}, n});
}

/// The state holds what is shown, and nothing that is beyond it.
template <bool Least> void compare(replica& r, spec::history const& h, spec::moment const& seen) {
    auto& x = r.get<weather>();
    auto all = spec::said(h, seen, Least);
    auto is = Least ? x.low.value() : x.high.value();
    must((Least ? x.low.empty() : x.high.empty()) == all.empty(), "empty, or not");
    must(is == (all.empty() ? 0 : Least ? *all.begin() : *all.rbegin()), "shows " + std::to_string(is));
    auto told = r.json().at(Least ? "low" : "high");
    must(all.empty() ? told.is_null() : told == is, "JSON differs");
    auto bytes = r.save().member(Least ? "low" : "high", Least ? "Ni" : "Xi");
    dunlin::decoder in(bytes);
    std::set<std::int64_t> stored;
    for (std::uint64_t k = bytes.empty() ? 0 : in.u(), least = 0; k; --k) {
        auto index = in.u();
        must(index >= least && in.u() > 0, "writes are not sorted, or two are one writer's");
        least = index + 1;
        stored.insert(in.i());
    }
    must(in.finished() && stored.empty() == all.empty(), "the state is not the grammar's");
    must(stored.empty() || is == (Least ? *stored.begin() : *stored.rbegin()), "something stored is beyond what is shown");
}

player maxima() { return {types, act<false>, compare<false>}; }
player minima() { return {types, act<true>, compare<true>}; }

TEST(maximum, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(maxima(), 1, 100), ""); }
TEST(minimum, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(minima(), 1, 100), ""); }
TEST(heavy_maximum, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(maxima(), 1000, 2000), ""); }
TEST(heavy_minimum, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(minima(), 1000, 2000), ""); }

TEST(maximum, detached_is_a_plain_value) {
    dunlin::maximum<double> m;
    EXPECT_TRUE(m.empty());
    EXPECT_TRUE(m.raise(-3.5)) << "below zero is more than nothing";
    EXPECT_FALSE(m.raise(-3.5));
    EXPECT_FALSE(m.raise(-4));
    EXPECT_TRUE(m.raise(2));
    EXPECT_EQ(m.value(), 2);
    m.reset();
    EXPECT_TRUE(m.empty());
    dunlin::minimum<std::string> s;
    EXPECT_TRUE(s.lower("b"));
    EXPECT_TRUE(s.lower("a"));
    EXPECT_FALSE(s.lower("aa"));
    EXPECT_EQ(s.value(), "a");
}

TEST(maximum, what_is_not_a_number_is_neither) {
    dunlin::maximum<double> m;
    dunlin::minimum<double> n;
    auto nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(m.raise(nan));
    EXPECT_FALSE(n.lower(nan));
    EXPECT_TRUE(m.empty() && n.empty());
    EXPECT_TRUE(m.raise(1));
    EXPECT_FALSE(m.raise(nan));
    EXPECT_EQ(m.value(), 1);
}

// From an enemy: it would be beyond everything for ever.
TEST(maximum, of_what_is_not_a_number_is_refused_from_outside_too) {
    for (auto kind : {"Xd", "Nd", "Rd"}) {
        dunlin::shapes shapes;
        auto& part = *shapes.kind(kind);
        dunlin::encoder delta;
        delta.u(1);
        if (kind[0] == 'R') delta.u(0);
        delta.u64(dunlin::double_bits(std::numeric_limits<double>::quiet_NaN()));
        dunlin::decoder in(delta.view());
        dunlin::checking c{in, 1, 5};
        part.check(c);
        EXPECT_EQ(in.finished(), kind[0] == 'R') << kind;
    }
}

struct trio {
    replica a{writer(1), types, 3}, b{writer(2), types}, c{writer(3), types, 1};
    static entry raise(replica& r, std::int64_t n) { return *r.turn([&] { r.get<weather>().high.raise(n); }); }
    static std::int64_t high(replica& r) { return r.get<weather>().high; }
};

// The lesser one waits behind the greater: who has seen only the greater takes only that away.
TEST(maximum, the_lesser_of_two_concurrent_ones_stays_when_the_greater_is_reset) {
    trio t;
    auto less = t.raise(t.a, 3), more = t.raise(t.b, 9);
    t.a.absorb(more);
    EXPECT_EQ(t.high(t.a), 9);
    t.c.absorb(more);
    auto reset = *t.c.turn([&] { t.c.get<weather>().high.reset(); });
    t.a.absorb(reset), t.b.absorb(reset), t.b.absorb(less), t.c.absorb(less);
    for (auto r : {&t.a, &t.b, &t.c}) EXPECT_EQ(t.high(*r), 3);
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(maximum, what_does_not_go_beyond_what_is_seen_says_nothing) {
    trio t;
    t.raise(t.a, 5);
    EXPECT_FALSE(t.a.turn([&] { EXPECT_FALSE(t.a.get<weather>().high.raise(5)); }));
    EXPECT_FALSE(t.a.turn([&] { EXPECT_FALSE(t.a.get<weather>().high.raise(-5)); }));
    auto after = *t.a.turn([&] {
        t.a.get<weather>().high.reset();
        EXPECT_TRUE(t.a.get<weather>().high.raise(2)) << "after a reset in the same turn it is a maximum";
    });
    EXPECT_EQ(t.high(t.a), 2);
}

struct narrow_weather {
    dunlin::maximum<std::int8_t> high;
};
DUNLIN_OBJECT_AS("weather", narrow_weather, high)

TEST(maximum, a_narrower_type_shows_the_nearest_and_passes_the_exact_value_on) {
    trio t;
    replica n(writer(4), {&dunlin::struct_of<narrow_weather>()});
    n.absorb(t.raise(t.a, 1000));
    EXPECT_EQ(n.get<narrow_weather>().high.value(), 127);
    EXPECT_FALSE(n.turn([&] { EXPECT_FALSE(n.get<narrow_weather>().high.raise(127)); }));
    EXPECT_EQ(n.save(), t.a.save());
}

TEST(maximum, is_small) {
    trio t;
    EXPECT_LE(t.raise(t.a, 5).bytes() - 6, 2u);
    EXPECT_LE(t.a.save().member("high", "Xi").size(), 4u);
    EXPECT_LE(sizeof(dunlin::maximum<std::int64_t>), 48u);
    EXPECT_EQ(t.a.heap_bytes(), 0u);
}
} // namespace
