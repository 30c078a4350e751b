#include "schema.hpp"

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

} // namespace dunlin
