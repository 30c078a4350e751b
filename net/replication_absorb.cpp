// What comes in: series that connect, wait, or do not fit; and whole states.
#include "../crdt/mutant.hpp"
#include "replication.hpp"
#include <algorithm>

namespace dunlin {

namespace {
constexpr std::size_t suspects_max = 64; // of a peer
}

replication::absorbed replication::take(peer* from, series const& s, instant now, actions& out) {
    auto done = walk(from, s, now, out);
    if (done.applied && !waiting_.empty()) drain(now, out);
    return done;
}

/// Applies what connects; what is missing something waits. From nobody (`from` null): out of the buffer.
replication::absorbed replication::walk(peer* from, series const& s, instant now, actions& out) {
    absorbed done;
    auto& known = space_.known();
    auto number = [&] { return known.of(s.writer).number; };
    if (frozen_.contains(s.writer) || (from && from->suspects.contains(s.writer))) return done;
    if (s.last() < number()) return done;
    if (s.writer == own_ && s.last() > number() && !mutant("protocol_takes_its_own_entries_from_others")) {
        if (from && from->suspects.size() < suspects_max && from->suspects.insert(own_).second)
            out.emplace_back(event::own_forged{from->number, s.last()});
        return done;
    }
    if (s.first > number() + 1) {
        wait(series(s), now);
        return done.stuck = true, done;
    }
    series_cursor at(s);
    for (auto prior = s.prior; at.next();) {
        auto e = at.entry();
        auto head = number();
        if (e.number <= head) { // ours already: walked only for its hash
            prior = prior_of(entry_hash(prior, e.writer, e.number, e.stamp, e.body));
            if (e.number < head) continue;
            if (prior != known.of(e.writer).prior()) return conflict(from, e.writer, e.number, out), done;
            if (from) vouch(*from, known.table().find(e.writer), e.writer, e.number, out);
            continue;
        }
        if (space_.full() && !mutant("protocol_takes_in_when_full")) return done; // pulled when there is room
        if (!body_.read(e.body)) return refuse(from, e.writer, e.number, out), done;
        switch (known.check(e, body_, prior)) {
        case verdict::connects:
            break;
        case verdict::forked:
            return conflict(from, e.writer, e.number - 1, out), done;
        case verdict::missing:
            return wait(at.remainder(prior), now), done.stuck = true, done;
        default:
            return refuse(from, e.writer, e.number, out), done;
        }
        if (!space_.absorb(e, body_)) return refuse(from, e.writer, e.number, out), done;
        auto slot = known.table().find(e.writer);
        applied(from, slot, e, now);
        ++done.applied;
        prior = known[slot].prior();
    }
    return done;
}

void replication::applied(peer* from, std::uint32_t slot, entry const& e, instant now) {
    if (heads_due_ == instant{}) heads_due_ = now + bounds_.heads_every;
    if (from) {
        from->known.raise(slot, e.number), from->offered.raise(slot, e.number);
        owe(*from, slot);
        if (from->node == e.writer.node) vouched_[slot] = e.number;
    }
    // All runs of a node are owed to it: what it is told of them is as of one moment, and rights of bounded counters rest on it.
    for (auto& p : peers_)
        if (p.node == e.writer.node && !mutant("protocol_tells_one_run_of_a_node")) owe(p, slot);
}

void replication::owe(peer& p, std::uint32_t slot) {
    if (slot >= p.owes.size()) p.owes.resize(slot + 1);
    if (p.owes[slot]) return;
    p.owes[slot] = true;
    p.owed.push_back(slot);
}

void replication::wait(series&& s, instant now) {
    auto [it, fresh] = waiting_.try_emplace({s.writer, s.first});
    if (!fresh && it->second.count >= s.count) return;
    auto entries = waiting_entries_ + s.count - it->second.count;
    auto bytes = waiting_bytes_ + s.size() - (fresh ? 0 : it->second.size());
    if ((entries > bounds_.buffer_entries || bytes > bounds_.buffer_bytes) &&
        !mutant("protocol_buffers_without_bound")) {
        if (fresh) waiting_.erase(it);
        return; // a pull will bring it
    }
    if (waiting_entries_ == 0) waiting_since_ = now;
    waiting_entries_ = entries, waiting_bytes_ = bytes;
    it->second = std::move(s);
}

void replication::drain(instant now, actions& out) {
    bool progress = true;
    while (progress) {
        progress = false;
        for (auto it = waiting_.begin(); it != waiting_.end() && !space_.full();) {
            auto number = space_.known().of(it->second.writer).number;
            if (it->second.first > number + 1) {
                ++it;
                continue;
            }
            auto s = std::move(it->second);
            waiting_entries_ -= s.count, waiting_bytes_ -= s.size();
            waiting_.erase(it);
            auto done = walk(nullptr, s, now, out);
            progress |= done.applied > 0;
            // What is still stuck has gone back in under its new first number, which is not before this one.
            it = waiting_.upper_bound({s.writer, done.applied ? s.last() : s.first});
        }
    }
    if (waiting_.empty()) forget_waiting();
}

void replication::forget_waiting() { waiting_.clear(), waiting_entries_ = 0, waiting_bytes_ = 0; }

void replication::vouch(peer const& p, std::uint32_t slot, writer_id const& w, std::uint64_t number, actions& out) {
    if (p.node != w.node) return;
    vouched_[slot] = std::max(vouched_[slot], number);
    if (auto it = accused_.find(slot); it != accused_.end() && it->second <= number) prove(w, it->second, out);
}

/// The entry of that number that was heard is not ours.
void replication::conflict(peer* p, writer_id const& w, std::uint64_t number, actions& out) {
    if (!p || frozen_.contains(w)) return;
    auto slot = space_.known().table().find(w);
    if (p->node == w.node || mutant("protocol_freezes_on_hearsay")) {
        auto it = vouched_.find(slot);
        if (it != vouched_.end() && number <= it->second) return prove(w, number, out);
        accused_[slot] = number;
    }
    if (p->suspects.size() < suspects_max && p->suspects.insert(w).second)
        out.emplace_back(event::fork_alarm{p->number, w, number});
}

void replication::prove(writer_id const& w, std::uint64_t number, actions& out) {
    if (frozen_.insert(w).second) out.emplace_back(event::fork_proved{w, number});
}

void replication::refuse(peer* p, writer_id const& w, std::uint64_t number, actions& out) {
    if (!p || (p->suspects.size() < suspects_max && p->suspects.insert(w).second))
        out.emplace_back(event::entry_refused{p ? p->number : 0, w, number});
}

void replication::on(peer& p, word::behind& w, instant now, actions& out) {
    if (!pull_.ticket || pull_.from != p.number || pull_.ticket != w.ticket) return;
    pull_.ticket = 0;
    take_state_from(p, now, out);
}

void replication::take_state_from(peer& p, instant now, actions& out) {
    if (in_.active && (in_.from == p.number || !drags())) return;
    if (in_.active) abandon(now);
    in_ = {};
    in_.active = true, in_.from = p.number, in_.deadline = now + bounds_.state_deadline, in_.begun = now;
    // The cursor comes back with the first piece: one of a transfer that was given up is not taken for this one's.
    encoder which;
    which.u(++last_request_);
    if (!mutant("protocol_takes_a_late_first_piece")) in_.next = which.take();
    say(p, word::state_pull{0, in_.next}, out);
}

void replication::on(peer& p, word::state_chunk& w, instant now, actions&) {
    if (!in_.active || in_.staging || in_.from != p.number || !w.token) return;
    if ((in_.token && in_.token != w.token) || (in_.next != w.cursor && !mutant("protocol_takes_a_late_chunk"))) return;
    in_.staging = true, in_.token = w.token, in_.next = std::move(w.next), in_.last = w.last;
    in_.deadline = now + bounds_.state_deadline, in_.bytes += w.bytes.size();
    space_.stage_state(std::move(w.bytes));
}

/// So slow that another peer's state is worth more.
bool replication::drags() const {
    auto took = now_ - in_.begun;
    return !in_.last && took > bounds_.state_alone &&
           in_.bytes < std::uint64_t(std::chrono::duration_cast<std::chrono::seconds>(took).count()) * bounds_.state_bytes_s;
}

void replication::state_staged(bool ok, instant now, actions& out) {
    if (!in_.active || !in_.staging) return;
    if (!ok) return abandon(now);
    in_.deadline = now + bounds_.state_deadline;
    if (in_.last) return space_.finish_state(); // staging stays set: no chunk is welcome any more
    in_.staging = false;
    if (auto p = find(in_.from)) say(*p, word::state_pull{in_.token, in_.next}, out);
}

void replication::state_finished(bool ok, instant now, actions& out) {
    if (!in_.active) return;
    auto from = find(in_.from);
    in_ = {};
    if (!ok) {
        if (from) from->not_before = now + bounds_.state_deadline;
        return;
    }
    wanted_ = false;
    if (!mutant("protocol_lets_wait_after_a_state")) drain(now, out);
    for (auto& p : peers_) {
        p.unknown_more = false;
        space_.known().table().each_run(p.node, [&](std::uint32_t slot) { owe(p, slot); });
    }
    if (from) tell_heads(*from, true, true, out); // whose answer names what came since
    heads_due_ = heads_due_ == instant{} ? now : std::min(heads_due_, now);
    flush_heads(now, out);
}

void replication::abandon(instant now) {
    if (!in_.active) return;
    if (auto p = find(in_.from)) p->not_before = now + bounds_.pull_every;
    in_ = {};
    space_.abandon_state();
}

void replication::on(peer& p, word::busy& w, instant now, actions&) {
    bool pull = w.ticket && pull_.ticket == w.ticket && pull_.from == p.number;
    bool state = !w.ticket && in_.active && !in_.staging && in_.from == p.number;
    if (!pull && !state) return;
    if (pull) pull_.ticket = 0;
    if (state) abandon(now);
    p.not_before = now + std::min<instant>(w.retry_after, std::chrono::seconds(30));
}

} // namespace dunlin
