// World of gossip: toy replicas under a scheduler that loses, doubles and reorders what they say, cuts links, cuts
// logs, restarts nodes and completes disk work late. Every message passes the codec.
#pragma once
#include "toy_replica.hpp"
#include <cstdlib>

namespace dunlin::toys {

using namespace std::chrono_literals;

struct flight {
    std::size_t from, to;
    std::uint64_t link;
    std::string bytes;
};

struct faults {
    double lose = 0, twice = 0, reorder = 0;
    std::size_t budget = 0; // of a range; 0 is the shipped one
    bool cuts_logs = false, restarts = false, slow = false;
};

struct world {
    std::mt19937_64 random;
    seeded luck;
    faults bad;
    instant now = 1s;
    std::vector<std::unique_ptr<toy>> nodes;
    std::vector<std::unique_ptr<toy>> gone;
    std::vector<std::uint32_t> runs;
    std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> links; // (a < b) up, with its number
    std::set<std::pair<std::size_t, std::size_t>> edges;                // that may be up
    std::deque<flight> wire;
    std::uint64_t last_link = 0, said_beside_digests = 0, messages = 0, alarms = 0, proofs = 0, refusals = 0;

    std::map<std::size_t, std::size_t> clone_of; // runs under another's node id

    node_id node(std::size_t i) const {
        auto it = clone_of.find(i);
        return node_named(it == clone_of.end() ? i : it->second);
    }
    world(std::uint64_t seed, std::size_t n, faults f) : random(seed), luck(seed * 31), bad(f) {
        violations().clear();
        runs.resize(n, 1);
        for (std::size_t i = 0; i < n; ++i) nodes.push_back(make(i));
    }
    std::uint64_t below(std::uint64_t n) { return random() % n; }
    bool chance_of(double p) { return double(random() % 1'000'000) < p * 1'000'000; }
    std::unique_ptr<toy> make(std::size_t i) {
        replication_bounds b;
        if (bad.budget) b.range_bytes = bad.budget;
        return std::make_unique<toy>(writer_id{node_named(i), runs[i], std::uint32_t(random())}, &now, b);
    }
    void all_edges() {
        for (std::size_t a = 0; a < nodes.size(); ++a)
            for (auto b = a + 1; b < nodes.size(); ++b) edges.insert({a, b});
    }
    void connected_edges() { // a random tree and a few more
        for (std::size_t b = 1; b < nodes.size(); ++b) edges.insert({below(b), b});
        for (auto extra = below(nodes.size()); extra--;) {
            auto a = below(nodes.size()), b = below(nodes.size());
            if (a != b) edges.insert({std::min(a, b), std::max(a, b)});
        }
    }
    void up(std::size_t a, std::size_t b) {
        if (links.contains({a, b})) return;
        links[{a, b}] = ++last_link;
        nodes[a]->machine.peer_up(peer_number(b), node(b), true, now, nodes[a]->out);
        nodes[b]->machine.peer_up(peer_number(a), node(a), true, now, nodes[b]->out);
        collect();
    }
    void down(std::size_t a, std::size_t b) {
        if (!links.erase({a, b})) return;
        nodes[a]->machine.peer_down(peer_number(b), now, nodes[a]->out);
        nodes[b]->machine.peer_down(peer_number(a), now, nodes[b]->out);
        std::erase_if(wire, [&](auto& f) { return !link_of(f); });
        collect();
    }
    std::uint64_t link_between(std::size_t a, std::size_t b) {
        auto it = links.find({std::min(a, b), std::max(a, b)});
        return it == links.end() ? 0 : it->second;
    }
    bool link_of(flight const& f) { return link_between(f.from, f.to) == f.link; }

    void collect() {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            auto said = std::exchange(nodes[i]->out, {});
            for (auto& a : said) {
                if (auto s = std::get_if<event::send>(&a)) {
                    auto link = link_between(i, s->to);
                    if (!link) continue;
                    ++messages;
                    auto quiet =
                        std::holds_alternative<word::digest>(s->said) || std::holds_alternative<word::same>(s->said);
                    said_beside_digests += !quiet;
                    check_sent(i, s->said);
                    session codec;
                    encoder e;
                    codec.write("main", s->said, e);
                    if (chance_of(bad.lose)) continue;
                    flight f{i, s->to, link, e.take()};
                    if (chance_of(bad.twice)) wire.push_back(f);
                    auto at = wire.size();
                    if (chance_of(bad.reorder)) at = below(wire.size() + 1);
                    wire.insert(wire.begin() + std::ptrdiff_t(at), std::move(f));
                }
                alarms += std::holds_alternative<event::fork_alarm>(a);
                proofs += std::holds_alternative<event::fork_proved>(a);
                refusals += std::holds_alternative<event::entry_refused>(a);
            }
        }
    }
    /// A run's first entry is on disk before it is anywhere else.
    void check_sent(std::size_t i, space_message const& said) {
        auto& n = *nodes[i];
        auto first_is_safe = n.durable_[n.table.find(n.own)] >= 1;
        auto shows = [&](series const& s) { return s.writer == n.own; };
        if (first_is_safe) return;
        if (auto p = std::get_if<word::push>(&said); p && shows(p->series)) violations().insert("sent before durable");
        if (auto r = std::get_if<word::range>(&said))
            for (auto& s : r->list)
                if (shows(s)) violations().insert("sent before durable");
        if (auto h = std::get_if<word::heads>(&said))
            for (auto& c : h->list)
                if (c.writer == n.own) violations().insert("told before durable");
        if (std::holds_alternative<word::state_chunk>(said) && n.known_.of(n.own).number)
            violations().insert("in a state before durable");
    }
    void deliver(std::size_t index) {
        auto f = std::move(wire[index]);
        wire.erase(wire.begin() + std::ptrdiff_t(index));
        if (!link_of(f)) return;
        session codec;
        decoder in(f.bytes);
        message m;
        refusal why;
        ASSERT_TRUE(codec.read(in, m, why)) << why.text();
        auto& n = *nodes[f.to];
        n.machine.receive(peer_number(f.from), std::move(std::get<in_space>(m).said), now, n.out);
        collect();
    }
    void deliver_some() {
        if (wire.empty()) return;
        std::size_t index = 0;
        if (chance_of(bad.reorder)) {
            index = below(wire.size());
        } else { // in order within its link
            auto any = below(wire.size());
            while (wire[index].from != wire[any].from || wire[index].to != wire[any].to) ++index;
        }
        deliver(index);
    }
    void tick_all() {
        for (auto& n : nodes)
            if (n->machine.next_tick() <= now) n->machine.tick(now, luck, n->out);
        collect();
    }
    void restart(std::size_t i) {
        for (std::size_t b = 0; b < nodes.size(); ++b) down(std::min(i, b), std::max(i, b));
        auto old = std::move(nodes[i]);
        ++runs[i];
        nodes[i] = make(i);
        auto& n = *nodes[i];
        for (std::uint32_t s = 0; s < old->floor_.size(); ++s)
            if (old->floor_[s]) n.floor_.raise(n.table.intern(old->table.id(s)), old->floor_[s]);
        // Everything durable, and that is a prefix of the log; what the floor covers is in the state.
        for (auto& [dot, text] : old->contents)
            if (dot.second <= old->durable_[old->table.find(dot.first)]) n.contents[dot] = text;
        for (auto& s : old->log)
            if (s.last() <= old->durable_[old->table.find(s.writer)]) n.log.push_back(s);
        rebuild(n);
        n.durable_ = n.known_.applied();
        gone.push_back(std::move(old));
    }
    /// Heads again from the contents: each chain from its first entry.
    static void rebuild(toy& n) {
        entry_body body;
        for (auto& [dot, text] : n.contents) {
            decoder in(text);
            entry e{dot.first, dot.second, in.u64(), bytes_view(text).substr(8)};
            EXPECT_TRUE(body.read(e.body));
            n.known_.advance(e, body);
            n.stamp = std::max(n.stamp, e.stamp);
        }
    }

    void churn(std::size_t steps, bool writing = true) {
        for (; steps--;) {
            auto i = below(nodes.size());
            auto& n = *nodes[i];
            auto dice = below(1000);
            if (dice < 450) {
                deliver_some();
            } else if (dice < 550) {
                if (writing) n.write("text", chance_of(0.05), chance_of(0.05) ? below(3000) : below(30));
            } else if (dice < 650) {
                n.commit();
            } else if (dice < 760) {
                if (!n.pending.empty()) n.complete();
            } else if (dice < 900) {
                now += std::chrono::milliseconds(below(bad.slow ? 700 : 150));
                tick_all();
            } else if (dice < 950) {
                auto e = *std::next(edges.begin(), std::ptrdiff_t(below(edges.size())));
                up(e.first, e.second);
            } else if (dice < 970) {
                auto e = *std::next(edges.begin(), std::ptrdiff_t(below(edges.size())));
                down(e.first, e.second);
            } else if (dice < 985) {
                n.machine.congested(peer_number(below(nodes.size())), chance_of(0.5), now, n.out);
            } else if (dice < 993) {
                if (bad.cuts_logs) n.cut_log(below(20));
            } else if (bad.restarts) {
                restart(i);
            }
            collect();
            check_bounds();
        }
    }
    void check_bounds() {
        for (auto& n : nodes)
            if (n->machine.waiting_entries() > 1024 || n->machine.waiting_bytes() > 1 << 20)
                violations().insert("the buffer is above its bound");
    }
    /// Everything that can happen without time passing.
    void rest() {
        for (std::size_t turns = 0; turns < 200'000; ++turns) {
            bool idle = true;
            for (auto& n : nodes) {
                if (!n->pending.empty()) n->complete(), idle = false;
                if (n->durable_ != n->known_.applied()) n->commit(), idle = false;
            }
            collect();
            if (!wire.empty()) deliver_some(), idle = false;
            if (idle) return;
        }
        violations().insert("chatter without end");
    }
    void pass(std::chrono::milliseconds time) {
        for (auto end = now + time; now < end;) {
            rest();
            now += 50ms;
            tick_all();
        }
        rest();
    }
    bool converged() {
        for (auto& n : nodes)
            if (n->known_.digest() != nodes[0]->known_.digest() || n->contents != nodes[0]->contents) return false;
        return true;
    }
    void heal() {
        bad = {};
        for (auto& e : edges) up(e.first, e.second);
        for (auto& n : nodes)
            for (std::size_t b = 0; b < nodes.size(); ++b) n->machine.congested(peer_number(b), false, now, n->out);
        collect();
    }
    /// Time from healing to equality, at most `most`.
    std::chrono::milliseconds settle(std::chrono::milliseconds most) {
        auto begin = now;
        rest();
        while (!converged() && now - begin < most) pass(50ms);
        return std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
    }
};

} // namespace dunlin::toys
