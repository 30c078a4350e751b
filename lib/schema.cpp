#include "schema.hpp"
#include "../net/crypto.hpp"
#include "object_state.hpp"
#include <boost/json/object.hpp>

namespace dunlin {

namespace {
/// Structs inside a kind: "MsMs{item}" holds one. Their parts are reached through the children of maps.
struct_part const* struct_below(part const& p) { return p.nested(); }

void collect(struct_part const& part, std::vector<std::string>& lines, unsigned depth) {
    if (depth > depth_max) return;
    for (auto& m : part.members()) {
        auto line = part.name() + '\0' + m.name + '\0' + m.type->kind();
        if (std::find(lines.begin(), lines.end(), line) != lines.end()) continue;
        lines.push_back(std::move(line));
        if (auto below = struct_below(*m.type)) collect(*below, lines, depth + 1);
    }
}
} // namespace

std::vector<std::string> schema_lines(struct_part const& part) {
    std::vector<std::string> lines;
    collect(part, lines, 0);
    return lines;
}

bool read_line(std::string_view text, schema_line& line) {
    auto first = text.find('\0');
    auto second = first == text.npos ? first : text.find('\0', first + 1);
    if (second == text.npos || text.find('\0', second + 1) != text.npos) return false;
    line = {text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
    return !line.type.empty() && !line.name.empty() && !line.kind.empty();
}

kinds_of_fields kinds_of(set<std::string> const& lines, writers const& table) {
    kinds_of_fields all;
    for (auto text : lines) {
        schema_line l;
        if (!read_line(text, l)) continue;
        auto by = lines.said_by(text);
        all[{std::string(l.type), std::string(l.name)}][std::string(l.kind)] = by ? to_hex(view_of(table.id(by.slot()).node)) : "";
    }
    return all;
}

void kinds_json(kinds_of_fields const& all, boost::json::object& out) {
    for (auto& [field, kinds] : all) {
        auto& type = out[json_name(field.first)];
        if (!type.is_object()) type.emplace_object();
        auto& one = type.get_object()[json_name(field.second)].emplace_object();
        for (auto& [kind, who] : kinds) one[json_name(kind)] = who;
    }
}

} // namespace dunlin
