// Maelstrom's workloads against whole nodes on virtual time, as a program: `./run histories --help`.
#include "workload.hpp"
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr char const* usage = R"(./run histories [OPTION VALUE]...

  --workload all|broadcast|g-set|g-counter|pn-counter    (all)
  --nodes N             (5)          --seconds N      of requests (60)
  --rate N              requests a second and node (5)
  --clients N           at each node (2)
  --topology total|line|grid|tree2|tree3|tree4    (total)
  --latency MS          one way, between any two nodes (100)
  --spread constant|exponential      (constant)
  --partitions S        mean time to the next cut or healing (10)
  --seed N              (1)
  --history FILE        every invocation and answer, a line of JSON each; - is the terminal

At the end all heals, 10 s pass, and every client reads once more. Fails if a request was not answered, an element was
lost, read twice or out of nowhere, or a counter's final read is no possible sum.
)";

bool known(std::vector<std::string> const& all, std::string const& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

bool parse(int argc, char** argv, histories::settings& s, std::string& workload, std::string& file) {
    for (int k = 1; k + 1 < argc; k += 2) {
        std::string what = argv[k], value = argv[k + 1];
        auto n = std::strtol(value.c_str(), nullptr, 10);
        if (what == "--workload" && (value == "all" || known(histories::workloads, value))) workload = value;
        else if (what == "--topology" && known(histories::topologies, value)) s.topology = value;
        else if (what == "--spread" && (value == "constant" || value == "exponential")) s.spread = value;
        else if (what == "--history") file = value;
        else if (what == "--latency" && n >= 0) s.latency = std::chrono::milliseconds(n);
        else if (n <= 0) return false;
        else if (what == "--nodes" && n > 1 && n <= 100) s.nodes = std::size_t(n);
        else if (what == "--seconds") s.length = std::chrono::seconds(n);
        else if (what == "--rate") s.rate = double(n);
        else if (what == "--clients" && n <= 100) s.clients_a_node = std::size_t(n);
        else if (what == "--partitions") s.partition_every = std::chrono::seconds(n);
        else if (what == "--seed") s.seed = std::uint64_t(n);
        else return false;
    }
    return argc % 2 == 1;
}

bool run_one(histories::settings const& s, std::FILE* into) {
    auto started = std::chrono::steady_clock::now();
    histories::run r(s);
    auto& h = r.go();
    for (std::size_t i = 0; into && i < h.size(); ++i) std::fprintf(into, "%s\n", histories::line(h[i], i, r.of_set()).c_str());
    bool valid = true;
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    std::printf("%s, %zu nodes, %s, latency %lld ms %s, seed %llu: %zu events, %zu partitions, %.0f virtual s in %.1f s\n", s.workload.c_str(),
                s.nodes, s.topology.c_str(), static_cast<long long>(s.latency.count()), s.spread.c_str(),
                static_cast<unsigned long long>(s.seed), h.size(), r.partitions(), std::chrono::duration<double>(r.lived()).count(), took.count());
    for (auto& [name, v] : r.verdicts()) {
        std::printf("  %-7s %s: %s\n", v.valid ? "valid" : "INVALID", name.c_str(), v.text.c_str());
        valid = valid && v.valid;
    }
    return valid;
}

} // namespace

int main(int argc, char** argv) {
    histories::settings s;
    std::string workload = "all", file;
    if (!parse(argc, argv, s, workload, file)) {
        bool asked = argc == 2 && (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h"));
        std::fputs(usage, asked ? stdout : stderr);
        return asked ? 0 : 1;
    }
    auto into = file.empty() ? nullptr : file == "-" ? stdout : std::fopen(file.c_str(), "w");
    if (!file.empty() && !into) return std::perror(file.c_str()), 1;
    bool valid = true;
    for (auto& w : histories::workloads) {
        if (workload != "all" && workload != w) continue;
        s.workload = w;
        valid = run_one(s, into) && valid;
    }
    if (into && into != stdout) std::fclose(into);
    return valid ? 0 : 1;
}
