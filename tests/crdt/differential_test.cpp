// Differential: entries against whole states, on pairs (state, vector), in random histories over random nesting.
//
//   step := a turn, of several parts at times | an entry taken | a whole state joined
//
// After every step somebody takes what somebody else has: once entry by entry, in any order in which they connect, once as
// a state. Both ways must give the same bytes and the same vector. The specification is no part of this: map_test.cpp
// and the others compare with it; here only the two ways are compared, over shapes that they do not have.
#include "play.hpp"
#include <gtest/gtest.h>

namespace {
using namespace rig;

// ---- a random change of any field, by its type -----------------------------------------------------------------------

template <class T> T any_value(chance& c) {
    if constexpr (std::is_same_v<T, std::string>)
        return pick(c, "", "a", "b", "too long to stand inline in a row");
    else if constexpr (std::is_same_v<T, bool>)
        return draw(c, 2) == 0;
    else
        return T(int(draw(c, 4)) - (std::is_signed_v<T> ? 2 : 0));
}

void change(dunlin::counter& x, chance& c) {
    if (draw(c, 5) == 0) return x.reset();
    x += std::int64_t(draw(c, 7)) - 3;
}
void change(dunlin::flag& x, chance& c) { x = draw(c, 2) == 0; }
void change(dunlin::disable_wins_flag& x, chance& c) { x = draw(c, 2) == 0; }
void change(dunlin::bounded_counter& x, chance& c) {
    auto n = std::int64_t(draw(c, 5));
    switch (draw(c, 6)) {
    case 0: return x.want(n);
    case 1: return x.put_back(n);
    case 2: return x.pocket(n), x.confirm(n);
    case 3: return x.deposit(n);
    default: return void(x.try_spend(n));
    }
}
template <class T> void change(dunlin::latest<T>& x, chance& c) {
    if (draw(c, 5) == 0) return x.reset();
    x = any_value<T>(c);
}
template <class T> void change(dunlin::siblings<T>& x, chance& c) {
    if (draw(c, 5) == 0) return x.reset();
    x = any_value<T>(c);
}
template <class T> void change(dunlin::maximum<T>& x, chance& c) {
    if (draw(c, 5) == 0) return x.reset();
    x.raise(any_value<T>(c));
}
template <class T> void change(dunlin::minimum<T>& x, chance& c) {
    if (draw(c, 5) == 0) return x.reset();
    x.lower(any_value<T>(c));
}
template <class T, class Policy> void change(dunlin::set<T, Policy>& x, chance& c) {
    auto what = draw(c, 8);
    if constexpr (!std::is_same_v<Policy, dunlin::grow_only>) {
        if (what == 0) return x.clear();
        if (what < 3) return void(x.erase(any_value<T>(c)));
    }
    x.insert(any_value<T>(c));
}
template <class T>
requires dunlin::described<T>
void change(T& x, chance& c);
template <class K, class V> void change(dunlin::map<K, V>& x, chance& c) {
    auto what = draw(c, 12);
    if (what == 0) return x.clear();
    if (what < 3) return void(x.erase(any_value<K>(c)));
    change(*x[any_value<K>(c)].operator->(), c);
}
template <class T>
requires dunlin::described<T>
void change(T& x, chance& c) {
    unsigned n = 0;
    dunlin::for_each_field<T>([&](auto, auto) { ++n; });
    auto chosen = draw(c, n);
    dunlin::for_each_field<T>([&](auto, auto pointer) {
        if (chosen-- == 0) change(x.*pointer, c);
    });
}

// ---- shapes ----------------------------------------------------------------------------------------------------------

using dunlin::counter, dunlin::flag, dunlin::latest, dunlin::map, dunlin::set;

struct leaf {
    counter n;
    latest<std::string> name;
};
DUNLIN_OBJECT_AS("d.leaf", leaf, n, name)
struct branch {
    map<std::string, leaf> leaves;
    set<std::string> tags;
    flag on;
};
DUNLIN_OBJECT_AS("d.branch", branch, leaves, tags, on)
struct tree {
    map<std::string, branch> branches;
    leaf own;
};
DUNLIN_OBJECT_AS("d.tree", tree, branches, own)
struct sums {
    counter a, b;
    map<bool, map<std::string, counter>> deep;
};
DUNLIN_OBJECT_AS("d.sums", sums, a, b, deep)
struct registers {
    latest<std::int64_t> a;
    latest<bool> b;
    map<std::int64_t, latest<std::string>> by;
    map<std::string, map<std::string, latest<std::uint64_t>>> deep;
};
DUNLIN_OBJECT_AS("d.registers", registers, a, b, by, deep)
struct sets {
    set<std::string> a;
    set<std::int64_t> b;
    map<std::string, set<std::string>> by;
    map<std::uint64_t, map<std::string, map<bool, set<std::int64_t>>>> deep;
};
DUNLIN_OBJECT_AS("d.sets", sets, a, b, by, deep)
struct flags {
    flag a;
    map<std::string, flag> by;
    map<std::string, map<std::string, flag>> deep;
    map<std::string, branch> branches;
};
DUNLIN_OBJECT_AS("d.flags", flags, a, by, deep, branches)

struct policies {
    dunlin::disable_wins_flag off;
    dunlin::siblings<std::string> all;
    dunlin::maximum<std::int64_t> high;
    dunlin::minimum<std::string> low;
    set<std::string, dunlin::remove_wins> allowed;
    set<std::int64_t, dunlin::grow_only> ever;
    map<std::string, dunlin::disable_wins_flag> off_by;
    map<std::int64_t, set<std::string, dunlin::remove_wins>> allowed_by;
    map<bool, map<std::string, dunlin::siblings<std::int64_t>>> all_by;
    map<std::string, dunlin::maximum<std::int64_t>> high_by;
    map<std::string, set<bool, dunlin::grow_only>> ever_by;
    dunlin::bounded_counter purse;
};
DUNLIN_OBJECT_AS("d.policies", policies, off, all, high, low, allowed, ever, off_by, allowed_by, all_by, high_by, ever_by, purse)

struct shape {
    dunlin::struct_part const* type;
    void (*change)(replica&, std::size_t, chance&);
};
template <class T> shape shape_of() {
    return {&dunlin::struct_of<T>(), [](replica& r, std::size_t n, chance& c) { change(r.get<T>(n), c); }};
}
shape const shapes[] = {shape_of<leaf>(),      shape_of<branch>(), shape_of<tree>(), shape_of<sums>(),
                        shape_of<registers>(), shape_of<sets>(),   shape_of<flags>(),
                        shape_of<policies>()};

// ---- one history -----------------------------------------------------------------------------------------------------

class history {
    chance r_;
    std::vector<shape> chosen_;
    std::vector<dunlin::struct_part const*> types_;
    std::vector<std::unique_ptr<replica>> all_;
    std::vector<entry> log_;

    replica& any() { return *all_[draw(r_, unsigned(all_.size()))]; }
    void turn(replica& x) {
        x.clock = draw(r_, 6);
        for (auto n = 1 + draw(r_, 4); n; --n) {
            auto object = draw(r_, unsigned(chosen_.size()));
            if (draw(r_, 16) == 0)
                x.erase(object);
            else
                chosen_[object].change(x, object, r_);
        }
        if (draw(r_, 8) == 0) {
            for (auto& e : x.seal_in_parts(1 + draw(r_, 40))) log_.push_back(e);
        } else if (auto e = x.seal())
            log_.push_back(*e);
    }
    std::unique_ptr<replica> copy(state const& s, unsigned writer_number) {
        auto made = std::make_unique<replica>(writer(writer_number), types_, draw(r_, 4));
        made->join(s);
        return made;
    }
    /// What `from` has seen and x has not, entry by entry; some are tried before they connect.
    void catch_up(replica& x, replica const& from) {
        auto wanted = from.seen();
        std::vector<entry const*> missing;
        for (auto& e : log_)
            if (e.number <= wanted[e.author]) missing.push_back(&e);
        std::shuffle(missing.begin(), missing.end(), r_);
        for (bool more = true; more;) {
            more = false;
            for (auto e : missing) more |= x.absorb(*e) == absorbed::yes;
        }
    }
    void compare() {
        auto &x = any(), &y = any();
        auto before = x.save(), theirs = y.save();
        auto by_entries = copy(before, 70), by_state = copy(before, 71);
        catch_up(*by_entries, y);
        by_state->join(theirs);
        auto a = by_entries->save(), b = by_state->save();
        must(a.seen == b.seen, "entries and states lead to two vectors");
        must(a == b, "entries and states lead to other bytes");
        must(join_states(theirs, before, types_, draw(r_, 4)) == a, "the other way round there are other bytes");
        by_entries->join(theirs), by_state->join(before);
        must(by_entries->save() == a && by_state->save() == a, "a state that was seen changes something");
    }

public:
    explicit history(unsigned seed) : r_(seed * 2654435761u + 7) {
        for (auto n = 1 + draw(r_, 2); n; --n) chosen_.push_back(shapes[draw(r_, std::size(shapes))]);
        for (auto& s : chosen_) types_.push_back(s.type);
        for (unsigned k = 0, n = 2 + draw(r_, 3); k < n; ++k)
            all_.push_back(std::make_unique<replica>(writer(k), types_, draw(r_, 4)));
    }
    /// Empty, or what broke and where.
    std::string run() {
        unsigned step = 0;
        try {
            for (auto last = 10 + draw(r_, 20); step < last; ++step) {
                auto what = draw(r_, 8);
                if (what < 4)
                    turn(any());
                else if (what < 7 && !log_.empty()) {
                    for (auto n = 1 + draw(r_, 5); n; --n) any().absorb(log_[draw(r_, unsigned(log_.size()))]);
                } else
                    any().join(any().save());
                if (draw(r_, 3) == 0) compare();
            }
            return {};
        } catch (broken const& b) { return "step " + std::to_string(step) + ": " + b.what(); }
    }
};

std::string histories(unsigned first, unsigned count) {
    if (auto chosen = std::getenv("DUNLIN_SEED")) first = unsigned(std::atoi(chosen)), count = 1;
    if (auto more = std::getenv("DUNLIN_HISTORIES"); more && count > 1000) count = unsigned(std::atoi(more));
    for (auto seed = first; seed < first + count; ++seed)
        if (auto failed = history(seed).run(); !failed.empty())
            return "DUNLIN_SEED=" + std::to_string(seed) + " " + failed;
    return {};
}

TEST(differential, entries_and_states_agree) { EXPECT_EQ(histories(1, 300), ""); }
TEST(heavy_differential, entries_and_states_agree_in_20000_random_histories) { EXPECT_EQ(histories(1000, 20'000), ""); }
} // namespace
