#include "store_connection.hpp"

namespace dunlin {

int store_connection::prepare_all() {
    struct {
        store_statement& statement;
        char const* sql;
    } const all[] = {
        {begin, "BEGIN IMMEDIATE"},
        {commit, "COMMIT"},
        {rollback, "ROLLBACK"},
        {log_insert, "INSERT INTO log VALUES(?,?,?,?,?)"},
        {log_read, "SELECT id, at, heads, sum, bytes FROM log WHERE id = ?"},
        {log_range, "SELECT id, at, heads, sum, bytes FROM log WHERE id >= ? ORDER BY id"},
        {log_oldest, "SELECT id, at, length(heads) + length(bytes) FROM log ORDER BY id LIMIT ?"},
        {log_delete, "DELETE FROM log WHERE id = ?"},
        {log_cut, "DELETE FROM log WHERE id <= ?"},
        {object_names, "SELECT h, type, key, parts, ends FROM object WHERE h BETWEEN ?1 AND ?1 + 3"},
        {object_read, "SELECT h, type, key, upto, sum, parts, tail, state FROM object WHERE h BETWEEN ?1 AND ?1 + 3"},
        {object_insert, "INSERT INTO object VALUES(?,?,?,?,?,?,?,?,?)"},
        {object_update, "UPDATE object SET upto = ?4, sum = ?5, parts = ?6, tail = ?7, state = ?8, ends = ?9 WHERE h = ?1"},
        {object_erase, "DELETE FROM object WHERE h = ?"},
        {part_insert, "INSERT INTO part VALUES(?,?,?,?)"},
        {part_read, "SELECT h, sum, bytes FROM part WHERE id = ?"},
        {part_erase, "DELETE FROM part WHERE id = ?"},
        {part_erase_all, "DELETE FROM part WHERE h = ?"},
        {list_all,
         "SELECT h, type, key, upto, sum, parts, tail, state FROM object WHERE h > ?1 AND h <= ?2 ORDER BY h"},
        {list_type, "SELECT h FROM object INDEXED BY object_type WHERE type = ?3 AND h > ?1 AND h <= ?2 ORDER BY h"},
        {list_due, "SELECT ends, h FROM object INDEXED BY object_ends WHERE ends IS NOT NULL AND (ends, h) > (?1, ?2) "
                   "AND ends < ?3 AND h BETWEEN ?4 AND ?5 ORDER BY ends, h LIMIT ?6"},
        {object_at, "SELECT h, type, key, upto, sum, parts, tail, state FROM object WHERE h = ?"},
        {space_put, "INSERT OR REPLACE INTO space VALUES(?,?,?,?,?)"},
        {name_put, "INSERT OR REPLACE INTO name VALUES(?,?,?)"},
        {meta_put, "INSERT OR REPLACE INTO meta VALUES(?,?,?)"},
        {quarantine_put, "INSERT INTO quarantine VALUES(?,?,?,?,?,?)"},
        {quarantine_erase, "DELETE FROM quarantine WHERE id = ?"},
    };
    for (auto& one : all)
        if (int rc = one.statement.prepare(db, one.sql)) return rc;
    return SQLITE_OK;
}

int store_connection::query(char const* sql, std::int64_t& answer) {
    store_statement statement;
    if (int rc = statement.prepare(db, sql)) return rc;
    store_statement::use q(statement);
    int rc = q.step();
    if (rc == SQLITE_ROW) answer = q.integer(0);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

} // namespace dunlin
