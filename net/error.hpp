// Errors of net: what can go wrong between nodes, each with a name that never changes and a text that says what to do.
//
// The table below is the whole list; docs/errors.md has a row for each. A code is thrown as
// boost::system::system_error, or returned with as_tuple. message() is "dunlin.net.NAME: TEXT".
// Errors of the machine (connection refused, no route) stay those of Boost and the system.
#pragma once
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <string>
#include <string_view>
#include <utility>

#define DUNLIN_NET_ERRORS(X)                                                                                           \
    X(closed, "the other node has closed the link; nothing was lost, it can be opened again")                          \
    X(truncated, "the connection ended without a word of goodbye: the other node or the network failed; it is tried "  \
                 "again")                                                                                              \
    X(timed_out, "the other node did not answer in time; look whether it runs and is reachable")                       \
    X(not_dunlin, "what is at the other end does not speak dunlin; look at the address and the port")                  \
    X(wrong_version, "the two nodes have no protocol version in common; update the older one")                         \
    X(wrong_key, "the other node has another cluster key; give both the same key file")                                \
    X(refused, "the other node ended the connection before the link was made; its own errors say why: another "        \
               "cluster key, or too many connections")                                                                 \
    X(handshake_failed, "the first messages were damaged or forged; if it happens again, somebody is on the line")     \
    X(peer_without_key, "this node has a cluster key and the other has none; give the other the same key file")        \
    X(key_missing, "the other node has a cluster key and this one has none; give this one the same key file")          \
    X(insecure_not_loopback, "without a key, nodes talk on loopback addresses only; make one with `dunlin key new` "   \
                             "and name its file by key_file or DUNLIN_KEY_FILE")                                       \
    X(self, "this address is the node's own; leave it out of the list to join")                                        \
    X(other_node, "another node answers at this address than the one expected; it moved or was replaced")              \
    X(damaged, "bytes on the link were changed or are out of order; the link was closed and is opened again")          \
    X(message_too_large, "a message is above the bound; the link was closed, as what follows cannot be told")          \
    X(hello_too_large, "the introduction of a node is above 1 KiB; shorten its name or addresses")                     \
    X(worn_out, "the numbers of this link are used up; open it again")                                                 \
    X(busy, "too many connections are being opened just now; it is tried again")                                       \
    X(bad_address, "an address is host:port, with an IPv6 host in brackets: node1:7700, [::1]:7700")                   \
    X(not_found, "no host of this name; look at the address and at DNS")                                               \
    X(key_unreadable, "the file of the cluster key cannot be read; look at its path and owner")                        \
    X(key_malformed, "a cluster key is one line, dunlin-key-1: and 43 letters; make one with `dunlin key new`")        \
    X(key_exposed, "others can read the file of the cluster key; run `chmod 600` on it")                               \
    X(identity_unreadable, "the file with the node's identity cannot be read; look at its owner")                      \
    X(identity_unwritable, "the file with the node's identity cannot be made; look at the folder's owner and room")    \
    X(identity_malformed, "the file with the node's identity is damaged; restore it from a copy, or remove it and "    \
                          "start as a new node, after which the old one is removed from the roster")                   \
    X(identity_exposed, "others can read the file with the node's identity; run `chmod 600` on it, or remove it and "  \
                        "start as a new node if somebody may have read it")

namespace dunlin {

enum class net_error {
    none = 0,
#define DUNLIN_NET_ERROR(name, text) name,
    DUNLIN_NET_ERRORS(DUNLIN_NET_ERROR)
#undef DUNLIN_NET_ERROR
};

boost::system::error_category const& net_category() noexcept;
boost::system::error_code make_error_code(net_error e) noexcept;
/// "dunlin.net.wrong_key"; empty for codes of other categories.
std::string_view net_error_name(boost::system::error_code const& code) noexcept;

/// Throws; `what` says during what, or of which file.
[[noreturn]] void fail(net_error e, std::string const& what);
/// In a handler of all exceptions: the code and the text of an error of the system, of memory that has run out too. Any
/// other exception goes on.
std::pair<boost::system::error_code, std::string> caught_error();

} // namespace dunlin

namespace boost::system {
template <> struct is_error_code_enum<dunlin::net_error> : std::true_type {};
} // namespace boost::system
