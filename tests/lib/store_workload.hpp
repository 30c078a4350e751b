// A workload of a store whose every commit is known, and what must be in the file after any of them.
//
// Entries, states, deltas of a large object, an object that comes and goes, floors, cuts of the log, checkpoints of the
// WAL. `check` compares a file with the commit that it says it holds:
//   - every log row that is there is the one that was written, and none above the floor is missing;
//   - an object's state holds exactly its entries in rows <= upto, and the log has all later ones.
#pragma once
#include "store_folder.hpp"
#include <dunlin/lib/sim/disk.hpp>
#include <random>

namespace dunlin {

inline store_options on(sim::disk& disk) {
    store_options with;
    with.path = "game.db", with.vfs = disk.vfs_name();
    with.log_budget_bytes = 6000;
    return with;
}

/// What was written, by commit, row and object.
struct workload {
    struct item {
        int commit;
        std::uint64_t row, id;
    };
    struct kept {
        std::uint64_t last_row, floor;
        bool extra; // the object that comes and goes is there
    };
    std::map<std::uint64_t, std::string> rows;
    std::map<std::string, std::vector<item>> objects;
    std::vector<kept> commits{{0, 0, false}}; // by number, from 1

    store_file file;
    int frames_max = 60; // of the WAL, before it is checked in
    std::mt19937_64 random;
    std::uint64_t next_id = 0;
    std::map<std::string, std::uint64_t> dirty;                // object -> commit-ordered first row not in its state
    std::map<std::string, std::vector<std::uint64_t>> pending; // ids not yet in the stored state of "big"

    explicit workload(std::uint64_t seed) : random(seed) {}

    struct batch {
        std::vector<store_write> writes;
        std::vector<std::pair<std::string, std::uint64_t>> entries; // object and id, of the n-th log write
    };
    void entry_for(batch& b, std::string const& key) {
        auto id = ++next_id;
        encoder body;
        body.u(id);
        body.raw(std::string(random() % 8 == 0 ? 6000 : 20 + random() % 150, char('a' + id % 26)));
        b.writes.push_back(log_write{{1, 1 + std::uint32_t(id % 3), id, id}, body.take()});
        b.entries.emplace_back(key, id);
        ids[key].push_back(id);
        if (key == "big") pending[key].push_back(id);
        dirty.try_emplace(key, 0);
    }
    void state_for(batch& b, std::string const& key) {
        encoder out;
        if (key == "big" && random() % 4) { // unread, as deltas
            for (auto id : pending[key]) out.u(id);
            b.writes.push_back(delta_write{object(key), out.take()});
        } else {
            std::string pad(key == "big" ? 20'000 : random() % 200, 'p');
            out.bytes(pad);
            for (auto id : ids[key]) out.u(id);
            b.writes.push_back(state_write{object(key), out.take()});
        }
        pending[key].clear();
        dirty.erase(key);
    }
    std::map<std::string, std::vector<std::uint64_t>> ids;

    void commit(sim::disk& disk, int number) {
        batch b;
        auto some = [&](std::uint64_t n) {
            while (n--) entry_for(b, random() % 4 ? "k" + std::to_string(random() % 30) : "big");
        };
        some(1 + random() % 6);
        bool round = number % 5 == 0, extra = commits.back().extra;
        if (round) {
            auto chunk = dirty;
            for (auto& [key, row] : chunk)
                if (random() % 5) state_for(b, key);
            // everything dirty that was left has its first entry in a row above the floor
            std::uint64_t floor = file.last_row();
            for (auto& [key, row] : dirty)
                if (row) floor = std::min(floor, row - 1);
            b.writes.push_back(floor_write{floor});
            some(random() % 3);
        }
        if (number % 7 == 3)
            b.writes.push_back(state_write{object("extra"), std::string(random() % 2 ? 50 : 40'000, 'x')}),
                extra = true;
        if (number % 7 == 6) b.writes.push_back(erase_write{object("extra")}), extra = false;
        b.writes.push_back(meta_write{16, std::to_string(number)});

        disk.mark(2 * std::uint64_t(number));
        std::vector<write_result> results;
        auto outcome = file.write_batch(number, b.writes, &results);
        ASSERT_EQ(outcome.outcome, commit_outcome::ok) << file.last_message();
        disk.mark(2 * std::uint64_t(number) + 1);
        std::size_t n = 0;
        for (std::size_t w = 0; w < b.writes.size(); ++w) {
            auto log = std::get_if<log_write>(&b.writes[w]);
            if (!log) continue;
            auto& [key, id] = b.entries[n++];
            EXPECT_EQ(rows[results[w].row].size(), results[w].offset);
            rows[results[w].row] += log->bytes;
            objects[key].push_back({number, results[w].row, id});
            if (auto d = dirty.find(key); d != dirty.end() && !d->second) d->second = results[w].row;
        }
        commits.push_back({file.last_row(), file.floor(), extra});
        bool checked_in = file.wal_frames() <= frames_max || file.checkpoint();
        EXPECT_TRUE(checked_in);
    }
};

struct reading_sink : store_sink {
    int commit = 0, damage = 0;
    void on_meta(std::uint32_t key, bytes_view value) override {
        if (key == 16) commit = std::stoi(std::string(value));
    }
    void on_damage(store_damage const&) override { ++damage; }
};

inline bool object_is_right(store_file& file, workload const& w, std::string const& key, int commit, std::uint64_t first_row) {
    auto found = load(file, object(key));
    std::vector<std::uint64_t> ids, expected;
    decoder state(found.state), deltas(found.deltas);
    if (!found.state.empty()) state.bytes();
    while (state.ok() && !state.done()) ids.push_back(state.u());
    while (deltas.ok() && !deltas.done()) ids.push_back(deltas.u());
    if (found.is == row_presence::damaged || !state.ok() || !deltas.ok()) return false;
    for (auto& item : w.objects.at(key)) {
        if (item.commit > commit) break;
        if (item.row <= found.upto)
            expected.push_back(item.id);
        else if (item.row < first_row)
            return false; // neither in the state nor in the log
    }
    return ids == expected;
}

inline std::string check(store_file& file, workload const& w, reading_sink const& sink, store_summary const& summary,
                  bool thorough) {
    auto& kept = w.commits[std::size_t(sink.commit)];
    if (summary.last_row != kept.last_row || summary.floor != kept.floor) return "rows or floor of another commit";
    if (sink.damage) return "damaged rows";
    auto expected = summary.first_row;
    for (auto& row : file.read_rows(1, 64 << 20)) {
        if (row.damaged || row.row != expected++ || row.bytes != w.rows.at(row.row))
            return "a log row is not what was written";
    }
    if (expected != kept.last_row + 1 || summary.first_row > kept.floor + 1) return "log rows are missing";
    for (auto& [key, items] : w.objects)
        if (!object_is_right(file, w, key, sink.commit, summary.first_row)) return "object " + key;
    if ((load(file, object("extra")).is == row_presence::present) != kept.extra) return "the object that comes and goes";
    if (thorough && file.integrity_check() != "ok") return "integrity_check";
    return {};
}

} // namespace dunlin
