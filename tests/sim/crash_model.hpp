// The changes that the tests of crashes and disks make, and what an object must hold of them.
//
// What change n of writer w does depends on these two numbers only. A writer's entries are applied in their order; so what
// is there follows from how many of each writer's changes are known: nothing else has to be written down.
#pragma once
#include "cluster_fixture.hpp"

namespace crash_points {

using namespace clusters;
namespace sim = dunlin::sim;

constexpr int objects = 24;

inline std::string object_of(int w, int n) { return "p" + std::to_string((n * 7 + w * 5 + n / 24) % objects); }
inline std::string mark_of(int w, int n) { return std::to_string(w) + ":" + std::to_string(n); }

struct expected {
    struct player {
        long score = 0;
        std::set<std::string> friends;
        std::map<std::string, long> bag;
        bool named = false;
    };
    std::map<std::string, player> players;
    long total[2] = {0, 0};
    bool extra[2] = {false, false};

    /// All of the first m[w] changes of each writer.
    explicit expected(int const (&m)[2]) {
        for (int w = 0; w < 2; ++w)
            for (int n = 1; n <= m[w]; ++n) {
                auto& p = players[object_of(w, n)];
                auto who = std::to_string(w);
                ++total[w], p.score += n, p.named = true;
                p.friends.insert(mark_of(w, n));
                if (n % 3 == 0) players[object_of(w, n - 2)].friends.erase(mark_of(w, n - 2));
                n % 5 ? void(p.bag[who] += n) : void(p.bag.erase(who));
                if (n % 7 == 3) extra[w] = true;
                if (n % 7 == 6) extra[w] = false;
            }
    }
};

using made_handler = std::function<void(dunlin::receipt const&)>;

/// The number of its entry. `attempted` is called before anything is changed, `made` at once after it.
inline awaitable<std::uint64_t> make_change(dunlin::node& node, int w, int n, std::function<void()> const& attempted,
                                            made_handler const& made) {
    dunlin::ref<player> total = co_await node.open<player>("total");
    dunlin::ref<player> p = co_await node.open<player>(object_of(w, n));
    dunlin::ref<player> before = co_await node.open<player>(object_of(w, std::max(1, n - 2)));
    dunlin::ref<player> extra = co_await node.open<player>("extra" + std::to_string(w));
    attempted();
    auto who = std::to_string(w);
    total->bag[who] += 1; // the first: a change that is refused is not made at all
    p->score += n, p->friends.insert(mark_of(w, n)), p->name = std::string(400 + n % 500, char('a' + n % 26));
    if (n % 3 == 0) before->friends.erase(mark_of(w, n - 2));
    n % 5 ? void(p->bag[who] += n) : void(p->bag.erase(who));
    if (n % 7 == 3) extra->score += 1;
    if (n % 7 == 6) extra.erase();
    auto r = node.seal();
    auto body = node.space("main").body();
    auto number = body->applied()[body->self()];
    made(r);
    co_return number;
}

inline void narrow(std::size_t, dunlin::options& o) { o.memory(24 << 10).log_budget(32 << 10); }

/// How many it has counted.
inline void count_by_total(cluster& c, std::size_t node, int (&m)[2]) {
    c.run(node, [&m](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> total = co_await n.open<player>("total", 0s);
        for (int w = 0; w < 2; ++w) m[w] = int(long(total->bag[std::to_string(w)]));
    });
}

/// Whether all objects of the node hold exactly the first m[w] changes of each writer. Empty, or what is wrong.
inline std::string compare(cluster& c, std::size_t node, int const (&m)[2]) {
    expected const all(m);
    return c.run(node, [&all](dunlin::node& n) -> awaitable<std::string> {
        std::string wrong;
        dunlin::ref<player> total = co_await n.open<player>("total", 0s);
        for (int w = 0; w < 2; ++w)
            if (long is = total->bag[std::to_string(w)]; is != all.total[w])
                wrong += "total of " + std::to_string(w) + " is " + std::to_string(is) + ", not " + std::to_string(all.total[w]) + "; ";
        for (int k = 0; k < objects; ++k) {
            auto key = "p" + std::to_string(k);
            dunlin::ref<player> p = co_await n.open<player>(key, 0s);
            auto found = all.players.find(key);
            auto right = found == all.players.end() ? expected::player() : found->second;
            std::set<std::string> friends;
            for (auto f : p->friends) friends.insert(std::string(f));
            std::map<std::string, long> bag;
            for (auto [what, count] : p->bag) bag[std::string(what)] = count.value();
            auto name = p->name.value();
            bool named = !name.empty() && name.find_first_not_of(name[0]) == name.npos;
            if (long(p->score) != right.score) wrong += key + ": score " + std::to_string(long(p->score)) + ", not " + std::to_string(right.score) + "; ";
            if (friends != right.friends) wrong += key + ": other friends; ";
            if (bag != right.bag) wrong += key + ": another bag; ";
            if (named != right.named) wrong += key + ": another name; ";
        }
        for (int w = 0; w < 2; ++w) {
            dunlin::ref<player> extra = co_await n.open<player>("extra" + std::to_string(w), 0s);
            if (extra.exists() != all.extra[w]) wrong += "the object that comes and goes of " + std::to_string(w) + "; ";
        }
        co_return wrong;
    });
}

} // namespace crash_points
