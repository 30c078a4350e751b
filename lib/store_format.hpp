// Bytes inside the rows of the store (docs/disk.md), private to store_file*.cpp.
//
//   h         := space (20 bits) | hash (41 bits) | slot (2 bits)         rowid of an object
//   heads     := sum 8, runs                                              sum: first 8 bytes of BLAKE2b-128 of (id,
//   runs) runs      := u count, count x (u space, u writer, u first, u last - first) directory := u count of base
//   parts, u count of all, all x (u id, u bytes) sum       := BLAKE2b-128 over the row's fields: integers as u64, blobs
//   as u64 length and bytes
// heads has a sum of its own so that the scan at start need not touch the bytes. Decoders assume an enemy: rot is one.
#pragma once
#include "store_rows.hpp"
#include <array>

namespace dunlin {

using row_sum = octets<16>;

class row_summer {
    hasher<16> hasher_;

public:
    row_summer& number(std::uint64_t n) {
        char b[8];
        for (int x = 8; x--; n >>= 8) b[x] = char(n);
        hasher_.update(bytes_view(b, 8));
        return *this;
    }
    row_summer& bytes(bytes_view b) {
        number(b.size());
        hasher_.update(b);
        return *this;
    }
    row_sum finish() { return hasher_.finish(); }
};

inline bool same_sum(row_sum const& a, bytes_view b) { return view_of(a) == b; }

constexpr std::uint64_t slots_a_hash = 4;
inline std::int64_t window_of(std::uint32_t space, std::uint64_t hash) {
    return std::int64_t(std::uint64_t(space) << 43 | (hash & hash_max) << 2);
}
inline std::uint64_t hash_of(std::int64_t h) { return std::uint64_t(h) >> 2 & hash_max; }

struct part_place {
    std::uint64_t id = 0;
    std::uint64_t bytes = 0;
};
struct part_directory {
    std::size_t base_count = 0; // the first parts are the base
    std::vector<part_place> parts;
    std::uint64_t base_bytes() const;
    std::uint64_t delta_bytes() const;
};

std::string encode_heads(std::uint64_t row, std::vector<log_run> const& runs);
/// False if malformed or of another row; runs is then empty.
bool decode_heads(std::uint64_t row, bytes_view heads, std::vector<log_run>& runs);
std::string encode_directory(part_directory const& directory);
bool decode_directory(bytes_view bytes, part_directory& directory);

row_sum sum_of_log(std::uint64_t row, std::int64_t at_ms, bytes_view heads, bytes_view bytes);
row_sum sum_of_part(std::uint64_t id, std::int64_t h, bytes_view bytes);
row_sum sum_of_name(std::uint64_t k, bytes_view bytes);
row_sum sum_of_meta(std::uint64_t k, bytes_view value);
row_sum sum_of_space(std::uint64_t n, std::uint64_t at, bytes_view vector, bytes_view heads);

/// A damaged row, copied out before it is moved.
struct object_copy {
    std::int64_t h = 0;
    std::uint32_t type = 0;
    std::string key;
    std::string parts;
    std::string bytes; // all its columns, for quarantine
};

/// An object's row as it lies in the table; views.
struct object_row {
    std::int64_t h = 0;
    std::uint32_t type = 0;
    bytes_view key;
    std::uint64_t upto = 0;
    bytes_view parts; // directory; empty: none
    bytes_view tail;
    bytes_view state;
    row_sum sum() const {
        return row_summer()
            .number(std::uint64_t(h))
            .number(type)
            .bytes(key)
            .number(upto)
            .bytes(parts)
            .bytes(tail)
            .bytes(state)
            .finish();
    }
    object_copy copy() const;
};

} // namespace dunlin
