// Golden files: bytes of format version 1, each under a name and with what they are. See README.md in this folder.
//
//   # what it is
//   name hex
//       hex goes on
//   name: text
//
// One test a file. A name that no test asks for is a failure; so is one that is not there. With DUNLIN_WRITE_GOLDEN in
// the environment the files are made anew, and nothing is compared.
#pragma once
#include <cstdlib>
#include <dunlin/crdt/codec.hpp>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace golden {

inline bool writing() { return std::getenv("DUNLIN_WRITE_GOLDEN") != nullptr; }
inline std::string path(std::string const& name) { return std::string(DUNLIN_SOURCE_DIR) + "/tests/golden/" + name; }

inline std::string hex(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char c : bytes) out += digits[std::uint8_t(c) >> 4], out += digits[std::uint8_t(c) & 15];
    return out;
}
inline std::string from_hex(std::string_view text) {
    auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    for (std::size_t k = 0; k + 1 < text.size(); k += 2) out += char(digit(text[k]) << 4 | digit(text[k + 1]));
    return out;
}

class file {
    std::string path_, made_;
    std::map<std::string, std::string> held_;
    std::set<std::string> asked_;

    void put(std::string const& name, std::string const& what, std::string text) {
        made_ += "# " + what + "\n" + name;
        char const* before = " ";
        for (; !text.empty(); before = "\n    ") made_ += before + text.substr(0, 112), text.erase(0, 112);
        made_ += "\n";
    }

public:
    explicit file(std::string const& name) : path_(path(name)) {
        std::ifstream in(path_);
        std::string line, last;
        while (std::getline(in, line)) {
            if (line.empty() || line[0] == '#') continue;
            if (auto colon = line.find(": "); colon < line.find(' ')) {
                held_[line.substr(0, colon)] = line.substr(colon + 2);
                continue;
            }
            std::istringstream words(line);
            if (line[0] != ' ') words >> last, held_[last];
            std::string more;
            if (words >> more) held_[last] += more;
        }
    }
    file(file const&) = delete;
    ~file() {
        if (writing()) std::ofstream(path_) << made_;
        for (auto& [name, bytes] : held_)
            if (!writing() && !asked_.contains(name))
                ADD_FAILURE() << path_ << " has " << name << ", which nobody reads";
    }

    /// The same for a line of text.
    void text(std::string const& name, std::string const& made) {
        EXPECT_TRUE(asked_.insert(name).second) << name << " is asked for twice";
        made_ += name + ": " + made + "\n";
        if (writing()) return;
        EXPECT_EQ(made, held_.contains(name) ? held_[name] : "no such line") << name;
    }
    /// The bytes of that name, which must be those that this program makes.
    std::string bytes(std::string const& name, std::string_view made, std::string const& what) {
        EXPECT_TRUE(asked_.insert(name).second) << name << " is asked for twice";
        put(name, what, hex(made));
        if (writing()) return std::string(made);
        if (!held_.contains(name)) {
            ADD_FAILURE() << path_ << " has no " << name << ": make it anew, if it is to be a new format";
            return std::string(made);
        }
        EXPECT_EQ(hex(made), held_[name]) << name << ": " << what;
        return from_hex(held_[name]);
    }
};

} // namespace golden
