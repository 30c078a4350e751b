#include "cold.hpp"
#include "../crdt/table.hpp"

namespace dunlin {

std::size_t cold_deltas::by_place::operator()(place const& p) const {
    return hash_bytes(p.key) + p.type * 0x9E3779B97F4A7C15u;
}

void cold_deltas::add(std::uint32_t type, bytes_view key, bytes_view bytes, std::uint64_t position) {
    place where{type, std::string(key)};
    auto [it, fresh] = all_.try_emplace(where);
    if (fresh) {
        it->second.since = position;
        order_.emplace_back(position, std::move(where));
        if (order_.size() > 2 * all_.size() + 1024) forget_taken();
        bytes_ += overhead + key.size();
    }
    it->second.records.append(bytes);
    bytes_ += bytes.size();
}

bool cold_deltas::contains(std::uint32_t type, bytes_view key) const { return all_.contains({type, std::string(key)}); }

bytes_view cold_deltas::look(std::uint32_t type, bytes_view key) const {
    auto it = all_.find({type, std::string(key)});
    return it == all_.end() ? bytes_view() : bytes_view(it->second.records);
}

cold_deltas::waiting cold_deltas::take(std::uint32_t type, bytes_view key) {
    auto it = all_.find({type, std::string(key)});
    if (it == all_.end()) return {};
    auto taken = std::move(it->second);
    all_.erase(it);
    bytes_ -= overhead + key.size() + taken.records.size();
    return taken;
}

bool cold_deltas::is_taken(std::pair<std::uint64_t, place> const& o) const {
    auto it = all_.find(o.second);
    return it == all_.end() || it->second.since != o.first;
}

void cold_deltas::forget_taken() {
    std::erase_if(order_, [this](auto& o) { return is_taken(o); });
}

bool cold_deltas::oldest(place& where, std::uint64_t& since) const {
    for (; !order_.empty(); order_.pop_front()) {
        if (is_taken(order_.front())) continue;
        where = order_.front().second, since = order_.front().first;
        return true;
    }
    return false;
}

void cold_deltas::write(encoder& out, record const& r) {
    out.u(r.row), out.u(r.writer), out.u(r.number), out.u64(r.stamp), out.u(r.writers.size());
    for (auto w : r.writers) out.u(w);
    out.bytes(r.delta);
}

bool cold_deltas::read(bytes_view records, std::function<bool(record const&)> const& f) {
    decoder in(records);
    record r;
    while (in.ok() && !in.done()) {
        auto writer = [&in] {
            auto n = in.u();
            if (n > 0xFFFFFFFF) in.fail();
            return std::uint32_t(n);
        };
        r.row = in.u(), r.writer = writer(), r.number = in.u(), r.stamp = in.u64();
        r.writers.clear();
        for (auto n = in.count(); n && in.ok(); --n) r.writers.push_back(writer());
        r.delta = in.bytes();
        if (r.number == 0 || r.number > dot::number_max) in.fail(); // it would reach into the slot of a dot
        if (!in.ok() || !f(r)) return false;
    }
    return in.ok();
}

} // namespace dunlin
