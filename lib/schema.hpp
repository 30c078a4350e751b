// Schema: an ordinary object of each space that says what the fields of its types are called and are.
//
//   line := type, 0, name, 0, kind          in a set: grows only, the same on every node
//
// A node that changes an object of a type first adds the type's lines, in the same entry, before it: so whoever can
// apply a delta can read it, and tools and older nodes know names and kinds. One name with two kinds is two fields.
#pragma once
#include "../crdt/object.hpp"
#include "../crdt/set.hpp"
#include "../crdt/writer.hpp"
#include <boost/json/fwd.hpp>
#include <map>

namespace dunlin {

struct schema_object {
    set<std::string> lines;
};
DUNLIN_OBJECT_AS("dunlin.schema", schema_object, lines)

/// The lines of a struct and of all structs below it.
std::vector<std::string> schema_lines(struct_part const& part);

struct schema_line {
    std::string_view type, name, kind;
};
/// False if the text is no line.
bool read_line(std::string_view text, schema_line& line);

/// (type, field) -> kind -> which node said so, as far as that is known.
using kinds_of_fields = std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>>;
kinds_of_fields kinds_of(set<std::string> const& lines, writers const& table);
/// {"player":{"score":{"C":"<node>"}}}: two kinds of one field stand beside each other.
void kinds_json(kinds_of_fields const& all, boost::json::object& out);
/// The schema of each space in the file of a node that does not run, as `dunlin schema` prints it. Opens the file as its node
/// does at its start. Throws system_error.
std::string schema_of_file(std::string const& path);

} // namespace dunlin
