// Cells: values that are told and not kept (crdt/ephemeral.hpp), as one space knows them: the newest of each field, and
// what each link has still to hear. A machine without a clock, a coroutine or a wire.
//
//   said here, or heard ──▶ take: newer than what is known?  ──▶ due at the other links ──▶ next(link), when that is idle
//                             no: whoever told it hears what is
//
// What is due at a link is a set of fields, not a queue: a newer value takes the place of one that still waits, so a
// slow link costs no memory and hears the newest. All fields of a link have their turn, in a ring. A link is given its next
// frame when it has nothing else to send: entries go before.
// Only what was newer is passed on, so it comes to an end. In a mesh that is full all hear the author: nodes tell each
// other whom they are linked to, and what came from a node is passed on to another that hears that one itself only after
// up to a second (tick), and only if nothing newer has come: it repairs, and carries nothing as a rule.
// A link hears nothing before its other end has said this word: who does not know it gets one short message.
// `erased` (field 0) of an object drops what is older of it, and lets nothing older come back.
// State   bounded in cells and bytes: the oldest stamp goes first, and what was taken back or erased as if it were a minute older,
//         which is time to tell it. One that is ahead of our clock is as old as when it was heard, so that a wrong clock does not fill the table for ever. A link: 50 bytes for each field that is due.
// Cost    take: O(log n).   Threads the space's executor.   Errors  none: what does not fit is not taken.
// Source  conflation; round-robin; flooding with a newest-wins table.
#pragma once
#include "message.hpp"
#include <map>
#include <optional>
#include <set>

namespace dunlin {

using peer_number = std::uint32_t;

struct cells_bounds {
    std::size_t count = 1u << 17;
    std::size_t bytes = 32u << 20;
    std::size_t frame_bytes = 32u << 10; // of one message, and one cell more
};

class cells {
public:
    /// Which one: type, key, field and what is below that.
    struct place {
        std::string type, key;
        std::uint32_t field = 0;
        std::string below{};
        friend auto operator<=>(place const&, place const&) = default;
    };
    struct value {
        std::uint64_t stamp = 0;
        writer_id writer;
        bool held = false;
        std::string bytes;
        std::int64_t heard_ms = 0;
    };
    static constexpr std::uint32_t erased = 0; // the field
    static constexpr std::size_t cell_bytes = 400, row_bytes = 200; // of memory, beside its strings; in the map that it lies below
    static constexpr peer_number here = 0;
    static constexpr std::size_t links_max = 1024;
    static constexpr std::int64_t gone_ages_ms = 60'000;

    explicit cells(cells_bounds b = {}) : bounds_(b) {}
    cells(cells const&) = delete;
    cells& operator=(cells const&) = delete;

    void peer_up(peer_number p, node_id const& node);
    void peer_down(peer_number p);

    /// What a message says of its sender. The cells in it are taken one by one.
    void heard_from(peer_number p, word::cells const& w);
    /// Newer than what is known: it is kept, and due at the other links. `dropped`: what is not known any more because of it.
    bool take(cell&& c, peer_number from, std::int64_t now_ms, std::vector<place>& dropped);
    /// The object is erased, as an entry says: all nodes hear that. False: that, or a later erase, was known.
    bool erase(std::string_view type, std::string_view key, std::uint64_t stamp, writer_id const& by, std::int64_t now_ms, std::vector<place>& dropped);

    /// About once a second: what others should have heard otherwise is due.
    void tick();
    /// Links that have something to hear and were not named since their last next().
    std::vector<peer_number> wanting();
    /// The link has nothing else to send.
    std::optional<word::cells> next(peer_number p);

    value const* find(std::string_view type, std::string_view key, std::uint32_t field, std::string_view below = {}) const;
    /// f(place, value) of all that is known of an object; the erase, if there is one, first.
    template <class F> void each(std::string_view type, std::string_view key, F f) const {
        for (auto it = rows_.lower_bound(view{type, key, 0, {}}); it != rows_.end() && it->first.type == type && it->first.key == key; ++it)
            f(it->first, it->second.known);
    }
    /// f(place, value), by place.
    template <class F> void each(F f) const {
        for (auto& [at, its] : rows_) f(at, its.known);
    }
    bool knows(std::string_view type, std::string_view key) const;
    std::size_t size() const { return rows_.size(); }
    std::size_t bytes() const { return bytes_; }
    std::vector<peer_number> links() const;
    /// Fields that wait for the link.
    std::size_t due(peer_number p) const;

private:
    struct view {
        std::string_view type, key;
        std::uint32_t field;
        std::string_view below;
    };
    struct by_place {
        using is_transparent = void;
        static auto tie(auto const& p) { return std::tuple<std::string_view, std::string_view, std::uint32_t, std::string_view>(p.type, p.key, p.field, p.below); }
        bool operator()(auto const& a, auto const& b) const { return tie(a) < tie(b); }
    };
    struct row {
        std::uint64_t id = 0; // never used again
        value known;
    };
    using table = std::map<place, row, by_place>;
    struct link {
        peer_number number = 0;
        node_id node{};
        bool speaks = false, asked = false;
        std::uint64_t told_links = 0; // the version of them that it knows
        std::vector<node_id> linked;  // whom it hears itself
        std::set<std::uint64_t> due, later;
        std::uint64_t after = 0; // the ring goes on there
    };

    cells_bounds bounds_;
    table rows_;
    std::map<std::uint64_t, table::iterator> by_id_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> by_age_; // since when, id: what goes first
    std::size_t bytes_ = 0;
    std::uint64_t last_id_ = 0;
    std::vector<link> links_;
    std::uint64_t links_version_ = 1;
    bool active_ = false; // something was said or heard, ever

    link* find_link(peer_number p);
    /// Of whom we are linked to: who does not speak is told once, so that it begins to.
    bool hears_of_links(link const& l) const { return active_ && (l.speaks ? l.told_links != links_version_ : l.told_links == 0); }
    static std::pair<std::uint64_t, std::uint64_t> age(row const& r);
    bool is_full(place const& for_one, value const& v) const;
    std::uint64_t put(place&& at, value&& v, peer_number from);
    void pass_on(std::uint64_t id, peer_number from);
    void drop_older(view of, value const& than, std::vector<place>& dropped);
    void keep_bounds(std::vector<place>& dropped);
    void drop(table::iterator it);
    static std::size_t size_of(place const& at, value const& v) {
        auto bytes = cell_bytes + at.type.size() + at.key.size() + v.bytes.size();
        return at.below.empty() ? bytes : bytes + row_bytes + 2 * at.below.size() + v.bytes.size();
    }
};

} // namespace dunlin
