#include "index.hpp"
#include "../crdt/mutant.hpp"
#include "../crdt/part.hpp"
#include "../crdt/table.hpp"
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/identity.hpp>
#include <boost/multi_index/ranked_index.hpp>
#include <boost/multi_index_container.hpp>
#include <set>

namespace dunlin {

namespace mi = boost::multi_index;

struct object_index::rows {
    struct placed_row {
        std::string value, key;
        std::int64_t ends_ms;
        bool surely, held;
    };
    struct place_in_order { // before everything with that value, or behind it
        bytes_view value;
        bool behind;
    };
    struct by_value {
        using is_transparent = void;
        bool operator()(placed_row const& a, placed_row const& b) const {
            auto order = a.value.compare(b.value);
            return order ? order < 0 : a.key < b.key;
        }
        bool operator()(placed_row const& a, place_in_order const& b) const {
            auto order = bytes_view(a.value).compare(b.value);
            return order ? order < 0 : b.behind;
        }
        bool operator()(place_in_order const& a, placed_row const& b) const {
            auto order = a.value.compare(b.value);
            return order ? order < 0 : !a.behind;
        }
    };
    struct hash_of_key {
        std::size_t operator()(placed_row const& r) const { return hash_bytes(r.key); }
        std::size_t operator()(bytes_view key) const { return hash_bytes(key); }
    };
    struct same_key {
        bool operator()(placed_row const& a, placed_row const& b) const { return a.key == b.key; }
        bool operator()(bytes_view a, placed_row const& b) const { return a == b.key; }
        bool operator()(placed_row const& a, bytes_view b) const { return a.key == b; }
    };
    using all_rows = mi::multi_index_container<
        placed_row, mi::indexed_by<mi::hashed_unique<mi::identity<placed_row>, hash_of_key, same_key>,
                                   mi::ranked_unique<mi::identity<placed_row>, by_value>>>;

    static std::size_t bytes_of(bytes_view text) { return text.size() > 15 ? text.size() + 17 : 0; }
    static std::size_t bytes_of(placed_row const& r) {
        auto ends = r.ends_ms == never_ms ? 0 : 96 + bytes_of(r.key);
        return sizeof(placed_row) + 80 + bytes_of(r.key) + bytes_of(r.value) + ends;
    }

    all_rows all;
    std::set<std::pair<std::int64_t, std::string>> ends; // of those that have a deadline

    auto const& ranked() const { return all.get<1>(); }
    auto find(bytes_view key) const { return all.find(key, hash_of_key(), same_key()); }
    /// First and one past the last, by rank.
    std::pair<std::size_t, std::size_t> between(index_range const& r) const {
        auto& order = ranked();
        auto low = r.from ? order.lower_bound_rank(place_in_order{*r.from, false}) : 0;
        auto high = r.to ? order.lower_bound_rank(place_in_order{*r.to, true}) : order.size();
        return {low, std::max(low, high)};
    }
};

object_index::object_index() : rows_(std::make_unique<rows>()) {}
object_index::~object_index() = default;

bool object_index::put(bytes_view key, bytes_view value, std::int64_t ends_ms, bool surely, bool held) {
    auto it = rows_->find(key);
    bool fresh = it == rows_->all.end();
    if (fresh) it = rows_->all.insert({std::string(value), std::string(key), never_ms, surely, held}).first;
    bool moves = it->value != value && !mutant("index_keeps_the_first_value");
    if (!fresh && !moves && it->ends_ms == ends_ms && it->surely == surely && it->held == held) return false;
    if (it->ends_ms != ends_ms) {
        rows_->ends.erase({it->ends_ms, it->key});
        if (ends_ms != never_ms) rows_->ends.emplace(ends_ms, key);
    }
    if (!fresh) bytes_ -= rows::bytes_of(*it);
    rows_->all.modify(it, [&](rows::placed_row& r) {
        if (moves) r.value.assign(value);
        r.ends_ms = ends_ms, r.surely = surely, r.held = held;
    });
    bytes_ += rows::bytes_of(*it);
    return fresh || moves;
}

bool object_index::erase(bytes_view key) {
    auto it = rows_->find(key);
    if (it == rows_->all.end()) return false;
    bytes_ -= rows::bytes_of(*it);
    rows_->ends.erase({it->ends_ms, it->key});
    rows_->all.erase(it);
    return true;
}

void object_index::clear() {
    rows_->all.clear(), rows_->ends.clear();
    bytes_ = 0;
}

std::vector<std::pair<std::int64_t, std::string>> object_index::over(std::int64_t now_ms) const {
    auto end = rows_->ends.begin();
    while (end != rows_->ends.end() && end->first <= now_ms) ++end;
    return {rows_->ends.begin(), end};
}

std::int64_t object_index::first_end_ms() const { return rows_->ends.empty() ? never_ms : rows_->ends.begin()->first; }

void object_index::forget_end(bytes_view key) {
    auto it = rows_->find(key);
    if (it != rows_->all.end()) put(key, std::string(it->value), never_ms, it->surely, it->held);
}

bool object_index::ends_surely(bytes_view key) const {
    auto it = rows_->find(key);
    return it != rows_->all.end() && it->surely;
}

std::optional<std::size_t> object_index::place(bytes_view key) const {
    auto it = rows_->find(key);
    return it == rows_->all.end() ? std::nullopt : std::optional(rows_->ranked().rank(rows_->all.project<1>(it)));
}

std::pair<std::size_t, std::size_t> object_index::window(index_range const& range) const {
    auto [low, high] = rows_->between(range);
    auto first = std::min(range.skip, high - low), n = std::min(range.limit, high - low - first);
    return range.descending ? std::pair(high - first - n, high - first) : std::pair(low + first, low + first + n);
}

bool object_index::is_held(bytes_view key) const {
    auto it = rows_->find(key);
    return it != rows_->all.end() && it->held;
}
std::size_t object_index::size() const { return rows_->all.size(); }

index_page object_index::page(index_range const& range) const {
    auto [low, high] = rows_->between(range);
    index_page p;
    p.total = high - low, p.first = std::min(range.skip, p.total);
    auto n = std::min(range.limit, p.total - p.first);
    p.rows.reserve(n);
    auto& order = rows_->ranked();
    auto take = [&](rows::placed_row const& r) { p.rows.push_back({r.key, r.value}); };
    if (n && range.descending)
        for (auto it = order.nth(high - p.first - 1);; --it) {
            take(*it);
            if (p.rows.size() == n) break;
        }
    else if (n)
        for (auto it = order.nth(low + p.first); p.rows.size() < n; ++it) take(*it);
    return p;
}

std::optional<std::size_t> object_index::rank(bytes_view key, index_range const& range) const {
    auto at = place(key);
    auto [low, high] = rows_->between(range);
    if (!at || *at < low || *at >= high) return std::nullopt;
    return range.descending ? high - 1 - *at : *at - low;
}

} // namespace dunlin
