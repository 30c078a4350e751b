#include "shape.hpp"
#include "bounded_counter.hpp"
#include "counter.hpp"
#include "disable_wins_flag.hpp"
#include "ephemeral.hpp"
#include "expiry.hpp"
#include "flag.hpp"
#include "latest.hpp"
#include "map.hpp"
#include "set.hpp"
#include "struct.hpp"

namespace dunlin {

bool shapes::add(std::string_view type, std::string_view name, std::string_view kind_text) {
    if (kind_text.size() > kind_bytes_max || name.empty()) return false;
    auto id = field_id(name, kind_text);
    if (auto known = find(type, id)) return known->name == name && known->type->kind() == kind_text;
    auto made = kind(kind_text);
    if (!made || lines_ == lines_max) return false;
    types_[std::string(type)].emplace(id, line{std::string(name), made});
    ++lines_;
    return true;
}

shapes::line const* shapes::find(std::string_view type, std::uint32_t id) const {
    auto t = types_.find(type);
    if (t == types_.end()) return nullptr;
    auto l = t->second.find(id);
    return l == t->second.end() ? nullptr : &l->second;
}

bool shapes::names(std::string_view type, std::string_view field) const {
    auto t = types_.find(type);
    return t != types_.end() && std::any_of(t->second.begin(), t->second.end(), [&](auto& one) { return one.second.name == field; });
}

/// Whatever it is called: a name that is no kind in braces is one of an object all the same.
part const* shapes::object(std::string_view type) {
    auto text = "{" + std::string(type) + "}";
    auto it = kinds_.find(text);
    if (it == kinds_.end()) it = kinds_.emplace(std::move(text), std::make_unique<struct_part>(std::string(type))).first;
    return it->second.get();
}

part const* shapes::kind(std::string_view text) {
    auto rest = text;
    auto made = parse(rest, 0);
    return rest.empty() ? made : nullptr;
}

part const* shapes::parse(std::string_view& rest, unsigned depth) {
    if (rest.empty() || depth > depth_max) return rest = "?", nullptr;
    auto from = rest;
    auto value_kind = [&](std::size_t at) {
        return at < rest.size() && std::string_view("iubdsyva").find(rest[at]) != std::string_view::npos;
    };
    auto keep = [&](std::size_t n, auto make) -> part const* {
        std::string text(from.substr(0, from.size() - rest.size() + n));
        rest.remove_prefix(n);
        auto it = kinds_.find(text);
        if (it == kinds_.end()) it = kinds_.emplace(text, make()).first;
        return it->second.get();
    };
    switch (rest[0]) {
    case 'C':
        return rest.remove_prefix(1), &counter::of();
    case 'B':
        if (depth) break; // never below an erasable path
        return rest.remove_prefix(1), &bounded_counter::of();
    case 'F':
        return rest.remove_prefix(1), &flag::of();
    case 'D':
        return rest.remove_prefix(1), &disable_wins_flag::of();
    case 'E':
        if (rest.size() < 2 || rest[1] != 'i') break;
        return rest.remove_prefix(2), &expiry::of();
    case 'P':
    case 'R':
    case 'X':
    case 'N':
    case 'V':
        if (!value_kind(1)) break;
        return keep(2, [&] { return make_register_part(latest<raw_value>::access(from[1]), register_view(from[0])); });
    case 'T':
        if (!value_kind(1)) break;
        return keep(2, [&] { return std::make_unique<ephemeral_part>(ephemeral<raw_value>::access(from[1])); });
    case 'S':
    case 'G':
        if (!value_kind(1)) break;
        return keep(2, [&] { return make_set_part(from[0], from[1]); });
    case 'W':
        if (!value_kind(1)) break;
        return keep(2, [&] { return make_remove_wins_part(from[1]); });
    case 'M': {
        if (!value_kind(1)) break;
        rest.remove_prefix(2);
        auto child = parse(rest, depth + 1);
        if (!child) return nullptr;
        return keep(0, [&] { return make_map_part(from[1], *child); });
    }
    case '{': {
        auto end = rest.find('}');
        if (end == rest.npos || end == 1) break;
        auto name = std::string(rest.substr(1, end - 1));
        return keep(end + 1, [&]() -> std::unique_ptr<part const> { return std::make_unique<struct_part>(name); });
    }
    }
    rest = "?";
    return nullptr;
}

} // namespace dunlin
