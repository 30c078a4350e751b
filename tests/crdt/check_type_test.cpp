// Broken types are told, each by its law; those of the catalogue pass.
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/sim/check_type.hpp>

#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

namespace {

using dunlin::chance, dunlin::check_type, dunlin::checks, dunlin::done;

std::string name(chance& c) { return std::string(1, char('a' + c.below(4))); }

// ---- the catalogue --------------------------------------------------------------------------------------------------

TEST(check_type, finds_nothing_in_the_catalogue) {
    using namespace dunlin;
    EXPECT_TRUE(check_type<counter>([](counter& x, chance& c) { x += std::int64_t(c.below(9)) - 4; }));
    EXPECT_TRUE(check_type<flag>([](flag& x, chance& c) { x = c.below(2) == 0; }));
    EXPECT_TRUE(check_type<disable_wins_flag>([](disable_wins_flag& x, chance& c) { x = c.below(2) == 0; }));
    EXPECT_TRUE(check_type<latest<std::string>>([](latest<std::string>& x, chance& c) { x = name(c); }));
    EXPECT_TRUE(check_type<siblings<std::string>>([](siblings<std::string>& x, chance& c) { x = name(c); }));
    EXPECT_TRUE(check_type<maximum<int>>([](maximum<int>& x, chance& c) { x.raise(int(c.below(20))); }));
    EXPECT_TRUE(check_type<set<std::string>>(
        [](set<std::string>& x, chance& c) { c.below(3) ? void(x.insert(name(c))) : void(x.erase(name(c))); }));
    EXPECT_TRUE((check_type<set<std::string, remove_wins>>([](set<std::string, remove_wins>& x, chance& c) {
        c.below(3) ? void(x.insert(name(c))) : void(x.erase(name(c)));
    })));
    EXPECT_TRUE((check_type<set<int, grow_only>>([](set<int, grow_only>& x, chance& c) { x.insert(int(c.below(9))); })));
    EXPECT_TRUE((check_type<map<std::string, map<int, counter>>>([](map<std::string, map<int, counter>>& x, chance& c) {
        c.below(4) ? void(x[name(c)][int(c.below(2))] += 1) : void(x.erase(name(c)));
    })));
    EXPECT_TRUE(check_type<once<>>([](once<>& x, chance& c) { (void)x.accept(name(c)); }));
    EXPECT_TRUE(check_type<presence<int>>([](presence<int>& x, chance& c) { x.announce(name(c), int(c.below(3))); }));
    EXPECT_TRUE(check_type<bounded_counter>([](bounded_counter& x, chance& c) {
        c.below(2) ? x.deposit(std::int64_t(c.below(9))) : void(x.try_spend(std::int64_t(c.below(9))));
    }));
}

struct player {
    dunlin::latest<std::string> name;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(player, name, bag, expires)

TEST(check_type, takes_a_struct) {
    EXPECT_TRUE(check_type<player>([](player& x, chance& c) {
        switch (c.below(3)) {
        case 0: x.name = name(c); break;
        case 1: x.bag[name(c)] += 1; break;
        default: x.expires(std::chrono::hours(1 + c.below(9)));
        }
    }));
}

// ---- lattices -------------------------------------------------------------------------------------------------------

/// A number and what a lattice does with it: one broken law each.
template <class Self> struct number {
    std::uint32_t n = 0;
    bool operator==(number const&) const = default;
    void join(Self const& x) { n = Self::of(n, x.n); }
    void encode(dunlin::encoder& out) const { out.u(n); }
    void decode(dunlin::decoder& in) { n = std::uint32_t(in.u()); }
};
struct greatest : number<greatest> {
    static std::uint32_t of(std::uint32_t a, std::uint32_t b) { return std::max(a, b); }
};
struct sum : number<sum> {
    static std::uint32_t of(std::uint32_t a, std::uint32_t b) { return a + b; }
};
struct replaced : number<replaced> {
    static std::uint32_t of(std::uint32_t a, std::uint32_t b) { return b ? b : a; }
};
struct mean : number<mean> { // of two, and of none
    static std::uint32_t of(std::uint32_t a, std::uint32_t b) { return !a || !b ? a + b : (a + b) / 2; }
};
struct least : number<least> { // 0 is the least, and the bottom is 0
    static std::uint32_t of(std::uint32_t a, std::uint32_t b) { return std::min(a, b); }
};
struct rock : number<rock> { // of three the one that beats the other: idempotent and commutative
    static std::uint32_t of(std::uint32_t a, std::uint32_t b) {
        if (!a || !b) return a + b;
        return a == b || (a + 1) % 3 == b % 3 ? b : a;
    }
};
auto small = [](auto& x, chance& c) { x.n = std::uint32_t(c.below(4)); };
auto larger = [](auto& x, chance& c) { x.n = std::uint32_t(c.below(50)); };

TEST(check_type, finds_nothing_in_a_lattice) { EXPECT_TRUE(check_type<greatest>(larger)); }
TEST(check_type, tells_a_join_that_is_not_idempotent) {
    EXPECT_EQ(check_type<sum>(larger).law(), "the lattice's join is not idempotent: a with a is not a");
    auto law = check_type<mean>(larger).law();
    EXPECT_TRUE(law == "the lattice's join is not idempotent: (a with b) with b is not a with b" || law == "the lattice's join is not associative") << law;
}
TEST(check_type, tells_a_join_that_is_not_commutative) {
    EXPECT_EQ(check_type<replaced>(larger).law(), "the lattice's join is not commutative");
}
TEST(check_type, tells_a_join_that_is_not_associative) {
    EXPECT_EQ(check_type<rock>(small).law(), "the lattice's join is not associative");
}
TEST(check_type, tells_a_bottom_that_is_none) {
    EXPECT_EQ(check_type<least>(larger).law(), "L() is not the lattice's bottom: a with L() is not a");
}

/// Ids in the order in which they came.
struct unsorted {
    std::vector<std::uint64_t> ids;
    void add(std::uint64_t id) {
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    void join(unsorted const& x) {
        for (auto id : x.ids) add(id);
    }
    bool operator==(unsorted const& x) const { return std::is_permutation(ids.begin(), ids.end(), x.ids.begin(), x.ids.end()); }
    void encode(dunlin::encoder& out) const {
        for (auto id : ids) out.u(id);
    }
    void decode(dunlin::decoder& in) {
        while (!in.done()) add(in.u());
    }
};
TEST(check_type, tells_bytes_that_are_not_canonical) {
    auto r = check_type<unsorted>([](unsorted& x, chance& c) { x.add(c.below(9)); });
    EXPECT_EQ(r.law(), "the lattice's encode writes one value in two ways");
}

struct forgetful : greatest { // writes less than it holds
    void join(forgetful const& x) { n = std::max(n, x.n); }
    void encode(dunlin::encoder& out) const { out.u(n / 2 * 2); }
};
struct strict : greatest { // reads less than it writes
    void join(strict const& x) { n = std::max(n, x.n); }
    void decode(dunlin::decoder& in) {
        if ((n = std::uint32_t(in.u())) > 10) in.fail();
    }
};
TEST(check_type, tells_bytes_that_lose_something) {
    EXPECT_EQ(check_type<forgetful>(larger).law(), "the lattice's decode reads another value than encode wrote");
    EXPECT_EQ(check_type<strict>(larger).law(), "the lattice's decode refuses what encode wrote");
}

/// A pair whose decode takes a width that no join makes: with itself it is another.
struct even {
    std::uint64_t n = 0;
    void join(even const& x) { n = std::max(n, x.n) / 2 * 2; }
    bool operator==(even const&) const = default;
    void encode(dunlin::encoder& out) const { out.u(n); }
    void decode(dunlin::decoder& in) { n = in.u(); }
};
TEST(check_type, tells_a_decode_that_takes_what_is_no_value) {
    EXPECT_EQ(check_type<even>([](even& x, chance& c) { x.n = c.below(50) * 2; }).law(), "the lattice's decode takes what is no value");
}

// ---- classes over fields --------------------------------------------------------------------------------------------

/// Looks before it takes: which two may do at once.
struct stock {
    dunlin::counter left;
    bool take(std::int64_t n) { return left >= n && (left -= n, true); }
};
DUNLIN_OBJECT(stock, left)
auto trade = [](stock& x, chance& c) { c.below(2) ? void(x.left += 3) : void(x.take(2)); };

TEST(check_type, tells_an_invariant_that_a_merge_breaks) {
    auto r = check_type<stock>(trade, [](stock const& x) { return x.left >= 0; });
    EXPECT_EQ(r.law(), "the invariant does not hold");
    EXPECT_LE(r.history().size(), 16u) << r;
    EXPECT_TRUE(check_type<stock>(trade));
}

/// One that is read and written, as if nobody else were there.
struct naive : dunlin::latest<std::int64_t> {
    void add(std::int64_t n) { dunlin::latest<std::int64_t>::operator=(value() + n); }
};
auto one_more = [](auto& x, chance& c) -> std::int64_t {
    auto n = std::int64_t(1 + c.below(3));
    if constexpr (requires { x.add(n); }) x.add(n);
    else x += n;
    return n;
};
auto adds_up = [](auto const& x, done<std::int64_t> const& seen) {
    std::int64_t sum = 0;
    for (std::int64_t n : seen.standing()) sum += n;
    return x.value() == sum ? std::string() : std::to_string(x.value()) + " and not " + std::to_string(sum);
};

TEST(check_type, tells_a_specification_that_a_naive_type_fails) {
    auto r = check_type<naive>(one_more, adds_up);
    EXPECT_EQ(r.law(), "the specification says something else");
    EXPECT_LE(r.history().size(), 14u) << r;
    EXPECT_TRUE(check_type<dunlin::counter>(one_more, adds_up));
}

/// What is in none of its fields is kept nowhere.
struct counted : dunlin::counter {
    int calls = 0;
};
struct holds_counted {
    counted n;
};
struct holds_map_of_counted {
    dunlin::map<std::string, counted> n;
};
DUNLIN_OBJECT(holds_counted, n)
DUNLIN_OBJECT(holds_map_of_counted, n)

TEST(check_type, a_class_over_a_field_with_members_of_its_own_is_refused) {
    EXPECT_DEATH((void)dunlin::struct_of<holds_counted>(), "members of its own");
    EXPECT_DEATH((void)dunlin::struct_of<holds_map_of_counted>(), "members of its own");
}

TEST(check_type, tells_bounds_of_bytes) {
    auto add = [](dunlin::set<std::uint64_t>& x, chance& c) { x.insert(c.below(100)); };
    EXPECT_EQ(check_type<dunlin::set<std::uint64_t>>(add, checks().state_bytes(60)).law(), "the bound of a state's bytes");
    EXPECT_EQ(check_type<dunlin::set<std::uint64_t>>(add, checks().delta_bytes(10)).law(), "the bound of a delta's bytes");
    EXPECT_TRUE(check_type<dunlin::counter>([](dunlin::counter& x, chance&) { x += 1; }, checks().delta_bytes(10).state_bytes(60)));
}

TEST(check_type, tells_that_it_has_tried_nothing) {
    auto nothing = "nothing was ever changed, so nothing was tried";
    EXPECT_EQ(check_type<dunlin::counter>([](dunlin::counter&, chance&) {}).law(), nothing);
    EXPECT_EQ(check_type<dunlin::counter>([](dunlin::counter& x, chance&) { x += 1; }, checks().seeds(1, 0)).law(), nothing);
}

TEST(check_type, takes_a_literal_for_a_text) {
    auto wrong = [](stock const& s) { return s.left >= 0 ? "" : "below zero"; };
    EXPECT_EQ(check_type<stock>(trade, wrong).law(), check_type<stock>(trade, [](stock const& s) { return s.left >= 0; }).law());
    EXPECT_TRUE(check_type<dunlin::counter>([](dunlin::counter& x, chance&) { x += 1; }, [](dunlin::counter const&) { return ""; }));
}

TEST(check_type, tells_what_is_thrown_though_it_is_no_exception) {
    auto r = check_type<dunlin::counter>([](dunlin::counter& x, chance& c) {
        if (c.below(50) == 0) throw 7;
        x += 1;
    });
    EXPECT_EQ(r.law(), "something is thrown");
}

TEST(check_type, tells_what_is_thrown) {
    auto r = check_type<dunlin::counter>([](dunlin::counter& x, chance& c) {
        if (c.below(50) == 0) throw std::runtime_error("oh");
        x += 1;
    });
    EXPECT_EQ(r.law(), "something is thrown");
}

// ---- the report -----------------------------------------------------------------------------------------------------

TEST(check_type, says_the_law_the_seed_and_a_history_that_its_seed_replays) {
    auto holds = [](stock const& x) { return x.left >= 0; };
    auto r = check_type<stock>(trade, holds, checks().seeds(7, 100));
    ASSERT_FALSE(r);
    auto again = check_type<stock>(trade, holds, checks().seeds(r.seed(), 1));
    EXPECT_EQ(again.message(), r.message());
    auto text = r.message();
    EXPECT_NE(text.find("invariant"), text.npos);
    EXPECT_NE(text.find("seed " + std::to_string(r.seed())), text.npos);
    EXPECT_NE(text.find(R"({"value.left":-)"), text.npos) << text;
}

TEST(check_type, tells_google_test_what_it_says) {
    auto r = check_type<sum>(larger);
    testing::AssertionResult told(r);
    EXPECT_FALSE(told);
    EXPECT_EQ(told.message(), r.message());
}

TEST(check_type, shows_a_specification_who_has_seen_whom) {
    bool any = false, both = false;
    EXPECT_TRUE(check_type<dunlin::counter>(one_more, [&](dunlin::counter const&, done<std::int64_t> const& seen) {
        auto all = seen.standing();
        for (auto a : all)
            for (auto b : all) any |= seen.before(a, b), both |= seen.before(a, b) && seen.before(b, a);
        return seen.carried().size() >= all.size();
    }));
    EXPECT_TRUE(any);
    EXPECT_FALSE(both);
}
} // namespace
