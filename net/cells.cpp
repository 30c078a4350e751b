#include "cells.hpp"
#include "../crdt/mutant.hpp"
#include "../crdt/stamp.hpp"
#include <algorithm>

namespace dunlin {

namespace {
using when = std::pair<std::uint64_t, writer_id>;
when when_of(auto const& x) { return {x.stamp, x.writer}; }

/// The value comes last: a clone may say two under one stamp.
bool is_newer(cells::value const& a, cells::value const& b) {
    if (mutant("ephemeral_oldest_wins")) return when_of(a) < when_of(b);
    return std::tuple(a.stamp, a.writer, a.held, bytes_view(a.bytes)) > std::tuple(b.stamp, b.writer, b.held, bytes_view(b.bytes));
}
} // namespace

std::pair<std::uint64_t, std::uint64_t> cells::age(row const& r) {
    auto ages = r.known.held ? 0 : mutant("ephemeral_taken_back_goes_first") ? 1000 * gone_ages_ms : gone_ages_ms;
    auto heard = hybrid_clock::of(std::chrono::milliseconds(std::max<std::int64_t>(r.known.heard_ms - ages, 0)));
    auto said = r.known.stamp - std::min(r.known.stamp, hybrid_clock::of(std::chrono::milliseconds(ages)));
    return {std::min(said, heard), r.id};
}

bool cells::is_full(place const& for_one, value const& v) const {
    return rows_.size() >= bounds_.count || bytes_ + size_of(for_one, v) > bounds_.bytes;
}

cells::link* cells::find_link(peer_number p) {
    for (auto& l : links_)
        if (l.number == p) return &l;
    return nullptr;
}

void cells::peer_up(peer_number p, node_id const& node) {
    if (find_link(p) || links_.size() >= links_max) return;
    auto& l = links_.emplace_back();
    l.number = p, l.node = node;
    if (!mutant("ephemeral_not_told_to_late_link"))
        for (auto& [id, it] : by_id_) l.due.insert(l.due.end(), id);
    ++links_version_;
}

void cells::peer_down(peer_number p) {
    if (std::erase_if(links_, [&](auto& l) { return l.number == p; })) ++links_version_;
}

void cells::heard_from(peer_number p, word::cells const& w) {
    auto l = find_link(p);
    if (!l) return;
    active_ = l->speaks = true;
    if (w.tells_links) l->linked = w.links;
}

bool cells::take(cell&& c, peer_number from, std::int64_t now_ms, std::vector<place>& dropped) {
    active_ = true;
    value v{c.stamp, c.writer, c.held, std::move(c.value), now_ms};
    auto erase = c.field == erased ? rows_.end() : rows_.find(view{c.type, c.key, erased, {}});
    if (erase != rows_.end() && when_of(v) < when_of(erase->second.known)) {
        if (auto l = find_link(from)) l->due.insert(erase->second.id);
        return false;
    }
    if (auto it = rows_.find(view{c.type, c.key, c.field, c.below}); it != rows_.end() && !is_newer(v, it->second.known)) {
        auto l = find_link(from);
        if (l && is_newer(it->second.known, v)) l->due.insert(it->second.id);
        else if (l) l->due.erase(it->second.id), l->later.erase(it->second.id); // it has the same
        return false;
    }
    if (c.field == erased) drop_older({c.type, c.key, 0, {}}, v, dropped);
    place at{std::move(c.type), std::move(c.key), c.field, std::move(c.below)};
    // What is ahead of our clock has no age of its own: full tables would give it to each other round and round.
    bool ahead = from != here && c.stamp > hybrid_clock::of(std::chrono::milliseconds(now_ms) + hybrid_clock::ahead_max);
    if (ahead && is_full(at, v) && !rows_.contains(at)) return false;
    auto id = put(std::move(at), std::move(v), from);
    keep_bounds(dropped);
    return by_id_.contains(id); // what is older than all others of a full table is not kept
}

bool cells::erase(std::string_view type, std::string_view key, std::uint64_t stamp, writer_id const& by, std::int64_t now_ms, std::vector<place>& dropped) {
    value v{stamp, by, false, {}, now_ms};
    auto it = rows_.find(view{type, key, erased, {}});
    if (it != rows_.end() && when_of(v) <= when_of(it->second.known)) return false;
    drop_older({type, key, 0, {}}, v, dropped);
    auto id = put({std::string(type), std::string(key), erased, {}}, std::move(v), here);
    // The entry tells most; not who takes it as part of a state.
    for (auto& l : links_) l.due.erase(id), l.later.insert(id);
    keep_bounds(dropped);
    return true;
}

/// What the eraser has written since, in the same turn, stays.
void cells::drop_older(view of, value const& than, std::vector<place>& dropped) {
    if (mutant("ephemeral_outlives_its_object")) return;
    for (auto it = rows_.lower_bound(view{of.type, of.key, 1, {}}); it != rows_.end() && it->first.type == of.type && it->first.key == of.key;) {
        auto old = it++;
        if (when_of(old->second.known) < when_of(than)) dropped.push_back(old->first), drop(old);
    }
}

std::uint64_t cells::put(place&& at, value&& v, peer_number from) {
    auto [it, fresh] = rows_.try_emplace(std::move(at));
    auto& r = it->second;
    if (fresh)
        r.id = ++last_id_, by_id_.emplace_hint(by_id_.end(), r.id, it);
    else
        by_age_.erase(age(r)), bytes_ -= size_of(it->first, r.known);
    r.known = std::move(v);
    by_age_.insert(age(r)), bytes_ += size_of(it->first, r.known);
    pass_on(r.id, from);
    return r.id;
}

void cells::pass_on(std::uint64_t id, peer_number from) {
    auto source = find_link(from);
    for (auto& l : links_) {
        l.later.erase(id);
        if (&l == source) {
            l.due.erase(id);
            continue;
        }
        bool hears_it = source && std::binary_search(l.linked.begin(), l.linked.end(), source->node);
        if (hears_it && !l.due.contains(id)) l.later.insert(id);
        else if (!source || !mutant("ephemeral_is_not_passed_on")) l.due.insert(id);
    }
}

void cells::keep_bounds(std::vector<place>& dropped) {
    if (mutant("ephemeral_table_without_bound")) return;
    while (rows_.size() > bounds_.count || bytes_ > bounds_.bytes) {
        auto oldest = by_id_.at(by_age_.begin()->second);
        dropped.push_back(oldest->first);
        drop(oldest);
    }
}

void cells::drop(table::iterator it) {
    auto id = it->second.id;
    for (auto& l : links_) l.due.erase(id), l.later.erase(id);
    by_age_.erase(age(it->second)), by_id_.erase(id);
    bytes_ -= size_of(it->first, it->second.known);
    rows_.erase(it);
}

void cells::tick() {
    for (auto& l : links_) l.due.merge(l.later), l.later.clear();
}

std::vector<peer_number> cells::links() const {
    std::vector<peer_number> all;
    for (auto& l : links_) all.push_back(l.number);
    return all;
}

std::vector<peer_number> cells::wanting() {
    std::vector<peer_number> all;
    for (auto& l : links_)
        if (!l.asked && (hears_of_links(l) || (l.speaks && !l.due.empty()))) l.asked = true, all.push_back(l.number);
    return all;
}

std::optional<word::cells> cells::next(peer_number p) {
    auto l = find_link(p);
    if (!l) return std::nullopt;
    l->asked = false;
    word::cells w;
    if ((w.tells_links = hears_of_links(*l))) {
        l->told_links = links_version_;
        for (auto& other : links_)
            if (w.links.size() < wire_bounds::cell_links_max) w.links.push_back(other.node);
        std::sort(w.links.begin(), w.links.end());
        w.links.erase(std::unique(w.links.begin(), w.links.end()), w.links.end());
    }
    std::size_t bytes = 0;
    while (l->speaks && !l->due.empty() && w.list.size() < wire_bounds::cells_max && bytes < bounds_.frame_bytes) {
        auto at = l->due.upper_bound(l->after);
        if (at == l->due.end()) at = l->due.begin();
        l->after = *at;
        auto& [of, its] = *by_id_.at(*at);
        l->due.erase(at);
        auto& v = its.known;
        w.list.push_back({of.type, of.key, of.field, v.stamp, v.writer, v.held, v.bytes, of.below});
        bytes += of.type.size() + of.key.size() + of.below.size() + v.bytes.size() + 24;
    }
    if (!w.tells_links && w.list.empty()) return std::nullopt;
    return w;
}

cells::value const* cells::find(std::string_view type, std::string_view key, std::uint32_t field, std::string_view below) const {
    auto it = rows_.find(view{type, key, field, below});
    return it == rows_.end() ? nullptr : &it->second.known;
}

bool cells::knows(std::string_view type, std::string_view key) const {
    auto it = rows_.lower_bound(view{type, key, 0, {}});
    return it != rows_.end() && it->first.type == type && it->first.key == key;
}

std::size_t cells::due(peer_number p) const {
    for (auto& l : links_)
        if (l.number == p) return l.due.size() + l.later.size();
    return 0;
}

} // namespace dunlin
