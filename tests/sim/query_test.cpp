// length: one subject, its cases in memory, on file, in a cluster
// Objects in the order of a field: exact wherever they lie, whoever changes them.
#include "damage.hpp"
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace {
enum class league : std::uint8_t { wood, iron, gold };

struct runner {
    dunlin::indexed<dunlin::counter> score;
    dunlin::latest<std::string> name;
    dunlin::indexed<dunlin::latest<std::string>> team;
    dunlin::indexed<dunlin::latest<league>> rank;
    dunlin::indexed<dunlin::maximum<double>> best;
    dunlin::indexed<dunlin::flag> online;
};
DUNLIN_OBJECT(runner, score, name, team, rank, best, online)

struct visit {
    dunlin::indexed<dunlin::counter> pages;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(visit, pages, expires)
} // namespace

using namespace clusters;

namespace {
using dunlin::ascending, dunlin::descending;
using dunlin::node_errc;

void set(cluster& c, std::size_t i, std::string key, long by, bool saved = false) {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> r = co_await n.open<runner>(key);
        r->score += by;
        auto done = n.seal();
        if (saved) co_await done.saved();
    });
}
void drop(cluster& c, std::size_t i, std::string key) {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> r = co_await n.open<runner>(key);
        r.erase();
        n.seal();
    });
}
template <class Rows> std::string text(Rows const& rows) {
    std::ostringstream out;
    for (auto& [key, value] : rows) out << key << ':' << value << ' ';
    return out.str();
}
/// By looking at each object.
std::string by_hand(cluster& c, std::size_t i, std::size_t most = 100) {
    auto keys = listed<runner>(c, i);
    std::vector<std::pair<long, std::string>> all;
    for (auto& key : keys)
        all.emplace_back(c.run(i, [=](dunlin::node& n) -> awaitable<long> {
            dunlin::ref<runner> r = co_await n.open<runner>(key);
            co_return long(r->score);
        }), key);
    std::sort(all.begin(), all.end(), std::greater<>());
    if (all.size() > most) all.resize(most);
    std::string out;
    for (auto& [n, key] : all) out += key + ':' + std::to_string(n) + ' ';
    return out;
}
auto top(dunlin::node& n) { return n.all<runner>().order_by(&runner::score, descending); }
std::string by_index(cluster& c, std::size_t i, bool exact = true) {
    return c.run(i, [=](dunlin::node& n) -> awaitable<std::string> {
        auto rows = co_await top(n).read();
        EXPECT_EQ(rows.is_exact(), exact);
        co_return text(rows);
    });
}
std::size_t resident(cluster& c, std::size_t i) { return c.node(i).space("main").body()->resident(); }
/// For an index of 300 objects, and about a hundred of them.
void little(std::size_t, dunlin::options& o) { o.memory(160 << 10); }
void fill(cluster& c, std::size_t i, int many, bool saved = false) {
    for (int k = 0; k < many; ++k)
        c.run(i, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<runner> r = co_await n.open<runner>(key_of(k));
            r->score += 1 + k * 7 % 50, r->name = std::string(400, 'n');
            auto done = n.seal();
            if (saved) co_await done.saved();
        });
}

/// What a watch on the first ten at node i is told.
void follow(cluster& c, std::size_t i, std::vector<std::string>& told) {
    c.spawn(i, [&told](dunlin::node& n) -> awaitable<void> {
        auto changes = top(n).limit(3).watch();
        for (;;) {
            auto rows = co_await changes.next();
            if (!rows) break;
            told.push_back(text(*rows));
        }
        told.push_back("end");
    });
    c.advance(0s);
}
} // namespace

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

TEST(query, answers_at_once_only_when_nothing_has_to_be_read) {
    cluster c(1, seed(604), little);
    fill(c, 0, 300, true);
    ASSERT_LT(resident(c, 0), 200u);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        EXPECT_FALSE(top(n).local());
        EXPECT_FALSE(top(n).rank("p1"));
        auto rows = co_await top(n).read();
        EXPECT_EQ(rows.total(), 300u);
        EXPECT_TRUE(top(n).local());
        EXPECT_TRUE(top(n).rank("p1"));
    });
    EXPECT_EQ(by_index(c, 0), by_hand(c, 0));
    c.stop(0);
    c.restart(0);
    EXPECT_EQ(by_index(c, 0), by_hand(c, 0)) << "of a file that was there before";
    c.kill(0);
    c.restart(0);
    EXPECT_EQ(by_index(c, 0), by_hand(c, 0)) << "and one that was not closed";
}

TEST(query, follows_what_peers_change_of_objects_that_are_not_in_memory) {
    cluster c(2, seed(605), [](std::size_t i, dunlin::options& o) {
        if (i == 1) little(i, o);
    });
    fill(c, 0, 300);
    ASSERT_SETTLES(c);
    ASSERT_EQ(by_index(c, 1), by_hand(c, 0));
    ASSERT_LT(resident(c, 1), 200u);
    for (int k = 0; k < 300; k += 11) set(c, 0, key_of(k), 1000 - k);
    for (int k = 5; k < 300; k += 50) drop(c, 0, key_of(k));
    set(c, 0, "new", 77);
    c.run(0, [](dunlin::node& n) -> awaitable<void> { // it begins to exist by a field that is no part of the order
        dunlin::ref<runner> r = co_await n.open<runner>("named");
        r->name = "only";
        n.seal();
    });
    ASSERT_SETTLES(c);
    EXPECT_EQ(by_index(c, 1), by_hand(c, 0));
    c.run(1, [](dunlin::node& n) -> awaitable<void> {
        auto rows = co_await top(n).read();
        EXPECT_EQ(rows.total(), 296u);
        EXPECT_TRUE(top(n).rank("named"));
    });
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> r = co_await n.open<runner>("named");
        r->name.reset();
        n.seal();
    });
    ASSERT_SETTLES(c);
    c.run(1, [](dunlin::node& n) -> awaitable<void> {
        auto rows = co_await top(n).read();
        EXPECT_EQ(rows.total(), 295u) << "and ends to exist by it";
    });
}

TEST(query, does_not_load_what_cannot_have_moved) {
    cluster c(2, seed(606), [](std::size_t i, dunlin::options& o) {
        if (i == 1) little(i, o);
    });
    fill(c, 0, 300);
    ASSERT_SETTLES(c);
    by_index(c, 1);
    for (int k = 0; k < 300; ++k) // of the least recently used some are cold
        c.run(0, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<runner> r = co_await n.open<runner>(key_of(k));
            r->team = "red";
            n.seal();
        });
    c.advance(1s);
    EXPECT_GT(c.node(1).space("main").body()->cold_bytes(), 0u) << "they wait unread";
    EXPECT_EQ(by_index(c, 1), by_hand(c, 0));
}

TEST(query, goes_on_after_a_state_was_joined) {
    cluster c(2, seed(607), [](std::size_t i, dunlin::options& o) {
        if (i == 0) o.log_budget(64 << 10);
        else little(i, o);
    });
    fill(c, 0, 300);
    ASSERT_SETTLES(c);
    std::vector<std::string> told;
    follow(c, 1, told);
    EXPECT_EQ(by_index(c, 1), by_hand(c, 1));
    c.partition({0}, {1});
    auto before = cut_entries(c, 0);
    fill_log(c, 0);
    for (int k = 0; k < 300; k += 13) set(c, 0, key_of(k), 5000 + k);
    for (int k = 4; k < 300; k += 50) drop(c, 0, key_of(k));
    set(c, 0, "new", 7);
    fill_log(c, 0);
    ASSERT_GT(cut_entries(c, 0), before + 100);
    c.heal();
    ASSERT_SETTLES(c);
    c.advance(1s);
    EXPECT_EQ(told.back().substr(0, 4), "p299") << "a watch hears of it";
    c.run(1, [](dunlin::node& n) -> awaitable<void> {
        for (int k = 0; k < 100 && !top(n).local(); ++k) co_await boost::asio::post(boost::asio::use_awaitable);
        EXPECT_TRUE(top(n).local()) << "who only looks gets it again";
    });
    EXPECT_EQ(by_index(c, 1), by_hand(c, 0));
    EXPECT_GT(cut_entries(c, 1), 0u);
}

TEST(query, is_not_exact_while_a_row_is_damaged_and_is_again_when_a_peer_gave_it) {
    cluster c(2, seed(608), [](std::size_t i, dunlin::options& o) {
        if (i == 1) little(i, o);
    });
    fill(c, 0, 300);
    ASSERT_SETTLES(c);
    c.advance(2s);
    c.stop(1);
    ASSERT_EQ(flip(c, 1, "p0", "tail") + flip(c, 1, "p0", "state"), 1);
    c.partition({0}, {1});
    c.restart(1);
    by_index(c, 1, false);
    c.heal();
    ASSERT_SETTLES(c);
    c.advance(1s);
    EXPECT_EQ(by_index(c, 1), by_hand(c, 0));
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

TEST(query, shows_again_what_was_over_by_a_clock_that_was_wrong) {
    for (bool cold : {false, true}) {
        cluster c(1, seed(621), [cold](std::size_t i, dunlin::options& o) {
            if (cold) little(i, o);
        });
        for (int k = 0; k < 300; ++k)
            c.run(0, [=](dunlin::node& n) -> awaitable<void> {
                dunlin::ref<visit> v = co_await n.open<visit>(key_of(k));
                v->pages += 1 + k;
                v->expires(1h);
                co_await n.seal().saved();
            });
        auto total = [&] {
            return c.run(0, [](dunlin::node& n) -> awaitable<std::size_t> {
                auto rows = co_await n.all<visit>().order_by(&visit::pages).read();
                co_return rows.total();
            });
        };
        EXPECT_EQ(total(), 300u);
        c.clock(0).skew(2h);
        EXPECT_EQ(total(), 0u);
        c.clock(0).skew(0s);
        EXPECT_EQ(total(), 300u) << (cold ? "cold" : "in memory");
    }
}

TEST(query, of_cold_objects_shows_nothing_that_is_over) {
    cluster c(1, seed(613), little);
    for (int k = 0; k < 300; ++k)
        c.run(0, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<visit> v = co_await n.open<visit>(key_of(k));
            v->pages += 1 + k;
            v->expires(std::chrono::seconds(k % 2 ? 20 : 2000));
            co_await n.seal().saved();
        });
    auto total = [&] {
        return c.run(0, [](dunlin::node& n) -> awaitable<std::size_t> {
            auto rows = co_await n.all<visit>().order_by(&visit::pages).read();
            co_return rows.total();
        });
    };
    EXPECT_EQ(total(), 300u);
    c.advance(30s);
    EXPECT_EQ(total(), 150u);
    c.advance(2000s);
    EXPECT_EQ(total(), 0u);
}

TEST(query, is_answered_while_others_go_on_changing_what_is_cold) {
    cluster c(2, seed(614), [](std::size_t i, dunlin::options& o) {
        if (i == 1) little(i, o);
    });
    fill(c, 0, 300);
    ASSERT_SETTLES(c);
    by_index(c, 1);
    c.spawn(0, [&c](dunlin::node& n) -> awaitable<void> {
        for (int k = 0;; k = (k + 1) % 300) {
            dunlin::ref<runner> r = co_await n.open<runner>(key_of(k));
            r->score += 1;
            n.seal();
            co_await c.time().sleep(500us);
        }
    });
    c.advance(1s);
    for (int k = 0; k < 5; ++k) {
        auto before = c.time().now();
        c.run(1, [](dunlin::node& n) -> awaitable<void> { co_await top(n).read(); });
        EXPECT_LT(c.time().now() - before, 2s);
        c.advance(100ms);
    }
}

TEST(query, that_needs_too_much_memory_says_so_and_the_node_goes_on) {
    cluster c(1, seed(615), [](std::size_t, dunlin::options& o) { o.memory(64 << 10); });
    fill(c, 0, 400, true);
    for (int k = 0; k < 2; ++k)
        EXPECT_EQ(c.run(0, [](dunlin::node& n) -> awaitable<boost::system::error_code> {
            try {
                co_await top(n).read();
            } catch (boost::system::system_error const& e) { co_return e.code(); }
            co_return boost::system::error_code();
        }), node_errc::memory_full);
    set(c, 0, "p1", 1);
    EXPECT_EQ(listed<runner>(c, 0).size(), 400u);
}

// What is cold is known later than what is in memory: nobody sees the difference.
TEST(query, shows_an_atomic_whole_or_not_at_all) {
    cluster c(2, seed(616), [](std::size_t i, dunlin::options& o) {
        if (i == 1) little(i, o);
    });
    fill(c, 0, 300);
    ASSERT_SETTLES(c);
    auto all = [](dunlin::node& n) { return n.all<runner>().order_by(&runner::score).limit(1000); };
    auto sum_of = [](auto const& rows) {
        long sum = 0;
        for (auto& [key, n] : rows) sum += n;
        return sum;
    };
    long const whole = c.run(1, [&](dunlin::node& n) -> awaitable<long> {
        auto rows = co_await all(n).read();
        co_return sum_of(rows);
    });
    int looks = 0, told = 0, moved = 0;
    c.spawn(1, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> pinned = co_await n.open<runner>("p0");
        long last = pinned->score;
        for (;;) {
            auto rows = co_await all(n).read();
            EXPECT_EQ(sum_of(rows), whole) << "look " << looks;
            auto now = all(n).local();
            EXPECT_EQ(now ? sum_of(*now) : whole, whole);
            ++looks, moved += pinned->score != last, last = pinned->score;
            co_await c.time().sleep(700us);
        }
    });
    c.spawn(1, [&](dunlin::node& n) -> awaitable<void> {
        auto changes = all(n).watch();
        for (;;) {
            auto rows = co_await changes.next();
            if (!rows) break;
            EXPECT_EQ(sum_of(*rows), whole) << "told " << told;
            ++told;
        }
    });
    for (int k = 1; k < 200; ++k) {
        c.run(0, [k](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<runner> a = co_await n.open<runner>("p0");
            dunlin::ref<runner> b = co_await n.open<runner>(key_of(k * 7 % 299 + 1));
            n.atomic([&] { a->score -= k, b->score += k; });
        });
        c.advance(1ms);
    }
    c.advance(2s);
    EXPECT_GT(looks, 100);
    EXPECT_GT(told, 50);
    EXPECT_GT(moved, 20);
    EXPECT_EQ(by_index(c, 1), by_hand(c, 0));
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

TEST(query, tells_a_watch_of_what_is_over_though_no_entry_says_so) {
    cluster c(1, seed(620), little);
    for (int k = 0; k < 300; ++k)
        c.run(0, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<visit> v = co_await n.open<visit>(key_of(k));
            v->pages += 1 + k;
            v->expires(std::chrono::seconds(30 + k / 100));
            co_await n.seal().saved();
        });
    std::vector<std::size_t> told;
    c.spawn(0, [&told](dunlin::node& n) -> awaitable<void> {
        auto changes = n.all<visit>().order_by(&visit::pages).limit(1000).watch();
        for (;;) {
            auto rows = co_await changes.next();
            if (!rows) break;
            told.push_back(rows->size());
        }
    });
    c.advance(28s);
    EXPECT_EQ(told, std::vector<std::size_t>{300});
    c.advance(6s);
    EXPECT_EQ(told.back(), 0u) << "long before anything is taken away";
}
