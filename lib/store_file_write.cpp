// Writing batches: the queue of writes becomes one transaction.
#include "../crdt/mutant.hpp"
#include "store_connection.hpp"
#include "store_file.hpp"
#include "store_format.hpp"
#include <boost/assert.hpp>

namespace dunlin {

using use = store_statement::use;

void store_file::begin(std::int64_t now_ms) {
    BOOST_ASSERT(connection_ && !in_batch_ && !broken_);
    before_ = now_;
    now_ms_ = now_ms;
    failed_ = 0;
    quarantine_changed_ = false;
    row_bytes_.clear(), row_runs_.clear();
    in_batch_ = true;
    step(use(connection_->begin));
}

write_result store_file::add(store_write const& write) {
    BOOST_ASSERT(in_batch_);
    if (failed_) return {}; // commit() will say so
    return std::visit([&](auto& w) { return apply(w); }, write);
}

commit_result store_file::commit() {
    BOOST_ASSERT(in_batch_);
    end_row();
    std::int64_t oldest_ms = options_.log_budget_age_ms ? now_ms_ - options_.log_budget_age_ms : INT64_MIN;
    if (scanned_) cut(options_.log_budget_bytes, oldest_ms, cut_rows_max);
    connection_->log_frames = 0; // a commit of nothing writes none
    step(use(connection_->commit));
    in_batch_ = false;
    if (!failed_) {
        if (connection_->log_frames) sure_frames_ = connection_->log_frames;
        return {commit_outcome::ok, {}, last_row(), now_.first_row};
    }

    // SQLite may have rolled back by itself (which is why step() runs nothing after a failure: it would commit on its
    // own). Only if nothing is open any more is "full" a clean no.
    now_ = before_;
    if (!sqlite3_get_autocommit(connection_->db)) use(connection_->rollback).step();
    bool clean = (failed_ & 0xFF) == SQLITE_FULL && sqlite3_get_autocommit(connection_->db);
    if (clean && quarantine_changed_) clean = read_quarantine();
    if (clean) return {commit_outcome::disk_full, store_errc::disk_full, last_row(), now_.first_row};
    return {commit_outcome::unknown, break_with(failed_), last_row(), now_.first_row};
}

commit_result store_file::write_batch(std::int64_t now_ms, std::span<store_write const> writes,
                                      std::vector<write_result>* results) {
    begin(now_ms);
    for (auto& w : writes) {
        auto result = add(w);
        if (results) results->push_back(result);
    }
    return commit();
}

// ---- the log

/// Ends the row being filled: what follows in the queue must not share its number.
void store_file::end_row() {
    if (row_runs_.empty()) return;
    auto id = now_.next_row++;
    auto heads = encode_heads(id, row_runs_);
    auto sum = sum_of_log(id, now_ms_, heads, row_bytes_);
    use q(connection_->log_insert);
    q.bind(1, id).bind(2, now_ms_).bind(3, heads).bind(4, view_of(sum)).bind(5, row_bytes_);
    step(q);
    if (now_.first_row == id) now_.first_at_ms = now_ms_;
    now_.log_bytes += heads.size() + row_bytes_.size();
    for (auto& r : row_runs_) floor_of(r.space).last = id;
    row_bytes_.clear(), row_runs_.clear();
}

store_file::space_floor& store_file::floor_of(std::uint32_t space) {
    for (auto& s : now_.spaces)
        if (s.space == space) return s;
    return now_.spaces.emplace_back(space_floor{space, 0, 0});
}

write_result store_file::apply(log_write const& w) {
    write_result result;
    auto& run = w.run;
    if (w.bytes.size() > log_write_bytes_max || run.space > name_number_max || run.last < run.first)
        return result.error = store_errc::too_large, result;
    if (!row_bytes_.empty() && row_bytes_.size() + w.bytes.size() > log_row_bytes_max) end_row();
    result.row = now_.next_row;
    result.offset = std::uint32_t(row_bytes_.size());
    row_bytes_ += w.bytes;
    auto last = row_runs_.empty() ? nullptr : &row_runs_.back();
    if (last && last->space == run.space && last->writer == run.writer && last->last + 1 == run.first)
        last->last = run.last;
    else
        row_runs_.push_back(run);
    return result;
}

/// Oldest rows first, while the log is above its budget or they are too old; never above the floor.
void store_file::cut(std::uint64_t budget_bytes, std::int64_t oldest_ms, std::size_t rows_max) {
    if (now_.first_row > now_.floor || (now_.log_bytes <= budget_bytes && now_.first_at_ms >= oldest_ms)) return;
    std::uint64_t bytes = now_.log_bytes, last = 0, next = now_.next_row;
    std::int64_t next_at_ms = now_ms_;
    int rc;
    {
        use q(connection_->log_oldest);
        q.bind(1, std::uint64_t(rows_max) + 1);
        for (std::size_t n = 0; (rc = step(q)) == SQLITE_ROW; ++n) {
            auto id = std::uint64_t(q.integer(0));
            bool may_go = id <= now_.floor || mutant("log_cuts_above_the_floor");
            bool goes = may_go && n < rows_max && (bytes > budget_bytes || q.integer(1) < oldest_ms);
            if (!goes) {
                next = id, next_at_ms = q.integer(1);
                break;
            }
            last = id, bytes -= std::min(bytes, std::uint64_t(q.integer(2)));
        }
    }
    if (failed_) return;
    now_.first_row = next, now_.first_at_ms = next_at_ms;
    if (!last) return;
    now_.log_bytes = bytes;
    step(use(connection_->log_cut).bind(1, last));
}

commit_result store_file::cut_to_floor(std::size_t rows_max) {
    begin(now_ms_);
    cut(0, INT64_MAX, rows_max);
    return commit();
}

void store_file::drop_log_rows(std::vector<std::uint64_t> const& rows) {
    if (rows.empty() || broken_) return;
    begin(now_ms_);
    for (auto id : rows)
        if (id <= now_.floor) step(use(connection_->log_delete).bind(1, id));
    commit(); // full: they are found again next time
}

// ---- objects

/// The slot of the object, or the first free one of its window. False: five objects with one hash, or an error.
bool store_file::find_slot(object_name const& object, std::int64_t& h, bool& exists) {
    auto window = window_of(object.space, object.hash);
    taken_ = 0;
    exists = false;
    use q(connection_->object_names);
    q.bind(1, window);
    int rc;
    while ((rc = step(q)) == SQLITE_ROW) {
        taken_ |= 1u << (q.integer(0) & 3);
        if (std::uint32_t(q.integer(1)) == object.type && q.blob(2) == object.key) {
            h = q.integer(0), exists = true;
            row_parts_ = q.blob(3), row_ends_ms_ = q.integer(4);
            return true;
        }
    }
    if (rc != SQLITE_DONE) return false;
    row_parts_.clear(), row_ends_ms_ = 0;
    for (unsigned slot = 0; slot < slots_a_hash; ++slot)
        if (!(taken_ >> slot & 1)) return h = window | slot, true;
    return false;
}

void store_file::erase_parts(std::int64_t h, bytes_view bytes) {
    part_directory directory;
    if (!decode_directory(bytes, directory)) { // rot: the slow way, over the whole table
        step(use(connection_->part_erase_all).bind(1, h));
        return;
    }
    for (auto& p : directory.parts) step(use(connection_->part_erase).bind(1, p.id));
}

std::uint64_t store_file::insert_part(std::int64_t h, bytes_view bytes) {
    auto id = now_.next_part++;
    auto sum = sum_of_part(id, h, bytes);
    step(use(connection_->part_insert).bind(1, id).bind(2, h).bind(3, view_of(sum)).bind(4, bytes));
    return id;
}

/// `ends` is no part of the sum: a wrong one costs a load.
void store_file::put_object(object_row const& row, bool exists, std::int64_t ends_ms) {
    auto sum = row.sum();
    use q(exists ? connection_->object_update : connection_->object_insert);
    q.bind(1, row.h);
    if (!exists) q.bind(2, row.type).bind(3, row.key);
    q.bind(4, row.upto).bind(5, view_of(sum));
    row.parts.empty() ? q.bind_null(6) : q.bind(6, row.parts);
    q.bind(7, row.tail).bind(8, row.state);
    ends_ms ? q.bind(9, ends_ms) : q.bind_null(9);
    step(q);
    if (exists) must_have_changed();
}

/// The index knows a row and the table does not show it: a page is damaged, or was read wrongly. The commit fails, and the
/// file is looked at as a whole before it is trusted again.
void store_file::must_have_changed() {
    if (!failed_ && sqlite3_changes(connection_->db) == 0 && !mutant("recovery_writes_past_a_row_that_is_not_seen"))
        checked(SQLITE_CORRUPT);
}

/// Before an object is written or erased of which its window shows no row. One that is not sound there may be it: it is set
/// aside. One that only the index knows lies where the table was not read, or was read wrongly: as above.
void store_file::make_sure_of_none(object_name const& object) {
    auto window = window_of(object.space, object.hash);
    std::vector<object_copy> unsound, lost;
    if (taken_) find_unsound(window, unsound);
    find_lost(window, object.type, taken_, lost, object.key);
    if (!failed_ && !lost.empty() && !mutant("recovery_writes_past_a_row_that_is_not_seen")) checked(SQLITE_CORRUPT);
    if (!failed_ && !unsound.empty()) quarantine(unsound);
}

static bool refused(object_name const& object, std::size_t bytes) {
    return bytes > state_bytes_max || object.key.size() > key_bytes_max || object.space > name_number_max ||
           object.hash > hash_max || !object.type;
}

write_result store_file::apply(state_write const& w) {
    write_result result;
    if (refused(w.object, w.state.size())) return result.error = store_errc::too_large, result;
    end_row();
    std::int64_t h = 0;
    bool exists = false;
    if (!find_slot(w.object, h, exists)) return result.error = store_errc::no_slot, result;
    if (!exists) make_sure_of_none(w.object);
    if (!row_parts_.empty()) erase_parts(h, row_parts_);
    auto upto = now_.next_row - 1 + (mutant("checkpoint_upto_one_too_high") ? 1 : 0);
    object_row row{h, w.object.type, w.object.key, upto, {}, {}, {}};
    std::string parts;
    if (w.state.size() <= inline_state_bytes_max)
        row.state = w.state;
    else {
        part_directory directory;
        for (bytes_view rest = w.state; !rest.empty(); rest.remove_prefix(std::min(rest.size(), part_bytes_max))) {
            auto piece = rest.substr(0, part_bytes_max);
            directory.parts.push_back({insert_part(h, piece), piece.size()});
        }
        directory.base_count = directory.parts.size();
        parts = encode_directory(directory);
        row.parts = parts;
    }
    put_object(row, exists, w.ends_ms);
    lift_quarantine(w.object, exists);
    result.row = row.upto;
    return result;
}

/// Small deltas go into the row itself; when these are too many, into the last part while it is less than twice their
/// size, else into a new one. So a change writes O(log) times its bytes, and a load reads O(log) parts.
bool store_file::append_deltas(object_row& row, part_directory& directory, bytes_view deltas, std::string& tail) {
    tail.assign(row.tail).append(deltas);
    bool fits = directory.parts.empty() ? row.state.size() + tail.size() <= inline_state_bytes_max
                                        : tail.size() <= tail_bytes_max;
    if (!fits) {
        while (directory.parts.size() > directory.base_count && directory.parts.back().bytes < 2 * tail.size()) {
            auto last = directory.parts.back();
            use q(connection_->part_read);
            if (step(q.bind(1, last.id)) != SQLITE_ROW) return false;
            bytes_view bytes = q.blob(2);
            if (bytes.size() != last.bytes || !same_sum(sum_of_part(last.id, row.h, bytes), q.blob(1))) return false;
            tail.insert(0, bytes);
            step(use(connection_->part_erase).bind(1, last.id));
            directory.parts.pop_back();
        }
        directory.parts.push_back({insert_part(row.h, tail), tail.size()});
        tail.clear();
    }
    row.tail = tail;
    return true;
}

write_result store_file::apply(delta_write const& w) {
    write_result result;
    if (refused(w.object, w.deltas.size())) return result.error = store_errc::too_large, result;
    end_row();
    auto window = window_of(w.object.space, w.object.hash);
    if (quarantined_.contains(window)) return result.error = store_errc::object_damaged, result; // its base is unknown
    std::int64_t h = 0;
    bool exists = false;
    if (!find_slot(w.object, h, exists)) return result.error = store_errc::no_slot, result;
    object_row row{h, w.object.type, w.object.key, 0, {}, {}, {}};
    part_directory directory;
    std::vector<object_copy> damaged;
    if (!exists && taken_) find_unsound(window, damaged);
    if (!exists) find_lost(window, w.object.type, taken_, damaged, w.object.key);
    std::string state, old_tail, tail, parts;
    if (exists) { // the new sum must not cover old rot
        {
            use q(connection_->object_read);
            q.bind(1, window);
            int rc;
            while ((rc = step(q)) == SQLITE_ROW && q.integer(0) != h) {}
            if (rc == SQLITE_DONE && !mutant("recovery_writes_past_a_row_that_is_not_seen")) checked(SQLITE_CORRUPT);
            if (rc != SQLITE_ROW) return result; // the batch has failed
            object_row old{
                h,        std::uint32_t(q.integer(1)), q.blob(2), std::uint64_t(q.integer(3)), q.blob(5), q.blob(6),
                q.blob(7)};
            if (!same_sum(old.sum(), q.blob(4)) || !decode_directory(old.parts, directory))
                damaged.push_back(old.copy());
            row.upto = old.upto;
            state = old.state, old_tail = old.tail;
        }
    }
    if (!damaged.empty()) return quarantine(damaged), result.error = store_errc::object_damaged, result;
    row.state = state, row.tail = old_tail;
    auto upto = std::min(w.upto ? w.upto : ~std::uint64_t(0), now_.next_row - 1);
    BOOST_ASSERT(upto >= row.upto);
    row.upto = std::max(upto, row.upto);
    if (!append_deltas(row, directory, w.deltas, tail)) {
        auto copy = row.copy();
        copy.parts = row_parts_;
        return quarantine({copy}), result.error = store_errc::object_damaged, result;
    }
    parts = encode_directory(directory);
    row.parts = parts;
    put_object(row, exists, row_ends_ms_ && w.ends_ms ? std::min(row_ends_ms_, w.ends_ms) : row_ends_ms_ + w.ends_ms);
    auto base = row.state.size() + directory.base_bytes(), deltas = row.tail.size() + directory.delta_bytes();
    result.wants_fold = deltas > std::max<std::uint64_t>(base / 2, 4096);
    result.row = row.upto;
    return result;
}

write_result store_file::apply(erase_write const& w) {
    write_result result;
    end_row();
    std::int64_t h = 0;
    bool exists = false;
    bool known = find_slot(w.object, h, exists);
    if (known && exists) {
        if (!row_parts_.empty()) erase_parts(h, row_parts_);
        step(use(connection_->object_erase).bind(1, h));
        must_have_changed();
    } else if (known)
        make_sure_of_none(w.object);
    lift_quarantine(w.object, exists);
    result.row = now_.next_row - 1;
    return result;
}

// ---- small rows

write_result store_file::apply(space_write const& w) {
    write_result result;
    if (w.vector.size() + w.heads.size() > log_write_bytes_max) return result.error = store_errc::too_large, result;
    end_row();
    result.row = now_.next_row - 1;
    auto sum = sum_of_space(w.space, result.row, w.vector, w.heads);
    use q(connection_->space_put);
    step(q.bind(1, w.space).bind(2, result.row).bind(3, view_of(sum)).bind(4, w.vector).bind(5, w.heads));
    return result;
}

write_result store_file::apply(name_write const& w) {
    write_result result;
    if (w.bytes.size() > key_bytes_max) return result.error = store_errc::too_large, result;
    auto k = std::uint64_t(w.kind) << 32 | w.number;
    auto sum = sum_of_name(k, w.bytes);
    step(use(connection_->name_put).bind(1, k).bind(2, view_of(sum)).bind(3, w.bytes));
    return result;
}

write_result store_file::apply(meta_write const& w) {
    write_result result;
    BOOST_ASSERT(w.key >= 16);
    if (w.value.size() > log_write_bytes_max) return result.error = store_errc::too_large, result;
    auto sum = sum_of_meta(w.key, w.value);
    step(use(connection_->meta_put).bind(1, w.key).bind(2, view_of(sum)).bind(3, w.value));
    return result;
}

write_result store_file::apply(floor_write const& w) {
    end_row();
    write_result result;
    result.row = now_.next_row - 1;
    BOOST_ASSERT(w.floor <= result.row);
    auto floor = std::min(w.floor, result.row);
    if (w.space) floor_of(w.space).floor = std::max(floor_of(w.space).floor, floor);
    for (auto& s : now_.spaces) {
        if (!w.space) s.floor = std::max(s.floor, floor);
        floor = std::max(floor, s.floor);
    }
    for (auto& s : now_.spaces)
        if (s.last > s.floor && !mutant("log_floor_forgets_other_spaces")) floor = std::min(floor, s.floor);
    now_.floor = std::max(now_.floor, floor);
    put_floor();
    return result;
}

void store_file::put_floor() {
    encoder value;
    value.u64(now_.floor);
    auto sum = sum_of_meta(1, value.view());
    step(use(connection_->meta_put).bind(1, std::uint64_t(1)).bind(2, view_of(sum)).bind(3, value.view()));
}

} // namespace dunlin
