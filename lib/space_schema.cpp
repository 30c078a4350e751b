// The schema of a space: what its types' fields are called and are, said by whoever changes them (schema.hpp).
#include "../crdt/set.hpp"
#include "../crdt/struct.hpp"
#include "schema.hpp"
#include "space_body.hpp"
#include <boost/json/object.hpp>

namespace dunlin {

bool space_body::add_line(bytes_view text) {
    schema_line l;
    if (!read_line(text, l) || !shapes_.add(l.type, l.name, l.kind)) return false;
    if (l.kind == bounded_counter::of().kind() && with_rights_.emplace(l.type).second)
        if (auto t = find_type(l.type)) t->holds_rights = true;
    auto part = shapes_.kind(l.kind);
    auto below = part->nested();
    if (below) structs_in_[below->name()].emplace(l.type);
    if (part->asides() != asides_in::nothing || (below && with_asides_.contains(below->name()))) add_with_holders(std::string(l.type), with_asides_);
    if (part->may_end() || (below && with_ends_.contains(below->name()))) has_ends(std::string(l.type));
    return true;
}

/// The struct, and all that have maps of it at some depth: those that are new.
std::vector<std::string> space_body::add_with_holders(std::string const& type, std::set<std::string, std::less<>>& to) const {
    std::vector<std::string> todo{type}, added;
    while (!todo.empty()) {
        auto name = std::move(todo.back());
        todo.pop_back();
        if (!to.emplace(name).second) continue;
        if (auto it = structs_in_.find(name); it != structs_in_.end()) todo.insert(todo.end(), it->second.begin(), it->second.end());
        added.push_back(std::move(name));
    }
    return added;
}

/// Lines in a delta of the schema object, told before it is joined: what stands behind it needs them. They only say
/// what things are called, so that they stay if the entry is refused is no harm; their number is bounded. False: a
/// line is taken away. Nobody does that, and whoever starts again could not read what others write.
bool space_body::schema_changed(bytes_view delta, node_id const& by) {
    decoder in(delta);
    auto head = in.u();
    if (head & 1) return false;
    for (auto n = head / 2; n && in.ok(); --n) {
        in.u32();
        decoder set(in.bytes());
        auto said = set.u();
        if (said & 1) return false;
        for (auto k = said / 2; k && set.ok(); --k) {
            auto line = set.bytes();
            if (set.u() != 1) return false;
            if (set.ok()) tell_of_kinds(line, by), add_line(line);
        }
    }
    return true;
}

/// Adds what the schema of the space does not say of this type yet. The lines go out in the same entry, first.
void space_body::describe(object_type& type) {
    type.described = true;
    if (&type == schema_->type) return;
    auto& lines = static_cast<schema_object*>(schema_->value())->lines;
    for (auto& l : schema_lines(*type.part)) {
        if (lines.contains(l)) continue;
        tell_of_kinds(l, table_.id(self_).node);
        lines.insert(l);
        add_line(l);
    }
}

/// Its lines are what the space knows of kinds.
void space_body::take_schema(object& o) {
    schema_ = &o;
    for (auto l : static_cast<schema_object*>(o.value())->lines) add_line(l);
}


/// Two programs that mean different things by one name: both fields are kept, and a person is told, once.
void space_body::tell_of_kinds(bytes_view text, node_id const& by) {
    schema_line l;
    if (!schema_ || !read_line(text, l) || shapes_.find(l.type, field_id(l.name, l.kind))) return;
    if (mutant("schema_is_silent_about_kinds") || !shapes_.names(l.type, l.name)) return;
    std::string said = "the field " + json_name(l.name) + " of " + json_name(l.type) + " has another kind than before: " + json_name(l.kind) + " says node " + to_hex(view_of(by));
    auto all = kinds_of(static_cast<schema_object const*>(schema_->value())->lines, table_);
    for (auto& [kind, who] : all[{std::string(l.type), std::string(l.name)}])
        if (kind != l.kind) said += ", " + json_name(kind) + (who.empty() ? " says this node" : " says node " + who);
    setup_.alarm(said + "; both are kept, as two fields: give one of them another name");
}

void space_body::schema_json(boost::json::object& out) const {
    if (schema_) kinds_json(kinds_of(static_cast<schema_object const*>(std::as_const(*schema_).value())->lines, table_), out);
}

} // namespace dunlin
