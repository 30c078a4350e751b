// What goes out when asked for: ranges of the log, and states.
#include "../crdt/mutant.hpp"
#include "replication.hpp"
#include <algorithm>

namespace dunlin {

void replication::on(peer& p, word::pull& w, instant, actions& out) {
    auto reading = std::count_if(peers_.begin(), peers_.end(), [](auto& x) { return x.reading != 0; });
    if (p.reading || std::size_t(reading) >= bounds_.reads)
        return say(p, word::busy{w.ticket, std::chrono::milliseconds(200)}, out);
    auto& known = space_.known();
    p.known = {};
    for (auto& x : w.have)
        if (auto slot = known.table().find(x.writer); slot != writers::none) // the greatest number: "no more of these"
            p.known.raise(slot, x.number == dot::number_max ? known[slot].number : x.number);
    p.offered.join(p.known);
    auto& floor = space_.floor();
    word::behind b;
    bool behind = false;
    for (std::uint32_t s = 0; s < floor.size(); ++s)
        if (floor[s]) {
            b.floor.push_back({known.table().id(s), floor[s]});
            behind |= p.known[s] < floor[s];
        }
    if (behind) {
        std::sort(b.floor.begin(), b.floor.end());
        if (b.floor.size() > wire_bounds::vector_max) b.floor.resize(wire_bounds::vector_max);
        b.ticket = w.ticket;
        return say(p, std::move(b), out);
    }
    p.reading = ++last_request_;
    p.pulled = std::move(w);
    auto request = p.reading;
    auto asked = p.pulled.have;
    space_.read_log(request, asked, std::size_t(std::min<std::uint64_t>(p.pulled.budget_bytes, bounds_.range_bytes)));
}

void replication::log_read(std::uint64_t request, log_range&& read, instant now, actions& out) {
    auto it = std::find_if(peers_.begin(), peers_.end(), [&](auto& x) { return x.reading == request; });
    if (!request || it == peers_.end()) return;
    auto& p = *it;
    p.reading = 0;
    if (read.behind) return say(p, word::behind{p.pulled.ticket, {}}, out);
    word::range r{p.pulled.ticket, std::move(p.pulled.have), {}, read.more};
    for (auto& s : read.list) {
        if (r.list.size() == wire_bounds::series_max) {
            r.more = true;
            break;
        }
        // Ours that may not be seen yet, and whatever comes after it, stays here.
        if (holding() && s.writer == own_ && s.last() > shown_own_ && !mutant("protocol_serves_held_entries")) break;
        if (auto slot = space_.known().table().find(s.writer); slot != writers::none)
            p.known.raise(slot, s.last()), p.offered.raise(slot, s.last());
        r.list.push_back(std::move(s));
    }
    p.catching_until = r.more ? now + bounds_.pull_deadline : instant{};
    say(p, std::move(r), out);
    offer(p, out); // what it missed of pushes while it caught up
}

void replication::end_transfer(transfer_out& t) {
    if (auto token = std::exchange(t.token, 0)) space_.drop_state(token);
}

void replication::on(peer& p, word::state_pull& w, instant now, actions& out) {
    auto it = std::find_if(serving_.begin(), serving_.end(), [&](auto& t) { return t.to == p.number; });
    if (it == serving_.end()) {
        auto most = bounds_.transfers - (p.counted ? 0 : 1);
        if (serving_.size() >= most || holding())
            return say(p, word::busy{0, std::chrono::milliseconds(holding() ? 100 : 1000)}, out);
        it = serving_.insert(it, transfer_out{p.number, 0, 0, {}, {}});
    }
    if (it->request) return; // one piece at a time
    if (!w.token) end_transfer(*it); // it begins again: the one before is nobody's
    it->request = ++last_request_;
    it->cursor = w.cursor;
    it->deadline = now + 3 * bounds_.state_deadline;
    auto request = it->request;
    space_.read_state(request, w.token, w.token ? w.cursor : std::string());
}

void replication::state_read(std::uint64_t request, state_piece&& piece, instant now, actions& out) {
    auto it = std::find_if(serving_.begin(), serving_.end(), [&](auto& t) { return t.request == request; });
    if (!request || it == serving_.end()) return;
    it->request = 0, it->deadline = now + 3 * bounds_.state_deadline;
    if (piece.token) it->token = piece.token;
    auto p = find(it->to);
    auto cursor = std::move(it->cursor);
    piece.gone = piece.gone || holding(); // it may have what nobody may see yet
    if (piece.last || piece.gone) end_transfer(*it), serving_.erase(it);
    if (!p) return;
    if (piece.gone) return say(*p, word::busy{0, std::chrono::milliseconds(holding() ? 100 : 0)}, out);
    say(*p,
        word::state_chunk{piece.token, std::move(cursor), std::move(piece.bytes), std::move(piece.next), piece.last},
        out);
}

} // namespace dunlin
