// length: one machine; every message it hears and every timer it keeps is handled here
#include "replication.hpp"
#include "../crdt/mutant.hpp"
#include <algorithm>

namespace dunlin {
namespace {

using std::chrono::milliseconds;

std::uint64_t mix(std::uint64_t x) { // splitmix64's finaliser
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

std::uint64_t mix(writer_id const& w, std::uint64_t number) {
    std::uint64_t h = 0, part = 0;
    for (std::size_t i = 0; i < 16; ++i) {
        part = part << 8 | w.node[i];
        if (i % 8 == 7) h = mix(h + part), part = 0;
    }
    return mix(mix(h + (std::uint64_t(w.run) << 32 | w.nonce)) + number);
}

void sort(id_vector& v) {
    std::sort(v.begin(), v.end(), [](auto& a, auto& b) { return a.writer < b.writer; });
    if (v.size() > wire_bounds::vector_max) v.resize(wire_bounds::vector_max);
}

} // namespace

replication::replication(replica& space, writer_id const& own, replication_bounds bounds)
    : space_(space), own_(own), bounds_(bounds), shown_own_(space.known().of(own).number) {}

replication::peer* replication::find(peer_number n) {
    for (auto& p : peers_)
        if (p.number == n) return &p;
    return nullptr;
}

std::uint64_t replication::shown(std::uint32_t slot) const {
    auto number = space_.known()[slot].number;
    return holding() && slot == own_slot() ? shown_own_ : number;
}

bool replication::lacks(peer const& p) const {
    if (p.unknown_more) return true;
    auto& known = space_.known();
    for (std::uint32_t s = 0; s < p.known.size(); ++s)
        if (p.known[s] > known[s].number && !avoided(p, known.table().id(s))) return true;
    return false;
}

/// The applied vector, and of the writers that we do not want more of from this peer all that there can be.
id_vector replication::have(peer const& p) const {
    id_vector v;
    auto& known = space_.known();
    for (std::uint32_t s = 0; s < known.size(); ++s) {
        auto& w = known.table().id(s);
        if (auto n = avoided(p, w) ? dot::number_max : known[s].number) v.push_back({w, n});
    }
    for (auto& w : p.suspects)
        if (known.table().find(w) == writers::none || known.table().find(w) >= known.size())
            v.push_back({w, dot::number_max});
    sort(v);
    return v;
}

std::uint64_t replication::durable_digest(version_vector const& v) const {
    std::uint64_t sum = 0;
    auto& table = space_.known().table();
    for (std::uint32_t s = 0; s < v.size() && s < table.size(); ++s)
        if (v[s]) sum += mix(table.id(s), v[s]);
    return sum;
}
std::uint64_t replication::durable_digest() const { return durable_digest(space_.durable()); }
std::uint64_t replication::durable_digest(peer const& p) const {
    auto it = holders_.find(p.node);
    return it == holders_.end() ? 0 : durable_digest(it->second.durable);
}

void replication::peer_up(peer_number n, node_id const& node, bool counted, instant now, actions& out) {
    if (find(n) || peers_.size() >= bounds_.peers) return;
    if (peers_.empty() && first_peer_ == instant{}) first_peer_ = now;
    auto& p = peers_.emplace_back();
    p.number = n, p.node = node;
    space_.known().table().each_run(node, [&](std::uint32_t slot) { owe(p, slot); }); // what is not on disk yet
    count(node, counted, out);
    tell_heads(*find(n), true, false, out);
}

void replication::peer_down(peer_number n, instant now, actions&) {
    std::erase_if(peers_, [&](auto& p) { return p.number == n; });
    std::erase_if(serving_, [&](auto& t) { return t.to == n && (end_transfer(t), true); });
    if (pull_.ticket && pull_.from == n) pull_.ticket = 0;
    if (in_.active && in_.from == n) abandon(now);
}

void replication::count(node_id const& node, bool counted, actions& out) {
    for (auto& p : peers_)
        if (p.node == node) p.counted = counted;
    if (!holders_.contains(node) && holders_.size() >= bounds_.holders) return;
    auto& h = holders_[node];
    if (h.counted == counted) return;
    h.counted = counted;
    out.emplace_back(event::copies_changed{});
}

void replication::congested(peer_number n, bool is, instant, actions& out) {
    auto p = find(n);
    if (!p || p->congested == is) return;
    p->congested = is;
    if (!is) offer(*p, out);
}

std::size_t replication::copies(writer_id const& w, std::uint64_t number) const {
    auto slot = space_.known().table().find(w);
    if (slot == writers::none) return 0;
    return std::size_t(std::count_if(holders_.begin(), holders_.end(), [&](auto& h) {
        return h.second.counted && h.second.durable[slot] >= number && h.first != own_.node;
    }));
}

std::size_t replication::counted_links() const {
    return std::size_t(std::count_if(peers_.begin(), peers_.end(), [&](auto& p) { return p.counted && p.node != own_.node; }));
}

bool replication::is_level() const {
    return std::all_of(peers_.begin(), peers_.end(), [&](auto& p) { return p.heard && !lacks(p); });
}

bool replication::is_linked(node_id const& node) const {
    return std::any_of(peers_.begin(), peers_.end(), [&](auto& p) { return p.node == node; });
}

bool replication::is_near(node_id const& node) const {
    auto it = holders_.find(node);
    return (it != holders_.end() && it->second.counted) || is_linked(node);
}

std::size_t replication::witnesses(std::uint64_t number,
                                   std::vector<std::pair<std::uint32_t, std::uint64_t>> const& seen) const {
    auto& table = space_.known().table();
    auto self = own_slot();
    auto seen_of = [&](std::uint32_t slot) {
        for (auto& [s, n] : seen)
            if (s == slot) return n;
        return std::uint64_t(0);
    };
    return std::size_t(std::count_if(holders_.begin(), holders_.end(), [&](auto& h) {
        auto& [node, held] = h;
        bool is = held.counted && node != own_.node && held.durable[self] >= number;
        for (auto& x : held.unknown_runs) {
            auto slot = table.find(x.writer);
            if (slot == writers::none || x.number > seen_of(slot)) is = false;
        }
        table.each_run(own_.node, [&](std::uint32_t slot) {
            if (slot != self && held.durable[slot] > seen_of(slot) && !mutant("rights_trust_whoever_has_it")) is = false;
        });
        return is;
    }));
}

void replication::sealed(series const& s, bool hold, actions& out) {
    if (hold && !mutant("protocol_sends_first_entry_early")) held_until_ = s.last();
    if (holding()) {
        held_bytes_ += s.size();
        if (held_bytes_ <= bounds_.held_bytes) held_.push_back(s);
        return;
    }
    shown_own_ = s.last();
    auto slot = own_slot();
    for (auto& p : peers_) {
        if (p.congested || p.catching_until != instant{}) continue;
        say(p, word::push{s}, out);
        p.known.raise(slot, s.last()), p.offered.raise(slot, s.last());
    }
}

void replication::committed(actions& out) {
    auto& durable = space_.durable();
    if (holding() && durable[own_slot()] >= held_until_) {
        held_until_ = 0;
        auto ready = std::exchange(held_, {});
        auto whole = std::exchange(held_bytes_, 0) <= bounds_.held_bytes;
        if (whole) {
            for (auto& s : ready) sealed(s, false, out);
        } else {
            for (auto& p : peers_) offer(p, out);
        }
        shown_own_ = space_.known().of(own_).number;
    }
    auto& known = space_.known();
    for (auto& p : peers_) {
        if (p.congested) continue; // what is dropped would be taken for told
        word::durable d;
        std::erase_if(p.owed, [&](auto slot) {
            if (durable[slot] > p.told[slot]) {
                d.vector.push_back({known.table().id(slot), durable[slot]});
                p.told.raise(slot, durable[slot]);
            }
            auto paid = durable[slot] >= known[slot].number;
            if (paid) p.owes[slot] = false;
            return paid;
        });
        if (d.vector.empty()) continue;
        sort(d.vector);
        say(p, std::move(d), out);
    }
}

/// All heads, or those that the peer has not heard of; and the durable vector, unless it was just told.
void replication::tell_heads(peer& p, bool complete, bool reply, actions& out, bool answer) {
    word::heads w;
    w.complete = complete, w.reply = reply, w.synced = synced_;
    auto& known = space_.known();
    for (std::uint32_t s = 0; s < known.size(); ++s) {
        auto& h = known[s];
        if (!h.number || shown(s) != h.number || (!complete && p.offered[s] >= h.number)) continue;
        w.list.push_back({known.table().id(s), h.number, h.prior()});
        p.offered.raise(s, h.number);
    }
    std::sort(w.list.begin(), w.list.end(), [](auto& a, auto& b) { return a.writer < b.writer; });
    if (w.list.size() > wire_bounds::vector_max) w.list.resize(wire_bounds::vector_max), w.complete = false;
    auto digest = durable_digest();
    if ((complete && !mutant("protocol_forgets_durable")) || answer || digest != p.durable_sent) {
        auto& durable = space_.durable();
        for (std::uint32_t s = 0; s < durable.size(); ++s)
            if (durable[s] && shown(s) >= durable[s]) {
                w.durable.push_back({known.table().id(s), durable[s]});
                p.told.raise(s, durable[s]);
            }
        sort(w.durable);
        p.durable_sent = digest;
    }
    say(p, std::move(w), out);
}

void replication::offer(peer& p, actions& out) {
    if (p.congested || p.catching_until != instant{}) return;
    auto& known = space_.known();
    for (std::uint32_t s = 0; s < known.size(); ++s) {
        p.offered.raise(s, p.known[s]);
        if (shown(s) == known[s].number && known[s].number > p.offered[s]) return tell_heads(p, false, false, out);
    }
}

void replication::flush_heads(instant now, actions& out) {
    if (heads_due_ == instant{} || now < heads_due_) return;
    heads_due_ = {};
    for (auto& p : peers_) offer(p, out);
}

void replication::receive(peer_number from, space_message&& said, instant now, actions& out) {
    now_ = now;
    auto p = find(from);
    if (!p) return;
    std::visit([&](auto& w) { on(*p, w, now, out); }, said);
    flush_heads(now, out);
}

void replication::on(peer& p, word::digest& w, instant, actions& out) {
    p.synced = w.synced;
    if (holding() || w.heads != space_.known().digest()) return tell_heads(p, true, true, out);
    p.known = p.offered = space_.known().applied();
    p.heard = true, p.unknown_more = false;
    check_synced(p, out);
    if (w.durable != durable_digest(p) && !mutant("protocol_forgets_durable")) return tell_heads(p, true, true, out);
    say(p, word::same{durable_digest(), synced_}, out);
}

void replication::on(peer& p, word::same& w, instant, actions& out) {
    p.synced = w.synced;
    if (w.synced) become_synced(out);
    if (w.durable != durable_digest(p) && !mutant("protocol_forgets_durable")) tell_heads(p, true, true, out);
}

void replication::on(peer& p, word::heads& w, instant now, actions& out) {
    auto& known = space_.known();
    if (w.complete) p.known = {}, p.heard = true, p.unknown_more = false;
    p.synced = w.synced;
    for (auto& c : w.list) {
        auto slot = known.table().find(c.writer);
        if (slot == writers::none) {
            if (!avoided(p, c.writer)) p.unknown_more = true;
            continue;
        }
        p.known.raise(slot, c.number);
        if (known[slot].number != c.number) continue;
        if (known[slot].prior() != c.mark)
            conflict(&p, c.writer, c.number, out);
        else
            vouch(p, slot, c.writer, c.number, out);
    }
    if (w.complete) p.offered = p.known;
    raise_durable(p, w.durable, w.complete, out);
    if (w.reply) tell_heads(p, false, false, out, true);
    check_synced(p, out);
    if (lacks(p)) pull_from(p, now, out);
}

/// Enough that it is no witness; told again with the next whole list.
constexpr std::size_t unknown_runs_max = 64;

void replication::raise_durable(peer& p, id_vector const& v, bool exactly, actions& out) {
    auto it = holders_.find(p.node);
    if (it == holders_.end()) return;
    auto& h = it->second;
    auto before = h.durable;
    if (exactly) h.durable = {}, h.unknown_runs.clear();
    for (auto& x : v)
        if (auto slot = space_.known().table().find(x.writer); slot != writers::none)
            h.durable.raise(slot, x.number);
        else if (x.writer.node == own_.node && h.unknown_runs.size() < unknown_runs_max)
            h.unknown_runs.push_back(x);
    if (h.counted && !before.covers(h.durable)) out.emplace_back(event::copies_changed{});
}

void replication::on(peer& p, word::durable& w, instant, actions& out) { raise_durable(p, w.vector, false, out); }

/// Of those that have what we lack the one whose pulls bring most: who promises and never gives has its turn last.
replication::peer& replication::best_to_pull_from(peer& p) {
    auto best = &p;
    for (auto& q : peers_)
        if (q.fruitless < best->fruitless && !q.congested && now_ >= q.not_before && lacks(q)) best = &q;
    return *best;
}

void replication::pull_from(peer& asked, instant now, actions& out) {
    bool alone = in_.active && now < in_.begun + bounds_.state_alone;
    if (pull_.ticket || alone || now < asked.not_before || space_.full()) return;
    auto& p = mutant("protocol_pulls_from_who_never_answers") ? asked : best_to_pull_from(asked);
    pull_ = {p.number, ++last_request_, now + bounds_.pull_deadline};
    say(p, word::pull{pull_.ticket, have(p), bounds_.range_bytes}, out);
}

void replication::on(peer& p, word::range& w, instant now, actions& out) {
    bool asked = pull_.ticket && pull_.from == p.number && pull_.ticket == w.ticket;
    if (asked) pull_.ticket = 0;
    auto& known = space_.known();
    for (auto& x : w.basis)
        if (!avoided(p, x.writer) && known.of(x.writer).number < x.number) return; // computed for another state
    auto number = p.number;
    std::size_t progress = 0;
    for (auto& s : w.list) progress += take(&p, s, now, out).applied;
    auto again = find(number);
    if (!again || !asked) return;
    again->fruitless = progress ? 0 : again->fruitless + 1;
    if (!w.more && !space_.full()) again->unknown_more = false;
    check_synced(*again, out);
    if (!progress) return;
    if (w.more) return pull_from(*again, now, out);
    room(now, out);
}

void replication::room(instant now, actions& out) {
    now_ = now;
    for (auto& p : peers_)
        if (lacks(p)) return pull_from(p, now, out);
}

void replication::on(peer& p, word::push& w, instant now, actions& out) {
    auto done = take(&p, w.series, now, out);
    auto slot = space_.known().table().find(w.series.writer);
    if (slot == writers::none) {
        if (!avoided(p, w.series.writer)) p.unknown_more = true;
    } else {
        p.known.raise(slot, w.series.last());
    }
    if (done.stuck) pull_from(p, now, out);
}

void replication::check_synced(peer const& p, actions& out) {
    if (!synced_ && p.heard && p.synced && !lacks(p)) become_synced(out);
}

void replication::become_synced(actions& out) {
    if (std::exchange(synced_, true)) return;
    out.emplace_back(event::synced{});
}

void replication::tick(instant now, chance& random, actions& out) {
    now_ = now;
    expire(now, out);
    flush_heads(now, out);
    if (!started_) started_ = true, next_pull_ = now;
    if (now >= next_pull_) ask(now, random, out);
}

void replication::ask(instant now, chance& random, actions& out) {
    auto every = std::chrono::duration_cast<instant>(bounds_.pull_every);
    next_pull_ = now + every * 4 / 5 + instant(random.below(std::uint64_t(every.count()) * 2 / 5 + 1));
    // Nobody says that it is synced, as when all start together: then having heard everybody out will do.
    if (!synced_ && !peers_.empty() && now >= first_peer_ + every &&
        std::all_of(peers_.begin(), peers_.end(), [&](auto& p) { return p.heard && !lacks(p); }))
        become_synced(out);
    auto ready = std::count_if(peers_.begin(), peers_.end(), [](auto& p) { return !p.congested; });
    if (!ready) return;
    auto pick = random.below(std::uint64_t(ready));
    for (auto& p : peers_) {
        if (p.congested || pick--) continue;
        if (wanted_ && now >= p.not_before) return take_state_from(p, now, out);
        if (holding()) return tell_heads(p, true, true, out);
        return say(p, word::digest{space_.known().digest(), durable_digest(), synced_}, out);
    }
}

void replication::expire(instant now, actions& out) {
    if (pull_.ticket && now >= pull_.deadline && !mutant("protocol_waits_for_a_lost_range")) {
        if (auto p = find(pull_.from)) ++p->fruitless;
        pull_.ticket = 0;
    }
    if (in_.active && now >= in_.deadline) abandon(now);
    std::erase_if(serving_, [&](auto& t) { return now >= t.deadline && (end_transfer(t), true); });
    for (auto& p : peers_)
        if (p.catching_until != instant{} && now >= p.catching_until) {
            p.catching_until = {};
            offer(p, out);
        }
    // What waits so long waits for something that does not come this way.
    if (!waiting_.empty() && now >= waiting_since_ + 2 * bounds_.pull_deadline) forget_waiting();
}

instant replication::next_tick() const {
    auto next = next_pull_;
    auto sooner = [&](instant t) { next = std::min(next, t); };
    if (heads_due_ != instant{}) sooner(heads_due_);
    if (pull_.ticket) sooner(pull_.deadline);
    if (in_.active) sooner(in_.deadline);
    for (auto& p : peers_)
        if (p.catching_until != instant{}) sooner(p.catching_until);
    return next;
}

} // namespace dunlin
