// Forged entry: an entry of any writer, put together byte by byte by whoever wants to see it refused, or taken.
#pragma once
#include <dunlin/crdt/shape.hpp>
#include <dunlin/net/heads.hpp>

namespace forged {

using namespace dunlin;

/// The delta of one member of an object: what the type's own delta says is `delta`.
inline std::string member_delta(std::string_view member, std::string_view kind, std::string_view delta) {
    encoder fields;
    fields.u(2), fields.u32(field_id(member, kind)), fields.bytes(delta);
    return fields.take();
}

class entry_of {
    writers table_;
    entry_builder builder_;
    writer_id author_;

public:
    explicit entry_of(writer_id const& author) : author_(author) { builder_.begin(table_.intern(author)); }
    std::uint32_t index(writer_id const& w) { return builder_.index(table_.intern(w), table_); }
    /// It has seen so much of that writer.
    entry_of& depends(writer_id const& w, std::uint64_t number) {
        (void)builder_.depend(table_.intern(w), number, table_);
        return *this;
    }
    /// One object's delta: of one member.
    entry_of& says(std::string_view type, std::string_view key, std::string_view member, std::string_view kind,
                   std::string_view delta) {
        return names(type, key, member_delta(member, kind, delta));
    }
    /// One object's delta as it stands.
    entry_of& names(std::string_view type, std::string_view key, std::string_view bytes) {
        builder_.delta().u(0), builder_.delta().bytes(type), builder_.delta().bytes(key);
        builder_.delta().bytes(bytes);
        return *this;
    }
    /// The writer's next entry after `before`, at that stamp.
    series made(head const& before = {}, std::uint64_t stamp = 5) {
        encoder body;
        builder_.finish(stamp - before.stamp, body);
        series s;
        s.writer = author_, s.first = before.number + 1, s.first_stamp = stamp, s.prior = before.prior();
        s.add(body.view());
        return s;
    }
};

} // namespace forged
