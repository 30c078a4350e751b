// The rules of the house that a machine can check, each with samples that show that it can fail.
//
// A rule takes one source and returns its complaints. `tidy` runs every rule over the tree, `tidy_rules` over samples.
#include "tidy/co_await.hpp"
#include "tidy/text.hpp"
#include <gtest/gtest.h>
#include <map>
#include <set>

namespace {
using namespace tidy;

// ---- layers ---------------------------------------------------------------------------------------------------------

int layer_of(std::string const& folder) {
    static std::map<std::string, int> const layers{{"crdt", 0}, {"net", 1}, {"lib", 2}};
    auto found = layers.find(folder);
    return found == layers.end() ? 3 : found->second;
}

/// crdt <- net <- lib <- cli, examples, tests, benchmarks.
complaints arrow(source const& s) {
    complaints out;
    for (auto const& i : includes_of(s)) {
        std::string target;
        if (i.quoted) {
            target = (std::filesystem::path(s.path).parent_path() / i.what).lexically_normal().generic_string();
        } else if (i.what.starts_with("dunlin/")) {
            if (s.in_library()) {
                out.push_back(s.complaint(i.at, "inside the library an include is quoted and relative, not <" + i.what + ">"));
                continue;
            }
            target = i.what.substr(7);
        } else {
            continue;
        }
        auto folder = target.substr(0, target.find('/'));
        if (i.quoted && !s.in_library() && layer_of(folder) < 3)
            out.push_back(s.complaint(i.at, "outside the library say <dunlin/" + target + ">"));
        else if (s.in_library() && layer_of(folder) > layer_of(s.folder()))
            out.push_back(s.complaint(i.at, s.folder() + " includes " + target + ", against the arrow"));
    }
    return out;
}

/// crdt has values: no input, no output, no clock, no chance, no thread.
complaints pure_values(source const& s) {
    static std::set<std::string> const boost{"assert",  "config", "container", "container_hash", "core",     "describe", "endian",
                                             "intrusive", "json", "mp11",      "system",         "unordered", "throw_exception"};
    static std::set<std::string> const refused{
        "thread", "mutex",      "shared_mutex", "condition_variable", "future",  "atomic",     "semaphore", "barrier", "latch",
        "random", "filesystem", "fstream",      "iostream",           "ctime",   "stop_token", "coroutine", "csignal"};
    complaints out;
    if (s.folder() != "crdt") return out;
    for (auto const& i : includes_of(s)) {
        if (i.quoted) continue;
        bool fine = refused.count(i.what) == 0 && i.what.find('/') == std::string::npos && !i.what.ends_with(".h");
        if (i.what.starts_with("boost/")) {
            auto part = i.what.substr(6, i.what.find_first_of("/.", 6) - 6);
            fine = boost.count(part) == 1;
        }
        if (!fine) out.push_back(s.complaint(i.at, "crdt does not include <" + i.what + ">"));
    }
    return out;
}

/// One file knows libsodium and one SQLite.
complaints one_door(source const& s) {
    complaints out;
    for (auto const& i : includes_of(s)) {
        if (i.what.starts_with("sodium") && s.path != "net/crypto.cpp")
            out.push_back(s.complaint(i.at, "only net/crypto.cpp includes <sodium.h>"));
        if (i.what.starts_with("sqlite3") && s.path != "lib/sqlite.hpp")
            out.push_back(s.complaint(i.at, "only lib/sqlite.hpp includes <sqlite3.h>"));
    }
    return out;
}

/// Clock and chance come through the seams; only their implementations, and programs, name the machine's.
complaints seams(source const& s) {
    complaints out;
    bool implements = s.path.starts_with("net/system.") || s.path.starts_with("net/tcp.") || s.path.starts_with("lib/sim/");
    if (implements) return out;
    bool program = s.folder() == "examples" || s.folder() == "cli" || s.folder() == "benchmarks";
    auto refuse = [&](char const* pattern) {
        each_match(s.code, pattern, [&](std::smatch const& m) {
            out.push_back(s.complaint(std::size_t(m.position()), m.str() + " is named outside the seams"));
        });
    };
    if (s.in_library()) refuse(R"(\bio_context\b)");
    if (!program) refuse(R"(\b(steady_timer|system_timer|deadline_timer|system_clock|random_device)\b)");
    if (s.folder() == "crdt") refuse(R"(\b(steady_clock|high_resolution_clock)\b)");
    if (s.path != "net/crypto.cpp") refuse(R"(\brandombytes\w*)");
    return out;
}

// ---- size and names -------------------------------------------------------------------------------------------------

complaints length(source const& s) {
    auto lines = std::count(s.text.begin(), s.text.end(), '\n');
    if (lines <= 400) return {};
    std::size_t at = 0;
    for (int n = 0; n < 40 && at != std::string::npos; ++n) at = s.text.find('\n', at + 1);
    static std::regex const reason(R"(// length: \S+)");
    auto top = s.text.substr(0, at);
    if (std::regex_search(top, reason)) return {};
    return {s.path + ": " + std::to_string(lines) + " lines, and no line \"// length: reason\" near the top"};
}

bool refused_name(std::string const& name) {
    static std::regex const refused(R"((^|_)(manager|helper|util|misc|base|impl)s?(_|$))", std::regex::icase);
    return std::regex_search(name, refused);
}

complaints names(source const& s) {
    complaints out;
    for (auto const& part : std::filesystem::path(s.path))
        if (refused_name(part.stem().string())) out.push_back(s.path + ": says nothing about what is in it");
    auto check = [&](char const* pattern) {
        each_match(s.code, pattern, [&](std::smatch const& m) {
            if (refused_name(m[1])) out.push_back(s.complaint(std::size_t(m.position()), m[1].str() + " says nothing about what it is"));
        });
    };
    check(R"(\b(?:class|struct|union|enum|concept|namespace)\s+(\w+))");
    check(R"(\busing\s+(\w+)\s*=)");
    return out;
}

complaints headers(source const& s) {
    complaints out;
    if (!s.header()) return out;
    if (!s.text.starts_with("//")) out.push_back(s.path + ":1: a header opens with what it is");
    if (s.code.find("#pragma once") == std::string::npos) out.push_back(s.path + ": no #pragma once");
    if (s.in_library())
        each_match(s.code, R"(\busing\s+namespace\b)", [&](std::smatch const& m) {
            out.push_back(s.complaint(std::size_t(m.position()), "using namespace in a header"));
        });
    return out;
}

// ---- behaviour ------------------------------------------------------------------------------------------------------

/// Every coroutine has an owner.
complaints owners(source const& s) {
    complaints out;
    each_match(s.code, R"(\basio::detached\b|,\s*detached\s*\))", [&](std::smatch const& m) {
        out.push_back(s.complaint(std::size_t(m.position()), "detached: who stops it, who hears that it failed?"));
    });
    for (auto const& i : includes_of(s))
        if (i.what == "boost/asio/detached.hpp") out.push_back(s.complaint(i.at, "detached"));
    return out;
}

/// Tests neither sleep nor hope that a port is free. An address that is only read or written is no matter; a port that
/// is meant to be dead says so: "// port: reason".
complaints patient_tests(source const& s) {
    complaints out;
    if (s.folder() != "tests" && !s.path.ends_with("_test.cpp")) return out;
    each_match(s.code, R"((\bsleep_for|\bsleep_until|\busleep|\bnanosleep|(?:^|[^\w])::sleep)\s*\()", [&](std::smatch const& m) {
        out.push_back(s.complaint(std::size_t(m.position()), m[1].str() + ": a test waits for what it needs, or moves the clock"));
    });
    each_match(s.bare, R"re((127\.0\.0\.1|localhost|\[::1\]):[1-9]|\bendpoint\s*[({][^;()]*,\s*[1-9]\d*\s*[)}])re", [&](std::smatch const& m) {
        auto at = std::size_t(m.position());
        static std::regex const opens(R"(\b(listen|bind|accept|connect|join|dial|relay|endpoint))");
        auto line = s.line_at(at);
        if (std::regex_search(line, opens) && line.find("// port: ") == std::string::npos)
            out.push_back(s.complaint(at, "a fixed port: listen on port 0 and ask which it was"));
    });
    return out;
}

complaints awaits(source const& s) { return co_await_scan(s)(); }

complaints finished(source const& s) {
    complaints out;
    each_match(s.text, R"(//.*\b(TO)(DO)\b|\b(FIX)(ME)\b)", [&](std::smatch const& m) {
        out.push_back(s.complaint(std::size_t(m.position()), "finish it, or write it into an issue"));
    });
    return out;
}

// ---- every type has its test, its benchmark and its row --------------------------------------------------------------

/// `type_names`: the headers that say "// type: kind X" near their top. `types_page`: docs/types.md.
complaints types_complete(std::vector<source> const& all, std::string const& types_page) {
    complaints out;
    auto exists = [&](std::string const& path) {
        return std::any_of(all.begin(), all.end(), [&](auto const& s) { return s.path == path; });
    };
    std::set<std::string> types;
    for (auto const& s : all) {
        static std::regex const marker(R"(// type: kind \S)");
        auto top = s.text.substr(0, 2000);
        if (s.folder() != "crdt" || !s.header() || !std::regex_search(top, marker)) continue;
        types.insert(s.path);
        auto name = std::filesystem::path(s.path).stem().string();
        for (auto const& path : {"tests/crdt/" + name + "_test.cpp", "benchmarks/crdt/" + name + "_bench.cpp"})
            if (!exists(path)) out.push_back(s.path + ": a type has " + path);
        std::regex const row("(^|\n)\\|[^|\n]*\\b" + name + "\\b");
        if (!std::regex_search(types_page, row)) out.push_back(s.path + ": a type has a row in docs/types.md");
    }
    // net moves opaque deltas and does not know the types.
    for (auto const& s : all)
        for (auto const& i : includes_of(s)) {
            auto target = (std::filesystem::path(s.path).parent_path() / i.what).lexically_normal().generic_string();
            if (s.folder() == "net" && types.count(target)) out.push_back(s.complaint(i.at, "net includes the type " + target));
        }
    return out;
}

// ---- the tree -------------------------------------------------------------------------------------------------------

std::vector<source> const& tree() {
    static std::vector<source> const all = sources_below(DUNLIN_SOURCE_DIR);
    return all;
}

using rule = complaints (*)(source const&);

void expect_clean(rule r) {
    ASSERT_FALSE(tree().empty());
    for (auto const& s : tree())
        for (auto const& complaint : r(s)) ADD_FAILURE() << complaint;
}

TEST(tidy, includes_follow_the_arrow) { expect_clean(arrow); }
TEST(tidy, crdt_includes_values_only) { expect_clean(pure_values); }
TEST(tidy, one_file_includes_sodium_and_one_sqlite) { expect_clean(one_door); }
TEST(tidy, clock_and_chance_come_through_the_seams) { expect_clean(seams); }
TEST(tidy, a_long_file_says_why) { expect_clean(length); }
TEST(tidy, names_say_what_a_thing_is) { expect_clean(names); }
TEST(tidy, headers_open_with_what_they_are) { expect_clean(headers); }
TEST(tidy, every_coroutine_has_an_owner) { expect_clean(owners); }
TEST(tidy, tests_neither_sleep_nor_fix_a_port) { expect_clean(patient_tests); }
TEST(tidy, no_co_await_is_compiled_wrongly_by_gcc_12) { expect_clean(awaits); }
TEST(tidy, nothing_is_left_for_later) { expect_clean(finished); }

TEST(tidy, every_type_has_its_test_its_benchmark_and_its_row) {
    std::ifstream file(std::filesystem::path(DUNLIN_SOURCE_DIR) / "docs/types.md");
    std::string page{std::istreambuf_iterator<char>(file), {}};
    for (auto const& complaint : types_complete(tree(), page)) ADD_FAILURE() << complaint;
}

// ---- each rule can fail ----------------------------------------------------------------------------------------------

struct sample {
    char const* path;
    std::string text;
};

void expect_refused(rule r, std::vector<sample> const& samples) {
    for (auto const& [path, text] : samples)
        EXPECT_FALSE(r(source(path, text)).empty()) << path << " passes:\n" << text;
}
void expect_allowed(rule r, std::vector<sample> const& samples) {
    for (auto const& [path, text] : samples) {
        auto found = r(source(path, text));
        EXPECT_TRUE(found.empty()) << found.front() << "\n" << text;
    }
}

TEST(tidy_rules, an_include_against_the_arrow_is_found) {
    expect_refused(arrow, {{"crdt/a.hpp", "#include \"../net/link.hpp\"\n"},
                           {"net/a.hpp", "#include \"../lib/node.hpp\"\n"},
                           {"lib/a.cpp", "  #  include \"../tests/x.hpp\"\n"},
                           {"lib/sim/a.cpp", "#include \"../../examples/x.hpp\"\n"},
                           {"net/a.hpp", "#include <dunlin/crdt/dot.hpp>\n"},
                           {"tests/crdt/a_test.cpp", "#include \"../../crdt/dot.hpp\"\n"}});
    expect_allowed(arrow, {{"net/a.hpp", "#include \"../crdt/dot.hpp\"\n#include <vector>\n"},
                           {"lib/sim/a.hpp", "#include \"../store.hpp\"\n#include \"../../net/seams.hpp\"\n"},
                           {"crdt/a.hpp", "// #include \"../net/link.hpp\"\n"},
                           {"tests/crdt/a_test.cpp", "#include <dunlin/lib/node.hpp>\n#include \"laws.hpp\"\n"}});
}

TEST(tidy_rules, an_impure_include_in_crdt_is_found) {
    expect_refused(pure_values, {{"crdt/a.hpp", "#include <thread>\n"},
                                 {"crdt/a.hpp", "#include <fstream>\n"},
                                 {"crdt/a.hpp", "#include <boost/asio/awaitable.hpp>\n"},
                                 {"crdt/a.hpp", "#include <boost/random.hpp>\n"},
                                 {"crdt/a.cpp", "#include <unistd.h>\n"},
                                 {"crdt/a.cpp", "#include <sys/time.h>\n"}});
    expect_allowed(pure_values, {{"crdt/a.hpp", "#include <boost/describe.hpp>\n#include <boost/mp11/list.hpp>\n#include <chrono>\n"},
                                 {"net/a.hpp", "#include <boost/asio/awaitable.hpp>\n"}});
}

TEST(tidy_rules, a_second_door_to_sodium_or_sqlite_is_found) {
    expect_refused(one_door, {{"net/link.cpp", "#include <sodium.h>\n"},
                              {"tests/net/a_test.cpp", "#include <sodium/core.h>\n"},
                              {"lib/store.cpp", "#include <sqlite3.h>\n"}});
    expect_allowed(one_door, {{"net/crypto.cpp", "#include <sodium.h>\n"}, {"lib/sqlite.hpp", "#include <sqlite3.h>\n"}});
}

TEST(tidy_rules, a_clock_or_chance_beside_the_seams_is_found) {
    expect_refused(seams, {{"lib/node.cpp", "boost::asio::io_context io;"},
                           {"net/gossip.cpp", "asio::steady_timer t{e};"},
                           {"lib/node.cpp", "auto now = std::chrono::system_clock::now();"},
                           {"crdt/clock.hpp", "std::chrono::steady_clock::now();"},
                           {"net/link.cpp", "randombytes_buf(p, n);"},
                           {"tests/lib/a_test.cpp", "std::random_device seed;"}});
    expect_allowed(seams, {{"net/system.cpp", "asio::steady_timer t{e}; std::chrono::system_clock::now();"},
                           {"lib/sim/world.cpp", "io_context"},
                           {"net/crypto.cpp", "randombytes_buf(p, n);"},
                           {"tests/lib/a_test.cpp", "asio::io_context io;"},
                           {"examples/relay.cpp", "asio::steady_timer t{io};"},
                           {"net/link.cpp", "// no io_context here\nthrow \"io_context\";"}});
}

TEST(tidy_rules, a_long_file_without_a_reason_is_found) {
    std::string const lines(401, '\n');
    expect_refused(length, {{"lib/a.cpp", lines}, {"lib/a.cpp", lines + "// length: too late\n"}});
    expect_allowed(length, {{"lib/a.cpp", "// length: one table\n" + lines}, {"lib/a.cpp", std::string(400, '\n')}});
}

TEST(tidy_rules, a_name_that_says_nothing_is_found) {
    expect_refused(names, {{"lib/store_util.hpp", ""},
                           {"lib/helpers/a.hpp", ""},
                           {"lib/a.hpp", "class link_manager {"},
                           {"lib/a.hpp", "struct timer_base {"},
                           {"lib/a.hpp", "namespace impl {"},
                           {"lib/a.hpp", "using node_impl = int;"}});
    expect_allowed(names, {{"lib/base64.hpp", "struct baseline {"}, {"lib/a.hpp", "int base = 0; // a helper class\n"}});
}

TEST(tidy_rules, a_header_without_its_opening_is_found) {
    expect_refused(headers, {{"lib/a.hpp", "#pragma once\n"}, {"lib/a.hpp", "// A.\n"}, {"lib/a.hpp", "// A.\n#pragma once\nusing namespace std;"}});
    expect_allowed(headers, {{"lib/a.hpp", "// A.\n#pragma once\n"}, {"lib/a.cpp", "int a;"}});
}

TEST(tidy_rules, a_coroutine_without_an_owner_is_found) {
    expect_refused(owners, {{"lib/a.cpp", "co_spawn(e, f(), boost::asio::detached);"},
                            {"examples/a.cpp", "co_spawn(e, f(), detached);"},
                            {"tests/a_test.cpp", "#include <boost/asio/detached.hpp>\n"}});
    expect_allowed(owners, {{"crdt/a.hpp", "bool detached() const; // of a detached object\n"}});
}

TEST(tidy_rules, a_sleep_or_a_fixed_port_in_a_test_is_found) {
    expect_refused(patient_tests, {{"tests/a_test.cpp", std::string("std::this_thread::sleep") + "_for(1s);"},
                                   {"tests/a_test.cpp", std::string("us") + "leep(5);"},
                                   {"tests/a_test.cpp", "::sleep(5);"},
                                   {"tests/a_test.cpp", std::string("listen(\"127.0.0.1") + ":7001\");"},
                                   {"tests/a_test.cpp", "tcp::endpoint e" + std::string("ndpoint(address, 7001);")},
                                   {"examples/a_test.cpp", std::string("join(\"localhost") + ":80\");"}});
    expect_allowed(patient_tests, {{"tests/a_test.cpp", "listen(\"127.0.0.1:0\"); endpoint(address, 0); world.advance(1s); co_await world.sleep(1s);"},
                                   {"tests/a_test.cpp", std::string("parse(\"127.0.0.1") + ":80\");\n"},
                                   {"tests/a_test.cpp", std::string("connect(\"127.0.0.1") + ":1\"); // port: nobody answers\n"},
                                   {"examples/a.cpp", std::string("listen(\"127.0.0.1") + ":7001\");"}});
}

TEST(tidy_rules, a_risky_co_await_is_found) {
    auto body = [](std::string const& statement) { return sample{"lib/a.cpp", "awaitable<void> g() {\n    " + statement + "\n}\n"}; };
    expect_refused(awaits, {body("if (co_await f()) return;"), body("while (co_await f()) g();"), body("switch (co_await f()) { default: g(); }"),
                            body("if (ready && (co_await f()) > 3) g();"), body("for (;;) { if (!co_await f()) break; }"),
                            body("for (int i = 0; co_await f(); ++i) g();"), body("EXPECT_EQ(co_await f(), 1);"),
                            body("ASSERT_TRUE(h(co_await f()));"), body("auto x = c ? co_await f() : 0;"),
                            body("co_await f(c ? a : b);"), body("co_await f(a{1});"), body("co_await f({1, 2});"),
                            body("co_await f(std::vector<int>{1, 2});"), body("a v{co_await f(), 2};"), body("g(a{1}, co_await f());"),
                            body("auto v = std::vector<int>{co_await f()};"), body("co_await f([x] { g(x); });"),
                            body("co_await f([=] { g(x); });"), body("co_await f([&, y = std::move(y)] { g(y); });"),
                            body("sink(a{s, (co_await f()).n});"), body("while (n = co_await f()) g();")});
    expect_allowed(awaits, {body("auto x = co_await f(a, b);"), body("co_await f(a{});"), body("co_return co_await f(g(x), y[2]);"),
                            body("while (auto x = co_await f()) { g({1, 2}); }"), body("for (auto const& x : co_await f()) { g(a{x}); }"),
                            body("co_await f([&] { g(a{1}); h(); });"), body("co_await f([](int x) -> awaitable<void> { g(a{1}); co_return; }, y);"),
                            body("auto [a, b] = co_await f();"), body("if (a) { co_await f(); } else { co_await g(); }"),
                            body("if (a ? b : c) { co_await f(); }"), body("co_spawn(e, [x]() -> awaitable<void> { co_await f(x); }, token);"),
                            body("co_spawn(e, [x]() -> task { co_await f(x); }, token);"),
                            body("int n = a{1}.n; co_await f(n); b{2}; if (auto v = co_await f(); v) g();"),
                            body("// if (co_await f())\n    auto s = \"? : co_await {1}\"; do co_await f(); while (x);")});
}

TEST(tidy_rules, what_is_left_for_later_is_found) {
    expect_refused(finished, {{"lib/a.cpp", std::string("// TO") + "DO later\n"}, {"lib/a.cpp", std::string("/* FIX") + "ME */"}});
    expect_allowed(finished, {{"lib/a.cpp", "// done\n"}});
}

TEST(tidy_rules, a_type_without_its_test_benchmark_or_row_is_found) {
    source type("crdt/bag.hpp", "// Bag: a multiset.\n// type: kind b\n#pragma once\n");
    source test("tests/crdt/bag_test.cpp", ""), bench("benchmarks/crdt/bag_bench.cpp", "");
    std::string const page = "# Types\n| name | rule |\n|---|---|\n| `bag<T>` | add wins |\n";
    EXPECT_TRUE(types_complete({type, test, bench}, page).empty());
    EXPECT_EQ(types_complete({type, bench}, page).size(), 1u);
    EXPECT_EQ(types_complete({type, test}, page).size(), 1u);
    EXPECT_EQ(types_complete({type, test, bench}, "# Types\nbag\n").size(), 1u);
    source net("net/a.cpp", "#include \"../crdt/bag.hpp\"\n");
    EXPECT_EQ(types_complete({type, test, bench, net}, page).size(), 1u);
}

TEST(tidy_rules, comments_and_strings_are_no_code) {
    EXPECT_EQ(code_of("a // b\nc", strings::blanked), "a     \nc");
    EXPECT_EQ(code_of("a /* b\n */ c", strings::blanked), "a     \n    c");
    EXPECT_EQ(code_of("f(\"x\\\"y\") + 'z' + 1'000", strings::blanked), "f(\"    \") + ' ' + 1'000");
    EXPECT_EQ(code_of("R\"(a\"b)\"; c // d", strings::blanked), "R\"(   )\"; c     ");
    EXPECT_EQ(code_of("\"// no\" // yes", strings::kept), "\"// no\"       ");
}

} // namespace
