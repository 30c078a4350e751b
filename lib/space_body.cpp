// length: the beginning and the end of a space's life, and what of it has no file of its own
// Life of a space: made, started from what the file holds, linked, asked, stopped.
#include "space_body.hpp"
#include "../crdt/mutant.hpp"
#include "schema.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

std::string view_of_writer(writer_id const& w) {
    encoder out;
    write_writer(out, w);
    return out.take();
}

space_body::space_body(space_setup setup)
    : setup_(std::move(setup)), store_(setup_.store), heads_(table_), cells_({.bytes = setup_.memory_bytes / 8}), tick_(setup_.clock->make_timer(setup_.executor)), rights_(*this), endings_(*this), leases_(*this), indexes_(*this) {
    auto& type = type_of(struct_of<schema_object>(), true);
    type_of(struct_of<runs_object>(), true);
    type.described = true;
    for (auto& l : schema_lines(struct_of<schema_object>())) add_line(l);
}

void space_body::own(writer_id const& w) {
    setup_.node = w.node; // not known yet when the space was named before the node's start
    self_ = table_.intern(w);
    machine_.emplace(*this, w);
    if (setup_.alone) machine_->set_synced();
    if (!store_) take_schema(*local(*find_type(schema_name), schema_key)), leases_.start(*local(*find_type(leases::type_name), leases::key));
}

space_body::~space_body() {
    std::vector<object*> all(objects_.begin(), objects_.end());
    for (auto o : all) forget(*o);
}

/// The heads come first, then the rows in order.
void space_body::found(bytes_view half_joined, std::uint64_t as_of, bytes_view heads, bool damaged) {
    joined_until_ = joined_until(half_joined, as_of);
    if (!half_joined.empty() && half_joined[0] != no_join)
        half_joined_ = half_joined[0] + std::string(half_joined.substr(std::min<std::size_t>(9, half_joined.size())));
    log_damaged_ = damaged && !mutant("recovery_believes_a_log_with_holes");
    decoder in(heads);
    if (!heads.empty() && !heads_.read(in)) setup_.alarm("the heads of space " + setup_.name + " cannot be read");
    for (std::uint32_t s = 0; s < heads_.size(); ++s)
        if (heads_[s].number) see_head(s);
}

std::uint64_t space_body::joined_until(bytes_view half_joined, std::uint64_t as_of) {
    decoder half(half_joined);
    half.u8();
    auto row = half.u64();
    return !half.ok() ? 0 : row == as_of_this_write ? as_of : row;
}

void space_body::see_head(std::uint32_t slot) {
    durable_.raise(slot, heads_[slot].number);
    stamps_.see(heads_[slot].stamp, setup_.clock->wall_now());
    advanced(slot);
}

void space_body::row_found(std::uint64_t row, std::vector<log_run> const& runs) {
    if (auto here = runs_here(runs); !here.empty()) log_.row_found(row, here);
}

void space_body::row_lost(std::uint64_t row) {
    if (row > log_.last_row()) log_.row_found(row, {});
}

std::vector<entry_log::run> space_body::runs_here(std::vector<log_run> const& runs) {
    std::vector<entry_log::run> here;
    for (auto& r : runs) {
        if (r.space != store_space_) continue;
        auto name = store_->name(name_kind::writer, r.writer);
        decoder id(name);
        auto slot = table_.intern(read_writer(id));
        if (id.finished() && slot != writers::none) here.push_back({slot, r.first, r.last});
    }
    return here;
}

/// A series of a row above the floor: advances the heads where they lack it, and waits for its objects to be loaded.
void space_body::replay(std::uint64_t row, series const& s) {
    if (row <= joined_until_ && !mutant("recovery_brings_back_what_a_joined_state_removed")) return;
    entry_body body;
    auto slot = table_.intern(s.writer);
    auto prior = s.prior;
    for (series_cursor c(s); slot != writers::none && c.next();) {
        auto& e = c.entry();
        if (!body.read(e.body)) return setup_.alarm("a log row cannot be read; its entries come back from peers");
        if (heads_.check(e, body, prior) == verdict::connects) heads_.advance(e, body), see_head(slot);
        prior = prior_of(entry_hash(prior, e.writer, e.number, e.stamp, e.body));
        if (heads_[slot].number >= e.number) join_entry(e, body, 0, row);
    }
}

/// Everything was found. The log answers above what it holds; the schema is loaded; the run before this one is named.
void space_body::start(std::function<void()> done) {
    log_.forget_above(heads_.applied());
    for (std::uint32_t s = 0; s < heads_.size(); ++s) {
        auto number = heads_[s].number;
        if (!number) continue;
        auto first = log_.first_of(s);
        log_.raise_floor(s, first ? first - 1 : number);
        auto& w = table_.id(s);
        if (w.node == setup_.node && s != self_ && (!pred_ || pred_->writer.run < w.run))
            pred_ = predecessor{w, number, heads_[s].hash};
    }
    open(*find_type(schema_name), schema_key, [this, self = weak_from_this(), done](boost::system::error_code ec, object* o) {
        auto alive = self.lock();
        if (!alive || stopped_) return; // it ended while it began
        if (ec) setup_.alarm("the schema of space " + setup_.name + " cannot be read: " + ec.message());
        auto& type = *find_type(schema_name);
        if (!o) o = &make_object(type, schema_key), pin(*o);
        if (log_damaged_) rows_fell_behind();
        if (ec || joins_over_behind())
            unknown_.try_emplace({&type, schema_key}, heads_.applied()), machine_->want_state();
        take_schema(*o);
        open(*find_type(leases::type_name), leases::key, [this, self, done](boost::system::error_code failed, object* runs) {
            auto still = self.lock();
            if (still && !stopped_) runs_found(failed, runs), done();
        });
    });
}

/// Who is there, and all is known to begin with. Like the schema it is in memory, though its row could not be read.
void space_body::runs_found(boost::system::error_code ec, object* o) {
    auto& type = *find_type(leases::type_name);
    if (!o) o = &make_object(type, leases::key), pin(*o);
    if (ec || joins_over_behind())
        unknown_.try_emplace({&type, leases::key}, heads_.applied()), machine_->want_state();
    leases_.start(*o);
    loaded_ = true;
    bool begun = half_joined_is(join_begun) || half_joined_is(join_over_behind);
    if (begun && !mutant("recovery_forgets_a_begun_join"))
        join_again();
    else if (store_ && store_->find(name_kind::space, staging_prefix + setup_.name))
        clear_staging([](bool) {});
    if (rows_mislead()) machine_->want_state();
    endings_.start(replayed_.size() != 0);
}

void space_body::stop() {
    if (stopped_) return;
    rights_.stop(), endings_.stop(), leases_.stop();
    if (!in_atomic_) seal();
    stopped_ = true;
    tick_->cancel();
    rows_moved();
    fail_waiters(node_errc::stopped);
    indexes_.stop();
    auto loading = std::move(loading_);
    loading_.clear();
    for (auto& [name, waiting] : loading)
        for (auto& h : waiting)
            boost::asio::post(setup_.executor,
                              [h = std::move(h)]() mutable { std::move(h)(node_errc::stopped, nullptr); });
    auto joining = std::move(after_joining_);
    after_joining_.clear();
    for (auto& w : joining) w(); // each sees that it is too late
    auto asked = std::move(asked_);
    asked_.clear();
    for (auto& done : asked)
        boost::asio::post(setup_.executor, [done] { (*done)(node_errc::stopped, {}, -1, true); });
    for (auto o : objects_)
        if (o->watches) ringing_.insert(ringing_.end(), o->watches->begin(), o->watches->end());
    for (auto& [name, t] : types_) ringing_.insert(ringing_.end(), t->watches.begin(), t->watches.end());
    each_ringing([](object_watch& w) { w.stop(); });
    on_entry = nullptr;
}

// ---- gossip

void space_body::act(instant) {
    auto todo = std::move(actions_);
    actions_.clear();
    bool copies = false, sync = false;
    for (auto& a : todo) {
        if (auto s = std::get_if<event::send>(&a))
            setup_.send(s->to, std::move(s->said));
        else if (std::get_if<event::copies_changed>(&a))
            copies = true;
        else if (std::get_if<event::synced>(&a))
            sync = true;
        else if (std::get_if<event::fork_proved>(&a))
            setup_.alarm("a writer was cloned while it ran: its entries are no longer taken");
        else if (std::get_if<event::fork_alarm>(&a))
            setup_.alarm("two contents of one entry are told by a third node; ours stays");
        else if (std::get_if<event::own_forged>(&a))
            setup_.alarm("entries were told under this node's own name that it has not made: a forgery, or a clone of this process");
        else if (std::get_if<event::entry_refused>(&a))
            setup_.alarm("an entry was refused");
    }
    if (copies) check_copies(), rights_.look_again();
    if (sync) check_synced();
    schedule_tick();
}

void space_body::schedule_tick() {
    if (stopped_ || ticking_ || peers_ == 0) return; // nobody to ask: nothing to wake for
    auto due = machine_->next_tick();
    if (due == instant::max()) return;
    ticking_ = true;
    auto delay = std::max<instant>(due - now(), std::chrono::milliseconds(1));
    tick_->expires_after(std::min<instant>(delay, std::chrono::milliseconds(100)), [this] {
        ticking_ = false;
        if (stopped_) return;
        if (now() >= cells_due_) cells_due_ = now() + std::chrono::seconds(1), cells_.tick(), ask_links();
        if (rebuilding()) return schedule_tick();
        machine_->tick(now(), *setup_.chance, actions_);
        act(now());
    });
}

void space_body::peer_up(peer_number p, node_id const& node, bool counted) {
    ++peers_;
    endings_.contact_changed();
    if (!stopped_ && machine_) machine_->peer_up(p, node, counted, now(), actions_), act(now());
    cells_.peer_up(p, node), ask_links();
}
void space_body::peer_down(peer_number p) {
    --peers_;
    endings_.contact_changed();
    if (!stopped_ && machine_) machine_->peer_down(p, now(), actions_), act(now());
    cells_.peer_down(p), ask_links();
}
void space_body::congested(peer_number p, bool is) {
    if (!stopped_ && machine_) machine_->congested(p, is, now(), actions_), act(now());
}
void space_body::count(node_id const& node, bool counted) {
    if (!stopped_ && machine_) machine_->count(node, counted, actions_), act(now());
}
void space_body::receive(peer_number from, space_message&& said) {
    if (auto w = std::get_if<word::cells>(&said)) return hear_cells(from, *w);
    // While a state is being joined nothing is applied: what is dropped here is pulled later.
    if (stopped_ || !machine_ || rebuilding()) return;
    if (store_) log_.cut(store_->first_row()); // another space may have had rows of ours cut
    machine_->receive(from, std::move(said), now(), actions_);
    was_full_ = was_full_ || full();
    act(now());
}

// ---- waiting

/// Whoever is cancelled is told at once, and nothing of the wait is kept.
std::shared_ptr<done_handler> space_body::waiter(done_handler&& handler) {
    auto who = std::make_shared<done_handler>(std::move(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(*who);
    if (slot.is_connected())
        slot.assign([self = weak_from_this(), weak = std::weak_ptr(who)](boost::asio::cancellation_type type) {
            auto s = self.lock();
            auto h = weak.lock();
            if (s && h && type != boost::asio::cancellation_type::none) s->give_up(h);
        });
    return who;
}

void space_body::give_up(std::shared_ptr<done_handler> const& who) {
    auto is = [&](auto& w) { return w.handler == who; };
    if (std::erase_if(savers_, is) + std::erase_if(copiers_, is) + std::erase_if(syncers_, is) +
        std::erase(ready_waiters_, who))
        answer_later(who, boost::asio::error::operation_aborted);
}

/// Not inside of what the user does: between two suspensions nobody else runs. Nor inside of what this space does: who
/// is answered may change, seal, stop or destroy, and what is under way here is not to find that.
void space_body::answer_later(std::shared_ptr<done_handler> const& who, boost::system::error_code ec) {
    boost::asio::post(setup_.executor, [who, ec] { std::move (*who)(ec); });
}

void space_body::wait_saved(dot d, done_handler handler) {
    auto who = waiter(std::move(handler));
    if (!d || is_saved(d)) return answer_later(who, {});
    if (stopped_) return answer_later(who, node_errc::stopped);
    if (store_error_) return answer_later(who, node_errc::unsaved);
    if (d.slot() != self_ || (!savers_.empty() && savers_.back().at > d)) // others' entries are saved in any order
        copiers_.push_back({d, 0, who, nullptr});
    else
        savers_.push_back({d, who});
}

void space_body::wait_copies(dot d, std::size_t k, std::chrono::nanoseconds deadline, done_handler handler) {
    auto who = waiter(std::move(handler));
    if (!d) return answer_later(who, {});
    if (stopped_) return answer_later(who, node_errc::stopped);
    auto& c = copiers_.emplace_back(copier{d, k, who, nullptr});
    if (deadline != std::chrono::nanoseconds::max()) {
        c.deadline = setup_.clock->make_timer(setup_.executor);
        c.deadline->expires_after(deadline, [this, weak = std::weak_ptr(who)] {
            auto h = weak.lock();
            if (std::erase_if(copiers_, [&](auto& x) { return x.handler == h; }))
                std::move (*h)(make_error_code(node_errc::timed_out));
        });
    }
    boost::asio::post(setup_.executor, [self = weak_from_this()] {
        auto s = self.lock();
        if (s && !s->stopped_) s->check_copies();
    });
}

/// A copy counts if it is on a disk: one in the memory of a node without a file does not.
void space_body::check_copies() {
    std::erase_if(copiers_, [&](copier& c) {
        bool here = is_saved(c.at);
        auto others = c.copies && machine_ ? machine_->copies(table_.id(c.at.slot()), c.at.number()) : 0;
        if (c.copies == 0 ? !here : (store_ && here ? 1 : 0) + others < c.copies) return false;
        answer_later(c.handler, {});
        return true;
    });
}

void space_body::wait_synced(std::chrono::nanoseconds deadline, done_handler handler) {
    auto who = waiter(std::move(handler));
    if (stopped_) return answer_later(who, node_errc::stopped);
    if (synced()) return answer_later(who, {});
    auto& c = syncers_.emplace_back(copier{dot(), 0, who, setup_.clock->make_timer(setup_.executor)});
    c.deadline->expires_after(deadline, [this, weak = std::weak_ptr(who)] {
        auto h = weak.lock();
        if (std::erase_if(syncers_, [&](auto& x) { return x.handler == h; }))
            std::move (*h)(make_error_code(node_errc::timed_out));
    });
}

void space_body::check_synced() {
    for (auto& c : syncers_) answer_later(c.handler, {});
    syncers_.clear();
}

void space_body::wait_ready(done_handler handler) {
    auto who = waiter(std::move(handler));
    if (stopped_) return answer_later(who, node_errc::stopped);
    if (!overloaded()) return answer_later(who, {});
    ready_waiters_.push_back(who);
    ask_for_room();
}

/// The store says nothing when it has room, and what fills it may be another space's. So something that says nothing
/// is queued: when it is answered, all that was queued before is on disk.
void space_body::ask_for_room() {
    if (room_asked_ || store_error_) return;
    room_asked_ = true;
    store_->write(floor_write{0}, [this, self = weak_from_this()](write_result const& r) {
        back(self, [this, self, ec = r.error] {
            auto alive = self.lock();
            if (!alive) return;
            room_asked_ = false;
            if (stopped_) return;
            if (ec && lost(ec)) return; // asked again when the file is open again
            check_room();
        })();
    });
}

void space_body::check_room() {
    if (ready_waiters_.empty()) return;
    if (overloaded()) return ask_for_room();
    for (auto& h : ready_waiters_) answer_later(h, {});
    ready_waiters_.clear();
}

void space_body::fail_waiters(boost::system::error_code ec) {
    auto savers = std::move(savers_);
    auto copiers = std::move(copiers_);
    auto syncers = std::move(syncers_);
    auto ready = std::move(ready_waiters_);
    savers_.clear(), copiers_.clear(), syncers_.clear(), ready_waiters_.clear();
    for (auto& s : savers) answer_later(s.handler, ec);
    for (auto& c : copiers) answer_later(c.handler, ec);
    for (auto& c : syncers) answer_later(c.handler, ec);
    for (auto& h : ready) answer_later(h, ec);
}

void space_body::add_watch(object_watch* w, object* o, object_type* t) {
    if (o) {
        pin(*o);
        if (!o->watches) o->watches = new std::vector<object_watch*>;
        o->watches->push_back(w);
    } else
        t->watches.push_back(w);
    if (w->told() == object_watch::when::saved) type_watches_.push_back(w);
}

/// Whoever is told may destroy watches, itself too: remove_watch takes those from the list.
void space_body::each_ringing(std::function<void(object_watch&)> const& f) {
    while (!ringing_.empty()) {
        auto w = ringing_.front();
        ringing_.pop_front();
        f(*w);
    }
}

void space_body::remove_watch(object_watch* w, object* o, object_type* t) {
    std::erase(type_watches_, w);
    std::erase(touched_watches_, w);
    std::erase(ringing_, w);
    if (!o) return void(std::erase(t->watches, w));
    std::erase(*o->watches, w);
    if (o->watches->empty()) delete o->watches, o->watches = nullptr;
    unpin(*o);
}

} // namespace dunlin
