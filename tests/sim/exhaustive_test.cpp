// Small and exhaustive: three nodes, two writers, at most six changes, and every order in which they, their entries and
// the pieces of a state can meet. Whatever happens in between, a node that has some entries is in the state of one that
// got these entries alone.
//
// A depth-first walk over situations: what each node knows, what is on its way, what was given. The way to a situation
// is replayed from the beginning; one that was seen is not gone on from, as what follows is the same. So every order is
// covered, and their number is counted along the graph.
#include "three_replicas.hpp"
#include <gtest/gtest.h>
#include <iostream>
#include <unordered_map>

using namespace small_world;

namespace {

/// What entries alone make, by heads: equal heads are equal entries.
struct entries_alone {
    std::unordered_map<std::uint64_t, std::string> known;

    std::string const& of(rig& r, member& m) {
        auto [it, fresh] = known.try_emplace(m.body->known().digest());
        if (!fresh) return it->second;
        member plain(r.process.get_executor(), 9);
        for (std::size_t i = 0; i < 3; ++i) plain.body->peer_up(dunlin::peer_number(i), r.nodes[i]->writer.node, false);
        for (auto [w, index] : r.order) {
            auto& s = r.made[w][index];
            if (s.last() <= m.number_of(s.writer)) plain.body->receive(dunlin::peer_number(r.plan.writers[w]), word::push{s});
        }
        r.run();
        it->second = plain.state();
        plain.body->stop();
        return it->second;
    }
};

struct walk {
    scenario const& plan;
    entries_alone alone;
    std::unordered_map<std::string, std::uint32_t> seen;
    std::vector<std::vector<std::uint32_t>> after; // situation -> those that follow
    std::vector<std::vector<action>> todo;
    std::size_t replays = 0, joins = 0, steps = 0, ranges = 0;
    std::vector<action> way;
    std::string failure;

    explicit walk(scenario const& p) : plan(p) {}

    void fail(std::string const& what) {
        if (!failure.empty()) return;
        failure = plan.name + ": " + what + "\n";
        for (auto& a : way) failure += "  " + a.text() + "\n";
    }
    void compare(rig& r) {
        for (std::size_t i = 0; i < 3; ++i) {
            auto digest = r.nodes[i]->body->known().digest();
            if (r.last_seen[i] == digest) continue;
            r.last_seen[i] = digest;
            if (r.nodes[i]->state() != alone.of(r, *r.nodes[i]))
                fail("node " + std::to_string(i) + " is not in the state that its entries alone make");
        }
    }
    void replay(std::vector<action> const& from) {
        ++replays;
        way.clear();
        rig r(plan);
        auto at = note(r);
        std::size_t done = 0;
        for (bool fresh = true; fresh && failure.empty(); ++done) {
            std::vector<action> can;
            if (done >= from.size()) can = r.enabled();
            if (done >= from.size() && can.empty()) break;
            auto a = done < from.size() ? from[done] : can.front();
            for (std::size_t k = 1; k < can.size(); ++k) {
                auto other = way;
                other.push_back(can[k]);
                todo.push_back(std::move(other));
            }
            way.push_back(a);
            auto was_joined = r.joined;
            r.step(a), ++steps;
            joins += r.joined && !was_joined && done + 1 >= from.size();
            if (done + 1 < from.size()) {
                at = seen.at(r.situation());
                continue;
            }
            compare(r);
            auto before = seen.size();
            auto now = note(r);
            after[at].push_back(now);
            at = now, fresh = seen.size() > before;
        }
        ranges += r.ranges;
        if (!failure.empty()) return;
        if (replays % 16 && !r.enabled().empty()) return; // what was left unsaid comes by gossip: looked at now and then
        if (!r.settle()) fail("they do not meet");
        compare(r);
    }
    std::uint32_t note(rig& r) {
        auto [it, fresh] = seen.try_emplace(r.situation(), std::uint32_t(after.size()));
        if (fresh) after.emplace_back();
        return it->second;
    }
    void run(std::size_t most = ~std::size_t(0)) {
        todo.push_back({});
        while (!todo.empty() && failure.empty() && replays < most) {
            auto from = std::move(todo.back());
            todo.pop_back();
            try {
                replay(from);
            } catch (std::logic_error const& e) { fail(e.what()); }
        }
    }
    /// Of whole orders, from the first situation to one in which nothing is left to happen.
    double orders() {
        std::vector<double> ways(after.size(), -1);
        std::vector<std::uint32_t> stack{0};
        while (!stack.empty()) {
            auto at = stack.back();
            bool ready = true;
            for (auto n : after[at])
                if (ways[n] < 0) stack.push_back(n), ready = false;
            if (!ready) continue;
            stack.pop_back();
            double sum = after[at].empty() ? 1 : 0;
            for (auto n : after[at]) sum += ways[n];
            ways[at] = sum;
        }
        return ways[0];
    }
};

/// Every order of it; what is printed says how much that was.
void every_order(scenario const& s) {
    walk w(s);
    w.run();
    EXPECT_EQ(w.failure, "");
    EXPECT_GT(w.joins, 0u) << s.name << ": no state was joined";
    EXPECT_EQ(w.ranges > 0, s.range) << s.name << ": no range was given";
    std::cout << s.name << ": " << w.orders() << " orders through " << w.seen.size() << " situations, " << w.replays << " replays, "
              << w.alone.known.size() << " sets of entries\n";
}
/// "01 | xg yg | xs xe | xg" : nodes 0 and 1 write; their changes; what was known before. Then: cuts, late, ahead, again, range.
scenario read_scenario(std::string const& text) {
    scenario s;
    s.name = text, s.cuts = false;
    std::vector<std::string> parts(1);
    for (char c : text) {
        if (c == '|') parts.emplace_back();
        else parts.back() += c;
    }
    parts.resize(5);
    std::size_t n = 0;
    for (char c : parts[0])
        if (c >= '0' && c <= '2') s.writers[n++ % 2] = std::size_t(c - '0');
    s.scripts[0] = parts[1], s.scripts[1] = parts[2], s.before = parts[3];
    s.cuts = parts[4].find("cuts") != std::string::npos;
    s.late = parts[4].find("late") != std::string::npos;
    s.ahead = parts[4].find("ahead") != std::string::npos;
    s.again = parts[4].find("again") != std::string::npos;
    s.range = parts[4].find("range") != std::string::npos;
    return s;
}
void every_order_of(std::vector<std::string> const& all) {
    if (auto chosen = std::getenv("DUNLIN_SCENARIO")) return every_order(read_scenario(chosen));
    for (auto& text : all) every_order(read_scenario(text));
}
} // namespace

// DUNLIN_SCENARIO='01|xg xs|xe xg|xg|cuts ahead' with one of these tries another.
TEST(heavy_exhaustive, orders_of_the_givers_and_another_nodes_changes) {
    every_order_of({"01|xg yg|xs", "01|xe|yg|xg yg xa ys"});
}
TEST(heavy_exhaustive, orders_in_which_the_taker_writes_too) {
    every_order_of({"20|xg|xs xg", "21|xg xs|xe"});
}
TEST(heavy_exhaustive, orders_in_which_the_transfer_is_cut_off_and_begun_again) {
    every_order_of({"01|xs|xg|xg ya xa|cuts", "02|xs|xg|xg|cuts"});
}
TEST(heavy_exhaustive, orders_in_which_a_piece_comes_after_its_transfer_was_given_up) {
    every_order_of({"01|xg||xa yg|late", "20|xg|xs|xg|late"});
}
TEST(heavy_exhaustive, orders_in_which_an_entry_overtakes_another) {
    every_order_of({"01|xg||xa yg|ahead cuts"});
}
TEST(heavy_exhaustive, orders_in_which_an_entry_comes_twice) {
    every_order_of({"01|xg xe|xs||again", "20|xg|xs|xg|again cuts"});
}
TEST(heavy_exhaustive, orders_in_which_entries_come_in_ranges) {
    every_order_of({"01|xg|xs|xg|range", "20|xg|xs|xg|range cuts"});
}
