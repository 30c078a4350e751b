// Three replicas: spaces with the shipped machine, objects and state transfer, in memory, without a network. Whoever
// drives them says which word arrives next; nothing happens by itself.
//
//   write(w)        writer w makes the next change of its script: one entry
//   bring(w, x)     node x gets the next entry of writer w that it lacks; ahead(w): node 2 gets the one after that
//   begin           node 2 asks node 0 for its state       give   node 0 answers with a piece
//   take            node 2 takes the piece; after the last one it joins
//   cut             their link breaks; give_up: node 2's patience ends, and the piece that is on its way may still come
//   late            a piece that was on its way then arrives
//   again(w, x)     node x gets the last entry that it has of writer w once more
//   pull(y), range  node 2 pulls what it lacks from node y; the range arrives
//
// The words of gossip beside these are lost until settle(). Clocks stand still.
#pragma once
#include "hand_replica.hpp"

namespace small_world {

enum class op : char { grow = 'g', shrink = 's', erase = 'e', assign = 'a' };
/// "xg ys": the first change is `grow` of the object x, the second `shrink` of y.
struct change {
    std::string key;
    op what;
};
inline std::vector<change> script_of(std::string const& text) {
    std::vector<change> all;
    std::istringstream in(text);
    for (std::string one; in >> one;) all.push_back({one.substr(0, 1), op(one.at(1))});
    return all;
}
inline void apply(member& m, change const& c, std::size_t turn) {
    auto t = m.at(c.key);
    auto n = long(turn) + 1;
    switch (c.what) {
    case op::grow:
        t->score += 10 * n, t->friends.insert("f"), t->bag["k"] += 100 * n, t->online = true;
        break;
    case op::shrink:
        t->score.reset(), t->friends.erase("f"), t->bag.erase("k"), t->online = false;
        break;
    case op::erase:
        t.erase();
        break;
    case op::assign:
        t->name = std::string(1, char('a' + m.writer.node[0])) + std::to_string(turn), t->bag["k"] += n;
        break;
    }
    m.body->seal();
}

struct scenario {
    std::string name;
    std::size_t writers[2] = {0, 1}; // which nodes write
    std::string before;              // of writers[0], known to nodes 0 and 1 before anything else
    std::string scripts[2];
    bool cuts = true;   // the link may break, once, and the state be asked for again
    bool late = false;  // and a piece may come late
    bool ahead = false; // an entry may overtake the one before it
    bool again = false; // an entry may come twice
    bool range = false; // entries may come as the answer to a pull
};

/// What can happen next.
struct action {
    enum kind : char { write, bring, ahead, begin, give, take, cut, give_up, late, again, pull, range } what;
    std::uint8_t a = 0, b = 0;
    std::string text() const {
        static char const* const names[] = {"write", "bring", "ahead", "begin", "give", "take", "cut",
                                            "give_up", "late", "again", "pull", "range"};
        return std::string(names[what]) + " " + std::to_string(a) + " " + std::to_string(b);
    }
};

struct rig {
    static constexpr std::size_t giver = 0, taker = 2;
    scenario const& plan;
    sim::world world{1, 1};
    sim::process& process = world.make_process("all");
    std::vector<std::unique_ptr<member>> nodes;
    std::vector<change> scripts[2];
    std::vector<dunlin::series> made[2]; // entries by writer
    std::vector<std::pair<std::size_t, std::size_t>> order; // (writer, index) as they were made
    std::size_t next[2] = {0, 0};
    std::size_t cuts = 0, aheads = 0, agains = 0, pulls = 0, transfers = 0;
    std::optional<word::range> range; // on its way to the taker
    std::size_t range_from = 0;
    std::size_t ranges = 0; // that were given
    std::uint64_t range_heads[2] = {}; // of the giver and the taker, as it was made
    std::optional<word::state_pull> asked;
    std::optional<word::state_chunk> piece, stale;
    std::vector<std::uint64_t> given; // the giver's heads at each piece of the present transfer
    std::vector<std::uint64_t> stale_given;
    std::uint64_t given_first[2] = {}; // what the state holds at least, by writer
    std::size_t taken = 0;
    std::optional<std::pair<std::size_t, std::size_t>> overtook; // the entry that came ahead, (writer, index)
    std::set<std::pair<std::size_t, std::size_t>> waits[3];      // entries that came and miss something, by node
    bool active = false, joined = false;
    std::uint64_t last_seen[3] = {};

    explicit rig(scenario const& s) : plan(s) {
        world.shuffle(false);
        for (std::uint8_t i = 0; i < 3; ++i) nodes.push_back(std::make_unique<member>(process.get_executor(), i));
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t k = 0; k < 3; ++k)
                if (i != k) link(i, k);
        nodes[taker]->watch_x();
        run();
        forget_words();
        scripts[0] = script_of(plan.before + " " + plan.scripts[0]), scripts[1] = script_of(plan.scripts[1]);
        for (std::size_t k = script_of(plan.before).size(); k--;) {
            make(0);
            for (std::size_t x : {0, 1})
                if (x != plan.writers[0] && nodes[x]->number_of(writer(0).writer) < made[0].size()) hand_over(0, x);
        }
    }
    ~rig() { // frames and handlers first
        world.kill(process);
        nodes[taker]->changes.reset();
        nodes.clear();
    }
    member& writer(std::size_t w) { return *nodes[plan.writers[w]]; }
    void link(std::size_t i, std::size_t k) {
        nodes[i]->body->peer_up(dunlin::peer_number(k), nodes[k]->writer.node, true);
    }
    void run() { world.run_until_idle(); }
    void forget_words() {
        for (auto& n : nodes) n->said.clear();
    }

    // ---- what can happen
    std::vector<action> enabled() {
        std::vector<action> all;
        for (std::uint8_t w = 0; w < 2; ++w) {
            if (next[w] < scripts[w].size()) all.push_back({action::write, w});
            for (std::uint8_t x = 0; x < 3; ++x) {
                if (plan.writers[w] == x) continue;
                auto has = nodes[x]->number_of(writer(w).writer);
                if (has < made[w].size() && !waits[x].contains({w, has})) all.push_back({action::bring, w, x});
                if (plan.again && !agains && has) all.push_back({action::again, w, x});
                if (plan.ahead && x == taker && !aheads && has + 1 < made[w].size()) all.push_back({action::ahead, w, x});
            }
        }
        if (!active && !joined && transfers < (cuts ? 2u : 1u)) all.push_back({action::begin});
        if (active && asked) all.push_back({action::give});
        if (active && piece) all.push_back({action::take});
        if (active && plan.cuts && !cuts) all.push_back({action::cut});
        if (active && plan.late && !cuts && piece) all.push_back({action::give_up});
        if (stale) all.push_back({action::late});
        for (std::uint8_t y = 0; plan.range && !pulls && y < taker; ++y)
            if (nodes[y]->body->known().digest() != nodes[taker]->body->known().digest()) all.push_back({action::pull, y});
        if (range) all.push_back({action::range});
        return all;
    }

    void step(action const& a) {
        auto& t = *nodes[taker];
        auto before = t.x_now();
        t.told = false;
        perform(a);
        if (t.x_now() != before && !t.told) throw std::logic_error("a watch was not told of a change");
        if (overtook && still_connects(made[overtook->first][overtook->second]))
            throw std::logic_error("an entry that waited is not applied, though nothing is missing any more");
    }
    bool still_connects(dunlin::series const& s) {
        dunlin::series_cursor at(s);
        dunlin::entry_body body;
        return at.next() && body.read(at.entry().body) &&
               nodes[taker]->body->known().check(at.entry(), body, s.prior) == dunlin::verdict::connects;
    }
    void perform(action const& a) {
        switch (a.what) {
        case action::write: return make(a.a);
        case action::bring: return hand_over(a.a, a.b);
        case action::ahead:
            ++aheads;
            overtook.emplace(a.a, nodes[a.b]->number_of(writer(a.a).writer) + 1);
            return deliver(a.a, overtook->second, a.b);
        case action::begin: return ask_for_state();
        case action::give: return give();
        case action::take: return take(*std::exchange(piece, {}));
        case action::cut: return cut();
        case action::give_up: return give_up();
        case action::late: return take_late();
        case action::again: return once_more(a.a, a.b);
        case action::pull: return pull(a.a);
        case action::range:
            nodes[taker]->body->receive(dunlin::peer_number(range_from), *std::exchange(range, {}));
            run();
            return forget_words();
        }
    }

    void make(std::size_t w) {
        auto before = writer(w).number_of(writer(w).writer);
        apply(writer(w), scripts[w][next[w]], next[w]);
        ++next[w];
        run();
        for (auto& [to, said] : writer(w).said)
            if (auto p = std::get_if<word::push>(&said); p && p->series.last() > before) {
                before = p->series.last();
                made[w].push_back(p->series);
                order.push_back({w, made[w].size() - 1});
            }
        forget_words();
    }
    void deliver(std::size_t w, std::size_t index, std::size_t x) {
        nodes[x]->body->receive(dunlin::peer_number(plan.writers[w]), word::push{made[w][index]});
        run();
        waits[x].insert({w, index});
        forget_words();
    }
    void hand_over(std::size_t w, std::size_t x) { deliver(w, nodes[x]->number_of(writer(w).writer), x); }

    void once_more(std::size_t w, std::size_t x) {
        ++agains;
        auto& n = *nodes[x];
        auto had = n.state();
        n.body->receive(dunlin::peer_number(plan.writers[w]), word::push{made[w][n.number_of(writer(w).writer) - 1]});
        run();
        forget_words();
        if (n.state() != had) throw std::logic_error("an entry was taken twice");
    }
    template <class Word> std::optional<Word> said_to(std::size_t x, std::size_t by) {
        std::optional<Word> found;
        for (auto& [to, said] : nodes[by]->said)
            if (auto s = std::get_if<Word>(&said); s && to == x) found = *s;
        forget_words();
        return found;
    }
    /// They tell each other their heads first.
    void pull(std::size_t y) {
        ++pulls, range_from = y;
        auto say = [&](std::size_t from, std::size_t to, auto const& what) {
            nodes[to]->body->receive(dunlin::peer_number(from), what);
            run();
        };
        say(taker, y, word::digest{1, 1, true});
        auto heads = said_to<word::heads>(taker, y);
        if (!heads) return;
        say(y, taker, *heads);
        auto asks = said_to<word::pull>(y, taker);
        if (!asks) return; // not while it waits for a state
        say(taker, y, *asks);
        range = said_to<word::range>(taker, y);
        if (range) ++ranges;
        range_heads[0] = nodes[y]->body->known().digest(), range_heads[1] = nodes[taker]->body->known().digest();
    }

    void ask_for_state() {
        auto& t = *nodes[taker];
        ++transfers;
        t.clock.now += 3s;
        t.body->machine().want_state();
        t.clock.ring_all();
        run();
        active = true, taken = 0, given.clear();
        hear_taker();
    }
    /// What the taker wants next; nothing when it has joined or given up.
    void hear_taker() {
        asked.reset();
        for (auto& [to, said] : nodes[taker]->said)
            if (auto s = std::get_if<word::state_pull>(&said); s && to == giver) asked = *s;
        forget_words();
        if (asked || piece) return;
        active = false, joined = true;
        for (auto w : {0, 1})
            if (nodes[taker]->number_of(writer(std::size_t(w)).writer) < given_first[w]) throw std::logic_error("a state was not joined");
    }
    void give() {
        auto ask = *std::exchange(asked, {});
        nodes[giver]->body->receive(taker, std::move(ask));
        run();
        for (auto& [to, said] : nodes[giver]->said)
            if (auto c = std::get_if<word::state_chunk>(&said)) piece = *c;
        if (given.empty())
            for (auto w : {0, 1}) given_first[w] = nodes[giver]->number_of(writer(std::size_t(w)).writer);
        given.push_back(nodes[giver]->body->known().digest());
        forget_words();
        if (!piece) throw std::logic_error("the giver did not answer");
    }
    void take(word::state_chunk c) {
        ++taken;
        nodes[taker]->body->receive(giver, std::move(c));
        run();
        hear_taker();
    }
    void cut() {
        ++cuts;
        nodes[taker]->body->peer_down(giver), nodes[giver]->body->peer_down(taker);
        run();
        link(taker, giver), link(giver, taker);
        end_transfer();
    }
    void give_up() {
        ++cuts;
        stale = piece, stale_given = given;
        nodes[taker]->clock.now += 11s;
        nodes[taker]->clock.ring_all();
        end_transfer();
    }
    void end_transfer() {
        run();
        forget_words();
        asked.reset(), piece.reset(), given.clear();
        active = false, taken = 0;
    }
    void take_late() {
        auto c = *std::exchange(stale, {});
        nodes[taker]->body->receive(giver, std::move(c));
        run();
        for (auto& [to, said] : nodes[taker]->said)
            if (std::holds_alternative<word::state_pull>(said)) throw std::logic_error("a late piece was taken");
        forget_words();
    }

    /// Equal for equal situations: what the nodes know, what is on its way, what was given, what may still happen.
    std::string situation() {
        dunlin::encoder out;
        for (auto& n : nodes) out.u64(n->body->known().digest());
        for (std::size_t w : {0, 1}) out.u(next[w]);
        out.u(cuts), out.u(aheads), out.u(transfers), out.u(taken), out.u(agains), out.u(pulls);
        if (range) out.u(range_from), out.u64(range_heads[0]), out.u64(range_heads[1]);
        out.u8(std::uint8_t(active | joined << 1 | bool(asked) << 2 | bool(piece) << 3 | bool(stale) << 4));
        for (std::size_t x = 0; x < 3; ++x) {
            std::erase_if(waits[x], [&](auto& i) { return i.second < nodes[x]->number_of(writer(i.first).writer); });
            out.u(waits[x].size());
            for (auto [w, index] : waits[x]) out.u(w), out.u(index);
        }
        for (auto g : given) out.u64(g);
        if (stale)
            for (auto g : stale_given) out.u64(g);
        return out.take();
    }

    /// All that is said is heard, and time goes on, until all have all. False: they do not meet.
    bool settle() {
        piece.reset(), asked.reset(), range.reset();
        for (int round = 0; round < 400; ++round) {
            for (int words = 0; words < 200; ++words) {
                run();
                bool idle = true;
                for (std::size_t i = 0; i < 3; ++i) {
                    auto said = std::exchange(nodes[i]->said, {});
                    for (auto& [to, m] : said) nodes[to]->body->receive(dunlin::peer_number(i), std::move(m)), idle = false;
                }
                if (idle) break;
            }
            bool equal = true;
            for (auto& n : nodes)
                for (std::size_t w : {0, 1}) equal = equal && n->number_of(writer(w).writer) == made[w].size();
            if (equal) return true;
            for (auto& n : nodes) n->clock.now += 100ms, n->clock.ring_all();
        }
        return false;
    }
};

} // namespace small_world
