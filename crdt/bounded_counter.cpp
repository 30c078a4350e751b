#include "bounded_counter.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>
#include <limits>
#include <new>

namespace dunlin {

namespace {
constexpr auto sum_max = std::numeric_limits<std::int64_t>::max();

/// What a decoder has let through is not below zero; sums of what somebody made up may be anything.
std::int64_t plus(std::int64_t a, std::int64_t b) { return saturated(wide_int(a) + b); }

void add_gift(std::vector<bounded_counter::gift>& all, std::uint32_t to, std::int64_t sum) {
    auto it = std::lower_bound(all.begin(), all.end(), to, [](auto& g, auto slot) { return g.to < slot; });
    if (it != all.end() && it->to == to)
        it->sum = plus(it->sum, sum);
    else
        all.insert(it, {to, sum});
}
bool is_sum(std::uint64_t n) { return n <= std::uint64_t(sum_max); }

// Parts of a delta.
constexpr unsigned deposits = 1, spends = 2, pockets = 4, wants = 8, gifts = 16, all_parts = 31;
} // namespace

wide_int bounded_counter::share::given() const {
    wide_int sum = 0;
    for (auto& g : gifts) sum += g.sum;
    return sum;
}
std::int64_t bounded_counter::share::given_to(std::uint32_t slot) const {
    for (auto& g : gifts)
        if (g.to == slot) return g.sum;
    return 0;
}

bounded_counter::bounded_counter(bounded_counter&& other) noexcept
    : field(std::move(other)), self_(other.self_), available_(std::exchange(other.available_, 0)),
      total_(std::exchange(other.total_, 0)), low_(other.low_), body_(std::exchange(other.body_, nullptr)) {}

bounded_counter::share const* bounded_counter::find(std::uint32_t writer) const {
    auto all = shares();
    auto it = std::lower_bound(all.begin(), all.end(), writer, [](auto& s, auto slot) { return s.at.slot() < slot; });
    return it != all.end() && it->at.slot() == writer ? &*it : nullptr;
}
bounded_counter::share& bounded_counter::make(dot at) {
    auto& all = own_body().shares;
    auto it = std::lower_bound(all.begin(), all.end(), at.slot(), [](auto& s, auto slot) { return s.at.slot() < slot; });
    if (it == all.end() || it->at.slot() != at.slot()) it = all.insert(it, share{}), it->at = at;
    return *it;
}
void bounded_counter::put(share const& s) {
    auto& mine = make(s.at);
    if (mutant("bounded_counter_joins_part_by_part")) {
        mine.deposited = std::max(mine.deposited, s.deposited), mine.spent = std::max(mine.spent, s.spent);
        mine.pocketed = std::max(mine.pocketed, s.pocketed), mine.wanted = std::max(mine.wanted, s.wanted);
        if (mine.at.number() <= s.at.number()) mine.at = s.at, mine.gifts = s.gifts;
    } else if (mine.at.number() <= s.at.number())
        mine = s;
}

void bounded_counter::deposit(std::int64_t n) {
    require(n >= 0, "a deposit of less than nothing: use try_spend, which may say no");
    auto mine = find(self_);
    auto before = plus(mine ? mine->deposited : 0, body_ ? body_->turn.deposited : 0);
    auto inside = plus(mine ? mine->pocketed : 0, body_ ? body_->turn.pocketed : 0);
    if (n > sum_max - std::max(before, inside)) throw_out_of_bound("bounded_counter: this node's deposits would leave 63 bits");
    if (n == 0) return;
    touch();
    auto& turn = own_body().turn;
    turn.deposited += n, turn.pocketed += n;
    available_ = plus(available_, n), total_ = plus(total_, n);
    tell();
}

bool bounded_counter::miss(std::int64_t n) {
    if (is_attached()) {
        auto& b = own_body();
        b.missed = std::max(b.missed, n);
        tell();
    }
    return false;
}
void bounded_counter::tell() {
    low_ = 0;
    if (is_attached() && !std::exchange(own_body().told, true)) head().up->rights_changed(head());
}
std::int64_t bounded_counter::take_told() {
    if (!body_) return 0;
    body_->told = false;
    return std::exchange(body_->missed, 0);
}

std::int64_t bounded_counter::deposited() const {
    wide_int sum = body_ ? body_->turn.deposited : 0;
    for (auto& s : shares()) sum += s.deposited;
    return saturated(sum);
}
std::int64_t bounded_counter::spent() const {
    wide_int sum = body_ ? body_->turn.spent : 0;
    for (auto& s : shares()) sum += s.spent;
    return saturated(sum);
}

std::int64_t bounded_counter::pocket(std::int64_t n) {
    auto mine = find(self_);
    n = std::min(n, sum_max - plus(mine ? mine->pocketed : 0, own_body().turn.pocketed));
    if (n <= 0) return 0;
    touch();
    body_->turn.pocketed += n, body_->held += n, body_->held_in_turn += n;
    return n;
}
void bounded_counter::confirm(std::int64_t n) {
    if (!body_) return;
    n = std::min(n, body_->held);
    body_->held -= n, available_ = plus(available_, n);
}
void bounded_counter::give_up(std::int64_t n) {
    if (!body_ || body_->held < n) return;
    touch();
    body_->held -= n, body_->held_in_turn -= n, body_->turn.pocketed -= n;
}
void bounded_counter::put_back(std::int64_t n) {
    n = std::min(n, available_);
    if (n <= 0) return;
    touch();
    available_ -= n, own_body().turn.pocketed -= n;
}
void bounded_counter::give(std::uint32_t to, std::int64_t n) {
    n = std::min(n, available_);
    if (n <= 0 || to == self_) return;
    touch();
    available_ -= n;
    add_gift(own_body().turn.gifts, to, n);
}
void bounded_counter::want(std::int64_t n) {
    auto mine = find(self_);
    auto& turn = own_body().turn;
    n = std::min(n, sum_max - plus(mine ? mine->wanted : 0, turn.wanted));
    if (n <= 0) return;
    touch();
    turn.wanted += n;
}

void bounded_counter::want_no_more() {
    auto mine = find(self_);
    if (!mine) return;
    wide_int open = wide_int(mine->wanted) + body_->turn.wanted;
    for (auto& s : shares()) open -= s.given_to(self_);
    auto less = saturated(std::min<wide_int>(open, mine->wanted));
    if (less <= 0) return;
    touch();
    body_->turn.wanted -= less;
}

/// After the shares have changed and nothing is pending.
void bounded_counter::recount() {
    wide_int total = 0;
    for (auto& s : shares()) total += wide_int(s.deposited) - s.spent;
    total_ = saturated(total);
    auto mine = find(self_);
    if (mutant("bounded_counter_spends_what_others_hold")) return void(available_ = std::max<std::int64_t>(0, total_));
    available_ = mine ? std::max<std::int64_t>(0, saturated(mine->pocket() - body_->held)) : 0;
}
void bounded_counter::settle_turn() {
    if (body_) body_->turn = {}, body_->held_in_turn = 0;
    recount();
    settle();
}

class bounded_part final : public part {
    using share = bounded_counter::share;
    static bounded_counter& at(void* v) { return *static_cast<bounded_counter*>(v); }
    static bounded_counter const& at(void const* v) { return *static_cast<bounded_counter const*>(v); }

public:
    bounded_part() : part("B", sizeof(bounded_counter)) {}

    void make(void* v) const override { new (v) bounded_counter; }
    void destroy(void* v) const override { at(v).~bounded_counter(); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }

    bool live(void const* v) const override { return at(v).total_ != 0; }
    bool vacant(void const* v) const override {
        auto& b = at(v);
        return !b.body_ || (b.body_->shares.empty() && is_quiet(b.body_->turn));
    }
    bool may_erase(void const* v) const override { return at(v).total_ == at(v).available_; }

    bool flush(void* v, flushing& f) const override {
        auto& b = at(v);
        b.self_ = f.self();
        if (!b.body_ || is_quiet(b.body_->turn)) return b.settle_turn(), false;
        auto& turn = b.body_->turn;
        auto& mine = b.make(f.at);
        mine.at = f.at;
        unsigned said = (turn.deposited ? deposits : 0) | (turn.spent ? spends : 0) | (turn.pocketed ? pockets : 0) |
                        (turn.wanted ? wants : 0) | (turn.gifts.empty() ? 0 : gifts);
        f.out.u(said);
        auto sum = [&](unsigned which, std::int64_t& all, std::int64_t n) {
            all = std::max<std::int64_t>(0, plus(all, n)); // not what it was only if somebody has made up our share
            if (said & which) f.out.u(std::uint64_t(all));
        };
        sum(deposits, mine.deposited, turn.deposited);
        sum(spends, mine.spent, turn.spent);
        sum(pockets, mine.pocketed, turn.pocketed);
        sum(wants, mine.wanted, turn.wanted);
        if (said & gifts) f.out.u(turn.gifts.size());
        for (auto& g : turn.gifts) {
            add_gift(mine.gifts, g.to, g.sum);
            f.out.u(f.table.index(g.to)), f.out.u(std::uint64_t(mine.given_to(g.to)));
        }
        b.settle_turn();
        return true;
    }
    std::size_t weigh(void const* v) const override {
        return 64 + (at(v).body_ ? 32 * at(v).body_->turn.gifts.size() : 0);
    }
    void rollback(void* v) const override {
        auto& b = at(v);
        if (b.body_) b.body_->held = std::max<std::int64_t>(0, b.body_->held - b.body_->held_in_turn);
        b.settle_turn();
    }
    void erase(void* v) const override {
        auto& b = at(v);
        if (!b.available_) return b.report();
        b.touch();
        b.own_body().turn.spent += b.available_;
        b.total_ = saturated(wide_int(b.total_) - b.available_), b.available_ = 0;
    }
    void collect(void const*, removal&) const override {}

    void check(checking& c) const override {
        auto said = c.in.u();
        if (said == 0 || said > all_parts) return c.in.fail();
        for (unsigned which = deposits; which <= wants; which *= 2)
            if (said & which && !is_sum(c.in.u())) return c.in.fail();
        if (!(said & gifts)) return;
        auto n = c.in.u();
        if (n == 0 || n >= c.writers) return c.in.fail(); // none to the author
        for (; n && c.in.ok(); --n) {
            auto index = c.in.u(), sum = c.in.u();
            if (index == 0 || index >= c.writers || sum == 0 || !is_sum(sum)) c.in.fail();
        }
    }
    void join_delta(void* v, absorbing& a) const override {
        auto& b = at(v);
        auto& s = b.make(a.at);
        s.at = a.at;
        auto said = a.in.u();
        if (said & deposits) s.deposited = std::int64_t(a.in.u());
        if (said & spends) s.spent = std::int64_t(a.in.u());
        if (said & pockets) s.pocketed = std::int64_t(a.in.u());
        if (said & wants) s.wanted = std::int64_t(a.in.u());
        for (auto n = said & gifts ? a.in.u() : 0; n; --n) {
            auto to = a.slots[a.in.u()];
            auto sum = std::int64_t(a.in.u());
            if (to == a.at.slot()) continue; // a record may name its writer twice; no state may hold that
            add_gift(s.gifts, to, sum - s.given_to(to));
        }
        b.self_ = a.self;
        b.recount();
    }
    void drop(void*, removal const&) const override {}
    void join(void* v, void const* other, joining const& j) const override {
        if (!other) return;
        for (auto& s : at(other).shares()) at(v).put(s);
        at(v).self_ = j.self;
        at(v).recount();
    }

    void each_slot(void const* v, slot_set& all) const override {
        for (auto& s : at(v).shares()) {
            all.add(s.at.slot());
            for (auto& g : s.gifts) all.add(g.to);
        }
    }
    void encode(void const* v, saving& s) const override {
        std::vector<std::pair<std::uint32_t, share const*>> sorted;
        for (auto& x : at(v).shares()) sorted.emplace_back(s.index(x.at.slot()), &x);
        std::sort(sorted.begin(), sorted.end());
        s.out.u(sorted.size());
        for (auto& [index, x] : sorted) {
            if (s.live_only())
                s.name(x->at.slot());
            else
                s.out.u(index);
            s.out.u(x->at.number());
            for (auto n : {x->deposited, x->spent, x->pocketed, x->wanted}) s.out.u(std::uint64_t(n));
            encode_gifts(x->gifts, s);
        }
    }
    void decode(void* v, loading& l) const override {
        auto& b = at(v);
        std::uint64_t after = 0;
        for (auto n = l.in.count(7); n && l.in.ok(); --n) {
            auto index = l.in.u(), number = l.in.u();
            if (index >= l.slots.size() || index < after || !number || number > dot::number_max) return l.in.fail();
            after = index + 1;
            share s;
            s.at = dot(l.slots[index], number);
            for (auto sum : {&s.deposited, &s.spent, &s.pocketed, &s.wanted}) {
                auto all = l.in.u();
                if (!is_sum(all)) return l.in.fail();
                *sum = std::int64_t(all);
            }
            std::uint64_t next = 0;
            for (auto m = l.in.count(2); m && l.in.ok(); --m) {
                auto to = l.in.u(), sum = l.in.u();
                if (to >= l.slots.size() || to < next || to == index || sum == 0 || !is_sum(sum)) return l.in.fail();
                next = to + 1;
                add_gift(s.gifts, l.slots[to], std::int64_t(sum));
            }
            b.put(s);
        }
        b.self_ = l.self;
        b.recount();
    }

    void to_json(void const* v, boost::json::value& out) const override { out = at(v).value(); }
    std::size_t heap_bytes(void const* v) const override {
        auto body = at(v).body_;
        if (!body) return 0;
        auto bytes = sizeof(*body) + 32 + body->shares.capacity() * sizeof(share);
        for (auto& s : body->shares) bytes += s.gifts.capacity() * sizeof(bounded_counter::gift);
        return bytes;
    }

private:
    static bool is_quiet(share const& turn) {
        return !turn.deposited && !turn.spent && !turn.pocketed && !turn.wanted && turn.gifts.empty();
    }
    static void encode_gifts(std::vector<bounded_counter::gift> const& all, saving& s) {
        std::vector<std::pair<std::uint32_t, bounded_counter::gift>> sorted;
        for (auto& g : all) sorted.emplace_back(s.index(g.to), g);
        std::sort(sorted.begin(), sorted.end(), [](auto& x, auto& y) { return x.first < y.first; });
        s.out.u(sorted.size());
        for (auto& [index, g] : sorted) {
            if (s.live_only())
                s.name(g.to);
            else
                s.out.u(index);
            s.out.u(std::uint64_t(g.sum));
        }
    }
};

part const& bounded_counter::of() {
    static bounded_part const one;
    return one;
}

} // namespace dunlin
