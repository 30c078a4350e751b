// A workload as Maelstrom gives it: clients of whole nodes on virtual time, 100 ms between any two nodes, partitions that
// come and go; then everything heals, 10 s pass, and every client reads once more.
//
//   broadcast   a message is an element of the set of one object; read: the set
//   g-set       an element is an object of its own; read: the listing, page by page
//   g-counter, pn-counter    one counter; deltas 0..4, or -5..4
//
// A client asks its node one thing at a time and is not cut from it. An add is answered when it is on the node's disk, a
// read at once. Topologies other than `total` are made by paths that never open: nodes dial all the same.
#pragma once
#include "events.hpp"
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/sim/cluster.hpp>
#include <functional>

namespace histories {

using namespace std::chrono_literals;
using dunlin::awaitable;

struct feed {
    dunlin::set<std::int64_t> seen;
};
DUNLIN_OBJECT(feed, seen)
struct mark {
    dunlin::flag there;
};
DUNLIN_OBJECT(mark, there)
struct tally {
    dunlin::counter total;
};
DUNLIN_OBJECT(tally, total)

struct settings {
    std::string workload = "broadcast", topology = "total", spread = "constant"; // of the latency
    std::size_t nodes = 5, clients_a_node = 2;
    double rate = 5; // requests a second and node
    std::chrono::seconds length{60}, partition_every{10};
    std::chrono::milliseconds latency{100};
    std::uint64_t seed = 1;
};

inline std::vector<std::string> const workloads{"broadcast", "g-set", "g-counter", "pn-counter"};
inline std::vector<std::string> const topologies{"total", "line", "grid", "tree2", "tree3", "tree4"};

class run {
    settings plan_;
    dunlin::sim::cluster cluster_;
    dunlin::sim::generator chance_;
    history told_;
    std::set<std::pair<std::size_t, std::size_t>> closed_; // paths that never open
    std::size_t partitions_ = 0, next_element_ = 0, clients_ended_ = 0;
    bool asking_ = true, last_reads_ = false;

    std::chrono::nanoseconds now() { return cluster_.time().now(); }
    void tell(event e) { e.at = now(), told_.push_back(std::move(e)); }
    bool counts() const { return plan_.workload.ends_with("counter"); }

    // ---- what a node is asked
    awaitable<void> add(dunlin::node& n, std::int64_t value) {
        if (plan_.workload == "broadcast") {
            dunlin::ref<feed> f = co_await n.open<feed>("all");
            f->seen.insert(value);
        } else if (plan_.workload == "g-set") {
            auto key = std::to_string(value);
            dunlin::ref<mark> m = co_await n.open<mark>(key);
            m->there = true;
        } else {
            dunlin::ref<tally> t = co_await n.open<tally>("all");
            t->total += value;
        }
        auto r = n.seal();
        co_await r.saved();
    }
    awaitable<void> read(dunlin::node& n, event& into) {
        if (plan_.workload == "broadcast") {
            dunlin::ref<feed> f = co_await n.open<feed>("all");
            for (auto x : f->seen) into.values.push_back(x);
        } else if (plan_.workload == "g-set") {
            dunlin::page_cursor cursor;
            while (!cursor.end) {
                auto page = co_await n.list<mark>(cursor, 200);
                for (auto& key : page.first) into.values.push_back(std::stoll(key));
                cursor = page.second;
            }
        } else {
            dunlin::ref<tally> t = co_await n.open<tally>("all");
            into.value = t->total;
        }
    }

    awaitable<void> ask(dunlin::node& n, event e) {
        tell(e);
        e.what = type::ok;
        try {
            if (e.f == "add") co_await add(n, e.value);
            else co_await read(n, e);
        } catch (boost::system::system_error const&) { e.what = type::fail; }
        tell(e);
    }
    awaitable<void> client(dunlin::node& n, std::size_t number, std::size_t node) {
        dunlin::sim::generator mine(plan_.seed, "client", number);
        event e;
        e.client = number, e.node = node;
        auto mean = 1e9 * double(plan_.clients_a_node) / plan_.rate;
        for (;;) {
            auto pause = std::chrono::nanoseconds(std::int64_t(mine.exponential(mean)));
            co_await cluster_.time().sleep(pause);
            if (!asking_) break;
            e.f = mine.below(2) ? "add" : "read", e.value = 0;
            if (e.f == "add" && !counts()) e.value = std::int64_t(next_element_++);
            if (e.f == "add" && plan_.workload == "g-counter") e.value = std::int64_t(mine.below(5));
            if (e.f == "add" && plan_.workload == "pn-counter") e.value = std::int64_t(mine.below(10)) - 5;
            co_await ask(n, e);
        }
        while (!last_reads_) co_await cluster_.time().sleep(10ms);
        e.f = "read", e.value = 0, e.final = true;
        co_await ask(n, e);
        ++clients_ended_;
    }

    // ---- the network
    void lay_topology() {
        auto n = plan_.nodes;
        std::set<std::pair<std::size_t, std::size_t>> open;
        auto join = [&](std::size_t a, std::size_t b) { open.insert({a, b}), open.insert({b, a}); };
        std::size_t side = 1;
        while (side * side < n) ++side;
        for (std::size_t i = 1; i < n; ++i) {
            if (plan_.topology == "line") join(i, i - 1);
            if (plan_.topology == "grid" && i % side) join(i, i - 1);
            if (plan_.topology == "grid" && i >= side) join(i, i - side);
            if (plan_.topology.starts_with("tree")) join(i, (i - 1) / std::size_t(plan_.topology[4] - '0'));
        }
        for (std::size_t a = 0; a < n && plan_.topology != "total"; ++a)
            for (std::size_t b = 0; b < n; ++b)
                if (a != b && !open.contains({a, b})) closed_.insert({a, b});
        close_paths();
    }
    void close_paths() {
        for (auto [a, b] : closed_) cluster_.wire().block("n" + std::to_string(a), "n" + std::to_string(b));
    }
    void heal() { cluster_.heal(), close_paths(); }
    /// Two halves, a few against the rest, or one alone.
    void partition() {
        ++partitions_;
        std::vector<std::string> names, some;
        for (std::size_t i = 0; i < plan_.nodes; ++i) names.push_back("n" + std::to_string(i));
        auto few = chance_.below(3);
        auto count = few == 0 ? plan_.nodes / 2 : few == 1 ? 1 + chance_.below(plan_.nodes - 1) : 1;
        for (; count; --count) {
            auto k = std::size_t(chance_.below(names.size()));
            some.push_back(names[k]);
            names.erase(names.begin() + std::ptrdiff_t(k));
        }
        cluster_.wire().partition({some});
    }
    void set_latency() {
        dunlin::sim::faults f;
        f.delay_min = plan_.latency, f.delay_mean = 0ns;
        if (plan_.spread == "exponential") f.delay_min = 0ns, f.delay_mean = plan_.latency;
        f.connect_limit = 2s;
        cluster_.wire().set_faults(f);
    }

public:
    explicit run(settings const& s) : plan_(s), cluster_(s.nodes, s.seed), chance_(s.seed, "partitions") {}

    history const& go() {
        set_latency(), lay_topology();
        cluster_.advance(10s); // they find each other
        for (std::size_t i = 0, number = 0; i < plan_.nodes; ++i)
            for (std::size_t k = 0; k < plan_.clients_a_node; ++k, ++number)
                cluster_.spawn(i, [this, number, i](dunlin::node& n) { return client(n, number, i); });
        auto end = now() + plan_.length;
        for (bool cut = false; now() < end; cut = !cut) {
            auto pause = std::chrono::nanoseconds(std::int64_t(chance_.exponential(double(std::chrono::nanoseconds(plan_.partition_every).count()))));
            cluster_.advance(std::min<std::chrono::nanoseconds>(pause, end - now()));
            if (now() >= end) break;
            if (cut) heal();
            else partition();
        }
        asking_ = false;
        heal();
        cluster_.advance(10s);
        last_reads_ = true;
        cluster_.advance(20s);
        return told_;
    }
    std::size_t partitions() const { return partitions_; }
    std::chrono::nanoseconds lived() { return now(); }
    bool of_set() const { return !counts(); }

    /// Every check that applies.
    std::vector<std::pair<std::string, verdict>> verdicts() const {
        std::vector<std::pair<std::string, verdict>> all;
        all.emplace_back("availability", check_availability(told_));
        if (counts()) all.emplace_back("counter", check_counter(told_, plan_.workload == "g-counter"));
        else all.emplace_back("set-full", check_set(told_));
        return all;
    }
};

} // namespace histories
