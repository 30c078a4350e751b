// Errors of crdt/: the two ways in which a value says no.
//
//   out_of_bound   a local change would exceed a bound (a counter's 64 bits, a string's 1 MiB); nothing has changed
//   malformed      bytes from outside do not follow docs/wire.md; nothing of them was joined
//
// A programmer's error (writing a struct of the wrong executor, one public name for two types) is `require`: an
// assertion that stays on in release, since going on would damage data on every node.
#pragma once
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

namespace dunlin {

enum class crdt_errc { out_of_bound = 1, malformed = 2 };

boost::system::error_category const& crdt_category();

inline boost::system::error_code make_error_code(crdt_errc e) { return {int(e), crdt_category()}; }

[[noreturn]] void throw_out_of_bound(char const* what);
[[noreturn]] void programmers_error(char const* what);

/// Stays on in release. `what` says what was done wrong and what to do instead.
inline void require(bool holds, char const* what) {
    if (!holds) [[unlikely]]
        programmers_error(what);
}

} // namespace dunlin

template <> struct boost::system::is_error_code_enum<dunlin::crdt_errc> : std::true_type {};
