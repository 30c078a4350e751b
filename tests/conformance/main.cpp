// conformance [DIR]: what others computed or collected, against dunlin. Every file below DIR is read, by its format.
//
//   JSON lines with `steps`          histories: entries (exec, pull), whole states (update, merge), texts (skipped)
//   JSON with `scenarios`, `vectors` of `protocol_name`, `testGroups`      scenarios, Noise, Wycheproof
//   JSON list of texts; *.txt        strings
//   anything in a folder `hostile`, and what is neither text nor gzip      hostile bytes
//
// Names and ids decide nothing. Without DIR the environment's DUNLIN_CONFORMANCE, then ../shared/conformance. A line a
// file, `NAME: N passed, M failed, K skipped (reason)`, then the sum; status 1 if one failed, 2 without a folder. A
// file of a known format that cannot be read has failed; one of no known format is skipped, and says so.
#include "report.hpp"
#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <dunlin/crdt/value.hpp>
#include <fstream>
#include <sstream>

namespace {
namespace fs = std::filesystem;
namespace json = boost::json;
using namespace conformance;

std::string contents(fs::path const& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw differs("cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}
bool lies_in(fs::path const& file, std::string_view folder) {
    return std::any_of(file.begin(), --file.end(), [&](auto& part) { return part == folder; });
}

std::vector<std::string> texts_of(json::array const& all) {
    std::vector<std::string> out;
    for (auto& e : all) {
        if (!e.is_string()) throw differs("not only texts in a list of texts: " + json::serialize(e).substr(0, 80));
        out.emplace_back(e.as_string());
    }
    return out;
}
std::vector<std::string> lines_of(std::string const& text) {
    std::vector<std::string> out{text};
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

void json_file(json::value const& v, report& r) {
    if (auto a = v.if_array()) {
        bool any_text = std::any_of(a->begin(), a->end(), [](auto& e) { return e.is_string(); });
        if (!any_text) return r.skip("JSON of no known format");
        return strings(texts_of(*a), "string", r);
    }
    auto o = v.if_object();
    auto list = [&](char const* name) -> json::array const* {
        auto found = o ? o->if_contains(name) : nullptr;
        return found ? found->if_array() : nullptr;
    };
    auto first_has = [](json::array const* a, char const* name) {
        return a && std::any_of(a->begin(), a->end(), [&](auto& e) { return e.is_object() && e.as_object().contains(name); });
    };
    if (auto a = list("scenarios")) return scenarios(*a, r);
    if (auto a = list("vectors"); first_has(a, "protocol_name")) return noise_vectors(*a, r);
    if (o && o->contains("testGroups")) return wycheproof(*o, r);
    if (auto a = list("cases"); first_has(a, "initialText")) return r.skip("rich text: no sequence type yet", unsigned(a->size()));
    if (o && (o->contains("endContent") || o->contains("txns"))) return r.skip("text: no sequence type yet");
    if (o && (o->contains("scenarios") || o->contains("vectors"))) throw differs("what should be a list is none");
    r.skip("JSON of no known format");
}

/// JSON lines: each line an object, or at least the first one begun as one.
bool are_lines(fs::path const& file, std::string const& text) {
    if (file.extension() == ".jsonl") return true;
    auto end = text.find('\n');
    json::error_code error;
    auto first = json::parse(text.substr(0, end), error);
    return !error && end != text.npos && text.find_first_not_of(" \t\r\n", end) != text.npos && first.is_object();
}

void read_file(fs::path const& file, fs::path const& name, report& r) {
    auto bytes = contents(file);
    if (lies_in(name, "hostile")) return hostile(bytes, r);
    if (bytes.find_first_not_of(" \t\r\n") == bytes.npos) return r.skip("empty");
    if (bytes.starts_with("\x1f\x8b")) return r.skip("gzip, as only texts are: no sequence type yet");
    if (lies_in(name, "licences")) return r.skip("a licence, no case");
    auto type = file.extension();
    bool begins_as_json = bytes[bytes.find_first_not_of(" \t\r\n")] == '{' || bytes[bytes.find_first_not_of(" \t\r\n")] == '[';
    if (type == ".jsonl" || type == ".json" || (type != ".txt" && begins_as_json)) {
        if (are_lines(file, bytes)) return histories(bytes, r);
        json::error_code error;
        auto v = json::parse(bytes, error);
        if (error) throw differs("not JSON: " + error.message());
        return json_file(v, r);
    }
    if (type == ".txt") return strings(lines_of(bytes), "line", r);
    if (!dunlin::is_utf8(bytes) || bytes.find('\0') != bytes.npos) return hostile(bytes, r);
    r.skip("a text that is no case");
}

std::vector<fs::path> files_in(fs::path const& folder) {
    std::vector<fs::path> all;
    std::error_code error;
    for (auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
         at != fs::recursive_directory_iterator(); at.increment(error))
        if (!error && at->is_regular_file(error)) all.push_back(at->path().lexically_relative(folder));
    std::sort(all.begin(), all.end());
    return all;
}
} // namespace

int main(int count, char** arguments) {
    auto environment = std::getenv("DUNLIN_CONFORMANCE");
    fs::path folder = count > 1 ? arguments[1] : environment ? environment : "../shared/conformance";
    if (!fs::is_directory(folder)) {
        std::fprintf(stderr, "conformance: no folder %s\n", folder.c_str());
        return 2;
    }
    unsigned passed = 0, failed = 0, skipped = 0;
    auto all = files_in(folder);
    for (auto& name : all) {
        bool twice = std::count_if(all.begin(), all.end(), [&](auto& f) { return f.filename() == name.filename(); }) > 1;
        report r((twice ? name : name.filename()).string());
        try {
            read_file(folder / name, name, r);
        } catch (std::exception const& e) {
            r.run("file", [&] { throw differs(e.what()); });
        }
        r.print();
        std::fflush(stdout);
        passed += r.passed, failed += r.failed, skipped += r.skipped;
    }
    std::printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed != 0;
}
