// A random history of a cluster, drawn by its seed, and the checks that must hold whatever happens in it.
//
//   nodes 3 to 5; changes of all types, atomics that succeed, say no and throw; watches; partitions, loss and delay;
//   crashes and kills with restarts; tiny memory, so that objects leave it; sometimes a tiny log
//
// Checks   equal vectors, equal digests (whenever vectors are equal) | what was confirmed as saved is there in the end,
// and nothing that was not attempted: a counter for each node | two accounts always sum to 0: an atomic is whole |
// watch(saved) tells only what is on disk | after healing all converge within a bound
#pragma once
#include "cluster_fixture.hpp"

namespace clusters {

struct history {
    std::uint64_t seed;
    dunlin::sim::generator chance;
    std::size_t nodes;
    cluster c;
    std::vector<long> attempted, confirmed;
    std::string failure;

    explicit history(std::uint64_t s)
        : seed(s), chance(s, "history"), nodes(3 + s % 3),
          c(nodes, s,
            [s](std::size_t, dunlin::options& o) {
                if (s % 4 < 2) o.memory(24 << 10);
                if (s % 5 == 0) o.log_budget(32 << 10);
            }),
          attempted(nodes), confirmed(nodes) {}

    /// Empty, or what went wrong.
    std::string run(int steps = 120) {
        try {
            for (std::size_t i = 0; i < nodes; ++i) live(i);
            for (int k = 0; k < steps && failure.empty(); ++k) step();
            heal();
        } catch (std::exception const& e) {
            std::string said;
            for (std::size_t i = 0; i < nodes; ++i)
                for (auto& a : c.alarms(i))
                    if (a.find("link ") != 0) said += "\nn" + std::to_string(i) + ": " + a;
            fail(e.what() + said);
        }
        return failure;
    }

private:
    void fail(std::string const& what) {
        if (failure.empty()) failure = "seed " + std::to_string(seed) + ": " + what + "\n";
    }
    std::size_t any() { return std::size_t(chance.below(nodes)); }

    /// A run of node i: it writes and waits, and something watches.
    void live(std::size_t i) {
        c.spawn(i, [this, i](dunlin::node& n) { return writes(n, i); });
        c.spawn(i, [this](dunlin::node& n) { return watches(n); });
    }

    awaitable<void> watches(dunlin::node& n) {
        dunlin::ref<player> total = co_await n.open<player>("total");
        auto changes = total.watch(dunlin::saved);
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            auto r = one->receipt();
            if (!r.is_saved()) fail("watch(saved) told of what is not saved");
        }
    }

    awaitable<void> writes(dunlin::node& n, std::size_t i) {
        for (;;) {
            co_await n.ready();
            dunlin::ref<player> total = co_await n.open<player>("total");
            dunlin::ref<player> left = co_await n.open<player>("left");
            dunlin::ref<player> right = co_await n.open<player>("right");
            auto key = "p" + std::to_string(chance.below(40));
            dunlin::ref<player> some = co_await n.open<player>(key);
            auto r = acts(n, i, *total, left, right, *some);
            auto want = attempted[i];
            if (!r) continue; // overloaded: ready() waits
            if (chance.happens(0.6)) {
                co_await r->saved();
                confirmed[i] = std::max(confirmed[i], want);
            }
            auto pause = std::chrono::milliseconds(chance.below(40));
            co_await c.time().sleep(pause);
        }
    }

    std::optional<dunlin::receipt> acts(dunlin::node& n, std::size_t i, player& total, dunlin::ref<player>& left,
                                        dunlin::ref<player>& right, player& some) {
        if (long(left->score) + long(right->score) != 0) fail("an atomic was seen half");
        try {
            total.bag["n" + std::to_string(i)] += 1;
            ++attempted[i]; // made: nothing comes between the two
            play(some);
            auto r = n.seal();
            trade(n, left, right);
            return r;
        } catch (boost::system::system_error const& e) {
            if (e.code() != dunlin::make_error_code(dunlin::node_errc::overloaded)) throw;
            return std::nullopt;
        }
    }

    void trade(dunlin::node& n, dunlin::ref<player>& left, dunlin::ref<player>& right) {
        auto sum = long(chance.below(100));
        auto how = chance.below(4);
        try {
            n.atomic([&] {
                left->score -= sum, left->friends.insert("t"), left->name = "trade";
                if (how == 1) return false;
                if (how == 2) throw 1;
                right->score += sum;
                return true;
            });
        } catch (int) {}
    }

    void play(player& p) {
        auto what = "e" + std::to_string(chance.below(4));
        switch (chance.below(9)) {
        case 0: p.name = what; break;
        case 1: p.score += 3; break;
        case 2: p.friends.insert(what); break;
        case 3: p.friends.erase(what); break;
        case 4: p.bag[what] += 2; break;
        case 5: p.bag.erase(what); break;
        case 6: p.online = true; break;
        case 7: p.online = false; break;
        case 8: p.name = std::string(2000, 'x'); break;
        }
    }

    void step() {
        switch (chance.below(12)) {
        case 0: {
            auto i = any();
            if (!c.running(i)) break;
            if (chance.happens(0.7))
                c.crash(i);
            else
                c.kill(i);
            break;
        }
        case 1:
        case 2: {
            auto i = any();
            if (!c.running(i)) c.restart(i), live(i);
            break;
        }
        case 3: c.partition({any()}, {}); break;
        case 4: c.heal(); break;
        case 5: c.wire().set_faults(dunlin::sim::faults::harsh(chance)); break;
        case 6: c.wire().reset("n" + std::to_string(any()), "n0"); break;
        default: c.advance(std::chrono::milliseconds(chance.below(1500)));
        }
        c.advance(std::chrono::milliseconds(chance.below(200)));
        compare();
    }

    /// Whoever has the same vector, before and after its digest was computed, has the same digest.
    void compare() {
        std::map<std::map<std::string, std::uint64_t>, std::pair<std::size_t, std::string>> seen;
        for (std::size_t i = 0; i < nodes; ++i) {
            if (!c.running(i) || !chance.happens(0.3)) continue;
            auto before = c.vector(i);
            auto digest = c.digest(i);
            if (c.vector(i) != before) continue;
            auto [it, fresh] = seen.try_emplace(before, i, digest);
            if (!fresh && it->second.second != digest) fail("equal vectors, unequal digests: n" + std::to_string(it->second.first) + " and n" + std::to_string(i) + "\n" + c.describe());
        }
    }

    void heal() {
        if (!failure.empty()) return;
        c.heal();
        c.wire().set_faults(dunlin::sim::faults());
        for (std::size_t i = 0; i < nodes; ++i) { // nobody writes any more
            if (c.running(i)) c.kill(i);
            c.restart(i);
        }
        if (!c.settle(std::chrono::minutes(3))) return fail("no convergence\n" + c.describe());
        for (std::size_t i = 0; i < nodes; ++i) {
            long there = look(c, nodes - 1 - i, "total", [i](player& p) -> long { return p.bag["n" + std::to_string(i)]; });
            if (there < confirmed[i] || there > attempted[i])
                fail("n" + std::to_string(i) + " confirmed " + std::to_string(confirmed[i]) + ", attempted " + std::to_string(attempted[i]) + ", there are " + std::to_string(there));
        }
        if (score(c, 0, "left") + score(c, 0, "right") != 0) fail("an atomic was applied half");
    }
};

} // namespace clusters
