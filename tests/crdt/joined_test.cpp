#include "play.hpp"
#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

namespace {
using namespace rig;

/// Names that were seen: a grow-only set as a value, with bytes of its own.
struct names {
    std::set<std::string> all;
    void join(names const& other) { all.insert(other.all.begin(), other.all.end()); }
    bool operator==(names const&) const = default;
    void encode(dunlin::encoder& out) const {
        out.u(all.size());
        for (auto& n : all) out.bytes(n);
    }
    void decode(dunlin::decoder& in) {
        for (auto n = in.count(); n && in.ok(); --n) {
            std::string one(in.bytes());
            if (!all.empty() && one <= *all.rbegin()) return in.fail();
            all.insert(all.end(), std::move(one));
        }
    }
};

struct guests {
    dunlin::joined<names> seen;
};
DUNLIN_OBJECT(guests, seen)
std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<guests>()};

names one(std::string n) { return {{std::move(n)}}; }
auto& seen_by(replica& r) { return r.get<guests>().seen; }

void act(replica& r, notes& note, chance& c) {
    auto& seen = seen_by(r);
    if (draw(c, 6) == 0) return seen.reset(), note({spec::operation::erase, {}});
    auto n = pick(c, "ada", "bob", "cid", "a name that is longer than any that fits inline", "");
    bool is_new = !seen.value().all.contains(n);
    must(seen.join(one(n)) == is_new, "a join says that it adds what it does not, or the other way round");
    must(seen.value().all.contains(n), "what was joined is not shown");
    if (is_new) note({spec::operation::write, {}, 0, n});
}

/// Each join that adds is a write of all that its author saw: what stands is shown, and what that carries.
std::set<std::string> said(spec::history const& h, spec::moment const& seen) {
    std::set<std::string> all;
    for (auto o : spec::standing(h, seen)) {
        all.insert(h.all[o].value);
        all.merge(said(h, h.past[o]));
    }
    return all;
}

player lists() {
    player p{types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                 auto& x = seen_by(r);
                 must(x.value().all == said(h, seen), "not what its specification says");
                 must(x.empty() == x.value().all.empty(), "empty says the wrong thing");
             }};
    p.steps = 24; // the specification walks every path
    return p;
}

TEST(joined, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(lists(), 1, 150), ""); }
TEST(heavy_joined, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(lists(), 1000, 2000), ""); }

struct pair {
    replica a{writer(1), types, 2}, b{writer(2), types};
    entry join(replica& r, names const& n) {
        return *r.turn([&] { EXPECT_TRUE(seen_by(r).join(n)); });
    }
    std::size_t writes(replica& r) const {
        auto bytes = r.save().member("seen", "Vy");
        return bytes.empty() ? 0 : std::size_t(dunlin::decoder(bytes).u());
    }
};

TEST(joined, is_read_as_one_and_kept_apart_until_somebody_joins_more) {
    pair t;
    auto ada = t.join(t.a, one("ada")), bob = t.join(t.b, one("bob"));
    t.a.absorb(bob), t.b.absorb(ada);
    for (auto r : {&t.a, &t.b}) {
        EXPECT_EQ(seen_by(*r).value().all, (std::set<std::string>{"ada", "bob"}));
        EXPECT_EQ(t.writes(*r), 2u);
    }
    EXPECT_FALSE(t.a.turn([&] { EXPECT_FALSE(seen_by(t.a).join(one("bob"))); })) << "what is seen is no change";
    t.b.absorb(t.join(t.a, one("cid")));
    EXPECT_EQ(t.writes(t.b), 1u);
    EXPECT_EQ(seen_by(t.b).value().all, (std::set<std::string>{"ada", "bob", "cid"}));
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(joined, an_erase_takes_what_it_has_seen_and_no_join_that_it_has_not) {
    pair t;
    t.b.absorb(t.join(t.a, one("ada")));
    auto bob = t.join(t.b, one("bob"));
    t.b.absorb(*t.a.turn([&] { seen_by(t.a).reset(); }));
    t.a.absorb(bob);
    EXPECT_EQ(seen_by(t.a).value().all, (std::set<std::string>{"ada", "bob"})) << "bob's join was one of all that it saw";
    EXPECT_EQ(t.a.save(), t.b.save());
    t.b.absorb(*t.a.turn([&] { t.a.erase(); }));
    EXPECT_TRUE(seen_by(t.b).empty());
    EXPECT_EQ(t.writes(t.b), 0u);
}

TEST(joined, is_as_before_when_an_atomic_is_undone) {
    pair t;
    t.a.absorb(t.join(t.b, one("bob")));
    t.join(t.a, one("ada"));
    auto before = t.a.save();
    t.a.atomic([&] {
        seen_by(t.a).join(one("cid"));
        seen_by(t.a).reset();
        seen_by(t.a).join(one("dan"));
        EXPECT_EQ(seen_by(t.a).value().all, std::set<std::string>{"dan"});
        return false;
    });
    EXPECT_EQ(t.a.save(), before);
    EXPECT_EQ(seen_by(t.a).value().all, (std::set<std::string>{"ada", "bob"}));
}

/// The same field in a program that writes other bytes: as an enemy, or a later version.
struct stranger {
    dunlin::siblings<std::vector<std::uint8_t>> seen;
};
DUNLIN_OBJECT_AS("guests", stranger, seen)
std::vector<dunlin::struct_part const*> const strange = {&dunlin::struct_of<stranger>()};

TEST(joined, bytes_that_are_no_value_are_kept_beside_and_take_nothing_with_them) {
    std::vector<std::vector<std::uint8_t>> const hostile = {
        {}, {1}, {2, 1, 'b', 1, 'a'}, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, {1, 1, 'x', 7}, {0xF8, 1}};
    for (auto& bytes : hostile) {
        pair t;
        replica enemy(writer(3), strange, 1);
        auto bad = *enemy.turn([&] { enemy.get<stranger>().seen = bytes; });
        auto ada = t.join(t.a, one("ada"));
        ASSERT_EQ(t.a.absorb(bad), absorbed::yes);
        EXPECT_EQ(seen_by(t.a).value().all, std::set<std::string>{"ada"});
        auto bob = t.join(t.a, one("bob"));
        enemy.absorb(ada), enemy.absorb(bob), t.b.join(t.a.save());
        EXPECT_EQ(enemy.save(), t.a.save()) << "who has the type and who has not keep the same bytes";
        EXPECT_EQ(t.b.save(), t.a.save());
        EXPECT_EQ(t.writes(t.a), 2u) << "what cannot be read stays";
        EXPECT_EQ(seen_by(t.b).value().all, (std::set<std::string>{"ada", "bob"}));
        enemy.absorb(*t.a.turn([&] {
            seen_by(t.a).reset();
            seen_by(t.a).join(one("cid"));
        }));
        EXPECT_EQ(t.writes(t.a), 1u) << "a reset takes it";
        EXPECT_EQ(enemy.save(), t.a.save());
    }
}

struct early {
    std::uint32_t width = 0;
    void join(early const& x) { width = std::max(width, x.width); }
    bool operator==(early const&) const = default;
};
struct late {
    std::uint32_t width = 0, height = 0;
    void join(late const& x) { width = std::max(width, x.width), height = std::max(height, x.height); }
    bool operator==(late const&) const = default;
};
BOOST_DESCRIBE_STRUCT(early, (), (width))
BOOST_DESCRIBE_STRUCT(late, (), (width, height))
struct early_page {
    dunlin::joined<early> size;
};
struct late_page {
    dunlin::joined<late> size;
};
DUNLIN_OBJECT_AS("page", early_page, size)
DUNLIN_OBJECT_AS("page", late_page, size)

// A program that does not have a member joins, and what the other has said of that member is not lost.
TEST(joined, a_member_that_a_program_does_not_have_survives_its_joins) {
    std::vector<dunlin::struct_part const*> const of_early = {&dunlin::struct_of<early_page>()}, of_late = {&dunlin::struct_of<late_page>()};
    replica old(writer(1), of_early), fresh(writer(2), of_late, 2);
    old.absorb(*fresh.turn([&] { fresh.get<late_page>().size.join({80, 24}); }));
    EXPECT_EQ(old.get<early_page>().size.value().width, 80u);
    fresh.absorb(*old.turn([&] { old.get<early_page>().size.join({100}); }));
    EXPECT_EQ(fresh.get<late_page>().size.value(), (late{100, 24}));
    EXPECT_EQ(old.save(), fresh.save());
    // The one that has all members reads the other's whole, and leaves one write.
    old.absorb(*fresh.turn([&] { fresh.get<late_page>().size.join({0, 30}); }));
    auto bytes = old.save().member("size", "Vv");
    EXPECT_EQ(dunlin::decoder(bytes).u(), 1u);
    EXPECT_EQ(old.save(), fresh.save());
    EXPECT_EQ(fresh.get<late_page>().size.value(), (late{100, 30}));
}

TEST(joined, detached_is_a_plain_value) {
    dunlin::joined<early> x;
    EXPECT_TRUE(x.empty());
    EXPECT_FALSE(x.join({})) << "the bottom is nothing";
    EXPECT_TRUE(x.join({3}));
    EXPECT_FALSE(x.join({2}));
    EXPECT_EQ(x.value().width, 3u);
    x.reset();
    EXPECT_EQ(x.value(), early());
}

TEST(joined, refuses_more_than_a_megabyte_and_changes_nothing) {
    pair t;
    t.join(t.a, one("ada"));
    EXPECT_THROW(seen_by(t.a).join(one(std::string(1 << 20, 'x'))), boost::system::system_error);
    EXPECT_FALSE(t.a.seal());
    EXPECT_EQ(seen_by(t.a).value().all, std::set<std::string>{"ada"});
}

struct invitation {
    std::string from;
    names to;
    bool operator==(invitation const&) const = default;
};
BOOST_DESCRIBE_STRUCT(invitation, (), (from, to))

// A class that writes itself is a value like others, wherever a value may stand.
TEST(joined, its_values_are_values_elsewhere_too) {
    dunlin::latest<names> last;
    last = one("ada");
    EXPECT_EQ(last.value(), one("ada"));
    dunlin::latest<invitation> sent;
    sent = invitation{"ada", one("bob")};
    EXPECT_EQ(sent.value().to, one("bob"));
    dunlin::set<names> groups;
    groups.insert(one("ada")), groups.insert(one("ada")), groups.insert(one("bob"));
    EXPECT_EQ(groups.size(), 2u);
    EXPECT_TRUE(groups.contains(one("bob")));
    dunlin::map<names, dunlin::counter> met;
    met[one("ada")] += 2;
    EXPECT_EQ(met[one("ada")]->value(), 2);
    EXPECT_FALSE(dunlin::ordered_value<names>) << "its bytes have an order, which need not be its own";
}

/// Throws at what it does not like.
struct thrower : names {
    void join(thrower const& x) { names::join(x); }
    bool operator==(thrower const&) const = default;
    void decode(dunlin::decoder& in) {
        names::decode(in);
        if (!in.finished()) throw 7;
    }
};
TEST(joined, a_decode_that_throws_ends_nothing) {
    thrower x;
    EXPECT_EQ(dunlin::value_codec<thrower>::get("\2\1a", x), dunlin::fit::none);
    EXPECT_EQ(x, thrower());
}

TEST(joined, is_small) {
    pair t;
    EXPECT_LE(t.join(t.a, one("x")).bytes() - 6, 5u) << "1 byte, and its bytes behind their length";
    EXPECT_LE(t.a.save().member("seen", "Vy").size(), 7u);
    EXPECT_EQ(sizeof(dunlin::joined<late>), 40u);
}
} // namespace

// ---- a program in which a member is narrower, and what is not even itself

namespace {
struct wide_marks {
    std::uint64_t bits = 0;
    std::int64_t n = 0;
    void join(wide_marks const& x) { bits |= x.bits, n = std::max(n, x.n); }
    bool operator==(wide_marks const&) const = default;
};
BOOST_DESCRIBE_STRUCT(wide_marks, (), (bits, n))
struct narrow_marks {
    std::uint32_t bits = 0;
    std::int64_t n = 0;
    void join(narrow_marks const& x) { bits |= x.bits, n = std::max(n, x.n); }
    bool operator==(narrow_marks const&) const = default;
};
BOOST_DESCRIBE_STRUCT(narrow_marks, (), (bits, n))
struct width {
    double w = 0;
    void join(width const& x) { w = std::max(x.w, w); }
    bool operator==(width const&) const = default;
};
BOOST_DESCRIBE_STRUCT(width, (), (w))

struct wide_page {
    dunlin::joined<wide_marks> all;
};
DUNLIN_OBJECT_AS("marks", wide_page, all)
struct narrow_page {
    dunlin::joined<narrow_marks> all;
};
DUNLIN_OBJECT_AS("marks", narrow_page, all)
} // namespace

TEST(joined, of_a_narrower_program_invents_nothing_and_loses_nothing) {
    std::vector<dunlin::struct_part const*> const of_wide = {&dunlin::struct_of<wide_page>()}, of_narrow = {&dunlin::struct_of<narrow_page>()};
    rig::replica wide(rig::writer(1), of_wide), narrow(rig::writer(2), of_narrow, 2);
    auto& theirs = wide.get<wide_page>().all;
    auto& ours = narrow.get<narrow_page>().all;
    narrow.absorb(*wide.turn([&] { theirs.join({std::uint64_t(1) << 40 | 1, 5}); }));
    EXPECT_EQ(ours.value(), narrow_marks()) << "what it cannot hold is not what was written";
    auto said = narrow.turn([&] { EXPECT_TRUE(ours.join({1, 0})); });
    ASSERT_TRUE(said);
    wide.absorb(*said);
    wide.absorb(*narrow.turn([&] { EXPECT_TRUE(ours.join({2, 7})); }));
    EXPECT_EQ(theirs.value(), (wide_marks{std::uint64_t(1) << 40 | 3, 7}));
    EXPECT_EQ(ours.value(), (narrow_marks{3, 7}));
    EXPECT_EQ(wide.save(), narrow.save());
}

TEST(joined, takes_nothing_that_is_not_itself) {
    dunlin::joined<width> w;
    w.join({7});
    EXPECT_FALSE(w.join({std::numeric_limits<double>::quiet_NaN()}));
    EXPECT_EQ(w.value().w, 7);
    EXPECT_TRUE(w.join({8}));
}
