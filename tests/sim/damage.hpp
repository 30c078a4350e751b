// Damage: what rot and other programs do to the file of a node that does not run.
#pragma once
#include "cluster_fixture.hpp"
#include <dunlin/lib/sqlite.hpp>
#include <dunlin/lib/store_file.hpp>

namespace clusters {

// ---- a node whose objects lie in rows

/// Node 1 has so little memory that objects leave it.
inline void little_memory(std::size_t i, dunlin::options& o) {
    if (i == 1) o.memory(8 << 10);
}
inline void fill_player(player& p) {
    p.name = "A rather long name, so that something of it lies in the middle", p.score += 7, p.friends.insert("x"),
    p.bag["sword"] += 2, p.online.enable();
}
/// So many others that what node 1 had in its little memory goes to its row.
inline void crowd_out(cluster& c) {
    for (int k = 0; k < 40; ++k) change(c, 1, "p" + std::to_string(k), [](player& p) { p.score += 1; });
}
/// Node 1 makes alice, whom all get to know, has her in a row, and is stopped.
inline void stop_with_alice(cluster& c) {
    change(c, 1, "alice", fill_player);
    crowd_out(c);
    EXPECT_SETTLES(c);
    c.advance(2s);
    c.stop(1);
}
/// What an open of the player says.
inline boost::system::error_code opening(cluster& c, std::size_t i, std::string const& key) {
    return c.run(i, [key](dunlin::node& n) -> awaitable<boost::system::error_code> {
        try {
            dunlin::ref<player> p = co_await n.open<player>(key);
        } catch (boost::system::system_error const& e) { co_return e.code(); }
        co_return boost::system::error_code();
    });
}

// ---- and what happens to them

/// Runs SQL on the file of a node that does not run; the number of rows it changed.
inline int change_file(cluster& c, std::size_t i, std::string const& sql) {
    sqlite3* db = nullptr;
    int changed = -1;
    constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2("node.db", &db, flags, c.disk(i).vfs_name()) == SQLITE_OK) {
        auto all = "PRAGMA locking_mode=EXCLUSIVE;" + sql;
        EXPECT_EQ(sqlite3_exec(db, all.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
        changed = sqlite3_changes(db);
    }
    sqlite3_close(db);
    return changed;
}

/// Turns a bit in the middle of the blob `column` of a player's row, and nothing else.
inline int flip(cluster& c, std::size_t i, std::string const& key, std::string const& column) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open_v2("node.db", &db, SQLITE_OPEN_READWRITE, c.disk(i).vfs_name()), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", nullptr, nullptr, nullptr);
    auto where = " FROM object WHERE key = CAST('" + key + "' AS BLOB) AND length(" + column + ") > 0";
    sqlite3_stmt* q = nullptr;
    sqlite3_int64 row = 0;
    std::string bytes;
    auto sql = "SELECT rowid, " + column + where;
    EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &q, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    if (sqlite3_step(q) == SQLITE_ROW) {
        row = sqlite3_column_int64(q, 0);
        bytes.assign(static_cast<char const*>(sqlite3_column_blob(q, 1)), std::size_t(sqlite3_column_bytes(q, 1)));
    }
    sqlite3_finalize(q);
    int changed = 0;
    if (!bytes.empty()) {
        bytes[bytes.size() / 2] ^= 1;
        auto update = "UPDATE object SET " + column + " = ? WHERE rowid = ?";
        EXPECT_EQ(sqlite3_prepare_v2(db, update.c_str(), -1, &q, nullptr), SQLITE_OK);
        sqlite3_bind_blob(q, 1, bytes.data(), int(bytes.size()), SQLITE_TRANSIENT);
        sqlite3_bind_int64(q, 2, row);
        EXPECT_EQ(sqlite3_step(q), SQLITE_DONE);
        sqlite3_finalize(q);
        changed = sqlite3_changes(db);
    }
    sqlite3_close(db);
    return changed;
}

/// A state with a sound checksum, as a program that writes nonsense would leave it.
inline void write_state(cluster& c, std::size_t i, std::string const& key, std::string const& state) {
    struct names : dunlin::store_sink {
        std::map<std::pair<dunlin::name_kind, std::string>, std::uint32_t> numbers;
        void on_name(dunlin::name_kind k, std::uint32_t n, dunlin::bytes_view b) override {
            numbers[{k, std::string(b)}] = n;
        }
    } known;
    dunlin::store_options o;
    o.path = "node.db", o.vfs = c.disk(i).vfs_name();
    dunlin::store_file file;
    dunlin::store_summary summary;
    ASSERT_FALSE(file.open(o));
    ASSERT_FALSE(file.scan(known, summary));
    dunlin::object_name name{known.numbers.at({dunlin::name_kind::space, "main"}),
                             known.numbers.at({dunlin::name_kind::type, "player"}),
                             dunlin::object_hash("player", key), key};
    std::vector<dunlin::store_write> writes{dunlin::state_write{name, state}};
    ASSERT_EQ(file.write_batch(1, writes).outcome, dunlin::commit_outcome::ok);
    file.close();
}

} // namespace clusters
