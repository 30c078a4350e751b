// Shapes: what fields are called and what kind they are, learned from the schema of a space; and parts made from kinds.
//
//   line := (type name, field name, kind)          identity of a field: id = 32-bit hash of "name:kind"
//
// A kind names the shape of a field and the class of its values; that is enough to check, join, erase, store and
// show it without its C++ type. Two kinds under one name are two fields: neither is lost, and whoever hears of it is told.
// Bounds  65,536 lines, kinds of 256 bytes, nesting of depth 32; add answers false beyond.
#pragma once
#include "part.hpp"
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_map.hpp>
#include <map>

namespace dunlin {

/// FNV-1a of "name:kind".
constexpr std::uint32_t field_id(std::string_view name, std::string_view kind) {
    std::uint32_t h = 2166136261u;
    auto put = [&](char c) { h = (h ^ std::uint8_t(c)) * 16777619u; };
    for (char c : name) put(c);
    put(':');
    for (char c : kind) put(c);
    return h;
}

class shapes {
public:
    static constexpr std::size_t lines_max = 65536, kind_bytes_max = 256;
    struct line {
        std::string name;
        part const* type;
    };

    /// False if the kind is not one, or a bound is met; then nothing has changed.
    bool add(std::string_view type, std::string_view name, std::string_view kind);
    line const* find(std::string_view type, std::uint32_t id) const;
    /// The type has a field of that name, of whatever kind.
    bool names(std::string_view type, std::string_view field) const;
    /// A field of it is known.
    bool knows(std::string_view type) const { return types_.contains(type); }
    /// The struct without members of its own that stands for a type this program does not have.
    part const* object(std::string_view type);
    part const* kind(std::string_view kind);

    template <class F> void each(F f) const { // f(type, name, kind), by type and id
        for (auto& [type, fields] : types_)
            for (auto& [id, l] : fields) f(type, l.name, l.type->kind());
    }

private:
    std::map<std::string, std::map<std::uint32_t, line>, std::less<>> types_;
    std::map<std::string, std::unique_ptr<part const>, std::less<>> kinds_;
    std::size_t lines_ = 0;

    part const* parse(std::string_view& rest, unsigned depth);
};

} // namespace dunlin
