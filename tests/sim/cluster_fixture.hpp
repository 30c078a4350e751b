// The words in which the tests of the cluster say what they do.
#pragma once
#include "player.hpp"
#include <dunlin/lib/sim/cluster.hpp>
#include <dunlin/lib/space_body.hpp>
#include <gtest/gtest.h>
#include <iostream>

namespace clusters {

using namespace std::chrono_literals;
using dunlin::awaitable;
using dunlin::sim::cluster;
using std::chrono::nanoseconds;

/// Told, so that the log of a test that failed has it.
inline std::uint64_t seed(std::uint64_t fallback) {
    auto chosen = dunlin::sim::world::seed_from_env(fallback);
    std::cout << "[     SEED ] " << chosen << '\n';
    return chosen;
}

inline std::string key_of(int k) { return "p" + std::to_string(k); }

/// Changes the player `key` at node i by `f`, and gives the receipt's dot a chance to be waited for with `saved`.
template <class F> void change(cluster& c, std::size_t i, std::string key, F f, bool saved = false) {
    c.run(i, [key = std::move(key), f, saved](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>(key);
        f(*p);
        auto r = n.seal();
        if (saved) co_await r.saved();
    });
}

template <class F> auto look(cluster& c, std::size_t i, std::string key, F f) {
    using answer = std::invoke_result_t<F, player&>;
    return c.run(i, [key = std::move(key), f](dunlin::node& n) -> awaitable<answer> {
        dunlin::ref<player> p = co_await n.open<player>(key);
        co_return f(*p);
    });
}

inline long score(cluster& c, std::size_t i, std::string key) {
    return look(c, i, std::move(key), [](player& p) -> long { return p.score; });
}
inline bool exists(cluster& c, std::size_t i, std::string key) {
    return c.run(i, [key = std::move(key)](dunlin::node& n) -> awaitable<bool> {
        dunlin::ref<player> p = co_await n.open<player>(key);
        co_return p.exists();
    });
}
inline std::string json(cluster& c, std::size_t i, std::string key) {
    return c.run(i, [key = std::move(key)](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<player> p = co_await n.open<player>(key);
        co_return p.json();
    });
}
inline void erase(cluster& c, std::size_t i, std::string key) {
    c.run(i, [key = std::move(key)](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>(key);
        p.erase();
        n.seal();
    });
}

/// How many entries the log of node i no longer has.
inline std::uint64_t cut_entries(cluster& c, std::size_t i) {
    auto& floor = c.node(i).space("main").body()->floor();
    std::uint64_t sum = 0;
    for (std::uint32_t s = 0; s < floor.size(); ++s) sum += floor[s];
    return sum;
}
/// So many saved turns of 1 KB each: a log with a small budget is cut by them.
inline void fill_log(cluster& c, std::size_t i, int turns = 400) {
    for (int k = 0; k < turns; ++k) {
        auto write = [name = std::string(1000, char('a' + k % 26))](player& p) { p.name = name; };
        change(c, i, "filler" + std::to_string(k % 20), write, true);
    }
}

/// How many entries were made in all, as node i has seen.
inline std::uint64_t entries(cluster& c, std::size_t i) {
    std::uint64_t sum = 0;
    for (auto& [writer, n] : c.vector(i)) sum += n;
    return sum;
}

/// Keys of what is there of a type at node i, page by page.
template <class T = player> std::vector<std::string> listed(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::vector<std::string>> {
        std::vector<std::string> all;
        dunlin::page_cursor cursor;
        while (!cursor.end) {
            auto page = co_await n.list<T>(cursor, 10);
            all.insert(all.end(), page.first.begin(), page.first.end());
            cursor = page.second;
        }
        co_return all;
    });
}

#define EXPECT_SETTLES(c) EXPECT_TRUE((c).settle(2min)) << (c).describe()
#define ASSERT_SETTLES(c) ASSERT_TRUE((c).settle(2min)) << (c).describe()

} // namespace clusters
