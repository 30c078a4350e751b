#include "scenarios.hpp"
#include <iostream>

namespace crash {

namespace {

struct fault {
    char const* call;
    char const* how;
    char const* says; // in an alarm
    bool ever = false;
};

void fail(std::filesystem::path const& folder, fault const& f, std::uint64_t n, std::string const& library) {
    std::filesystem::create_directory(folder);
    auto what = std::string(f.call) + ":" + f.how + ":" + std::to_string(n) + (f.ever ? ":ever" : "");
    cluster c(folder, 2);
    c.start(0);
    c.start(1, {{"LD_PRELOAD", library}, {"DUNLIN_FAULT", what}});
    c.until("the fault struck: " + what, [&] { return c.said(1).find("fault struck") != std::string::npos; });
    c.until("it says so: " + what, [&] { return c.said(1).find(f.says) != std::string::npos; });
    auto attempted = c.notes().attempted();
    c.until("it goes on: " + what, [&] { return c.notes().attempted() > attempted + 50; });
    if (!f.ever) { // it opens its file again by itself
        auto before = c.confirmed(1);
        c.until("it saves again: " + what, [&] { return c.confirmed(1) > before + 20; });
        auto all = c.report(1);
    }
    c.kill(1);
    c.check_alone(1);
    c.start(1);
    c.converge();
}

} // namespace

void fail_calls(std::filesystem::path const& folder, long count, std::uint64_t seed) {
    std::filesystem::create_directory(folder);
    auto library = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libdunlin_faults.so").string();
    if (!std::filesystem::exists(library)) throw failure("there is no " + library);
    fault const all[] = {{"write", "EIO", "unknown_outcome"}, {"write", "EIO", "unknown_outcome", true},
                         {"write", "ENOSPC", "disk_full"},    {"write", "ENOSPC", "disk_full", true},
                         {"write", "short", "the file: "},    {"sync", "EIO", "unknown_outcome"},
                         {"sync", "EIO", "unknown_outcome", true}, {"sync", "ENOSPC", "unknown_outcome"}};
    std::mt19937_64 chance(seed);
    for (long k = 0; k < count; ++k) // not while it starts: then it would not start
        fail(folder / std::to_string(k), all[std::size_t(k) % std::size(all)], 40 + chance() % 200, library);
    std::cout << "faults: " << count << " times a call that failed (write: EIO, ENOSPC, short; sync: EIO, ENOSPC; once and for "
              << "ever): each was told, the node went on, and after SIGKILL and a restart all that was confirmed was there" << std::endl;
}

} // namespace crash
