#include "play.hpp"
#include <boost/describe/class.hpp>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <variant>

namespace {
using namespace rig;

struct plate {
    dunlin::latest<std::string> name;
};
DUNLIN_OBJECT(plate, name)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<plate>()};

void act(replica& r, notes& note, chance& c) {
    auto& name = r.get<plate>().name;
    if (draw(c, 4) == 0) {
        name.reset();
        note({spec::operation::erase, {}});
    } else {
        auto value = pick(c, "a", "b", "c", "a value that is longer than any that fits inline", "");
        name = value;
        note({spec::operation::write, {}, 0, value});
    }
}

/// One write a writer at most; what is shown is the greatest of those that are kept.
void invariant(replica& r) {
    auto bytes = r.save().member("name", "Rs");
    dunlin::decoder in(bytes);
    std::pair<std::uint64_t, std::string> greatest;
    for (std::uint64_t k = bytes.empty() ? 0 : in.u(), least = 0; k; --k) {
        auto index = in.u();
        must(index >= least && in.u() > 0, "writes are not sorted, or two are one writer's");
        least = index + 1;
        auto stamp = in.u();
        greatest = std::max(greatest, {stamp, std::string(in.bytes())});
    }
    must(in.finished(), "the state is not the grammar's");
    must(r.get<plate>().name == greatest.second, "what is shown is not the greatest of what is kept");
}

player registers() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto is = r.get<plate>().name.value(), should = spec::latest(h, seen);
                must(is == should, "'" + is + "' instead of '" + should + "'");
                invariant(r);
            }};
}

TEST(latest, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(registers(), 1, 150), ""); }
TEST(heavy_latest, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(registers(), 1000, 4000), "");
}

struct trio {
    replica a{writer(1), types, 3}, b{writer(2), types}, c{writer(3), types, 1};
    static entry write(replica& r, std::uint64_t clock, std::string const& value) {
        r.clock = clock;
        return *r.turn([&] { r.get<plate>().name = value; });
    }
    static std::string read(replica& r) { return r.get<plate>().name; }
};

TEST(latest, detached_is_a_plain_value) {
    dunlin::latest<int> n;
    EXPECT_EQ(n, 0);
    n = 5;
    int read = n;
    EXPECT_EQ(read, 5);
    n.reset();
    EXPECT_EQ(n, 0);
    dunlin::latest<std::string> s;
    s = "x";
    EXPECT_EQ(s->size(), 1u);
    EXPECT_TRUE(s == "x");
}

TEST(latest, the_greater_stamp_wins_between_concurrent_writes) {
    trio t;
    auto early = t.write(t.a, 5, "early"), late = t.write(t.b, 6, "late");
    t.a.absorb(late), t.b.absorb(early);
    EXPECT_EQ(t.read(t.a), "late");
    EXPECT_EQ(t.read(t.b), "late");
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(latest, a_write_that_has_seen_another_beats_it_with_any_clock) {
    trio t;
    t.b.absorb(t.write(t.a, 1'000'000, "first"));
    t.a.absorb(t.write(t.b, 0, "second"));
    EXPECT_EQ(t.read(t.a), "second");
    auto second = t.write(t.a, 0, "third");
    t.b.absorb(second);
    EXPECT_EQ(t.read(t.b), "third");
}

TEST(latest, equal_stamps_are_decided_by_the_value) {
    trio t;
    auto x = t.write(t.a, 7, "x"), y = t.write(t.b, 7, "y");
    t.a.absorb(y), t.b.absorb(x), t.c.absorb(y), t.c.absorb(x);
    EXPECT_EQ(t.read(t.a), "y");
    EXPECT_EQ(t.read(t.b), "y");
    EXPECT_EQ(t.a.save(), t.c.save());
}

TEST(latest, the_second_of_two_writes_in_one_tick_is_read) {
    trio t;
    t.write(t.a, 7, "z"), t.write(t.a, 7, "a");
    EXPECT_EQ(t.read(t.a), "a");
}

// A hostile or broken clock says 2^64 - 1: the register is not frozen, since what was seen goes by its dot.
TEST(latest, a_stamp_at_the_end_of_time_freezes_nothing) {
    trio t;
    auto end = t.write(t.a, ~std::uint64_t(0), "end of time");
    t.b.absorb(end);
    auto after = t.write(t.b, 3, "after"), more = t.write(t.b, 3, "a third, smaller value");
    EXPECT_EQ(t.read(t.b), "a third, smaller value");
    t.a.absorb(after), t.a.absorb(more);
    EXPECT_EQ(t.read(t.a), "a third, smaller value");
    EXPECT_EQ(t.a.save(), t.b.save());
}

// Who saw only the winner erases it; X met both and then the erase, Y the winner, the erase and then the loser.
TEST(latest, a_loser_is_kept_until_a_write_replaces_it) {
    trio t;
    auto loser = t.write(t.a, 1, "loser"), winner = t.write(t.b, 2, "winner");
    replica eraser(writer(4), types);
    eraser.absorb(winner);
    auto erase = *eraser.turn([&] { eraser.get<plate>().name.reset(); });
    t.c.absorb(loser), t.c.absorb(winner), t.c.absorb(erase);
    t.b.absorb(erase), t.b.absorb(loser);
    EXPECT_EQ(t.read(t.c), "loser");
    EXPECT_EQ(t.read(t.b), "loser");
    auto all = t.write(t.c, 0, "all");
    t.b.absorb(all), t.a.absorb(winner), t.a.absorb(erase), t.a.absorb(all);
    EXPECT_EQ(t.read(t.a), "all");
    EXPECT_EQ(t.c.heap_bytes(), 0u) << "and not longer";
}

// A rival that was beaten must not come back into view when its winner is overwritten by somebody with a slow clock.
TEST(latest, a_beaten_rival_does_not_come_back_when_the_winner_is_overwritten) {
    trio t;
    auto rival = t.write(t.a, 50, "rival"), winner = t.write(t.b, 60, "winner");
    t.b.absorb(rival);
    EXPECT_EQ(t.read(t.b), "winner");
    t.c.absorb(winner);
    auto over = t.write(t.c, 1, "over"); // has seen the winner, not the rival
    t.b.absorb(over);
    EXPECT_EQ(t.read(t.b), "over");
    t.a.absorb(winner), t.a.absorb(over);
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(latest, a_write_of_the_same_value_is_a_write) {
    trio t;
    t.b.absorb(t.write(t.a, 1, "x"));
    auto erase = *t.b.turn([&] { t.b.get<plate>().name.reset(); });
    auto again = t.write(t.a, 1, "x");
    t.b.absorb(again), t.a.absorb(erase);
    EXPECT_EQ(t.read(t.a), "x");
    EXPECT_EQ(t.read(t.b), "x");
}

struct point {
    int x = 0;
    double y = 0;
    friend bool operator==(point const&, point const&) = default;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct all_kinds {
    dunlin::latest<std::int64_t> i;
    dunlin::latest<std::uint64_t> u;
    dunlin::latest<bool> b;
    dunlin::latest<double> d;
    dunlin::latest<std::vector<std::uint8_t>> y;
    dunlin::latest<point> v;
};
DUNLIN_OBJECT(all_kinds, i, u, b, d, y, v)

TEST(latest, holds_every_kind_of_value_through_entries_and_states) {
    replica a(writer(1), {&dunlin::struct_of<all_kinds>()}), b(writer(2), {&dunlin::struct_of<all_kinds>()});
    auto& x = a.get<all_kinds>();
    for (std::int64_t i : {std::int64_t(0), std::numeric_limits<std::int64_t>::min(), std::int64_t(-65)})
        for (double d : {0.5, -0.0, std::numeric_limits<double>::infinity()}) {
            auto e = *a.turn([&] {
                x.i = i, x.u = std::uint64_t(i), x.b = i == 0, x.d = d;
                x.y = std::vector<std::uint8_t>{0, 255, std::uint8_t(i)}, x.v = point{int(i % 1000), d};
            });
            b.absorb(e);
            replica c(writer(3), {&dunlin::struct_of<all_kinds>()});
            c.join(b.save());
            auto& y = c.get<all_kinds>();
            EXPECT_EQ(y.i, i);
            EXPECT_EQ(y.u, std::uint64_t(i));
            EXPECT_EQ(y.b, i == 0);
            EXPECT_EQ(y.d, d);
            EXPECT_EQ(y.y, x.y.value());
            EXPECT_EQ(y.v, x.v.value());
        }
}

enum class color : std::uint8_t { red = 1, green = 2 };
enum class level { low = -5, high = 1000 };
enum unsaid { some }; // its type would change with its enumerators
static_assert(dunlin::value<color> && dunlin::value<level> && !dunlin::value<unsaid>);
struct circle {
    double radius = 0;
    std::optional<std::string> name;
    friend bool operator==(circle const&, circle const&) = default;
};
BOOST_DESCRIBE_STRUCT(circle, (), (radius, name))
using figure = std::variant<std::monostate, point, circle, std::string, std::vector<std::uint8_t>>;

struct rich {
    dunlin::latest<color> c;
    dunlin::latest<level> l;
    dunlin::latest<std::optional<std::int64_t>> o;
    dunlin::latest<figure> f;
    dunlin::latest<std::variant<bool, std::optional<color>>> v;
    dunlin::set<color> colors;
    dunlin::map<level, dunlin::counter> by_level;
};
DUNLIN_OBJECT(rich, c, l, o, f, v, colors, by_level)

TEST(latest, holds_enums_optionals_and_variants_through_entries_and_states) {
    replica a(writer(1), {&dunlin::struct_of<rich>()}), b(writer(2), {&dunlin::struct_of<rich>()});
    auto& x = a.get<rich>();
    auto same_everywhere = [&] {
        b.absorb(*a.seal());
        replica c(writer(3), {&dunlin::struct_of<rich>()});
        c.join(b.save());
        for (auto r : {&b, &c}) {
            auto& y = r->get<rich>();
            EXPECT_EQ(y.c.value(), x.c.value());
            EXPECT_EQ(y.l.value(), x.l.value());
            EXPECT_EQ(y.o.value(), x.o.value());
            EXPECT_EQ(y.f.value(), x.f.value());
            EXPECT_EQ(y.v.value(), x.v.value());
            EXPECT_TRUE(y.colors.contains(color::green));
            EXPECT_EQ(y.by_level.find(level::high)->value(), x.by_level.find(level::high)->value());
            EXPECT_EQ(r->json(), a.json());
        }
    };
    figure const figures[] = {std::monostate(), point{3, 0.5}, circle{2, "round"}, circle{}, std::string("\xff"), std::vector<std::uint8_t>{0, 255}};
    for (auto& f : figures) {
        x.c = color::green, x.l = level::low, x.o = x.o.value() ? std::optional<std::int64_t>() : -70, x.f = f;
        x.v = std::optional<color>(color::red);
        x.colors.insert(color::green), x.by_level[level::high] += 1;
        same_everywhere();
    }
    x.f = circle{1.5, std::nullopt};
    x.v = true;
    same_everywhere();
    EXPECT_EQ(boost::json::serialize(a.json()),
              R"({"c":2,"l":-5,"o":null,"f":{"name":null,"radius":1.5E0},"v":true,"colors":[2],"by_level":{"1000":6}})");
}

// An alternative or a number that this program does not have: T(), and the exact bytes are passed on.
struct rich_of_tomorrow {
    dunlin::latest<std::variant<std::monostate, point, circle, std::string, std::vector<std::uint8_t>, std::int64_t>> f;
    dunlin::latest<std::uint64_t> c;
};
DUNLIN_OBJECT_AS("rich", rich_of_tomorrow, f, c)

TEST(latest, an_alternative_that_is_unknown_here_is_read_as_nothing_and_passed_on) {
    replica a(writer(1), {&dunlin::struct_of<rich_of_tomorrow>()}), b(writer(2), {&dunlin::struct_of<rich>()});
    auto e = *a.turn([&] { a.get<rich_of_tomorrow>().f = std::int64_t(5), a.get<rich_of_tomorrow>().c = 1000; });
    b.absorb(e);
    EXPECT_EQ(b.get<rich>().f.value(), figure());
    EXPECT_EQ(b.get<rich>().c.value(), color(255)) << "the nearest that its type can hold";
    EXPECT_EQ(b.save(), a.save());
}

struct wide {
    dunlin::latest<std::int64_t> n;
};
struct narrow {
    dunlin::latest<std::int8_t> n;
};
DUNLIN_OBJECT_AS("reading", wide, n)
DUNLIN_OBJECT_AS("reading", narrow, n)

TEST(latest, a_narrower_type_shows_the_nearest_and_passes_the_exact_value_on) {
    replica a(writer(1), {&dunlin::struct_of<wide>()}), b(writer(2), {&dunlin::struct_of<narrow>()});
    b.absorb(*a.turn([&] { a.get<wide>().n = 1000; }));
    EXPECT_EQ(b.get<narrow>().n, 127);
    EXPECT_EQ(a.save(), b.save());
    auto before = b.save();
    b.atomic([&] {
        b.get<narrow>().n = 5;
        return false;
    });
    EXPECT_EQ(b.save(), before) << "an undone write has lost the exact value";
    a.absorb(*b.turn([&] { b.get<narrow>().n = 5; }));
    EXPECT_EQ(a.get<wide>().n, 5);
    EXPECT_EQ(a.save(), b.save());
}

TEST(latest, a_value_above_its_bound_is_refused_and_changes_nothing) {
    trio t;
    t.write(t.a, 1, "x");
    EXPECT_THROW(t.a.get<plate>().name = std::string(dunlin::value_bytes_max + 1, 'x'), boost::system::system_error);
    EXPECT_FALSE(t.a.seal());
    EXPECT_EQ(t.read(t.a), "x");
    EXPECT_TRUE(t.a.turn([&] { t.a.get<plate>().name = std::string(dunlin::value_bytes_max, 'x'); }));
}

struct letter {
    std::string head, body;
    friend bool operator==(letter const&, letter const&) = default;
};
BOOST_DESCRIBE_STRUCT(letter, (), (head, body))
struct envelope {
    dunlin::latest<letter> of;
};
DUNLIN_OBJECT(envelope, of)

TEST(latest, a_described_value_above_its_bound_is_refused_and_changes_nothing) {
    replica a(writer(1), {&dunlin::struct_of<envelope>()}), b(writer(2), {&dunlin::struct_of<envelope>()});
    auto& x = a.get<envelope>().of;
    b.absorb(*a.turn([&] { x = letter{"x", "y"}; }));
    std::string large(700'000, 'x');
    EXPECT_THROW((x = letter{large, large}), boost::system::system_error);
    EXPECT_FALSE(a.seal());
    EXPECT_EQ(x, (letter{"x", "y"}));
    letter most{std::string(500'000, 'x'), std::string(500'000, 'y')};
    dunlin::encoder bytes;
    dunlin::value_codec<letter>::put(bytes, most);
    most.body.append(dunlin::value_bytes_max - bytes.size(), 'y');
    b.absorb(*a.turn([&] { x = most; }));
    EXPECT_EQ(b.get<envelope>().of, most) << "what is taken here is taken everywhere";
    most.head += 'x';
    EXPECT_THROW(x = most, boost::system::system_error);
}

TEST(latest, a_described_value_weighs_what_it_writes) {
    replica a(writer(1), {&dunlin::struct_of<envelope>()});
    auto before = a.heap_bytes();
    a.get<envelope>().of = letter{std::string(300'000, 'x'), std::string(400'000, 'y')};
    auto weight = dunlin::struct_of<envelope>().weigh(a.at().value());
    EXPECT_LE(a.seal()->bytes(), weight);
    EXPECT_GE(a.heap_bytes(), before + 700'000);
}

TEST(latest, is_small) {
    trio t;
    auto e = t.write(t.a, 1'700'000'000'000, "x");
    EXPECT_LE(e.bytes() - 6, 4u) << "no stamp of its own: the entry has it";
    EXPECT_LE(t.a.save().member("name", "Rs").size(), 13u);
    EXPECT_LE(sizeof(dunlin::latest<std::int64_t>), 48u);
    EXPECT_LE(sizeof(dunlin::latest<std::string>), 72u);
    EXPECT_EQ(t.a.heap_bytes(), 0u);
}
} // namespace
