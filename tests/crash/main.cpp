// The crash test of real processes: nodes under load that are killed, disks that fail, networks that are cut.
#include "scenarios.hpp"
#include <cstring>
#include <iostream>

namespace {

constexpr char const* usage = R"(dunlin_crash [--rounds N] [--faults N] [--nodes N] [--seed S] [--only rounds|faults|networks]

rounds    N times (8): nodes (3) as processes under load on loopback, `kill -9` of one, two or all at a random moment.
          Each that was killed is looked at alone before it starts again: what it confirmed as saved is there, nothing
          that nobody attempted, no change half; every few rounds all are equal.
faults    N times (8) a write or a sync of a node's file that fails (LD_PRELOAD): it goes on, says so, and after a
          restart all that was confirmed is there.
networks  five nodes in network namespaces of their own; narrow links with loss and delay, cuts; kills meanwhile.
)";

bool number(char const* text, long& n) {
    char* end = nullptr;
    n = std::strtol(text, &end, 10);
    return end != text && *end == 0 && n >= 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && !std::strcmp(argv[1], "node")) return crash::run_node(argc, argv);
    long rounds = 8, faults = 8, nodes = 3, seed = long(::getpid());
    std::string only;
    for (int k = 1; k < argc; k += 2) {
        std::string what = argv[k];
        bool fine = k + 1 < argc && (what == "--rounds" ? number(argv[k + 1], rounds)
                                     : what == "--faults" ? number(argv[k + 1], faults)
                                     : what == "--nodes" ? number(argv[k + 1], nodes) && nodes > 1 && nodes < 10
                                     : what == "--seed"  ? number(argv[k + 1], seed)
                                     : what == "--only"  ? (only = argv[k + 1], true)
                                                         : false);
        if (fine) continue;
        std::fputs(usage, what == "--help" ? stdout : stderr);
        return what == "--help" ? 0 : 2;
    }
    ::signal(SIGPIPE, SIG_IGN); // a process that has gone is noticed otherwise
    crash::scratch folder;
    try {
        std::cout << "seed " << seed << std::endl; // of the moments and victims; not of what the processes do
        auto wants = [&](char const* what) { return only.empty() || only == what; };
        if (wants("rounds")) crash::kill_at_random(folder.path / "rounds", rounds, std::size_t(nodes), std::uint64_t(seed));
        if (wants("faults")) crash::fail_calls(folder.path / "faults", faults, std::uint64_t(seed));
        if (wants("networks")) crash::cut_networks(folder.path / "networks", std::uint64_t(seed));
        return 0;
    } catch (std::exception const& e) {
        std::cout << "FAILED " << e.what() << std::endl;
        folder.kept = true;
        return 1;
    }
}
