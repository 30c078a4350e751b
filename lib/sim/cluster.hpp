// A simulated cluster: whole nodes in one world, on a network that fails and on disks that lose power.
//
//   sim::cluster c(3, sim::world::seed_from_env(1));             three nodes, each with a file, linked
//   c.run(0, [](node& n) -> awaitable<void> {
//       ref<player> alice = co_await n.open<player>("alice");
//       alice->score += 1;
//   });
//   c.partition({0}, {1, 2});  c.crash(1);  c.restart(1);  c.heal();
//   EXPECT_TRUE(c.settle(1min)) << "seed " << c.seed();
//
// Every byte passes the shipped node, codec, Noise, protocol and SQLite; only executor, clock, chance, wire and disk
// are replaced, and the seed decides all that looks random: equal seeds, equal runs. Nothing sleeps.
//
//   crash    the power is cut: what was not synced is lost, reordered or torn; peers hear nothing
//   kill     as by kill -9: the kernel keeps every byte written
//   restart  a new run from what the disk holds
//   hold     as by kill -STOP: nothing of it runs until release
//   twin     one more host that has a copy of a node's file and identity
//
// Node i is the host "n<i>", listens there and joins those before it; `adjust` may change its options before any start.
// Lifetime  refs, watches and receipts of a node end before it crashes: those in spawned coroutines do by themselves.
// Threads   one.   Errors  what a coroutine of run() throws; one that does not end is std::logic_error.
#pragma once
#include "../node.hpp"
#include "disk.hpp"
#include "network.hpp"
#include "node_clock.hpp"
#include <map>

namespace dunlin::sim {

class cluster {
    struct member;
    world world_;
    network network_;
    std::string key_;
    std::vector<std::unique_ptr<member>> members_;
    std::unique_ptr<disk_registration> registration_;

    process& process_at(std::size_t i) const;
    std::vector<std::string> names(std::initializer_list<std::size_t> of) const;
    void down(std::size_t i, death how, cut_style style = {});
    template <class F> static awaitable<void> hold(F f, dunlin::node& n) { co_await f(n); }

public:
    using adjuster = std::function<void(std::size_t, options&)>;
    static constexpr std::chrono::minutes run_limit{10};

    /// With `started` all nodes are started, one after the other.
    cluster(std::size_t nodes, std::uint64_t seed, adjuster const& adjust = {}, bool started = true);
    ~cluster();
    cluster(cluster const&) = delete;

    std::uint64_t seed() const { return world_.seed(); }
    std::size_t size() const { return members_.size(); }
    bool running(std::size_t i) const;
    bool held(std::size_t i) const;
    dunlin::node& node(std::size_t i);
    sim::disk& disk(std::size_t i);
    node_clock& clock(std::size_t i);
    sim::world& time() { return world_; }
    sim::network& wire() { return network_; }
    /// Everything on_alarm was told at that node, in all its runs.
    std::vector<std::string> const& alarms(std::size_t i) const;

    /// Runs `f(node&)`, an awaitable, to its end on that node and gives what it gives.
    template <class F> auto run(std::size_t i, F f) {
        auto work = f(node(i));
        return world_.run(process_at(i).get_executor(), std::move(work), run_limit);
    }
    /// Lets `f(node&)` run beside all else, until it ends or its node does.
    template <class F> void spawn(std::size_t i, F f) { process_at(i).spawn(hold(std::move(f), node(i))); }

    /// Nothing passes between groups; nodes that are in none are one group more.
    void partition(std::initializer_list<std::size_t> a, std::initializer_list<std::size_t> b,
                   std::initializer_list<std::size_t> c = {});
    void heal() { network_.heal(); }
    void crash(std::size_t i, cut_style style = {}) { down(i, death::power, style); }
    void kill(std::size_t i) { down(i, death::process); }
    /// Starts a node that does not run. With a limit: false if it has not started by then, and goes on trying.
    void restart(std::size_t i) { restart(i, run_limit); }
    bool restart(std::size_t i, nanoseconds limit);
    /// Its runs draw other chance from now on than those of another cluster of this seed: for a node whose file was lost,
    /// and which would be the same writer again.
    void skip_runs(std::size_t i, std::uint64_t runs = 1000);
    void hold(std::size_t i) { world_.hold(process_at(i)); }
    void release(std::size_t i) { world_.release(process_at(i)); }
    /// The number of the new host, which is not started. With `same_run` its next run draws the same chance as the
    /// present one of node i: started from the same file it is the same writer, a copy of a running machine.
    std::size_t twin(std::size_t i, image const& file, bool same_run = false);
    /// As a program that ends: saves, says goodbye.
    void stop(std::size_t i);

    void advance(nanoseconds duration) { world_.advance(duration); }
    /// 64 hex digits over everything live in the space `main`.
    std::string digest(std::size_t i);
    /// What is applied in the space, by writer.
    std::map<std::string, std::uint64_t> vector(std::size_t i, std::string const& space = "main");
    /// All nodes that run have one vector and one digest.
    bool converged();
    /// Until converged, or the time is over: false.
    bool settle(nanoseconds deadline);
    /// A line a node: vector and digest, for the message of a test that failed.
    std::string describe();
};

} // namespace dunlin::sim
