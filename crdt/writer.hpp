// Writers: who wrote, and the small numbers that stand for them in memory.
//
//   writer_id := node id 16 | run 4 | nonce 4          24 bytes, one run of one node, never used again
//   slot      := the number of a writer in one space of one process; never leaves it
//
// A table only grows while it runs (2^19 writers at most; `intern` answers `none` beyond, and what names the writer is
// refused; entries of others are refused before that). Source: shared decision "a writer is one run of a node"; cf.
// Riak's actor epochs.
#pragma once
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace dunlin {

using node_id = std::array<std::uint8_t, 16>;

struct writer_id {
    node_id node{};
    std::uint32_t run = 0;
    std::uint32_t nonce = 0;
    auto operator<=>(writer_id const&) const = default;
};

inline std::size_t hash_value(writer_id const& w) {
    std::uint64_t a, b;
    std::memcpy(&a, w.node.data(), 8), std::memcpy(&b, w.node.data() + 8, 8);
    return std::size_t((a ^ b * 0x9E3779B97F4A7C15u ^ (std::uint64_t(w.run) << 32 | w.nonce)) * 0xFF51AFD7ED558CCDu);
}

class writers {
    struct hash_of_node {
        std::size_t operator()(node_id const& n) const { return hash_value(writer_id{n, 0, 0}); }
    };
    std::vector<writer_id> ids_;
    std::vector<std::uint32_t> before_; // another writer of the same node
    boost::unordered_flat_map<writer_id, std::uint32_t> slots_;
    boost::unordered_flat_map<node_id, std::uint32_t, hash_of_node> last_of_;

public:
    static constexpr std::uint32_t none = ~std::uint32_t(0);
    static constexpr std::size_t writers_max = 1u << 19;
    /// What others name is taken up to here: the rest is for our own runs, so that no member stops us from writing.
    static constexpr std::size_t foreign_max = writers_max - (1u << 12);

    /// The writer's slot, a new one if it has none. `none` when the table is full.
    std::uint32_t intern(writer_id const& w) {
        if (auto it = slots_.find(w); it != slots_.end()) return it->second;
        if (ids_.size() == writers_max) return none;
        auto slot = std::uint32_t(ids_.size());
        slots_.emplace(w, slot);
        ids_.push_back(w);
        auto [it, first] = last_of_.try_emplace(w.node, slot);
        before_.push_back(first ? none : std::exchange(it->second, slot));
        return slot;
    }
    /// What somebody else names: `none` where only our own runs have room.
    std::uint32_t intern_foreign(writer_id const& w) {
        return ids_.size() < foreign_max ? intern(w) : find(w);
    }
    std::uint32_t find(writer_id const& w) const {
        auto it = slots_.find(w);
        return it == slots_.end() ? none : it->second;
    }
    /// Whether all these may come in. Who is known takes no room.
    bool has_room(std::vector<writer_id> const& named, std::size_t most = foreign_max) const {
        if (ids_.size() + named.size() <= most) return true;
        std::size_t fresh = 0;
        for (auto& w : named) fresh += find(w) == none;
        return fresh == 0 || ids_.size() + fresh <= most;
    }
    writer_id const& id(std::uint32_t slot) const { return ids_[slot]; }
    /// Calls f(slot) for each run of the node.
    template <class F> void each_run(node_id const& n, F f) const {
        auto it = last_of_.find(n);
        for (auto slot = it == last_of_.end() ? none : it->second; slot != none; slot = before_[slot]) f(slot);
    }
    std::size_t size() const { return ids_.size(); }
};

} // namespace dunlin
