// The files of one test of the store, and shorthands for writes.
#pragma once
#include "folder.hpp"
#include <dunlin/lib/store_file.hpp>
#include <gtest/gtest.h>

namespace dunlin {

struct store_folder : test::temporary_folder {
    store_options options(std::string const& name = "game.db") const {
        store_options o;
        o.path = file(name);
        return o;
    }
};

inline object_name object(std::string const& key, std::uint32_t type = 1, std::uint32_t space = 1) {
    return {space, type, object_hash("type " + std::to_string(type), key), key};
}
inline store_write entry(std::uint64_t number, std::string bytes, std::uint32_t writer = 1, std::uint32_t space = 1) {
    return log_write{{space, writer, number, number}, std::move(bytes)};
}
inline object_state load(store_file& file, object_name const& o) { return file.load(o.space, o.type, o.hash, o.key); }

/// Everything a scan tells, as it comes.
struct seen_at_start : store_sink {
    std::vector<std::string> names, metas, spaces;
    std::vector<log_run> heads;
    std::vector<std::uint64_t> rows;
    std::string bytes;
    std::vector<store_damage> damage;
    void on_name(name_kind k, std::uint32_t n, bytes_view b) override {
        names.push_back(std::to_string(int(k)) + ":" + std::to_string(n) + ":" + std::string(b));
    }
    void on_meta(std::uint32_t k, bytes_view v) override { metas.push_back(std::to_string(k) + ":" + std::string(v)); }
    void on_space(std::uint32_t n, std::uint64_t at, bytes_view v, bytes_view h) override {
        spaces.push_back(std::to_string(n) + "@" + std::to_string(at) + ":" + std::string(v) + "/" + std::string(h));
    }
    void on_log_heads(std::uint64_t, std::vector<log_run> const& runs, std::size_t) override {
        heads.insert(heads.end(), runs.begin(), runs.end());
    }
    void on_log_row(std::uint64_t row, std::vector<log_run> const&, bytes_view b) override {
        rows.push_back(row), bytes += b;
    }
    void on_damage(store_damage const& d) override { damage.push_back(d); }
};

} // namespace dunlin
