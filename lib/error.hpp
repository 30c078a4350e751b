// Errors of lib/: what the world does to a node. Thrown as boost::system::system_error by default, returned with as_tuple.
//
// A deadline that passes never means that something was undone: the change is kept and will still be saved and spread.
#pragma once
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

namespace dunlin {

enum class node_errc {
    overloaded = 1, // unsaved bytes above their bound
    memory_full,    // the memory setting is used up by pinned objects
    timed_out,      // a deadline passed
    stopped,        // the node was stopped or destroyed
    object_unknown, // its row is damaged; it is being fetched from peers
    bad_name,       // not 1 to 512 bytes of UTF-8, or reserved
    turn_too_large, // one atomic above the bound of an entry
    refused_listen, // beyond loopback without a key
    unsaved,        // the file failed: what became of the change on disk is not known; it is kept in memory and spreads
    bad_option,     // an option cannot be understood
    rights_elsewhere, // an erase of an object whose bounded counters can be spent elsewhere
};

boost::system::error_category const& node_category();
inline boost::system::error_code make_error_code(node_errc e) { return {int(e), node_category()}; }

} // namespace dunlin

template <> struct boost::system::is_error_code_enum<dunlin::node_errc> : std::true_type {};
