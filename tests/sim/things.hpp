// What the histories replicate: one struct whose changes are checked word by word, and a struct of everything nested
// in two builds of one service.
//
//   books    an account of what each run did: counted, listed, traded, overwritten; nobody erases it
//   thing    every type inside every other, changed at random; `one` and `two` are builds that declare other fields
//   novelty  a type that only the second build has
#pragma once
#include "cluster_fixture.hpp"

namespace clusters {

struct books {
    dunlin::map<std::string, dunlin::counter> made; // by run: its changes
    dunlin::map<std::string, dunlin::counter> seen; // by run: what it saw of `clock` when it wrote
    dunlin::set<std::string> lines;                 // each inserted once, and erased at most once by each node
    dunlin::latest<std::string> last;               // never the same twice
    dunlin::counter clock;
    dunlin::counter left, right; // their sum is 0 after each atomic
};
DUNLIN_OBJECT(books, made, seen, lines, last, clock, left, right)

/// What ends by itself.
struct stay {
    dunlin::latest<std::string> label;
    dunlin::indexed<dunlin::counter> uses; // in the other build it is not
    dunlin::set<std::string> tags;
    dunlin::expiry expires;
    dunlin::ephemeral<std::int64_t> seat; // nor this
};
DUNLIN_OBJECT(stay, label, uses, tags, expires, seat)

/// The types with another policy than most.
struct policies {
    dunlin::disable_wins_flag off;
    dunlin::siblings<std::string> all;
    dunlin::minimum<std::int64_t> low;
    dunlin::set<std::string, dunlin::remove_wins> allowed;
    dunlin::map<std::string, dunlin::set<std::string, dunlin::remove_wins>> allowed_by;
    dunlin::map<std::string, dunlin::disable_wins_flag> off_by;
    dunlin::latest<std::optional<std::int64_t>> perhaps;
    dunlin::bounded_counter purse;
    dunlin::once<std::string, std::chrono::seconds, 40> done;
    dunlin::map<std::string, dunlin::expiry> online;
    dunlin::map<std::string, dunlin::map<std::string, stay>> stays;
    dunlin::ephemeral<std::string> cursor;
    dunlin::map<std::string, dunlin::map<std::int64_t, dunlin::ephemeral<std::string>>> cursors;
};
DUNLIN_OBJECT(policies, off, all, low, allowed, allowed_by, off_by, perhaps, purse, done, online, stays, cursor, cursors)

/// A lattice of the service's own, with bytes of its own.
struct marks {
    std::uint64_t bits = 0;
    void join(marks const& other) { bits |= other.bits; }
    bool operator==(marks const&) const = default;
    void encode(dunlin::encoder& out) const { out.u(bits); }
    void decode(dunlin::decoder& in) { bits = in.u(); }
};

namespace one {
struct item {
    dunlin::latest<std::string> label;
    dunlin::counter uses;
    dunlin::set<std::string> tags;
    dunlin::flag bound;
    dunlin::ephemeral<std::int64_t> glow;
};
DUNLIN_OBJECT_AS("item", item, label, uses, tags, bound, glow)

struct thing {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::flag on;
    dunlin::set<std::string> tags;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::map<std::string, dunlin::map<std::string, dunlin::set<std::string>>> deep;
    dunlin::map<std::string, item> items;
    dunlin::map<std::int64_t, dunlin::map<std::string, item>> shelves;
    dunlin::map<std::string, dunlin::flag> flags;
    dunlin::map<std::string, dunlin::maximum<std::int64_t>> highs;
    dunlin::map<std::string, dunlin::set<std::string, dunlin::grow_only>> ever;
    item best;
    policies ways;
    dunlin::joined<marks> marked;    // which the other build does not know
    dunlin::map<std::string, dunlin::joined<marks>> marked_by;
    dunlin::bounded_counter tickets; // which the other build does not know, and gives from all the same
    dunlin::ephemeral<std::int64_t> where;
    dunlin::ephemeral<std::optional<std::string>> typing; // nor this
    dunlin::map<std::string, dunlin::ephemeral<std::int64_t>> pointers;
};
DUNLIN_OBJECT_AS("thing", thing, name, score, on, tags, bag, deep, items, shelves, flags, highs, ever, best, ways, marked, marked_by, tickets, where, typing, pointers)

using session = stay; // whole objects

struct last_word { // when all is over
    dunlin::ephemeral<std::int64_t> said;
};
DUNLIN_OBJECT(last_word, said)
} // namespace one

namespace two { // has lost two fields and got three
struct item {
    dunlin::latest<std::string> label;
    dunlin::set<std::string> tags;
    dunlin::flag bound;
    dunlin::latest<std::int64_t> weight;
};
DUNLIN_OBJECT_AS("item", item, label, tags, bound, weight)

struct thing {
    dunlin::map<std::string, item> items;
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::flag on;
    dunlin::set<std::string> tags;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::map<std::string, dunlin::map<std::string, dunlin::set<std::string>>> deep;
    dunlin::map<std::string, dunlin::counter> more;
    dunlin::set<std::int64_t> numbers;
    item best;
    dunlin::ephemeral<std::int64_t> where;
    policies ways;
};
DUNLIN_OBJECT_AS("thing", thing, items, name, score, on, tags, bag, deep, more, numbers, best, where, ways)

struct session { // as before it could end
    dunlin::latest<std::string> label;
    dunlin::counter uses;
    dunlin::flag bound;
};
DUNLIN_OBJECT_AS("stay", session, label, uses, bound)

struct novelty {
    dunlin::map<std::string, dunlin::map<std::string, dunlin::counter>> sums;
    dunlin::latest<std::string> name;
};
DUNLIN_OBJECT_AS("novelty", novelty, sums, name)
} // namespace two

using chance_source = dunlin::sim::generator;
inline std::string any_of(chance_source& c, char const* prefix, std::uint64_t n) {
    return prefix + std::to_string(c.below(n));
}

template <class Item> void change_item(Item& x, chance_source& c) {
    switch (c.below(9)) {
    case 7:
    case 8:
        if constexpr (requires { x.glow; }) c.happens(0.8) ? void(x.glow = std::int64_t(c.below(1000))) : x.glow.reset();
        break;
    case 0: x.label = any_of(c, "label ", 9); break;
    case 1: x.label.reset(); break;
    case 2: x.tags.insert(any_of(c, "t", 4)); break;
    case 3: x.tags.erase(any_of(c, "t", 4)); break;
    case 4: x.tags.clear(); break;
    case 5: x.bound = c.happens(0.5); break;
    default:
        if constexpr (requires { x.uses; }) {
            if (c.happens(0.2))
                x.uses.reset();
            else
                x.uses += long(c.below(9)) - 4;
        } else
            x.weight = std::int64_t(c.below(100));
    }
}

template <class Stay> void change_stay(Stay& x, chance_source& c) {
    switch (c.below(8)) {
    case 0:
    case 1: x.label = any_of(c, "label ", 9); break;
    case 2:
    case 3: x.uses += long(c.below(9)) - 4; break;
    default:
        if constexpr (requires { x.expires; }) switch (c.below(8)) {
            case 6:
            case 7: x.seat = std::int64_t(c.below(100)); break;
            case 0: x.tags.insert(any_of(c, "t", 4)); break;
            case 1: x.tags.clear(); break;
            case 2: x.expires(std::chrono::milliseconds(c.below(90'000))); break;
            case 3: x.expires.keep(std::chrono::milliseconds(c.below(60'000))); break;
            case 4: x.expires(std::chrono::milliseconds(c.below(5'000))); break;
            default: c.happens(0.3) ? x.expires.never() : x.expires(1s);
            }
        else
            x.bound = c.happens(0.5);
    }
}
inline void change_thing(stay& x, chance_source& c) { change_stay(x, c); }

inline void change_policies(policies& x, chance_source& c) {
    auto k = any_of(c, "k", 3), e = any_of(c, "e", 3);
    switch (c.below(30)) {
    case 27:
    case 28: x.cursors[k][std::int64_t(c.below(3))] = std::string(c.below(50), 'c'); break;
    case 29: c.happens(0.5) ? void(x.cursors.erase(k)) : c.happens(0.8) ? x.cursors[k]->clear() : x.cursors.clear(); break;
    case 25: x.cursor = e; break;
    case 26: c.happens(0.7) ? void(x.cursor = std::string(c.below(200), 'c')) : x.cursor.reset(); break;
    case 19: x.online[k](std::chrono::milliseconds(c.below(60'000))); break;
    case 20: x.online.erase(k); break;
    case 21:
    case 22:
    case 23: change_stay(*x.stays[k][e].operator->(), c); break;
    case 24: c.happens(0.5) ? void(x.stays.erase(k)) : x.stays[k]->clear(); break;
    case 18: (void)x.done.accept(e); break;
    case 14: x.purse.deposit(std::int64_t(c.below(50))); break;
    case 15:
    case 16:
    case 17: (void)x.purse.try_spend(std::int64_t(c.below(20))); break;
    case 0: x.off = c.happens(0.6); break;
    case 1:
    case 2: x.all = e; break;
    case 3: x.all.reset(); break;
    case 4: x.low.lower(std::int64_t(c.below(1000))); break;
    case 5: x.low.reset(); break;
    case 6: x.allowed.insert(e); break;
    case 7: x.allowed.erase(e); break;
    case 8: x.allowed.clear(); break;
    case 9: c.happens(0.6) ? x.allowed_by[k]->insert(e) : x.allowed_by[k]->erase(e); break;
    case 10: x.allowed_by.erase(k); break;
    case 11: x.off_by[k] = c.happens(0.6); break;
    case 12: x.off_by.erase(k); break;
    default: x.perhaps = c.happens(0.5) ? std::optional<std::int64_t>() : std::int64_t(c.below(9));
    }
}

template <class Thing> void change_common(Thing& t, chance_source& c) {
    auto k = any_of(c, "k", 4), e = any_of(c, "e", 4);
    switch (c.below(26)) {
    case 20:
    case 21: c.happens(0.9) ? void(t.where = std::int64_t(c.below(1'000'000))) : t.where.reset(); break;
    case 0: t.name = c.happens(0.1) ? std::string(3000, 'x') : e; break;
    case 1: t.name.reset(); break;
    case 2: t.score += long(c.below(9)) - 4; break;
    case 3: t.score.reset(); break;
    case 4: t.on = c.happens(0.5); break;
    case 5: t.tags.insert(e); break;
    case 6: t.tags.erase(e); break;
    case 7: t.tags.clear(); break;
    case 8:
    case 9: t.bag[k] += 2; break;
    case 10: t.bag.erase(k); break;
    case 11: t.deep[k][e]->insert(e); break;
    case 12: t.deep[k]->erase(e); break;
    case 13: t.deep.erase(k); break;
    case 14:
    case 15: change_item(*t.items[k].operator->(), c); break;
    case 16: t.items.erase(k); break;
    case 17: t.items.clear(); break;
    case 18: change_item(t.best, c); break;
    case 19: t.bag.clear(); break;
    default: change_policies(t.ways, c);
    }
}

inline void change_thing(one::thing& t, chance_source& c) {
    auto k = any_of(c, "k", 3);
    auto n = std::int64_t(c.below(3)) - 1;
    switch (c.below(26)) {
    case 23:
    case 24: t.pointers[k] = std::int64_t(c.below(100)); break;
    case 25: c.happens(0.7) ? void(t.pointers.erase(k)) : t.pointers.clear(); break;
    case 12: t.marked.join({std::uint64_t(1) << c.below(10)}); break;
    case 13: t.marked_by[k]->join({std::uint64_t(1) << c.below(10)}); break;
    case 14: c.happens(0.5) ? t.marked.reset() : void(t.marked_by.erase(k)); break;
    case 15: t.typing = c.happens(0.5) ? std::optional<std::string>() : k; break;
    case 9: t.tickets.deposit(std::int64_t(c.below(50))); break;
    case 10:
    case 11: (void)t.tickets.try_spend(std::int64_t(c.below(20))); break;
    case 0: change_item(*t.shelves[n][k].operator->(), c); break;
    case 1: t.shelves[n]->erase(k); break;
    case 2: t.shelves.erase(n); break;
    case 3: t.flags[k] = c.happens(0.6); break;
    case 4: t.flags.erase(k); break;
    case 5: t.highs[k]->raise(std::int64_t(c.below(100))); break;
    case 6: t.highs.erase(k); break;
    case 7: t.ever[k]->insert(any_of(c, "e", 9)); break;
    case 8: t.ever.erase(k); break;
    default: change_common(t, c);
    }
}

inline void change_thing(two::thing& t, chance_source& c) {
    switch (c.below(10)) {
    case 0: t.more[any_of(c, "k", 3)] += 1; break;
    case 1: t.more.clear(); break;
    case 2: t.numbers.insert(std::int64_t(c.below(5))); break;
    case 3: t.numbers.erase(std::int64_t(c.below(5))); break;
    default: change_common(t, c);
    }
}

inline void change_thing(two::session& x, chance_source& c) { change_stay(x, c); }

inline void change_thing(two::novelty& t, chance_source& c) {
    auto k = any_of(c, "k", 3), e = any_of(c, "e", 3);
    switch (c.below(5)) {
    case 0: t.name = e; break;
    case 1: t.sums.erase(k); break;
    case 2: t.sums[k]->erase(e); break;
    default: t.sums[k][e] += 1;
    }
}

} // namespace clusters
