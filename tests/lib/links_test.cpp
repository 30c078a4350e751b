// Two and more nodes over loopback TCP: what one writes, the others read.
#include "folder.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <gtest/gtest.h>

namespace asio = boost::asio;

namespace {
struct tally {
    dunlin::counter hits;
    dunlin::set<std::string> names;
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT(tally, hits, names, bag)

template <class F> void run(asio::io_context& io, F f) {
    std::exception_ptr failed;
    bool ended = false;
    asio::co_spawn(io, std::move(f), [&](std::exception_ptr e) { failed = e, ended = true, io.stop(); });
    io.run_for(std::chrono::seconds(30));
    io.restart();
    EXPECT_TRUE(ended) << "did not end";
    if (failed) std::rethrow_exception(failed);
}

/// Until it holds: by watching, not by waiting for a time.
template <class T, class Holds> asio::awaitable<void> until(dunlin::ref<T> r, Holds holds) {
    auto changes = r.watch();
    auto c = co_await changes.next();
    while (c && !holds(*r)) c = co_await changes.next();
}
} // namespace

TEST(links, carry_changes_both_ways) {
    asio::io_context io;
    dunlin::node a{io.get_executor(), dunlin::options().listen("127.0.0.1:0").name("a")};
    a.on_alarm([](std::string const& t) { std::cerr << "a: " << t << "\n"; });
    run(io, [&]() -> asio::awaitable<void> {
        co_await a.start();
        dunlin::node b{io.get_executor(), dunlin::options().listen("127.0.0.1:0").join(a.address()).name("b")};
        b.on_alarm([](std::string const& t) { std::cerr << "b: " << t << "\n"; });
        dunlin::ref<tally> at_a = co_await a.open<tally>("t");
        at_a->hits += 3;
        at_a->bag["sword"] += 1;
        dunlin::ref<tally> at_b = co_await b.open<tally>("t");
        EXPECT_TRUE(at_b.synced());
        co_await until(at_b, [](tally& t) { return long(t.hits) == 3; });
        EXPECT_EQ(long(at_b->bag["sword"]), 1);
        at_b->hits += 4;
        at_b->names.insert("bob");
        co_await until(at_a, [](tally& t) { return long(t.hits) == 7; });
        EXPECT_TRUE(at_a->names.contains("bob"));
        auto da = co_await a.digest();
        auto db = co_await b.digest();
        EXPECT_EQ(da, db);
        co_await b.stop();
        co_await a.stop();
    });
}

TEST(links, confirm_durable_copies) {
    dunlin::test::temporary_folder folder;
    asio::io_context io;
    dunlin::node a{io.get_executor(), dunlin::options().data(folder.file("a.db")).listen("127.0.0.1:0").name("a")};
    run(io, [&]() -> asio::awaitable<void> {
        co_await a.start();
        dunlin::node b{io.get_executor(), dunlin::options().data(folder.file("b.db")).listen("127.0.0.1:0").join(a.address()).name("b")};
        dunlin::ref<tally> at_b = co_await b.open<tally>("t");
        dunlin::ref<tally> at_a = co_await a.open<tally>("t");
        at_a->hits += 1;
        auto r = a.seal();
        co_await r.saved();
        co_await r.copies(2, std::chrono::seconds(10));
        EXPECT_EQ(long(at_b->hits), 1);
        co_await b.stop();
        co_await a.stop();
    });
}

TEST(links, break_off_when_a_node_is_destroyed_and_its_executor_runs_on) {
    asio::io_context io;
    dunlin::node a{io.get_executor(), dunlin::options().listen("127.0.0.1:0").name("a")};
    run(io, [&]() -> asio::awaitable<void> {
        co_await a.start();
        dunlin::ref<tally> at_a = co_await a.open<tally>("t");
        for (int k = 1; k <= 3; ++k) {
            dunlin::node b{io.get_executor(), dunlin::options().listen("127.0.0.1:0").join(a.address()).name("b")};
            dunlin::ref<tally> at_b = co_await b.open<tally>("t");
            at_b->hits += 1;
            b.seal();
            auto heard = [k](tally& t) { return long(t.hits) == k; };
            co_await until(at_a, heard);
        } // b is gone without a word, as in a crash
        co_await a.stop();
    });
    while (io.poll()) {}
}
