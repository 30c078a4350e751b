// The simulator as a program: random histories of whole clusters on virtual time, by seed. `./run sim --help`.
#include "history.hpp"
#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

constexpr char const* usage = R"(./run sim [--seeds A..B] [--scenario NAME] [--nodes N] [--steps N]
                             histories of these seeds (1..20), each of N steps (60), with 3 to 7 nodes
./run sim --replay SEED ...  one history again, exactly, with the last events of its world; the other arguments as
                             they were

A history: the shipped codec, Noise, protocol and SQLite on virtual time; each seed draws what goes wrong, or a
scenario names it. Fails if a change that was confirmed as saved is gone, an atomic is seen half, an effect without its
cause, something that was removed again, a dot with two contents, equal vectors with unequal digests, or if the cluster
does not converge and fall silent after healing. Scenarios:
)";

constexpr std::uint64_t failures_max = 20; // then it stops

struct request {
    std::uint64_t first = 1, last = 20;
    int steps = 60;
    std::size_t nodes = 0;
    clusters::scenario const* only = nullptr;
    bool replay = false;
};

bool number(std::string const& text, std::uint64_t& n) {
    char* end = nullptr;
    n = std::strtoull(text.c_str(), &end, 10);
    return !text.empty() && *end == 0;
}

bool parse(int argc, char** argv, request& r) {
    for (int k = 1; k + 1 < argc; k += 2) {
        std::string what = argv[k], value = argv[k + 1];
        std::uint64_t n = 0;
        auto dots = value.find("..");
        if (what == "--seeds" && dots != value.npos) {
            if (!number(value.substr(0, dots), r.first) || !number(value.substr(dots + 2), r.last)) return false;
        } else if (what == "--scenario") {
            if (!(r.only = clusters::find_scenario(value))) return false;
        } else if (!number(value, n))
            return false;
        else if (what == "--replay" || what == "--seeds")
            r.first = r.last = n, r.replay = what == "--replay";
        else if (what == "--steps" && n > 0 && n < 100'000)
            r.steps = int(n);
        else if (what == "--nodes" && n >= 2 && n <= 25)
            r.nodes = std::size_t(n);
        else
            return false;
    }
    return argc % 2 == 1 && r.first <= r.last;
}

void help(std::FILE* out) {
    std::fputs(usage, out);
    for (auto& s : clusters::scenarios) std::fprintf(out, "  %-10s %s\n", s.name, s.says);
}

struct totals {
    std::uint64_t seeds = 0;
    std::chrono::nanoseconds lived{};
    long lost = 0, refused = 0;
    std::vector<double> healed_s;
};

bool run(request const& r, std::uint64_t seed, totals& sum) {
    clusters::history h(seed, r.only, r.nodes);
    auto failure = h.run(r.steps);
    if (r.replay)
        std::printf("%sfingerprint %016llx, %llu steps, converged in %.1f s\n", h.c.time().trace().c_str(),
                    static_cast<unsigned long long>(h.c.time().fingerprint()),
                    static_cast<unsigned long long>(h.c.time().steps()), std::chrono::duration<double>(h.healed_in).count());
    ++sum.seeds, sum.lived += h.c.time().now(), sum.lost += h.lost, sum.refused += h.refused;
    sum.healed_s.push_back(std::chrono::duration<double>(h.healed_in).count());
    if (failure.empty()) return true;
    std::string again = "./run sim --replay " + std::to_string(seed) + " --steps " + std::to_string(r.steps);
    if (r.only) again += std::string(" --scenario ") + r.only->name;
    if (r.nodes) again += " --nodes " + std::to_string(r.nodes);
    std::printf("FAILED %s%sagain: %s\n", failure.c_str(), r.replay ? "" : h.c.time().trace().c_str(), again.c_str());
    return false;
}

} // namespace

int main(int argc, char** argv) {
    request r;
    if (!parse(argc, argv, r)) {
        bool asked = argc == 2 && (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h"));
        help(asked ? stdout : stderr);
        return asked ? 0 : 1;
    }
    auto started = std::chrono::steady_clock::now();
    totals sum;
    std::uint64_t failed = 0;
    for (auto seed = r.first; seed <= r.last && failed < failures_max; ++seed)
        if (!run(r, seed, sum)) ++failed;
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    std::sort(sum.healed_s.begin(), sum.healed_s.end());
    std::printf("%llu seeds, %llu failed: %.0f a minute, %.0f virtual seconds a second; converged after healing in %.1f s (half), "
                "%.1f s (all); crashes took %ld changes, none of them confirmed; users met %ld errors\n",
                static_cast<unsigned long long>(sum.seeds), static_cast<unsigned long long>(failed), double(sum.seeds) * 60 / took.count(),
                std::chrono::duration<double>(sum.lived).count() / took.count(), sum.healed_s[sum.healed_s.size() / 2],
                sum.healed_s.back(), sum.lost, sum.refused);
    return failed ? 1 : 0;
}
