// Strings: naughty and ill-formed text survives byte for byte as element, key and value; other people's hostile files
// are refused by every decoder here.
#include "subject.hpp"
#include <sstream>

namespace conformance {

namespace {
std::vector<dunlin::struct_part const*> const& types() {
    static std::vector<dunlin::struct_part const*> const all = {&dunlin::struct_of<subject>()};
    return all;
}

/// Written by one, an entry to a second, a state to a third, erased again everywhere.
void survives(std::string const& s) {
    rig::replica a(rig::writer(1), types()), b(rig::writer(2), types(), 3), c(rig::writer(3), types(), 1);
    auto& x = a.get<subject>();
    auto e = a.turn([&] { x.elements.insert(s), x.value = s, x.keys.counters[s] += 1; });
    if (!e || b.absorb(*e) != rig::absorbed::yes) throw differs("no entry");
    c.join(b.save());
    for (auto r : {&a, &b, &c}) {
        auto& y = r->get<subject>();
        bool same = y.elements.size() == 1 && *y.elements.begin() == s && y.value.value() == s &&
                    y.elements.contains(s) && y.keys.counters.contains(s) && (*y.keys.counters.begin()).first == s;
        if (!same) throw differs("it came out otherwise");
    }
    if (!(a.save() == c.save())) throw differs("other states");
    json::serialize(c.json()); // is always JSON
    auto gone = c.turn([&] { c.get<subject>().elements.erase(s), c.get<subject>().keys.counters.erase(s); });
    a.absorb(*gone);
    if (!x.elements.empty() || !x.keys.counters.empty()) throw differs("it cannot be erased again");
}

void collect(json::value const& v, std::vector<std::string>& out) {
    if (v.is_string())
        out.emplace_back(v.as_string());
    else if (v.is_array())
        for (auto& e : v.as_array()) collect(e, out);
    else if (v.is_object())
        for (auto& [k, e] : v.as_object()) out.emplace_back(k), collect(e, out);
}

/// Nothing may be joined, and nothing may go wrong in reading it.
void refused(std::string const& bytes) {
    auto& type = *types()[0];
    std::vector<std::uint32_t> const slots = {0, 1, 2};
    {
        dunlin::decoder in(bytes);
        dunlin::checking c{in, slots.size(), 1000};
        type.check(c);
        if (in.finished()) throw differs("taken for a delta");
    }
    rig::object fresh(type, nullptr, nullptr);
    dunlin::decoder in(bytes);
    dunlin::loading l{in, slots, 0};
    type.decode(fresh.value(), l);
    if (in.finished()) throw differs("taken for a state");
}
} // namespace

report strings(files const& file) {
    report r(file.filename().string());
    std::vector<std::string> all;
    bool is_json = file.extension() == ".json";
    r.run("file", [&] {
        auto whole = contents(file);
        if (is_json) return collect(json::parse(whole), all);
        all.push_back(whole);
        std::istringstream in(whole);
        for (std::string line; std::getline(in, line);) all.push_back(line);
    });
    for (std::size_t n = 0; n < all.size(); ++n)
        r.run((is_json ? "string " : "line ") + std::to_string(n), [&] { survives(all[n]); });
    return r;
}

report hostile(files const& folder) {
    report r(folder.filename().string());
    std::vector<files> all;
    std::error_code error;
    for (auto& f : std::filesystem::recursive_directory_iterator(folder, error))
        if (f.is_regular_file()) all.push_back(f.path());
    std::sort(all.begin(), all.end());
    for (auto& f : all) r.run(f.filename().string(), [&] { refused(contents(f)); });
    return r;
}

} // namespace conformance
