// Deadlines in a cluster: what ends is shown nowhere, is taken away by one node, and leaves nothing; what was put off stays.
#include "cluster_fixture.hpp"
#include <dunlin/lib/object.hpp>

namespace {
struct session {
    dunlin::latest<std::string> user;
    dunlin::counter hits;
    dunlin::set<std::string> tags;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(session, user, hits, tags, expires)
struct cart {
    dunlin::set<std::string> items;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(cart, items, expires)
struct shop {
    dunlin::map<std::string, cart> carts;
    dunlin::map<std::string, dunlin::expiry> online;
};
DUNLIN_OBJECT(shop, carts, online)

namespace endless { // before they could end
struct cart {
    dunlin::set<std::string> items;
};
DUNLIN_OBJECT_AS("cart", cart, items)
struct shop { dunlin::map<std::string, cart> carts; };
DUNLIN_OBJECT_AS("shop", shop, carts)
} // namespace endless
} // namespace

using namespace clusters;

namespace {

template <class T, class F> auto with(cluster& c, std::size_t i, std::string key, F f) {
    using answer = std::invoke_result_t<F, dunlin::ref<T>&>;
    return c.run(i, [key = std::move(key), f](dunlin::node& n) -> awaitable<answer> {
        dunlin::ref<T> x = co_await n.open<T>(key);
        co_return f(x);
    });
}
/// A session of that user, hit once, that ends so long from now.
void begin(cluster& c, std::size_t i, std::string key, std::chrono::milliseconds after, std::string user = "Ann") {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<session> s = co_await n.open<session>(key);
        s->user = user, s->hits += 1, s->tags.insert("new");
        s->expires(after);
        co_await n.seal().saved();
    });
}
bool there(cluster& c, std::size_t i, std::string key = "s") {
    return with<session>(c, i, std::move(key), [](auto& s) { return s.exists(); });
}
std::string user(cluster& c, std::size_t i, std::string key = "s") {
    return with<session>(c, i, std::move(key), [](auto& s) { return std::string(s->user.value()); });
}
/// Objects in which anything is live, in memory or in a row: what a listing does not show counts too.
std::size_t left(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::size_t> {
        auto body = n.space("main").body();
        std::size_t found = 0;
        bool done = false;
        std::function<void(std::int64_t)> page = [&](std::int64_t after) {
            body->each_object(nullptr, after, 256, [&](auto, auto& all, std::int64_t last, bool end) {
                for (auto& o : all) found += o->type->name != "dunlin.schema" && o->live();
                end ? void(done = true) : page(last);
            });
        };
        page(-1);
        while (!done) co_await n.space("main").digest();
        co_return found;
    });
}
std::size_t bytes(cluster& c, std::size_t i) {
    auto body = c.node(i).space("main").body();
    std::size_t sum = 0;
    body->each_object(nullptr, -1, 1000, [&](auto, auto& all, auto, auto) {
        for (auto& o : all) sum += o->bytes();
    });
    for (int k = 0; !sum && k < 1000; ++k) c.advance(1ms);
    return sum;
}

} // namespace

TEST(expiry, ends_by_each_nodes_clock_and_goes_by_the_one_who_set_it) {
    cluster c(3, seed(501));
    c.clock(1).skew(20s), c.clock(2).skew(-20s);
    begin(c, 0, "s", 60s);
    ASSERT_SETTLES(c);
    auto made = entries(c, 0);
    c.advance(35s);
    EXPECT_TRUE(there(c, 0) && there(c, 1) && there(c, 2));
    c.advance(10s);
    EXPECT_FALSE(there(c, 1)) << "its clock is ahead";
    EXPECT_EQ(user(c, 1), "");
    EXPECT_TRUE(there(c, 0) && there(c, 2));
    c.advance(15s);
    EXPECT_FALSE(there(c, 0));
    EXPECT_EQ(user(c, 2), "Ann") << "its clock is behind";
    c.advance(25s);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_FALSE(there(c, i));
        EXPECT_EQ(left(c, i), 1u) << "nobody takes it away before all clocks have passed it";
        EXPECT_EQ(listed<session>(c, i).size(), 0u);
    }
    EXPECT_EQ(entries(c, 0), made);
    c.advance(2min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(left(c, i), 0u);
    EXPECT_EQ(entries(c, 1), made + 1) << "one erase, of one node";
    c.advance(30min);
    EXPECT_EQ(entries(c, 1), made + 1);
}

TEST(expiry, that_is_put_off_goes_on) {
    cluster c(3, seed(502));
    begin(c, 0, "s", 60s);
    ASSERT_SETTLES(c);
    for (int k = 0; k < 10; ++k) {
        c.advance(40s);
        with<session>(c, std::size_t(k % 3), "s", [](auto& s) { s->expires.keep(60s); });
    }
    ASSERT_SETTLES(c);
    EXPECT_TRUE(there(c, 1));
    EXPECT_EQ(user(c, 2), "Ann");
    c.advance(5min);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(left(c, i), 0u);
}

// The node that set it does not know that it was put off: it hides it, and waits for those whom it cannot hear.
TEST(expiry, that_is_put_off_beyond_a_cut_is_not_taken_away_meanwhile) {
    cluster c(3, seed(503));
    begin(c, 0, "s", 2min);
    ASSERT_SETTLES(c);
    c.advance(5s); // until it knows who the members are
    c.partition({0}, {1, 2});
    c.advance(40s);
    with<session>(c, 1, "s", [](auto& s) { s->expires.keep(30min), s->hits += 1; });
    c.advance(10min);
    EXPECT_FALSE(there(c, 0));
    EXPECT_TRUE(there(c, 2));
    c.heal();
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_EQ(user(c, i), "Ann");
        EXPECT_EQ(with<session>(c, i, "s", [](auto& s) { return long(s->hits); }), 2);
    }
    c.advance(25min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(left(c, i), 0u);
}

TEST(expiry, of_a_node_that_is_gone_is_taken_away_by_about_one_of_the_others) {
    cluster c(7, seed(504));
    for (int k = 0; k < 20; ++k) begin(c, 0, "s" + std::to_string(k), 60s);
    ASSERT_SETTLES(c);
    c.kill(0);
    auto made = entries(c, 1);
    c.advance(3min);
    EXPECT_EQ(listed<session>(c, 1).size(), 0u);
    EXPECT_EQ(left(c, 1), 20u) << "a member that is not reached may have put them off";
    EXPECT_EQ(entries(c, 1), made);
    c.advance(61min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {1, 2, 3, 4, 5, 6}) EXPECT_EQ(left(c, i), 0u);
    EXPECT_LE(entries(c, 1), made + 30) << "20 sessions, and six nodes who could";
}

// Each of them says the deadline again with what it changes: all are its setters, and one takes it away.
TEST(expiry, that_all_nodes_have_said_is_taken_away_by_about_one) {
    cluster c(6, seed(511));
    c.advance(5s);
    for (int k = 0; k < 5; ++k) {
        auto key = "s" + std::to_string(k);
        begin(c, 0, key, 2min);
        ASSERT_SETTLES(c);
        for (std::size_t i = 0; i < 6; ++i)
            c.spawn(i, [key](dunlin::node& n) -> awaitable<void> {
                dunlin::ref<session> s = co_await n.open<session>(key);
                s->hits += 1;
            });
        ASSERT_SETTLES(c);
        c.advance(1s);
        ASSERT_SETTLES(c);
        auto made = entries(c, 1);
        c.advance(10min);
        ASSERT_SETTLES(c);
        for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(left(c, i), 0u);
        EXPECT_LE(entries(c, 1), made + 2) << k;
    }
}

// It comes back with what it knew, and the others have put it off meanwhile.
TEST(expiry, that_was_put_off_while_its_node_was_away_goes_on) {
    cluster c(3, seed(512), [](std::size_t, dunlin::options& o) { o.memory(256 << 10); });
    c.advance(5s);
    constexpr int sessions = 300;
    for (int k = 0; k < sessions; ++k) begin(c, 0, "s" + std::to_string(k), 4min, std::string(900, 'u'));
    ASSERT_SETTLES(c);
    c.crash(0);
    for (int k = 0; k < sessions; ++k)
        with<session>(c, 1, "s" + std::to_string(k), [](auto& s) {
            s->hits += 1;
            s->expires.keep(5h);
        });
    c.advance(3h); // far beyond the hour for which others would wait for it
    c.restart(0);
    c.advance(3min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2})
        for (int k = 0; k < sessions; k += 7)
            EXPECT_EQ(with<session>(c, i, "s" + std::to_string(k), [](auto& s) { return s->user.value().size(); }), 900u);
}

// One member is away for good: an hour later about one of those who are left takes each away, not all of them at once.
TEST(expiry, that_a_member_might_have_put_off_is_taken_away_by_about_one_in_the_end) {
    cluster c(7, seed(513));
    c.advance(5s);
    c.kill(6);
    for (int k = 0; k < 6; ++k) {
        begin(c, std::size_t(k % 3), "s" + std::to_string(k), 1min);
        c.advance(20min);
    }
    auto made = entries(c, 5);
    EXPECT_LE(made, 6u + 6u);
    c.kill(0);
    c.advance(3h);
    for (std::size_t i : {1, 2, 3, 4, 5}) EXPECT_EQ(left(c, i), 0u);
    EXPECT_LE(entries(c, 5), 6u + 12u);
}

TEST(expiry, is_taken_away_by_the_next_run_of_the_node) {
    cluster c(3, seed(505));
    begin(c, 0, "s", 60s);
    ASSERT_SETTLES(c);
    c.crash(0);
    c.advance(10min);
    c.restart(0);
    auto made = entries(c, 1);
    EXPECT_FALSE(there(c, 0));
    c.advance(1min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(left(c, i), 0u);
    EXPECT_LE(entries(c, 1), made + 2);
}

TEST(expiry, of_what_is_not_in_memory_is_found_in_the_file) {
    cluster c(2, seed(506), [](std::size_t, dunlin::options& o) { o.memory(256 << 10); });
    constexpr int sessions = 1500;
    for (int k = 0; k < sessions; ++k) begin(c, 0, "s" + std::to_string(k), k % 10 ? 60s : 1h, std::string(200, 'u'));
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) ASSERT_LT(c.node(i).space("main").body()->resident(), std::size_t(sessions / 2)) << "most are cold";
    c.advance(10min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) {
        EXPECT_EQ(left(c, i), std::size_t(sessions / 10));
        EXPECT_EQ(listed<session>(c, i).size(), std::size_t(sessions / 10));
    }
    c.crash(0);
    c.advance(1h);
    c.restart(0);
    c.advance(5min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) EXPECT_EQ(left(c, i), 0u);
}

TEST(expiry, is_over_and_what_is_written_then_begins_anew) {
    cluster c(2, seed(507));
    begin(c, 0, "s", 60s);
    ASSERT_SETTLES(c);
    c.advance(70s);
    auto made = entries(c, 0);
    for (std::size_t i : {0, 1}) {
        with<session>(c, i, "s", [](auto& s) {
            EXPECT_FALSE(s.exists());
            EXPECT_EQ(s->user.value(), "");
            EXPECT_EQ(long(s->hits), 0);
            EXPECT_FALSE(s->tags.contains("new"));
            EXPECT_FALSE(s->expires.is_set());
            EXPECT_EQ(s.snapshot().user.value(), "");
            EXPECT_EQ(s.json(), R"({"user":null,"hits":0,"tags":[],"expires":null})");
        });
    }
    EXPECT_EQ(entries(c, 0), made) << "who only looks says nothing";
    with<session>(c, 1, "s", [](auto& s) {
        s->hits += 5;
        EXPECT_TRUE(s.exists());
    });
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1})
        with<session>(c, i, "s", [](auto& s) {
            EXPECT_TRUE(s.exists());
            EXPECT_EQ(long(s->hits), 5);
            EXPECT_EQ(s->user.value(), "");
            EXPECT_EQ(s->tags.size(), 0u);
        });
    c.advance(1h);
    EXPECT_TRUE(there(c, 0)) << "the new one has no deadline";
}

TEST(expiry, an_atomic_that_says_no_leaves_what_is_over_as_it_was) {
    cluster c(2, seed(508));
    begin(c, 0, "s", 60s);
    ASSERT_SETTLES(c);
    c.advance(70s);
    auto before = c.digest(0);
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<session> s = co_await n.open<session>("s");
        EXPECT_FALSE(n.atomic([&] {
            EXPECT_EQ(s->user.value(), "");
            s->user = "Bob", s->tags.insert("other"), s->hits += 3;
            return false;
        }));
        n.atomic([&] { EXPECT_EQ(s->user.value(), ""); });
        EXPECT_FALSE(s.exists());
    });
    EXPECT_EQ(c.digest(0), before) << "it is all there, and over";
    c.clock(0).skew(-1h);
    EXPECT_EQ(user(c, 0), "Ann");
    EXPECT_EQ(with<session>(c, 0, "s", [](auto& s) { return long(s->hits); }), 1);
}

TEST(expiry, is_told_to_watches_when_it_is_over_everywhere) {
    cluster c(2, seed(509));
    begin(c, 0, "s", 60s);
    ASSERT_SETTLES(c);
    std::vector<std::pair<nanoseconds, bool>> told;
    auto begun = c.time().now();
    for (std::size_t i : {0, 1})
        c.spawn(i, [&, i](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<session> s = co_await n.open<session>("s");
            auto changes = s.watch();
            for (;;) {
                auto one = co_await changes.next();
                if (!one) break;
                if (one->erased()) told.emplace_back(c.time().now() - begun, s.exists());
            }
        });
    c.advance(5min);
    ASSERT_GE(told.size(), 2u);
    for (auto& [when, exists] : told) EXPECT_FALSE(exists);
    EXPECT_LE(told[0].first, 61s);
    EXPECT_LE(told[1].first, 61s);
}

TEST(expiry, of_elements_of_a_map) {
    cluster c(3, seed(510));
    with<shop>(c, 0, "x", [](auto& s) {
        for (int k = 0; k < 3000; ++k) {
            auto key = "c" + std::to_string(k);
            s->carts[key]->items.insert("book");
            s->carts[key]->expires(k % 3 ? 60s : 2h);
            s->online[key](30s);
        }
    });
    ASSERT_SETTLES(c);
    auto made = entries(c, 0);
    auto before = bytes(c, 0);
    auto sizes = [](auto& s) { return std::pair(s->carts.size(), s->online.size()); };
    using both = std::pair<std::size_t, std::size_t>;
    EXPECT_EQ(with<shop>(c, 1, "x", sizes), both(3000, 3000));
    c.advance(40s);
    EXPECT_EQ(with<shop>(c, 1, "x", sizes), both(3000, 0));
    c.advance(30s);
    EXPECT_EQ(with<shop>(c, 2, "x", sizes), both(1000, 0));
    with<shop>(c, 2, "x", [](auto& s) {
        EXPECT_FALSE(s->carts["c1"].exists());
        s->carts["c1"]->items.insert("pen");
        EXPECT_EQ((*s->carts["c1"]).items.size(), 1u) << "it begins anew";
    });
    c.advance(3min);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_EQ(with<shop>(c, i, "x", sizes), both(1001, 0));
        EXPECT_LT(bytes(c, i), before / 2) << "nothing is left of them";
    }
    EXPECT_LE(entries(c, 0), made + 12) << "each takes a thousand along";
}

TEST(expiry, that_a_program_does_not_have_ends_what_its_copies_show) {
    cluster c(2, seed(819));
    with<shop>(c, 0, "s", [](auto& s) {
        for (auto name : {"a", "b"}) s->carts[name]->items.insert("milk");
        return s->carts["a"]->expires(20s), 0;
    });
    auto copied = [&] {
        return with<endless::shop>(c, 1, "s", [](auto& s) {
            auto copy = s.snapshot();
            return std::pair(s->carts.size(), copy.carts.size());
        });
    };
    c.advance(2s);
    EXPECT_EQ(copied(), std::pair(std::size_t(2), std::size_t(2)));
    c.advance(30s);
    EXPECT_EQ(copied(), std::pair(std::size_t(1), std::size_t(1)));
}
