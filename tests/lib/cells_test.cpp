// What a space does with values that are told and not kept, by hand: an enemy's, and those that its program does not know.
#include "forged_entry.hpp"
#include "lone_space.hpp"
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/ephemeral.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/lib/ref.hpp>
#include <gtest/gtest.h>

namespace {
using namespace dunlin;

struct bird {
    latest<std::string> name;
    ephemeral<std::int64_t> height;
    ephemeral<std::string> song;
    counter eggs;
};
DUNLIN_OBJECT(bird, name, height, song, eggs)

struct swarm {
    counter wings;
    map<std::string, ephemeral<std::int64_t>> heights;
};
DUNLIN_OBJECT(swarm, wings, heights)

/// The path below heights.
std::string of_key(std::string_view key) {
    encoder out;
    out.bytes(key);
    return out.take();
}

std::string number_bytes(std::int64_t n) {
    encoder out;
    out.i(n);
    return out.take();
}
struct nest : lone::space {
    nest() : lone::space(std::uint8_t(1)) {
        (void)of<bird>();
        body->peer_up(1, lone::writer_of(9).node, true);
    }
    std::uint64_t now() { return hybrid_clock::of(clock.wall); }
    void hear(cell c) {
        word::cells w;
        w.list.push_back(std::move(c));
        body->receive(1, std::move(w));
        poll();
    }
    static cell of_bird(char const* field, char const* kind, std::uint64_t stamp, std::string value) {
        return {"bird", "k", field_id(field, kind), stamp, lone::writer_of(9), true, std::move(value)};
    }
    /// The cells that it told since.
    std::vector<cell> told() {
        std::vector<cell> all;
        for (auto& m : std::exchange(sent, {}))
            if (auto w = std::get_if<word::cells>(&m)) all.insert(all.end(), w->list.begin(), w->list.end());
        return all;
    }
};
} // namespace

TEST(cells, of_a_stamp_that_no_clock_reaches_are_not_taken) {
    nest s;
    for (auto stamp : {~std::uint64_t(0), ~std::uint64_t(0) - 1, (std::uint64_t(1) << 63) - 1, s.now() + hybrid_clock::of(std::chrono::hours(24 * 366))}) {
        s.hear(nest::of_bird("height", "Ti", stamp, number_bytes(666)));
        EXPECT_TRUE(s.get<bird>().height.empty());
    }
    auto day = s.now() + hybrid_clock::of(std::chrono::hours(24));
    s.hear(nest::of_bird("height", "Ti", day, number_bytes(7)));
    EXPECT_EQ(s.get<bird>().height, 7);
    s.told();
    s.get<bird>().height = 8; // who has seen it writes past it
    s.body->seal();
    auto told = s.told();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].stamp, day + 1);
    EXPECT_EQ(told[0].value, number_bytes(8));
    EXPECT_EQ(s.get<bird>().height, 8);
}

TEST(cells, that_are_no_values_of_their_field_are_not_taken) {
    nest s;
    s.hear(nest::of_bird("height", "Ti", s.now(), "not a number"));
    s.hear(nest::of_bird("height", "Ti", s.now(), ""));
    auto bad_key = nest::of_bird("song", "Ts", s.now(), "la");
    bad_key.key = "\xFF\xFE";
    s.hear(bad_key);
    EXPECT_EQ(s.body->told().size(), 0u);
    EXPECT_TRUE(s.get<bird>().height.empty());
    s.hear(nest::of_bird("eggs", "C", s.now(), number_bytes(5))); // of a field that is no ephemeral: of nobody's
    EXPECT_EQ(long(s.get<bird>().eggs), 0);
    EXPECT_EQ(object_json(s.of<bird>()), R"({"name":null,"height":null,"song":null,"eggs":0})");
}

TEST(cells, of_what_the_program_does_not_know_are_kept_as_they_came) {
    nest s;
    cell stranger{"plane", "k", field_id("height", "Ti"), s.now(), lone::writer_of(9), true, std::string("\xFF\xFF any bytes")};
    s.hear(stranger);
    EXPECT_EQ(s.body->told().size(), 1u);
    EXPECT_FALSE(s.body->find_type("plane")) << "no type is made of it";
    s.body->peer_up(2, lone::writer_of(8).node, true);
    s.told();
    s.body->receive(2, word::cells{});
    s.poll();
    auto told = s.told();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0], stranger);
}

TEST(cells, of_an_object_that_is_made_later_are_shown) {
    nest s;
    auto c = nest::of_bird("song", "Ts", s.now(), "la la");
    c.key = "later";
    s.hear(c);
    EXPECT_EQ(s.get<bird>("later").song, "la la");
    EXPECT_FALSE(s.of<bird>("later").live());
}

TEST(cells, an_entry_that_names_an_ephemeral_is_malformed) {
    nest s;
    s.get<bird>().name = "dunlin"; // the schema says what its fields are
    s.seal();
    for (std::string delta : {std::string("\0", 1), std::string("\1\0", 2), "\1" + number_bytes(5)}) {
        forged::entry_of e(lone::writer_of(5));
        EXPECT_FALSE(s.take(e.says("bird", "k", "height", "Ti", delta).made())) << delta.size();
    }
    EXPECT_TRUE(std::any_of(s.alarms.begin(), s.alarms.end(), [](auto& a) { return a.find("malformed") != std::string::npos; }));
    EXPECT_TRUE(s.get<bird>().height.empty());
}

// Entries are taken whatever their clock: one from the end of time takes along what is seen, and keeps nothing away.
TEST(cells, of_an_object_that_an_entry_from_the_end_of_time_erases) {
    nest s;
    s.get<bird>().name = "dunlin", s.get<bird>().height = 5;
    s.seal();
    lone::space enemy(std::uint8_t(5));
    enemy.clock.wall = std::chrono::milliseconds(std::int64_t(1) << 46);
    (void)enemy.of<bird>();
    ASSERT_TRUE(enemy.take_state(s));
    enemy.erase<bird>();
    ASSERT_TRUE(s.take(enemy.seal()));
    EXPECT_FALSE(s.of<bird>().live());
    EXPECT_TRUE(s.get<bird>().height.empty());
    s.hear(nest::of_bird("song", "Ts", s.now() + hybrid_clock::of(std::chrono::seconds(1)), "on and on"));
    EXPECT_EQ(s.get<bird>().song, "on and on");
}

// Marks of a running turn and what others say do not meet: the turn is sealed before.
TEST(cells, heard_in_a_running_turn) {
    nest s;
    s.hear(nest::of_bird("song", "Ts", s.now(), "theirs"));
    auto& b = s.get<bird>();
    b.height = 4;
    s.hear(nest::of_bird("height", "Ti", s.now() + hybrid_clock::of(std::chrono::seconds(5)), number_bytes(9)));
    EXPECT_EQ(b.height, 9) << "the newest";
    b.height = 5;
    s.body->seal();
    EXPECT_EQ(b.height, 5);
    EXPECT_EQ(s.body->told().find("bird", "k", field_id("height", "Ti"))->bytes, number_bytes(5));
}

TEST(cells, a_turn_of_them_alone_makes_no_entry_and_describes_nothing) {
    nest s;
    s.get<bird>().height = 4;
    EXPECT_EQ(s.body->seal(), 0u);
    EXPECT_EQ(s.number_of(s.writer), 0u);
    EXPECT_FALSE(s.of<bird>().type->described);
    s.get<bird>().eggs += 1, s.get<bird>().height = 5;
    EXPECT_EQ(s.body->seal(), 1u);
    EXPECT_TRUE(s.of<bird>().type->described);
    auto digest = s.digest();
    s.get<bird>().height = 6;
    EXPECT_EQ(s.body->seal(), 0u);
    EXPECT_EQ(s.digest(), digest);
}

// The oldest row is that of a field which the running turn has just written: nobody took that back.
TEST(cells, a_write_that_is_not_told_yet_survives_a_table_that_drops_what_was_there) {
    nest s;
    auto& b = s.get<bird>();
    b.height = 1;
    s.body->seal();
    s.clock.wall += std::chrono::seconds(5);
    b.height = 2;
    auto before = s.body->told().size();
    for (int k = 0; k < 140;) {
        word::cells w;
        for (int n = 0; n < 1000; ++n) w.list.push_back({"bird", "other" + std::to_string(k * 1000 + n), field_id("song", "Ts"), s.now(), lone::writer_of(9), true, "la"});
        s.body->receive(1, std::move(w));
        ++k;
    }
    EXPECT_FALSE(s.body->told().find("bird", "k", field_id("height", "Ti"))) << "the table was not full: " << before;
    EXPECT_EQ(b.height, 2);
    s.poll(), s.told();
    s.body->seal();
    EXPECT_EQ(b.height, 2);
    auto it = s.body->told().find("bird", "k", field_id("height", "Ti"));
    ASSERT_TRUE(it);
    EXPECT_TRUE(it->held);
    EXPECT_EQ(it->bytes, number_bytes(2));
}

// What is dropped of a map in which the running turn has marks is taken out of it when that is over: marks name places.
TEST(cells, below_a_map_that_the_running_turn_changes_are_dropped_after_it) {
    nest s;
    auto& f = s.get<swarm>();
    for (auto bird : {"a", "b", "c"}) f.heights[bird] = 1;
    s.body->seal();
    s.clock.wall += std::chrono::seconds(5);
    f.heights["c"] = 2, f.heights["d"] = 3;
    for (int k = 0; k < 140; ++k) {
        word::cells w;
        for (int n = 0; n < 1000; ++n) w.list.push_back({"bird", "other" + std::to_string(k * 1000 + n), field_id("song", "Ts"), s.now(), lone::writer_of(9), true, "la"});
        s.body->receive(1, std::move(w));
    }
    EXPECT_FALSE(s.body->told().find("swarm", "k", field_id("heights", "MsTi"), of_key("a"))) << "the table was not full";
    s.body->seal();
    std::string keys;
    for (auto [key, height] : f.heights.ordered()) keys += std::string(key) + std::to_string(height.value());
    EXPECT_EQ(keys, "c2d3");
}

TEST(cells, whose_path_is_none_are_kept_and_shown_nowhere) {
    nest s;
    auto& f = s.get<swarm>();
    auto heights = field_id("heights", "MsTi");
    for (auto& path : {std::string(), of_key("a") + "x", std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), of_key(std::string("\xFF", 1)), std::string(16000, '\1')})
        s.hear({"swarm", "k", heights, s.now(), lone::writer_of(9), true, number_bytes(1), path});
    s.hear({"swarm", "k", heights, s.now(), lone::writer_of(9), true, "no number", of_key("b")});
    s.hear({"swarm", "k", field_id("wings", "C"), s.now(), lone::writer_of(9), true, number_bytes(1), of_key("c")});
    s.hear({"swarm", "k", heights, s.now(), lone::writer_of(9), true, number_bytes(1), of_key("d")});
    EXPECT_EQ(f.heights.size(), 2u) << "d, and a name in no alphabet";
    EXPECT_TRUE(f.heights.contains("d"));
    EXPECT_FALSE(s.body->told().find("swarm", "k", heights, of_key("b"))) << "no value of the field";
}

// Both are said behind what a clock that is ahead has said: the second is later than the first, and not only than that.
TEST(cells, said_just_before_an_erase_go_with_it_whatever_the_clocks) {
    nest s;
    s.get<bird>().name = "dunlin";
    s.body->seal();
    auto ahead = s.now() + hybrid_clock::of(std::chrono::hours(48));
    auto height = field_id("height", "Ti");
    s.hear({"bird", "k", cells::erased, ahead, lone::writer_of(9), false, ""});
    s.get<bird>().height = 5;
    s.body->seal();
    ASSERT_EQ(s.body->told().find("bird", "k", height)->stamp, ahead + 1);
    s.erase<bird>();
    s.body->seal();
    EXPECT_FALSE(s.body->told().find("bird", "k", height));
    s.get<bird>().name = "anew";
    EXPECT_TRUE(s.get<bird>().height.empty());
}
