// The object that the tests of the cluster replicate, and the words in which they say what they do.
#pragma once
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/sim/cluster.hpp>
#include <gtest/gtest.h>
#include <iostream>

namespace clusters {

using namespace std::chrono_literals;
using dunlin::awaitable;
using dunlin::sim::cluster;

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::flag online;
};
DUNLIN_OBJECT(player, name, score, friends, bag, online)

/// Told, so that the log of a test that failed has it.
inline std::uint64_t seed(std::uint64_t fallback) {
    auto chosen = dunlin::sim::world::seed_from_env(fallback);
    std::cout << "[     SEED ] " << chosen << '\n';
    return chosen;
}

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

#define EXPECT_SETTLES(c) EXPECT_TRUE((c).settle(2min)) << (c).describe()
#define ASSERT_SETTLES(c) ASSERT_TRUE((c).settle(2min)) << (c).describe()

} // namespace clusters
