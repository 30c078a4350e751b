// A source file as the rules of tidy_test.cpp see it: whole, and with what is no code blanked out.
//
// Not a compiler: comments, strings, raw strings and characters are known, macros and templates are not.
#pragma once
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace tidy {

/// The same length and lines, with comments blanked, and with the inside of strings too if `strings` says so.
enum class strings { kept, blanked };
inline std::string code_of(std::string const& text, strings wish) {
    std::string out = text;
    auto blank = [&](std::size_t from, std::size_t to) {
        for (; from < to && from < out.size(); ++from)
            if (out[from] != '\n') out[from] = ' ';
    };
    for (std::size_t i = 0; i < text.size();) {
        if (text.compare(i, 2, "//") == 0) {
            auto end = std::min(text.find('\n', i), text.size());
            blank(i, end);
            i = end;
        } else if (text.compare(i, 2, "/*") == 0) {
            auto end = text.find("*/", i + 2);
            end = end == std::string::npos ? text.size() : end + 2;
            blank(i, end);
            i = end;
        } else if (text.compare(i, 2, "R\"") == 0 && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1])))) {
            auto open = text.find('(', i);
            if (open == std::string::npos) break;
            auto close = text.find(")" + text.substr(i + 2, open - i - 2) + "\"", open);
            if (close == std::string::npos) break;
            if (wish == strings::blanked) blank(open + 1, close);
            i = close + 1 + (open - i - 1);
        } else if (text[i] == '"' || (text[i] == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))) {
            auto end = i + 1;
            while (end < text.size() && text[end] != text[i] && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
            if (wish == strings::blanked) blank(i + 1, end);
            i = end + 1;
        } else {
            ++i;
        }
    }
    return out;
}

struct source {
    std::string path; ///< from the root, with '/'
    std::string text;
    std::string code; ///< no comments, empty strings
    std::string bare; ///< no comments

    source(std::string where, std::string what)
        : path(std::move(where)), text(std::move(what)), code(code_of(text, strings::blanked)),
          bare(code_of(text, strings::kept)) {}

    std::string folder() const { return path.substr(0, path.find('/')); }
    bool header() const { return path.ends_with(".hpp"); }
    bool in_library() const { return folder() == "crdt" || folder() == "net" || folder() == "lib"; }
    std::size_t line_of(std::size_t at) const { return 1 + std::size_t(std::count(text.begin(), text.begin() + long(at), '\n')); }
    std::string line_at(std::size_t at) const {
        auto begin = text.rfind('\n', at);
        begin = begin == std::string::npos ? 0 : begin + 1;
        return text.substr(begin, std::min(text.find('\n', at), text.size()) - begin);
    }
    std::string complaint(std::size_t at, std::string const& what) const {
        return path + ":" + std::to_string(line_of(at)) + ": " + what;
    }
};

using complaints = std::vector<std::string>;

/// Calls found(match) for each match in a text.
template <class F> void each_match(std::string const& text, char const* pattern, F found) {
    std::regex expression(pattern, std::regex::ECMAScript | std::regex::multiline);
    for (std::sregex_iterator i(text.begin(), text.end(), expression), end; i != end; ++i) found(*i);
}

struct include {
    std::string what;
    bool quoted;
    std::size_t at;
};

inline std::vector<include> includes_of(source const& s) {
    std::vector<include> out;
    each_match(s.bare, R"re(^[ \t]*#[ \t]*include[ \t]*(<([^>\n]*)>|"([^"\n]*)"))re", [&](std::smatch const& m) {
        bool quoted = m[3].matched;
        out.push_back({quoted ? m[3].str() : m[2].str(), quoted, std::size_t(m.position(1))});
    });
    return out;
}

/// The sources below the root, and nothing that is built.
inline std::vector<source> sources_below(std::filesystem::path const& root) {
    namespace fs = std::filesystem;
    std::vector<source> out;
    for (char const* folder : {"crdt", "net", "lib", "cli", "examples", "tests", "benchmarks"}) {
        if (!fs::exists(root / folder)) continue;
        for (auto const& entry : fs::recursive_directory_iterator(root / folder)) {
            auto extension = entry.path().extension();
            if (!entry.is_regular_file() || (extension != ".hpp" && extension != ".cpp")) continue;
            std::ifstream file(entry.path(), std::ios::binary);
            std::string text{std::istreambuf_iterator<char>(file), {}};
            out.emplace_back(entry.path().lexically_relative(root).generic_string(), std::move(text));
        }
    }
    std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.path < b.path; });
    return out;
}

} // namespace tidy
