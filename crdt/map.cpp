#include "map.hpp"
#include "extras.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>

namespace dunlin {

// A child stands behind its header in one block: [header][value].
class map_body::rows final : public owner {
public:
    enum mark : unsigned { hidden, shown, changed };
    map_body* of;
    part const& child;
    table<header*> table_;
    std::vector<std::uint32_t> changes; // positions with mark `changed`
    boost::unordered_flat_map<header*, std::unique_ptr<extras>> unknown_;
    bool cleared = false;

    rows(map_body& m, part const& c) : of(&m), child(c) {}
    ~rows() {
        for (std::uint32_t p = 0; p < table_.size(); ++p) destroy(table_[p].payload);
    }

    static void* value(header* h) { return h + 1; }
    void* value(std::uint32_t at) const { return table_[at].payload + 1; }
    bool live(std::uint32_t at) const {
        auto m = table_[at].key.mark();
        return m == changed ? child.live(value(at)) : m == shown;
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
        return at;
    }
    void destroy(header* h) {
        child.destroy(h + 1);
        if (!unknown_.empty()) unknown_.erase(h);
        ::operator delete(h);
    }
    void erase(std::uint32_t at) {
        destroy(table_[at].payload);
        table_.erase(at);
        if (at < table_.size()) table_[at].payload->place = at;
    }
    void touched(header& h) override { change(h.place); }
    undo_log* undo(header&) override { return of->undo(); }
    std::int64_t now_ms(header&) override { return of->is_attached() ? of->head().up->now_ms(of->head()) : 0; }
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
        return !alive && child.vacant(value(at));
    }
    void sweep(std::vector<std::uint32_t>& positions) {
        std::sort(positions.begin(), positions.end(), std::greater<>());
        for (auto p : positions) erase(p);
    }
};

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
void const* map_body::shown(std::uint32_t at) const { return rows_->live(at) ? rows_->value(at) : nullptr; }
bytes_view map_body::key(std::uint32_t at) const { return rows_->table_[at].key.view(); }

std::size_t map_body::size() const {
    std::size_t n = size_;
    if (rows_)
        for (auto p : rows_->changes) n += rows_->live(p);
    return n;
}

bool map_body::erase_key(bytes_view key) {
    if (!rows_) return false;
    auto at = rows_->table_.find(key);
    if (at == rows_->table_.none) return false;
    bool was_there = rows_->live(at); // if not, there are residues to be forgotten
    rows_->change(at);
    rows_->child.erase(rows_->value(at));
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
    }
}

void const* map_body::look_path(bytes_view path) const {
    decoder in(path);
    auto v = look(in.bytes());
    return !v || in.done() ? v : static_cast<map_body const*>(v)->look_path(path.substr(path.size() - in.left()));
}

class map_part final : public part {
    using body = map_body;
    using rows = body::rows;
    char key_;
    part const& child_;

    static body& at(void* v) { return *static_cast<body*>(v); }
    static body const& at(void const* v) { return *static_cast<body const*>(v); }
    rows& rows_of(body& x) const {
        if (!x.rows_) x.rows_ = std::make_unique<rows>(x, child_);
        return *x.rows_;
    }
    static bool settle(body& x, bool said) {
        if (x.rows_ && x.rows_->table_.size() == 0) x.rows_.reset();
        x.settle();
        return said;
    }
    struct made : map_body {};

public:
    map_part(char key, part const& child)
        : part(std::string("M") + key + child.kind(), sizeof(map_body)), key_(key), child_(child) {}

    part const& child() const { return child_; }
    struct_part const* nested() const override { return child_.nested(); }
    static void* reach(body& x, map_part const& mine, bytes_view path) {
        decoder in(path);
        auto key = in.bytes();
        if (key.size() > value_bytes_max || path.size() > value_bytes_max + 16)
            throw_out_of_bound("map: a key, with those above it, is at most 1 MiB");
        x.touch(); // may be refused: before anything is made
        auto& r = mine.rows_of(x);
        auto p = r.make(key);
        r.change(p);
        auto v = r.value(p);
        if (in.done()) return v;
        return reach(at(v), static_cast<map_part const&>(mine.child_), path.substr(path.size() - in.left()));
    }

    void make(void* v) const override { new (v) made(); }
    void destroy(void* v) const override { static_cast<made*>(v)->~made(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override { return at(v).size() != 0; }
    bool vacant(void const* v) const override { return !at(v).rows_; }

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
            auto before = f.out.size();
            put_value(f.out, key_, r.table_[p].key.view());
            f.more = false;
            if (child_.flush(r.value(p), f))
                ++said;
            else
                f.out.resize(before);
            if (f.more) break;
            r.table_[p].payload->dirty = 0;
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
        if (!r) return bytes;
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
        if (head == 0 || c.depth >= depth_max) return c.in.fail();
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
                if (s.live_only() ? !child_.live(r->value(p)) : child_.vacant(r->value(p))) continue;
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
        if (++l.depth > depth_max) return l.in.fail();
        auto& r = rows_of(x);
        std::string last;
        for (std::uint64_t k = 0; k < n && l.in.ok(); ++k) {
            auto key = cut_value(l.in, key_);
            if (!l.in.ok() || !check_value(key_, key) || (k && key <= last && !mutant("codec_takes_a_key_twice")))
                return l.in.fail();
            last.assign(key);
            auto p = r.make(key);
            child_.decode(r.value(p), l);
            if (r.resettle(p)) l.in.fail();
        }
        --l.depth;
        settle_empty(x);
    }

    void to_json(void const* v, boost::json::value& out) const override {
        auto& o = out.emplace_object();
        auto r = at(v).rows_.get();
        if (!r) return;
        for (auto p : r->table_.sorted())
            if (r->live(p)) child_.to_json(r->value(p), o[value_to_key(key_, r->table_[p].key.view())]);
    }
    std::size_t heap_bytes(void const* v) const override {
        auto r = at(v).rows_.get();
        if (!r) return 0;
        std::size_t n = sizeof(rows) + r->table_.heap_bytes() + r->changes.capacity() * 4;
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

void* map_body::reach_path(part const& mine, bytes_view path) {
    return map_part::reach(*this, static_cast<map_part const&>(mine), path);
}

std::unique_ptr<part const> make_map_part(char key_kind, part const& child) {
    return std::make_unique<map_part>(key_kind, child);
}

} // namespace dunlin
