#include "rights.hpp"
#include "../crdt/mutant.hpp"
#include "space_body.hpp"
#include <boost/asio/append.hpp>
#include <boost/asio/post.hpp>

namespace dunlin {

using namespace std::chrono_literals;

namespace {
constexpr std::size_t accounts_max = 65536;
constexpr auto quiet_after = 250ms, retry_after = 1000ms, early_max = 10'000ms, look_every = 100ms;
} // namespace

template <class F> void rights::each_counter(object& o, F f) {
    for (auto offset : o.type->rights)
        f(*reinterpret_cast<bounded_counter*>(static_cast<char*>(o.value()) + offset), offset);
    if (o.extra)
        for (auto& x : *o.extra)
            if (x.type == &bounded_counter::of()) f(*static_cast<bounded_counter*>(x.value), (std::uint64_t(1) << 32) + x.id);
}

rights::rights(space_body& space) : space_(space), timer_(space.time().make_timer(space.executor())) {}
rights::~rights() = default;

bool rights::is_ours(std::uint32_t slot) const {
    return space_.table().id(slot).node == space_.table().id(space_.self()).node;
}
std::int64_t rights::reserve(account const& a) const {
    auto sum = saturated(a.counter->reserve([this](std::uint32_t slot) { return is_ours(slot); }));
    if (mutant("rights_inherit_the_pocket"))
        for (auto& s : a.counter->shares())
            if (is_ours(s.at.slot()) && s.at.slot() != space_.self()) sum += saturated(s.pocket());
    return sum;
}

/// Before a change. A counter that the program does not know has no link to its object.
void rights::mark(object& o, bounded_counter const& c) {
    if (c.is_attached()) return;
    auto& h = o.head();
    if (!h.dirty) o.touched(h);
    h.dirty |= header::extras_left;
}

rights::account* rights::find_or_make(object& o, bounded_counter& c, std::uint64_t place) {
    if (auto it = accounts_.find({&o, place}); it != accounts_.end()) return &it->second;
    if (accounts_.size() >= accounts_max) return nullptr;
    auto& a = accounts_[{&o, place}];
    a.of = &o, a.counter = &c, a.level = c.available();
    space_.pin(o);
    return &a;
}

void rights::moved(object& o) {
    if (stopped_ || stepping_) return;
    each_counter(o, [&](bounded_counter& c, std::uint64_t place) {
        if (!c.is_told()) return;
        auto a = find_or_make(o, c, place);
        if (!a) return void(c.take_told());
        a->touched = space_.time().steady_now();
        make_busy(*a, {&o, place});
    });
}

void rights::heard(object& o, bool wish) {
    if (stopped_) return;
    each_counter(o, [&](bounded_counter& c, std::uint64_t place) {
        bool concerns = accounts_.contains({&o, place});
        if (wish)
            for (auto& s : c.shares()) concerns = concerns || is_wished(c, s);
        auto a = concerns ? find_or_make(o, c, place) : nullptr;
        if (!a) return;
        make_busy(*a, {&o, place});
    });
}

void rights::make_busy(account& a, counter_name const& name) {
    if (!std::exchange(a.busy, true)) busy_.push_back(name);
    post_step();
}

void rights::look_again() {
    if (stopped_) return;
    for (auto& name : waiting_) make_busy(accounts_.find(name)->second, name);
}

void rights::post_step() {
    if (std::exchange(posted_, true)) return;
    boost::asio::post(space_.executor(), [this, self = space_.weak_from_this()] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        posted_ = false;
        step();
    });
}

/// What is busy. False: nothing may be changed now.
bool rights::step() {
    if (space_.is_busy() || space_.overloaded()) {
        for (auto& name : waiting_) serve(accounts_.find(name)->second);
        wake_at(space_.time().steady_now() + look_every);
        return false;
    }
    for (auto& name : std::exchange(busy_, {})) visit(name);
    return true;
}

/// By the timer: what is busy, and all that is due.
void rights::settle_due() {
    rings_ = instant::max();
    if (!step()) return;
    auto now = space_.time().steady_now();
    std::vector<counter_name> over;
    for (auto& [name, a] : accounts_) {
        auto at = due(a);
        if (at <= now)
            over.push_back(name);
        else
            wake_at(at);
    }
    for (auto& name : over) visit(name);
}

void rights::visit(counter_name const& name) {
    auto it = accounts_.find(name);
    if (it == accounts_.end()) return;
    auto& a = it->second;
    bool stays = true;
    try {
        stays = settle(a);
    } catch (boost::system::system_error const&) { // overloaded: later
        if (!std::exchange(a.busy, true)) busy_.push_back(name);
        wake_at(space_.time().steady_now() + look_every);
    }
    if (a.under_way.amount || !a.spenders.empty())
        waiting_.insert(name);
    else
        waiting_.erase(name);
    if (stays) return wake_at(due(a));
    auto o = a.of;
    std::erase_if(busy_, [&](auto& other) { return other.of == o && other.place == name.place; });
    accounts_.erase(it);
    space_.unpin(*o);
}

/// False: there is nothing more to do for it.
bool rights::settle(account& a) {
    auto& c = *a.counter;
    auto now = space_.time().steady_now();
    a.busy = false, a.settled = now;
    struct scope { // what is changed here is not told
        bool& on;
        explicit scope(bool& b) : on(b) { on = true; }
        ~scope() { on = false; }
    } stepping(stepping_);
    a.missed = std::max(a.missed, c.take_told());
    if (a.missed > c.value()) a.missed = 0; // there is not so much anywhere
    check_move(a);
    serve(a);
    std::int64_t lacking = std::max<std::int64_t>(0, a.missed - c.available());
    for (auto& s : a.spenders) lacking = std::max(lacking, s.amount - c.available()), a.asked = std::max(a.asked, s.amount);
    a.asked = std::max(a.asked, a.missed);
    if (c.available() < a.level / 4) lacking = std::max(lacking, a.level - c.available());
    if (a.missed <= c.available()) a.missed = 0;
    std::int64_t others = 0;
    for (auto& s : c.shares())
        if (is_wished(c, s)) others = std::max(others, wished_by(c, s));
    begin_move(a, lacking, others - c.available());
    serve(a);
    wish(a, lacking);
    give(a);
    auto here = saturated(wide_int(c.available()) + std::max<std::int64_t>(0, reserve(a)));
    bool quiet = now >= a.touched + quiet_after && a.spenders.empty() && !a.under_way.amount && a.wish_seen == instant{};
    if (quiet && a.has_wished) mark(*a.of, c), c.want_no_more(), a.has_wished = false;
    // What somebody has just asked for stays; right after a start it is not known yet who could witness the way back.
    a.early = quiet && space_.has_file() && !space_.may_move_rights() && now < a.touched + early_max;
    if (quiet && space_.has_file() && space_.reaches_witnesses() && c.available() > std::max(here / 2, a.asked))
        mark(*a.of, c), c.put_back(c.available() - std::max(here / 4, a.asked)), a.level = c.available();
    c.set_low(a.level / 4);
    space_.seal();
    return !quiet || a.early || a.busy;
}

/// Whether the move that is under way counts now. What came to light of our node's other runs since it was reckoned
/// makes it void: it is reckoned anew.
void rights::check_move(account& a) {
    auto& m = a.under_way;
    if (!m.amount) return;
    bool here = space_.is_saved(dot(space_.self(), m.number)) || mutant("rights_move_before_the_disk");
    if (here && space_.is_witnessed(m.number, m.seen)) {
        a.counter->confirm(m.amount);
        if (m.own) a.level = a.counter->available();
        m = {};
        return;
    }
    bool stale = false;
    space_.table().each_run(space_.table().id(space_.self()).node, [&](std::uint32_t slot) {
        std::uint64_t seen = 0;
        for (auto& [s, n] : m.seen)
            if (s == slot) seen = n;
        stale = stale || (slot != space_.self() && space_.applied()[slot] > seen);
    });
    if (!stale) return;
    mark(*a.of, *a.counter);
    a.counter->give_up(m.amount);
    space_.seal();
    m = {};
}

void rights::serve(account& a) {
    auto now = space_.time().steady_now();
    std::erase_if(a.spenders, [&](spender& s) {
        if (!*s.handler) return true;
        if (!space_.is_busy() && !space_.overloaded() && a.counter->available() >= s.amount) {
            bool spent = a.counter->try_spend(s.amount);
            auto number = space_.seal();
            require(spent && number, "a spend that was covered was refused");
            a.touched = now;
            end(s, {}, dot(space_.self(), number));
            return true;
        }
        if (space_.synced() && a.counter->value() < s.amount) return end(s, {}, dot()), true;
        if (now < s.deadline) return false;
        end(s, node_errc::timed_out, dot());
        return true;
    });
}

/// At least what is lacking, and a quarter of what is here.
void rights::begin_move(account& a, std::int64_t own, std::int64_t others) {
    auto& m = a.under_way;
    auto lacking = std::max(own, others);
    if (m.amount || lacking <= 0 || !space_.may_move_rights()) return;
    auto now = space_.time().steady_now();
    auto all = reserve(a);
    if (all <= 0 || now < a.retry) return;
    move made;
    made.own = own > 0;
    space_.table().each_run(space_.table().id(space_.self()).node, [&](std::uint32_t slot) {
        if (slot != space_.self() && space_.applied()[slot]) made.seen.emplace_back(slot, space_.applied()[slot]);
    });
    space_.seal();
    mark(*a.of, *a.counter);
    made.amount = a.counter->pocket(std::min(all, std::max(lacking, all / 4)));
    a.retry = now + 1ms;
    if (!made.amount) return; // it has pocketed all that a writer ever can
    made.number = space_.seal();
    require(made.number, "a move of rights said nothing");
    m = std::move(made);
    check_move(a);
}

rights::instant rights::due(account const& a) const {
    bool waits = !a.spenders.empty() || a.under_way.amount || a.wish_seen != instant{} || a.early;
    auto quiet = a.touched + quiet_after;
    quiet += look_every - quiet % look_every;
    if (!waits) return quiet;
    auto at = a.settled + (a.wish_seen != instant{} ? rank_pause : retry_after);
    if (quiet > a.settled) at = std::min(at, quiet);
    for (auto& s : a.spenders) at = std::min(at, s.deadline);
    if (!a.spenders.empty()) at = std::min(at, std::max(a.wished + a.pause, a.settled + rank_pause));
    return at;
}

/// Not later than that. What is only quiet is looked at in tenths of a second, many at a time.
void rights::wake_at(instant at) {
    if (stopped_ || at >= rings_) return;
    auto now = space_.time().steady_now();
    rings_ = std::max(at, now + 1ms);
    timer_->expires_after(rings_ - now, [this] { settle_due(); });
}

void rights::spend(object& o, bounded_counter& c, std::int64_t n, std::chrono::nanoseconds deadline, spend_handler handler) {
    require(n > 0, "spend() takes what is more than nothing");
    auto place = std::uint64_t(reinterpret_cast<char*>(&c) - static_cast<char*>(o.value()));
    require(std::count(o.type->rights.begin(), o.type->rights.end(), place),
            "spend() was given a counter that is not one of this object's: name it through the same ref");
    require(!space_.in_atomic(), "spend() waits and cannot be part of an atomic: use try_spend there");
    auto who = std::make_shared<spend_handler>(std::move(handler));
    auto now = space_.time().steady_now();
    spender s{n, who, deadline > instant::max() - now ? instant::max() : now + std::max<instant>(deadline, instant{})};
    if (stopped_) return end(s, node_errc::stopped, dot());
    auto a = find_or_make(o, c, place);
    if (!a) return end(s, node_errc::overloaded, dot());
    auto slot = boost::asio::get_associated_cancellation_slot(*who);
    if (slot.is_connected())
        slot.assign([this, self = space_.weak_from_this(), weak = std::weak_ptr(who)](boost::asio::cancellation_type type) {
            auto alive = self.lock();
            auto h = weak.lock();
            if (alive && h && type != boost::asio::cancellation_type::none) give_up(h);
        });
    a->spenders.push_back(std::move(s));
    a->touched = now;
    waiting_.insert({&o, place});
    make_busy(*a, {&o, place});
}

/// Never called inside of what tells it.
void rights::end(spender& s, boost::system::error_code ec, dot at) {
    if (!*s.handler) return;
    boost::asio::post(space_.executor(), [h = std::move(*s.handler), ec, at]() mutable { std::move(h)(ec, at); });
}

void rights::give_up(std::shared_ptr<spend_handler> const& who) {
    for (auto& [name, a] : accounts_)
        for (auto& s : a.spenders)
            if (s.handler == who) end(s, boost::asio::error::operation_aborted, dot());
}

bool rights::has_pocket(object& o) const {
    bool any = false;
    each_counter(o, [&](bounded_counter& c, auto) { any = any || c.available() > 0; });
    return any;
}

void rights::put_back(object& o) {
    each_counter(o, [&](bounded_counter& c, std::uint64_t place) {
        if (c.available() > 0 && !accounts_.contains({&o, place})) mark(o, c), c.put_back(c.available());
    });
}

std::int64_t rights::stranded(bounded_counter const& c) const {
    wide_int sum = 0;
    auto& table = space_.table();
    for (auto& s : c.shares()) {
        auto& id = table.id(s.at.slot());
        bool last = true;
        table.each_run(id.node, [&](std::uint32_t slot) {
            last = last && (table.id(slot).run <= id.run || (!space_.applied()[slot] && slot != space_.self()));
        });
        if (!last) sum += s.pocket();
    }
    return saturated(sum);
}

void rights::give_up_moves() {
    for (auto& [name, a] : accounts_)
        if (a.under_way.amount) mark(*a.of, *a.counter), a.counter->give_up(std::exchange(a.under_way.amount, 0));
}

void rights::stop() {
    if (std::exchange(stopped_, true)) return;
    timer_->cancel();
    busy_.clear();
    for (auto it = accounts_.begin(); it != accounts_.end();) {
        auto& a = it->second;
        auto o = a.of;
        for (auto& s : a.spenders) end(s, node_errc::stopped, dot());
        a.spenders.clear();
        waiting_.erase(it->first);
        if (a.under_way.amount)
            ++it; // stays pinned: what is not confirmed is not to be read again as if it were
        else
            it = accounts_.erase(it), space_.unpin(*o);
    }
}

std::vector<std::size_t> rights::counters_in(struct_part const& part) {
    std::vector<std::size_t> all;
    for (auto& m : part.members())
        if (m.type == &bounded_counter::of()) all.push_back(m.offset);
    return all;
}

void rights::forget(object_type& type) {
    for (auto it = accounts_.begin(); it != accounts_.end();) {
        auto& a = it->second;
        if (a.of->type != &type) {
            ++it;
            continue;
        }
        auto gone = a.of;
        // Who takes its place does not know that this was not confirmed.
        if (auto n = a.under_way.amount) mark(*gone, *a.counter), a.counter->give_up(n);
        waiting_.erase(it->first), std::erase_if(busy_, [&](auto& name) { return name.of == gone; });
        it = accounts_.erase(it);
        space_.unpin(*gone);
    }
}

} // namespace dunlin
