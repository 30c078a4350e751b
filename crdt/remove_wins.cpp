#include "remove_wins.hpp"
#include "mutant.hpp"
#include "set.hpp"
#include <boost/json/value.hpp>

namespace dunlin {

bool remove_wins_body::shown(std::uint32_t at) const {
    auto& row = rows_->elements[at];
    return row.key.mark() == settled ? row.payload.in() : row.key.mark() == added;
}

/// True if it was in.
bool remove_wins_body::change(bytes_view element, mark to) {
    if (element.size() > value_bytes_max) throw_out_of_bound("set: an element is at most 1 MiB");
    touch();
    if (!rows_) rows_ = std::make_unique<rows>();
    auto at = rows_->elements.insert(element).first;
    bool was_in = shown(at);
    auto& key = rows_->elements[at].key;
    if (key.mark() == settled) rows_->changed.push_back(at);
    key.mark(to);
    size_ = size_ + (to == added) - was_in;
    return was_in;
}

bool remove_wins_body::contains_bytes(bytes_view element) const {
    if (!rows_) return false;
    auto at = rows_->elements.find(element);
    return at != rows_->elements.none && shown(at);
}

void remove_wins_body::clear_all() {
    for (std::uint32_t at = 0; at < row_count(); ++at)
        if (shown(at) && !mutant("remove_wins_clear_says_nothing")) change(bytes(at), removed);
}

void remove_wins_body::reset() {
    if (!rows_ || (rows_->elements.size() == 0 && !rows_->forgotten)) return;
    touch();
    auto fresh = std::make_unique<rows>();
    fresh->forgotten = true;
    // Twice in a turn: what was changed between has no dots and is nothing.
    fresh->before = rows_->forgotten ? std::move(rows_->before) : std::move(rows_);
    rows_ = std::move(fresh);
    size_ = 0;
}

class remove_wins_part final : public part {
    using body = remove_wins_body;
    using rows = body::rows;
    using dots = body::dots;
    char element_;
    struct made : body {};
    static constexpr auto row_none = table<dots>::none;

    static body& at(void* v) { return *static_cast<body*>(v); }
    static body const& at(void const* v) { return *static_cast<body const*>(v); }

    static void count(body& x) {
        if (x.rows_ && x.rows_->elements.size() == 0) x.rows_.reset();
        x.size_ = 0;
        for (std::uint32_t p = 0; p < x.row_count(); ++p) x.size_ += x.rows_->elements[p].payload.in();
    }
    static bool settle(body& x, bool said) {
        if (x.rows_ && x.rows_->elements.size() == 0) x.rows_.reset(), x.size_ = 0;
        x.settle();
        return said;
    }
    static rows const* settled(body const& x) {
        return x.rows_ && x.rows_->forgotten ? x.rows_->before.get() : x.rows_.get();
    }
    template <class F> static void each_row_down(body& x, F f) {
        if (!x.rows_) return;
        auto& t = x.rows_->elements;
        for (auto p = t.size(); p--;) {
            x.size_ -= t[p].payload.in();
            f(t[p]);
            x.size_ += t[p].payload.in();
            if (t[p].payload.empty()) t.erase(p);
        }
        if (t.size() == 0) x.rows_.reset();
    }

public:
    explicit remove_wins_part(char element) : part(std::string("W") + element, sizeof(body)), element_(element) {}

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
        if (r.forgotten && !f.erased) collect(v, gone);
        r.before.reset();
        r.forgotten = false;
        std::uint64_t said = 0;
        f.out.u8(0);
        if (!gone.empty()) f.out.u(gone.size()), f.put(gone);
        std::size_t done = 0;
        for (; done < r.changed.size() && !(said && f.full()); ++done, ++said) one(r.elements[r.changed[done]], f);
        f.more = done < r.changed.size();
        r.changed.erase(r.changed.begin(), r.changed.begin() + std::ptrdiff_t(done));
        if (!said && gone.empty()) return f.out.resize(start), settle(x, false);
        f.out.patch(start, said * 2 + !gone.empty());
        return f.more || settle(x, true);
    }
    void rollback(void* v) const override {
        auto& x = at(v);
        if (x.rows_ && x.rows_->forgotten) x.rows_ = std::move(x.rows_->before);
        if (x.rows_) {
            auto& r = *x.rows_;
            for (auto p : r.changed) r.elements[p].key.mark(body::settled);
            std::sort(r.changed.begin(), r.changed.end(), std::greater<>());
            for (auto p : r.changed)
                if (r.elements[p].payload.empty()) r.elements.erase(p);
            r.changed.clear();
        }
        count(x);
        settle(x, false);
    }
    std::size_t weigh(void const* v) const override {
        auto r = at(v).rows_.get();
        std::size_t bytes = 16;
        if (!r) return bytes;
        for (auto p : r->changed) {
            auto& row = r->elements[p];
            bytes += row.key.view().size() + 24 + 16 * (row.payload.inserts.size() + row.payload.erases.size());
        }
        return bytes + (r->forgotten ? removal_bytes(*this, v) : 0);
    }
    void erase(void* v) const override { at(v).reset(); }
    void collect(void const* v, removal& r) const override {
        if (auto all = settled(at(v)))
            for (std::uint32_t p = 0; p < all->elements.size(); ++p)
                all->elements[p].payload.each([&](dot d) { r.add(d); });
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
            c.pairs(c.in.u() / 2);
        }
    }
    void join_delta(void* v, absorbing& a) const override {
        auto& x = at(v);
        auto head = a.in.u();
        if (head & 1) drop(v, a.pairs(a.in.u()));
        if (!x.rows_ && head / 2) x.rows_ = std::make_unique<rows>();
        for (auto n = head / 2; n && a.in.ok(); --n) {
            auto element = cut_value(a.in, element_);
            auto what = a.in.u();
            auto gone = a.pairs(what / 2);
            gone.add(a.at); // the author's older one; and this one, if an enemy names an element twice
            auto& d = x.rows_->elements[x.rows_->elements.insert(element).first].payload;
            x.size_ -= d.in();
            d.drop(gone);
            (what & 1 ? d.inserts : d.erases).put(a.at);
            x.size_ += d.in();
        }
    }
    void drop(void* v, removal const& r) const override {
        each_row_down(at(v), [&](auto& row) { row.payload.drop(r); });
    }
    void join(void* v, void const* other, joining const& j) const override {
        auto& x = at(v);
        auto theirs = other ? at(other).rows_.get() : nullptr;
        auto both = [&](dots& mine, dots const* of_them) {
            mine.inserts.join(of_them ? &of_them->inserts : nullptr, j.mine, j.theirs);
            mine.erases.join(of_them ? &of_them->erases : nullptr, j.mine, j.theirs);
        };
        each_row_down(x, [&](auto& row) {
            auto q = theirs ? theirs->elements.find(row.key.view()) : row_none;
            both(row.payload, q == row_none ? nullptr : &theirs->elements[q].payload);
        });
        for (std::uint32_t q = 0; theirs && q < theirs->elements.size(); ++q) {
            auto& row = theirs->elements[q];
            if (x.rows_ && x.rows_->elements.find(row.key.view()) != row_none) continue;
            dots d;
            both(d, &row.payload);
            if (d.empty()) continue;
            if (!x.rows_) x.rows_ = std::make_unique<rows>();
            x.size_ += d.in();
            x.rows_->elements[x.rows_->elements.insert(row.key.view()).first].payload = std::move(d);
        }
    }

    void each_slot(void const* v, slot_set& s) const override {
        auto r = at(v).rows_.get();
        for (auto some : {r, r ? r->before.get() : nullptr}) // what was forgotten in this turn is yet to be named
            for (std::uint32_t p = 0; some && p < some->elements.size(); ++p)
                some->elements[p].payload.each([&](dot d) { s.add(d.slot()); });
    }
    void encode(void const* v, saving& s) const override {
        auto r = at(v).rows_.get();
        auto start = s.out.size();
        s.out.u8(0);
        std::uint64_t n = 0;
        if (r)
            for (auto p : r->elements.sorted()) {
                auto& row = r->elements[p];
                if (s.live_only() && !row.payload.in()) continue;
                put_value(s.out, element_, row.key.view());
                s.dots(row.payload.inserts);
                if (!s.live_only()) s.dots(row.payload.erases);
                ++n;
            }
        s.out.patch(start, n);
    }
    void decode(void* v, loading& l) const override {
        auto& x = at(v);
        auto n = l.in.count(5);
        if (n) x.rows_ = std::make_unique<rows>();
        std::string last;
        for (std::uint64_t k = 0; k < n && l.in.ok(); ++k) {
            auto element = cut_value(l.in, element_);
            if (!l.in.ok() || !check_value(element_, element) || (k && element <= last)) return l.in.fail();
            last.assign(element);
            dots d;
            d.inserts = l.dots(), d.erases = l.dots();
            if (d.empty()) return l.in.fail();
            x.size_ += d.in();
            x.rows_->elements[x.rows_->elements.insert(element).first].payload = std::move(d);
        }
    }

    void to_json(void const* v, boost::json::value& out) const override {
        auto& list = out.emplace_array();
        auto& x = at(v);
        if (!x.rows_) return;
        for (auto p : x.rows_->elements.sorted())
            if (x.shown(p)) value_to_json(element_, x.bytes(p), list.emplace_back(nullptr));
    }
    std::size_t heap_bytes(void const* v) const override {
        auto r = at(v).rows_.get();
        return r ? sizeof(rows) + r->elements.heap_bytes() + r->changed.capacity() * 4 : 0;
    }

private:
    void one(table<dots>::row& row, flushing& f) const {
        bool in = row.key.mark() == body::added;
        removal r;
        row.payload.each([&](dot d) {
            if (in && row.payload.inserts.find(d.slot()) != d && mutant("remove_wins_insert_overrules_no_erase")) return;
            if (d.slot() != f.self()) r.add(d); // the author's own older dot is implied by the new one
        });
        row.payload.inserts.clear(), row.payload.erases.clear();
        (in ? row.payload.inserts : row.payload.erases).assign(f.at);
        row.key.mark(body::settled);
        put_value(f.out, element_, row.key.view());
        f.out.u(r.size() * 2 + in);
        f.put(r);
    }
};

std::unique_ptr<part const> make_remove_wins_part(char element_kind) {
    return std::make_unique<remove_wins_part>(element_kind);
}

} // namespace dunlin
