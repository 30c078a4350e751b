// The simulator as a program: random histories of whole clusters on virtual time, by seed. `./run sim --help`.
#include "history.hpp"
#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

constexpr char const* usage = R"(./run sim [--seeds A..B] [--steps N]    histories of these seeds (1..20), each of N steps (120)
./run sim --replay SEED [--steps N]     one history again, exactly; with the last events of its world

A history: 3 to 5 nodes with the shipped codec, Noise, protocol and SQLite on virtual time; partitions, loss, crashes,
disks that die in the middle of a commit. Fails if a change that was confirmed as saved is gone, an atomic is seen half,
equal vectors have unequal digests, or the cluster does not converge after healing.
)";

struct request {
    std::uint64_t first = 1, last = 20;
    int steps = 120;
    bool replay = false;
};

bool number(char const* text, std::uint64_t& n) {
    char* end = nullptr;
    n = std::strtoull(text, &end, 10);
    return end != text && *end == 0;
}

bool parse(int argc, char** argv, request& r) {
    for (int k = 1; k + 1 < argc; k += 2) {
        std::string what = argv[k], value = argv[k + 1];
        std::uint64_t n = 0;
        auto dots = value.find("..");
        if (what == "--seeds" && dots != value.npos) {
            if (!number(value.substr(0, dots).c_str(), r.first) || !number(value.substr(dots + 2).c_str(), r.last)) return false;
        } else if (what == "--replay" && number(value.c_str(), n))
            r.first = r.last = n, r.replay = true;
        else if (what == "--steps" && number(value.c_str(), n) && n > 0 && n < 100'000)
            r.steps = int(n);
        else
            return false;
    }
    return argc % 2 == 1 && r.first <= r.last;
}

} // namespace

int main(int argc, char** argv) {
    request r;
    if (!parse(argc, argv, r)) {
        bool asked = argc == 2 && (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h"));
        std::fputs(usage, asked ? stdout : stderr);
        return asked ? 0 : 1;
    }
    auto started = std::chrono::steady_clock::now();
    std::chrono::nanoseconds lived{};
    long lost = 0;
    std::uint64_t done = 0;
    for (auto seed = r.first; seed <= r.last; ++seed, ++done) {
        clusters::history h(seed);
        auto failure = h.run(r.steps);
        if (r.replay)
            std::printf("%sfingerprint %016llx, %llu steps\n", h.c.time().trace().c_str(),
                        static_cast<unsigned long long>(h.c.time().fingerprint()),
                        static_cast<unsigned long long>(h.c.time().steps()));
        if (!failure.empty()) {
            std::printf("FAILED %s%sagain: ./run sim --replay %llu --steps %d\n", failure.c_str(),
                        r.replay ? "" : h.c.time().trace().c_str(), static_cast<unsigned long long>(seed), r.steps);
            return 1;
        }
        lived += h.c.time().now();
        lost += h.lost;
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    std::printf("%llu seeds passed: %.0f a minute, %.0f virtual seconds a second; crashes took %ld changes, none of them confirmed\n",
                static_cast<unsigned long long>(done), double(done) * 60 / took.count(),
                std::chrono::duration<double>(lived).count() / took.count(), lost);
}
