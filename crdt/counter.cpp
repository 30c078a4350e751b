#include "counter.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>
#include <limits>
#include <new>

namespace dunlin {

namespace {
using wide = wide_int;
constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();

/// The join of two slots of one writer.
void raise(counter::slot& mine, counter::slot const& theirs) {
    if (mine.epoch != theirs.epoch) {
        if (mine.epoch < theirs.epoch) mine = theirs;
        return;
    }
    if (mutant("counter_greater_sum")) {
        mine.at = std::max(mine.at, theirs.at), mine.sum = std::max(mine.sum, theirs.sum);
        mine.base_number = std::max(mine.base_number, theirs.base_number);
        mine.base_sum = std::max(mine.base_sum, theirs.base_sum);
        return;
    }
    if (theirs.at.number() > mine.at.number()) mine.at = theirs.at, mine.sum = theirs.sum;
    if (mutant("counter_keeps_all_of_who_went_on") && mine.at.number() > theirs.base_number) return;
    if (theirs.base_number > mine.base_number) mine.base_number = theirs.base_number, mine.base_sum = theirs.base_sum;
}
} // namespace

counter::counter(counter&& other) noexcept
    : field(std::move(other)), many_(other.many_), wide_(other.wide_), erased_(other.erased_), self_(other.self_),
      total_(other.total_) {
    if (many_)
        body_ = other.body_;
    else
        one_ = other.one_;
    other.many_ = other.wide_ = other.erased_ = 0, other.total_ = 0, other.one_ = {};
}

template <class F> void counter::each(F f) const {
    if (many_)
        for (auto& s : body_->slots) f(s);
    else if (one_.at)
        f(slot{one_.at, one_.epoch, one_.sum, 0, 0});
}

counter::slot counter::find(std::uint32_t writer) const {
    slot found;
    each([&](slot const& s) {
        if (s.at.slot() == writer) found = s;
    });
    return found;
}

void counter::own_body() {
    if (many_) return;
    auto made = new body;
    each([&](slot const& s) { made->slots.push_back(s); });
    body_ = made, many_ = 1;
}

void counter::put(slot const& s) {
    if (!many_ && (!one_.at || one_.at.slot() == s.at.slot()) && !s.base_number)
        return void(one_ = {s.at, s.epoch, s.sum});
    own_body();
    auto& v = body_->slots;
    auto it = std::lower_bound(v.begin(), v.end(), s.at.slot(), [](slot const& x, auto w) { return x.at.slot() < w; });
    if (it != v.end() && it->at.slot() == s.at.slot())
        *it = s;
    else
        v.insert(it, s);
}

wide_int counter::settled() const {
    wide sum = 0;
    each([&](slot const& s) { sum += wide(s.sum) - s.base_sum; });
    return sum;
}

wide_int counter::pending() const {
    if (wide_) return body_->pending;
    return wide(total_) - (erased_ ? 0 : settled());
}

/// After the slots have changed and nothing is pending.
void counter::recount() {
    wide total = 0, reach = 0;
    each([&](slot const& s) {
        auto x = wide(s.sum) - s.base_sum;
        total += x, reach += (x < 0 ? -x : x);
        reach += s.sum < 0 ? -wide(s.sum) : wide(s.sum);
    });
    total_ = saturated(total);
    wide_ = reach >= near_max;
    if (wide_) own_body(), body_->pending = 0;
}

void counter::add_wide(wide n) {
    auto before = pending();
    auto mine = erased_ ? slot() : find(self_);
    wide own = mine.at && !mine.cancelled() ? mine.sum : 0;
    if (own + before + n > most || own + before + n < least)
        throw_out_of_bound("counter: this node's own sum would leave 64 bits");
    wide base = erased_ ? 0 : settled();
    own_body();
    wide_ = 1;
    body_->pending = before + n;
    total_ = saturated(base + body_->pending);
}

counter& counter::operator-=(std::int64_t n) {
    if (n != least) return *this += -n;
    touch(); // the one number whose opposite does not exist
    add_wide(-wide(n));
    return *this;
}

void counter::reset() {
    touch();
    erased_ = 1;
    total_ = 0;
    if (wide_) body_->pending = 0;
}

void counter::settle_turn() {
    erased_ = 0;
    recount();
    settle();
}

class counter_part final : public part {
    static counter& at(void* v) { return *static_cast<counter*>(v); }
    static counter const& at(void const* v) { return *static_cast<counter const*>(v); }

public:
    counter_part() : part("C", sizeof(counter)) {}

    void make(void* v) const override { new (v) counter; }
    void destroy(void* v) const override { at(v).~counter(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }

    bool live(void const* v) const override {
        bool any = at(v).pending() != 0;
        if (!at(v).erased_) at(v).each([&](counter::slot const& s) { any |= !s.cancelled(); });
        return any;
    }
    bool vacant(void const* v) const override {
        bool any = at(v).total_ != 0;
        at(v).each([&](counter::slot const&) { any = true; });
        return !any;
    }

    bool flush(void* v, flushing& f) const override {
        auto& c = at(v);
        auto added = c.pending();
        std::vector<counter::slot> cancelled;
        if (c.erased_)
            c.each([&](counter::slot const& s) {
                if (!s.cancelled() && (!added || s.at.slot() != f.self())) cancelled.push_back(s);
            });
        c.own(f.self());
        if (!added && cancelled.empty()) return c.settle_turn(), false;
        auto mine = c.find(f.self());
        bool full = mine.cancelled() ||
                    (mutant("counter_equal_sums_open_epoch") && mine.base_number && mine.base_sum == mine.sum);
        bool carries = mutant("counter_carries_the_rest_over") && added && mine.base_number && !full && !c.erased_;
        bool fresh = added && (!mine.at || full || carries || c.erased_);
        f.out.u(cancelled.size() * 4 + fresh * 2 + (added != 0));
        if (added) {
            if (carries) added += mine.sum - mine.base_sum;
            mine = fresh ? counter::slot{f.at, f.at.number(), std::int64_t(added), 0, 0} : mine;
            if (!fresh) mine.at = f.at, mine.sum = std::int64_t(mine.sum + added);
            f.out.i(mine.sum);
            c.put(mine);
        }
        for (auto& s : cancelled) {
            f.out.u(f.table.index(s.at.slot())), f.out.u(s.at.number());
            f.out.u(s.at.number() - s.epoch), f.out.i(s.sum);
            s.base_number = s.at.number(), s.base_sum = s.sum;
            c.put(s);
        }
        c.settle_turn();
        return true;
    }
    std::size_t weigh(void const* v) const override {
        std::size_t bytes = 48;
        if (at(v).erased_) at(v).each([&](counter::slot const&) { bytes += 48; });
        return bytes;
    }
    void rollback(void* v) const override { at(v).settle_turn(); }
    void erase(void* v) const override { at(v).reset(); }
    void collect(void const*, removal&) const override {}

    void check(checking& c) const override {
        auto head = c.in.u();
        if ((head & 3) == 2 || head == 0 || head / 4 > c.writers) return c.in.fail();
        if (head & 1) c.in.i();
        for (auto n = head / 4; n && c.in.ok(); --n) {
            auto index = c.in.u(), number = c.in.u(), age = c.in.u();
            c.in.i();
            if (!c.may_name(index, number) || age >= number) c.in.fail();
        }
    }
    void join_delta(void* v, absorbing& a) const override {
        auto& c = at(v);
        auto head = a.in.u();
        if (head & 1) {
            auto mine = c.find(a.at.slot());
            bool first = !mine.at;
            bool lied = mine.at.number() >= a.at.number(); // somebody named an entry of this writer that was not there
            if ((head & 2) || !mine.at || lied) mine = {a.at, a.at.number(), 0, 0, 0};
            mine.at = a.at, mine.sum = a.in.i();
            if (first || !mutant("counter_keeps_what_it_heard_first")) c.put(mine);
        }
        for (auto n = head / 4; n; --n) {
            counter::slot s;
            s.at = a.pair();
            s.epoch = s.at.number() - a.in.u();
            s.sum = a.in.i();
            s.base_number = s.at.number(), s.base_sum = s.sum;
            raise_in(c, s);
        }
        c.own(a.self);
        c.recount();
    }
    void drop(void*, removal const&) const override {}
    void join(void* v, void const* other, joining const& j) const override {
        if (!other) return;
        at(other).each([&](counter::slot const& s) { raise_in(at(v), s); });
        at(v).own(j.self);
        at(v).recount();
    }

    void each_slot(void const* v, slot_set& s) const override {
        at(v).each([&](counter::slot const& x) { s.add(x.at.slot()); });
    }
    void encode(void const* v, saving& s) const override {
        std::vector<std::pair<std::uint32_t, counter::slot>> sorted;
        at(v).each([&](counter::slot const& x) {
            if (!s.live_only() || !x.cancelled()) sorted.emplace_back(s.index(x.at.slot()), x);
        });
        std::sort(sorted.begin(), sorted.end(), [](auto& x, auto& y) { return x.first < y.first; });
        s.out.u(sorted.size());
        for (auto& [index, x] : sorted) {
            if (s.live_only()) {
                s.name(x.at.slot()), s.out.u(x.at.number());
                s.out.i(std::int64_t(std::uint64_t(x.sum) - std::uint64_t(x.base_sum)));
                continue;
            }
            bool based = x.base_number;
            s.out.u(std::uint64_t(index) * 2 + based), s.out.u(x.at.number());
            s.out.u(x.at.number() - x.epoch), s.out.i(x.sum);
            if (based) s.out.u(x.at.number() - x.base_number), s.out.i(x.base_sum);
        }
    }
    void decode(void* v, loading& l) const override {
        auto& c = at(v);
        std::uint64_t after = 0;
        for (auto n = l.in.count(4); n && l.in.ok(); --n) {
            auto head = l.in.u();
            auto number = l.in.u(), age = l.in.u();
            counter::slot s;
            s.sum = l.in.i();
            if (head / 2 >= l.slots.size() || head / 2 < after || !number || number > dot::number_max || age >= number)
                return l.in.fail();
            after = head / 2 + 1;
            s.at = dot(l.slots[head / 2], number), s.epoch = number - age;
            if (head & 1) {
                auto behind = l.in.u();
                s.base_sum = l.in.i();
                if (behind >= number) return l.in.fail();
                s.base_number = number - behind;
            }
            c.put(s);
        }
        c.own(l.self);
        c.recount();
    }

    void to_json(void const* v, boost::json::value& out) const override { out = at(v).value(); }
    std::size_t heap_bytes(void const* v) const override {
        return at(v).many_ ? sizeof(counter::body) + at(v).body_->slots.capacity() * sizeof(counter::slot) + 32 : 0;
    }

private:
    static void raise_in(counter& c, counter::slot const& s) {
        auto mine = c.find(s.at.slot());
        if (!mine.at) return c.put(s);
        raise(mine, s);
        c.put(mine);
    }
};

part const& counter::of() {
    static counter_part const one;
    return one;
}

} // namespace dunlin
