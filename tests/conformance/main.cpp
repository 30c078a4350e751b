// conformance [DIR]: histories, scenarios, strings and hostile files of others, against the types of crdt/.
//
// DIR is the folder of the material; without it the environment's DUNLIN_CONFORMANCE, then ../shared/conformance.
// A line a file, `NAME: N passed, M failed, K skipped (reason)`, then the sum; status 1 if one failed, 2 without a
// folder.
#include "report.hpp"
#include <algorithm>
#include <cstdlib>

namespace {
namespace fs = std::filesystem;
using namespace conformance;

std::vector<fs::path> lines_in(fs::path const& folder) {
    std::vector<fs::path> all;
    std::error_code error;
    for (auto& f : fs::directory_iterator(folder, error))
        if (f.path().extension() == ".jsonl") all.push_back(f.path());
    std::sort(all.begin(), all.end());
    return all;
}

std::vector<report> everything(fs::path const& folder) {
    std::vector<report> all;
    auto types = fs::is_directory(folder / "types") ? folder / "types" : folder;
    auto named = lines_in(types);
    for (auto must : {"antidote-histories.jsonl", "riak_dt-state-histories.jsonl"})
        if (std::none_of(named.begin(), named.end(), [&](auto& f) { return f.filename() == must; })) {
            all.emplace_back(must);
            all.back().skip("no such file in " + types.string());
        }
    for (auto& f : named) all.push_back(histories(f));
    auto optional = [&](fs::path const& f, report (*run)(fs::path const&)) {
        if (fs::exists(f)) return all.push_back(run(f));
        all.emplace_back(f.filename().string());
        all.back().skip("no such file in " + f.parent_path().string());
    };
    optional(types / "scenarios.json", scenarios);
    optional(folder / "unicode/blns.json", strings);
    optional(folder / "unicode/UTF-8-test.txt", strings);
    optional(folder / "hostile", hostile);
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
    for (auto& r : everything(folder)) {
        r.print();
        passed += r.passed, failed += r.failed, skipped += r.skipped;
    }
    std::printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed != 0;
}
