// Ephemeral as a field: what a turn says of it beside the delta, and that delta, state and digest say nothing.
// Its laws are those of the table that joins it: tests/net/cells_test.cpp.
#include "lone_object.hpp"
#include "play.hpp"
#include <dunlin/crdt/ephemeral.hpp>
#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

namespace {
using namespace rig;
using dunlin::ephemeral;

struct spot {
    int x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(spot, (), (x, y))

struct gaze {
    ephemeral<spot> eye;
    ephemeral<std::string> word;
};
DUNLIN_OBJECT(gaze, eye, word)

struct walker {
    dunlin::counter steps;
    ephemeral<std::int64_t> at;
    gaze looks; // its fields are the walker's
    dunlin::latest<std::string> name;
};
DUNLIN_OBJECT(walker, steps, at, looks, name)

dunlin::struct_part const& walker_type() { return dunlin::struct_of<walker>(); }
std::uint32_t id_of(char const* name, char const* kind) { return dunlin::field_id(name, kind); }

using lone_walker = lone_object<walker>;
} // namespace

TEST(ephemeral, detached_is_a_plain_value) {
    ephemeral<int> n;
    EXPECT_TRUE(n.empty());
    EXPECT_EQ(n.age(), std::chrono::milliseconds::max());
    n = 5;
    int read = n;
    EXPECT_EQ(read, 5);
    EXPECT_FALSE(n.empty());
    EXPECT_EQ(n.age().count(), 0);
    n.reset();
    EXPECT_EQ(n, 0);
    EXPECT_TRUE(n.empty());
    ephemeral<spot> p;
    p.set(spot{1, 2});
    EXPECT_EQ(p->y, 2);
}

TEST(ephemeral, is_said_beside_the_delta_and_the_last_of_a_turn_alone) {
    lone_walker w;
    w->at = 1, w->at = 2, w->looks.eye = spot{3, 4};
    auto first = w.seal(77);
    EXPECT_EQ(first.delta, "");
    ASSERT_EQ(first.asides.size(), 2u);
    std::sort(first.asides.begin(), first.asides.end(), [](auto& a, auto& b) { return a.value.size() < b.value.size(); });
    EXPECT_EQ(first.asides[0].field, id_of("at", "Ti"));
    EXPECT_EQ(first.asides[0].value, bytes_of(std::int64_t(2)));
    EXPECT_EQ(first.asides[0].stamp, 77u);
    EXPECT_TRUE(first.asides[0].held);
    EXPECT_EQ(first.asides[1].field, id_of("looks.eye", "Tv")) << "of a struct in the struct";
    EXPECT_TRUE(w.seal(78).asides.empty()) << "said once";

    w->steps += 3, w->at = 9;
    auto both = w.seal(79);
    lone_walker other;
    other->steps += 3;
    EXPECT_EQ(both.delta, other.seal(79).delta) << "the delta is that of the counter alone";
    EXPECT_EQ(both.asides.size(), 1u);
}

TEST(ephemeral, is_no_life_and_in_no_state_digest_or_table_of_writers) {
    replica r(writer(1), {&walker_type()});
    EXPECT_FALSE(r.turn([&] { r.get<walker>().at = 1, r.get<walker>().looks.word = "hm"; }));
    EXPECT_FALSE(walker_type().live(r.at().value()));
    EXPECT_TRUE(walker_type().vacant(r.at().value()));
    replica nothing(writer(1), {&walker_type()});
    EXPECT_EQ(r.save(), nothing.save());
    EXPECT_EQ(r.get<walker>().at, 1);
    auto with = r.turn([&] { r.get<walker>().name = "Ada", r.get<walker>().at = 2; });
    auto without = nothing.turn([&] { nothing.get<walker>().name = "Ada"; });
    EXPECT_EQ(with->deltas, without->deltas);
    EXPECT_EQ(r.save(), nothing.save());
}

TEST(ephemeral, what_was_seen_is_written_past_whatever_the_clock_says) {
    lone_walker w;
    w.show("at", "Ti", {}, bytes_of(std::int64_t(5)), 1'000'000);
    EXPECT_EQ(w->at, 5);
    w->at = 6;
    EXPECT_EQ(w.seal(10).asides[0].stamp, 1'000'001u);
    w->at = 7;
    EXPECT_EQ(w.seal(11).asides[0].stamp, 1'000'002u);
    w->at = 8;
    EXPECT_EQ(w.seal(2'000'000).asides[0].stamp, 2'000'000u);
    w.show("at", "Ti", {}, bytes_of(std::int64_t(5)), ~std::uint64_t(0));
    w->at = 9;
    EXPECT_EQ(w.seal(1).asides[0].stamp, ~std::uint64_t(0)) << "saturates";
}

TEST(ephemeral, taken_back_is_said_and_nothing_is_not) {
    lone_walker w;
    w->at.reset();
    EXPECT_TRUE(w.seal(1).asides.empty());
    w->at = 1;
    w.seal(2);
    w->at.reset();
    auto gone = w.seal(3).asides;
    ASSERT_EQ(gone.size(), 1u);
    EXPECT_FALSE(gone[0].held);
    EXPECT_EQ(gone[0].value, "");
    w->at = 4, w->at.reset();
    EXPECT_FALSE(w.seal(4).asides.at(0).held) << "others may have had one";
}

TEST(ephemeral, of_an_object_that_is_erased_says_nothing_of_its_own) {
    lone_walker w;
    w->name = "Ada", w->at = 1;
    w.seal(1);
    w.erase();
    EXPECT_TRUE(w->at.empty());
    EXPECT_EQ(w->at, 0);
    auto erased = w.seal(2);
    EXPECT_TRUE(erased.asides.empty());
    EXPECT_NE(erased.delta, "");
    w->name = "Eve", w->at = 5, w.erase();
    EXPECT_TRUE(w.seal(3).asides.empty()) << "written and erased in one turn";
    w.erase(), w->at = 6;
    EXPECT_EQ(w.seal(4).asides.size(), 1u) << "written after it";
}

TEST(ephemeral, undone_is_what_it_was) {
    replica r(writer(1), {&walker_type()});
    r.turn([&] { r.get<walker>().at = 1, r.get<walker>().looks.word = "one"; });
    auto nothing = r.atomic([&] {
        auto& w = r.get<walker>();
        w.at = 2, w.at = 3, w.looks.word.reset(), w.looks.eye = spot{1, 1};
        return false;
    });
    EXPECT_FALSE(nothing);
    auto& w = r.get<walker>();
    EXPECT_EQ(w.at, 1);
    EXPECT_EQ(w.looks.word, "one");
    EXPECT_FALSE(w.looks.word.empty());
    EXPECT_TRUE(w.looks.eye.empty());
    EXPECT_FALSE(r.turn([] {})) << "no mark is left";
    r.at().refuses = true;
    EXPECT_THROW(w.at = 8, std::runtime_error);
    EXPECT_EQ(w.at, 1) << "what was refused has changed nothing";
}

TEST(ephemeral, a_value_above_16_KiB_is_refused_before_anything_changes) {
    lone_walker w;
    w->looks.word = std::string(dunlin::ephemeral_bytes_max, 'x');
    EXPECT_THROW(w->looks.word = std::string(dunlin::ephemeral_bytes_max + 1, 'y'), boost::system::system_error);
    EXPECT_EQ(w->looks.word->front(), 'x');
}

// Whoever writes such an entry or state is an enemy.
TEST(ephemeral, named_in_an_entry_or_a_state_is_malformed) {
    dunlin::shapes s;
    for (std::string kind : {"Ti", "Ts", "Tv", "MsTi", "MsMiTv"}) {
        auto type = s.kind(kind);
        ASSERT_TRUE(type && type->asides() == dunlin::asides_in::all) << kind;
        EXPECT_EQ(type->kind(), kind);
        for (std::string bytes : {std::string(), std::string(1, '\0'), std::string("\1\5"), bytes_of(std::int64_t(7)), std::string("\2\1a\0", 4)}) {
            dunlin::decoder in(bytes), again(bytes);
            dunlin::checking c{in, 1, 1};
            type->check(c);
            EXPECT_FALSE(in.finished()) << kind;
            auto v = ::operator new(type->size());
            type->make(v);
            dunlin::loading l{again, {}, 0};
            type->decode(v, l);
            EXPECT_TRUE(!again.finished() || (kind[0] == 'M' && bytes == std::string(1, '\0'))) << kind << ": but for a map of nothing";
            type->destroy(v), ::operator delete(v);
        }
    }
    for (auto none : {"T", "TC", "Tii", "MTi", "MsT"}) EXPECT_FALSE(s.kind(none)) << none;
}

TEST(ephemeral, what_is_not_a_value_of_its_kind_does_not_fit) {
    auto fits = [](char const* name, char const* kind, std::string const& bytes) {
        dunlin::decoder below{dunlin::bytes_view()};
        return walker_type().aside_at(id_of(name, kind))->type->aside_at(below)->fits(bytes);
    };
    EXPECT_TRUE(fits("at", "Ti", bytes_of(std::int64_t(-5))));
    EXPECT_FALSE(fits("at", "Ti", ""));
    EXPECT_FALSE(fits("at", "Ti", bytes_of(std::int64_t(-5)) + "x"));
    EXPECT_TRUE(fits("looks.eye", "Tv", bytes_of(spot{1, 2})));
    EXPECT_FALSE(fits("looks.eye", "Tv", bytes_of(spot{1, 2}).substr(1)));
    EXPECT_TRUE(fits("looks.word", "Ts", std::string(dunlin::ephemeral_bytes_max, 'x')));
    EXPECT_FALSE(fits("looks.word", "Ts", std::string(dunlin::ephemeral_bytes_max + 1, 'x')));
}

TEST(ephemeral, is_in_json_and_null_where_there_is_nothing) {
    lone_walker w;
    w.show("looks.eye", "Tv", {}, bytes_of(spot{1, 2}), 5);
    boost::json::value out;
    walker_type().to_json(w.o.value(), out);
    EXPECT_EQ(boost::json::serialize(out), R"({"steps":0,"at":null,"looks.eye":{"x":1,"y":2},"looks.word":null,"name":null})");
    w.show("looks.eye", "Tv", {}, std::nullopt, 6);
    walker_type().to_json(w.o.value(), out);
    EXPECT_TRUE(out.at("looks.eye").is_null());
}

TEST(ephemeral, has_marks_of_its_own) {
    EXPECT_TRUE(walker_type().aside_members());
    EXPECT_EQ(walker_type().aside_marks(), 0b1110u) << "at, looks.eye, looks.word";
}

TEST(ephemeral, size) {
    EXPECT_LE(sizeof(ephemeral<std::int64_t>), 32u);
    EXPECT_EQ(walker_type().heap_bytes(lone_walker().o.value()), 0u);
}
