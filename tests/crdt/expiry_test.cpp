// length: the specification and a list of short cases, each a way to lose something or to keep it for ever
#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;
using namespace std::chrono_literals;

struct guest {
    dunlin::set<std::string> tags;
    dunlin::latest<std::string> name;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(guest, tags, name, expires)
struct hotel {
    dunlin::map<std::string, guest> in;
    dunlin::map<std::string, dunlin::expiry> online;
    dunlin::map<std::string, dunlin::map<std::string, guest>> floors;
    dunlin::counter visits;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(hotel, in, online, floors, visits, expires)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<hotel>()};
auto& hotel_wall = rig::object::wall_ms;
constexpr std::int64_t none = dunlin::never_ms;

// ---- the specification: a deadline is the latest of those that nobody has replaced; content says again what it has seen

std::int64_t deadline(spec::history const& h, spec::moment const& seen, spec::path const& at) {
    std::int64_t latest = -1; // none is one too, and the latest, where it was said
    for (auto o : spec::siblings(h, seen, at)) latest = std::max(latest, h.all[o].amount);
    return latest < 0 ? none : latest;
}
bool has_content(spec::history const& h, spec::moment const& seen, spec::path const& at) {
    for (auto o : spec::standing(h, seen))
        if (spec::begins(h.all[o].at, at) && h.all[o].at.back() != "expires") return true;
    return false;
}

struct teller {
    notes& note;
    spec::path at; // of the element
    /// What was changed in this turn goes on as what it was.
    bool goes_on() const {
        for (auto& o : note.history.all)
            if (o.turn == note.turn && spec::begins(o.at, at)) return true;
        return false;
    }
    spec::path expires() const { return {at[0], at[1], "expires"}; }
    bool is_over() const { return !goes_on() && deadline(note.history, note.seen, expires()) <= hotel_wall; }
    void begin_anew() {
        if (!is_over()) return;
        note({spec::operation::erase, at});
        if (at[0] == "in") note({spec::operation::write, expires(), none});
    }
    void content(spec::operation op) {
        begin_anew();
        note(std::move(op));
        if (auto said = spec::siblings(note.history, note.seen, expires()); !said.empty())
            note({spec::operation::write, expires(), deadline(note.history, note.seen, expires())});
    }
    void ends_at(std::int64_t ms) { begin_anew(), note({spec::operation::write, expires(), ms}); }
};

void act(replica& r, notes& note, chance& c) {
    auto& x = r.get<hotel>();
    hotel_wall += draw(c, 3);
    auto key = pick(c, "a", "b", "c");
    teller say{note, {"in", key}};
    switch (draw(c, 10)) {
    case 0:
    case 1:
    case 2: {
        auto tag = pick(c, "red", "blue", "a longer tag than fits in place");
        auto now = x.in.find(key);
        if (now && now->tags.contains(tag)) return;
        x.in[key]->tags.insert(tag);
        return say.content({spec::operation::insert, {"in", key, "tags", tag}});
    }
    case 3:
    case 4: {
        auto name = pick(c, "Ann", "Bob", "Cid");
        x.in[key]->name = name;
        return say.content({spec::operation::write, {"in", key, "name"}, 0, name});
    }
    case 5:
    case 6: {
        auto after = int(draw(c, 40));
        x.in[key]->expires(std::chrono::milliseconds(after));
        return say.ends_at(hotel_wall + after);
    }
    case 7:
        if (say.goes_on() && !x.in.contains(key)) return; // begun anew in this turn, and taken back: as if nobody had looked
        x.in[key]->expires.never();
        return say.is_over() ? void() : say.ends_at(none); // of what is over: nothing was written
    case 8:
        if (draw(c, 4) == 0) return x.in.clear(), note({spec::operation::erase, {"in"}});
        x.in.erase(key);
        return note({spec::operation::erase, {"in", key}});
    default:
        auto after = int(draw(c, 40));
        teller{note, {"online", key}}.ends_at(hotel_wall + after);
        return x.online[key](std::chrono::milliseconds(after));
    }
}

void compare(replica& r, spec::history const& h, spec::moment const& seen) {
    auto& x = r.get<hotel>();
    std::size_t here = 0, online = 0;
    auto json = r.json();
    for (std::string key : {"a", "b", "c"}) {
        auto d = deadline(h, seen, {"in", key, "expires"});
        bool shows = has_content(h, seen, {"in", key}) && d > hotel_wall;
        auto found = x.in.find(key);
        must(bool(found) == shows, key + (found ? " shows and is not there" : " is there and does not show"));
        must(x.in[key].exists() == shows && json.at("in").as_object().contains(key) == shows, "two views differ");
        here += shows;
        if (shows) {
            std::set<std::string> tags;
            for (auto o : spec::standing(h, seen))
                if (spec::begins(h.all[o].at, {"in", key, "tags"})) tags.insert(h.all[o].at.back());
            must(std::set<std::string>(found->tags.begin(), found->tags.end()) == tags, "tags of another life");
            must(found->name.value() == spec::latest(h, seen, {"in", key, "name"}), "the name of another life");
            must(found->expires.is_set() == (d != none), "a deadline, or none");
            must(d == none || found->expires.left().count() == d - hotel_wall, "another deadline");
        }
        auto o = deadline(h, seen, {"online", key, "expires"});
        must(x.online.contains(key) == (o != none && o > hotel_wall), key + ": online, or not");
        online += o != none && o > hotel_wall;
    }
    must(x.in.size() == here && x.online.size() == online, "size");
    std::size_t met = 0;
    for (auto [key, g] : x.in) met += x.in.contains(key);
    must(met == here, "iteration shows something else");
}

player hotels() {
    hotel_wall = 0;
    return {types, act, compare};
}

TEST(expiry, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(hotels(), 1, 150), ""); }
TEST(heavy_expiry, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(hotels(), 1000, 2000), ""); }

TEST(expiry, detached_is_a_plain_value_and_time_stands_still) {
    dunlin::expiry e;
    EXPECT_FALSE(e.is_set());
    EXPECT_FALSE(e.is_over());
    EXPECT_EQ(e.left(), std::chrono::milliseconds::max());
    e(5s);
    EXPECT_TRUE(e.is_set());
    EXPECT_EQ(e.left(), 5s);
    e(0s);
    EXPECT_TRUE(e.is_over());
    e(-5s);
    EXPECT_TRUE(e.is_over()) << "what is over already is over";
    e(std::chrono::milliseconds::max());
    EXPECT_GT(e.left(), 24h * 365 * 10'000);
    e.never();
    EXPECT_FALSE(e.is_set());
}

struct pair {
    replica a{writer(1), types, 2}, b{writer(2), types};
    pair() { hotel_wall = 1000; }
    hotel &of_a = a.get<hotel>(), &of_b = b.get<hotel>();
    void b_hears(entry const& e) { EXPECT_EQ(b.absorb(e), absorbed::yes); }
    void a_hears(entry const& e) { EXPECT_EQ(a.absorb(e), absorbed::yes); }
};

TEST(expiry, keep_says_little_and_promises_all_of_the_time) {
    pair t;
    unsigned entries = 0;
    for (int k = 0; k < 1000; ++k, hotel_wall += 10) {
        entries += bool(t.a.turn([&] { t.of_a.expires.keep(1s); }));
        EXPECT_GE(t.of_a.expires.left(), 1s);
        EXPECT_LE(t.of_a.expires.left(), 1063ms);
    }
    EXPECT_LE(entries, 16 * 10u) << "in ten seconds";
    t.a.turn([&] { t.of_a.expires(10s); });
    EXPECT_FALSE(t.a.turn([&] { t.of_a.expires.keep(1s); })) << "keep shortens nothing";
    EXPECT_TRUE(t.a.turn([&] { t.of_a.expires(1s); }));
    EXPECT_EQ(t.of_a.expires.left(), 1s);
}

TEST(expiry, of_two_concurrent_deadlines_the_later_wins_and_one_that_has_seen_the_other_replaces_it) {
    pair t;
    auto longer = *t.a.turn([&] { t.of_a.expires(60s), t.of_a.visits += 1; });
    auto shorter = *t.b.turn([&] { t.of_b.expires(10s); });
    t.b_hears(longer), t.a_hears(shorter);
    EXPECT_EQ(t.of_a.expires.left(), 60s);
    EXPECT_EQ(t.of_b.expires.left(), 60s);
    t.a_hears(*t.b.turn([&] { t.of_b.expires(5s); }));
    EXPECT_EQ(t.of_a.expires.left(), 5s);
    EXPECT_EQ(t.a.save(), t.b.save());
}

// b writes before it hears that the time was over and all was taken away: what it writes is of the life that ended.
TEST(expiry, what_was_changed_in_the_old_life_ends_with_it) {
    pair t;
    t.b_hears(*t.a.turn([&] { t.of_a.in["x"]->name = "Ann", t.of_a.in["x"]->expires(10s); }));
    auto late = *t.b.turn([&] { t.of_b.in["x"]->tags.insert("red"); });
    hotel_wall += 20'000;
    t.b_hears(*t.a.turn([&] { t.of_a.in.erase("x"); }));
    t.a_hears(late);
    EXPECT_EQ(t.a.save(), t.b.save());
    EXPECT_FALSE(t.of_a.in.contains("x"));
    EXPECT_FALSE(t.of_b.in.contains("x"));
    hotel_wall -= 15'000;
    EXPECT_TRUE(t.of_a.in.contains("x")) << "it was there while its time was not over";
}

TEST(expiry, the_objects_own_is_said_again_by_each_of_its_entries_and_by_no_other) {
    pair t;
    t.b_hears(*t.a.turn([&] { t.of_a.visits += 1, t.of_a.expires(10s); }));
    auto more = *t.b.turn([&] { t.of_b.visits += 1; });
    auto gone = *t.a.turn([&] { t.a.erase(); });
    t.a_hears(more), t.b_hears(gone);
    EXPECT_EQ(t.of_a.visits, 1);
    EXPECT_EQ(t.of_a.expires.left(), 10s) << "what b changed has its deadline";
    EXPECT_EQ(t.a.save(), t.b.save());
    EXPECT_FALSE(t.a.turn([&] { EXPECT_FALSE(t.of_a.in["nobody"]->tags.contains("red")); })) << "who only looks says nothing";
    EXPECT_LE(more.bytes(), 30u);
}

TEST(expiry, a_deadline_alone_makes_nothing_exist_unless_it_is_the_element) {
    pair t;
    t.a.turn([&] { t.of_a.in["x"]->expires(10s), t.of_a.online["x"](10s), t.of_a.floors["1"]["y"]->expires(10s); });
    EXPECT_FALSE(t.of_a.in.contains("x"));
    EXPECT_TRUE(t.of_a.online.contains("x"));
    EXPECT_FALSE(t.of_a.floors.contains("1"));
    EXPECT_EQ(t.of_a.floors.size(), 0u);
    t.a.turn([&] { t.of_a.floors["1"]["y"]->name = "Yve"; });
    EXPECT_TRUE(t.of_a.floors["1"]["y"].exists());
    hotel_wall += 10'000;
    EXPECT_FALSE(t.of_a.floors.contains("1")) << "all that is in it is over";
    EXPECT_FALSE(t.of_a.floors["1"]["y"].exists());
    EXPECT_FALSE(t.of_a.online.contains("x"));
}

TEST(expiry, a_new_life_has_nothing_of_the_old_one) {
    pair t;
    t.a.turn([&] { t.of_a.in["x"]->name = "Ann", t.of_a.in["x"]->tags.insert("red"), t.of_a.in["x"]->expires(10s); });
    hotel_wall += 10'000;
    t.a.turn([&] { EXPECT_TRUE(t.of_a.in["x"]->tags.insert("red")) << "it is not in the new one"; });
    auto x = t.of_a.in.find("x");
    ASSERT_TRUE(x);
    EXPECT_EQ(x->name.value(), "");
    EXPECT_FALSE(x->expires.is_set());
    EXPECT_EQ(x->tags.size(), 1u);
}

/// Who goes through all elements: when they are over, told once; when they go; what is left to do.
TEST(expiry, a_walk_takes_away_what_is_to_go_and_says_when_to_come_again) {
    pair t;
    t.a.turn([&] {
        for (int k = 0; k < 10; ++k) {
            auto key = std::to_string(k);
            t.of_a.in[key]->name = "N", t.of_a.in[key]->expires(std::chrono::seconds(k + 1));
            t.of_a.floors["f"][key]->name = "N", t.of_a.floors["f"][key]->expires(std::chrono::seconds(k + 1));
        }
    });
    auto& part = t.a.at().type();
    auto walk = [&](std::int64_t since, std::int64_t now, std::size_t most) {
        auto goes = [](std::int64_t at, dunlin::deadline_setters const& by, bool) { return by.empty() ? 0 : at + 2000; };
        dunlin::ending e{since, now, goes, most};
        t.a.turn([&] { part.end(t.a.at().value(), e); });
        return e;
    };
    auto first = walk(1000, 1500, 100);
    EXPECT_FALSE(first.over);
    EXPECT_EQ(first.erased, 0u);
    EXPECT_EQ(first.next_ms, 2000);
    auto second = walk(1500, 2000, 100);
    EXPECT_TRUE(second.over);
    EXPECT_EQ(second.erased, 0u);
    EXPECT_EQ(second.next_ms, 3000) << "the next one is over";
    auto third = walk(2000, 5100, 3);
    EXPECT_EQ(third.erased, 3u) << "of four, in each of two places";
    EXPECT_LE(third.next_ms, 5100) << "there is more to do";
    auto fourth = walk(5100, 5100, 100);
    EXPECT_FALSE(fourth.over);
    EXPECT_EQ(fourth.erased, 1u);
    EXPECT_EQ(t.of_a.in.size(), 8u);
}

struct bare_hotel { // of a program that is older
    dunlin::counter visits;
};
DUNLIN_OBJECT_AS("hotel", bare_hotel, visits)

TEST(expiry, that_a_program_does_not_know_holds_there_too) {
    pair t;
    dunlin::shapes kinds;
    ASSERT_TRUE(kinds.add("hotel", "expires", "Ei"));
    replica old{writer(3), {&dunlin::struct_of<bare_hotel>()}, 1, &kinds};
    auto first = *t.a.turn([&] { t.of_a.visits += 1, t.of_a.expires(10s); });
    t.b_hears(first);
    old.absorb(first);
    auto deadline = [&] { return old.at().type().deadline_ms(old.at().value()); };
    EXPECT_EQ(deadline(), 11'000);
    EXPECT_FALSE(old.atomic([&] { return old.erase(), false; }));
    EXPECT_EQ(deadline(), 11'000) << "as it was";
    auto more = *old.turn([&] { old.get<bare_hotel>().visits += 1; });
    t.b_hears(*t.a.turn([&] { t.a.erase(); }));
    t.b_hears(more), t.a_hears(more);
    EXPECT_EQ(t.of_a.expires.left(), 10s) << "what it writes ends with the rest";
    EXPECT_EQ(t.a.save(), t.b.save());
    hotel_wall += 10'000;
    EXPECT_FALSE(old.at().type().shows(old.at().value(), hotel_wall));
}

TEST(expiry, from_an_enemy_is_a_time) {
    for (auto ms : {std::numeric_limits<std::int64_t>::min(), std::int64_t(-1), std::int64_t(0), none}) {
        dunlin::encoder delta;
        delta.u(1), delta.i(ms);
        dunlin::decoder in(delta.view());
        dunlin::checking c{in, 1, 5};
        dunlin::expiry::of().check(c);
        EXPECT_EQ(in.finished(), ms >= 0) << ms;
    }
}

TEST(expiry, of_the_longest_time_there_is_is_far_away) {
    dunlin::expiry e;
    e.keep(std::chrono::milliseconds::max());
    EXPECT_GT(e.left(), 24h * 365 * 10'000);
    e.keep(std::chrono::milliseconds::min());
    EXPECT_FALSE(e.is_over());
}

TEST(expiry, an_element_that_is_over_and_only_looked_at_is_as_it_was) {
    pair t;
    t.a.turn([&] { t.of_a.in["x"]->name = "Ann", t.of_a.in["x"]->tags.insert("red"), t.of_a.in["x"]->expires(10s); });
    auto before = t.a.save();
    hotel_wall += 20'000;
    EXPECT_FALSE(t.a.turn([&] {
        EXPECT_FALSE(t.of_a.in["x"]->tags.contains("red"));
        EXPECT_EQ(t.of_a.in["x"]->name.value(), "");
    }));
    EXPECT_FALSE(t.a.atomic([&] { return t.of_a.in["x"]->name = "Bob", false; }));
    EXPECT_EQ(t.a.save(), before);
    EXPECT_TRUE(t.a.turn([&] {
        EXPECT_FALSE(t.of_a.in["x"]->tags.contains("red"));
        t.of_a.in.erase("x");
    })) << "an erase is a change";
    hotel_wall -= 15'000;
    EXPECT_FALSE(t.of_a.in.contains("x"));
}

TEST(expiry, what_a_turn_has_begun_goes_on_in_it) {
    pair t;
    t.a.turn([&] { t.of_a.in["x"]->expires(0s), t.of_a.in["x"]->name = "Ann"; });
    EXPECT_FALSE(t.of_a.in.contains("x")) << "it has ended, and has not begun anew without a deadline";
    t.a.turn([&] {
        t.of_a.in["y"]->expires(5s), t.of_a.in["y"]->name = "Yve";
        hotel_wall += 5'000;
        t.of_a.in["y"]->tags.insert("red");
    });
    hotel_wall -= 5'000;
    EXPECT_EQ(t.of_a.in.find("y")->name.value(), "Yve");
}

TEST(expiry, never_is_later_than_all) {
    pair t;
    t.b_hears(*t.a.turn([&] { t.of_a.visits += 1, t.of_a.expires(10s); }));
    auto never = *t.a.turn([&] { t.of_a.expires.never(); });
    auto more = *t.b.turn([&] { t.of_b.visits += 1; }); // says the deadline again
    t.a_hears(more), t.b_hears(never);
    EXPECT_FALSE(t.of_a.expires.is_set());
    EXPECT_FALSE(t.of_b.expires.is_set());
    EXPECT_TRUE(t.a.json().at("expires").is_null());
    EXPECT_EQ(t.a.save(), t.b.save());
    t.b_hears(*t.a.turn([&] { t.of_a.expires(1s); }));
    EXPECT_EQ(t.of_b.expires.left(), 1s) << "who has seen it may set one again";
}

// b, whose clock is behind, goes on with the old life while a has begun a new one.
TEST(expiry, a_new_life_outlives_the_old_deadline) {
    pair t;
    t.b_hears(*t.a.turn([&] { t.of_a.in["x"]->name = "Ann", t.of_a.in["x"]->expires(10s); }));
    auto old = *t.b.turn([&] { t.of_b.in["x"]->tags.insert("old"); });
    hotel_wall += 10'000;
    auto fresh = *t.a.turn([&] { t.of_a.in["x"]->name = "Eve"; });
    t.a_hears(old), t.b_hears(fresh);
    EXPECT_EQ(t.of_a.in.find("x")->name.value(), "Eve");
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(expiry, an_iterator_stays_good_when_its_element_ends) {
    pair t;
    t.a.turn([&] { t.of_a.in["x"]->name = "Ann", t.of_a.in["x"]->expires(10s); });
    auto it = t.of_a.in.begin();
    hotel_wall += 10'000;
    EXPECT_EQ((*it).second.name.value(), "Ann");
    EXPECT_EQ(t.of_a.in.begin(), t.of_a.in.end());
}

// The one who takes it away is to be the same on all nodes: so all who say the same deadline are named.
TEST(expiry, of_equal_deadlines_all_setters_are_told) {
    pair t;
    t.b_hears(*t.a.turn([&] { t.of_a.visits += 1, t.of_a.expires(10s); }));
    auto of_a = *t.a.turn([&] { t.of_a.visits += 1; }), of_b = *t.b.turn([&] { t.of_b.visits += 1; });
    t.a_hears(of_b), t.b_hears(of_a);
    auto setters = [](replica& r) {
        dunlin::deadline_setters all;
        r.at().type().deadline_ms(r.at().value(), &all);
        std::set<writer_id> names;
        for (auto d : all) names.insert(r.id_of(d.slot()));
        return names;
    };
    EXPECT_EQ(setters(t.a), (std::set<writer_id>{writer(1), writer(2)}));
    EXPECT_EQ(setters(t.a), setters(t.b));
}

TEST(expiry, costs_few_bytes) {
    pair t;
    auto first = *t.a.turn([&] { t.of_a.in["key"]->name = "Ann"; });
    auto set = *t.a.turn([&] { t.of_a.in["key"]->expires(30s); });
    EXPECT_LE(set.bytes(), 30u);
    auto plain = first.bytes();
    auto again = *t.a.turn([&] { t.of_a.in["key"]->name = "Bob"; });
    EXPECT_LE(again.bytes(), plain + 16);
    EXPECT_EQ(sizeof(dunlin::expiry), 40u);
}

} // namespace
