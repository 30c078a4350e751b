// Specifications: what each type means, as a function from the visible operations and what happened before what.
//
// Written from the words of the design and of docs/types.md; of crdt/ nothing is used. An operation is visible
// at a replica once it has seen it; `before(a, b)` says that b was done by somebody who had seen a.
#pragma once
#include <dunlin/lib/sim/play.hpp>
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace spec {

using path = std::vector<std::string>; // field, keys from the outside in; of a set, the element last

using dunlin::sim::rig::moment;

struct operation {
    enum what_is { add, enable, insert, write, erase, unsay };
    what_is what;
    path at;
    std::int64_t amount = 0;
    std::string value = {};
    std::uint64_t clock = 0; // of the turn
    unsigned turn = 0;
};

struct history {
    std::vector<operation> all;
    std::vector<moment> past;
    mutable std::map<std::size_t, std::uint64_t> stamps; // of writes, once worked out
    mutable std::map<std::size_t, bool> beyond;          // of what is said of a maximum, likewise
    bool before(std::size_t a, std::size_t b) const { return past[b].has(a); }
};

inline bool begins(path const& whole, path const& with) {
    return with.size() <= whole.size() && std::equal(with.begin(), with.end(), whole.begin());
}

/// Visible operations that are no erase and that no visible erase of their place, or of a place above, has seen.
inline std::vector<std::size_t> standing(history const& h, moment const& seen) {
    std::vector<std::size_t> erases, stand;
    for (std::size_t o = 0; o < h.all.size(); ++o)
        if (seen.has(o) && h.all[o].what == operation::erase) erases.push_back(o);
    for (std::size_t o = 0; o < h.all.size(); ++o)
        if (seen.has(o) && h.all[o].what != operation::erase && std::none_of(erases.begin(), erases.end(), [&](auto e) {
                return h.before(o, e) && begins(h.all[o].at, h.all[e].at);
            }))
            stand.push_back(o);
    return stand;
}

/// Counter: the sum of all visible additions that no visible reset has seen.
inline std::int64_t counter(history const& h, moment const& seen) {
    std::int64_t sum = 0;
    for (auto o : standing(h, seen)) sum += h.all[o].amount;
    return sum;
}

/// Flag: on if there is a visible enable that no visible disable has seen.
inline bool flag(history const& h, moment const& seen) { return !standing(h, seen).empty(); }

/// Set: an element is in if there is a visible insert of it that no visible erase or clear has seen.
inline std::set<std::string> set(history const& h, moment const& seen) {
    std::set<std::string> in;
    for (auto o : standing(h, seen)) in.insert(h.all[o].at.back());
    return in;
}

/// The writes of a register that no visible erase and no other visible write has seen.
inline std::vector<std::size_t> siblings(history const& h, moment const& seen, path const& at) {
    std::vector<std::size_t> writes, left;
    for (auto o : standing(h, seen))
        if (h.all[o].what == operation::write && h.all[o].at == at) writes.push_back(o);
    for (auto o : writes)
        if (std::none_of(writes.begin(), writes.end(), [&](auto w) { return h.before(o, w); })) left.push_back(o);
    return left;
}

/// The operations at this place that no visible one there, and no forgetting of it, has seen: what a disable-wins flag and
/// an element of a remove-wins set go by. An operation is an enable, a disable, an insert or an `unsay` (an erase of the
/// element that is itself an operation); `erase` forgets.
inline std::vector<std::size_t> last_words(history const& h, moment const& seen, path const& at) {
    std::vector<std::size_t> here, left;
    for (auto o : standing(h, seen))
        if (h.all[o].at == at) here.push_back(o);
    for (auto o : here)
        if (std::none_of(here.begin(), here.end(), [&](auto w) { return h.before(o, w); })) left.push_back(o);
    return left;
}

/// Disable-wins flag: on if somebody has had the last word and nobody's last word is a disable.
inline bool disable_wins(history const& h, moment const& seen, path const& at = {}) {
    auto last = last_words(h, seen, at);
    return !last.empty() && std::none_of(last.begin(), last.end(), [&](auto o) { return h.all[o].what == operation::unsay; });
}

/// Remove-wins set: the same for each element.
inline std::set<std::string> remove_wins(history const& h, moment const& seen) {
    std::set<std::string> in;
    for (auto o : standing(h, seen))
        if (disable_wins(h, seen, h.all[o].at)) in.insert(h.all[o].at.back());
    return in;
}

/// Multi-value register: all writes that nobody has overwritten.
inline std::set<std::string> values(history const& h, moment const& seen) {
    std::set<std::string> all;
    for (auto o : siblings(h, seen, {})) all.insert(h.all[o].value);
    return all;
}

/// Maximum: what was said and not taken away by a reset; the greatest is shown. What does not exceed what its author saw
/// was not said. `least`: the minimum.
inline std::set<std::int64_t> said(history const& h, moment const& seen, bool least) {
    std::set<std::int64_t> all;
    for (auto o : standing(h, seen)) {
        auto known = h.beyond.find(o);
        if (known == h.beyond.end()) {
            auto held = said(h, h.past[o], least);
            auto n = h.all[o].amount;
            known = h.beyond.emplace(o, held.empty() || (least ? n < *held.begin() : n > *held.rbegin())).first;
        }
        if (known->second) all.insert(h.all[o].amount);
    }
    return all;
}

/// A stamp: the turn's clock, or one more than the greatest stamp that the register held when the turn began.
inline std::uint64_t stamp(history const& h, std::size_t write) {
    if (auto known = h.stamps.find(write); known != h.stamps.end()) return known->second;
    moment before;
    for (std::size_t o = 0; o < write; ++o)
        if (h.before(o, write) && h.all[o].turn != h.all[write].turn) before.add(o);
    auto s = h.all[write].clock;
    for (auto o : siblings(h, before, h.all[write].at)) {
        auto held = stamp(h, o);
        s = std::max(s, held == ~std::uint64_t(0) ? held : held + 1);
    }
    return h.stamps[write] = s;
}

/// Latest: of the writes that nobody has overwritten, the one with the greatest stamp, then the greatest value.
inline std::string latest(history const& h, moment const& seen, path const& at = {}) {
    std::pair<std::uint64_t, std::string> greatest;
    for (auto o : siblings(h, seen, at)) greatest = std::max(greatest, {stamp(h, o), h.all[o].value});
    return greatest.second;
}

/// Map, and struct: a place shows what stands at it; a key is there while something below it stands. Additions of one
/// turn that cancel each other are no addition.
inline std::map<path, std::string> map(history const& h, moment const& seen) {
    std::map<path, std::string> shown;
    std::map<path, std::int64_t> sums;
    std::map<std::pair<path, unsigned>, std::int64_t> of_turn;
    auto stand = standing(h, seen);
    for (auto o : stand)
        if (h.all[o].what == operation::add) of_turn[{h.all[o].at, h.all[o].turn}] += h.all[o].amount;
    for (auto& [place, sum] : of_turn)
        if (sum) sums[place.first] += sum;
    for (auto& [place, sum] : sums) shown[place] = std::to_string(sum);
    for (auto o : stand) {
        auto& op = h.all[o];
        if (op.what == operation::enable) shown[op.at] = "on";
        if (op.what == operation::insert) shown[op.at] = "in";
        if (op.what == operation::write) shown[op.at] = latest(h, seen, op.at);
    }
    return shown;
}

} // namespace spec
