// JSON: dunlin prints it and reads none. Whatever the content, what is printed is JSON, and says what was there.
//
//   input := mode u8 | ...         mode mod 4
//     0, 1  kind u8 | state of a field             2  kind u8 | delta of a field, joined
//     3     piece (n x (piece type, piece name, piece kind)) | state of a struct whose members only these lines tell
//
// Checked of each: it is UTF-8; it is parsed back as the value that was printed; equal states print equal text.
#include "parts.hpp"
#include <boost/json/parse.hpp>
#include <cmath>
#include <dunlin/crdt/value.hpp>

namespace {
using namespace fuzz;

/// Equal, but for the last digits of a double: Boost's parser is not exact there, its printer is.
bool alike(boost::json::value const& a, boost::json::value const& b) {
    if (a.is_double() || b.is_double()) {
        auto x = a.to_number<double>(), y = b.to_number<double>();
        return std::abs(x - y) <= 1e-14 * std::abs(x) || std::abs(x - y) < 1e-300;
    }
    if (a.is_array() && b.is_array())
        return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), b.get_array().end(), alike);
    if (!a.is_object() || !b.is_object()) return boost::json::serialize(a) == boost::json::serialize(b);
    return a.get_object().size() == b.get_object().size() &&
           std::all_of(a.get_object().begin(), a.get_object().end(), [&](auto& m) {
               auto other = b.get_object().if_contains(m.key());
               return other && alike(m.value(), *other);
           });
}

void prints(part const& p, held& value, shapes const& kinds_known) {
    auto printed = value.json();
    auto text = boost::json::serialize(printed);
    must(is_utf8(text), "what is printed is not UTF-8");
    boost::json::parse_options deep;
    deep.max_depth = 256;
    boost::json::error_code ec;
    auto parsed = boost::json::parse(text, ec, {}, deep);
    must(!ec, "what is printed is not JSON");
    must(alike(printed, parsed), "what is printed is parsed as something else");
    held again(p);
    must(again.load(value.bytes(), kinds_known), "what was written is refused");
    must(again.json_text() == text, "equal states print two texts");
}

int printed_state(part const& p, bytes_view bytes, shapes const& kinds_known) {
    held value(p);
    if (!value.load(bytes, kinds_known)) return -1;
    prints(p, value, kinds_known);
    return 0;
}

int printed_delta(part const& p, bytes_view bytes) {
    decoder in(bytes);
    checking c{in, writers_here, 100, 0, &known()};
    p.check(c);
    if (!in.finished()) return -1;
    held value(p);
    decoder again(bytes);
    absorbing a{again, slots, dot(0, 100), 100, 0, &known()};
    p.join_delta(value.get(), a);
    prints(p, value, known());
    return 0;
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    auto mode = in.u8() % 4;
    if (mode == 3) {
        auto said = in.piece();
        input lines(reinterpret_cast<std::uint8_t const*>(said.data()), said.size());
        shapes told;
        for (int n = 0; n < 16 && !lines.done(); ++n) {
            auto type = lines.piece(), name = lines.piece(), kind = lines.piece();
            told.add(type, name, kind);
        }
        if (!told.add("T", "x", "Rv")) return -1;
        return printed_state(*told.kind("Ms{T}"), in.rest(), told);
    }
    auto& p = *known().kind(kinds[in.u8() % std::size(kinds)]);
    return mode == 2 ? printed_delta(p, in.rest()) : printed_state(p, in.rest(), known());
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    std::string lines;
    for (auto name : {"a:C", "b:Rs", "c:MsC", "d:Su"})
        lines += piece("T") + piece(std::string_view(name).substr(0, 1)) + piece(std::string_view(name).substr(2));
    each_sample([&](std::size_t kind, bool is_state, bytes_view bytes) {
        out.push_back(std::string{is_state ? '\0' : '\2', char(kind)}.append(bytes));
        if (is_state && std::string_view(kinds[kind]) == "Ms{T}") out.push_back("\3" + piece(lines).append(bytes));
    });
    return out;
}
