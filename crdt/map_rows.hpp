// Rows of a map: its children by key, what of them has changed in this turn, and whose fields this program does not know.
//
//   hidden    nothing in it is live: a residue, or made only to be looked at
//   shown     live, as of when it was last settled      changed    in this turn: live or not is asked of the child
//
// Private to map.cpp. A child stands behind its header in one block: [header][value].
#pragma once
#include "extras.hpp"
#include "map.hpp"
#include "mutant.hpp"
#include "struct.hpp"
#include <set>

namespace dunlin {

class map_body::rows final : public owner {
public:
    enum mark : unsigned { hidden, shown, changed };
    map_body* of;
    part const& child;
    bool const may_end;
    table<header*> table_;
    std::vector<std::uint32_t> changes; // positions with mark `changed`
    boost::unordered_flat_map<header*, std::unique_ptr<extras>> unknown_;
    struct before_it_began {
        undo_log log;
        bool kept = false; // whatever is in it now
    };
    /// Elements whose deadline had passed when this turn began to use them: emptied, and as they were if nothing is written.
    boost::unordered_flat_map<header*, before_it_began> past_;
    bool cleared = false;
    struct by_key {
        using is_transparent = void;
        rows const* of;
        bytes_view key(header const* h) const { return of->table_[h->place].key.view(); }
        bytes_view key(bytes_view k) const { return k; }
        template <class A, class B> bool operator()(A const& a, B const& b) const { return key(a) < key(b); }
    };
    /// Once somebody has asked for it.
    std::unique_ptr<std::set<header*, by_key>> order_;

    rows(map_body& m, part const& c) : of(&m), child(c), may_end(c.may_end()) {}
    ~rows() {
        for (std::uint32_t p = 0; p < table_.size(); ++p) destroy(table_[p].payload);
    }

    static void* value(header* h) { return h + 1; }
    void* value(std::uint32_t at) const { return table_[at].payload + 1; }
    bool live(std::uint32_t at) const {
        auto m = table_[at].key.mark();
        return m == changed ? child.live(value(at)) : m == shown;
    }
    std::int64_t now_ms() const { return of->is_attached() ? of->head().up->now_ms(of->head()) : 0; }
    /// By its struct, or by fields that this program does not know.
    bool ends(std::uint32_t at) const { return may_end || (!unknown_.empty() && unknown_.contains(table_[at].payload)); }
    bool shows(std::uint32_t at) const { return live(at) && (!ends(at) || child.shows(value(at), now_ms())); }
    /// Within a turn an element goes on as what it was when the turn began to use it.
    bool is_over(std::uint32_t at) const {
        return ends(at) && table_[at].key.mark() != changed && child.deadline_ms(value(at)) <= now_ms() && !has_too_many_writers(child, value(at));
    }
    struct_part const* as_struct() const {
        auto s = child.nested();
        return s == &child ? s : nullptr;
    }
    void begin_anew(std::uint32_t at) {
        past_.try_emplace(table_[at].payload);
        if (auto s = as_struct()) s->begin_anew(value(at));
        else child.erase(value(at));
    }
    bool was_only_looked_at(std::uint32_t at) const {
        auto it = past_.empty() ? past_.end() : past_.find(table_[at].payload);
        if (it == past_.end() || it->second.kept) return false;
        auto s = as_struct();
        return !(s ? s->has_begun(value(at)) : child.live(value(at)));
    }
    void take_past_back(std::uint32_t at) {
        auto it = past_.find(table_[at].payload);
        if (it == past_.end()) return;
        auto log = std::move(it->second.log);
        past_.erase(it);
        for (; !log.empty(); log.pop_back()) log.back()->undo();
    }
    void keep(std::uint32_t at) {
        if (auto it = past_.find(table_[at].payload); it != past_.end()) it->second.kept = true;
    }
    std::uint32_t make(bytes_view key) {
        auto [at, fresh] = table_.insert(key);
        if (!fresh) return at;
        auto block = ::operator new(sizeof(header) + child.size());
        auto h = new (block) header;
        h->up = this, h->place = at;
        child.make(h + 1);
        child.attach(h + 1, *h, 0);
        table_[at].payload = h;
        if (order_) order_->insert(h);
        return at;
    }
    void destroy(header* h) {
        child.destroy(h + 1);
        if (!unknown_.empty()) unknown_.erase(h);
        if (!past_.empty()) past_.erase(h);
        ::operator delete(h);
    }
    void erase(std::uint32_t at) {
        if (order_) order_->erase(table_[at].payload);
        destroy(table_[at].payload);
        table_.erase(at);
        if (at < table_.size()) table_[at].payload->place = at;
    }
    std::set<header*, by_key> const& in_order() {
        if (!order_) {
            order_ = std::make_unique<std::set<header*, by_key>>(by_key{this});
            for (auto p : table_.sorted()) order_->insert(order_->end(), table_[p].payload);
        }
        return *order_;
    }
    map_body* outermost(header& h, void const* inside, encoder& path, part const*& outer_child) override {
        auto root = of->is_attached() ? of->head().up->outermost(of->head(), of, path, outer_child) : nullptr;
        if (!root) root = of, outer_child = &child;
        path.bytes(table_[h.place].key.view());
        if (as_struct()) path.u(std::size_t(static_cast<char const*>(inside) - static_cast<char const*>(value(&h))));
        return root;
    }
    void touched(header& h) override { change(h.place); }
    /// What is written to an element after it began anew goes back with that.
    undo_log* undo(header& h) override {
        auto it = past_.empty() ? past_.end() : past_.find(&h);
        return it != past_.end() && !mutant("expiry_keeps_what_was_not_begun") ? &it->second.log : of->undo();
    }
    std::int64_t now_ms(header&) override { return now_ms(); }
    std::int64_t lease_ms(header&, std::uint32_t writer, std::uint64_t stamp) override {
        return of->is_attached() ? of->head().up->lease_ms(of->head(), writer, stamp) : never_ms;
    }
    extras* unknown(header& h, bool make) override {
        if (auto it = unknown_.find(&h); it != unknown_.end()) return it->second.get();
        return make ? unknown_.emplace(&h, std::make_unique<extras>()).first->second.get() : nullptr;
    }
    void change(std::uint32_t at) {
        if (table_[at].key.mark() == changed) return;
        of->touch();
        of->size_ -= table_[at].key.mark() == shown;
        table_[at].key.mark(changed);
        changes.push_back(at);
    }
    /// After a child has changed and is settled: shown or hidden. True if it may be forgotten.
    bool resettle(std::uint32_t at) {
        auto& key = table_[at].key;
        of->size_ -= key.mark() == shown;
        bool alive = child.live(value(at));
        key.mark(alive ? shown : hidden);
        of->size_ += alive;
        return !alive && (child.asides() == asides_in::nothing || !child.tells(value(at)) || mutant("ephemeral_is_forgotten_before_its_element")) && child.vacant(value(at));
    }
    void sweep(std::vector<std::uint32_t>& positions) {
        std::sort(positions.begin(), positions.end(), std::greater<>());
        for (auto p : positions) erase(p);
    }
};

} // namespace dunlin
