// Errors of the store: category "dunlin.store", one stable name each, a text that says what to do.
//
//   opening   locked, newer_file, foreign_file, unwritable, not_a_database, damaged_file
//   saving    disk_full (nothing was saved, all is kept and tried again), unknown_outcome (perhaps saved: reopen and
//   look),
//             busy (the write queue is full), too_large, object_damaged, no_slot
//   life      reopen_needed (after unknown_outcome), stopped
// Rows of docs/errors.md. Threads: any.
#pragma once
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <type_traits>

namespace dunlin {

enum class store_errc {
    locked = 1,
    newer_file,
    foreign_file,
    unwritable,
    not_a_database,
    damaged_file,
    disk_full,
    unknown_outcome,
    reopen_needed,
    busy,
    too_large,
    object_damaged,
    no_slot,
    stopped,
};

boost::system::error_category const& store_category();
/// "dunlin.store.disk_full": stable, for logs and alarms.
char const* stable_name(store_errc code);

inline boost::system::error_code make_error_code(store_errc code) { return {int(code), store_category()}; }

} // namespace dunlin

template <> struct boost::system::is_error_code_enum<dunlin::store_errc> : std::true_type {};
