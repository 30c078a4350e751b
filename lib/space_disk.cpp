// The space and its file: what was saved, what is checkpointed, what is read back for peers, pages and digests.
#include "../crdt/mutant.hpp"
#include "log_row.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

std::function<void()> space_body::back(std::weak_ptr<space_body> const& self, std::function<void()> f) {
    auto alive = self.lock();
    if (!alive) return [] {};
    if (!alive->setup_.on_executor) return f;
    return [to = alive->setup_.on_executor, f = std::move(f)] { to(f); };
}

void space_body::write_entry(writer_id const& w, entry_log::item const& i, std::uint64_t position) {
    series one;
    one.writer = w, one.first = i.at.number(), one.first_stamp = i.stamp, one.prior = i.prior;
    one.add(i.body);
    encoder bytes;
    one.write(bytes);
    auto writer = store_->intern(name_kind::writer, view_of_writer(w));
    if (mutant("log_tells_durable_before_the_commit")) durable_.see(i.at);
    log_bytes_since_ += bytes.size();
    store_->write(log_write{log_run{store_space_, writer, one.first, one.first}, bytes.take()},
                  [this, self = weak_from_this(), position](write_result const& r) {
                      if (auto alive = self.lock()) entry_saved(position, r);
                  });
}

void space_body::entry_saved(std::uint64_t position, write_result const& r) {
    auto saved = [this, self = weak_from_this(), position, r] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        if (r.error) return file_lost(r.error);
        durable_.see(log_.saved(position, r.row).at);
        if (commit_posted_) return;
        commit_posted_ = true;
        boost::asio::post(setup_.executor, [this, self] {
            if (auto still = self.lock()) committed();
        });
    };
    if (setup_.on_executor)
        setup_.on_executor(saved);
    else
        saved();
}

/// Once a commit, after all its entries were counted.
void space_body::committed() {
    commit_posted_ = false;
    if (stopped_) return;
    if (std::exchange(turn_waits_, false) && !in_atomic_) seal();
    log_.cut(store_->first_row());
    machine_->committed(actions_);
    act(now());
    while (!savers_.empty() && durable_.covers(savers_.front().at)) {
        auto h = std::move(savers_.front().handler);
        savers_.pop_front();
        std::move (*h)(boost::system::error_code());
        if (stopped_) return; // whoever was told may have stopped the node, and its file is gone with it
    }
    ringing_.insert(ringing_.end(), type_watches_.begin(), type_watches_.end());
    each_ringing([this](object_watch& w) { w.saved(durable_), w.ring(); });
    check_copies();
    rights_.look_again();
    if (stopped_) return;
    check_room();
    if (stopped_) return;
    // What lies above the checkpoint comes into memory at the next start.
    if (log_bytes_since_ > std::min({std::size_t(64) << 20, setup_.log_bytes / 2, setup_.memory_bytes / 4})) {
        checkpoint();
        if (setup_.on_long_log) setup_.on_long_log();
    }
    make_room();
    take_in_again();
}

void space_body::mark_dirty(object& o, std::uint64_t position) {
    if (o.type->may_end) deadlines_changed(o);
    if (!store_ || o.dirty || is_unknown(o)) return; // what is in its row is not to be overwritten
    o.dirty = true;
    o.since = position;
    // What was loaded with older entries stands before what is newer: the front says how far the floor may rise.
    auto it = unsaved_.end();
    if (!unsaved_.empty() && position <= unsaved_.front().since) it = unsaved_.begin();
    while (it != unsaved_.begin() && std::prev(it)->since > position) --it;
    unsaved_.insert(it, o);
}

/// Its stored state lacks more than entries from `position` on: it has to be written whole.
void space_body::mark_unsaved(object& o, std::uint64_t position) {
    if (o.unsaved.is_linked()) o.unsaved.unlink();
    if (o.dirty) position = std::min(position, o.since);
    o.dirty = false;
    o.records.reset();
    mark_dirty(o, position);
}

/// A large object is not written whole for each small change: its row takes the change, as that of a cold one does,
/// and the store folds them into parts; until there is too much of that.
void space_body::note_record(object& o, bool was_dirty, entry const& e, entry_body const& body, bytes_view delta) {
    if (!store_ || o.counted_bytes < large_object_bytes) return;
    if (!was_dirty) o.records = std::make_unique<std::string>();
    if (!o.records) return;
    *o.records += record_of(e, body, delta, 0);
    if (o.records->size() > o.counted_bytes / 2) o.records.reset();
}

void space_body::write_whole(object& o, std::function<void(write_result const&)> answer) {
    auto state = encode_object(o, table_, disk_names());
    if (state.size() > o.counted_bytes) count_bytes(o); // it has grown, pinned all the time
    store_->write(state_write{name_of(*o.type, o.key), std::move(state), deadline_for_row(o)}, std::move(answer));
}

void space_body::save_state(object& o, std::function<void(write_result const&)> done) {
    o.dirty = false;
    if (o.unsaved.is_linked()) o.unsaved.unlink();
    ++o.writing;
    auto answer = [this, self = weak_from_this(), type = o.type, key = o.key,
                   done = std::move(done)](write_result const& r) {
        back(self, [this, self, type, key, done, r] {
            auto alive = self.lock();
            if (!alive || stopped_) return;
            auto x = find(*type, key);
            if (x && x->writing) --x->writing;
            if (r.error && x && !mutant("recovery_forgets_states_that_failed")) mark_unsaved(*x, 0); // its row is what it was: the floor waits for it
            if (r.wants_fold && x) mark_unsaved(*x, log_.next_position());
            if (r.error && !lost(r.error))
                setup_.alarm("the state of " + type->name + " " + key + " could not be saved: " + r.error.message());
            if (done) done(r);
        })();
    };
    if (o.fields().vacant(o.value()))
        store_->write(erase_write{name_of(*o.type, o.key)}, std::move(answer));
    else if (auto records = std::exchange(o.records, nullptr))
        store_->write(delta_write{name_of(*o.type, o.key), std::move(*records), 0, deadline_for_row(o)}, std::move(answer));
    else
        write_whole(o, std::move(answer));
}

void space_body::log_is_long() {
    if (!stopped_ && loaded_ && log_.last_row() > written_floor_) checkpoint();
}

/// Writes the states of what has been dirty longest, a chunk a time, until the log above the floor is short.
void space_body::checkpoint() {
    // While rows mislead nothing of the file can be loaded: what was replayed waits for the state.
    auto unfit = [this] { return store_error_ || rebuilding() || rows_mislead(); };
    if (checkpointing_ || !store_ || unfit()) return;
    checkpointing_ = true;
    log_bytes_since_ = 0;
    auto const until = log_.next_position();
    auto step = std::make_shared<std::function<void()>>();
    *step = [this, unfit, self = weak_from_this(), until, weak = std::weak_ptr(step)] {
        auto alive = self.lock();
        auto again = weak.lock();
        if (!alive || stopped_ || !again) return;
        if (unfit()) return void(checkpointing_ = false);
        seal(); // marks of a running turn are no state
        constexpr int chunk = 64;
        int n = 0;
        for (; n < chunk && !unsaved_.empty() && unsaved_.front().since < until; ++n) save_state(unsaved_.front(), {});
        cold_deltas::place where;
        std::uint64_t since = 0;
        for (; n < chunk && cold_.oldest(where, since) && since < until; ++n)
            if (!write_cold(where)) break;
        bool replaying = replayed_.oldest(where, since);
        if (replaying) load_replayed(where);
        if (n == chunk && !store_->full()) return boost::asio::post(setup_.executor, [again] { (*again)(); });
        if (replaying && !store_->full()) return after_rows_.push_back([again] { (*again)(); });
        checkpointing_ = false;
        auto first = unsaved_.empty() ? log_.next_position() : unsaved_.front().since;
        if (cold_.oldest(where, since)) first = std::min(first, since);
        if (replayed_.oldest(where, since)) first = 0; // the floor waits; what is queued stands before it anyway
        log_.forget_rows_before(std::min(first, log_.saved_position()));
        auto row = first == 0 ? 0 : first < log_.saved_position() ? log_.row_of(first) : log_.last_row() + 1;
        write_known();
        if (mutant("checkpoint_floor_forgets_the_dirty")) row = log_.last_row() + 1;
        if (row > 1 && row - 1 > written_floor_) {
            written_floor_ = row - 1;
            store_->write(floor_write{row - 1, store_space_});
        }
    };
    boost::asio::post(setup_.executor, [step] { (*step)(); });
}

void space_body::read_log(std::uint64_t request, id_vector const& have, std::size_t budget_bytes) {
    collect_log(have, budget_bytes, [this, request](log_range&& range) {
        auto shared = std::make_shared<log_range>(std::move(range));
        boost::asio::post(setup_.executor, [this, self = weak_from_this(), request, shared] {
            auto alive = self.lock();
            if (!alive || stopped_) return;
            machine_->log_read(request, std::move(*shared), now(), actions_);
            act(now());
        });
    });
}

/// Those entries of a stored series that `have` lacks.
void space_body::take_series(series const& s, version_vector& have, std::size_t& budget, std::vector<series>& out) {
    auto slot = table_.find(s.writer);
    auto prior = s.prior;
    for (series_cursor c(s); slot != writers::none && c.next();) {
        auto& e = c.entry();
        if (have[slot] + 1 == e.number && heads_[slot].number >= e.number) {
            entry_log::add(out, s.writer, {dot(slot, e.number), e.stamp, prior, std::string(e.body)});
            have.raise(slot, e.number);
            budget -= std::min(budget, e.body.size());
        }
        if (s.count > 1) prior = prior_of(entry_hash(prior, s.writer, e.number, e.stamp, e.body));
    }
}

/// Rows that were asked for and cannot be read, or are not there any more: who needs them is given the state.
void space_body::tell_lost(std::uint64_t from, std::vector<log_row> const& read) {
    for (auto& r : read) {
        if (from < r.row) log_.lost(from, r.row - 1);
        if (r.damaged) log_.lost(r.row, r.row);
        from = r.row + 1;
    }
    if (read.empty()) log_.lost(from, ~std::uint64_t(0));
}

/// Entries above `have` from the rows and the tail. The answer comes on our executor, at once if from memory.
void space_body::collect_log(id_vector const& have, std::size_t budget_bytes, std::function<void(log_range&&)> answer) {
    auto mine = std::make_shared<version_vector>();
    for (auto& h : have)
        if (auto slot = table_.find(h.writer); slot != writers::none) mine->raise(slot, h.number);
    log_range range;
    if (!mine->covers(log_.floor())) return range.behind = true, answer(std::move(range));
    auto row = store_ ? log_.first_row_above(*mine) : 0;
    if (!row || log_.reaches(*mine, heads_.applied())) {
        auto budget = budget_bytes;
        range.more = !log_.collect(*mine, table_, budget, range.list);
        return answer(std::move(range));
    }
    store_->read_rows(row, budget_bytes,
                      [this, self = weak_from_this(), row, mine, answer, budget_bytes](auto ec, std::vector<log_row> rows) {
                          auto shared = std::make_shared<std::vector<log_row>>(std::move(rows));
                          back(self, [this, self, row, mine, answer, budget_bytes, ec, shared] {
                              auto alive = self.lock();
                              if (!alive || stopped_) return;
                              log_range read;
                              read.more = true;
                              auto budget = budget_bytes;
                              if (!ec) tell_lost(row, *shared);
                              for (auto& r : *shared) {
                                  if (ec || r.damaged) break;
                                  each_series(r.runs, r.bytes, [&](std::uint32_t space, series const& s) {
                                      if (space == store_space_) take_series(s, *mine, budget, read.list);
                                  });
                                  if (!budget) break;
                              }
                              read.behind = read.list.empty() && !mine->covers(log_.floor());
                              if (budget && log_.first_row_above(*mine) == 0)
                                  read.more = !log_.collect(*mine, table_, budget, read.list);
                              answer(std::move(read));
                          })();
                      });
}

} // namespace dunlin
