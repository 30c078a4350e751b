// Roaming: an object that tells where it is, and the words in which the tests of ephemerals say who moves and who sees it.
#pragma once
#include "cluster_fixture.hpp"
#include <boost/describe/class.hpp>

namespace roaming {

using namespace clusters;

struct spot {
    std::int64_t x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(spot, (), (x, y))

struct roamer {
    dunlin::latest<std::string> name;
    dunlin::ephemeral<std::int64_t> at;
    dunlin::counter score;
    dunlin::ephemeral<spot> place;
};
DUNLIN_OBJECT(roamer, name, at, score, place)

namespace older { // which has no ephemerals
struct roamer {
    dunlin::latest<std::string> name;
    dunlin::counter score;
};
DUNLIN_OBJECT_AS("roamer", roamer, name, score)
} // namespace older

template <class F> void roam(cluster& c, std::size_t i, std::string key, F f) {
    c.run(i, [key = std::move(key), f](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<roamer> r = co_await n.open<roamer>(key);
        f(*r);
        n.seal();
    });
}
inline void move_to(cluster& c, std::size_t i, std::int64_t x, std::string key = "ada") {
    roam(c, i, std::move(key), [x](roamer& r) { r.at = x; });
}
template <class F> auto peek(cluster& c, std::size_t i, std::string key, F f) {
    using answer = std::invoke_result_t<F, dunlin::ref<roamer>&>;
    return c.run(i, [key = std::move(key), f](dunlin::node& n) -> awaitable<answer> {
        dunlin::ref<roamer> r = co_await n.open<roamer>(key);
        co_return f(r);
    });
}
/// -1: nothing.
inline std::int64_t position(cluster& c, std::size_t i, std::string key = "ada") {
    return peek(c, i, std::move(key), [](auto& r) { return r->at.empty() ? std::int64_t(-1) : r->at.value(); });
}
inline std::string all_positions(cluster& c, std::string key = "ada") {
    std::string text;
    for (std::size_t i = 0; i < c.size(); ++i)
        if (c.running(i)) text += (text.empty() ? "" : " ") + std::to_string(position(c, i, key));
    return text;
}
inline dunlin::cells const& table(cluster& c, std::size_t i) { return c.node(i).space("main").body()->told(); }
/// Sixty a second for so many writes, from 1 on.
inline void walk(cluster& c, std::size_t i, int steps, std::string key = "ada") {
    c.run(i, [&c, steps, key = std::move(key)](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<roamer> r = co_await n.open<roamer>(key);
        for (int k = 1; k <= steps; ++k) {
            r->at = k;
            co_await c.time().sleep(16667us);
        }
    });
}
/// What a watch of that object at node i was told of `at`, one after the other.
inline void follow_at(cluster& c, std::size_t i, std::vector<std::int64_t>& told) {
    c.spawn(i, [&told](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<roamer> r = co_await n.open<roamer>("ada");
        auto changes = r.watch();
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            if (one->touched(&roamer::at)) told.push_back(r->at.value());
        }
    });
    c.advance(0s);
}

} // namespace roaming
