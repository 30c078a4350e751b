// A node alone: what a user writes, in memory and on a file.
#include "folder.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <gtest/gtest.h>

namespace asio = boost::asio;

namespace {
using dunlin::test::temporary_folder;

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;

    void pick_up(std::string const& item, int n) {
        bag[item] += n;
        score += 10 * n;
    }
};
DUNLIN_OBJECT(player, name, score, friends, bag)

template <class F> void run(asio::io_context& io, F f) {
    std::exception_ptr failed;
    asio::co_spawn(io, std::move(f), [&](std::exception_ptr e) { failed = e; });
    io.run();
    io.restart();
    if (failed) std::rethrow_exception(failed);
}
} // namespace

TEST(node, serves_reads_and_writes_from_memory) {
    asio::io_context io;
    dunlin::node node{io.get_executor()};
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> alice = co_await node.open<player>("alice");
        EXPECT_FALSE(alice.exists());
        alice->pick_up("sword", 1);
        long score = alice->score;
        EXPECT_EQ(score, 10);
        EXPECT_TRUE(alice.exists());
        EXPECT_EQ(long(alice->bag["sword"]), 1);
        auto r = node.seal();
        co_await r.saved();
        co_await node.stop();
    });
}

TEST(node, keeps_its_state_in_one_file_across_starts) {
    temporary_folder f;
    for (int round = 0; round < 4; ++round) {
        asio::io_context io;
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file())};
        run(io, [&]() -> asio::awaitable<void> {
            dunlin::ref<player> alice = co_await node.open<player>("alice");
            EXPECT_EQ(long(alice->score), 10 * round);
            EXPECT_EQ(long(alice->bag["sword"]), round);
            EXPECT_EQ(alice->friends.size(), std::size_t(round));
            alice->pick_up("sword", 1);
            alice->friends.insert("friend " + std::to_string(round));
            alice->name = "Alice " + std::to_string(round);
            auto r = node.seal();
            co_await r.saved();
            EXPECT_TRUE(r.durable());
            EXPECT_TRUE(r.is_saved());
            if (round % 2) co_await node.stop();
        });
        if (round % 2 == 0) node = dunlin::node{io.get_executor()};
    }
}

TEST(node, undoes_an_atomic_that_throws_or_says_no) {
    asio::io_context io;
    dunlin::node node{io.get_executor()};
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> alice = co_await node.open<player>("alice");
        dunlin::ref<player> bob = co_await node.open<player>("bob");
        alice->score += 5, alice->name = "A", alice->friends.insert("x"), alice->bag["s"] += 1;
        auto no = node.atomic([&] {
            alice->score -= 10, bob->score += 10, alice->name = "B", alice->friends.erase("x"), alice->bag.erase("s");
            return false;
        });
        EXPECT_FALSE(bool(no));
        EXPECT_THROW(node.atomic([&] {
            bob->bag["t"] += 1;
            throw std::runtime_error("no");
        }),
                     std::runtime_error);
        EXPECT_EQ(long(alice->score), 5);
        EXPECT_EQ(alice->name.value(), "A");
        EXPECT_TRUE(alice->friends.contains("x"));
        EXPECT_EQ(long(alice->bag["s"]), 1);
        EXPECT_FALSE(bob.exists());
        auto yes = node.atomic([&] { alice->score -= 5, bob->score += 5; });
        EXPECT_TRUE(bool(yes));
        co_await yes.saved();
        EXPECT_EQ(long(bob->score), 5);
        co_await node.stop();
    });
}

TEST(node, tells_a_watch_the_present_state_and_then_whole_entries) {
    asio::io_context io;
    dunlin::node node{io.get_executor()};
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> alice = co_await node.open<player>("alice");
        auto changes = alice.watch();
        auto first = co_await changes.next();
        EXPECT_TRUE(first && first->touched(&player::name));
        alice->score += 1;
        alice->bag["s"] += 1;
        node.seal();
        alice->score += 1;
        auto second = co_await changes.next();
        EXPECT_TRUE(second && second->touched(&player::score) && second->touched(&player::bag));
        EXPECT_FALSE(second->touched(&player::name));
        auto stopping = node.stop();
        co_await std::move(stopping);
        auto last = co_await changes.next();
        while (last) last = co_await changes.next();
    });
}

TEST(node, uses_a_type_for_the_first_time_right_after_a_digest) {
    temporary_folder f;
    auto options = dunlin::options().data(f.file()).memory(16 << 10); // so that most of them are read for the digest
    {
        asio::io_context io;
        dunlin::node node{io.get_executor(), options};
        run(io, [&]() -> asio::awaitable<void> {
            for (int k = 0; k < 50; ++k) {
                dunlin::ref<player> p = co_await node.open<player>("k" + std::to_string(k));
                p->name = "a name that is longer than a string holds in itself", p->friends.insert("x"), p->pick_up("a", k);
                node.seal();
            }
            co_await node.stop();
        });
    }
    asio::io_context io;
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::node node{io.get_executor(), options};
        co_await node.start();
        auto d = co_await node.digest();
        EXPECT_EQ(d.size(), 64u);
        dunlin::ref<player> p = co_await node.open<player>("k7");
        EXPECT_EQ(long(p->score), 70);
        co_await node.stop();
    });
}

TEST(node, begins_with_a_listing_or_a_digest_and_has_all_of_it) {
    temporary_folder f;
    std::string digest;
    {
        asio::io_context io;
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file())};
        run(io, [&]() -> asio::awaitable<void> {
            for (int k = 0; k < 30; ++k) {
                dunlin::ref<player> p = co_await node.open<player>("p" + std::to_string(k));
                p->score += 1;
            }
            digest = co_await node.digest();
            co_await node.stop();
        });
    }
    for (bool by_digest : {false, true}) {
        asio::io_context io;
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file())};
        run(io, [&]() -> asio::awaitable<void> {
            if (!by_digest) {
                auto page = co_await node.list<player>(dunlin::page_cursor(), 100);
                EXPECT_EQ(page.first.size(), 30u);
            }
            auto d = co_await node.digest();
            EXPECT_EQ(d, digest);
            co_await node.stop();
        });
    }
}

TEST(node, lists_the_objects_of_a_type_page_by_page) {
    for (bool file : {false, true}) {
        temporary_folder f;
        asio::io_context io;
        dunlin::options o;
        if (file) o.data(f.file());
        dunlin::node node{io.get_executor(), o};
        run(io, [&]() -> asio::awaitable<void> {
            for (int k = 0; k < 100; ++k) {
                dunlin::ref<player> p = co_await node.open<player>("p" + std::to_string(k));
                if (k % 10) p->score += k;
            }
            std::size_t n = 0;
            dunlin::page_cursor cursor;
            while (!cursor.end) {
                auto page = co_await node.list<player>(cursor, 7);
                n += page.first.size();
                cursor = page.second;
            }
            EXPECT_EQ(n, 90u);
            auto d = co_await node.digest();
            EXPECT_EQ(d.size(), 64u);
            co_await node.stop();
        });
    }
}
