#include "flag.hpp"
#include <boost/json/value.hpp>
#include <new>

namespace dunlin {

class flag_part final : public part {
    static flag& at(void* v) { return *static_cast<flag*>(v); }
    static flag const& at(void const* v) { return *static_cast<flag const*>(v); }

    static bool settle(flag& x, bool said) {
        x.change_ = flag::change::none;
        x.settle();
        return said;
    }

public:
    flag_part() : part("F", sizeof(flag)) {}

    void make(void* v) const override { new (v) flag; }
    void destroy(void* v) const override { at(v).~flag(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override { return at(v).value(); }
    bool vacant(void const* v) const override { return at(v).dots_.empty() && !at(v).value(); }

    bool flush(void* v, flushing& f) const override {
        auto& x = at(v);
        bool on = x.change_ == flag::change::enable;
        if (x.change_ == flag::change::none || (!on && x.dots_.empty())) return settle(x, false);
        removal r;
        if (!f.erased)
            x.dots_.each([&](dot d) {
                if (!on || d.slot() != f.self()) r.add(d); // the author's own older dot is implied by the new one
            });
        bool said = on || !r.empty();
        if (said) f.out.u(r.size() * 2 + on), f.put(r);
        x.dots_.clear();
        if (on) x.dots_.assign(f.at);
        return settle(x, said);
    }
    std::size_t weigh(void const* v) const override { return 32 + 16 * at(v).dots_.size(); }
    void rollback(void* v) const override { settle(at(v), false); }
    void erase(void* v) const override { at(v).disable(); }
    void collect(void const* v, removal& r) const override { at(v).dots_.collect(r); }

    void check(checking& c) const override {
        auto head = c.in.u();
        if (head == 0) return c.in.fail();
        c.pairs(head / 2);
    }
    void join_delta(void* v, absorbing& a) const override {
        auto head = a.in.u();
        at(v).dots_.drop(a.pairs(head / 2));
        if (head & 1) at(v).dots_.put(a.at);
    }
    void drop(void* v, removal const& r) const override { at(v).dots_.drop(r); }
    void join(void* v, void const* other, joining const& j) const override {
        at(v).dots_.join(other ? &at(other).dots_ : nullptr, j.mine, j.theirs);
    }
    void each_slot(void const* v, slot_set& s) const override {
        at(v).dots_.each([&](dot d) { s.add(d.slot()); });
    }
    void encode(void const* v, saving& s) const override { s.dots(at(v).dots_); }
    void decode(void* v, loading& l) const override { at(v).dots_ = l.dots(); }
    void to_json(void const* v, boost::json::value& out) const override { out = at(v).value(); }
    std::size_t heap_bytes(void const* v) const override { return at(v).dots_.heap_bytes(); }
};

part const& flag::of() {
    static flag_part const one;
    return one;
}

} // namespace dunlin
