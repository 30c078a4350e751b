#include "register.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cmath>

namespace dunlin {

std::vector<bytes_view> register_body::values_of(bytes_view shown) const {
    std::vector<bytes_view> all;
    if (holds_nothing()) return all;
    bool near = beside_ && beside_->near && !pending();
    all.push_back(near ? bytes_view(beside_->exact) : shown);
    if (beside_ && !pending())
        for (auto& l : beside_->losers) all.push_back(l.value);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::optional<bytes_view> register_body::shown_by_lease() const {
    if (pending() || !beside_ || !is_attached()) return std::nullopt;
    auto now = head().up->now_ms(head());
    if (lease_ms(at_, stamp_) > now) return std::nullopt;
    write const* best = nullptr;
    for (auto& l : beside_->losers)
        if (lease_ms(l.at, l.stamp) > now && (!best || std::pair(l.stamp, bytes_view(l.value)) > std::pair(best->stamp, bytes_view(best->value))))
            best = &l;
    return best ? std::optional<bytes_view>(best->value) : std::nullopt;
}

class register_part final : public part {
    using body = register_body;
    using change = body::change;
    value_access access_;
    register_view view_;

    bool stamped() const { return view_ == register_view::latest || view_ == register_view::presence; }

    static body& at(void* v) { return *static_cast<body*>(v); }
    static body const& at(void const* v) { return *static_cast<body const*>(v); }

    static bool says(body const& x) { return x.change_ == change::written || x.change_ == change::added; }
    static bool settle(body& x, bool said) {
        x.change_ = change::none;
        x.settle();
        return said;
    }
    std::string bytes(void const* v) const {
        if (auto& b = at(v).beside_; b && b->near && at(v).change_ == change::none) return b->exact;
        encoder out;
        access_.put(v, out);
        return out.take();
    }
    /// Losers gone that are none, and nothing beside if nothing needs to be.
    static void tidy(body& x) {
        if (x.beside_ && x.beside_->losers.empty() && !x.beside_->near) x.beside_.reset();
    }
    static body::beside& beside(body& x) {
        if (!x.beside_) x.beside_ = std::make_unique<body::beside>();
        return *x.beside_;
    }
    void show(void* v, dot d, std::uint64_t stamp, bytes_view value) const {
        auto& x = at(v);
        x.at_ = d, x.stamp_ = stamp;
        bool near = access_.get(v, value) != fit::exact;
        if (near) beside(x).exact.assign(value);
        if (x.beside_) x.beside_->near = near;
        if (x.beside_ && !near) x.beside_->exact.clear();
    }
    void show_nothing(void* v) const {
        auto& x = at(v);
        x.at_ = dot(), x.stamp_ = 0;
        if (x.beside_) x.beside_->near = false, x.beside_->exact.clear();
        access_.get(v, nothing());
    }
    bytes_view nothing() const {
        switch (access_.kind) {
        case 'i':
            return "\x80";
        case 'u':
        case 'b':
            return bytes_view("\0", 1);
        case 'd':
            return bytes_view("\x80\0\0\0\0\0\0\0", 8);
        case 'v':
        case 'a':
            return bytes_view("\0", 1);
        default:
            return {};
        }
    }

public:
    register_part(value_access const& a, register_view view)
        : part(std::string{char(view), a.kind}, a.size), access_(a), view_(view) {}

    void make(void* v) const override { access_.make(v); }
    void destroy(void* v) const override { access_.destroy(v); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override {
        auto& x = at(v);
        return x.change_ == change::none ? bool(x.at_) : says(x);
    }
    bool vacant(void const* v) const override { return !at(v).at_ && !says(at(v)); }
    bool may_end() const override { return view_ == register_view::expiry || view_ == register_view::presence; }
    std::int64_t deadline_ms(void const* v, deadline_setters* set_by) const override {
        if (!may_end() || !live(v)) return never_ms;
        if (view_ == register_view::presence) return lease_ms(at(v), set_by);
        auto shown = bytes(v);
        if (set_by) {
            set_by->push_back(at(v).at_);
            if (auto& b = at(v).beside_)
                for (auto& l : b->losers)
                    if (l.value == shown) set_by->push_back(l.at);
        }
        return decoder(shown).i();
    }
    bool shows(void const* v, std::int64_t now_ms) const override { return live(v) && deadline_ms(v, nullptr) > now_ms; }

    bool flush(void* v, flushing& f) const override {
        auto& x = at(v);
        bool written = says(x);
        if (x.change_ == change::none || (!written && !x.at_)) return settle(x, false);
        removal r;
        bool first = !x.at_;
        auto seen = first ? 0 : x.stamp_;
        auto replaces = [&](dot d) {
            if (!f.erased && !(written && d.slot() == f.self())) r.add(d);
        };
        auto stay = f.erased || x.change_ != change::added ? std::vector<body::write>() : not_held(x, f.self());
        if (x.at_) replaces(x.at_);
        if (x.beside_)
            for (auto& l : x.beside_->losers) replaces(l.at), seen = std::max(seen, l.stamp);
        x.beside_.reset();
        if (!stay.empty()) beside(x).losers = std::move(stay);
        if (!written) {
            show_nothing(v);
            if (!r.empty()) f.out.u(r.size() * 2), f.put(r);
            return settle(x, !r.empty());
        }
        f.out.u(r.size() * 2 + 1), f.put(r);
        x.at_ = f.at;
        if (stamped()) {
            x.stamp_ = std::max(f.stamp, first || seen == ~std::uint64_t(0) ? seen : seen + 1);
            if (mutant("latest_stamp_forgets_what_was_seen")) x.stamp_ = f.stamp;
            f.out.u(x.stamp_ - f.stamp);
        }
        put_own(v, f.out);
        return settle(x, true);
    }
    std::size_t weigh(void const* v) const override {
        auto& x = at(v);
        if (x.change_ == change::none) return 0;
        return 96 + heap_bytes(v) + (x.beside_ ? 16 * x.beside_->losers.size() : 0);
    }
    void rollback(void* v) const override { settle(at(v), false); }
    void erase(void* v) const override { access_.reset(v); }
    void collect(void const* v, removal& r) const override {
        if (at(v).at_) r.add(at(v).at_);
        if (auto& b = at(v).beside_)
            for (auto& l : b->losers) r.add(l.at);
    }

    void check(checking& c) const override {
        auto head = c.in.u();
        if (head == 0) return c.in.fail();
        c.pairs(head / 2);
        if (!(head & 1)) return;
        if (stamped()) c.in.u();
        auto value = cut_value(c.in, access_.kind);
        if (c.in.ok() && !check_bytes(value)) c.in.fail();
    }
    void join_delta(void* v, absorbing& a) const override {
        auto head = a.in.u();
        auto r = a.pairs(head / 2);
        if (head & 1) r.add(a.at); // the author's older dot is implied; and this one, if an enemy names a key twice
        drop(v, r);
        if (!(head & 1)) return;
        std::uint64_t ahead = stamped() ? a.in.u() : 0, stamp = 0;
        if (stamped()) stamp = ahead > ~a.stamp ? ~std::uint64_t(0) : a.stamp + ahead;
        add(v, a.at, stamp, cut_value(a.in, access_.kind));
    }
    void drop(void* v, removal const& r) const override {
        keep(v, [&](dot d) { return !r.covers(d); });
    }
    /// By dots; linear, since there may be as many writes as writers.
    void join(void* v, void const* other, joining const& j) const override {
        boost::unordered_flat_set<std::uint64_t> held;
        auto number = [](dot d) { return std::uint64_t(d.slot()) << 44 | d.number(); };
        auto theirs = other ? writes(other) : std::vector<body::write>();
        for (auto& w : theirs) held.insert(number(w.at));
        keep(v, [&](dot d) { return !j.theirs.covers(d) || held.contains(number(d)); });
        std::erase_if(theirs, [&](auto& w) { return j.mine.covers(w.at); });
        if (!theirs.empty()) take(v, std::move(theirs));
    }

    void each_slot(void const* v, slot_set& s) const override {
        auto& x = at(v);
        if (x.at_) s.add(x.at_.slot());
        if (x.beside_)
            for (auto& l : x.beside_->losers) s.add(l.at.slot());
    }
    void encode(void const* v, saving& s) const override {
        auto& x = at(v);
        std::vector<std::pair<std::uint32_t, body::write const*>> sorted;
        body::write winner;
        if (x.at_) winner = {x.at_, x.stamp_, bytes(v)}, sorted.emplace_back(s.index(x.at_.slot()), &winner);
        if (x.beside_)
            for (auto& l : x.beside_->losers) sorted.emplace_back(s.index(l.at.slot()), &l);
        std::sort(sorted.begin(), sorted.end());
        s.out.u(sorted.size());
        for (auto& [index, w] : sorted) {
            s.name(w->at.slot()), s.out.u(w->at.number());
            if (stamped()) s.out.u(w->stamp);
            put_value(s.out, access_.kind, w->value);
        }
    }
    void decode(void* v, loading& l) const override {
        std::uint64_t after = 0;
        std::vector<body::write> all;
        boost::unordered_flat_set<std::uint32_t> slots;
        for (auto n = l.in.count(3); n && l.in.ok(); --n) {
            auto index = decoder(l.in).u();
            auto d = l.one();
            auto stamp = stamped() ? l.in.u() : 0;
            auto value = cut_value(l.in, access_.kind);
            if (!l.in.ok() || index < after || !check_bytes(value)) return l.in.fail();
            after = index + 1;
            if (!slots.insert(d.slot()).second) return l.in.fail(); // one a writer
            all.push_back({d, stamp, std::string(value)});
        }
        if (l.in.ok() && !all.empty()) take(v, std::move(all));
    }

    void to_json(void const* v, boost::json::value& out) const override {
        if (view_ == register_view::siblings) return all_to_json(v, out.emplace_array());
        if (view_ == register_view::expiry && deadline_ms(v, nullptr) == never_ms) return void(out = nullptr);
        auto other = view_ == register_view::presence ? at(v).shown_by_lease() : std::nullopt;
        if (live(v))
            value_to_json(access_.kind, other ? std::string(*other) : bytes(v), out);
        else
            out = nullptr;
    }
    std::size_t heap_bytes(void const* v) const override {
        auto& b = at(v).beside_;
        std::size_t n = b ? sizeof(*b) + b->exact.capacity() : 0;
        if (b && b->together) n += size();
        if (b)
            for (auto& l : b->losers) n += sizeof(l) + l.value.capacity();
        if (access_.kind == 's' || access_.kind == 'y' || access_.kind == 'v' || access_.kind == 'a') {
            auto size = bytes(v).size(); // of a described struct: nearly what its strings hold
            if (size > 15) n += size + 16;
        }
        return n;
    }

private:
    /// Taken out: writes of others that a write which adds does not replace, since they are not all in it.
    std::vector<body::write> not_held(body& x, std::uint32_t self) const {
        std::vector<body::write> all;
        auto stays = [&](dot d, bytes_view value) { return d.slot() != self && access_.holds && !access_.holds(value); };
        if (!x.beside_) return all;
        for (auto& l : x.beside_->losers)
            if (stays(l.at, l.value)) all.push_back(std::move(l)), l.at = dot();
        std::erase_if(x.beside_->losers, [](auto& l) { return !l.at; });
        if (x.at_ && x.beside_->near && stays(x.at_, x.beside_->exact)) {
            all.push_back({x.at_, x.stamp_, std::move(x.beside_->exact)});
            x.at_ = dot();
        }
        return all;
    }
    /// Of all who have announced it the longest.
    static std::int64_t lease_ms(body const& x, deadline_setters* set_by) {
        if (x.pending()) return never_ms;
        auto longest = x.at_;
        auto until = x.lease_ms(x.at_, x.stamp_);
        if (x.beside_)
            for (auto& l : x.beside_->losers)
                if (auto t = x.lease_ms(l.at, l.stamp); t > until) until = t, longest = l.at;
        if (set_by) set_by->push_back(longest);
        return until;
    }
    void all_to_json(void const* v, boost::json::array& out) const {
        auto shown = bytes(v);
        for (auto b : at(v).values_of(shown)) value_to_json(access_.kind, b, out.emplace_back(nullptr));
    }
    void put_own(void const* v, encoder& out) const {
        if (access_.kind == 'i' || access_.kind == 'u' || access_.kind == 'b' || access_.kind == 'd')
            return access_.put(v, out);
        out.bytes(bytes(v));
    }
    /// Canonical, and with an order where that decides: what is not a number would be beyond everything for ever.
    bool check_bytes(bytes_view value) const {
        bool ordered = view_ == register_view::maximum || view_ == register_view::minimum;
        if (ordered && access_.kind == 'd' && value.size() == 8 && std::isnan(bits_double(decoder(value).u64())))
            return false;
        if (view_ == register_view::expiry && decoder(value).i() < 0) return false; // before 1970
        return check_value(access_.kind, value);
    }
    /// Of the same writer, this one or a later.
    static bool later_held(body const& x, dot d) {
        auto as_late = [&](dot mine) { return mine.slot() == d.slot() && mine.number() >= d.number(); };
        if (as_late(x.at_)) return true;
        if (x.beside_)
            for (auto& l : x.beside_->losers)
                if (as_late(l.at)) return true;
        return false;
    }
    /// The greatest (stamp, bytes) is shown, of a minimum the least.
    bool beats(std::uint64_t stamp, bytes_view value, std::uint64_t shown_stamp, bytes_view shown) const {
        if (view_ == register_view::minimum && !mutant("minimum_shows_the_greatest")) return value < shown;
        return std::pair(stamp, value) > std::pair(shown_stamp, shown);
    }
    /// One write more. A later write of the same writer replaces the earlier.
    void add(void* v, dot d, std::uint64_t stamp, bytes_view value) const {
        auto& x = at(v);
        if (later_held(x, d)) return;
        keep(v, [&](dot other) { return other.slot() != d.slot(); });
        if (!x.at_) return show(v, d, stamp, value);
        auto mine = bytes(v);
        if (beats(stamp, value, x.stamp_, mine)) {
            if (!mutant("latest_forgets_losers")) beside(x).losers.push_back({x.at_, x.stamp_, std::move(mine)});
            show(v, d, stamp, value);
        } else if (!mutant("latest_forgets_losers"))
            beside(x).losers.push_back({d, stamp, std::string(value)});
    }
    template <class Keep> void keep(void* v, Keep kept) const {
        auto& x = at(v);
        if (x.beside_ && !mutant("joined_remembers_what_is_gone")) x.beside_->together.reset();
        if (x.beside_) std::erase_if(x.beside_->losers, [&](auto& l) { return !kept(l.at); });
        if (x.at_ && !kept(x.at_)) {
            std::vector<body::write> left;
            if (x.beside_) left.swap(x.beside_->losers);
            show_nothing(v);
            if (!left.empty()) take(v, std::move(left));
        }
        tidy(x);
    }
    /// All that is kept, as it is.
    std::vector<body::write> writes(void const* v) const {
        auto& x = at(v);
        std::vector<body::write> all;
        if (x.beside_) all = x.beside_->losers;
        if (x.at_) all.push_back({x.at_, x.stamp_, bytes(v)});
        return all;
    }
    /// More writes, no two of one writer, of each the later: the best of all is shown.
    void take(void* v, std::vector<body::write>&& more) const {
        auto& x = at(v);
        boost::unordered_flat_map<std::uint32_t, std::size_t> by_slot;
        auto all = writes(v);
        for (std::size_t k = 0; k < all.size(); ++k) by_slot.emplace(all[k].at.slot(), k);
        for (auto& w : more) {
            auto [it, fresh] = by_slot.emplace(w.at.slot(), all.size());
            if (fresh) all.push_back(std::move(w));
            else if (all[it->second].at.number() < w.at.number()) all[it->second] = std::move(w);
        }
        auto best = std::max_element(all.begin(), all.end(), [&](auto& a, auto& b) {
            return beats(b.stamp, b.value, a.stamp, a.value);
        });
        std::swap(*best, all.back());
        auto shown = std::move(all.back());
        all.pop_back();
        if (x.beside_) x.beside_->together.reset();
        if (mutant("latest_forgets_losers")) all.clear();
        if (!all.empty()) beside(x).losers = std::move(all);
        else if (x.beside_) x.beside_->losers.clear();
        show(v, shown.at, shown.stamp, shown.value);
        tidy(x);
    }
};

std::unique_ptr<part const> make_register_part(value_access const& access, register_view view) {
    return std::make_unique<register_part>(access, view);
}

} // namespace dunlin
