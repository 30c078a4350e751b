// A space in memory under a fixed writer and a standing clock: what it makes is the same in every run.
#pragma once
#include <boost/asio/io_context.hpp>
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/flag.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/lib/roster.hpp>
#include <dunlin/lib/schema.hpp>
#include <dunlin/lib/space_body.hpp>
#include <gtest/gtest.h>

namespace golden {

using namespace dunlin;

struct point {
    int x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct sums {
    counter sum;
};
DUNLIN_OBJECT_AS("golden.sums", sums, sum)
struct flags {
    flag on;
};
DUNLIN_OBJECT_AS("golden.flags", flags, on)
struct registers {
    latest<std::int64_t> number;
    latest<std::uint64_t> size;
    latest<bool> yes;
    latest<double> real;
    latest<std::string> text;
    latest<std::vector<std::uint8_t>> raw;
    latest<point> at;
};
DUNLIN_OBJECT_AS("golden.registers", registers, number, size, yes, real, text, raw, at)
struct sets {
    set<std::int64_t> numbers;
    set<std::string> names;
    set<point> points;
};
DUNLIN_OBJECT_AS("golden.sets", sets, numbers, names, points)
struct item {
    counter count;
    latest<std::string> label;
};
DUNLIN_OBJECT_AS("golden.item", item, count, label)
struct maps {
    map<std::string, counter> bag;
    map<std::uint64_t, set<std::string>> groups;
    map<std::string, map<std::int64_t, flag>> deep;
    map<std::string, item> items;
    map<std::string, latest<point>> places;
};
DUNLIN_OBJECT_AS("golden.maps", maps, bag, groups, deep, items, places)
struct home {
    latest<point> at;
    set<std::string> doors;
};
DUNLIN_OBJECT_AS("golden.home", home, at, doors)
struct whole {
    counter gold;
    golden::home home;
};
DUNLIN_OBJECT_AS("golden.whole", whole, gold, home)

class still_clock final : public dunlin::clock {
    struct bell final : timer {
        void expires_after(std::chrono::nanoseconds, std::function<void()>) override {}
        void cancel() override {}
    };

public:
    std::chrono::nanoseconds steady_now() const override { return std::chrono::hours(1); }
    std::chrono::milliseconds wall_now() const override { return std::chrono::milliseconds(1'700'000'000'000); }
    std::unique_ptr<timer> make_timer(any_io_executor) override { return std::make_unique<bell>(); }
};
class same_chance final : public chance {
public:
    void fill(std::span<std::uint8_t> bytes) override { std::fill(bytes.begin(), bytes.end(), std::uint8_t(7)); }
};

inline writer_id writer_of(std::uint8_t n) {
    writer_id w;
    w.node.fill(n), w.run = n, w.nonce = 0x01020300u + n;
    return w;
}

struct golden_space {
    boost::asio::io_context io;
    still_clock clock;
    same_chance chance;
    std::vector<space_message> sent;
    std::vector<std::string> alarms;
    std::shared_ptr<space_body> body;

    explicit golden_space(std::uint8_t n) {
        space_setup s;
        s.name = "main", s.executor = io.get_executor(), s.clock = &clock, s.chance = &chance;
        s.node = writer_of(n).node;
        s.send = [this](peer_number, space_message&& m) { sent.push_back(std::move(m)); };
        s.alarm = [this](std::string const& text) { alarms.push_back(text); };
        body = std::make_shared<space_body>(std::move(s));
        body->own(writer_of(n));
    }
    ~golden_space() { body->stop(); }
    golden_space(golden_space const&) = delete;

    /// The whole space as a peer is given it, a piece after the other.
    std::vector<std::string> pieces() {
        body->peer_up(1, writer_of(9).node, true);
        std::vector<std::string> all;
        word::state_pull next;
        for (bool last = false; !last;) {
            sent.clear();
            body->receive(1, next);
            io.restart(), io.poll();
            auto chunk = std::find_if(sent.begin(), sent.end(),
                                      [](auto& m) { return std::holds_alternative<word::state_chunk>(m); });
            if (chunk == sent.end()) return ADD_FAILURE() << "no chunk", all;
            auto& c = std::get<word::state_chunk>(*chunk);
            all.push_back(c.bytes);
            next.token = c.token, next.cursor = c.next, last = c.last;
        }
        return all;
    }

    template <class T> object& of(std::string const& key = "k") {
        return *body->local(body->type_of(struct_of<T>(), true), key);
    }
    template <class T> T& get(std::string const& key = "k") { return *static_cast<T*>(of<T>(key).value()); }
    template <class T> void erase(std::string const& key = "k") { body->erase(of<T>(key)); }

    /// The program has the types: before anything is absorbed, since a type that is met later ends the turn.
    void know_types() {
        (void)of<sums>(), (void)of<flags>(), (void)of<registers>(), (void)of<sets>(), (void)of<maps>();
        (void)of<whole>(), (void)of<roster_entry>("00");
    }
    /// The turn's entry, as a series of one.
    series seal() {
        body->seal();
        auto& e = body->log().at(body->log().next_position() - 1);
        series s;
        s.writer = body->table().id(e.at.slot()), s.first = e.at.number(), s.first_stamp = e.stamp, s.prior = e.prior;
        s.add(e.body);
        return s;
    }
    void absorb(series const& s) {
        auto prior = s.prior;
        entry_body read;
        for (series_cursor c(s); c.next();) {
            auto& e = c.entry();
            ASSERT_TRUE(read.read(e.body));
            ASSERT_EQ(body->known().check(e, read, prior), verdict::connects);
            ASSERT_TRUE(body->absorb(e, read)) << (alarms.empty() ? "" : alarms.back());
            prior = prior_of(entry_hash(prior, e.writer, e.number, e.stamp, e.body));
        }
    }
    std::string digest() {
        std::string all;
        body->digest([&](auto ec, std::string d) { all = ec ? ec.message() : d; });
        return all;
    }
    std::string state(object const& o) { return encode_object(o, body->table(), full_names(body->table())); }
    std::string heads() {
        encoder out;
        body->known().write(out);
        return out.take();
    }
};

// ---- the history: every kind of change of every type, concurrent ones too ------------------------------------------

template <class S> void fill(S& s, int n) {
    auto text = n % 2 ? std::string("odd") : std::string("even, and too long to stand inline");
    s.template get<sums>().sum += 10 * n;
    s.template get<flags>().on = true;
    auto& r = s.template get<registers>();
    r.number = -n, r.size = std::uint64_t(n) << 40, r.yes = n % 2 == 1, r.real = n / 4.0, r.text = text;
    r.raw = std::vector<std::uint8_t>(std::size_t(n), 0xFF), r.at = point{n, -n};
    auto& e = s.template get<sets>();
    e.numbers.insert(n), e.numbers.insert(1000), e.names.insert(text), e.names.insert(""), e.points.insert(point{n, 0});
    auto& m = s.template get<maps>();
    m.bag["sword"] += n, m.bag[text] += 1, m.groups[std::uint64_t(n)]->insert("a"), m.deep["x"][n] = true;
    m.items[text]->count += n, m.items[text]->label = text, m.places["p"] = point{n, n};
    s.template get<whole>().gold += n, s.template get<whole>().home.at = point{1, n},
                                                  s.template get<whole>().home.doors.insert(text);
}
inline void take_away(golden_space& s) {
    s.get<sums>().sum.reset();
    s.get<flags>().on = false;
    auto& r = s.get<registers>();
    r.number.reset(), r.text = "written over";
    auto& e = s.get<sets>();
    e.numbers.clear(), e.names.erase("odd"), e.names.insert("later");
    auto& m = s.get<maps>();
    m.bag.erase("sword"), m.groups.clear(), m.deep.erase("x"), m.items.clear(), m.items["new"]->count += 1;
    s.erase<whole>();
}

struct named_series {
    std::string name, what;
    dunlin::series series;
};
/// What a and b said, in an order in which it applies; both have all of it in the end.
inline std::vector<named_series> history(golden_space& a, golden_space& b) {
    std::vector<named_series> all;
    auto say = [&](std::string name, golden_space& who, std::string what) {
        all.push_back({std::move(name), std::move(what), who.seal()});
    };
    a.know_types(), b.know_types();
    fill(a, 1);
    say("a1", a, "number 1 of writer 1: the schema's lines, and one object of each type");
    b.absorb(all.back().series);
    fill(a, 3), fill(b, 2);
    say("a2", a, "number 2 of writer 1: the same fields again");
    say("b1", b, "number 1 of writer 2: at the same time");
    a.absorb(all[2].series), b.absorb(all[1].series);
    return all;
}
inline std::vector<named_series> take_away_history(golden_space& a, golden_space& b) {
    std::vector<named_series> all;
    take_away(a), fill(b, 5);
    all.push_back({"a3", "number 3 of writer 1: resets, erases and clears", a.seal()});
    all.push_back({"b2", "number 2 of writer 2: not seen by those", b.seal()});
    a.absorb(all[1].series), b.absorb(all[0].series);
    a.get<sums>().sum += 1, a.get<flags>().on = true, a.get<maps>().bag["sword"] += 1;
    all.push_back({"a4", "number 4 of writer 1: a new epoch of a counter", a.seal()});
    b.absorb(all[2].series);
    return all;
}

} // namespace golden
