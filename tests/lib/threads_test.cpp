// Two spaces of one node on two executors, each with a thread of its own. Under ThreadSanitizer: ./run tests tsan.
#include "folder.hpp"
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <dunlin/dunlin.hpp>
#include <gtest/gtest.h>
#include <thread>

namespace asio = boost::asio;

namespace {
using dunlin::test::temporary_folder;

struct sums {
    dunlin::counter hits;
    dunlin::latest<std::string> text;
    dunlin::set<std::string> names;
};
DUNLIN_OBJECT(sums, hits, text, names)

struct pulse {
    dunlin::ephemeral<std::int64_t> beat, answer;
};
DUNLIN_OBJECT(pulse, beat, answer)

struct visitor {
    dunlin::counter visits;
};
DUNLIN_OBJECT(visitor, visits)

/// An executor with its thread.
struct place {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    std::thread thread{[this] { io.run(); }};

    ~place() {
        work.reset();
        thread.join();
    }
    /// Runs f() there, an awaitable, to its end.
    template <class F> auto run(F f) {
        auto done = asio::co_spawn(io, std::move(f), asio::use_future);
        if (done.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
            std::cerr << "a coroutine does not end\n";
            std::abort();
        }
        return done.get();
    }
    template <class F> void call(F f) {
        run([&f]() -> asio::awaitable<void> {
            f();
            co_return;
        });
    }
};

/// One node with the spaces `main`, on the first place, and `shop`, on the second.
struct two_places {
    place& first;
    place& second;
    std::optional<dunlin::node> node;
    std::optional<dunlin::space> shop;

    two_places(place& a, place& b, dunlin::options const& o) : first(a), second(b) {
        first.call([&] {
            node.emplace(first.io.get_executor(), o);
            shop.emplace(node->space("shop", second.io.get_executor()));
        });
    }
    void start() {
        first.run([&]() -> asio::awaitable<void> { co_await node->start(); });
    }
    void stop() {
        first.run([&]() -> asio::awaitable<void> { co_await node->stop(); });
    }
    ~two_places() {
        second.call([&] { shop.reset(); });
        first.call([&] { node.reset(); });
    }
};

asio::awaitable<void> write(dunlin::space s, int turns, bool wait) {
    dunlin::ref<sums> p = co_await s.open<sums>("p");
    auto changes = p.watch(dunlin::saved);
    auto present = co_await changes.next();
    for (int k = 0; k < turns; ++k) {
        dunlin::ref<sums> other = co_await s.open<sums>("p" + std::to_string(k % 50));
        p->hits += 1, other->text = std::to_string(k), other->names.insert("n" + std::to_string(k % 7));
        auto r = s.seal();
        if (wait && k % 5 == 0) co_await r.saved();
        s.atomic([&] { p->hits += 1, other->hits += 1; });
    }
    auto last = s.seal();
    co_await last.saved();
    dunlin::page_cursor begin;
    auto page = co_await s.list<sums>(begin, 10);
    EXPECT_FALSE(page.first.empty());
    auto digest = co_await s.digest();
    EXPECT_EQ(digest.size(), 64u);
}

asio::awaitable<void> until(dunlin::space s, long hits) {
    dunlin::ref<sums> p = co_await s.open<sums>("p");
    auto changes = p.watch();
    auto c = co_await changes.next();
    while (c && long(p->hits) != hits) c = co_await changes.next();
    EXPECT_EQ(long(p->hits), hits);
}

template <class F, class G> void both(place& a, F f, place& b, G g) {
    auto one = asio::co_spawn(a.io, std::move(f), asio::use_future);
    b.run(std::move(g));
    one.get();
}
} // namespace

TEST(threads_spaces, write_save_list_and_watch_beside_each_other) {
    for (bool file : {true, false}) {
        temporary_folder f;
        place a, b;
        dunlin::options o;
        if (file) o.data(f.file("n.db")).memory(64 << 10);
        two_places n(a, b, o);
        // The space with the executor of its own is the one that starts the node.
        both(b, write(*n.shop, 200, true), a, write(n.node->space("main"), 200, true));
        n.stop();
    }
}

TEST(threads_spaces, come_back_from_one_file) {
    temporary_folder f;
    for (int round = 1; round <= 3; ++round) {
        place a, b;
        two_places n(a, b, dunlin::options().data(f.file("n.db")));
        n.start();
        both(b, write(*n.shop, 50, false), a, write(n.node->space("main"), 50, false));
        b.run([&]() -> asio::awaitable<void> {
            dunlin::ref<sums> p = co_await n.shop->open<sums>("p");
            EXPECT_EQ(long(p->hits), 100 * round);
        });
        if (round % 2) n.stop();
    }
}

TEST(threads_spaces, are_linked_to_a_peer_with_the_same_two) {
    temporary_folder f;
    place a, b, c, d;
    two_places n(a, b, dunlin::options().data(f.file("n.db")).listen("127.0.0.1:0").name("n"));
    n.start();
    std::string address;
    a.call([&] { address = n.node->address(); });
    two_places m(c, d, dunlin::options().data(f.file("m.db")).listen("127.0.0.1:0").join(address).name("m"));
    m.start();
    auto w = [](dunlin::space s) { return write(s, 100, true); };
    auto one = asio::co_spawn(a.io, w(n.node->space("main")), asio::use_future);
    auto two = asio::co_spawn(b.io, w(*n.shop), asio::use_future);
    auto three = asio::co_spawn(c.io, w(m.node->space("main")), asio::use_future);
    auto four = asio::co_spawn(d.io, w(*m.shop), asio::use_future);
    one.get(), two.get(), three.get(), four.get();
    auto main_n = n.node->space("main"), main_m = m.node->space("main");
    a.run([&] { return until(main_n, 400); });
    b.run([&] { return until(*n.shop, 400); });
    c.run([&] { return until(main_m, 400); });
    d.run([&] { return until(*m.shop, 400); });
    auto digest = [](place& p, dunlin::space s) {
        return p.run([s]() -> asio::awaitable<std::string> {
            auto found = co_await s.digest();
            co_return found;
        });
    };
    EXPECT_EQ(digest(b, *n.shop), digest(d, *m.shop));
    a.call([&] { EXPECT_NE(n.node->status().find("shop"), std::string::npos); });
    b.run([&]() -> asio::awaitable<void> {
        dunlin::ref<sums> p = co_await n.shop->open<sums>("p");
        p->hits += 1;
        auto r = n.shop->seal();
        co_await r.copies(2, std::chrono::seconds(20));
    });
    m.stop();
    n.stop();
}

TEST(threads_spaces, tell_a_peers_space_what_is_not_kept) {
    place a, b, c, d;
    two_places n(a, b, dunlin::options().listen("127.0.0.1:0").name("n"));
    n.start();
    std::string address;
    a.call([&] { address = n.node->address(); });
    two_places m(c, d, dunlin::options().listen("127.0.0.1:0").join(address).name("m"));
    m.start();
    auto hears = asio::co_spawn(
        d.io,
        [&]() -> asio::awaitable<void> {
            dunlin::ref<pulse> p = co_await m.shop->open<pulse>("p");
            auto changes = p.watch();
            auto one = co_await changes.next();
            while (one && p->beat != 500) one = co_await changes.next();
            p->answer = 501;
        },
        asio::use_future);
    b.run([&]() -> asio::awaitable<void> {
        dunlin::ref<pulse> p = co_await n.shop->open<pulse>("p");
        for (int k = 1; k <= 500; ++k) {
            p->beat = k;
            co_await asio::post(b.io, asio::use_awaitable);
        }
        auto changes = p.watch();
        auto one = co_await changes.next();
        while (one && p->answer != 501) one = co_await changes.next();
    });
    hears.get();
    m.stop();
    n.stop();
}

TEST(threads_spaces, may_write_while_the_node_is_stopped_or_destroyed_elsewhere) {
    for (bool destroy : {false, true})
        for (bool linked : {false, true}) {
            temporary_folder f;
            place a, b;
            dunlin::options o;
            o.data(f.file("n.db"));
            if (linked) o.listen("127.0.0.1:0");
            two_places n(a, b, o);
            n.start();
            std::atomic<int> turns = 0;
            auto writing = asio::co_spawn(
                b.io,
                [&]() -> asio::awaitable<void> {
                    dunlin::ref<sums> p = co_await n.shop->open<sums>("p");
                    auto stopped = dunlin::make_error_code(dunlin::node_errc::stopped);
                    boost::system::error_code ec;
                    while (!ec) {
                        if (n.shop->body()->stopped()) break; // a change after that is a programmer's error
                        p->hits += 1;
                        auto r = n.shop->seal();
                        auto [e] = co_await r.saved(asio::as_tuple(asio::deferred));
                        ec = e, ++turns;
                    }
                    EXPECT_TRUE(!ec || ec == stopped || ec == dunlin::make_error_code(dunlin::node_errc::unsaved))
                        << ec.message();
                },
                asio::use_future);
            while (turns < 50) std::this_thread::yield();
            if (destroy)
                a.call([&] { n.node.reset(); });
            else
                n.stop();
            writing.get();
        }
}

/// The file is read on a thread of its own, and nothing of that touches what these touch.
TEST(threads_opening, is_beside_who_uses_types_and_spaces_for_the_first_time_or_destroys_the_node) {
    temporary_folder f;
    {
        place a, b;
        two_places n(a, b, dunlin::options().data(f.file("n.db")));
        both(b, write(*n.shop, 300, false), a, write(n.node->space("main"), 300, false));
    } // as in a crash: all of it is read again
    for (int round = 0; round < 10; ++round) {
        place a, b;
        std::optional<dunlin::node> node;
        a.call([&] { node.emplace(a.io.get_executor(), dunlin::options().data(f.file("n.db"))); });
        if (round % 2) {
            a.call([&] {
                node->start([](boost::system::error_code) {}); // answered or not: it may be gone by then
                node->space("another");
                node.reset();
            });
            continue;
        }
        std::optional<dunlin::space> shop;
        std::vector<dunlin::space> late;
        a.run([&]() -> asio::awaitable<void> {
            bool started = false;
            node->start([&](auto) { started = true; });
            auto opening = node->open<sums>("p");
            shop.emplace(node->space("shop", b.io.get_executor()));
            for (int k = 0; !started; ++k) {
                late.push_back(node->space("late" + std::to_string(k % 100)));
                auto visits = node->watch<visitor>();
                co_await asio::post(a.io, asio::use_awaitable);
            }
            dunlin::ref<sums> p = co_await std::move(opening);
            EXPECT_EQ(long(p->hits), 600);
            dunlin::ref<visitor> v = co_await late.back().open<visitor>("v");
            EXPECT_FALSE(v.exists());
        });
        b.run([&]() -> asio::awaitable<void> {
            dunlin::ref<sums> p = co_await shop->open<sums>("p");
            EXPECT_EQ(long(p->hits), 600);
        });
        b.call([&] { shop.reset(); });
        a.call([&] { late.clear(), node.reset(); });
    }
}
