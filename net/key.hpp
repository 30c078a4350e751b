// Keys: the cluster's, which all its nodes share, and the node's own, which nobody shares.
//
//   cluster key   32 secret bytes; as text the line   dunlin-key-1:<43 letters base64url>
//                   psk      proves membership inside the handshake        derive(secret, "dunlin-1", 1)
//                   mac_key  lets a stranger's first frame be dropped      derive(secret, "dunlin-1", 2)
//                   id       4 bytes in clear, to tell keys apart          derive(secret, "dunlin-1", 3)
//   identity      an X25519 pair; node id = BLAKE2b-128 of its public half
//                 as text the line   dunlin-identity-1:<54 letters>   of secret 32 | BLAKE2b-64 of the secret 8
//                 as a file FILE.identity, mode 0600, made at first start: written aside, synced, then linked to its
//                 name, so that there is a whole file or none. A copy of it is the same node: backups leave it out.
//
// Threads as any value. Errors: net_error::key_* and identity_*, with the file's name; the text says what to do.
#pragma once
#include "../crdt/writer.hpp"
#include "crypto.hpp"

namespace dunlin {

class cluster_key {
    secret32 secret_;

public:
    explicit cluster_key(secret32 const& secret) : secret_(secret) {}
    static cluster_key make(chance& source) { return cluster_key(make_secret(source)); }
    /// A line as `text` gives it; white space around it is ignored.
    static cluster_key parse(bytes_view text);
    static cluster_key read_file(std::string const& file);

    std::string text() const;
    secret32 psk() const { return derive(secret_, "dunlin-1", 1); }
    secret32 mac_key() const { return derive(secret_, "dunlin-1", 2); }
    octets<4> id() const;
};

struct identity {
    key_pair keys;

    explicit identity(key_pair const& pair) : keys(pair) {}
    static identity make(chance& source) { return identity(make_key_pair(source)); }
    static identity parse(bytes_view text);
    /// Reads the file, or makes it where there is none.
    static identity open_file(std::string const& file, chance& source);

    std::string text() const;
    node_id node() const;
};

node_id node_of(octets<32> const& public_key);
/// "game.db" -> "game.db.identity"
std::string identity_file(std::string const& data_file);

} // namespace dunlin
