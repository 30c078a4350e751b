#include "peers.hpp"
#include <algorithm>

namespace dunlin {

using std::chrono::nanoseconds;

peers::place* peers::at(std::string const& address, source from) {
    if (address.empty() || address.size() > wire_bounds::address_max) return nullptr;
    auto it = places_.find(address);
    if (it == places_.end()) {
        if (from == source::learned && places_.size() >= bounds_.addresses) return nullptr;
        it = places_.try_emplace(address).first;
    }
    it->second.from = std::max(it->second.from, from);
    return &it->second;
}

void peers::seed(std::string const& address) { (void)at(address, source::seed); }

void peers::own_address(std::string const& address) {
    if (auto p = at(address, source::seed)) p->own = true;
}

bool peers::learn(known_peer const& k, source from) {
    if (k.node == own_) return false;
    bool fresh = false;
    std::size_t of_node = 0;
    for (auto& [address, p] : places_) of_node += p.node == k.node;
    for (auto& address : k.addresses) {
        auto known = places_.contains(address);
        if (!known && of_node >= wire_bounds::addresses_max) continue;
        auto p = at(address, from);
        if (!p) continue;
        fresh |= !known || p->node != k.node;
        of_node += !known;
        p->node = k.node;
    }
    if (names_.size() < bounds_.addresses || names_.contains(k.node))
        if (!k.name.empty()) names_[k.node] = k.name;
    return fresh;
}

void peers::forget(node_id const& n) {
    names_.erase(n);
    for (auto it = places_.begin(); it != places_.end();) {
        auto& p = it->second;
        bool gone = p.node == n && !p.dialling && !p.own && p.from != source::seed;
        if (p.node == n && p.from == source::seed) p.node.reset();
        it = gone ? places_.erase(it) : std::next(it);
    }
}

/// A node has one dial at a time, however many addresses it has.
std::vector<node_id> peers::dialled() const {
    std::vector<node_id> nodes;
    for (auto& [address, p] : places_)
        if (p.dialling && p.node) nodes.push_back(*p.node);
    return nodes;
}

bool peers::wanted(place const& p, std::vector<node_id> const& dialled) const {
    if (p.own || p.dialling) return false;
    if (!p.node) return true;
    return *p.node != own_ && !links_.contains(*p.node) && std::ranges::find(dialled, *p.node) == dialled.end();
}

/// Goes round, so that an address that fails at once does not keep the others waiting.
std::string peers::next_dial(nanoseconds now) {
    if (dialling_ >= bounds_.dials || links_.size() >= bounds_.links || places_.empty()) return {};
    auto under_way = dialled();
    auto it = places_.upper_bound(last_dialled_);
    for (auto n = places_.size(); n--; ++it) {
        if (it == places_.end()) it = places_.begin();
        auto& p = it->second;
        if (!wanted(p, under_way) || p.due > now) continue;
        p.dialling = true, ++dialling_;
        return last_dialled_ = it->first;
    }
    return {};
}

nanoseconds peers::next_due(nanoseconds now) const {
    auto next = nanoseconds::max();
    if (dialling_ >= bounds_.dials || links_.size() >= bounds_.links) return next;
    auto under_way = dialled();
    for (auto& [address, p] : places_)
        if (wanted(p, under_way)) next = std::min(next, std::max(p.due, now));
    return next;
}

void peers::rest(place& p, nanoseconds now, chance& random) const {
    nanoseconds most = bounds_.back_off_most, wait = bounds_.back_off_least;
    wait = p.failures > 20 ? most : std::min(most, wait * (std::int64_t(1) << p.failures));
    p.due = now + wait / 2 + nanoseconds(random.below(std::uint64_t(wait.count() / 2) + 1));
}

void peers::failed(std::string const& address, nanoseconds now, chance& random, bool hopeless) {
    auto it = places_.find(address);
    if (it == places_.end()) return;
    auto& p = it->second;
    if (std::exchange(p.dialling, false)) --dialling_;
    if (hopeless) p.failures = 20;
    rest(p, now, random);
    ++p.failures;
    if (p.from == source::learned && p.failures >= bounds_.failures) places_.erase(it);
}

peers::verdict peers::linked(link_number link, node_id const& node, std::string const& dialled, nanoseconds now,
                             std::optional<link_number>& replaced) {
    replaced.reset();
    if (!dialled.empty())
        if (auto it = places_.find(dialled); it != places_.end()) {
            auto& p = it->second;
            if (std::exchange(p.dialling, false)) --dialling_;
            p.node = node, p.due = now, p.own = node == own_;
        }
    if (node == own_) return verdict::drop;
    pair fresh{link, !dialled.empty(), now};
    auto it = links_.find(node);
    if (it == links_.end()) {
        if (links_.size() >= 2 * bounds_.links) return verdict::drop;
        links_.emplace(node, fresh);
        return verdict::keep;
    }
    auto& old = it->second;
    bool race = now - old.since < bounds_.race;
    if (race && preferred(old, node) && !preferred(fresh, node)) return verdict::drop;
    replaced = old.link;
    old = fresh;
    return verdict::keep;
}

void peers::unlinked(link_number link, nanoseconds now, chance& random) {
    for (auto it = links_.begin(); it != links_.end(); ++it) {
        if (it->second.link != link) continue;
        // A link that ends at once is as good as none: the next attempt waits longer.
        bool lasted = now - it->second.since >= bounds_.race;
        for (auto& [address, p] : places_) {
            if (p.node != it->first) continue;
            if (lasted) p.failures = 0;
            rest(p, now, random);
            ++p.failures;
        }
        links_.erase(it);
        return;
    }
}

std::vector<known_peer> peers::known() const {
    std::map<node_id, known_peer> list;
    for (auto& [address, p] : places_) {
        if (!p.node || p.own || *p.node == own_) continue;
        auto& k = list[*p.node];
        k.node = *p.node;
        if (auto it = names_.find(*p.node); it != names_.end()) k.name = it->second;
        if (k.addresses.size() < wire_bounds::addresses_max) k.addresses.push_back(address);
    }
    std::vector<known_peer> all;
    for (auto& [id, k] : list)
        if (all.size() < wire_bounds::peers_max) all.push_back(std::move(k));
    return all;
}

} // namespace dunlin
