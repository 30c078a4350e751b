// Reading objects and rows, quarantine, and the WAL checkpoint.
#include "../crdt/mutant.hpp"
#include "store_connection.hpp"
#include "store_file.hpp"
#include "store_format.hpp"
#include <algorithm>
#include <boost/assert.hpp>

namespace dunlin {

using use = store_statement::use;

namespace {

object_row row_of(use& q) {
    return {q.integer(0), std::uint32_t(q.integer(1)), q.blob(2), std::uint64_t(q.integer(3)), q.blob(5), q.blob(6),
            q.blob(7)};
}
bool whole(object_row const& row, use& q) {
    return same_sum(row.sum(), q.blob(4)) || mutant("recovery_believes_damage");
}

} // namespace

object_state store_file::load(std::uint32_t space, std::uint32_t type, std::uint64_t hash, bytes_view key) {
    BOOST_ASSERT(connection_ && !in_batch_);
    object_state found;
    auto window = window_of(space, hash);
    std::vector<object_copy> damaged;
    unsigned seen = 0;
    {
        use q(connection_->object_read);
        q.bind(1, window);
        int rc;
        while ((rc = q.step()) == SQLITE_ROW) {
            auto row = row_of(q);
            seen |= 1u << (row.h & 3);
            bool ours = row.type == type && row.key == key;
            if (!whole(row, q)) { // its key may be what is damaged: so it may be ours
                damaged.push_back(row.copy());
                continue;
            }
            if (!ours) continue;
            found.is = row_presence::present;
            found.upto = row.upto;
            found.state = row.state;
            if (!row.parts.empty() && !read_parts(row, found))
                damaged.push_back(row.copy()), found = {};
            else
                found.deltas += row.tail;
            if (broken_) return {};
            if (found.is == row_presence::present) break;
        }
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return break_with(rc), object_state();
    }
    if (found.is == row_presence::absent && damaged.empty()) find_lost(window, type, seen, damaged, key);
    if (!damaged.empty()) quarantine(damaged);
    if (found.is == row_presence::absent && (!damaged.empty() || quarantined_.contains(window)))
        found.is = row_presence::damaged;
    return found;
}

/// A flipped bit in a rowid, or in a page above it, would make an absence. The index on type is a second tree with the
/// same ids.
void store_file::find_lost(std::int64_t window, std::uint32_t type, unsigned seen, std::vector<object_copy>& damaged,
                           bytes_view key) {
    use q(connection_->list_type);
    q.bind(1, window - 1).bind(2, window | 3).bind(3, type);
    int rc;
    while ((rc = step(q)) == SQLITE_ROW)
        if (!(seen >> (q.integer(0) & 3) & 1)) damaged.push_back({q.integer(0), type, std::string(key), {}, {}});
    if (rc != SQLITE_DONE && !in_batch_) break_with(rc);
}

/// Where a window has rows and none of them is ours: one that is not sound may be, under a name with a flipped bit. It is
/// set aside: beside it a second row of ours would be the older one, or the one that is read.
void store_file::find_unsound(std::int64_t window, std::vector<object_copy>& damaged) {
    use q(connection_->object_read);
    q.bind(1, window);
    while (step(q) == SQLITE_ROW)
        if (auto row = row_of(q); !whole(row, q) && !mutant("recovery_writes_past_a_row_that_is_not_seen"))
            damaged.push_back(row.copy());
}

/// Base and deltas from their parts; false if one is missing or damaged, or if broken.
bool store_file::read_parts(object_row const& row, object_state& into) {
    part_directory directory;
    if (!decode_directory(row.parts, directory)) return false;
    into.state.reserve(row.state.size() + directory.base_bytes());
    into.deltas.reserve(row.tail.size() + directory.delta_bytes());
    for (std::size_t x = 0; x < directory.parts.size(); ++x) {
        auto& part = directory.parts[x];
        use q(connection_->part_read);
        int rc = q.bind(1, part.id).step();
        if (rc == SQLITE_DONE) return false;
        if (rc != SQLITE_ROW) return break_with(rc), false;
        auto bytes = q.blob(2);
        if (bytes.size() != part.bytes || !same_sum(sum_of_part(part.id, row.h, bytes), q.blob(1))) return false;
        (x < directory.base_count ? into.state : into.deltas) += bytes;
    }
    return true;
}

std::vector<due_item> store_file::due(due_query const& query) {
    BOOST_ASSERT(connection_ && !in_batch_);
    std::vector<due_item> all;
    use q(connection_->list_due);
    q.bind(1, query.after.ends_ms).bind(2, query.after.h).bind(3, query.before_ms);
    q.bind(4, window_of(query.space, 0)).bind(5, window_of(query.space, hash_max) | 3);
    q.bind(6, std::uint64_t(query.count_max));
    int rc;
    while ((rc = q.step()) == SQLITE_ROW)
        all.push_back({{q.integer(0), q.integer(1)}, 0, {}});
    if (rc != SQLITE_DONE) return break_with(rc), all;
    for (auto& item : all) { // a row that only the index knows stays without a name: list_row and load tell of it
        use at(connection_->object_at);
        rc = at.bind(1, item.at.h).step();
        if (rc == SQLITE_ROW) item.type = std::uint32_t(at.integer(1)), item.key = at.blob(2);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return break_with(rc), all;
    }
    return all;
}

/// The row under the statement goes into the page. False: it has no place there any more.
bool store_file::list_row(list_query const& query, object_row const& row, bool sound, list_page& page,
                          std::vector<object_copy>& damaged) {
    auto hash = hash_of(row.h);
    bool full = page.items.size() >= query.count_max || page.bytes >= query.bytes_max;
    if (full && !page.items.empty() && page.items.back().hash != hash) return false;
    object_state object{row_presence::present, row.upto, {}, {}};
    if (sound && query.states) {
        object.state = row.state;
        sound = row.parts.empty() || read_parts(row, object);
        object.deltas += row.tail;
    }
    if (!sound) return damaged.push_back(row.copy()), true;
    page.bytes += row.key.size() + object.state.size() + object.deltas.size();
    page.items.push_back({row.type, hash, std::string(row.key), std::move(object)});
    return true;
}

list_page store_file::list(list_query const& query) {
    BOOST_ASSERT(connection_ && !in_batch_);
    list_page page;
    std::vector<object_copy> damaged;
    auto first =
        query.after < 0 ? window_of(query.space, 0) - 1 : window_of(query.space, std::uint64_t(query.after)) | 3;
    int rc;
    {
        use q(query.type ? connection_->list_type : connection_->list_all);
        q.bind(1, first).bind(2, window_of(query.space, hash_max) | 3);
        if (query.type) q.bind(3, query.type);
        for (bool room = true; room && !broken_ && (rc = q.step()) == SQLITE_ROW;) {
            if (query.type) {
                use at(connection_->object_at);
                int found = at.bind(1, q.integer(0)).step();
                if (found != SQLITE_ROW && found != SQLITE_DONE) return break_with(found), list_page();
                object_row lost{q.integer(0), query.type, {}, 0, {}, {}, {}};
                auto row = found == SQLITE_ROW ? row_of(at) : lost;
                bool sound = found == SQLITE_ROW && whole(row, at);
                if (sound && row.type != query.type) continue; // rot in the index
                room = list_row(query, row, sound, page, damaged);
            } else {
                auto row = row_of(q);
                room = list_row(query, row, whole(row, q), page, damaged);
            }
        }
        if (broken_) return {};
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return break_with(rc), list_page();
    }
    page.end = rc == SQLITE_DONE;
    if (!damaged.empty() && !quarantine(damaged)) { // no room for that: still not absent
        for (auto& row : damaged) quarantined_[row.h & ~std::int64_t(3)].push_back({0, row.type, row.key});
    }
    if (!quarantined_.empty())
        add_marks(query, page.end ? hash_max : page.items.empty() ? 0 : page.items.back().hash, page);
    return page;
}

/// What lies in quarantine stays visible in listings: damaged is not absent.
void store_file::add_marks(list_query const& query, std::uint64_t last_hash, list_page& page) const {
    auto from = query.after < 0 ? window_of(query.space, 0) : window_of(query.space, std::uint64_t(query.after)) + 4;
    auto before = page.items.size();
    for (auto it = quarantined_.lower_bound(from);
         it != quarantined_.end() && it->first <= window_of(query.space, last_hash); ++it)
        for (auto& m : it->second)
            if (!query.type || query.type == m.type)
                page.items.push_back({m.type, hash_of(it->first), m.key, {row_presence::damaged, 0, {}, {}}});
    std::inplace_merge(page.items.begin(), page.items.begin() + std::ptrdiff_t(before), page.items.end(),
                       [](auto& a, auto& b) { return a.hash < b.hash; });
}

// ---- the log

static log_row log_row_of(use& q) {
    log_row row;
    row.row = std::uint64_t(q.integer(0));
    row.at_ms = q.integer(1);
    row.damaged = !decode_heads(row.row, q.blob(2), row.runs) ||
                  !same_sum(sum_of_log(row.row, row.at_ms, q.blob(2), q.blob(4)), q.blob(3));
    if (!row.damaged) row.bytes = q.blob(4);
    return row;
}

log_row store_file::read_row(std::uint64_t id) {
    BOOST_ASSERT(connection_ && !in_batch_);
    log_row row;
    {
        use q(connection_->log_read);
        int rc = q.bind(1, id).step();
        if (rc == SQLITE_ROW)
            row = log_row_of(q);
        else if (rc != SQLITE_DONE)
            break_with(rc);
    }
    if (row.damaged) drop_log_rows({id});
    return row;
}

std::vector<log_row> store_file::read_rows(std::uint64_t id, std::size_t bytes_max) {
    BOOST_ASSERT(connection_ && !in_batch_);
    std::vector<log_row> rows;
    std::vector<std::uint64_t> dropped;
    {
        use q(connection_->log_range);
        q.bind(1, id);
        int rc;
        for (std::size_t bytes = 0; (rc = q.step()) == SQLITE_ROW;) {
            if (!rows.empty() && bytes + q.blob(4).size() > bytes_max) break;
            bytes += q.blob(4).size() + 64;
            rows.push_back(log_row_of(q));
            if (rows.back().damaged) dropped.push_back(rows.back().row);
        }
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) break_with(rc);
    }
    drop_log_rows(dropped);
    return rows;
}

// ---- quarantine

/// Moves rows away in one transaction, its own if none is open. If that fails (disk full) the row stays and is found
/// again.
bool store_file::quarantine(std::vector<object_copy> const& rows) {
    bool own = !in_batch_;
    if (own) begin(now_ms_);
    for (auto& row : rows) {
        bytes_view bytes = row.bytes;
        bool astray = false; // a row at a wrong id, whose absence at the right one is known already
        for (auto& [window, marks] : quarantined_)
            for (auto& m : marks)
                astray = astray || (window != (row.h & ~std::int64_t(3)) && m.type == row.type && m.key == row.key &&
                                    !row.key.empty());
        if (astray) {
            step(use(connection_->object_erase).bind(1, row.h));
            continue;
        }
        if (bytes.size() > quarantine_bytes_max || quarantined_.size() >= quarantine_rows_max) bytes = {};
        auto& marks = quarantined_[row.h & ~std::int64_t(3)];
        use q(connection_->quarantine_put);
        q.bind(1, next_mark_).bind(2, row.h).bind(3, now_ms_).bind(4, row.type).bind(5, row.key).bind(6, bytes);
        step(q);
        marks.push_back({next_mark_++, row.type, row.key});
        erase_parts(row.h, row.parts);
        if (row.bytes.empty())
            put_object({row.h, row.type, row.key, 0, {}, {}, {}}, false, 0); // lost: so that its index entry goes too
        step(use(connection_->object_erase).bind(1, row.h));
        quarantine_changed_ = true;
    }
    return !own || commit().outcome == commit_outcome::ok;
}

/// A whole state takes the place of the row set aside under its name, or, if that row could not say its name and the
/// object had none of its own, of the one set aside in its window.
void store_file::lift_quarantine(object_name const& object, bool existed) {
    if (quarantined_.empty()) return;
    auto it = quarantined_.find(window_of(object.space, object.hash));
    if (it == quarantined_.end()) return;
    std::erase_if(it->second, [&](mark const& m) {
        if (existed && (m.type != object.type || m.key != object.key)) return false;
        step(use(connection_->quarantine_erase).bind(1, m.id));
        return true;
    });
    quarantine_changed_ = true;
    if (it->second.empty()) quarantined_.erase(it);
}

// ---- the WAL

int store_file::wal_frames() const { return connection_ ? connection_->wal_frames : 0; }

[[maybe_unused]] static bool none_open(sqlite3* db) {
    for (sqlite3_stmt* s = nullptr; (s = sqlite3_next_stmt(db, s));)
        if (sqlite3_stmt_busy(s)) return false;
    return true;
}

bool store_file::checkpoint() {
    BOOST_ASSERT(connection_ && !in_batch_);
    BOOST_ASSERT_MSG(none_open(connection_->db), "an open statement blocks every checkpoint");
    int frames = 0, copied = 0;
    int rc = checked(sqlite3_wal_checkpoint_v2(connection_->db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied));
    if ((rc & 0xFF) == SQLITE_FULL) return false;
    if (rc) return break_with(rc), false;
    connection_->wal_frames = frames - copied;
    if (frames < sure_frames_) is_short_ = true; // rot: SQLite reads a WAL up to the first frame that is damaged
    if (frames == copied) sure_frames_ = 0;
    return true;
}

bool store_file::checks_in_whole() {
    int frames = 0, copied = 0;
    int rc = sqlite3_wal_checkpoint_v2(connection_->db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
    if (rc || frames != copied) return false;
    if (frames < 0) return true; // there is no WAL
    if (frames < sure_frames_) is_short_ = true;
    sure_frames_ = 0;
    return true;
}

/// What is checked in still stands in the WAL, and is played back over the database at the next start: if a bit of it
/// rots meanwhile, what comes before that bit would be, and old pages would lie beside new ones, with sound checksums.
/// The next commit begins the WAL anew, so one is made that says nothing new.
bool store_file::check_in() {
    if (!checkpoint()) return false;
    if (connection_->wal_frames || mutant("checkpoint_leaves_the_old_wal")) return true;
    begin(now_ms_);
    put_floor();
    if (commit().outcome != commit_outcome::ok) return false; // whether the old one still stands there is not known
    connection_->wal_frames = 0;
    return true;
}

/// Not by a commit, which could fail: then the WAL would stand as it was, checked in and without a bound of frames that
/// must be in it, and if a bit of it rotted the file would go back by as much, in silence.
bool store_file::empty_wal() {
    auto sure = sure_frames_;
    if (!checkpoint()) return false;
    if (is_short_ || mutant("recovery_leaves_a_wal_that_was_checked_in")) return true;
    if (int rc = checked(sqlite3_wal_checkpoint_v2(connection_->db, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr))) {
        sure_frames_ = sure; // it stands there as it was
        return break_with(rc), false;
    }
    connection_->wal_frames = 0;
    return true;
}

std::string store_file::integrity_check() {
    store_statement statement;
    if (checked(statement.prepare(connection_->db, "PRAGMA integrity_check"))) return message_;
    use q(statement);
    std::string all;
    while (checked(q.step()) == SQLITE_ROW) all += (all.empty() ? "" : "\n") + std::string(q.blob(0));
    return all;
}

} // namespace dunlin
