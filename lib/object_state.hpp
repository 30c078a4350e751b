// Object state: a whole object as bytes, for its row, for a peer, for a digest, for a person.
//
//   state := u n, n x writer | struct's state                writers sorted by id, so that equal states are equal bytes
//   writer in a row := u number in the file;   writer to a peer := 24 bytes      only this table differs
//
// Errors: decode answers false for what encode would not have written; the object is then to be thrown away.
#pragma once
#include "../crdt/shape.hpp"
#include "../net/crypto.hpp"
#include "object.hpp"
#include <functional>

namespace dunlin {

/// How a table names a writer: writes the name of a slot, or reads one (writers::none: not a writer, or too many).
struct writer_names {
    std::function<void(encoder& out, std::uint32_t slot)> write;
    std::function<std::uint32_t(decoder& in)> read;
};
writer_names full_names(writers& table);

std::string encode_object(object const& o, writers const& table, writer_names const& names);
[[nodiscard]] bool decode_object(object& o, bytes_view state, writer_names const& names, std::uint32_t self,
                                 shapes const& kinds);
/// The same state with the writers named the other way.
bool rename_writers(bytes_view state, writer_names const& from, writer_names const& to, std::string& out);

/// Over type, key and everything that is live, with full ids; all zero for an object in which nothing is live.
octets<32> digest_object(object const& o, writers const& table);

/// A sum of digests modulo 2^256: the same whatever the order.
class digest_sum {
    octets<32> sum_{};
    std::uint64_t count_ = 0;

public:
    void add(octets<32> const& d);
    octets<32> finish() const;
};
std::string to_hex(bytes_view bytes);

} // namespace dunlin
