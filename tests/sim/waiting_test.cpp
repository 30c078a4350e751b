// Everything that waits: given up, stopped, cut off, too late. In virtual time, with disks as slow as it takes.
#include "cluster_fixture.hpp"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

using namespace clusters;
namespace asio = boost::asio;

namespace {
using boost::system::error_code;
using dunlin::node;
using dunlin::node_errc;

/// One coroutine at a node that waits, and how it ended.
struct waiter {
    asio::cancellation_signal signal;
    int ends = 0;
    error_code error;

    template <class F> void start(node& n, F f) {
        asio::co_spawn(n.executor(), f(n), asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr e) {
                           ++ends;
                           try {
                               if (e) std::rethrow_exception(e);
                           } catch (boost::system::system_error const& x) { error = x.code(); }
                       }));
    }
    void give_up() { signal.emit(asio::cancellation_type::terminal); }
};

using wait = std::function<awaitable<void>(node&)>;
struct named_wait {
    std::string name;
    wait f;
    bool saves; // stop() fulfils it: what it waits for is the disk
};

/// Each of them takes long at node 1 of the cluster below.
std::vector<named_wait> all_waits() {
    return {
        {"open",
         [](node& n) -> awaitable<void> { auto p = co_await n.open<player>("of another", std::chrono::hours(1)); },
         false},
        {"open, cold",
         [](node& n) -> awaitable<void> { auto p = co_await n.open<player>("new", 0s); }, true},
        {"saved",
         [](node& n) -> awaitable<void> {
             auto p = n.local<player>("here");
             p->score += 1;
             auto r = n.seal();
             co_await r.saved();
         },
         true},
        {"copies",
         [](node& n) -> awaitable<void> {
             auto p = n.local<player>("here");
             p->score += 1;
             auto r = n.seal();
             co_await r.copies(2);
         },
         false},
        {"copies with a deadline",
         [](node& n) -> awaitable<void> {
             auto p = n.local<player>("here");
             p->score += 1;
             auto r = n.seal();
             co_await r.copies(2, std::chrono::hours(1));
         },
         false},
        {"ready",
         [](node& n) -> awaitable<void> {
             auto p = n.local<player>("here");
             try {
                 for (;;) p->name = std::string(2000, 'x'), n.seal();
             } catch (boost::system::system_error const&) {}
             co_await n.ready();
         },
         true},
        {"watch.next",
         [](node& n) -> awaitable<void> {
             auto p = n.local<player>("here");
             auto changes = p.watch();
             auto present = co_await changes.next();
             auto next = co_await changes.next();
             if (!next) throw boost::system::system_error(node_errc::stopped); // as it is said there
         },
         false},
        {"watch.next of a type",
         [](node& n) -> awaitable<void> {
             auto changes = n.watch<player>(dunlin::saved);
             auto next = co_await changes.next();
             if (!next) throw boost::system::system_error(node_errc::stopped);
         },
         false},
        {"list",
         [](node& n) -> awaitable<void> {
             dunlin::page_cursor begin;
             auto page = co_await n.list<player>(begin, 10);
         },
         true},
        {"digest", [](node& n) -> awaitable<void> { auto d = co_await n.digest(); }, true},
    };
}

/// Two nodes that have never met; node 1 holds "here" in memory, and its disk is busy for ten seconds.
struct alone {
    cluster c;
    dunlin::ref<player> here;
    waiter one;

    alone() : c(2, seed(31), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); }, false) {
        c.partition({0}, {1});
        c.restart(0), c.restart(1);
        c.run(1, [this](node& n) -> awaitable<void> {
            here = co_await n.open<player>("here", 0s);
            here->score += 1;
            auto r = n.seal();
            co_await r.saved();
        });
        c.advance(5s);
        c.disk(1).timing.sync = 10s;
        c.run(1, [this](node& n) -> awaitable<void> {
            here->score += 1;
            n.seal();
            co_await c.time().sleep(10ms); // the sync has begun
        });
    }
    ~alone() { here = {}; }
    /// One of the waits above, which does not end by itself.
    void begin(wait const& f) {
        one.start(c.node(1), f);
        c.advance(100ms);
        EXPECT_EQ(one.ends, 0) << one.error.message();
    }
    std::size_t waits() { return c.node(1).space("main").body()->waits(); }
};
} // namespace

TEST(waiting, that_is_given_up_ends_at_once_and_once) {
    for (auto& w : all_waits()) {
        SCOPED_TRACE(w.name);
        alone a;
        a.begin(w.f);
        a.one.give_up();
        EXPECT_EQ(a.one.ends, 0) << "not inside of emit()";
        a.c.advance(0s);
        EXPECT_EQ(a.one.ends, 1);
        EXPECT_EQ(a.one.error, asio::error::operation_aborted);
        EXPECT_EQ(a.waits(), w.name == "open" ? 1u : 0u) << "nothing of it is kept; of an open until its deadline";
        a.one.give_up();
        a.c.heal();
        a.c.advance(60s); // what it waited for happens
        EXPECT_EQ(a.one.ends, 1);
        a.here = {};
        a.c.stop(1);
        EXPECT_EQ(a.one.ends, 1);
    }
}

TEST(waiting, that_is_not_given_up_is_fulfilled) {
    for (auto& w : all_waits()) {
        SCOPED_TRACE(w.name);
        alone a;
        a.begin(w.f);
        a.c.heal();
        a.c.disk(1).timing.sync = 1ms;
        a.c.advance(30s);
        if (a.one.ends == 0) change(a.c, 1, "here", [](player& p) { p.score += 1; }), a.c.advance(30s);
        EXPECT_EQ(a.one.ends, 1);
        EXPECT_FALSE(a.one.error) << a.one.error.message();
        a.here = {};
    }
}

TEST(waiting, ends_with_stopped_or_is_fulfilled_when_its_node_stops) {
    for (auto& w : all_waits()) {
        SCOPED_TRACE(w.name);
        alone a;
        a.begin(w.f);
        a.here = {};
        a.c.run(1, [](node& n) -> awaitable<void> { co_await n.stop(); });
        a.c.advance(0s);
        EXPECT_EQ(a.one.ends, 1);
        if (!w.saves || a.one.error) {
            EXPECT_EQ(a.one.error, dunlin::make_error_code(node_errc::stopped));
        }
        a.c.kill(1);
        a.c.restart(1);
        EXPECT_GE(score(a.c, 1, "here"), 2) << "stop() saves";
    }
}

TEST(waiting, dies_silently_with_its_process) {
    for (auto& w : all_waits())
        for (bool power : {false, true}) {
            SCOPED_TRACE(w.name);
            alone a;
            a.begin(w.f);
            a.here = {};
            if (power)
                a.c.crash(1);
            else
                a.c.kill(1);
            a.c.heal();
            a.c.disk(1).timing.sync = 1ms;
            a.c.restart(1);
            a.c.advance(30s);
            EXPECT_EQ(a.one.ends, 0);
            EXPECT_TRUE(a.c.settle(1min)) << a.c.describe();
        }
}

TEST(waiting, for_start_and_stop_can_be_given_up_but_not_undone) {
    cluster c(1, seed(32));
    c.disk(0).timing.sync = 10s;
    change(c, 0, "alice", [](player& p) { p.score += 1; });
    waiter first, second;
    auto stops = [](node& n) -> awaitable<void> { co_await n.stop(); };
    first.start(c.node(0), stops), second.start(c.node(0), stops);
    c.advance(100ms);
    EXPECT_EQ(first.ends + second.ends, 0) << "it still saves";
    first.give_up();
    c.advance(1s);
    EXPECT_EQ(first.error, asio::error::operation_aborted);
    EXPECT_EQ(second.ends, 0) << "a second caller does not cut it short";
    c.advance(60s);
    EXPECT_EQ(second.ends, 1);
    EXPECT_FALSE(second.error);
    c.kill(0);
    c.restart(0);
    EXPECT_EQ(score(c, 0, "alice"), 1);
}

TEST(waiting, for_start_ends_with_stopped_when_the_node_stops) {
    cluster c(1, seed(33), {}, false);
    waiter starts, stops;
    c.restart(0);
    stops.start(c.node(0), [](node& n) -> awaitable<void> { co_await n.stop(); });
    c.advance(10s);
    starts.start(c.node(0), [](node& n) -> awaitable<void> { co_await n.start(); });
    c.advance(1s);
    EXPECT_EQ(stops.ends, 1);
    EXPECT_EQ(starts.error, dunlin::make_error_code(node_errc::stopped));
}

TEST(waiting, for_copies_beside_a_clock_leaves_nothing_behind) {
    using namespace asio::experimental::awaitable_operators;
    cluster c(2, seed(34));
    c.partition({0}, {1});
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        for (int k = 0; k < 100; ++k) {
            p->score += 1;
            auto r = n.seal();
            auto copied = r.copies(2, asio::use_awaitable);
            auto slept = c.time().sleep(1ms);
            auto both = std::move(copied) || std::move(slept);
            auto which = co_await std::move(both);
            EXPECT_EQ(which.index(), 1u);
        }
        EXPECT_EQ(n.space("main").body()->waits(), 0u);
    });
}

TEST(waiting, for_a_change_beside_a_clock_misses_none) {
    using namespace asio::experimental::awaitable_operators;
    cluster c(1, seed(35));
    long told = 0, late = 0;
    bool ends = false;
    c.spawn(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        auto changes = p.watch();
        for (;;) {
            auto next = changes.next(asio::use_awaitable);
            auto slept = c.time().sleep(1ms);
            auto both = std::move(next) || std::move(slept);
            auto which = co_await std::move(both);
            if (which.index() == 0) told = p->score;
            else ++late;
            if (ends && long(p->score) != told) break;
        }
    });
    for (int k = 0; k < 300; ++k) {
        change(c, 0, "p", [](player& p) { p.score += 1; });
        c.advance(std::chrono::microseconds(900 + k));
    }
    c.advance(5ms);
    EXPECT_EQ(told, 300) << "the last change was told";
    EXPECT_GT(late, 10);
}

TEST(waiting, for_copies_ends_at_its_deadline_and_undoes_nothing) {
    cluster c(2, seed(36));
    ASSERT_SETTLES(c);
    c.advance(5s); // both are in the roster
    c.partition({0}, {1});
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        p->score += 1;
        auto r = n.seal();
        auto before = c.time().now();
        auto [ec] = co_await r.copies(2, 500ms, asio::as_tuple(asio::deferred));
        EXPECT_EQ(ec, dunlin::make_error_code(node_errc::timed_out));
        EXPECT_NE(ec.message().find("nothing was undone"), std::string::npos);
        EXPECT_GE(c.time().now() - before, 500ms);
        EXPECT_LT(c.time().now() - before, 510ms);
        EXPECT_EQ(long(p->score), 1);
        co_await r.copies(1, 500ms);
    });
    c.heal();
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "p"), 1);
}

TEST(waiting, for_the_cluster_ends_at_the_deadline_and_says_what_it_does_not_know) {
    cluster c(2, seed(37), [](std::size_t, dunlin::options& o) { o.sync_deadline(700ms); }, false);
    c.partition({0}, {1});
    c.restart(0);
    c.restart(1);
    for (auto deadline : {700ms, 50ms}) {
        auto before = c.time().now();
        c.run(1, [&](node& n) -> awaitable<void> {
            if (deadline == 700ms) {
                dunlin::ref<player> p = co_await n.open<player>("p");
                EXPECT_FALSE(p.synced());
            } else {
                dunlin::ref<player> p = co_await n.open<player>("p", deadline);
                EXPECT_FALSE(p.synced());
            }
        });
        EXPECT_GE(c.time().now() - before, deadline);
        EXPECT_LT(c.time().now() - before, deadline + 20ms);
    }
    c.heal();
    c.advance(30s);
    auto before = c.time().now();
    c.run(1, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        EXPECT_TRUE(p.synced());
    });
    EXPECT_LT(c.time().now() - before, 20ms);
}

TEST(waiting, for_copies_counts_only_disks_of_members) {
    cluster c(3, seed(38), [](std::size_t i, dunlin::options& o) {
        if (i != 2) o.data("");
    });
    ASSERT_SETTLES(c);
    c.advance(5s);
    auto copies = [&](std::size_t k) {
        return c.run(0, [k](node& n) -> awaitable<bool> {
            dunlin::ref<player> p = co_await n.open<player>("p");
            p->score += 1;
            auto r = n.seal();
            EXPECT_FALSE(r.durable());
            co_await r.saved();
            auto [ec] = co_await r.copies(k, 5s, asio::as_tuple(asio::deferred));
            co_return !ec;
        });
    };
    EXPECT_TRUE(copies(1)) << "node 2 has a file";
    EXPECT_FALSE(copies(2)) << "nodes 0 and 1 have none";
}

// Who is answered may change, seal, stop: never in the midst of what the space does. A handler without an executor of
// its own runs wherever it is answered, as a coroutine does on an executor that dispatches.
TEST(waiting, for_copies_is_not_answered_inside_of_what_tells_the_space) {
    cluster c(2, seed(39));
    ASSERT_SETTLES(c);
    c.advance(5s); // both are in the roster
    auto& body = *c.node(0).space("main").body();
    auto peer = c.node(1).id();
    body.count(peer, false);
    bool inside = false;
    int ends = 0;
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        p->score += 1;
        auto r = n.seal();
        r.copies(2, [&inside, &ends, &n, p](error_code ec) {
            EXPECT_FALSE(ec);
            EXPECT_FALSE(inside);
            ++ends, p->score += 1;
            n.seal();
        });
    });
    c.advance(2s);
    ASSERT_EQ(ends, 0) << "node 1 has it on its disk and does not count";
    inside = true;
    body.count(peer, true);
    inside = false;
    c.advance(0s);
    EXPECT_EQ(ends, 1);
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "p"), 2);
}
