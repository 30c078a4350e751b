// Every wait of the library, struck once: its process killed, its node destroyed or stopped, given up, or made to throw.
// Then: nothing hangs, nothing is left, what was confirmed is there, and all meet again. Leaks are ASan's to find.
//
// Each line is struck at its first wait at each node, and at each side of each meeting; DUNLIN_POINTS=all strikes every
// wait there is.
#include "meetings.hpp"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <regex>

using namespace dunlin::points;

namespace {

struct seen_wait {
    std::size_t number;
    std::string where, whose;
    bool suspended;
    bool by_user() const { return whose.ends_with("user"); }
};
using seen_waits = std::vector<seen_wait>;

template <class Run> void note_waits(Run const& run, seen_waits& into) {
    for (std::size_t n = 0; n < run.waits_of_life(); ++n)
        into.push_back({n, run.points.waits[n].where, run.whose(n), run.points.waits[n].suspended});
}

/// Runs without a blow: which waits there are.
seen_waits const& of_nodes() {
    static seen_waits const all = [] {
        seen_waits found;
        registry::now().begin(0, blow::none);
        scene s;
        s.live();
        EXPECT_TRUE(s.took_a_state());
        EXPECT_NE(s.answer().find("roster"), std::string::npos);
        s.part();
        EXPECT_EQ(s.failure, "");
        EXPECT_EQ(s.escaped, 0u);
        note_waits(s, found);
        return found;
    }();
    return all;
}
seen_waits const& of_meetings(ending how) {
    static std::map<ending, seen_waits> all;
    auto [it, fresh] = all.try_emplace(how);
    if (!fresh) return it->second;
    registry::now().begin(0, blow::none);
    meeting m(how);
    m.live();
    EXPECT_EQ(m.failure, "") << int(how);
    note_waits(m, it->second);
    return it->second;
}
std::set<std::string> of_sockets() {
    registry::now().begin(0, blow::none);
    sockets s;
    s.live();
    EXPECT_EQ(s.failure, "");
    std::set<std::string> lines;
    for (auto& w : s.points.waits)
        if (w.suspended) lines.insert(w.where);
    return lines;
}

/// Those that were suspended; of each line and side the first, or all.
seen_waits targets(seen_waits const& all) {
    bool every = std::getenv("DUNLIN_POINTS") && std::string(std::getenv("DUNLIN_POINTS")) == "all";
    std::set<std::pair<std::string, std::string>> had;
    seen_waits chosen;
    for (auto& w : all)
        if (w.suspended && (had.emplace(w.where, w.whose).second || every)) chosen.push_back(w);
    return chosen;
}

using applies = bool (*)(seen_wait const&);
bool to_all(seen_wait const&) { return true; }
bool to_a_users(seen_wait const& w) { return w.by_user(); }

/// The code at a point, "file:line".
std::string code_at(std::string const& where) {
    auto colon = where.rfind(':');
    std::ifstream in(std::filesystem::path(DUNLIN_SOURCE_DIR) / where.substr(0, colon));
    std::string line;
    for (auto n = std::stoul(where.substr(colon + 1)); n && std::getline(in, line); --n) {}
    return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}
/// A wait of the mesh for what deals with every error of its own. Only a planted error comes out of it, and scope.hpp
/// says where to.
bool may_escape(std::string const& where) {
    return where.starts_with("net/mesh_links.hpp") && code_at(where) == "co_await farewell(c);";
}

void strike_nodes(blow how, applies where) {
    std::size_t struck = 0, escaped = 0, failed = 0;
    for (auto& w : targets(of_nodes())) {
        if (!where(w)) continue;
        auto& r = registry::now();
        r.begin(w.number + 1, how);
        scene s;
        s.live(), s.part();
        EXPECT_TRUE(r.struck) << w.where << " of " << w.whose << ", wait " << w.number;
        EXPECT_EQ(s.failure, "") << w.where << " of " << w.whose << ", wait " << w.number;
        ++struck, escaped += s.escaped, failed += !s.failure.empty();
        // An error of what all else has been handled for has nobody left to hear it: scope.hpp says where it comes out.
        EXPECT_TRUE(!s.escaped || may_escape(w.where)) << w.where << " of " << w.whose;
    }
    std::cout << struck << " waits struck, " << escaped << " errors came out of the executor\n";
    EXPECT_GT(struck, 0u);
}
void strike_meetings(blow how) {
    std::size_t struck = 0;
    for (auto e : endings)
        for (auto& w : targets(of_meetings(e))) {
            auto& r = registry::now();
            r.begin(w.number + 1, how);
            meeting m(e);
            m.live();
            EXPECT_TRUE(r.struck) << w.where << " of " << w.whose << ", ending " << int(e);
            EXPECT_EQ(m.failure, "") << w.where << " of " << w.whose << ", ending " << int(e);
            ++struck;
        }
    std::cout << struck << " waits struck\n";
}
void strike_sockets(blow how) {
    for (auto& line : of_sockets()) {
        auto& r = registry::now();
        r.begin(0, how);
        r.target_line = line;
        sockets s;
        s.live();
        EXPECT_TRUE(r.struck) << line;
        EXPECT_EQ(s.failure, "") << line;
    }
}

/// "net/link.cpp:50" of every co_await that can suspend.
std::set<std::string> instrumented() {
    std::set<std::string> all;
    for (auto& file : std::filesystem::recursive_directory_iterator(DUNLIN_POINTS_DIR)) {
        if (file.path().extension() != ".list") continue;
        std::ifstream in(file.path());
        for (std::string line; std::getline(in, line);) all.insert(line);
    }
    return all;
}
/// Of the sources, comments aside. What only asks for this_coro never suspends.
std::set<std::string> in_the_sources() {
    std::set<std::string> all;
    for (auto folder : {"net", "lib"})
        for (auto& file : std::filesystem::recursive_directory_iterator(std::filesystem::path(DUNLIN_SOURCE_DIR) / folder)) {
            if (!file.is_regular_file()) continue;
            std::ifstream in(file.path());
            std::size_t number = 0;
            for (std::string line; std::getline(in, line);) {
                ++number;
                auto code = line.substr(0, line.find("//"));
                if (code.find("co_await ") == code.npos || code.find("this_coro") != code.npos || code.find('"') < code.find("co_await")) continue;
                auto path = std::filesystem::relative(file.path(), DUNLIN_SOURCE_DIR).generic_string();
                all.insert(path + ":" + std::to_string(number));
            }
        }
    return all;
}
/// Not struck, and why.
std::map<std::string, std::string> const left_out{
    {"net/greeting.cpp:131", "the byte of a refusal has come with its length, in every run so far"},
    {"net/greeting.cpp:201", "what follows the header has come by then, in every run so far"},
    {"net/greeting.cpp:248", "the introduction has come by then, in every run so far"},
};
} // namespace

TEST(points, are_all_co_awaits_of_the_library_and_each_is_suspended_in_some_run) {
    auto found = instrumented();
    for (auto& line : in_the_sources()) {
        bool drives_the_simulator = line.starts_with("lib/sim/world.cpp") || line.starts_with("lib/sim/cluster.");
        EXPECT_TRUE(found.contains(line) || drives_the_simulator) << line << " is not compiled with a point";
    }
    auto suspended = of_sockets();
    for (auto& w : of_nodes())
        if (w.suspended) suspended.insert(w.where);
    for (auto e : endings)
        for (auto& w : of_meetings(e))
            if (w.suspended) suspended.insert(w.where);
    for (auto& line : found) EXPECT_TRUE(suspended.contains(line) || left_out.contains(line)) << line << " is never suspended";
    for (auto& [line, why] : left_out) EXPECT_FALSE(suspended.contains(line)) << line << " is suspended, though: " << why;
    std::cout << found.size() << " lines, " << left_out.size() << " left out\n";
}

TEST(points, of_nodes_survive_kill_9) { strike_nodes(blow::kill, to_all); }
TEST(points, of_nodes_survive_a_power_cut) { strike_nodes(blow::power, to_all); }
TEST(points, of_nodes_survive_that_the_node_is_destroyed) {
    strike_nodes(blow::destroy, [](seen_wait const& w) { return w.whose != "t user"; });
}
TEST(points, of_nodes_survive_that_the_node_is_stopped) {
    strike_nodes(blow::stop, [](seen_wait const& w) { return w.whose != "t user"; });
}
TEST(points, of_nodes_survive_an_operation_that_is_aborted) { strike_nodes(blow::abort, to_all); }
TEST(points, of_nodes_survive_an_operation_that_fails) { strike_nodes(blow::fail, to_all); }
TEST(points, of_nodes_survive_that_memory_runs_out) { strike_nodes(blow::memory, to_all); }
TEST(points, of_users_survive_that_they_are_given_up) { strike_nodes(blow::cancel, to_a_users); }
TEST(points, of_meetings_survive_kill_9) { strike_meetings(blow::kill); }
TEST(points, of_meetings_survive_that_they_are_given_up) { strike_meetings(blow::cancel); }
TEST(points, of_meetings_survive_an_operation_that_is_aborted) { strike_meetings(blow::abort); }
TEST(points, of_meetings_survive_an_operation_that_fails) { strike_meetings(blow::fail); }
TEST(points, of_meetings_survive_that_memory_runs_out) { strike_meetings(blow::memory); }
TEST(points, of_sockets_survive_that_their_executor_is_destroyed) { strike_sockets(blow::destroy); }
TEST(points, of_sockets_survive_that_they_are_given_up) { strike_sockets(blow::cancel); }
TEST(points, of_sockets_survive_an_operation_that_is_aborted) { strike_sockets(blow::abort); }
TEST(points, of_sockets_survive_an_operation_that_fails) { strike_sockets(blow::fail); }
TEST(points, of_sockets_survive_that_memory_runs_out) { strike_sockets(blow::memory); }
