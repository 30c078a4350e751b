// The connection: SQLite's handle and prepared statements, private to store_file*.cpp.
//
// A statement left open would block every checkpoint and let the WAL grow, so each use stands in a `use` that resets it
// on every path. A bind that fails (a blob too large) fails the step: otherwise the row would be written empty.
#pragma once
#include "../crdt/codec.hpp"
#include "sqlite.hpp"
#include <cstdint>

namespace dunlin {

class store_statement {
    sqlite3_stmt* handle_ = nullptr;
    int failed_ = SQLITE_OK;

public:
    store_statement() = default;
    store_statement(store_statement const&) = delete;
    store_statement& operator=(store_statement const&) = delete;
    ~store_statement() { sqlite3_finalize(handle_); }

    int prepare(sqlite3* db, char const* sql) {
        return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
    }

    /// One execution; resets when it goes. Bound views must live as long.
    class use {
        store_statement& s_;

    public:
        explicit use(store_statement& s) : s_(s) { s_.failed_ = SQLITE_OK; }
        use(use const&) = delete;
        use& operator=(use const&) = delete;
        ~use() { sqlite3_reset(s_.handle_); }

        use& bind(int at, std::int64_t n) { return note(sqlite3_bind_int64(s_.handle_, at, n)); }
        use& bind(int at, std::uint64_t n) { return bind(at, std::int64_t(n)); }
        use& bind(int at, std::uint32_t n) { return bind(at, std::int64_t(n)); }
        use& bind(int at, bytes_view b) {
            return note(sqlite3_bind_blob64(s_.handle_, at, b.data() ? b.data() : "", b.size(), SQLITE_STATIC));
        }
        use& bind_null(int at) { return note(sqlite3_bind_null(s_.handle_, at)); }
        int step() { return s_.failed_ ? s_.failed_ : sqlite3_step(s_.handle_); }
        std::int64_t integer(int column) { return sqlite3_column_int64(s_.handle_, column); }
        bool is_null(int column) { return sqlite3_column_type(s_.handle_, column) == SQLITE_NULL; }
        bytes_view blob(int column) {
            auto p = static_cast<char const*>(sqlite3_column_blob(s_.handle_, column));
            return {p ? p : "", std::size_t(sqlite3_column_bytes(s_.handle_, column))};
        }

    private:
        use& note(int rc) {
            if (rc && !s_.failed_) s_.failed_ = rc;
            return *this;
        }
    };
};

/// Closed after the statements, which stand behind it.
struct store_handle {
    sqlite3* db = nullptr;
    store_handle() = default;
    store_handle(store_handle const&) = delete;
    store_handle& operator=(store_handle const&) = delete;
    ~store_handle() { sqlite3_close(db); }
};

struct store_connection : store_handle {
    int wal_frames = 0; // to be checked in
    int log_frames = 0; // in the WAL, as of the last commit; 0 if that wrote nothing

    store_statement begin, commit, rollback;
    store_statement log_insert, log_read, log_range, log_oldest, log_delete, log_cut;
    store_statement object_names, object_read, object_insert, object_update, object_erase;
    store_statement part_insert, part_read, part_erase, part_erase_all;
    store_statement list_all, list_type, list_due, object_at;
    store_statement space_put, name_put, meta_put;
    store_statement quarantine_put, quarantine_erase;

    int prepare_all();
    /// Extended result code of a statement whose rows, if any, are ignored.
    int run(char const* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr); }
    /// First column of the first row; unchanged if there is none.
    int query(char const* sql, std::int64_t& answer);
};

} // namespace dunlin
