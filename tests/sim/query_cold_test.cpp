// Objects in the order of a field that lie in rows: exact wherever they lie, and no more is loaded than has to be.
#include "damage.hpp"
#include "query_fixture.hpp"
#include <boost/asio/use_awaitable.hpp>

using namespace queries;

namespace {
template <class T> bool is_cold(cluster& c, std::size_t i, std::string const& key) {
    auto body = c.node(i).space("main").body();
    return !body->find(body->type_of(dunlin::struct_of<T>()), key);
}
/// Turns a bit of these bytes wherever they stand in the files of a node that runs.
int flip_at_rest(cluster& c, std::size_t i, std::string const& bytes) {
    int flipped = 0;
    auto all = c.disk(i).contents();
    for (auto& [name, file] : all.files)
        for (auto at = file.find(bytes); at != file.npos; at = file.find(bytes, at + bytes.size()))
            c.disk(i).flip_at_rest(name, (at + bytes.size() / 2) * 8), ++flipped;
    return flipped;
}
} // namespace

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

// They lie in rows, and nobody else looks at these in time.
TEST(query, tells_a_watch_of_what_is_over_though_no_entry_says_so) {
    cluster c(1, seed(620), little);
    for (int k = 0; k < 30; ++k)
        c.run(0, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<visit> v = co_await n.open<visit>(key_of(k));
            v->pages += 1 + k;
            v->expires(std::chrono::seconds(30 + k / 10));
            co_await n.seal().saved();
        });
    fill(c, 0, 250, true);
    std::vector<std::size_t> told;
    c.spawn(0, [&told](dunlin::node& n) -> awaitable<void> {
        auto changes = n.all<visit>().order_by(&visit::pages).limit(1000).watch();
        for (;;) {
            auto rows = co_await changes.next();
            if (!rows) break;
            told.push_back(rows->size());
        }
    });
    c.advance(25s);
    ASSERT_EQ(told, std::vector<std::size_t>{30});
    for (int k = 0; k < 30; ++k) ASSERT_TRUE(is_cold<visit>(c, 0, key_of(k))) << k;
    auto made = entries(c, 0);
    c.advance(8s);
    EXPECT_GE(told.size(), 4u) << "in each of three seconds some end";
    EXPECT_EQ(told.back(), 0u) << "long before anything is taken away";
    EXPECT_EQ(entries(c, 0), made);
    for (int k = 0; k < 30; ++k) EXPECT_TRUE(is_cold<visit>(c, 0, key_of(k))) << k;
}

TEST(query, tells_a_watch_that_it_is_not_exact_any_more) {
    cluster c(1, seed(624), little);
    std::string const name(400, 'z');
    c.run(0, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> r = co_await n.open<runner>("rotten");
        r->score += 1000, r->name = name;
        co_await n.seal().saved();
    });
    fill(c, 0, 300, true);
    std::vector<std::string> told;
    follow(c, 0, told, [](dunlin::node& n) { return top(n).limit(1); });
    c.advance(1s);
    ASSERT_EQ(told, std::vector<std::string>{"rotten:1000 "});
    ASSERT_TRUE(is_cold<runner>(c, 0, "rotten"));
    ASSERT_GT(flip_at_rest(c, 0, name), 0);
    ASSERT_EQ(c.run(0, [](dunlin::node& n) -> awaitable<boost::system::error_code> {
        try {
            dunlin::ref<runner> r = co_await n.open<runner>("rotten");
        } catch (boost::system::system_error const& e) { co_return e.code(); }
        co_return boost::system::error_code();
    }), node_errc::object_unknown);
    c.advance(1s);
    EXPECT_EQ(told, (std::vector<std::string>{"rotten:1000 ", "rotten:1000 perhaps"}));
}
