// Watches: what is told, when, to whom, and how little is kept for who does not ask.
#include "cluster_fixture.hpp"
#include <boost/asio/bind_cancellation_slot.hpp>

using namespace clusters;

namespace {
using dunlin::node;
using dunlin::node_errc;
using dunlin::object_watch;

struct news {
    std::string key;
    bool name, score, friends, erased, remote, saved;
};
news of(dunlin::change<player> const& c) {
    return {c.key(), c.touched(&player::name), c.touched(&player::score), c.touched(&player::friends),
            c.erased(), c.remote(), c.receipt().is_saved()};
}

/// A watch on the type at node i, asked again and again.
void follow(cluster& c, std::size_t i, std::vector<news>& all, object_watch::when w = object_watch::when::applied) {
    c.spawn(i, [&all, w](node& n) -> awaitable<void> {
        auto changes = n.watch<player>(w);
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            all.push_back(of(*one));
        }
    });
    c.advance(0s);
}

/// What a watch holds for who has not asked, taken until it holds nothing more.
awaitable<void> drain(cluster& c, dunlin::watch<player>& changes, std::vector<news>& all) {
    bool done = false;
    while (!done) {
        auto next = [&]() -> awaitable<void> {
            auto one = co_await changes.next();
            if (one) all.push_back(of(*one));
        };
        boost::asio::cancellation_signal signal;
        bool ended = false, failed = false;
        boost::asio::co_spawn(c.node(0).executor(), next(),
                              boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) {
                                  ended = true, failed = bool(e);
                              }));
        co_await c.time().sleep(1us);
        if (!ended) signal.emit(boost::asio::cancellation_type::terminal);
        while (!ended) co_await c.time().sleep(1us);
        done = failed;
    }
}
} // namespace

TEST(watches, of_a_type_tell_what_changes_from_now_on_and_who_did_it) {
    cluster c(2, seed(51));
    change(c, 0, "old", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    c.advance(5s);
    std::vector<news> here, there;
    follow(c, 0, here), follow(c, 1, there);
    c.advance(1s);
    EXPECT_TRUE(here.empty()) << "of what was there before a type's watch says nothing";
    change(c, 0, "new", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    c.run(1, [](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("old");
        p->name = "N";
        n.seal();
        co_return;
    });
    ASSERT_SETTLES(c);
    change(c, 0, "new", [](player& p) { p.score -= 1, p.friends.insert("bob"); });
    erase(c, 0, "old");
    ASSERT_SETTLES(c);
    auto check = [](std::vector<news> const& all, bool first_is_remote) {
        ASSERT_EQ(all.size(), 4u);
        EXPECT_EQ(all[0].key, "new");
        EXPECT_EQ(all[1].key, "old");
        EXPECT_EQ(all[2].key, "new");
        EXPECT_EQ(all[3].key, "old");
        EXPECT_TRUE(all[0].score && !all[0].name && !all[0].friends);
        EXPECT_TRUE(all[1].name && !all[1].score);
        EXPECT_TRUE(all[2].score && all[2].friends && !all[2].name);
        EXPECT_TRUE(all[3].erased && !all[2].erased && !all[1].erased);
        EXPECT_EQ(all[0].remote, first_is_remote);
        EXPECT_EQ(all[2].remote, first_is_remote);
        EXPECT_EQ(all[1].remote, !first_is_remote);
    };
    check(here, false), check(there, true);
}

TEST(watches, of_a_type_tell_of_objects_that_are_not_in_memory) {
    cluster c(2, seed(52), [](std::size_t i, dunlin::options& o) {
        if (i) o.memory(8 << 10);
    });
    for (int k = 0; k < 20; ++k) change(c, 0, "p" + std::to_string(k), [](player& p) { p.score += 1; });
    for (int k = 0; k < 100; ++k) change(c, 0, "q" + std::to_string(k), [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    for (int k = 0; k < 100; ++k) EXPECT_EQ(score(c, 1, "q" + std::to_string(k)), 1);
    EXPECT_LT(c.node(1).space("main").body()->resident(), 30u) << "most are cold";
    c.advance(10s);
    std::vector<news> all, on_disk;
    follow(c, 1, all), follow(c, 1, on_disk, dunlin::saved);
    for (int k = 0; k < 20; ++k) {
        change(c, 0, "p" + std::to_string(k), [](player& p) { p.name = "N"; });
        c.advance(100ms);
    }
    ASSERT_SETTLES(c);
    ASSERT_EQ(all.size(), 20u);
    ASSERT_EQ(on_disk.size(), 20u);
    for (std::size_t k = 0; k < 20; ++k) {
        EXPECT_EQ(all[k].key, "p" + std::to_string(k));
        EXPECT_TRUE(all[k].name && !all[k].score && all[k].remote && !all[k].erased);
        EXPECT_TRUE(on_disk[k].saved);
    }
    erase(c, 0, "p3");
    ASSERT_SETTLES(c);
    ASSERT_EQ(all.size(), 21u);
    EXPECT_EQ(all.back().key, "p3");
    EXPECT_TRUE(all.back().erased) << "an erased object is told as erased, in memory or not";
}

TEST(watches, of_what_is_saved_tell_nothing_before_it_is_on_disk_the_present_state_included) {
    cluster c(1, seed(53));
    change(c, 0, "p", [](player& p) { p.score += 1; }, true);
    c.advance(2s);
    c.disk(0).timing.sync = 10s;
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        p->score += 1; // in the running turn
        auto changes = p.watch(dunlin::saved);
        auto before = c.time().now();
        auto first = co_await changes.next();
        EXPECT_TRUE(first.has_value());
        EXPECT_GE(c.time().now() - before, 9s) << "a part of the present state was not on disk";
        EXPECT_TRUE(first->touched(&player::score) && first->touched(&player::name));
        p->name = "N";
        auto r = n.seal();
        before = c.time().now();
        auto second = co_await changes.next();
        EXPECT_GE(c.time().now() - before, 9s);
        EXPECT_TRUE(second->touched(&player::name) && !second->touched(&player::score));
        EXPECT_TRUE(r.is_saved() && second->receipt().is_saved());
        auto late = p.watch(dunlin::saved);
        before = c.time().now();
        auto present = co_await late.next();
        EXPECT_TRUE(present.has_value());
        EXPECT_EQ(c.time().now(), before) << "all of it is on disk";
    });
}

TEST(watches, join_what_happens_while_nobody_asks) {
    cluster c(1, seed(54));
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        auto one = p.watch(), on_disk = p.watch(dunlin::saved);
        auto first = co_await one.next();
        auto present = co_await on_disk.next();
        for (int k = 0; k < 1000; ++k) p->score += 1, n.seal();
        p->friends.insert("bob");
        auto r = n.seal();
        co_await r.saved();
        for (auto w : {&one, &on_disk}) {
            std::vector<news> all;
            co_await drain(c, *w, all);
            EXPECT_EQ(all.size(), 1u);
            EXPECT_TRUE(!all.empty() && all[0].score && all[0].friends && !all[0].name);
        }
    });
}

TEST(watches, are_bounded_and_say_so_when_more_changed_than_they_tell_apart) {
    cluster c(1, seed(55));
    c.run(0, [&](node& n) -> awaitable<void> {
        auto changes = n.watch<player>(), on_disk = n.watch<player>(dunlin::saved);
        std::vector<dunlin::ref<player>> all;
        std::set<std::string> keys;
        for (int k = 0; k < 3000; ++k) {
            auto key = (k % 2 ? "a" : "z") + std::to_string(k);
            dunlin::ref<player> p = co_await n.open<player>(key);
            keys.insert(key), all.push_back(std::move(p));
        }
        c.disk(0).timing.sync = 10s;
        for (std::size_t k = 0; k < all.size(); ++k) {
            if (k % 2)
                all[k]->score += 1;
            else
                all[k]->name = "N";
            n.seal();
        }
        all[0]->score += 1;
        auto r = n.seal();
        co_await r.saved();
        for (auto w : {&changes, &on_disk}) {
            std::vector<news> heard;
            co_await drain(c, *w, heard);
            EXPECT_GE(heard.size(), 60u);
            EXPECT_LE(heard.size(), object_watch::keys_max + 1);
            bool many = false;
            for (auto& t : heard) {
                many = many || (t.key.empty() && t.score && t.name);
                EXPECT_TRUE(t.key.empty() || keys.contains(t.key));
                EXPECT_TRUE(!t.key.starts_with("a") || (t.score && !t.name)) << "no key speaks for another";
                EXPECT_TRUE(!t.key.starts_with("z") || t.key == "z0" || (t.name && !t.score));
                EXPECT_TRUE(t.saved);
            }
            EXPECT_TRUE(many);
        }
    });
}

TEST(watches, may_be_destroyed_by_who_is_told) {
    cluster c(2, seed(56));
    ASSERT_SETTLES(c);
    struct party {
        std::optional<dunlin::watch<player>> watch;
        int told = 0, ended = 0;
    };
    std::vector<std::unique_ptr<party>> all;
    for (int k = 0; k < 6; ++k) all.push_back(std::make_unique<party>());
    for (auto& one : all)
        c.spawn(0, [&all, me = one.get()](node& n) -> awaitable<void> {
            dunlin::ref<player> p = co_await n.open<player>("p");
            me->watch = p.watch();
            auto present = co_await me->watch->next();
            try {
                auto next = co_await me->watch->next();
                ++me->told;
                for (auto& other : all) other->watch.reset(); // mine too
            } catch (boost::system::system_error const& e) {
                EXPECT_EQ(e.code(), boost::asio::error::operation_aborted);
            }
            ++me->ended;
        });
    c.advance(1s);
    change(c, 1, "p", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    int told = 0;
    for (auto& one : all) {
        EXPECT_EQ(one->ended, 1);
        told += one->told;
    }
    EXPECT_GE(told, 1);
    change(c, 1, "p", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
}

TEST(watches, that_are_gone_are_not_touched_by_a_late_cancellation) {
    cluster c(1, seed(57));
    boost::asio::cancellation_signal signal;
    bool ended = false;
    auto work = [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        {
            auto changes = p.watch();
            auto present = co_await changes.next();
        }
        signal.emit(boost::asio::cancellation_type::terminal);
        ended = true;
    };
    boost::asio::co_spawn(c.node(0).executor(), work(c.node(0)),
                          boost::asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    c.advance(1s);
    EXPECT_TRUE(ended);
}

TEST(watches, go_on_over_an_object_that_is_erased_and_made_again) {
    for (bool file : {true, false}) {
        cluster c(2, seed(58), [&](std::size_t, dunlin::options& o) {
            if (!file) o.data("");
            o.memory(4 << 10);
        });
        change(c, 0, "p", [](player& p) { p.score += 1, p.name = "N"; });
        ASSERT_SETTLES(c);
        std::vector<news> all;
        c.spawn(1, [&](node& n) -> awaitable<void> {
            auto watching = [&]() -> awaitable<dunlin::watch<player>> {
                dunlin::ref<player> p = co_await n.open<player>("p");
                co_return p.watch(); // the ref goes, the watch holds the object
            };
            auto changes = co_await watching();
            for (;;) {
                auto one = co_await changes.next();
                if (!one) break;
                all.push_back(of(*one));
            }
        });
        c.advance(1s);
        erase(c, 0, "p");
        ASSERT_SETTLES(c);
        c.advance(30s);
        change(c, 0, "p", [](player& p) { p.score += 5; });
        ASSERT_SETTLES(c);
        erase(c, 1, "p");
        ASSERT_SETTLES(c);
        change(c, 1, "p", [](player& p) { p.friends.insert("bob"); });
        ASSERT_SETTLES(c);
        ASSERT_EQ(all.size(), 5u);
        EXPECT_TRUE(!all[0].erased && all[1].erased && !all[2].erased && all[3].erased && !all[4].erased);
        EXPECT_TRUE(all[1].name && all[1].score);
        EXPECT_TRUE(all[2].score && !all[2].name);
        EXPECT_TRUE(all[1].remote && all[2].remote && !all[3].remote && !all[4].remote);
    }
}

TEST(watches, tell_a_change_as_json) {
    cluster c(2, seed(60));
    ASSERT_SETTLES(c);
    std::vector<std::string> of_one, of_all;
    c.spawn(0, [&](node& n) -> awaitable<void> {
        auto changes = n.watch<player>();
        while (auto one = co_await changes.next()) of_all.push_back(one->json());
    });
    c.spawn(1, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("a \"b\"");
        auto changes = p.watch();
        while (auto one = co_await changes.next()) of_one.push_back(one->json());
    });
    c.advance(1s);
    change(c, 0, "a \"b\"", [](player& p) { p.bag["sword"] += 1, p.score += 1; });
    ASSERT_SETTLES(c);
    erase(c, 0, "a \"b\"");
    ASSERT_SETTLES(c);
    auto said = [](std::string const& touched, std::string const& rest) {
        return R"({"type":"player","key":"a \"b\"","touched":[)" + touched + R"(],"erased":)" + rest;
    };
    auto all = R"("name","score","friends","bag","online")", two = R"("score","bag")";
    ASSERT_EQ(of_all.size(), 2u);
    EXPECT_EQ(of_all[0], said(two, R"(false,"remote":false})"));
    EXPECT_TRUE(of_all[1].ends_with(R"("erased":true,"remote":false})")) << of_all[1];
    ASSERT_EQ(of_one.size(), 3u);
    EXPECT_EQ(of_one[0], said(all, R"(false,"remote":false})"));
    EXPECT_EQ(of_one[1], said(two, R"(false,"remote":true})"));
    EXPECT_TRUE(of_one[2].ends_with(R"("erased":true,"remote":true})")) << of_one[2];
    dunlin::change_record many{"", 1, false, true, {}};
    EXPECT_EQ(dunlin::change_json(dunlin::struct_of<player>(), many),
              R"({"type":"player","key":null,"touched":["name"],"erased":false,"remote":true})");
}
