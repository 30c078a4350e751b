#include "heads.hpp"
#include "../crdt/mutant.hpp"
#include <algorithm>
#include <numeric>

namespace dunlin {

std::uint64_t sparse_vector::operator[](std::uint32_t slot) const {
    auto it = std::lower_bound(items_.begin(), items_.end(), item(slot, 0));
    return it != items_.end() && it->first == slot ? it->second : 0;
}

void sparse_vector::raise(std::vector<item> more) {
    std::sort(more.begin(), more.end());
    auto known = std::ptrdiff_t(items_.size());
    for (auto& m : more) {
        auto end = items_.begin() + known;
        auto it = std::lower_bound(items_.begin(), end, item(m.first, 0));
        if (it != end && it->first == m.first)
            it->second = std::max(it->second, m.second);
        else if (std::ptrdiff_t(items_.size()) > known && items_.back().first == m.first)
            items_.back().second = m.second; // sorted: the later one is not less
        else
            items_.push_back(m);
    }
    std::inplace_merge(items_.begin(), items_.begin() + known, items_.end());
}

verdict heads::check(entry const& e, entry_body const& body, std::uint64_t prior) const {
    auto slot = table_.find(e.writer);
    auto& h = (*this)[slot];
    if (e.number <= h.number) return verdict::stale;
    if (e.number != h.number + 1) return verdict::gap;
    if (prior != h.prior() && !mutant("protocol_splices_branches")) return verdict::forked;
    if (h.number && (e.stamp < h.stamp || e.stamp - h.stamp != body.stamp_step)) return verdict::refused;
    for (auto& d : body.dependencies) {
        auto s = table_.find(body.writers[d.writer - 1]);
        if ((s == writers::none || applied_[s] < d.number) && !mutant("protocol_skips_dependencies"))
            return verdict::missing;
    }
    return verdict::connects;
}

bool heads::has_room(entry const& e, entry_body const& body) const {
    if (table_.size() + body.writers.size() < writers::foreign_max) return true;
    auto all = body.writers;
    all.push_back(e.writer);
    return table_.has_room(all);
}

std::uint32_t heads::advance(entry const& e, entry_body const& body) {
    if (!has_room(e, body)) return writers::none;
    auto slot = table_.intern(e.writer);
    if (slot >= heads_.size()) heads_.resize(slot + 1);
    auto& h = heads_[slot];
    auto prior = h.prior();
    h.hash = entry_hash(prior, e.writer, e.number, e.stamp, e.body);
    h.number = e.number, h.stamp = e.stamp;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> more;
    more.reserve(body.dependencies.size());
    for (auto& d : body.dependencies) more.emplace_back(table_.intern(body.writers[d.writer - 1]), d.number);
    if (!more.empty()) h.dependencies.raise(std::move(more));
    digest_ += h.prior() - prior;
    applied_.raise(slot, e.number);
    return slot;
}

void heads::adopt(std::uint32_t slot, head h) {
    if (slot >= heads_.size()) heads_.resize(slot + 1);
    if (h.number <= heads_[slot].number) return;
    digest_ += h.prior() - heads_[slot].prior();
    applied_.raise(slot, h.number);
    heads_[slot] = std::move(h);
}

void heads::write(encoder& out) const {
    std::vector<std::uint32_t> order, place(table_.size(), writers::none);
    for (std::uint32_t s = 0; s < heads_.size(); ++s)
        if (heads_[s].number) order.push_back(s);
    auto by_id = [&](auto a, auto b) { return table_.id(a) < table_.id(b); };
    std::sort(order.begin(), order.end(), by_id);
    auto known = order.size();
    for (std::size_t i = 0; i < known; ++i) place[order[i]] = std::uint32_t(i);
    for (std::size_t i = 0; i < known; ++i)
        for (auto& [s, n] : heads_[order[i]].dependencies)
            if (place[s] == writers::none) place[s] = 0, order.push_back(s);
    std::sort(order.begin() + std::ptrdiff_t(known), order.end(), by_id);
    for (std::size_t i = known; i < order.size(); ++i) place[order[i]] = std::uint32_t(i);

    out.u(order.size() - known);
    for (std::size_t i = known; i < order.size(); ++i) write_writer(out, table_.id(order[i]));
    out.u(known);
    std::vector<std::pair<std::uint32_t, std::uint64_t>> depends;
    for (std::size_t i = 0; i < known; ++i) {
        auto& h = heads_[order[i]];
        write_writer(out, table_.id(order[i]));
        out.u(h.number), out.u(h.stamp), write_hash(out, h.hash);
        depends.clear();
        for (auto& [s, n] : h.dependencies) depends.push_back({place[s], n});
        std::sort(depends.begin(), depends.end());
        out.u(depends.size());
        for (auto& [index, number] : depends) out.u(index), out.u(number);
    }
}

bool heads::read(decoder& in, std::size_t writers_most) {
    struct item {
        writer_id writer;
        head h;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> depends;
    };
    auto others_count = in.count(24);
    std::vector<writer_id> others;
    for (auto n = others_count; n--;) others.push_back(read_writer(in));
    auto known = in.count(24 + 1 + 1 + 16 + 1);
    std::vector<item> items;
    for (auto n = known; n-- && in.ok();) {
        auto& x = items.emplace_back();
        x.writer = read_writer(in);
        x.h.number = in.u(), x.h.stamp = in.u(), x.h.hash = read_hash(in);
        if (!x.h.number || x.h.number > dot::number_max) return false;
        if (items.size() > 1 && !(items[items.size() - 2].writer < x.writer)) return false;
        for (auto m = in.count(2); m-- && in.ok();) {
            auto index = in.u(), number = in.u();
            if (index >= known + others_count || !number || number > dot::number_max) return false;
            if (!x.depends.empty() && index <= x.depends.back().first) return false;
            x.depends.push_back({index, number});
        }
    }
    auto all = others;
    for (auto& x : items) all.push_back(x.writer);
    if (!in.ok() || !table_.has_room(all, writers_most)) return false;
    std::vector<std::uint32_t> slots;
    for (auto& x : items) slots.push_back(table_.intern(x.writer));
    for (auto& w : others) slots.push_back(table_.intern(w));
    for (std::size_t i = 0; i < items.size(); ++i) {
        std::vector<std::pair<std::uint32_t, std::uint64_t>> depends;
        for (auto& [index, number] : items[i].depends) depends.emplace_back(slots[index], number);
        items[i].h.dependencies.raise(std::move(depends));
        adopt(slots[i], std::move(items[i].h));
    }
    return true;
}

} // namespace dunlin
