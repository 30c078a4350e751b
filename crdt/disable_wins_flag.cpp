#include "disable_wins_flag.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>
#include <new>

namespace dunlin {

class disable_wins_part final : public part {
    using body = disable_wins_flag;
    using change = body::change;

    static body& at(void* v) { return *static_cast<body*>(v); }
    static body const& at(void const* v) { return *static_cast<body const*>(v); }

    static bool settle(body& x, bool said) {
        x.change_ = change::none;
        x.settle();
        return said;
    }
    template <class F> static void each(body const& x, F f) {
        x.enables_.each(f);
        x.disables_.each(f);
    }

public:
    disable_wins_part() : part("D", sizeof(body)) {}

    void make(void* v) const override { new (v) body; }
    void destroy(void* v) const override { at(v).~body(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override { return at(v).value(); }
    bool vacant(void const* v) const override {
        auto& x = at(v);
        if (x.change_ == change::disable || x.change_ == change::enable) return false;
        return x.enables_.empty() && x.disables_.empty();
    }

    bool flush(void* v, flushing& f) const override {
        auto& x = at(v);
        if (x.change_ == change::none) return settle(x, false);
        if (x.change_ == change::disable && x.enables_.empty() && mutant("disable_says_nothing_where_it_is_off"))
            return settle(x, false);
        bool forget = x.change_ == change::forget;
        removal r;
        if (!f.erased)
            each(x, [&](dot d) {
                if (forget || d.slot() != f.self()) r.add(d); // the author's own older dot is implied by the new one
            });
        bool said = !forget || !r.empty();
        if (said) f.out.u(r.size() * 3 + (forget ? 0 : unsigned(x.change_))), f.put(r);
        x.enables_.clear(), x.disables_.clear();
        if (!forget) (x.change_ == change::enable ? x.enables_ : x.disables_).assign(f.at);
        return settle(x, said);
    }
    std::size_t weigh(void const* v) const override {
        return 32 + 16 * (at(v).enables_.size() + at(v).disables_.size());
    }
    void rollback(void* v) const override { settle(at(v), false); }
    void erase(void* v) const override { at(v).reset(); }
    void collect(void const* v, removal& r) const override {
        each(at(v), [&](dot d) { r.add(d); });
    }

    void check(checking& c) const override {
        auto head = c.in.u();
        if (head == 0) return c.in.fail();
        c.pairs(head / 3);
    }
    void join_delta(void* v, absorbing& a) const override {
        auto& x = at(v);
        auto head = a.in.u();
        auto r = a.pairs(head / 3);
        if (head % 3) r.add(a.at); // the author's older one; and this one, if an enemy names a key twice
        drop(v, r);
        if (head % 3) (head % 3 == 2 ? x.enables_ : x.disables_).put(a.at);
    }
    void drop(void* v, removal const& r) const override {
        at(v).enables_.drop(r);
        at(v).disables_.drop(r);
    }
    void join(void* v, void const* other, joining const& j) const override {
        at(v).enables_.join(other ? &at(other).enables_ : nullptr, j.mine, j.theirs);
        at(v).disables_.join(other ? &at(other).disables_ : nullptr, j.mine, j.theirs);
    }
    void each_slot(void const* v, slot_set& s) const override {
        each(at(v), [&](dot d) { s.add(d.slot()); });
    }
    void encode(void const* v, saving& s) const override {
        s.dots(at(v).enables_);
        if (!s.live_only()) s.dots(at(v).disables_);
    }
    void decode(void* v, loading& l) const override {
        at(v).enables_ = l.dots();
        at(v).disables_ = l.dots();
    }
    void to_json(void const* v, boost::json::value& out) const override { out = at(v).value(); }
    std::size_t heap_bytes(void const* v) const override {
        return at(v).enables_.heap_bytes() + at(v).disables_.heap_bytes();
    }
};

part const& disable_wins_flag::of() {
    static disable_wins_part const one;
    return one;
}

} // namespace dunlin
