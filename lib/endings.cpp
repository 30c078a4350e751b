#include "endings.hpp"
#include "../crdt/mutant.hpp"
#include "../crdt/table.hpp"
#include "space_body.hpp"

namespace dunlin {

using namespace std::chrono_literals;

namespace {
constexpr std::size_t visits_max = 256, elements_max = 1024, page_max = 64;
// The clocks may differ by as much as a hybrid clock allows; what was said before somebody's clock passed the deadline
// has five seconds to come here.
constexpr std::int64_t grace_ms = hybrid_clock::ahead_max.count() + 5'000;
constexpr std::int64_t patience_ms = 3'600'000, takeover_ms = 10'000, linked_ms = 600'000, contact_settles_ms = 5'000;
constexpr std::size_t ranks_max = 1'000, ranks_a_second = 16;
constexpr std::int64_t day_ms = 86'400'000;
constexpr auto sleeps_at_most = 60s;
constexpr std::int64_t busy_ms = 100, sweep_pause_ms = 10'000, pass_pause_ms = 60'000;

std::int64_t later(std::int64_t at, std::int64_t by) { return at > never_ms - by ? never_ms : at + by; }
} // namespace

endings::endings(space_body& space) : space_(space), timer_(space.time().make_timer(space.executor())) {}
endings::~endings() = default;

std::int64_t endings::now_ms() const { return space_.time().wall_now().count(); }

void endings::set_due(object& o, one& x, std::int64_t at_ms) {
    if (at_ms == x.due_ms) return;
    if (x.due_ms != never_ms) due_.erase({x.due_ms, o.hash, &o});
    x.due_ms = at_ms;
    if (at_ms == never_ms) return void(all_.erase(&o));
    due_.emplace(at_ms, o.hash, &o);
    wake_at(at_ms);
}

void endings::forget(object& o) {
    auto it = all_.find(&o);
    if (it == all_.end()) return;
    due_.erase({it->second.due_ms, o.hash, &o});
    all_.erase(it);
}

void endings::changed(object& o) {
    if (stopped_) return;
    auto deadline = o.fields().deadline_ms(o.value());
    auto it = all_.find(&o);
    if (it == all_.end() && deadline == never_ms && !o.type->may_end_below) return;
    auto now = now_ms();
    if (it == all_.end()) {
        it = all_.emplace(&o, one()).first;
        it->second.scanned_ms = now, it->second.over = deadline <= now;
    }
    auto& x = it->second;
    x.scanned_ms = std::min(x.scanned_ms, now); // the clock may have been set back
    if (deadline > now) x.over = false;
    if (o.type->may_end_below) x.scan_ms = std::min(x.scan_ms, std::max(now, x.scanned_ms + x.pause_ms));
    set_due(o, x, std::min(std::max(deadline, now), x.scan_ms));
}

void endings::leases_changed(std::int64_t ended_ms, bool came_back) {
    std::vector<object*> all;
    for (auto& [o, x] : all_)
        if (o->type->may_end_below) all.push_back(o);
    std::sort(all.begin(), all.end(), [](auto a, auto b) { return std::tie(a->hash, a->key) < std::tie(b->hash, b->key); });
    auto now = now_ms();
    for (auto o : all) {
        auto& x = all_.find(o)->second;
        x.scanned_ms = std::min(x.scanned_ms, ended_ms - 1); // so that it is told
        x.scan_ms = now;
        set_due(*o, x, std::min(x.due_ms, now));
        if (came_back) space_.tell_over(*o);
    }
}

void endings::contact_changed() {
    contact_ = space_.time().steady_now();
    note_who_is_heard();
}

/// Looked at whenever something may be taken away, and when a link comes or goes.
void endings::note_who_is_heard() {
    if (!space_.hears_somebody()) deaf_ = space_.time().steady_now();
}

void endings::row_ends(std::int64_t ends_ms) {
    if (!ends_ms || stopped_) return;
    auto at = std::max(later(ends_ms, grace_ms), now_ms() + sweep_pause_ms);
    if (at < sweep_ms_) sweep_ms_ = at, wake_at(at);
}

void endings::cold_waits() {
    if (cold_ms_ != never_ms || stopped_) return;
    cold_ms_ = now_ms() + blind_ms;
    if (cold_ms_ < sweep_ms_) sweep_ms_ = cold_ms_, wake_at(sweep_ms_);
}

/// At once: where nothing ends there is nothing to wake for.
void endings::start(bool waits) {
    contact_changed();
    if (waits) cold_ms_ = now_ms();
    if (space_.has_file()) sweep();
}

void endings::type_known() {
    if (stopped_ || !space_.has_file()) return;
    cold_ms_ = now_ms();
    if (cold_ms_ < sweep_ms_) sweep_ms_ = cold_ms_, wake_at(sweep_ms_);
}

void endings::stop() {
    stopped_ = true;
    timer_->cancel();
    all_.clear(), due_.clear();
}

/// By the wall, which may be set meanwhile: so it is looked at again before long.
void endings::wake_at(std::int64_t at_ms) {
    auto steady = space_.time().steady_now();
    auto in = std::clamp<std::int64_t>(at_ms - now_ms(), 1, std::chrono::milliseconds(sleeps_at_most).count());
    auto at = steady + std::chrono::milliseconds(in);
    if (stopped_ || at >= rings_) return;
    rings_ = at;
    timer_->expires_after(at - steady, [this] {
        rings_ = std::chrono::nanoseconds::max();
        if (!stopped_) step();
    });
}

void endings::step() {
    auto now = now_ms();
    note_who_is_heard();
    std::size_t visited = 0;
    try {
        while (!due_.empty() && std::get<0>(*due_.begin()) <= now && visited < visits_max) {
            if (space_.is_busy() || space_.overloaded()) return wake_at(now + busy_ms);
            ++visited;
            visit(*std::get<2>(*due_.begin()), now);
        }
        if (visited) space_.end_step();
    } catch (boost::system::system_error const&) { // overloaded, by a turn that was sealed just now: nothing was changed
        return wake_at(now + busy_ms);
    }
    if (stopped_) return;
    if (sweep_ms_ <= now && !sweeping_) sweep();
    if (!due_.empty()) wake_at(std::get<0>(*due_.begin()));
    if (sweep_ms_ != never_ms && !sweeping_) wake_at(sweep_ms_);
}

void endings::look_at(object& o) {
    auto it = all_.find(&o);
    if (stopped_ || it == all_.end() || it->second.due_ms > now_ms() || space_.is_busy() || space_.overloaded()) return;
    note_who_is_heard();
    try {
        visit(o, now_ms());
        space_.end_step();
    } catch (boost::system::system_error const&) {} // as in a step; it stays due
}

/// It is due later than now afterwards, or not at all.
void endings::visit(object& o, std::int64_t now) {
    if (o.in_turn) space_.seal();
    auto it = all_.find(&o);
    if (it == all_.end()) return; // it was made anew in that turn
    auto& x = it->second;
    deadline_setters set_by;
    auto deadline = o.fields().deadline_ms(o.value(), &set_by);
    if (deadline > now) {
        if (x.scan_ms <= now) scan(o, x, now);
        return set_due(o, x, std::min(deadline, x.scan_ms));
    }
    if (!std::exchange(x.over, true)) space_.tell_over(o);
    auto goes = goes_at(o, deadline, set_by, false, now);
    if (goes <= now) goes = take_away(o) ? now + 1'000 : now + 60'000; // when that is sealed nothing is due any more
    set_due(o, x, goes);
}

bool endings::take_away(object& o) {
    if (!o.fields().may_erase(o.value()) || has_too_many_writers(o.fields(), o.value())) return false;
    space_.erase(o);
    return true;
}

void endings::scan(object& o, one& x, std::int64_t now) {
    auto goes = [&](std::int64_t deadline, deadline_setters const& by, bool by_lease) { return goes_at(o, deadline, by, by_lease, now); };
    ending e{x.scanned_ms, now, goes, elements_max};
    o.fields().end(o.value(), e);
    x.scanned_ms = now;
    x.pause_ms = std::max<std::int64_t>(1'000, std::int64_t(e.looked / 50));
    x.scan_ms = e.next_ms == never_ms          ? never_ms
                : e.erased == e.erase_max      ? now + 1
                                               : std::max(e.next_ms, now + x.pause_ms);
    if (e.over) space_.tell_over(o);
}

/// Of those who say the deadline the one with the least name, on every node the same one.
writer_id const& endings::whose(deadline_setters const& set_by) const {
    auto least = set_by.front().slot();
    for (auto d : set_by)
        if (space_.table().id(d.slot()) < space_.table().id(least)) least = d.slot();
    return space_.table().id(least);
}

/// From when on it may be taken away at all: everybody's clock has passed it, and all members were heard since, who may have
/// put it off; or an hour later, in which somebody was heard all the time. What ends with the lease of a member waits for
/// that member: nobody would announce it again.
std::int64_t endings::free_at(object const& o, std::int64_t deadline, bool by_lease, std::int64_t now) const {
    auto first = later(deadline, grace_ms + (space_.is_runs(o) ? day_ms : 0)); // who was there is known longer than what it announced
    if (mutant("ending_waits_for_nobody")) return first;
    auto steady = space_.time().steady_now();
    auto ago = [&](std::chrono::nanoseconds since) { return now - std::chrono::duration_cast<std::chrono::milliseconds>(steady - since).count(); };
    auto wait = now + contact_settles_ms;
    if (space_.reaches_members()) return std::max(first, ago(contact_) + contact_settles_ms);
    if (by_lease || !space_.hears_somebody()) return std::max(first, wait);
    return std::max(first, std::max(ago(deaf_), first) + patience_ms);
}

std::int64_t endings::goes_at(object const& o, std::int64_t deadline, deadline_setters const& set_by, bool by_lease,
                              std::int64_t now) const {
    auto at = free_at(o, deadline, by_lease, now);
    auto& who = whose(set_by).node;
    auto& us = space_.table().id(space_.self()).node;
    if (who == us || mutant("ending_is_everybodys")) return at;
    encoder names; // one takes all away that one has left
    names.raw(view_of(us)), names.raw(view_of(who));
    auto ranks = std::clamp<std::size_t>(space_.members(), 1, ranks_max) * ranks_a_second;
    auto rank = std::int64_t(hash_bytes(names.view()) % ranks);
    return later(at, takeover_ms + (space_.is_linked(who) ? linked_ms : 0) + rank * 1'000 / std::int64_t(ranks_a_second));
}

// ---- what is not in memory

void endings::sweep() {
    if (std::exchange(sweeping_, true)) return;
    if (swept_.h == 0 && swept_.ends_ms == 0 && cold_names_.empty()) {
        pass_began_ = space_.time().steady_now(), pass_has_loaded_ = false;
        if (cold_ms_ <= now_ms()) cold_ms_ = never_ms, cold_names_ = space_.cold_that_ends();
    }
    sweep_ms_ = cold_ms_;
    if (!cold_names_.empty()) return load_cold();
    space_.find_due({0, never_ms, swept_, page_max}, [this](std::vector<due_item> const* page) {
        if (stopped_) return;
        if (page) return swept(*page);
        pass_has_loaded_ = true; // so that it is tried again
        end_pass(never_ms);
    });
}

/// With the last of them the pass goes on.
void endings::one_loaded(std::size_t& waiting) {
    if (--waiting || stopped_) return;
    sweeping_ = false;
    sweep();
}

void endings::load_cold() {
    auto waiting = std::make_shared<std::size_t>(1);
    auto one_less = [this, waiting] { one_loaded(*waiting); };
    for (auto n = std::min(cold_names_.size(), page_max); n; --n) {
        ++*waiting;
        space_.load_cold(cold_names_.back(), one_less);
        cold_names_.pop_back();
    }
    one_less();
}

/// What is over is loaded, all of the page, before the next page is asked for.
void endings::swept(std::vector<due_item> const& page) {
    auto now = now_ms();
    auto waiting = std::make_shared<std::size_t>(1);
    auto next = never_ms;
    bool ends = page.size() < page_max;
    auto one_less = [this, waiting] { one_loaded(*waiting); };
    for (auto& item : page) {
        if (auto at = later(item.at.ends_ms, grace_ms); at > now) {
            next = at, ends = true;
            break;
        }
        swept_ = item.at, pass_has_loaded_ = true;
        ++*waiting;
        space_.load_due(item, one_less);
    }
    if (!ends) return one_less();
    ++*waiting; // nobody goes on from here
    end_pass(next);
}

void endings::end_pass(std::int64_t next_ms) {
    swept_ = {};
    sweeping_ = false;
    auto now = now_ms();
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(space_.time().steady_now() - pass_began_).count();
    if (pass_has_loaded_) next_ms = std::min(next_ms, now + pass_pause_ms + 10 * took);
    if (next_ms != never_ms) sweep_ms_ = std::min(sweep_ms_, std::max(next_ms, now + sweep_pause_ms));
    if (sweep_ms_ != never_ms) wake_at(sweep_ms_);
}

} // namespace dunlin
