// Objects in the order of a field: exact, whoever changes them.
#include "query_fixture.hpp"
#include <boost/asio/bind_cancellation_slot.hpp>

using namespace queries;

TEST(query, gives_the_objects_of_a_type_in_the_order_of_a_field) {
    cluster c(1, seed(601));
    for (auto [key, n] : {std::pair("b", 5L), {"a", 5L}, {"d", -70L}, {"c", 900L}, {"e", 5L}}) set(c, 0, key, n);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        auto up = n.all<runner>().order_by(&runner::score);
        auto down = top(n);
        auto rows = co_await up.read();
        EXPECT_EQ(text(rows), "d:-70 a:5 b:5 e:5 c:900 ");
        EXPECT_EQ(rows.total(), 5u);
        EXPECT_EQ(text(*down.local()), "c:900 e:5 b:5 a:5 d:-70 ");
        EXPECT_EQ(text(*down.limit(2).local()), "c:900 e:5 ");
        auto page = down.limit(2).skip(1).local();
        EXPECT_EQ(text(*page), "e:5 b:5 ");
        EXPECT_EQ(page->first(), 1u);
        EXPECT_EQ(page->total(), 5u);
        EXPECT_EQ(text(*up.at_least(5).local()), "a:5 b:5 e:5 c:900 ");
        EXPECT_EQ(text(*up.at_most(5).local()), "d:-70 a:5 b:5 e:5 ");
        EXPECT_EQ(text(*down.at_least(5).at_most(5).local()), "e:5 b:5 a:5 ");
        EXPECT_TRUE(up.at_least(901).local()->empty());
        EXPECT_TRUE(up.at_least(6).at_most(4).local()->empty());
        EXPECT_TRUE(up.skip(99).local()->empty());
        EXPECT_EQ(down.rank("c"), 0u);
        EXPECT_EQ(up.rank("c"), 4u);
        EXPECT_EQ(down.at_most(5).rank("d"), 3u);
        EXPECT_FALSE(down.at_most(5).rank("c"));
        EXPECT_FALSE(down.rank("nobody"));
    });
}

TEST(query, takes_each_kind_of_value_in_its_own_order) {
    cluster c(1, seed(602));
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> a = co_await n.open<runner>("a");
        dunlin::ref<runner> b = co_await n.open<runner>("b");
        dunlin::ref<runner> z = co_await n.open<runner>("z");
        a->team = "red", a->rank = league::gold, a->best.raise(-1.5);
        b->team = "blue", b->rank = league::iron, b->best.raise(1e9), b->online.enable();
        z->name = "never set";
        auto all = n.all<runner>();
        auto teams = co_await all.order_by(&runner::team).read();
        EXPECT_EQ(text(teams), "z: b:blue a:red ");
        auto ranks = co_await all.order_by(&runner::rank, descending).read();
        EXPECT_EQ(ranks[0].key, "a");
        EXPECT_EQ(ranks[0].value, league::gold);
        EXPECT_EQ(ranks[2].key, "z");
        auto best = co_await all.order_by(&runner::best).read();
        EXPECT_EQ(text(best), "a:-1.5 z:0 b:1e+09 ");
        auto on = co_await all.order_by(&runner::online, descending).at_least(true).read();
        EXPECT_EQ(on.size(), 1u);
        a->team = "white";
        z.erase();
        EXPECT_EQ(text(*all.order_by(&runner::team).local()), "b:blue a:white ");
    });
}

TEST(query, sees_what_its_own_turn_has_changed_and_nothing_that_is_undone) {
    cluster c(1, seed(603));
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> a = co_await n.open<runner>("a");
        auto rows = co_await top(n).read();
        EXPECT_TRUE(rows.empty());
        a->score += 3;
        EXPECT_EQ(text(*top(n).local()), "a:3 ");
        n.atomic([&] {
            a->score += 100;
            EXPECT_EQ(text(*top(n).local()), "a:3 ") << "as before the atomic";
            return false;
        });
        EXPECT_EQ(text(*top(n).local()), "a:3 ");
        n.atomic([&] { a->score += 100; });
        EXPECT_EQ(text(*top(n).local()), "a:103 ");
        a.erase();
        EXPECT_EQ(text(*top(n).local()), "");
        a->name = "again";
        EXPECT_EQ(text(*top(n).local()), "a:0 ");
    });
}

TEST(query, tells_a_watch_the_rows_that_it_asked_for_and_then_only_others) {
    cluster c(2, seed(609));
    for (int k = 1; k <= 5; ++k) set(c, 0, key_of(k), 10 * k);
    ASSERT_SETTLES(c);
    std::vector<std::string> told;
    follow(c, 1, told);
    c.advance(1s);
    EXPECT_EQ(told, std::vector<std::string>{"p5:50 p4:40 p3:30 "});
    set(c, 0, "p1", 5); // not among them
    c.advance(1s);
    EXPECT_EQ(told.size(), 1u);
    set(c, 0, "p1", 100);
    c.advance(1s);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[1], "p1:115 p5:50 p4:40 ");
    drop(c, 0, "p5");
    c.advance(1s);
    EXPECT_EQ(told.back(), "p1:115 p4:40 p3:30 ");
    auto before = told.size();
    c.run(1, [](dunlin::node& n) -> awaitable<void> { // what a turn does and undoes is nothing
        dunlin::ref<runner> r = co_await n.open<runner>("p4");
        r->score += 7, r->score -= 7;
        n.seal();
    });
    c.advance(1s);
    EXPECT_EQ(told.size(), before);
    c.stop(1);
    c.advance(1s);
    if (told.back() == "end") told.pop_back(); // a coroutine of a node that has ended may have ended with it
    EXPECT_EQ(told.size(), before);
}

// None of their own values is another one.
TEST(query, tells_a_watch_of_rows_that_others_have_pushed) {
    cluster c(2, seed(622));
    for (int k = 1; k <= 7; ++k) set(c, 0, key_of(k), 10 * k);
    ASSERT_SETTLES(c);
    std::vector<std::string> down, up;
    follow(c, 1, down, [](dunlin::node& n) { return top(n).skip(2).limit(2); });
    follow(c, 1, up, [](dunlin::node& n) { return n.all<runner>().order_by(&runner::score).skip(2).limit(2); });
    c.advance(1s);
    std::vector<std::string> down_wanted{"p5:50 p4:40 "}, up_wanted{"p3:30 p4:40 "};
    set(c, 0, "p1", 100); // from behind them to before them
    c.advance(1s);
    down_wanted.push_back("p6:60 p5:50 "), up_wanted.push_back("p4:40 p5:50 ");
    EXPECT_EQ(down, down_wanted);
    EXPECT_EQ(up, up_wanted);
    drop(c, 0, "p7"); // it was the second
    c.advance(1s);
    down_wanted.push_back("p5:50 p4:40 ");
    EXPECT_EQ(down, down_wanted);
    EXPECT_EQ(up, up_wanted) << "of what is behind them they hear nothing";
    set(c, 0, "new", 1);
    c.advance(1s);
    up_wanted.push_back("p3:30 p4:40 ");
    EXPECT_EQ(down, down_wanted);
    EXPECT_EQ(up, up_wanted);
}

TEST(query, tells_a_watch_of_rows_that_leave_its_bounds) {
    cluster c(2, seed(625));
    for (int k = 1; k <= 7; ++k) set(c, 0, key_of(k), 10 * k);
    ASSERT_SETTLES(c);
    std::vector<std::string> low, high, later;
    auto up = [](dunlin::node& n) { return n.all<runner>().order_by(&runner::score); };
    follow(c, 1, low, [=](dunlin::node& n) { return up(n).at_least(25).limit(2); });
    follow(c, 1, high, [](dunlin::node& n) { return top(n).at_most(55).limit(2); });
    follow(c, 1, later, [=](dunlin::node& n) { return up(n).at_least(25).skip(2).limit(2); });
    c.advance(1s);
    set(c, 0, "p3", -7); // they pass nobody
    c.advance(1s);
    EXPECT_EQ(low.back(), "p4:40 p5:50 ");
    EXPECT_EQ(later.back(), "p6:60 p7:70 ");
    set(c, 0, "p5", 7);
    c.advance(1s);
    EXPECT_EQ(high.back(), "p4:40 p3:23 ");
}

TEST(query, tells_a_watch_that_was_given_up_nothing_and_the_next_one_everything) {
    cluster c(1, seed(610));
    set(c, 0, "a", 1);
    c.run(0, [&c](dunlin::node& n) -> awaitable<void> {
        auto changes = top(n).watch();
        auto first = co_await changes.next();
        EXPECT_EQ(text(*first), "a:1 ");
        for (int k = 0; k < 3; ++k) {
            boost::asio::cancellation_signal signal;
            bool ended = false, failed = false;
            auto wait = [](dunlin::query_watch<std::int64_t>& w) -> awaitable<void> { co_await w.next(); };
            boost::asio::co_spawn(n.executor(), wait(changes), boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) {
                                      ended = true, failed = bool(e);
                                  }));
            co_await c.time().sleep(1ms);
            EXPECT_FALSE(ended);
            signal.emit(boost::asio::cancellation_type::terminal);
            co_await c.time().sleep(1ms);
            EXPECT_TRUE(ended && failed);
        }
        dunlin::ref<runner> a = co_await n.open<runner>("a");
        a->score += 1;
        n.seal();
        a->score += 1;
        auto next = co_await changes.next();
        EXPECT_EQ(text(*next), "a:3 ");
    });
}

TEST(query, ends_its_waits_with_the_node) {
    cluster c(1, seed(611), little);
    fill(c, 0, 200, true);
    bool watch_ended = false, read_ended = false;
    c.spawn(0, [&](dunlin::node& n) -> awaitable<void> {
        auto changes = top(n).watch();
        auto now = co_await changes.next();
        for (;;) {
            now = co_await changes.next();
            if (!now) break;
        }
        watch_ended = true;
    });
    c.advance(5s);
    auto read = [](dunlin::node& n) -> awaitable<boost::system::error_code> {
        try {
            co_await n.all<runner>().order_by(&runner::team).read();
        } catch (boost::system::system_error const& e) { co_return e.code(); }
        co_return boost::system::error_code();
    };
    c.spawn(0, [&](dunlin::node& n) -> awaitable<void> {
        auto ec = co_await read(n);
        read_ended = !ec || ec == node_errc::stopped; // whichever came first
    });
    c.run(0, [](dunlin::node& n) -> awaitable<void> { co_await n.stop(); });
    c.advance(1s);
    EXPECT_TRUE(watch_ended);
    EXPECT_TRUE(read_ended);
    EXPECT_EQ(c.run(0, read), node_errc::stopped);
}

TEST(query, shows_nothing_that_is_over) {
    cluster c(2, seed(612));
    auto visits = [&](std::size_t i) {
        return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
            auto q = n.all<visit>().order_by(&visit::pages);
            auto rows = co_await q.read();
            EXPECT_EQ(rows.total(), rows.size());
            co_return text(rows);
        });
    };
    auto start = [&](std::string key, long pages, std::chrono::milliseconds after) {
        c.run(0, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<visit> v = co_await n.open<visit>(key);
            v->pages += pages;
            v->expires(after);
            n.seal();
        });
    };
    start("short", 1, 10s), start("long", 2, 100s), start("put off", 3, 10s);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) EXPECT_EQ(visits(i), "short:1 long:2 put off:3 ");
    start("put off", 1, 60s);
    c.advance(11s);
    for (std::size_t i : {0, 1}) EXPECT_EQ(visits(i), "long:2 put off:4 ");
    start("short", 9, 40s); // begins anew
    c.advance(1s);
    for (std::size_t i : {0, 1}) EXPECT_EQ(visits(i), "long:2 put off:4 short:9 ");
    c.advance(10min);
    for (std::size_t i : {0, 1}) EXPECT_EQ(visits(i), "");
}

TEST(query, ends_a_wait_that_is_given_up_whatever_moves_meanwhile) {
    cluster c(1, seed(617));
    for (int k = 0; k < 20; ++k) set(c, 0, key_of(k), 100 * k);
    c.spawn(0, [&c](dunlin::node& n) -> awaitable<void> { // the last ones, of which nobody is told
        dunlin::ref<runner> r = co_await n.open<runner>("p0");
        for (;;) {
            r->score += 1, n.seal();
            r->score -= 1, n.seal();
            co_await c.time().sleep(10us);
        }
    });
    c.run(0, [&c](dunlin::node& n) -> awaitable<void> {
        auto changes = top(n).limit(3).watch();
        auto first = co_await changes.next();
        for (int k = 0; k < 200; ++k) {
            boost::asio::cancellation_signal signal;
            bool ended = false;
            auto wait = [](dunlin::query_watch<std::int64_t>& w) -> awaitable<void> { co_await w.next(); };
            boost::asio::co_spawn(n.executor(), wait(changes), boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { ended = true; }));
            co_await c.time().sleep(nanoseconds(k * 137));
            signal.emit(boost::asio::cancellation_type::terminal);
            co_await c.time().sleep(1ms);
            EXPECT_TRUE(ended) << k;
            if (!ended) co_return;
        }
        dunlin::ref<runner> r = co_await n.open<runner>("p3");
        r->score += 100'000;
        auto next = co_await changes.next();
        EXPECT_EQ((*next)[0].key, "p3");
    });
}

// The rows are on their way already: they go to who asks next.
TEST(query, ends_a_wait_that_is_given_up_when_it_is_answered) {
    cluster c(1, seed(623));
    set(c, 0, "a", 1);
    c.run(0, [&c](dunlin::node& n) -> awaitable<void> {
        auto changes = top(n).watch();
        auto first = co_await changes.next();
        EXPECT_EQ(text(*first), "a:1 ");
        dunlin::ref<runner> a = co_await n.open<runner>("a");
        boost::asio::cancellation_signal signal;
        std::vector<boost::system::error_code> ends;
        changes.next(boost::asio::bind_cancellation_slot(
            signal.slot(), [&](boost::system::error_code ec, std::optional<dunlin::ranking<std::int64_t>>) { ends.push_back(ec); }));
        co_await c.time().sleep(1ms);
        a->score += 1;
        n.seal();
        signal.emit(boost::asio::cancellation_type::terminal);
        co_await c.time().sleep(1ms);
        bool given_up = ends == std::vector<boost::system::error_code>{boost::asio::error::operation_aborted};
        EXPECT_TRUE(given_up);
        if (!given_up) co_return;
        auto next = co_await changes.next();
        EXPECT_EQ(text(*next), "a:2 ");
    });
}

TEST(query, is_asked_by_a_callback_and_inside_of_an_atomic) {
    cluster c(1, seed(618), little);
    fill(c, 0, 200, true);
    c.run(0, [&c](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> a = co_await n.open<runner>("p1");
        std::string first;
        n.atomic([&] {
            a->score += 1000;
            EXPECT_FALSE(top(n).local());
            top(n).limit(1).read([&](boost::system::error_code ec, dunlin::ranking<std::int64_t> rows) { first = ec ? ec.message() : text(rows); });
        });
        co_await c.time().sleep(1s);
        EXPECT_EQ(first, "p1:1008 ");
    });
}

namespace {
struct room {
    dunlin::indexed<dunlin::counter> visits;
    dunlin::map<std::string, dunlin::expiry> guests;
    dunlin::presence<std::string> hosts;
};
DUNLIN_OBJECT(room, visits, guests, hosts)

std::string rooms(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
        auto rows = co_await n.all<room>().order_by(&room::visits).read();
        co_return text(rows);
    });
}
} // namespace

// Objects that are there only because of what is in their maps, and only so long.
TEST(query, shows_nothing_of_which_all_elements_are_over) {
    cluster c(2, seed(619));
    auto guest = [&](std::string key, std::string name, std::chrono::seconds stays) {
        c.run(0, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<room> r = co_await n.open<room>(key);
            r->guests[name](stays);
        });
    };
    guest("a", "ada", 10s), guest("b", "bob", 10s), guest("b", "cid", 100s);
    c.run(1, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<room> r = co_await n.open<room>("c");
        r->hosts.announce("dan", "door");
    });
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) EXPECT_EQ(rooms(c, i), "a:0 b:0 c:0 ");
    c.advance(11s);
    for (std::size_t i : {0, 1}) EXPECT_EQ(rooms(c, i), "b:0 c:0 ");
    c.advance(100s);
    for (std::size_t i : {0, 1}) EXPECT_EQ(rooms(c, i), "c:0 ") << "its host is renewed all the time";
    c.crash(1);
    c.advance(3min);
    EXPECT_EQ(rooms(c, 0), "");
}
