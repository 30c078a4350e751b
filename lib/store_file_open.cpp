// Opening, checking and scanning the file of a node.
#include "../crdt/mutant.hpp"
#include "store_connection.hpp"
#include "store_file.hpp"
#include "store_format.hpp"
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace dunlin {
namespace {

constexpr std::int64_t our_application_id = 0x64756E6C; // "dunl"
constexpr std::int64_t our_version = 1;
constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t meta_floor = 1;

char const schema[] = R"(
BEGIN IMMEDIATE;
CREATE TABLE log(id INTEGER PRIMARY KEY, at INT NOT NULL, heads BLOB NOT NULL, sum BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE object(h INTEGER PRIMARY KEY, type INT NOT NULL, key BLOB NOT NULL, upto INT NOT NULL, sum BLOB NOT NULL,
                    parts BLOB, tail BLOB NOT NULL, state BLOB NOT NULL, ends INT);
CREATE INDEX object_type ON object(type);
CREATE INDEX object_ends ON object(ends) WHERE ends IS NOT NULL;
CREATE TABLE part(id INTEGER PRIMARY KEY, h INT NOT NULL, sum BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE space(n INTEGER PRIMARY KEY, at INT NOT NULL, sum BLOB NOT NULL, vector BLOB NOT NULL, heads BLOB NOT NULL);
CREATE TABLE name(k INTEGER PRIMARY KEY, sum BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE meta(k INTEGER PRIMARY KEY, sum BLOB NOT NULL, v BLOB NOT NULL);
CREATE TABLE quarantine(id INTEGER PRIMARY KEY, h INT NOT NULL, at INT NOT NULL, type INT NOT NULL, key BLOB NOT NULL,
                        bytes BLOB NOT NULL);
PRAGMA application_id = 0x64756E6C;
PRAGMA user_version = 1;
COMMIT;
)";

/// Of a file from before there were deadlines.
char const with_deadlines[] = R"(
BEGIN IMMEDIATE;
ALTER TABLE object ADD COLUMN ends INT;
CREATE INDEX object_ends ON object(ends) WHERE ends IS NOT NULL;
COMMIT;
)";

store_errc meaning(int rc) {
    switch (rc & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return store_errc::locked;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return store_errc::unwritable;
    case SQLITE_NOTADB:
        return store_errc::not_a_database;
    case SQLITE_CORRUPT:
        return store_errc::damaged_file;
    case SQLITE_FULL:
        return store_errc::disk_full;
    default:
        return store_errc::reopen_needed;
    }
}

/// An empty file of our own mode: SQLite gives its WAL the same one. A file that exists is not opened here: closing
/// it would drop the locks of another connection of this process.
store_errc make_private_file(std::string const& path) {
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) return ::close(fd), store_errc(0);
    if (errno == EEXIST) return store_errc(0);
    return errno == ENOSPC || errno == EDQUOT ? store_errc::disk_full : store_errc::unwritable;
}

int count_frames(void* connection, sqlite3*, char const*, int frames) {
    auto& c = *static_cast<store_connection*>(connection);
    c.wal_frames = c.log_frames = frames;
    return SQLITE_OK;
}

} // namespace

store_file::store_file() = default;
store_file::~store_file() { close(); }

void store_file::close() {
    if (!connection_) return;
    // Closing checks the WAL in and takes it away, if it can: what stays is not to be taken for less than it was.
    if (broken_ || !checks_in_whole()) sqlite3_db_config(connection_->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    connection_.reset();
}

int store_file::checked(int rc) {
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE) return rc;
    if (connection_ && connection_->db) message_ = sqlite3_errmsg(connection_->db);
    message_ += " (SQLite " + std::to_string(rc) + ")";
    if (in_batch_ && !failed_) failed_ = rc;
    return rc;
}

boost::system::error_code store_file::break_with(int rc) {
    checked(rc);
    int kind = rc & 0xFF;
    broken_ = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB ? store_errc::damaged_file : store_errc::unknown_outcome;
    return broken_;
}

boost::system::error_code store_file::open(store_options const& options) {
    close();
    options_ = options;
    broken_ = {}, message_.clear();
    in_batch_ = scanned_ = fresh_ = false;
    row_bytes_.clear(), row_runs_.clear();
    if (options.vfs.empty())
        if (auto e = make_private_file(options.path); e != store_errc(0)) return e;
    connection_ = std::make_unique<store_connection>();
    auto flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    boost::system::error_code error;
    if (int rc = checked(sqlite3_open_v2(options.path.c_str(), &connection_->db, flags,
                                         options.vfs.empty() ? nullptr : options.vfs.c_str())))
        error = meaning(rc);
    if (!error) error = check_file();
    if (!error) error = set_up();
    if (!error) error = read_positions();
    if (!error) return {};
    // What is not ours, or not whole, is left exactly as it was.
    if (connection_->db) sqlite3_db_config(connection_->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    connection_.reset();
    return error;
}

/// Reads only. EXCLUSIVE comes before anything that reads the file: else reopening makes a -shm and a second process
/// gets in.
boost::system::error_code store_file::check_file() {
    auto& c = *connection_;
    std::int64_t id = 0, version = 0, tables = 0;
    int rc = checked(c.run("PRAGMA locking_mode = EXCLUSIVE"));
    if (!rc) rc = checked(c.query("PRAGMA application_id", id));
    if (!rc) rc = checked(c.query("PRAGMA user_version", version));
    if (!rc) rc = checked(c.query("PRAGMA schema_version", tables));
    if (rc) return meaning(rc);
    fresh_ = !id && !version && !tables;
    if (fresh_) return sqlite3_db_readonly(c.db, "main") ? store_errc::unwritable : boost::system::error_code();
    if (id != our_application_id) return store_errc::foreign_file;
    if (version > our_version) return store_errc::newer_file;
    if (version < our_version) return store_errc::foreign_file;
    if (sqlite3_db_readonly(c.db, "main")) return store_errc::unwritable;
    return {};
}

boost::system::error_code store_file::set_up() {
    auto& c = *connection_;
    auto number = [](char const* name, std::int64_t n) {
        return "PRAGMA " + std::string(name) + " = " + std::to_string(n);
    };
    int rc = 0;
    auto run = [&](std::string const& sql) {
        if (!rc) rc = checked(c.run(sql.c_str()));
    };
    run(number("page_size", std::int64_t(page_bytes)));
    run("PRAGMA auto_vacuum = NONE");
    if (!rc) {
        store_statement wal;
        rc = checked(wal.prepare(c.db, "PRAGMA journal_mode = WAL"));
        store_statement::use q(wal);
        if (!rc && checked(q.step()) != SQLITE_ROW) return store_errc::unwritable;
        if (!rc && q.blob(0) != "wal") return store_errc::unwritable;
    }
    bool unsynced = options_.forget_power_loss || mutant("log_commits_without_sync");
    run(unsynced ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    run("PRAGMA secure_delete = OFF");
    run("PRAGMA wal_autocheckpoint = 0");
    run("PRAGMA journal_size_limit = -1");
    run(number("cache_size", -std::int64_t(options_.cache_bytes / 1024)));
    if (options_.file_bytes_max) run(number("max_page_count", std::int64_t(options_.file_bytes_max / page_bytes)));
    run("PRAGMA temp_store = MEMORY");
    run("PRAGMA mmap_size = 0");
    run("PRAGMA cell_size_check = ON");
    run("PRAGMA trusted_schema = OFF");
    if (fresh_) {
        run(schema);
        if (rc) c.run("ROLLBACK");
    }
    std::int64_t ends = 0;
    if (!rc) rc = checked(c.query("SELECT count(*) FROM pragma_table_info('object') WHERE name = 'ends'", ends));
    if (!rc && !ends) {
        run(with_deadlines);
        if (rc) c.run("ROLLBACK");
    }
    if (!rc) rc = checked(c.prepare_all());
    if (rc) return meaning(rc);
    c.wal_frames = 1; // what an earlier run left in the WAL is checked in when idle
    sqlite3_wal_hook(c.db, count_frames, &c);
    return {};
}

/// Where ids go on. If the floor cannot be read, no id may be given out that any `upto` has reached.
boost::system::error_code store_file::read_positions() {
    auto& c = *connection_;
    now_ = {};
    std::int64_t last = 0, first = 0, part = 0;
    bool floor_damaged = false;
    int rc = checked(c.query("SELECT max(id) FROM log", last));
    if (!rc) rc = checked(c.query("SELECT min(id) FROM log", first));
    if (!rc) rc = checked(c.query("SELECT max(id) FROM part", part));
    if (!rc) {
        store_statement meta;
        rc = checked(meta.prepare(c.db, "SELECT sum, v FROM meta WHERE k = 1"));
        store_statement::use q(meta);
        int step = rc ? rc : checked(q.step());
        if (step == SQLITE_ROW) {
            decoder in(q.blob(1));
            now_.floor = in.u64();
            floor_damaged = !in.finished() || !same_sum(sum_of_meta(meta_floor, q.blob(1)), q.blob(0));
        } else if (step != SQLITE_DONE)
            rc = step;
    }
    if (floor_damaged) now_.floor = 0;
    std::int64_t reached = std::int64_t(now_.floor);
    if (!rc && floor_damaged) {
        std::int64_t upto = 0, at = 0;
        rc = checked(c.query("SELECT max(upto) FROM object", upto));
        if (!rc) rc = checked(c.query("SELECT max(at) FROM space", at));
        reached = std::max(upto, at);
    }
    if (rc) return meaning(rc);
    now_.next_row = std::uint64_t(mutant("log_ids_start_again") ? last : std::max(last, reached)) + 1;
    now_.first_row = first ? std::uint64_t(first) : now_.next_row;
    now_.next_part = std::uint64_t(part) + 1;
    if (!read_quarantine()) return meaning(failed_ ? failed_ : SQLITE_IOERR);
    return {};
}

bool store_file::read_quarantine() {
    quarantined_.clear();
    next_mark_ = 1;
    store_statement statement;
    if (checked(statement.prepare(connection_->db, "SELECT id, h, type, key FROM quarantine"))) return false;
    store_statement::use q(statement);
    int rc;
    while ((rc = checked(q.step())) == SQLITE_ROW) {
        quarantined_[q.integer(1) & ~std::int64_t(3)].push_back(
            {q.integer(0), std::uint32_t(q.integer(2)), std::string(q.blob(3))});
        next_mark_ = std::max(next_mark_, q.integer(0) + 1);
    }
    return rc == SQLITE_DONE;
}

boost::system::error_code store_file::scan(store_sink& sink, store_summary& summary) {
    summary = {now_.floor, now_.first_row, now_.next_row - 1, 0, 0, fresh_, is_short_, {}};
    if (!scan_small_tables(sink, summary) || !scan_log(sink, summary)) return broken_;
    now_.log_bytes = summary.log_bytes;
    scanned_ = true;
    return {};
}

bool store_file::scan_small_tables(store_sink& sink, store_summary& summary) {
    auto damaged = [&](store_damage::place where, std::int64_t n) {
        ++summary.damaged_rows;
        sink.on_damage({where, std::uint64_t(n), {}});
    };
    auto rows = [&](char const* sql, auto&& each) {
        store_statement statement;
        int rc = statement.prepare(connection_->db, sql);
        store_statement::use q(statement);
        while (!rc && (rc = q.step()) == SQLITE_ROW) each(q), rc = 0;
        if (rc != SQLITE_DONE) break_with(rc);
        return rc == SQLITE_DONE;
    };
    return rows("SELECT k, sum, bytes FROM name",
                [&](store_statement::use& q) {
                    auto k = std::uint64_t(q.integer(0));
                    bool known = k >> 32 >= 1 && k >> 32 <= 3 && std::uint32_t(k) <= name_number_max;
                    if (!known || !same_sum(sum_of_name(k, q.blob(2)), q.blob(1)))
                        return damaged(store_damage::place::name, q.integer(0));
                    sink.on_name(name_kind(k >> 32), std::uint32_t(k), q.blob(2));
                }) &&
           rows("SELECT k, sum, v FROM meta",
                [&](store_statement::use& q) {
                    auto k = std::uint64_t(q.integer(0));
                    if (!same_sum(sum_of_meta(k, q.blob(2)), q.blob(1)))
                        return damaged(store_damage::place::meta, q.integer(0));
                    if (k != meta_floor) sink.on_meta(std::uint32_t(k), q.blob(2));
                }) &&
           rows("SELECT n, at, sum, vector, heads FROM space", [&](store_statement::use& q) {
               auto n = std::uint64_t(q.integer(0)), at = std::uint64_t(q.integer(1));
               if (!same_sum(sum_of_space(n, at, q.blob(3), q.blob(4)), q.blob(2)))
                   return damaged(store_damage::place::space, q.integer(0));
               sink.on_space(std::uint32_t(n), at, q.blob(3), q.blob(4));
           });
}

/// Heads of all rows; bytes only above the floor. A damaged row below the floor is dropped: nobody needs it but peers,
/// who are answered by reconciliation instead. Above the floor it stays, and so does a missing id, as a report.
bool store_file::scan_log(store_sink& sink, store_summary& summary) {
    std::vector<std::uint64_t> dropped;
    std::vector<log_run> runs;
    auto damaged = [&](store_damage::place where, std::uint64_t row) {
        ++summary.damaged_rows;
        sink.on_damage({where, row, runs});
    };
    auto each = [&](char const* sql, auto&& row) {
        store_statement statement;
        int rc = statement.prepare(connection_->db, sql);
        store_statement::use q(statement);
        q.bind(1, now_.floor);
        while (!rc && (rc = q.step()) == SQLITE_ROW) row(q, std::uint64_t(q.integer(0))), rc = 0;
        if (rc != SQLITE_DONE) break_with(rc);
        return rc == SQLITE_DONE;
    };
    bool ok = each("SELECT id, at, heads, length(bytes) FROM log WHERE id <= ? ORDER BY id",
                   [&](store_statement::use& q, std::uint64_t id) {
                       summary.log_bytes += q.blob(2).size() + std::uint64_t(q.integer(3));
                       if (now_.first_row == id) now_.first_at_ms = q.integer(1);
                       if (decode_heads(id, q.blob(2), runs))
                           return sink.on_log_heads(id, runs, std::size_t(q.integer(3)));
                       damaged(store_damage::place::log_heads, id);
                       dropped.push_back(id);
                   });
    std::uint64_t expected = now_.floor + 1;
    ok = ok && each("SELECT id, at, heads, bytes, sum FROM log WHERE id > ? ORDER BY id",
                    [&](store_statement::use& q, std::uint64_t id) {
                        summary.log_bytes += q.blob(2).size() + q.blob(3).size();
                        if (now_.first_row == id) now_.first_at_ms = q.integer(1);
                        runs.clear();
                        if (expected < id)
                            damaged(store_damage::place::log_heads, expected); // a gap; its length may be rot as well
                        expected = id + 1;
                        if (!decode_heads(id, q.blob(2), runs)) return damaged(store_damage::place::log_heads, id);
                        if (!same_sum(sum_of_log(id, q.integer(1), q.blob(2), q.blob(3)), q.blob(4)))
                            return damaged(store_damage::place::log_bytes, id);
                        for (auto& r : runs) floor_of(r.space).last = id;
                        sink.on_log_heads(id, runs, q.blob(3).size());
                        if (mutant("recovery_skips_the_last_row") && id + 1 == now_.next_row) return;
                        sink.on_log_row(id, runs, q.blob(3));
                    });
    if (ok) drop_log_rows(dropped);
    return ok && !broken_;
}

} // namespace dunlin
