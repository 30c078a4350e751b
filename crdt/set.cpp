#include "set.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>

namespace dunlin {

bool set_body::insert_bytes(bytes_view element) {
    if (element.size() > value_bytes_max) throw_out_of_bound("set: an element is at most 1 MiB");
    touch();
    if (!rows_) rows_ = std::make_unique<rows>();
    auto [at, fresh] = rows_->elements.insert(element);
    auto& key = rows_->elements[at].key;
    bool was_in = !fresh && key.mark() != removed;
    if (key.mark() == settled) rows_->changed.push_back(at);
    key.mark(added);
    size_ += !was_in;
    return !was_in;
}

bool set_body::erase_bytes(bytes_view element) {
    if (!rows_) return false;
    auto at = rows_->elements.find(element);
    if (at == rows_->elements.none || rows_->elements[at].key.mark() == removed) return false;
    touch();
    auto& key = rows_->elements[at].key;
    if (key.mark() == settled) rows_->changed.push_back(at);
    key.mark(removed);
    --size_;
    return true;
}

bool set_body::contains_bytes(bytes_view element) const {
    if (!rows_) return false;
    auto at = rows_->elements.find(element);
    return at != rows_->elements.none && rows_->elements[at].key.mark() != removed;
}

dot set_body::said_by_bytes(bytes_view element) const {
    dot one;
    if (contains_bytes(element)) rows_->elements[rows_->elements.find(element)].payload.each([&](dot d) { one = std::max(one, d); });
    return one;
}

void set_body::clear_all() {
    if (!rows_ || (rows_->elements.size() == 0 && !rows_->cleared)) return;
    touch();
    auto fresh = std::make_unique<rows>();
    fresh->cleared = true;
    // Cleared twice in a turn: what was added between has no dots and is nothing.
    fresh->before = rows_->cleared ? std::move(rows_->before) : std::move(rows_);
    rows_ = std::move(fresh);
    size_ = 0;
}

class set_part final : public part {
    using body = set_body;
    using rows = body::rows;
    char element_;

    static body& at(void* v) { return *static_cast<body*>(v); }
    static body const& at(void const* v) { return *static_cast<body const*>(v); }

    static void count(body& x) {
        if (x.rows_ && x.rows_->elements.size() == 0) x.rows_.reset();
        x.size_ = x.rows_ ? x.rows_->elements.size() : 0;
    }
    static bool settle(body& x, bool said) {
        count(x);
        x.settle();
        return said;
    }
    /// The settled rows: those before a clear of this turn.
    static rows const* settled(body const& x) {
        return x.rows_ && x.rows_->cleared ? x.rows_->before.get() : x.rows_.get();
    }

public:
    set_part(char letter, char element) : part(std::string{letter, element}, sizeof(set_body)), element_(element) {}

    void make(void* v) const override { new (v) made(); }
    void destroy(void* v) const override { static_cast<made*>(v)->~made(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override { return at(v).size_ != 0; }
    bool vacant(void const* v) const override { return !at(v).rows_; }

    bool flush(void* v, flushing& f) const override {
        auto& x = at(v);
        if (!x.rows_) return settle(x, false);
        auto& r = *x.rows_;
        auto start = f.out.size();
        removal gone;
        bool lost = mutant("erase_is_lost_when_made_again") && !r.changed.empty();
        if (r.cleared && !f.erased && !lost) collect(v, gone);
        r.before.reset();
        r.cleared = false;
        std::vector<std::uint32_t> sweep;
        std::uint64_t said = 0;
        // The head is written when the number of elements is known: most turns have few, one byte is reserved.
        f.out.u8(0);
        if (!gone.empty()) f.out.u(gone.size()), f.put(gone);
        std::size_t done = 0;
        for (; done < r.changed.size() && !(said && f.full()); ++done) {
            auto p = r.changed[done];
            said += one(r.elements[p], f);
            if (r.elements[p].key.mark() == body::removed)
                sweep.push_back(p);
            else
                r.elements[p].key.mark(body::settled);
        }
        f.more = done < r.changed.size();
        r.changed.erase(r.changed.begin(), r.changed.begin() + std::ptrdiff_t(done));
        if (f.more) { // positions must stay: what is out goes with the last entry, and has no more to say
            for (auto p : sweep) r.elements[p].payload.clear(), r.changed.push_back(p);
            return f.out.patch(start, said * 2 + !gone.empty()), true;
        }
        std::sort(sweep.begin(), sweep.end(), std::greater<>());
        for (auto p : sweep) r.elements.erase(p);
        if (!said && gone.empty()) return f.out.resize(start), settle(x, false);
        f.out.patch(start, said * 2 + !gone.empty());
        return settle(x, true);
    }
    void rollback(void* v) const override {
        auto& x = at(v);
        if (x.rows_ && x.rows_->cleared) x.rows_ = std::move(x.rows_->before);
        if (x.rows_) {
            auto& r = *x.rows_;
            std::vector<std::uint32_t> sweep;
            for (auto p : r.changed) {
                if (r.elements[p].payload.empty() && !mutant("undo_keeps_additions")) sweep.push_back(p);
                r.elements[p].key.mark(body::settled);
            }
            r.changed.clear();
            std::sort(sweep.begin(), sweep.end(), std::greater<>());
            for (auto p : sweep) r.elements.erase(p);
        }
        settle(x, false);
    }
    std::size_t weigh(void const* v) const override {
        auto r = at(v).rows_.get();
        std::size_t bytes = 16;
        if (!r) return bytes;
        for (auto p : r->changed) bytes += r->elements[p].key.view().size() + 24 + 16 * r->elements[p].payload.size();
        return bytes + (r->cleared ? removal_bytes(*this, v) : 0);
    }
    void erase(void* v) const override { at(v).clear_all(); }
    void collect(void const* v, removal& r) const override {
        if (auto all = settled(at(v)))
            for (std::uint32_t p = 0; p < all->elements.size(); ++p) all->elements[p].payload.collect(r);
    }

    void check(checking& c) const override {
        auto head = c.in.u();
        if (head == 0) return c.in.fail();
        if (head & 1) {
            auto m = c.in.u();
            if (m == 0) return c.in.fail();
            c.pairs(m);
        }
        for (auto n = head / 2; n && c.in.ok(); --n) {
            auto element = cut_value(c.in, element_);
            if (!c.in.ok() || !check_value(element_, element)) return c.in.fail();
            auto what = c.in.u();
            if (what == 0 || (kind()[0] == 'G' && what != 1)) return c.in.fail();
            c.pairs(what / 2);
        }
    }
    void join_delta(void* v, absorbing& a) const override {
        auto& x = at(v);
        auto head = a.in.u();
        if (head & 1) drop(v, a.pairs(a.in.u()));
        if (!x.rows_) x.rows_ = std::make_unique<rows>();
        auto& t = x.rows_->elements;
        for (auto n = head / 2; n && a.in.ok(); --n) {
            auto element = cut_value(a.in, element_);
            auto what = a.in.u();
            auto gone = a.pairs(what / 2);
            auto p = what & 1 ? t.insert(element).first : t.find(element);
            if (p == t.none) continue;
            t[p].payload.drop(gone);
            if (what & 1) t[p].payload.put(a.at);
            if (t[p].payload.empty()) t.erase(p);
        }
        count(x);
    }
    void drop(void* v, removal const& r) const override {
        each_row_down(at(v), [&](dot_set& d) { d.drop(r); });
    }
    void join(void* v, void const* other, joining const& j) const override {
        auto& x = at(v);
        auto theirs = other ? at(other).rows_.get() : nullptr;
        if (x.rows_)
            for (auto p = x.rows_->elements.size(); p--;) {
                auto& row = x.rows_->elements[p];
                auto q = theirs ? theirs->elements.find(row.key.view()) : row_none;
                row.payload.join(q == row_none ? nullptr : &theirs->elements[q].payload, j.mine, j.theirs);
                if (row.payload.empty()) x.rows_->elements.erase(p);
            }
        if (theirs)
            for (std::uint32_t q = 0; q < theirs->elements.size(); ++q) {
                auto& row = theirs->elements[q];
                if (x.rows_ && x.rows_->elements.find(row.key.view()) != row_none) continue;
                dot_set d;
                d.join(&row.payload, j.mine, j.theirs);
                if (d.empty()) continue;
                if (!x.rows_) x.rows_ = std::make_unique<rows>();
                x.rows_->elements[x.rows_->elements.insert(row.key.view()).first].payload = std::move(d);
            }
        count(x);
    }

    void each_slot(void const* v, slot_set& s) const override {
        auto r = at(v).rows_.get();
        for (auto some : {r, r ? r->before.get() : nullptr}) // what was cleared in this turn is yet to be named
            for (std::uint32_t p = 0; some && p < some->elements.size(); ++p)
                some->elements[p].payload.each([&](dot d) { s.add(d.slot()); });
    }
    void encode(void const* v, saving& s) const override {
        auto r = at(v).rows_.get();
        s.out.u(r ? r->elements.size() : 0);
        if (!r) return;
        for (auto p : r->elements.sorted()) {
            put_value(s.out, element_, r->elements[p].key.view());
            s.dots(r->elements[p].payload);
        }
    }
    void decode(void* v, loading& l) const override {
        auto& x = at(v);
        auto n = l.in.count(4);
        if (n) x.rows_ = std::make_unique<rows>();
        std::string last;
        for (std::uint64_t k = 0; k < n && l.in.ok(); ++k) {
            auto element = cut_value(l.in, element_);
            if (!l.in.ok() || !check_value(element_, element) || (k && element <= last && !mutant("codec_takes_a_key_twice")))
                return l.in.fail();
            last.assign(element);
            auto d = l.dots();
            if (d.empty()) return l.in.fail();
            x.rows_->elements[x.rows_->elements.insert(element).first].payload = std::move(d);
        }
        count(x);
    }

    void to_json(void const* v, boost::json::value& out) const override {
        auto& list = out.emplace_array();
        auto r = at(v).rows_.get();
        if (!r) return;
        for (auto p : r->elements.sorted())
            if (r->elements[p].key.mark() != body::removed)
                value_to_json(element_, r->elements[p].key.view(), list.emplace_back(nullptr));
    }
    std::size_t heap_bytes(void const* v) const override {
        auto r = at(v).rows_.get();
        return r ? sizeof(rows) + r->elements.heap_bytes() + r->changed.capacity() * 4 : 0;
    }

private:
    static constexpr auto row_none = table<dot_set>::none;
    struct made : set_body {};

    /// One changed element. True if there is something to say.
    bool one(table<dot_set>::row& row, flushing& f) const {
        bool in = row.key.mark() == body::added;
        removal r;
        row.payload.each([&](dot d) {
            if (!in || d.slot() != f.self()) r.add(d); // the author's own older dot is implied by the new one
        });
        if (in && mutant("set_insert_keeps_old_dots"))
            row.payload.put(f.at);
        else if (in)
            row.payload.assign(f.at);
        else if (r.empty() || mutant("set_erase_is_not_told"))
            return false; // put in and taken out in one turn
        put_value(f.out, element_, row.key.view());
        f.out.u(r.size() * 2 + in);
        f.put(r);
        return true;
    }
    template <class F> static void each_row_down(body& x, F f) {
        if (!x.rows_) return;
        auto& t = x.rows_->elements;
        for (auto p = t.size(); p--;) {
            f(t[p].payload);
            if (t[p].payload.empty()) t.erase(p);
        }
        count(x);
    }
};

std::unique_ptr<part const> make_set_part(char letter, char element_kind) {
    return std::make_unique<set_part>(letter, element_kind);
}

} // namespace dunlin
