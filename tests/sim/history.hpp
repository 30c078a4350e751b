// A random history of a cluster, drawn by its seed, and the checks that must hold whatever happens in it.
//
//   nodes 3 to 5; disks from quick to slow, some of which die in the middle of a commit; changes of all types, atomics that succeed, say no and throw; watches; partitions, loss and delay;
//   crashes and kills with restarts; tiny memory, so that objects leave it; sometimes a tiny log
//
// Checks   equal vectors, equal digests (whenever vectors are equal) | what was confirmed as saved is there in the end,
// and nothing that was not attempted: a counter for each run of each node, since a run that ends may lose what it was
// not told is saved, and its count says nothing of the run before | two accounts always sum to 0: an atomic is whole |
// watch(saved) tells only what is on disk | after healing all converge within a bound
#pragma once
#include "cluster_fixture.hpp"

namespace clusters {

struct history {
    std::uint64_t seed;
    dunlin::sim::generator chance;
    std::size_t nodes;
    cluster c;
    struct run_count {
        std::string key;
        long attempted = 0, confirmed = 0;
    };
    std::vector<std::vector<run_count>> counts; // by node and run
    std::string failure;
    long lost = 0; // changes that a crash took: none of them was confirmed

    explicit history(std::uint64_t s)
        : seed(s), chance(s, "history"), nodes(3 + s % 3),
          c(nodes, s,
            [s](std::size_t, dunlin::options& o) {
                if (s % 4 < 2) o.memory(24 << 10);
                if (s % 5 == 0) o.log_budget(32 << 10);
            }),
          counts(nodes) {
        for (std::size_t i = 0; i < nodes; ++i) c.disk(i).timing.sync_mean = std::chrono::microseconds(s % 3 * 5000);
    }

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
        counts[i].push_back({"n" + std::to_string(i) + "/" + std::to_string(counts[i].size())});
        auto mine = counts[i].size() - 1;
        c.spawn(i, [this, i, mine](dunlin::node& n) { return unless_dead(i, writes(n, i, mine)); });
        c.spawn(i, [this, i](dunlin::node& n) { return unless_dead(i, watches(n)); });
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

    awaitable<void> unless_dead(std::size_t i, awaitable<void> life) {
        try {
            co_await std::move(life);
        } catch (boost::system::system_error const&) { // its disk has died: soon it will
            if (!c.disk(i).dead()) throw;
        }
    }

    awaitable<void> writes(dunlin::node& n, std::size_t i, std::size_t run) {
        for (;;) {
            co_await n.ready();
            dunlin::ref<player> total = co_await n.open<player>("total");
            dunlin::ref<player> left = co_await n.open<player>("left");
            dunlin::ref<player> right = co_await n.open<player>("right");
            auto key = "p" + std::to_string(chance.below(40));
            dunlin::ref<player> some = co_await n.open<player>(key);
            auto r = acts(n, counts[i][run], *total, left, right, *some);
            auto want = counts[i][run].attempted;
            if (!r) continue; // overloaded: ready() waits
            if (chance.happens(0.6)) {
                co_await r->saved();
                counts[i][run].confirmed = std::max(counts[i][run].confirmed, want);
            }
            auto pause = std::chrono::milliseconds(chance.below(40));
            co_await c.time().sleep(pause);
        }
    }

    std::optional<dunlin::receipt> acts(dunlin::node& n, run_count& mine, player& total, dunlin::ref<player>& left,
                                        dunlin::ref<player>& right, player& some) {
        if (long(left->score) + long(right->score) != 0) fail("an atomic was seen half");
        try {
            total.bag[mine.key] += 1;
            ++mine.attempted; // made: nothing comes between the two
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
            if (chance.happens(0.3)) {
                c.disk(i).cut_power_after(1 + chance.below(30));
                c.advance(std::chrono::milliseconds(chance.below(300)));
                c.crash(i);
            } else if (chance.happens(0.6))
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
        for (std::size_t i = 0; i < nodes; ++i)
            for (auto& run : counts[i]) check(run, nodes - 1 - i);
        if (score(c, 0, "left") + score(c, 0, "right") != 0) fail("an atomic was applied half");
    }

    void check(run_count const& run, std::size_t at) {
        long there = look(c, at, "total", [&](player& p) -> long { return p.bag[run.key]; });
        if (there < run.confirmed || there > run.attempted)
            fail("run " + run.key + " confirmed " + std::to_string(run.confirmed) + ", attempted " +
                 std::to_string(run.attempted) + ", there are " + std::to_string(there));
        lost += run.attempted - there;
    }
};

} // namespace clusters
