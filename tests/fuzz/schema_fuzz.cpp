// Schema: what a program learns of types that it does not have, and what it then does with their bytes.
//
//   input := mode u8 | ...         mode mod 4
//     0  text                        a line of the schema object
//     1  kind                        the text of a kind
//     2  piece lines | state         lines := n x piece; a state of the type T that they tell, as a map's child
//     3  piece lines | delta
//
// A line that is taken is found again under its id; a kind that is taken is called what it was called, and its values
// begin, are written, read and joined. More lines change nothing about those that are there.
#include "parts.hpp"
#include <dunlin/lib/schema.hpp>

namespace {
using namespace fuzz;

bool add(shapes& told, bytes_view text) {
    schema_line l;
    if (!read_line(text, l)) return false;
    std::string again(l.type);
    again.push_back('\0'), again.append(l.name).push_back('\0'), again.append(l.kind);
    must(again == text, "a line is not what it was read from");
    if (!told.add(l.type, l.name, l.kind)) return false;
    auto found = told.find(l.type, field_id(l.name, l.kind));
    must(found && found->name == l.name && found->type->kind() == l.kind, "a line that was taken is not found");
    must(told.add(l.type, l.name, l.kind), "a line is refused the second time");
    return true;
}

int one_line(bytes_view text) {
    shapes told;
    return add(told, text) ? 0 : -1;
}

int one_kind(bytes_view text) {
    shapes told;
    auto p = told.kind(text);
    if (!p) {
        must(!told.add("T", "x", text), "a kind that is none makes a field");
        return -1;
    }
    must(p->kind() == text && told.kind(text) == p, "a kind has two names, or two parts");
    if (p->nested() == p) return 0; // a struct stands only below a header
    held value(*p);
    must(!p->live(value.get()) && p->vacant(value.get()), "what is new is not empty");
    boost::json::serialize(value.json());
    return 0;
}

std::unique_ptr<shapes> lines_of(bytes_view said) {
    auto told = std::make_unique<shapes>();
    input lines(reinterpret_cast<std::uint8_t const*>(said.data()), said.size());
    for (int n = 0; n < 32 && !lines.done(); ++n) add(*told, lines.piece());
    return told;
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    auto mode = in.u8() % 4;
    if (mode == 0) return one_line(in.rest());
    if (mode == 1) return one_kind(in.rest());
    auto told = lines_of(in.piece());
    auto& p = *told->kind("Ms{T}");
    return mode == 2 ? state_of_part(p, in.rest(), *told) : delta_of_part(p, in.rest(), *told);
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    std::string lines;
    for (auto& l : schema_lines(struct_of<sampled::inner>())) {
        out.push_back(std::string(1, '\0') + l);
        lines += piece(l);
    }
    for (auto& l : schema_lines(struct_of<sampled::every>())) out.push_back(std::string(1, '\0') + l);
    for (auto k : kinds) out.push_back(std::string(1, '\1') + k);
    out.push_back("\1MiMuMbMdMsMyMvMsC"), out.push_back("\1{a name}");
    lines += piece(std::string("T\0e\0Ms{T}", 9)) + piece(std::string("T\0a\0Rs", 6));
    each_sample([&](std::size_t kind, bool is_state, bytes_view bytes) {
        if (std::string_view(kinds[kind]) == "Ms{T}") out.push_back((is_state ? "\2" : "\3") + piece(lines).append(bytes));
    });
    return out;
}
