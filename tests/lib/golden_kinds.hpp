// Golden kinds: types for the kinds that golden_space has not, the history of two writers of them that the golden file
// holds, and what is to be seen of it in the end. Time stands still but for writer 1's last entry, thirty hours later.
#pragma once
#include "golden_bytes.hpp"
#include <boost/mp11/algorithm.hpp>
#include <dunlin/crdt/bounded_counter.hpp>
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/disable_wins_flag.hpp>
#include <dunlin/crdt/expiry.hpp>
#include <dunlin/crdt/indexed.hpp>
#include <dunlin/crdt/joined.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/maximum.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/once.hpp>
#include <dunlin/crdt/presence.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/crdt/siblings.hpp>

namespace golden::kinds {

using namespace dunlin;
using namespace std::chrono_literals;

struct point {
    int x = 0, y = 0;
    bool operator==(point const&) const = default;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

enum class mood : std::uint8_t { calm, cross = 200 };

/// A lattice with bytes of its own: from the least to the greatest that was said.
class reach {
    std::int64_t low_ = 0, high_ = -1; // nothing was said

public:
    reach() = default;
    explicit reach(std::int64_t n) : low_(n), high_(n) {}
    std::pair<std::int64_t, std::int64_t> ends() const { return {low_, high_}; }
    void join(reach const& x) {
        if (x.high_ < x.low_) return;
        if (high_ < low_)
            *this = x;
        else
            low_ = std::min(low_, x.low_), high_ = std::max(high_, x.high_);
    }
    bool operator==(reach const&) const = default;
    void encode(encoder& out) const { out.i(low_), out.i(high_); }
    void decode(decoder& in) {
        low_ = in.i(), high_ = in.i();
        if (high_ < low_ && *this != reach()) in.fail();
    }
};
struct extent { // a described lattice
    std::uint32_t width = 0, height = 0;
    void join(extent const& x) { width = std::max(width, x.width), height = std::max(height, x.height); }
    bool operator==(extent const&) const = default;
};
BOOST_DESCRIBE_STRUCT(extent, (), (width, height))

struct purse {
    bounded_counter money;
};
DUNLIN_OBJECT_AS("golden.purse", purse, money)
struct switches {
    disable_wins_flag on, off, gone;
};
DUNLIN_OBJECT_AS("golden.switches", switches, on, off, gone)
struct extremes {
    maximum<std::int64_t> highest;
    maximum<std::string> last;
    minimum<std::uint64_t> lowest;
    minimum<double> coldest;
};
DUNLIN_OBJECT_AS("golden.extremes", extremes, highest, last, lowest, coldest)
struct beside {
    siblings<std::string> name;
    siblings<point> at;
    joined<kinds::reach> reach;
    joined<kinds::extent> extent;
};
DUNLIN_OBJECT_AS("golden.beside", beside, name, at, reach, extent)
struct guarded {
    set<std::string, remove_wins> names;
    set<std::int64_t, remove_wins> numbers;
};
DUNLIN_OBJECT_AS("golden.guarded", guarded, names, numbers)
struct grown {
    set<std::string, grow_only> names;
    set<point, grow_only> points;
};
DUNLIN_OBJECT_AS("golden.grown", grown, names, points)
struct visit {
    latest<std::string> user;
    counter requests;
    expiry expires;
};
DUNLIN_OBJECT_AS("golden.visit", visit, user, requests, expires)
struct lobby {
    map<std::string, expiry> online;
    map<std::string, visit> stays;
};
DUNLIN_OBJECT_AS("golden.lobby", lobby, online, stays)
struct room {
    presence<std::string> who;
    presence<point> seats;
};
DUNLIN_OBJECT_AS("golden.room", room, who, seats)
struct asked {
    once<std::string, std::chrono::hours, 24> requests;
};
DUNLIN_OBJECT_AS("golden.asked", asked, requests)
using number_or_text = std::variant<std::monostate, std::int64_t, std::string, point>;
struct choices {
    latest<std::optional<std::int64_t>> maybe;
    latest<number_or_text> any;
    indexed<latest<mood>> how;
    latest<kinds::reach> own;
    set<std::optional<std::int64_t>> some;
};
DUNLIN_OBJECT_AS("golden.choices", choices, maybe, any, how, own, some)
struct below {
    map<std::string, set<std::string, remove_wins>> banned;
    map<std::string, disable_wins_flag> doors;
    map<std::string, maximum<std::int64_t>> best;
    map<std::string, minimum<std::string>> least;
    map<std::string, siblings<std::string>> said;
    map<std::int64_t, set<std::string, grow_only>> seen;
    map<std::string, joined<kinds::reach>> reaches;
};
DUNLIN_OBJECT_AS("golden.below", below, banned, doors, best, least, said, seen, reaches)

using all_types =
    boost::mp11::mp_list<purse, switches, extremes, beside, guarded, grown, visit, lobby, room, asked, choices, below>;

struct space : lone::space {
    using lone::space::space;
    void know_types() {
        boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, all_types>>(
            [&]<class T>(std::type_identity<T>) { (void)of<T>(); });
    }
    std::uint32_t slot(std::uint8_t n) { return body->table().find(lone::writer_of(n)); }
};

// ---- the history ----------------------------------------------------------------------------------------------------

inline std::string text(int n) { return n % 2 ? "odd" : "even, and too long to stand inline"; }
inline std::string numbered(char const* before, int n) { return before + (" " + std::to_string(n)); }

/// Something of every type. Writer 1 says it with 1 and 3, writer 2 with 2 and 5: each goes beyond what was seen there.
inline void fill(space& s, int n) {
    auto& money = s.get<purse>().money;
    money.deposit(100 * n);
    EXPECT_TRUE(money.try_spend(10 * n));
    auto& w = s.get<switches>();
    w.on = true, w.off = true, w.gone = true;
    auto& x = s.get<extremes>();
    x.highest.raise(n), x.last.raise(std::to_string(n)), x.lowest.lower(100u - unsigned(n)), x.coldest.lower(-n / 4.0);
    auto& v = s.get<beside>();
    v.name = text(n), v.at = point{n, -n}, v.reach.join(reach(n));
    v.extent.join(extent{unsigned(10 * n), unsigned(100 - n)});
    auto& g = s.get<guarded>();
    g.names.insert("kept"), g.names.insert(text(n)), g.names.erase(numbered("never", n));
    g.numbers.insert(n), g.numbers.insert(1000);
    s.get<grown>().names.insert(text(n)), s.get<grown>().points.insert(point{n, 0});
    auto& e = s.get<visit>();
    e.user = text(n), e.requests += n, e.expires(n * 30min);
    auto& l = s.get<lobby>();
    l.online["ada"](n * 1min), l.online[numbered("guest", n)](1h);
    l.stays["s"]->requests += n, l.stays["s"]->expires(n * 30min);
    s.get<room>().who.announce("ada", text(n)), s.get<room>().who.announce(numbered("guest", n), "");
    s.get<room>().seats.announce("ada", point{n, 0});
    s.get<asked>().requests.accept(numbered("request", n)), s.get<asked>().requests.accept("everybody's");
    auto& c = s.get<choices>();
    c.maybe = n % 2 ? std::optional<std::int64_t>(n) : std::nullopt, c.how = n % 2 ? mood::cross : mood::calm;
    c.any = n == 1 ? number_or_text(-1) : n == 2 ? text(n) : n == 3 ? number_or_text(point{n, n}) : number_or_text();
    c.own = reach(n), c.some.insert(std::nullopt), c.some.insert(n);
    auto& m = s.get<below>();
    m.banned["x"]->insert(text(n)), m.banned["x"]->erase(numbered("never", n)), m.doors["x"] = true;
    m.best["x"]->raise(n), m.least["x"]->lower(std::to_string(9 - n)), m.said["x"] = text(n), m.seen[n]->insert("a");
    m.reaches["x"]->join(reach(n));
}
/// Of what writer 1 has seen: numbers 1 to 3.
inline void take_away(space& s) {
    auto& money = s.get<purse>().money;
    money.put_back(50), money.confirm(money.pocket(30)), money.give(s.slot(2), 20), money.want(7);
    EXPECT_TRUE(money.try_spend(5));
    auto& w = s.get<switches>();
    w.off = false, w.gone.reset();
    auto& x = s.get<extremes>();
    x.highest.reset(), x.last.raise("last"), x.lowest.reset();
    auto& v = s.get<beside>();
    v.name.reset(), v.at = point{9, 9}, v.reach.reset(), v.extent.join(extent{1000, 1});
    auto& g = s.get<guarded>();
    g.names.erase("kept"), g.names.insert("later"), g.numbers.reset();
    s.erase<grown>();
    s.get<visit>().requests += 1, s.get<visit>().expires(10min);
    auto& l = s.get<lobby>();
    l.online.erase("ada"), l.online["bob"]->never(), l.stays["s"]->expires(10min);
    s.get<room>().who.leave("ada"), s.get<room>().seats.leave("ada");
    auto& c = s.get<choices>();
    c.maybe.reset(), c.any = number_or_text("taken"), c.own.reset(), c.some.erase(std::nullopt), c.some.erase(1);
    auto& m = s.get<below>();
    m.banned.erase("x"), m.doors["y"] = false, m.best.clear(), m.least["x"]->reset(), m.said.erase("x"), m.seen.erase(1);
}

inline named_series say(std::string name, space& who, std::string what) { return {std::move(name), std::move(what), who.seal()}; }

/// In an order in which it applies; both have all of it in the end.
inline std::vector<named_series> history(space& a, space& b) {
    a.know_types(), b.know_types();
    fill(a, 1);
    std::vector<named_series> all{say("a1", a, "number 1 of writer 1: the schema's lines, and one object of each type")};
    absorb(b, all[0].series);
    fill(a, 3), fill(b, 2);
    all.push_back(say("a2", a, "number 2 of writer 1: the same fields again"));
    all.push_back(say("b1", b, "number 1 of writer 2: at the same time"));
    absorb(a, all[2].series), absorb(b, all[1].series);
    return all;
}
inline std::vector<named_series> take_away_history(space& a, space& b) {
    take_away(a), fill(b, 5);
    std::vector<named_series> all{say("a3", a, "number 3 of writer 1: resets, erases, what is forgotten"),
                                  say("b2", b, "number 2 of writer 2: not seen by those")};
    absorb(a, all[1].series), absorb(b, all[0].series);
    EXPECT_TRUE(a.get<purse>().money.try_spend(1));
    a.get<switches>().gone = true, a.get<extremes>().highest.raise(7), a.get<beside>().name = "one again";
    a.get<guarded>().names.insert("never 2");
    all.push_back(say("a4", a, "number 4 of writer 1: what has seen both"));
    absorb(b, all[2].series);
    a.clock.wall += 30h;
    EXPECT_TRUE(a.get<asked>().requests.accept("request 9"));
    EXPECT_TRUE(b.get<asked>().requests.accept("request 7"));
    all.push_back(say("a5", a, "number 5 of writer 1: thirty hours later, a slice of time that is over"));
    all.push_back(say("b3", b, "number 3 of writer 2: at the same time, in that slice"));
    absorb(a, all[4].series), absorb(b, all[3].series);
    return all;
}

} // namespace golden::kinds
