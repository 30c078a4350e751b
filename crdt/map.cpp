// length: every operation of a part, over rows
#include "map.hpp"
#include "ephemeral.hpp"
#include "map_rows.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>

namespace dunlin {

map_body::map_body() = default;
map_body::~map_body() = default;
map_body::map_body(map_body&& other) noexcept
    : field(std::move(other)), size_(std::exchange(other.size_, 0)), rows_(std::move(other.rows_)) {
    if (rows_) rows_->of = this;
}

void const* map_body::look(bytes_view key) const {
    if (!rows_) return nullptr;
    auto at = rows_->table_.find(key);
    return at == rows_->table_.none ? nullptr : shown(at);
}
std::uint32_t map_body::row_count() const { return rows_ ? rows_->table_.size() : 0; }
void const* map_body::shown(std::uint32_t at) const { return rows_->shows(at) ? rows_->value(at) : nullptr; }
void const* map_body::child_at(std::uint32_t at) const { return rows_->value(at); }
void const* map_body::held(std::uint32_t at) const { return rows_->live(at) ? rows_->value(at) : nullptr; }
bytes_view map_body::key(std::uint32_t at) const { return rows_->table_[at].key.view(); }

std::size_t map_body::in_order(bytes_view from, bool past, bytes_view const* to, std::span<std::uint32_t> out) const {
    if (!rows_) return 0;
    auto& all = rows_->in_order();
    std::size_t n = 0;
    for (auto it = past ? all.upper_bound(from) : all.lower_bound(from); it != all.end() && n < out.size(); ++it) {
        auto at = (*it)->place;
        if (to && rows_->table_[at].key.view() >= *to) break;
        if (rows_->shows(at)) out[n++] = at;
    }
    return n;
}

std::size_t map_body::size() const {
    if (!rows_ || (!rows_->may_end && rows_->unknown_.empty())) return live_count();
    std::size_t n = 0;
    for (std::uint32_t p = 0; p < rows_->table_.size(); ++p) n += rows_->shows(p);
    return n;
}

std::size_t map_body::live_count() const {
    std::size_t n = size_;
    if (rows_)
        for (auto p : rows_->changes) n += rows_->live(p);
    return n;
}

bool map_body::erase_key(bytes_view key) {
    if (!rows_) return false;
    auto at = rows_->table_.find(key);
    if (at == rows_->table_.none) return false;
    bool was_there = rows_->shows(at); // if not, there are residues to be forgotten
    rows_->change(at);
    rows_->child.erase(rows_->value(at));
    rows_->keep(at);
    return was_there;
}

void map_body::clear() {
    if (!rows_ || rows_->table_.size() == 0) return;
    touch();
    rows_->cleared = true;
    for (std::uint32_t p = 0; p < rows_->table_.size(); ++p) { // also what holds residues only: they are forgotten
        if (!rows_->live(p) && mutant("map_clear_keeps_residues")) continue;
        rows_->change(p);
        rows_->child.erase(rows_->value(p));
        rows_->keep(p);
    }
}

void const* map_body::look_path(bytes_view path) const {
    decoder in(path);
    auto v = static_cast<char const*>(look(in.bytes()));
    if (!v || in.done()) return v;
    if (rows_->as_struct()) v += in.u();
    return reinterpret_cast<map_body const*>(v)->look_path(path.substr(path.size() - in.left()));
}

map_body& map_body::outermost(encoder& path, part const*& child) {
    auto root = is_attached() ? head().up->outermost(head(), this, path, child) : nullptr;
    return root ? *root : *this;
}

class map_part final : public part {
    using body = map_body;
    using rows = body::rows;
    char key_;
    part const& child_;

    static body& at(void* v) { return *static_cast<body*>(v); }
    static body const& at(void const* v) { return *static_cast<body const*>(v); }
    static rows& rows_of(body& x, part const& child) {
        if (!x.rows_) x.rows_ = std::make_unique<rows>(x, child);
        return *x.rows_;
    }
    rows& rows_of(body& x) const { return rows_of(x, child_); }
    static bool settle(body& x, bool said) {
        if (x.rows_ && x.rows_->table_.size() == 0) x.rows_.reset();
        x.settle();
        return said;
    }
    struct made : map_body {};

public:
    map_part(char key, part const& child)
        : part(std::string("M") + key + child.kind(), sizeof(map_body), child.asides()), key_(key), child_(child) {}

    part const& child() const { return child_; }
    struct_part const* nested() const override { return child_.nested(); }
    static void* reach(body& x, part const& child, bytes_view path) {
        decoder in(path);
        auto key = in.bytes();
        if (key.size() > value_bytes_max || path.size() > value_bytes_max + 16)
            throw_out_of_bound("map: a key, with those above it, is at most 1 MiB");
        if (child.asides() == asides_in::all) ephemeral_body::check_path(path.size());
        x.touch(); // may be refused: before anything is made
        auto& r = rows_of(x, child);
        auto p = r.make(key);
        bool over = r.is_over(p) && !mutant("expiry_lets_the_old_live_on");
        r.change(p);
        auto v = static_cast<char*>(r.value(p));
        if (over) r.begin_anew(p);
        if (in.done()) return v;
        auto inner = &child;
        if (auto s = r.as_struct()) {
            auto offset = in.u();
            inner = s->at_offset(offset).type, v += offset;
        }
        return reach(at(v), static_cast<map_part const*>(inner)->child_, path.substr(path.size() - in.left()));
    }

    void make(void* v) const override { new (v) made(); }
    void destroy(void* v) const override { static_cast<made*>(v)->~made(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override { return at(v).live_count() != 0; }
    bool may_end() const override { return child_.may_end(); }
    bool shows(void const* v, std::int64_t now_ms) const override {
        auto r = at(v).rows_.get();
        if (!r || (!r->may_end && r->unknown_.empty())) return live(v);
        for (std::uint32_t p = 0; p < r->table_.size(); ++p)
            if (r->live(p) && (!r->ends(p) || child_.shows(r->value(p), now_ms))) return true;
        return false;
    }
    void end(void* v, ending& e) const override {
        auto r = at(v).rows_.get();
        if (!r || !r->may_end || !at(v).is_attached()) return; // nobody here can change what this program does not have
        for (std::uint32_t p = 0; p < r->table_.size(); ++p) {
            ++e.looked;
            e.set_by.clear();
            auto over = child_.deadline_ms(r->value(p), &e.set_by);
            bool by_lease = child_.kind()[0] == 'P';
            if (by_lease) over = std::max(over, e.leases_from_ms);
            if (over > e.now_ms || !e.goes_at_ms) {
                e.next_ms = std::min(e.next_ms, over);
                child_.end(r->value(p), e);
                continue;
            }
            e.over = e.over || over > e.since_ms;
            auto goes = e.goes_at_ms(over, e.set_by, by_lease);
            if (goes <= e.now_ms && has_too_many_writers(child_, r->value(p))) goes = e.now_ms + 60'000;
            if (goes > e.now_ms || e.erased == e.erase_max) {
                e.next_ms = std::min(e.next_ms, goes);
                continue;
            }
            ++e.erased;
            r->change(p);
            child_.erase(r->value(p));
        }
    }
    bool vacant(void const* v) const override {
        auto r = at(v).rows_.get();
        if (!r || asides() != asides_in::some) return !r || asides() == asides_in::all;
        for (std::uint32_t p = 0; p < r->table_.size(); ++p)
            if (!child_.vacant(r->value(p))) return false;
        return true;
    }

    bool tells(void const* v) const override {
        auto r = asides() == asides_in::nothing ? nullptr : at(v).rows_.get();
        for (std::uint32_t p = 0; r && p < r->table_.size(); ++p)
            if (child_.tells(r->value(p))) return true;
        return false;
    }
    ephemeral_part const* aside_at(decoder& below, unsigned depth) const override {
        auto key = below.bytes();
        return depth < depth_max && below.ok() && check_value(key_, key) ? child_.aside_at(below, depth + 1) : nullptr;
    }
    void show(void* v, showing const& s) const override {
        auto& x = at(v);
        auto key = s.below.bytes();
        auto p = s.value ? rows_of(x).make(key) : x.rows_ ? x.rows_->table_.find(key) : row_none;
        if (p == row_none) return;
        child_.show(x.rows_->value(p), s);
        if (x.rows_->resettle(p)) x.rows_->erase(p);
        settle_empty(x);
    }
    void copy_asides(void const* from, void* to) const override {
        auto theirs = at(from).rows_.get();
        for (std::uint32_t q = 0; theirs && q < theirs->table_.size(); ++q) {
            if (!child_.tells(theirs->value(q))) continue;
            auto& r = rows_of(at(to));
            auto p = r.make(theirs->table_[q].key.view());
            child_.copy_asides(theirs->value(q), r.value(p));
            r.resettle(p);
        }
    }

    bool flush(void* v, flushing& f) const override {
        auto& x = at(v);
        if (!x.rows_) return settle(x, false);
        auto& r = *x.rows_;
        auto start = f.out.size();
        removal gone;
        if (r.cleared && !f.erased) collect(v, gone);
        auto below = f.erased;
        f.erased = below || r.cleared;
        r.cleared = false;
        f.out.u8(0);
        if (!gone.empty()) f.out.u(gone.size()), f.put(gone);
        std::uint64_t said = 0;
        std::vector<std::uint32_t> vacant;
        std::size_t done = 0;
        for (; done < r.changes.size() && !(said && f.full()); ++done) {
            auto p = r.changes[done];
            if (r.was_only_looked_at(p)) r.take_past_back(p), child_.rollback(r.value(p));
            auto before = f.out.size(), here = f.path.size();
            put_value(f.out, key_, r.table_[p].key.view());
            f.more = false;
            if (child_.asides() != asides_in::nothing) f.path.bytes(r.table_[p].key.view());
            if (child_.flush(r.value(p), f))
                ++said;
            else
                f.out.resize(before);
            f.path.resize(here);
            if (f.more) break;
            r.table_[p].payload->dirty = 0;
            if (!r.past_.empty()) r.past_.erase(r.table_[p].payload);
            if (r.resettle(p)) vacant.push_back(p);
        }
        f.erased = below;
        f.more = done < r.changes.size();
        r.changes.erase(r.changes.begin(), r.changes.begin() + std::ptrdiff_t(done));
        if (f.more) { // positions must stay: what is empty goes with the last entry
            r.changes.insert(r.changes.end(), vacant.begin(), vacant.end());
            return f.out.patch(start, said * 2 + !gone.empty()), true;
        }
        r.sweep(vacant);
        if (!said && gone.empty()) return f.out.resize(start), settle(x, false);
        f.out.patch(start, said * 2 + !gone.empty());
        return settle(x, true);
    }
    void rollback(void* v) const override {
        auto& x = at(v);
        if (x.rows_) {
            auto& r = *x.rows_;
            std::vector<std::uint32_t> vacant;
            for (auto p : r.changes) {
                r.take_past_back(p);
                child_.rollback(r.value(p));
                r.table_[p].payload->dirty = 0;
                if (r.resettle(p)) vacant.push_back(p);
            }
            r.cleared = false;
            r.changes.clear();
            r.sweep(vacant);
        }
        settle(x, false);
    }
    std::size_t weigh(void const* v) const override {
        auto r = at(v).rows_.get();
        std::size_t bytes = 16;
        if (!r || asides() == asides_in::all) return bytes;
        for (auto p : r->changes) bytes += r->table_[p].key.view().size() + 16 + child_.weigh(r->value(p));
        return bytes + (r->cleared ? removal_bytes(*this, v) : 0);
    }
    void erase(void* v) const override { at(v).clear(); }
    void collect(void const* v, removal& gone) const override {
        if (mutant("map_collect_stops")) return;
        if (auto r = at(v).rows_.get())
            for (std::uint32_t p = 0; p < r->table_.size(); ++p) child_.collect(r->value(p), gone);
    }

    void check(checking& c) const override {
        auto head = c.in.u();
        if (head == 0 || c.depth >= depth_max || asides() == asides_in::all) return c.in.fail();
        if (head & 1) {
            auto m = c.in.u();
            if (m == 0) return c.in.fail();
            c.pairs(m);
        }
        ++c.depth;
        for (auto n = head / 2; n && c.in.ok(); --n) {
            auto key = cut_value(c.in, key_);
            if (!c.in.ok() || !check_value(key_, key)) return c.in.fail();
            child_.check(c);
        }
        --c.depth;
    }
    void join_delta(void* v, absorbing& a) const override {
        auto& x = at(v);
        auto head = a.in.u();
        if (head & 1) drop(v, a.pairs(a.in.u()));
        auto& r = rows_of(x);
        for (auto n = head / 2; n && a.in.ok(); --n) {
            auto p = r.make(cut_value(a.in, key_));
            child_.join_delta(r.value(p), a);
            if (r.resettle(p)) r.erase(p);
        }
        settle_empty(x);
    }
    void drop(void* v, removal const& gone) const override {
        auto& x = at(v);
        if (!x.rows_) return;
        for (auto p = x.rows_->table_.size(); p--;) {
            child_.drop(x.rows_->value(p), gone);
            if (x.rows_->resettle(p)) x.rows_->erase(p);
        }
        settle_empty(x);
    }
    void join(void* v, void const* other, joining const& j) const override {
        auto& x = at(v);
        auto theirs = other ? at(other).rows_.get() : nullptr;
        auto in_theirs = [&](bytes_view key) -> void const* {
            auto q = theirs ? theirs->table_.find(key) : row_none;
            return q == row_none ? nullptr : theirs->value(q);
        };
        if (x.rows_)
            for (auto p = x.rows_->table_.size(); p--;) {
                child_.join(x.rows_->value(p), in_theirs(x.rows_->table_[p].key.view()), j);
                if (x.rows_->resettle(p)) x.rows_->erase(p);
            }
        if (theirs)
            for (std::uint32_t q = 0; q < theirs->table_.size(); ++q) {
                auto key = theirs->table_[q].key.view();
                auto& r = rows_of(x);
                if (r.table_.find(key) != row_none) continue;
                auto p = r.make(key);
                child_.join(r.value(p), theirs->value(q), j);
                if (r.resettle(p)) r.erase(p);
            }
        settle_empty(x);
    }

    void each_slot(void const* v, slot_set& s) const override {
        if (auto r = at(v).rows_.get())
            for (std::uint32_t p = 0; p < r->table_.size(); ++p) child_.each_slot(r->value(p), s);
    }
    void encode(void const* v, saving& s) const override {
        auto r = at(v).rows_.get();
        auto start = s.out.size();
        s.out.u8(0);
        std::uint64_t n = 0;
        if (r)
            for (auto p : r->table_.sorted()) {
                if (s.live_only() ? !child_.live(r->value(p)) : child_.vacant(r->value(p)) || (s.is_copy && !r->shows(p) && !mutant("snapshot_shows_what_is_over"))) continue;
                put_value(s.out, key_, r->table_[p].key.view());
                child_.encode(r->value(p), s);
                ++n;
            }
        s.out.patch(start, n);
    }
    void decode(void* v, loading& l) const override {
        auto& x = at(v);
        auto n = l.in.count(2);
        if (n == 0) return;
        if (++l.depth > depth_max || asides() == asides_in::all) return l.in.fail();
        auto& r = rows_of(x);
        std::string last;
        for (std::uint64_t k = 0; k < n && l.in.ok(); ++k) {
            auto key = cut_value(l.in, key_);
            if (!l.in.ok() || !check_value(key_, key) || (k && key <= last && !mutant("codec_takes_a_key_twice")))
                return l.in.fail();
            last.assign(key);
            auto p = r.make(key);
            child_.decode(r.value(p), l);
            if (r.resettle(p)) l.is_copy ? r.erase(p) : l.in.fail();
        }
        --l.depth;
        settle_empty(x);
    }

    void to_json(void const* v, boost::json::value& out) const override {
        auto& o = out.emplace_object();
        auto r = at(v).rows_.get();
        if (!r) return;
        for (auto p : r->table_.sorted())
            if (r->shows(p)) child_.to_json(r->value(p), o[value_to_key(key_, r->table_[p].key.view())]);
    }
    std::size_t heap_bytes(void const* v) const override {
        auto r = at(v).rows_.get();
        if (!r) return 0;
        std::size_t n = sizeof(rows) + r->table_.heap_bytes() + r->changes.capacity() * 4 + (r->order_ ? r->order_->size() * 48 : 0);
        for (std::uint32_t p = 0; p < r->table_.size(); ++p)
            n += sizeof(header) + child_.size() + 16 + child_.heap_bytes(r->value(p));
        return n;
    }

private:
    static constexpr auto row_none = table<header*>::none;
    static void settle_empty(body& x) {
        if (x.rows_ && x.rows_->table_.size() == 0) x.rows_.reset();
    }
};

void* map_body::reach_path(part const& child, bytes_view path) {
    return map_part::reach(*this, child, path);
}

std::unique_ptr<part const> make_map_part(char key_kind, part const& child) {
    return std::make_unique<map_part>(key_kind, child);
}

} // namespace dunlin
