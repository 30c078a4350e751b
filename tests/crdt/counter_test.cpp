#include "play.hpp"
#include <gtest/gtest.h>
#include <limits>

namespace {
using namespace rig;

struct tally {
    dunlin::counter n;
};
DUNLIN_OBJECT(tally, n)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<tally>()};

void act(replica& r, notes& note, chance& c) {
    auto& n = r.get<tally>().n;
    auto what = draw(c, 10);
    if (what < 3) {
        n.reset();
        note({spec::operation::erase, {}});
    } else {
        // Small sums, so that different additions reach equal sums: "sums are equal" must not mean "all seen".
        std::int64_t by = std::int64_t(draw(c, 7)) - 3;
        what == 9 ? n -= -by : n += by;
        note({spec::operation::add, {}, by});
    }
}

/// Slots as docs/types.md has them: what is cancelled is not above what there is, an epoch not above the number.
void invariant(replica& r) {
    auto bytes = r.save().member("n", "C");
    dunlin::decoder in(bytes);
    std::int64_t sum = 0;
    for (auto k = bytes.empty() ? 0 : in.u(); k; --k) {
        auto head = in.u(), number = in.u(), age = in.u();
        must(age < number, "an epoch began before its writer");
        auto x = in.i();
        sum += x;
        if (head & 1) {
            auto behind = in.u();
            auto gone = in.i();
            must(number - behind >= number - age, "a base is older than its epoch");
            must(behind != 0 || gone == x, "all additions are cancelled and their sum is not");
            sum -= gone;
        }
    }
    must(in.finished(), "the state is not the grammar's");
    must(sum == r.get<tally>().n.value(), "the slots say " + std::to_string(sum));
}

player counters() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto is = r.get<tally>().n.value(), should = spec::counter(h, seen);
                must(is == should, std::to_string(is) + " instead of " + std::to_string(should));
                must(r.json().at("n") == is, "JSON differs from the value");
                invariant(r);
            }};
}

TEST(counter, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(counters(), 1, 150), ""); }
TEST(heavy_counter, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(counters(), 1000, 4000), "");
}

TEST(counter, detached_is_a_plain_number) {
    dunlin::counter n;
    n += 5, n -= 2, ++n, --n;
    EXPECT_EQ(n, 3);
    n.reset();
    EXPECT_EQ(n.value(), 0);
    n += 4;
    std::int64_t read = n;
    EXPECT_EQ(read, 4);
    dunlin::counter moved(std::move(n));
    EXPECT_EQ(moved, 4);
}

struct two {
    replica a{writer(1), types, 2}, b{writer(2), types};
    dunlin::counter &na = a.get<tally>().n, &nb = b.get<tally>().n;
    void both_join() {
        auto x = a.save(), y = b.save();
        a.join(y), b.join(x);
    }
};

TEST(counter, a_reset_cancels_what_it_saw_and_not_what_was_added_meanwhile) {
    two t;
    auto ten = *t.a.turn([&] { t.na += 10; });
    t.b.absorb(ten);
    auto reset = *t.b.turn([&] { t.nb.reset(); });
    auto one = *t.a.turn([&] { t.na += 1; });
    t.a.absorb(reset), t.b.absorb(one);
    EXPECT_EQ(t.na, 1);
    EXPECT_EQ(t.nb, 1);
    EXPECT_EQ(t.a.save(), t.b.save());
}

// The same by states: the residue is there for this. Without it the ten would be back.
TEST(counter, a_reset_met_as_a_state_does_not_bring_back_what_it_cancelled) {
    two t;
    t.b.absorb(*t.a.turn([&] { t.na += 10; }));
    replica c(writer(3), types);
    c.join(t.a.save());
    t.b.turn([&] { t.nb.reset(); });
    t.a.turn([&] { t.na += 1; });
    c.join(t.b.save());
    EXPECT_EQ(c.get<tally>().n, 0);
    c.join(t.a.save());
    EXPECT_EQ(c.get<tally>().n, 1);
}

TEST(counter, the_residue_of_a_reset_is_no_life_and_no_part_of_the_digest) {
    two t;
    t.a.turn([&] { t.na += 10; });
    t.a.turn([&] { t.na.reset(); });
    auto s = t.a.save();
    EXPECT_EQ(s.live[0], "");
    EXPECT_NE(s.objects[0], "");
    EXPECT_FALSE(t.a.at().type().live(t.a.at().value()));
    EXPECT_FALSE(t.a.at().type().vacant(t.a.at().value()));
}

TEST(counter, two_resets_and_additions_after_them_count_once) {
    two t;
    t.a.turn([&] { t.na += 7; });
    t.both_join();
    t.a.turn([&] { t.na.reset(), t.na += 2; });
    t.b.turn([&] { t.nb.reset(), t.nb += 3; });
    t.both_join();
    EXPECT_EQ(t.na, 5);
    EXPECT_EQ(t.nb, 5);
}

// +1 then +2 against +2 then +1: the slot is the same, what an erase between them saw is not (fields.md 4.4).
TEST(counter, equal_sums_by_another_way_are_told_apart) {
    for (std::int64_t first : {1, 2}) {
        two t;
        t.b.absorb(*t.a.turn([&] { t.na += first; }));
        t.b.turn([&] { t.nb.reset(); });
        t.a.turn([&] { t.na += 3 - first; });
        t.both_join();
        EXPECT_EQ(t.na, 3 - first);
        EXPECT_EQ(t.nb, 3 - first);
    }
}

// The base covers +1, the sum is 1 again by +2 and -2: the slot is not fully cancelled and no new epoch begins.
TEST(counter, a_reset_is_not_lost_where_sums_happen_to_be_equal) {
    two t;
    replica c(writer(3), types);
    auto one = *t.a.turn([&] { t.na += 1; });
    t.b.absorb(one), c.absorb(one);
    auto reset = *t.b.turn([&] { t.nb.reset(); });
    c.absorb(*t.a.turn([&] { t.na += 2; }));
    t.a.turn([&] { t.na -= 2; });
    t.a.absorb(reset);
    t.a.turn([&] { t.na += 5; });
    c.turn([&] { c.get<tally>().n.reset(); }); // cancels +1 and +2
    t.a.join(c.save()), c.join(t.a.save());
    EXPECT_EQ(t.na, 3);
    EXPECT_EQ(c.get<tally>().n, 3);
}

TEST(counter, additions_that_cancel_each_other_in_a_turn_say_nothing) {
    two t;
    EXPECT_FALSE(t.a.turn([&] { t.na += 5, t.na -= 5; }));
    EXPECT_FALSE(t.a.turn([&] { t.na += 0; }));
    EXPECT_FALSE(t.a.turn([&] { t.na.reset(); }));
    EXPECT_TRUE(t.a.save().objects[0].empty());
}

constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();

TEST(counter, an_addition_beyond_64_bits_of_its_own_is_refused_and_changes_nothing) {
    two t;
    t.a.turn([&] { t.na += most; });
    auto before = t.a.save();
    try {
        t.na += 1;
        FAIL() << "not refused";
    } catch (boost::system::system_error const& e) { EXPECT_EQ(e.code(), dunlin::crdt_errc::out_of_bound); }
    EXPECT_FALSE(t.a.seal());
    EXPECT_EQ(t.a.save(), before);
    EXPECT_EQ(t.na, most);
    EXPECT_TRUE(t.a.turn([&] { t.na -= 1; }));
    EXPECT_EQ(t.na, most - 1);
    t.a.turn([&] { t.na += least; });
    EXPECT_EQ(t.na, -2);
    dunlin::counter n;
    EXPECT_THROW(n -= least, boost::system::system_error) << "2^63 does not fit";
    EXPECT_EQ(n, 0);
    n -= 1, n -= least;
    EXPECT_EQ(n, most);
}

TEST(counter, the_total_saturates_the_same_everywhere_and_comes_back) {
    two t;
    t.a.turn([&] { t.na += most - 5; });
    t.b.turn([&] { t.nb += most - 7; });
    t.both_join();
    EXPECT_EQ(t.na, most);
    EXPECT_EQ(t.nb, most);
    t.a.turn([&] { t.na -= 1; });
    EXPECT_EQ(t.na, most) << "still far above";
    t.b.turn([&] { t.nb -= most - 7; });
    t.both_join();
    EXPECT_EQ(t.na, most - 6);
    EXPECT_EQ(t.nb, most - 6);
    t.a.turn([&] { t.na.reset(); });
    t.both_join();
    EXPECT_EQ(t.nb, 0);
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(counter, is_small) {
    two t;
    auto start = [&](entry const& e) { return e.bytes() - 6; }; // of the struct: count, id, length
    EXPECT_LE(start(*t.a.turn([&] { ++t.na; })), 2u);
    EXPECT_LE(start(*t.a.turn([&] {
                  for (int n = 0; n < 1000; ++n) ++t.na;
              })),
              4u);
    t.both_join();
    EXPECT_LE(start(*t.b.turn([&] { t.nb.reset(); })), 8u);
    EXPECT_LE(sizeof(dunlin::counter), 40u);
    EXPECT_EQ(t.a.heap_bytes(), 0u) << "one writer stands inline";
    two many;
    for (unsigned w = 10; w < 30; ++w) {
        replica r(writer(w), types);
        many.a.absorb(*r.turn([&] { ++r.get<tally>().n; }));
    }
    EXPECT_EQ(many.na, 20);
    EXPECT_LE(many.a.heap_bytes(), 20 * 56 * 2 + 64u);
    EXPECT_LE(many.a.save().objects[0].size(), 20 * 5 + 10u);
}
} // namespace
