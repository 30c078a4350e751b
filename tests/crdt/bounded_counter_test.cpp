#include "play.hpp"
#include <gtest/gtest.h>
#include <limits>

namespace {
using namespace rig;

struct account {
    dunlin::bounded_counter balance;
};
DUNLIN_OBJECT(account, balance)

std::vector<dunlin::struct_part const*> const types = {&dunlin::struct_of<account>()};
constexpr auto most = std::numeric_limits<std::int64_t>::max();

/// What is in the reserve here; each writer of the rig is a node of its own.
std::int64_t reserve(replica& r) {
    auto self = r.self();
    return std::int64_t(r.get<account>().balance.reserve([&](std::uint32_t w) { return w == self; }));
}

/// Deposits, spends that may be refused, and rights on their way between nodes, which change no value.
void act(replica& r, notes& note, chance& c) {
    auto& b = r.get<account>().balance;
    std::int64_t n = draw(c, 7);
    switch (draw(c, 12)) {
    case 0:
    case 1:
    case 2:
        return b.deposit(n), note({spec::operation::add, {}, n});
    case 3:
        return b.put_back(n);
    case 4:
        if (auto m = std::min(n, reserve(r)); m > 0) b.pocket(m), b.confirm(m);
        return;
    case 5:
        if (auto m = std::min(n, reserve(r)); m > 0) b.pocket(m), b.give_up(m);
        return;
    case 6:
        return b.want(n);
    case 7:
        if (auto to = r.slot_of(writer(1 + draw(c, 5))); to != r.self()) b.give(to, n);
        return;
    case 8: { // all of it, as by an erase of the object where all rights are here
        bool may = dunlin::struct_of<account>().may_erase(r.at().value());
        auto all = b.value();
        must(may == (all == b.available()), "it may be erased where rights are elsewhere, or may not where they are here");
        if (may) r.erase(), note({spec::operation::add, {}, -all});
        return;
    }
    default: {
        bool has = b.available() >= n;
        must(b.try_spend(n) == has, has ? "a spend is refused" : "a spend without a right");
        if (has) note({spec::operation::add, {}, -n});
    }
    }
}

/// Shares as docs/types.md has them: nobody has spent and given more than he had put into his pocket.
void invariant(replica& r) {
    auto bytes = r.save().member("balance", "B");
    dunlin::decoder in(bytes);
    std::int64_t sum = 0;
    std::uint64_t least = 0;
    for (auto k = bytes.empty() ? 0 : in.u(); k; --k) {
        auto index = in.u();
        must(index >= least && in.u() > 0, "shares are not sorted, or have no number");
        least = index + 1;
        auto deposited = std::int64_t(in.u()), spent = std::int64_t(in.u()), pocketed = std::int64_t(in.u());
        in.u();
        std::int64_t given = 0;
        std::uint64_t after = 0;
        for (auto m = in.u(); m; --m) {
            auto to = in.u();
            must(to >= after && to != index, "gifts are not sorted, or go to the giver");
            after = to + 1, given += std::int64_t(in.u());
        }
        must(spent + given <= pocketed, "more was taken from a pocket than was in it");
        sum += deposited - spent;
    }
    must(in.finished(), "the state is not the grammar's");
    must(sum == r.get<account>().balance.value(), "the shares say " + std::to_string(sum));
}

player accounts() {
    return {types, act, [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto& b = r.get<account>().balance;
                auto is = b.value(), should = spec::counter(h, seen);
                must(is == should, std::to_string(is) + " instead of " + std::to_string(should));
                must(is >= 0, "below zero");
                must(b.available() >= 0 && b.available() <= is, "more to spend than there is");
                must(b.deposited() - b.spent() == is, "deposits less spends are not the value");
                must(r.json().at("balance") == is, "JSON differs from the value");
                must(r.save().live[0].empty() == (is == 0), "life is a value that is not zero");
                invariant(r);
            }};
}

TEST(bounded_counter, is_what_its_specification_says_in_random_histories) { EXPECT_EQ(play_seeds(accounts(), 1, 150), ""); }
TEST(heavy_bounded_counter, is_what_its_specification_says_in_random_histories) {
    EXPECT_EQ(play_seeds(accounts(), 1000, 4000), "");
}

TEST(bounded_counter, detached_is_a_plain_number_that_does_not_fall_below_zero) {
    dunlin::bounded_counter b;
    EXPECT_FALSE(b.try_spend(1));
    EXPECT_TRUE(b.try_spend(0));
    b.deposit(5), b.deposit(0);
    EXPECT_TRUE(b.try_spend(2));
    EXPECT_FALSE(b.try_spend(4));
    EXPECT_TRUE(b.try_spend(3));
    EXPECT_EQ(b, 0);
    EXPECT_EQ(b.spent(), 5);
    EXPECT_EQ(b.deposited(), 5);
    b.deposit(7);
    dunlin::bounded_counter moved(std::move(b));
    EXPECT_EQ(moved.value(), 7);
    EXPECT_EQ(moved.available(), 7);
    EXPECT_FALSE(b.try_spend(1)) << "what was moved has nothing";
}

struct two {
    replica a{writer(1), types, 2}, b{writer(2), types};
    dunlin::bounded_counter &of_a = a.get<account>().balance, &of_b = b.get<account>().balance;
    void b_hears(entry const& e) { EXPECT_EQ(b.absorb(e), absorbed::yes); }
    void a_hears(entry const& e) { EXPECT_EQ(a.absorb(e), absorbed::yes); }
};

TEST(bounded_counter, what_another_deposited_is_seen_and_not_spent) {
    two t;
    t.b_hears(*t.a.turn([&] { t.of_a.deposit(100); }));
    EXPECT_EQ(t.of_b, 100);
    EXPECT_EQ(t.of_b.available(), 0);
    EXPECT_FALSE(t.of_b.try_spend(1));
    EXPECT_FALSE(t.b.seal()) << "a refused spend is no change";
    EXPECT_TRUE(t.of_a.try_spend(100));
}

TEST(bounded_counter, a_gift_is_in_the_others_reserve_and_spent_once_it_is_in_a_confirmed_pocket) {
    two t;
    t.b_hears(*t.a.turn([&] {
        t.of_a.deposit(100);
        t.of_a.give(t.a.slot_of(writer(2)), 40);
    }));
    EXPECT_EQ(t.of_a.available(), 60);
    EXPECT_EQ(reserve(t.b), 40);
    EXPECT_FALSE(t.of_b.try_spend(1));
    auto moved = *t.b.turn([&] { t.of_b.pocket(30); });
    EXPECT_EQ(reserve(t.b), 10);
    EXPECT_FALSE(t.of_b.try_spend(1)) << "not confirmed";
    t.of_b.confirm(30);
    EXPECT_FALSE(t.of_b.try_spend(31));
    t.a_hears(moved);
    t.a_hears(*t.b.turn([&] { EXPECT_TRUE(t.of_b.try_spend(30)); }));
    EXPECT_EQ(t.of_a, 70);
    EXPECT_EQ(t.a.save(), t.b.save());
}

TEST(bounded_counter, gifts_to_one_node_add_up) {
    two t;
    auto b = t.a.slot_of(writer(2));
    t.b_hears(*t.a.turn([&] { t.of_a.deposit(10), t.of_a.give(b, 1), t.of_a.give(b, 2); }));
    t.b_hears(*t.a.turn([&] { t.of_a.give(b, 3); }));
    EXPECT_EQ(reserve(t.b), 6);
    t.a.turn([&] { t.of_a.give(b, 100); });
    EXPECT_EQ(t.of_a.available(), 0) << "no more is given than there is";
    replica c(writer(3), types);
    c.join(t.a.save());
    EXPECT_EQ(c.save(), t.a.save());
}

TEST(bounded_counter, a_move_that_is_not_confirmed_goes_back_whole) {
    two t;
    t.a.turn([&] { t.of_a.deposit(10), t.of_a.put_back(8); });
    EXPECT_EQ(t.of_a.available(), 2);
    EXPECT_EQ(reserve(t.a), 8);
    t.a.turn([&] { t.of_a.pocket(8); });
    EXPECT_EQ(reserve(t.a), 0);
    t.a.turn([&] { t.of_a.give_up(8); });
    EXPECT_EQ(reserve(t.a), 8);
    t.of_a.confirm(8);
    EXPECT_EQ(t.of_a.available(), 2) << "there is nothing left to be confirmed";
}

TEST(bounded_counter, put_back_lowers_what_others_take_for_pocketed) {
    two t;
    auto first = *t.a.turn([&] { t.of_a.deposit(10); });
    auto second = *t.a.turn([&] { t.of_a.put_back(9); });
    t.b_hears(first), t.b_hears(second);
    auto a = t.b.slot_of(writer(1));
    EXPECT_EQ(std::int64_t(t.of_b.reserve([&](auto w) { return w == a; })), 9);
}

TEST(bounded_counter, an_atomic_that_is_undone_gives_rights_back) {
    two t;
    t.a.turn([&] { t.of_a.deposit(10); });
    t.a.atomic([&] {
        EXPECT_TRUE(t.of_a.try_spend(4));
        t.of_a.deposit(100);
        EXPECT_TRUE(t.of_a.try_spend(50));
        return false;
    });
    EXPECT_EQ(t.of_a, 10);
    EXPECT_EQ(t.of_a.available(), 10);
    EXPECT_FALSE(t.of_a.try_spend(11));
}

TEST(bounded_counter, deposits_beyond_63_bits_are_refused_and_change_nothing) {
    two t;
    t.a.turn([&] { t.of_a.deposit(most - 1); });
    EXPECT_THROW(t.of_a.deposit(2), boost::system::system_error);
    EXPECT_EQ(t.of_a, most - 1);
    EXPECT_FALSE(t.a.seal());
    EXPECT_TRUE(t.of_a.try_spend(most - 1));
    EXPECT_THROW(t.of_a.deposit(2), boost::system::system_error) << "what was ever deposited counts";
    t.b.turn([&] { t.of_b.deposit(most); });
    t.b.join(t.a.save());
    EXPECT_EQ(t.of_b, most) << "saturates";
}

TEST(bounded_counter, who_refuses_a_change_changes_nothing) {
    two t;
    t.a.turn([&] { t.of_a.deposit(10); });
    t.a.at().refuses = true;
    EXPECT_THROW(t.of_a.try_spend(3), std::runtime_error);
    EXPECT_THROW(t.of_a.deposit(3), std::runtime_error);
    t.a.at().refuses = false;
    EXPECT_EQ(t.of_a, 10);
    EXPECT_EQ(t.of_a.available(), 10);
}

TEST(bounded_counter, bytes_that_no_node_writes_are_refused) {
    auto refused = [&](std::string const& bytes) {
        dunlin::decoder in(bytes);
        dunlin::checking c{in, 3, 9};
        dunlin::bounded_counter::of().check(c);
        return !in.finished();
    };
    EXPECT_FALSE(refused(std::string("\1\5", 2)));
    EXPECT_FALSE(refused(std::string("\x10\1\2\5", 4)));
    EXPECT_TRUE(refused(std::string("\0", 1))) << "it says nothing";
    EXPECT_TRUE(refused("\x20\5")) << "a part that there is not";
    EXPECT_TRUE(refused(std::string("\x10\1\0\5", 4))) << "a gift to the author";
    EXPECT_TRUE(refused(std::string("\x10\1\3\5", 4))) << "a gift to nobody";
    EXPECT_TRUE(refused(std::string("\x10\1\1\0", 4))) << "a gift of nothing";
    EXPECT_TRUE(refused(std::string("\x10\0", 2))) << "no gift";
    dunlin::encoder out;
    out.u(2), out.u(std::uint64_t(most) + 1);
    EXPECT_TRUE(refused(out.take())) << "a sum beyond 63 bits";
}

TEST(bounded_counter, a_wish_that_was_fulfilled_in_part_can_be_taken_back) {
    two t;
    t.a.turn([&] { t.of_a.deposit(10); });
    t.b.join(t.a.save());
    t.a_hears(*t.b.turn([&] { t.of_b.want(7); }));
    t.b_hears(*t.a.turn([&] { t.of_a.give(t.a.slot_of(writer(2)), 5); }));
    auto back = *t.b.turn([&] { t.of_b.want_no_more(); });
    EXPECT_FALSE(t.b.turn([&] { t.of_b.want_no_more(); })) << "there is nothing to take back";
    t.a_hears(back);
    EXPECT_EQ(t.a.save(), t.b.save());
    std::int64_t wanted = 0;
    for (auto& s : t.of_a.shares())
        if (s.at.slot() == t.a.slot_of(writer(2))) wanted = s.wanted;
    EXPECT_EQ(wanted, 5);
}

TEST(bounded_counter, no_more_is_pocketed_than_a_writer_can_say) {
    two t;
    t.a.turn([&] { t.of_a.deposit(most - 3); });
    t.a.turn([&] {
        EXPECT_EQ(t.of_a.pocket(5), 3);
        EXPECT_EQ(t.of_a.pocket(5), 0);
    });
    t.of_a.confirm(3);
    EXPECT_EQ(t.of_a.available(), most);
}

// Numbers that somebody made up: nothing overflows, and who reads them goes on.
TEST(bounded_counter, sums_that_were_made_up_saturate) {
    two t;
    t.a.turn([&] { t.of_a.deposit(10); });
    for (unsigned n : {4u, 5u, 6u}) {
        dunlin::encoder delta;
        delta.u(2 + 16), delta.u(std::uint64_t(most)), delta.u(1), delta.u(1), delta.u(std::uint64_t(most));
        std::uint32_t const slots[] = {t.a.slot_of(writer(n)), t.a.slot_of(writer(7))};
        dunlin::decoder look(delta.view()), in(delta.view());
        dunlin::checking c{look, 2, 1};
        dunlin::bounded_counter::of().check(c);
        ASSERT_TRUE(look.finished());
        dunlin::absorbing x{in, slots, dunlin::dot(slots[0], 1), 1, t.a.self()};
        dunlin::bounded_counter::of().join_delta(&t.of_a, x);
    }
    EXPECT_EQ(t.of_a.value(), std::numeric_limits<std::int64_t>::min());
    EXPECT_TRUE(t.of_a.try_spend(4));
    EXPECT_EQ(t.of_a.available(), 6);
    for (auto& s : t.of_a.shares()) (void)s.pocket();
    EXPECT_EQ(t.of_a.spent(), most);
}

TEST(bounded_counter, is_small) {
    two t;
    auto deposit = *t.a.turn([&] { t.of_a.deposit(100); });
    EXPECT_LE(deposit.bytes() - 6, 5u);
    auto spend = *t.a.turn([&] { t.of_a.try_spend(7); });
    EXPECT_LE(spend.bytes() - 6, 2u);
    EXPECT_LE(t.a.save().member("balance", "B").size(), 10u);
    EXPECT_EQ(sizeof(dunlin::bounded_counter), 40u);
    EXPECT_LE(t.a.heap_bytes(), 290u);
}

// What the compiler's refusals go by: of an element of a map with one in it, of an object with one that ends.
struct with_one {
    dunlin::bounded_counter balance;
};
DUNLIN_OBJECT(with_one, balance)
struct around_it {
    with_one inner;
    dunlin::counter other;
};
DUNLIN_OBJECT(around_it, inner, other)
struct without_one {
    dunlin::counter n;
    dunlin::map<std::string, dunlin::expiry> online;
};
DUNLIN_OBJECT(without_one, n, online)
static_assert(dunlin::holds<dunlin::bounded_counter, dunlin::bounded_counter>());
static_assert(dunlin::holds<dunlin::bounded_counter, with_one>());
static_assert(dunlin::holds<dunlin::bounded_counter, around_it>());
static_assert(!dunlin::holds<dunlin::bounded_counter, without_one>());
static_assert(!dunlin::holds<dunlin::expiry, without_one>(), "below a map it ends the element, not the object");
} // namespace
