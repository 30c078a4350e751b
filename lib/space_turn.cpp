// The turn of a space: from the first mark to one entry.
#include "../crdt/mutant.hpp"
#include "../crdt/set.hpp"
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

namespace {
/// Whose atomic runs: it never suspends, so a thread has one at a time.
thread_local space_body const* atomic_now = nullptr;

void only_in(space_body const& s) {
    if (!atomic_now || atomic_now == &s) return;
    auto text = "an atomic of the space " + atomic_now->name() + " changes the space " + s.name() +
                ": between two spaces nothing is all or nothing; make it two";
    programmers_error(text.c_str());
}
} // namespace

bool space_body::overloaded() const { return store_ && (store_->full() || log_.unsaved_bytes() > setup_.log_bytes); }

/// Entries are taken from peers only as fast as their objects' rows: deltas of cold objects wait in memory for these.
bool space_body::full() const { return overloaded() || cold_.bytes() > cold_bytes_max() || rows_mislead() || indexes_.hold_back(); }

void space_body::touched(object& o) {
    require(!absorbing_, "a struct was changed while an entry was being applied");
    require(!stopped_, "a struct was changed after its node had stopped");
    only_in(*this);
    if (&o != schema_ && overloaded()) throw boost::system::system_error(node_errc::overloaded);
    take_in_turn(o);
}

bool space_body::may_begin_anew(object& o) const {
    return !stopped_ && !absorbing_ && (!atomic_now || atomic_now == this) && o.fields().may_erase(o.value()) && !has_too_many_writers(o.fields(), o.value());
}

void space_body::take_in_turn(object& o) {
    if (turn_.empty()) turn_stamp_ = stamps_.next(setup_.clock->wall_now());
    if (o.in_turn) return;
    o.in_turn = true;
    pin(o);
    turn_.push_back(&o);
    if (!seal_posted_ && !in_atomic_) {
        seal_posted_ = true;
        boost::asio::post(setup_.executor, [self = weak_from_this()] {
            auto s = self.lock();
            if (!s) return;
            s->seal_posted_ = false;
            if (!s->stopped_) s->end_turn();
        });
    }
}

/// When the disk is behind, turns are joined until it answers: fewer entries, and less to write, before it is too much.
void space_body::end_turn() {
    bool answers = store_ && !store_error_ && store_->state() == store_state::open &&
                   log_.saved_position() < log_.next_position();
    turn_waits_ = answers && turn_makes_entry() && (store_->half_full() || log_.unsaved_bytes() > setup_.log_bytes / 2);
    if (!turn_waits_) seal();
}

bool space_body::turn_makes_entry() const {
    return std::any_of(turn_.begin(), turn_.end(), [](object* o) { return o->makes_entry(); });
}

/// Not before it is known that there is an entry: what is only told beside entries needs no line, nor does what was over and
/// only looked at. The schema object joins the turn by it, whatever the load: its lines are few.
void space_body::describe_turn() {
    for (std::size_t k = 0; k < turn_.size(); ++k)
        if (auto o = turn_[k]; !o->type->described && o->makes_entry() && !o->was_only_looked_at()) describe(*o->type);
}

std::uint64_t space_body::seal() {
    require(!in_atomic_, "seal() inside atomic: an atomic is one entry and seals itself");
    return seal_turn(entry_bytes_wanted);
}

/// The entries of the running turn: one, or more if it is larger than `bytes`. The last one's number; 0: nothing to say.
std::uint64_t space_body::seal_turn(std::size_t bytes) {
    drop_what_was_looked_at();
    if (turn_.empty()) return drop_after_turn(), 0;
    describe_turn();
    // The schema object may have been touched after the object that needed it: it stands first.
    auto schema = std::find(turn_.begin(), turn_.end(), schema_);
    if (schema != turn_.end()) std::rotate(turn_.begin(), schema, schema + 1);
    // So does the lease of what is announced.
    auto runs = std::find_if(turn_.begin(), turn_.end(), [this](object* o) { return leases_.is(*o); });
    auto first = turn_.begin() + (turn_.front() == schema_);
    if (runs != turn_.end() && runs > first) std::rotate(first, runs, runs + 1);
    auto turn = std::move(turn_);
    turn_.clear();
    std::uint64_t made = 0;
    for (std::size_t from = 0; from < turn.size();)
        if (auto number = make_entry(turn, from, bytes)) made = number;
    if (!asides_.empty()) say_asides();
    drop_after_turn();
    for (auto o : turn) unpin(*o);
    ring_watches();
    return made;
}

/// One entry of objects from `from` on, until it has the bytes wanted; before it, entries of nothing but dependencies,
/// if there are more than one has room for.
std::uint64_t space_body::make_entry(std::vector<object*> const& turn, std::size_t& from, std::size_t bytes) {
    auto ahead = advanced_.empty() ? 0 : (advanced_.size() - 1) / dependencies_max;
    auto const number = heads_[self_].number + ahead + 1;
    dot const at(self_, number);
    auto const writers_wanted = bytes == one_entry ? one_entry : writers_named_max / 2;
    builder_.begin(self_);
    flush_table_.begin(self_);
    auto& out = builder_.delta();
    flushing f{out, flush_table_, at, turn_stamp_};
    f.full_at_writers = writers_wanted, f.asides = &flushed_asides_;
    std::vector<object*> said;
    std::vector<object_type*> named;
    while (from < turn.size() && out.size() < bytes && flush_table_.slots().size() < writers_wanted) {
        auto o = turn[from];
        o->past.reset();
        auto before = out.size();
        auto t = std::size_t(std::find(named.begin(), named.end(), o->type) - named.begin());
        if (t == named.size()) out.u(0), out.bytes(o->type->name);
        else out.u(t + 1);
        out.bytes(o->key), out.u8(0);
        auto body = out.size();
        auto members = struct_part::touched_in(o->head().dirty);
        bool erased = o->head().dirty & header::erased;
        f.full_at_bytes = std::max(bytes, body + 4096);
        if (o->fields().flush(o->value(), f)) {
            if (o->made_by->aside_members()) members &= o->made_by->touched_by(out.view().substr(body)); // of its asides no entry tells
            out.patch(body - 1, out.size() - body);
            if (t == named.size()) named.push_back(o->type);
            said.push_back(o);
            o->changed |= members;
        } else out.resize(before);
        note_asides(*o, erased);
        if (f.more && !mutant("seal_drops_the_rest_of_a_large_turn")) break; // the rest of it goes on in the next entry
        o->in_turn = false;
        ++from;
    }
    if (said.empty()) return 0;
    require(flush_table_.slots().size() + dependencies_max <= entry_bounds::writers_max,
            "one change takes away what over 61,439 writers wrote, and no entry can say that; erase in smaller steps");
    for (auto slot : flush_table_.slots().subspan(1)) builder_.index(slot, table_);
    for (; ahead; --ahead) {
        entry_builder alone;
        alone.begin(self_);
        publish_own(alone);
    }
    auto position = publish_own(builder_);
    mark_said(said, {table_.id(self_), number, turn_stamp_, scratch_.view()}, position);
    for (auto o : said) tell(*o, std::exchange(o->changed, 0), false, at);
    return number;
}

/// The entry that was built, with dependencies that no entry of ours has named yet, as many as it may.
std::uint64_t space_body::publish_own(entry_builder& built) {
    auto const number = heads_[self_].number + 1, prior = heads_[self_].prior();
    auto n = std::min(advanced_.size(), dependencies_max);
    for (auto slot : std::span(advanced_).first(n)) {
        if (slot == self_ || mutant("seal_forgets_dependencies")) continue;
        require(built.depend(slot, heads_[slot].number, table_), "an entry of our own has no room for a dependency");
        is_advanced_[slot] = false;
    }
    advanced_.erase(advanced_.begin(), advanced_.begin() + std::ptrdiff_t(n));
    if (first_entry_ && pred_) built.follow(*pred_);
    scratch_.clear();
    built.finish(turn_stamp_ - heads_[self_].stamp, scratch_);
    entry e{table_.id(self_), number, turn_stamp_, scratch_.view()};
    require(body_.read(e.body), "an entry of our own is malformed");
    require(heads_.advance(e, body_) != writers::none, "the table of writers is full");
    return publish(e, body_, prior);
}

void space_body::mark_said(std::vector<object*> const& said, entry const& e, std::uint64_t position) {
    for (auto o : said)
        if (!unknown_.empty()) needs_more(*o->type, o->key, dot(self_, e.number));
    bool large = false;
    for (auto o : said) large = large || o->counted_bytes >= large_object_bytes;
    if (!store_ || !large) {
        for (auto o : said) mark_dirty(*o, position);
        return;
    }
    each_object_delta(body_.delta, [&](object_delta const& one) {
        auto o = find(make_type(one.type, nullptr, false), one.key);
        bool was_dirty = o->dirty;
        mark_dirty(*o, position);
        note_record(*o, was_dirty, e, body_, one.delta);
        return true;
    });
}

/// Log, file, machine. The entry is applied already.
std::uint64_t space_body::publish(entry const& e, entry_body const&, std::uint64_t prior) {
    auto slot = table_.find(e.writer);
    auto position = log_.append(dot(slot, e.number), e.stamp, prior, e.body);
    if (!store_)
        log_.trim(setup_.log_bytes);
    else if (!store_error_)
        write_entry(e.writer, log_.at(position), position);
    if (slot == self_) {
        series one;
        one.writer = e.writer, one.first = e.number, one.first_stamp = e.stamp, one.prior = prior;
        one.add(e.body);
        // A run's first entry names the run before it: it is sent when it, and what it depends on, is durable.
        bool hold = store_ && first_entry_;
        first_entry_ = false;
        machine_->sealed(one, hold, actions_);
        act(now());
    }
    if (on_entry) on_entry(slot != self_);
    return position;
}

void space_body::begin_atomic() {
    require(!in_atomic_, "atomic inside atomic of the same space");
    only_in(*this);
    seal();
    in_atomic_ = true;
    atomic_now = this;
}

/// The running turn may name more writers than one entry has room for: only where there are many is it counted.
bool space_body::names_too_many() const {
    if (table_.size() <= writers_named_max) return false;
    slot_set used;
    for (auto o : turn_) o->fields().each_slot(o->value(), used);
    std::size_t n = 0;
    used.each([&](std::uint32_t) { ++n; });
    return n > writers_named_max;
}

std::uint64_t space_body::commit_atomic() {
    describe_turn();
    std::size_t bytes = 0; // what was only looked at says nothing, and is dropped with the undo log
    for (auto o : turn_)
        if (!o->was_only_looked_at()) bytes += o->type->name.size() + o->key.size() + 32 + o->fields().weigh(o->value());
    if (bytes > atomic_bytes_max || names_too_many()) {
        roll_back();
        throw boost::system::system_error(node_errc::turn_too_large);
    }
    in_atomic_ = false;
    atomic_now = nullptr;
    undo_.clear();
    return seal_turn(mutant("seal_splits_atomic") ? 1 : one_entry);
}

/// Of what was over when the turn began to use it: nothing was written.
void space_body::drop_what_was_looked_at() {
    std::vector<object*> looked;
    for (auto o : turn_)
        if (o->was_only_looked_at()) looked.push_back(o);
    if (looked.empty()) return;
    std::erase_if(turn_, [](object* o) { return o->was_only_looked_at(); });
    for (auto o : looked) o->take_past_back(), o->in_turn = false;
    for (auto o : looked) unpin(*o);
}

void space_body::roll_back() {
    in_atomic_ = false;
    atomic_now = nullptr;
    while (!undo_.empty()) undo_.back()->undo(), undo_.pop_back();
    auto turn = std::move(turn_);
    turn_.clear();
    for (auto o : turn) {
        if (o->past) o->take_past_back();
        o->fields().rollback(o->value());
        o->in_turn = false;
        if (o == schema_)
            for (auto& [name, t] : types_) t->described = t.get() == schema_->type;
    }
    drop_after_turn();
    for (auto o : turn) unpin(*o);
}

} // namespace dunlin
