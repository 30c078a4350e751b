// Notation: the steps of most scenarios, read and carried out.
//
//   step   := part (" || " part | "; " part)* [", sync"] | "sync"
//   part   := NAME [" batch"] ": " what [note] | NAME " := merge(" NAME "," NAME ")" | NAME " := copy of " NAME
//   note   := "(" anything ")": a copy if it is one, else not read
//   what   := operation, with the words of the type; several in a batch: "[" operation ", " ... "]"
//
//   sets        add x, y   remove x   clear      flags      enable   disable       counters   +n   -n   reset
//   registers   assign x   reset                 sorted sets   ZADD n x   ZINCRBY n x   ZREM x     fields   HSET f x
//
// Whatever is not exactly this is not acted out here.
#include "stage.hpp"
#include <charconv>

namespace conformance {

namespace {
struct not_notation {};

enum class words { set, remove_wins, flag, disable_wins, counter, all_values, value, sorted, fields };

std::optional<words> words_of(std::string_view type) {
    auto has = [&](std::string_view part) { return type.find(part) != type.npos; };
    if (has("list") || has("map") || has("remove context")) return has("LWW fields") ? std::optional(words::fields) : std::nullopt;
    if (has("sorted")) return words::sorted;
    if (has("set (remove wins")) return words::remove_wins;
    if (has("flag (disable wins")) return words::disable_wins;
    if (has("OR-set") || type.starts_with("set")) return words::set;
    if (type.starts_with("flag")) return words::flag;
    if (has("counter")) return words::counter;
    if (type.starts_with("MV-register")) return words::all_values;
    if (type.starts_with("LWW-register")) return words::value;
    return {};
}

std::string_view trim(std::string_view s) {
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
}
std::vector<std::string_view> split(std::string_view s, std::string_view by) {
    std::vector<std::string_view> all;
    for (std::size_t at; (at = s.find(by)) != s.npos; s.remove_prefix(at + by.size())) all.push_back(trim(s.substr(0, at)));
    all.push_back(trim(s));
    return all;
}
bool cut_prefix(std::string_view& s, std::string_view prefix) {
    if (!s.starts_with(prefix)) return false;
    s.remove_prefix(prefix.size());
    return true;
}
std::string_view name_in(std::string_view s) {
    s = trim(s);
    if (s.empty() || s.size() > 8 || s.find_first_of(" ,;:()[]") != s.npos) throw not_notation();
    return s;
}
/// In tenths: scores have one digit behind the point.
std::int64_t tenths(std::string_view s) {
    auto point = s.find('.');
    std::string digits(s.substr(0, point));
    digits += point == s.npos ? "0" : std::string(s.substr(point + 1));
    if (point != s.npos && s.size() - point != 2) throw not_notation();
    std::int64_t n = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (error != std::errc() || end != digits.data() + digits.size()) throw not_notation();
    return n;
}

void operate(subject& x, words w, std::string_view op) {
    auto arguments = [&](std::size_t n) {
        auto all = split(op, " ");
        if (all.size() != n) throw not_notation();
        return all;
    };
    auto each = [&](auto f) {
        for (auto e : split(op, ",")) f(std::string(name_in(e)));
    };
    auto on_set = [&](auto& elements) {
        if (op == "clear" || op == "clear/DEL" || op == "DEL") return elements.clear();
        if (cut_prefix(op, "add ")) return each([&](std::string e) { elements.insert(e); });
        if (cut_prefix(op, "remove ")) return each([&](std::string e) { elements.erase(e); });
        throw not_notation();
    };
    auto on_flag = [&](auto& flag) {
        if (op != "enable" && op != "disable") throw not_notation();
        flag = op == "enable";
    };
    switch (w) {
    case words::set:
        return on_set(x.elements);
    case words::remove_wins:
        return on_set(x.allowed);
    case words::flag:
        return on_flag(x.on);
    case words::disable_wins:
        return on_flag(x.safe);
    case words::counter:
        if (op == "reset") return x.number.reset();
        if (!op.empty() && (op[0] == '+' || op[0] == '-'))
            return void(x.number += (op[0] == '-' ? -1 : 1) * tenths(op.substr(1)) / 10);
        break;
    case words::all_values:
    case words::value:
        if (op == "reset") return x.value.reset(), x.values.reset();
        if (cut_prefix(op, "assign ")) return x.value = std::string(name_in(op)), void(x.values = std::string(name_in(op)));
        break;
    case words::sorted: {
        auto& scores = x.keys.counters;
        if (cut_prefix(op, "ZREM ")) return void(scores.erase(std::string(name_in(op))));
        bool fresh = cut_prefix(op, "ZADD ");
        if (!fresh && !cut_prefix(op, "ZINCRBY ")) break;
        auto a = arguments(2);
        if (fresh && scores.contains(std::string(a[1]))) throw not_notation(); // assigns: another thing than adding
        return void(scores[std::string(a[1])] += tenths(a[0]));
    }
    case words::fields: {
        if (!cut_prefix(op, "HSET ")) break;
        auto a = arguments(2);
        return void(x.fields[std::string(a[0])] = std::string(a[1]));
    }
    }
    throw not_notation();
}

json::value read_as(replica& r, words w) {
    json::object all;
    switch (w) {
    case words::set:
        return elements(r->elements);
    case words::remove_wins:
        return elements(r->allowed);
    case words::flag:
        return r->on.value();
    case words::disable_wins:
        return r->safe.value();
    case words::counter:
        return r->number.value();
    case words::all_values:
        return siblings(r);
    case words::value:
        return json::value(r->value.value());
    case words::sorted:
        for (auto [k, v] : r->keys.counters) all[k] = double(std::int64_t(v)) / 10;
        return all;
    case words::fields:
        for (auto [k, v] : r->fields) all[k] = v.value();
        return all;
    }
    throw not_notation();
}

class reader {
    stage stage_;
    words words_;

    void part(std::string_view p) {
        std::string_view note;
        if (p.ends_with(")") && p.find(" (") != p.npos) {
            note = p.substr(p.find(" (") + 2);
            note.remove_suffix(1);
            p = trim(p.substr(0, p.find(" (")));
        }
        if (auto at = p.find(" := "); at != p.npos)
            assign(name_in(p.substr(0, at)), trim(p.substr(at + 4)));
        else
            turn(p);
        if (auto at = note.find(" := "); at != note.npos) assign(name_in(note.substr(0, at)), trim(note.substr(at + 4)));
    }
    void assign(std::string_view target, std::string_view from) {
        if (cut_prefix(from, "copy of ")) return stage_.merge(target, name_in(from));
        if (!cut_prefix(from, "merge(") || !from.ends_with(")")) throw not_notation();
        from.remove_suffix(1);
        for (auto source : split(from, ","))
            if (name_in(source) != target) stage_.merge(target, name_in(source));
    }
    void turn(std::string_view p) {
        auto colon = p.find(": ");
        if (colon == p.npos) throw not_notation();
        auto who = trim(p.substr(0, colon)), what = trim(p.substr(colon + 2));
        std::vector<std::string_view> ops{what};
        if (who.ends_with(" batch")) {
            who.remove_suffix(6);
            if (!what.starts_with("[") || !what.ends_with("]")) throw not_notation();
            ops = split(what.substr(1, what.size() - 2), ",");
        }
        stage_.in(name_in(who), [&](subject& x) {
            for (auto op : ops) operate(x, words_, op);
        });
    }

public:
    explicit reader(words w) : words_(w) {}
    void step(std::string_view s) {
        if (s == "sync") return stage_.sync();
        bool sync_after = s.ends_with(", sync");
        if (sync_after) s.remove_suffix(6);
        for (auto at_once : split(s, "||"))
            for (auto p : split(at_once, ";")) part(p);
        if (sync_after) stage_.sync();
    }
    json::value value() {
        return stage_.value([&](replica& r) { return read_as(r, words_); });
    }
};
} // namespace

std::optional<json::value> act_out(std::string_view type, json::array const& steps) {
    auto w = words_of(type);
    if (!w || steps.empty()) return {};
    try {
        reader r(*w);
        for (auto& s : steps) {
            if (!s.is_string()) return {};
            r.step(std::string_view(s.as_string()));
        }
        return r.value();
    } catch (not_notation const&) { return {}; }
}

} // namespace conformance
