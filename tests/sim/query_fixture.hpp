// Queries: the objects whose order the tests of indexes ask for, and the words in which they ask.
#pragma once
#include "cluster_fixture.hpp"
#include <algorithm>
#include <sstream>

namespace queries {

using namespace clusters;
using dunlin::ascending, dunlin::descending;
using dunlin::node_errc;

enum class league : std::uint8_t { wood, iron, gold };

struct runner {
    dunlin::indexed<dunlin::counter> score;
    dunlin::latest<std::string> name;
    dunlin::indexed<dunlin::latest<std::string>> team;
    dunlin::indexed<dunlin::latest<league>> rank;
    dunlin::indexed<dunlin::maximum<double>> best;
    dunlin::indexed<dunlin::flag> online;
};
DUNLIN_OBJECT(runner, score, name, team, rank, best, online)

struct visit {
    dunlin::indexed<dunlin::counter> pages;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(visit, pages, expires)

inline void set(cluster& c, std::size_t i, std::string key, long by, bool saved = false) {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> r = co_await n.open<runner>(key);
        r->score += by;
        auto done = n.seal();
        if (saved) co_await done.saved();
    });
}
inline void drop(cluster& c, std::size_t i, std::string key) {
    c.run(i, [=](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<runner> r = co_await n.open<runner>(key);
        r.erase();
        n.seal();
    });
}
template <class Rows> std::string text(Rows const& rows) {
    std::ostringstream out;
    for (auto& [key, value] : rows) out << key << ':' << value << ' ';
    return out.str();
}
/// By looking at each object.
inline std::string by_hand(cluster& c, std::size_t i, std::size_t most = 100) {
    auto keys = listed<runner>(c, i);
    std::vector<std::pair<long, std::string>> all;
    for (auto& key : keys)
        all.emplace_back(c.run(i, [=](dunlin::node& n) -> awaitable<long> {
            dunlin::ref<runner> r = co_await n.open<runner>(key);
            co_return long(r->score);
        }), key);
    std::sort(all.begin(), all.end(), std::greater<>());
    if (all.size() > most) all.resize(most);
    std::string out;
    for (auto& [n, key] : all) out += key + ':' + std::to_string(n) + ' ';
    return out;
}
inline auto top(dunlin::node& n) { return n.all<runner>().order_by(&runner::score, descending); }
inline std::string by_index(cluster& c, std::size_t i, bool exact = true) {
    return c.run(i, [=](dunlin::node& n) -> awaitable<std::string> {
        auto rows = co_await top(n).read();
        EXPECT_EQ(rows.is_exact(), exact);
        co_return text(rows);
    });
}
inline std::size_t resident(cluster& c, std::size_t i) { return c.node(i).space("main").body()->resident(); }
/// For an index of 300 objects, and about a hundred of them.
inline void little(std::size_t, dunlin::options& o) { o.memory(160 << 10); }
inline void fill(cluster& c, std::size_t i, int many, bool saved = false) {
    for (int k = 0; k < many; ++k)
        c.run(i, [=](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<runner> r = co_await n.open<runner>(key_of(k));
            r->score += 1 + k * 7 % 50, r->name = std::string(400, 'n');
            auto done = n.seal();
            if (saved) co_await done.saved();
        });
}

/// What a watch at node i is told of the rows that a node is asked for.
template <class Rows> void follow(cluster& c, std::size_t i, std::vector<std::string>& told, Rows rows_of) {
    c.spawn(i, [&told, rows_of](dunlin::node& n) -> awaitable<void> {
        auto changes = rows_of(n).watch();
        for (;;) {
            auto rows = co_await changes.next();
            if (!rows) break;
            told.push_back(text(*rows) + (rows->is_exact() ? "" : "perhaps"));
        }
        told.push_back("end");
    });
    c.advance(0s);
}
/// On the first three.
inline void follow(cluster& c, std::size_t i, std::vector<std::string>& told) {
    follow(c, i, told, [](dunlin::node& n) { return top(n).limit(3); });
}

} // namespace queries
