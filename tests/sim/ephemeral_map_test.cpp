// Ephemerals below maps in a cluster: cursors by name, and elements that hold one.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {
struct guest {
    dunlin::latest<std::string> name;
    dunlin::ephemeral<std::int64_t> at;
};
DUNLIN_OBJECT_AS("lobby.guest", guest, name, at)

struct lobby {
    dunlin::latest<std::string> title;
    dunlin::map<std::string, dunlin::ephemeral<std::int64_t>> cursors;
    dunlin::map<std::string, guest> guests;
    dunlin::map<std::string, dunlin::map<std::int64_t, dunlin::ephemeral<std::string>>> typing;
};
DUNLIN_OBJECT_AS("lobby", lobby, title, cursors, guests, typing)

namespace before_maps {
struct guest {
    dunlin::latest<std::string> name;
};
DUNLIN_OBJECT_AS("lobby.guest", guest, name)
struct lobby {
    dunlin::latest<std::string> title;
    dunlin::map<std::string, guest> guests;
};
DUNLIN_OBJECT_AS("lobby", lobby, title, guests)
} // namespace before_maps

template <class Lobby = lobby, class F> void use(cluster& c, std::size_t i, F f) {
    c.run(i, [f](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<Lobby> r = co_await n.open<Lobby>("main");
        f(*r);
        n.seal();
    });
}
template <class Lobby = lobby> std::string json(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<Lobby> r = co_await n.open<Lobby>("main");
        co_return r.json();
    });
}
template <class F> auto look(cluster& c, std::size_t i, F f) {
    using answer = std::invoke_result_t<F, dunlin::ref<lobby>&>;
    return c.run(i, [f](dunlin::node& n) -> awaitable<answer> {
        dunlin::ref<lobby> r = co_await n.open<lobby>("main");
        co_return f(r);
    });
}
std::size_t known(cluster& c, std::size_t i) { return c.node(i).space("main").body()->told().size(); }
std::string everywhere(cluster& c, std::string const& text) {
    for (std::size_t i = 0; i < c.size(); ++i)
        if (auto is = json(c, i); is != text) return std::to_string(i) + ": " + is;
    return text;
}
} // namespace

TEST(ephemeral_map, is_shown_everywhere_and_makes_no_entry) {
    cluster c(3, seed(941));
    use(c, 0, [](lobby& l) { l.title = "Hall", l.guests["ada"]->name = "Ada"; });
    ASSERT_SETTLES(c);
    c.advance(30s);
    auto before = std::tuple(entries(c, 0), entries(c, 1), c.disk(0).counts.writes, c.disk(1).counts.writes);
    use(c, 0, [](lobby& l) { l.cursors["ada"] = 3, l.guests["ada"]->at = 4, l.typing["ada"][7] = "he"; });
    use(c, 1, [](lobby& l) { l.cursors["eve"] = 5; });
    c.advance(2s);
    std::string all = R"({"title":"Hall","cursors":{"ada":3,"eve":5},"guests":{"ada":{"name":"Ada","at":4}},"typing":{"ada":{"7":"he"}}})";
    EXPECT_EQ(everywhere(c, all), all);
    EXPECT_EQ(std::tuple(entries(c, 0), entries(c, 1), c.disk(0).counts.writes, c.disk(1).counts.writes), before);
    use(c, 2, [](lobby& l) { l.cursors.erase("ada"), l.guests["ada"]->at.reset(), l.typing.clear(); });
    c.advance(2s);
    all = R"({"title":"Hall","cursors":{"eve":5},"guests":{"ada":{"name":"Ada","at":null}},"typing":{}})";
    EXPECT_EQ(everywhere(c, all), all);
    EXPECT_EQ(look(c, 0, [](auto& r) { return r->cursors.size() + r->typing.size(); }), 1u);
}

// Between an ephemeral and the entries there is no order: the position may be here before its guest.
TEST(ephemeral_map, of_an_element_that_comes_later_is_shown_with_it) {
    cluster c(2, seed(942));
    use(c, 0, [](lobby& l) { l.title = "Hall"; });
    ASSERT_SETTLES(c);
    (void)json(c, 1);
    use(c, 1, [](lobby& l) { l.guests["ada"]->at = 4; });
    c.advance(2s);
    EXPECT_FALSE(look(c, 0, [](auto& r) { return r->guests.contains("ada"); }));
    use(c, 0, [](lobby& l) { l.guests["ada"]->name = "Ada"; });
    c.advance(2s);
    std::string all = R"({"title":"Hall","cursors":{},"guests":{"ada":{"name":"Ada","at":4}},"typing":{}})";
    EXPECT_EQ(everywhere(c, all), all);
}

TEST(ephemeral_map, goes_with_its_element_and_with_its_object) {
    cluster c(3, seed(943));
    use(c, 0, [](lobby& l) { l.title = "Hall", l.guests["ada"]->name = "Ada", l.guests["ada"]->at = 4, l.cursors["ada"] = 3; });
    c.advance(2s);
    use(c, 1, [](lobby& l) { l.guests.erase("ada"); });
    c.advance(2s);
    use(c, 2, [](lobby& l) { l.guests["ada"]->name = "Ada"; });
    c.advance(2s);
    std::string all = R"({"title":"Hall","cursors":{"ada":3},"guests":{"ada":{"name":"Ada","at":null}},"typing":{}})";
    EXPECT_EQ(everywhere(c, all), all);
    use(c, 2, [](lobby& l) { l.guests["ada"]->at = 8; });
    c.advance(2s);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lobby> r = co_await n.open<lobby>("main");
        r.erase();
        n.seal();
    });
    c.advance(2s);
    all = R"({"title":null,"cursors":{},"guests":{},"typing":{}})";
    EXPECT_EQ(everywhere(c, all), all);
    use(c, 1, [](lobby& l) { l.guests["ada"]->name = "Ada"; });
    c.advance(2s);
    all = R"({"title":null,"cursors":{},"guests":{"ada":{"name":"Ada","at":null}},"typing":{}})";
    EXPECT_EQ(everywhere(c, all), all);
}

TEST(ephemeral_map, in_an_atomic_that_is_undone_is_not_told) {
    cluster c(2, seed(944));
    use(c, 0, [](lobby& l) { l.title = "Hall", l.cursors["ada"] = 3; });
    c.advance(2s);
    auto before = json(c, 1);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lobby> r = co_await n.open<lobby>("main");
        n.atomic([&] {
            r->cursors["ada"] = 9, r->cursors["eve"] = 1, r->guests["ada"]->at = 5, r->typing.clear();
            return false;
        });
    });
    c.advance(2s);
    EXPECT_EQ(everywhere(c, before), before);
}

TEST(ephemeral_map, is_told_to_who_joins_later_and_shown_by_what_is_loaded) {
    cluster c(3, seed(945));
    c.stop(2);
    use(c, 0, [](lobby& l) { l.title = "Hall", l.cursors["ada"] = 3, l.guests["ada"]->name = "Ada", l.guests["ada"]->at = 4; });
    c.advance(5s);
    c.restart(2);
    c.advance(10s);
    std::string all = R"({"title":"Hall","cursors":{"ada":3},"guests":{"ada":{"name":"Ada","at":4}},"typing":{}})";
    EXPECT_EQ(everywhere(c, all), all);
    c.stop(1);
    c.restart(1);
    c.advance(10s);
    EXPECT_EQ(everywhere(c, all), all) << "from the others; it has kept nothing";
}

TEST(ephemeral_map, is_told_to_watches_and_copied_by_snapshots) {
    cluster c(2, seed(946));
    use(c, 0, [](lobby& l) { l.title = "Hall", l.guests["ada"]->name = "Ada"; });
    ASSERT_SETTLES(c);
    std::vector<std::string> told;
    c.spawn(1, [&told](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lobby> r = co_await n.open<lobby>("main");
        auto changes = r.watch();
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            told.push_back(std::string(one->touched(&lobby::title) ? "title " : "") + (one->touched(&lobby::cursors) ? "cursors " : "") +
                           (one->touched(&lobby::guests) ? "guests" : ""));
        }
    });
    c.advance(1s);
    told.clear();
    use(c, 0, [](lobby& l) { l.cursors["ada"] = 3; });
    c.advance(1s);
    use(c, 0, [](lobby& l) { l.guests["ada"]->at = 3; });
    c.advance(1s);
    EXPECT_EQ(told, (std::vector<std::string>{"cursors ", "guests"}));
    EXPECT_TRUE(look(c, 1, [](auto& r) {
        auto copy = r.snapshot();
        return copy.cursors.size() == 1 && *copy.cursors.find("ada") == 3 && copy.guests.find("ada")->at == 3;
    }));
}

// The node between knows neither the maps nor the element's field: it tells them on, and shows the maps by the schema.
TEST(ephemeral_map, that_a_program_does_not_have_is_told_on_and_shown) {
    cluster c(3, seed(947));
    EXPECT_EQ(json<before_maps::lobby>(c, 1), R"({"title":null,"guests":{}})");
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    c.advance(100s);
    use(c, 0, [](lobby& l) { l.title = "Hall", l.cursors["ada"] = 3, l.cursors["eve"] = 4, l.guests["ada"]->name = "Ada", l.guests["ada"]->at = 5; });
    c.advance(10s);
    EXPECT_EQ(json(c, 2), R"({"title":"Hall","cursors":{"ada":3,"eve":4},"guests":{"ada":{"name":"Ada","at":5}},"typing":{}})");
    EXPECT_EQ(json<before_maps::lobby>(c, 1), R"({"title":"Hall","guests":{"ada":{"name":"Ada"}},"cursors":{"ada":3,"eve":4}})");
    use<before_maps::lobby>(c, 1, [](before_maps::lobby& l) { l.guests.clear(); });
    c.advance(10s);
    use(c, 0, [](lobby& l) { l.cursors.erase("ada"); });
    c.advance(10s);
    EXPECT_EQ(json<before_maps::lobby>(c, 1), R"({"title":"Hall","guests":{},"cursors":{"eve":4}})");
}

// Of a table that is full of others: the turn that holds marks in the map is over before a key is taken out of it.
TEST(ephemeral_map, is_bounded_with_all_others) {
    cluster c(2, seed(948), [](std::size_t, dunlin::options& o) { o.memory(16 << 20); });
    use(c, 0, [](lobby& l) { l.title = "Hall"; });
    ASSERT_SETTLES(c);
    for (int k = 0; k < 40; ++k) {
        use(c, 0, [k](lobby& l) {
            for (int n = 0; n < 200; ++n) l.cursors["guest " + std::to_string(k * 200 + n)] = n;
        });
        c.advance(1s);
    }
    for (std::size_t i : {0, 1}) {
        EXPECT_LT(known(c, i), 5000u);
        EXPECT_EQ(c.run(i, [](dunlin::node& n) -> awaitable<std::size_t> {
            dunlin::ref<lobby> r = co_await n.open<lobby>("main");
            co_return r->cursors.size();
        }), known(c, i));
    }
}

namespace {
struct ticket {
    dunlin::latest<std::string> holder;
    dunlin::expiry expires;
    dunlin::ephemeral<std::int64_t> seat;
    dunlin::map<std::string, dunlin::ephemeral<std::int64_t>> marks;
};
DUNLIN_OBJECT_AS("lobby.ticket", ticket, holder, expires, seat, marks)
struct desk {
    dunlin::latest<std::string> clerk;
    dunlin::map<std::string, ticket> tickets;
};
DUNLIN_OBJECT_AS("lobby.desk", desk, clerk, tickets)

std::string seat_of(ticket const& t) { return (t.seat.empty() ? "none" : std::to_string(t.seat.value())) + "/" + std::to_string(t.marks.size()); }
template <class F> void use_tickets(cluster& c, std::size_t i, F f) {
    c.run(i, [f](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<ticket> t = co_await n.open<ticket>("t");
        dunlin::ref<desk> d = co_await n.open<desk>("d");
        f(*t, *d);
        n.seal();
    });
}
std::string seats(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<ticket> t = co_await n.open<ticket>("t");
        dunlin::ref<desk> d = co_await n.open<desk>("d");
        auto in_desk = d->tickets.find("t");
        co_return (t.exists() ? seat_of(*std::as_const(t)) : "over") + " " + (in_desk ? seat_of(*in_desk) : "over");
    });
}
void begin_tickets(ticket& t, desk& d) {
    t.holder = "Ada", t.expires(20s);
    d.clerk = "Eve", d.tickets["t"]->holder = "Ada", d.tickets["t"]->expires(20s);
}
} // namespace

// What is over has no ephemeral; one written alone is no use of it, so nothing is said and nothing is shown.
TEST(ephemeral_map, of_what_is_over_is_shown_and_told_only_with_a_change) {
    cluster c(2, seed(949));
    use_tickets(c, 0, [](ticket& t, desk& d) { begin_tickets(t, d), t.seat = 1, d.tickets["t"]->seat = 1; });
    c.advance(2s);
    EXPECT_EQ(seats(c, 1), "1/0 1/0");
    c.advance(30s);
    EXPECT_EQ(seats(c, 0), "over over");
    use_tickets(c, 0, [](ticket& t, desk& d) { t.seat = 2, d.tickets["t"]->seat = 2, t.marks["x"] = 2, d.tickets["t"]->marks["x"] = 2; });
    c.advance(1s);
    EXPECT_EQ(seats(c, 0) + " " + seats(c, 1), "over over over over");
    use_tickets(c, 0, begin_tickets);
    c.advance(1s);
    EXPECT_EQ(seats(c, 0) + " " + seats(c, 1), "none/0 none/0 none/0 none/0") << "it begins anew without what it had";
    use_tickets(c, 1, [](ticket& t, desk& d) { t.seat = 3, d.tickets["t"]->seat = 3, t.marks["x"] = 3; });
    c.advance(1s);
    EXPECT_EQ(seats(c, 0) + " " + seats(c, 1), "3/1 3/0 3/1 3/0");
}

// Over at one node and put off at the other, behind a cut: what was written to it meanwhile was said by nobody.
TEST(ephemeral_map, of_what_was_over_at_one_node_alone_is_as_it_was) {
    cluster c(2, seed(950));
    use_tickets(c, 0, [](ticket& t, desk& d) { begin_tickets(t, d), t.seat = 1, d.tickets["t"]->seat = 1; });
    c.advance(2s);
    c.partition({0}, {1});
    use_tickets(c, 1, [](ticket& t, desk& d) { t.expires(10min), d.tickets["t"]->expires(10min); });
    c.advance(30s);
    EXPECT_EQ(seats(c, 0), "over over");
    use_tickets(c, 0, [](ticket& t, desk& d) { t.seat = 2, d.tickets["t"]->seat = 2, t.marks["x"] = 2, d.tickets["t"]->marks["x"] = 2; });
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<ticket> t = co_await n.open<ticket>("t");
        dunlin::ref<desk> d = co_await n.open<desk>("d");
        n.atomic([&] { t->seat = 4, d->tickets["t"]->seat = 4, t->marks["x"] = 4, d->tickets["t"]->marks["y"] = 4; });
        n.atomic([&] { t->marks["x"] = 5, d->tickets["t"]->marks["y"] = 5; return false; });
    });
    c.heal();
    c.advance(10s);
    EXPECT_EQ(seats(c, 0) + " " + seats(c, 1), "1/0 1/0 1/0 1/0");
}

// One turn that changes something and moves somebody: who waits for the disk is told of what is there.
TEST(ephemeral_map, is_not_told_to_watches_of_what_is_saved) {
    cluster c(1, seed(951));
    use(c, 0, [](lobby& l) { l.title = "Hall", l.guests["ada"]->name = "Ada"; });
    c.advance(5s);
    std::vector<std::string> told;
    c.spawn(0, [&told](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<lobby> r = co_await n.open<lobby>("main");
        auto changes = r.watch(dunlin::saved);
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            told.push_back(std::string(one->touched(&lobby::title) ? "title " : "") + (one->touched(&lobby::guests) ? "guests" : ""));
        }
    });
    c.advance(1s);
    told.clear();
    use(c, 0, [](lobby& l) { l.title = "Bar", l.guests["ada"]->at = 3; });
    c.advance(1s);
    use(c, 0, [](lobby& l) { l.guests["ada"]->name = "A.", l.guests["ada"]->at = 4; });
    c.advance(1s);
    EXPECT_EQ(told, (std::vector<std::string>{"title ", "guests"}));
}
