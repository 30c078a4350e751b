// Finds the co_await expressions that g++ 12 compiles wrongly: to a hang, a crash or a double destruction.
//
//   refused   if (co_await f())      while (co_await f())     switch (co_await f())     EXPECT_EQ(co_await f(), 1)
//             c ? co_await f() : 0   co_await f(a{1})         a v{co_await f()}         co_await f([x] { ... })
//   allowed   while (auto x = co_await f())    for (auto x : co_await f())    co_await f(a{})    co_await f([&] { ... })
//
// An expression is looked at as far as its statement reaches, not into the bodies of lambdas in it.
#pragma once
#include "text.hpp"
#include <optional>

namespace tidy {

class co_await_scan {
    source const& source_;
    std::string const& code_;

    static bool space(char c) { return std::isspace(static_cast<unsigned char>(c)); }
    static bool word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

    /// The place of the last character before `at` that is no space, if there is one.
    std::optional<std::size_t> before(std::size_t at) const {
        while (at > 0)
            if (!space(code_[--at])) return at;
        return std::nullopt;
    }
    char char_before(std::size_t at) const { return before(at) ? code_[*before(at)] : ';'; }
    char char_after(std::size_t at) const {
        while (++at < code_.size())
            if (!space(code_[at])) return code_[at];
        return ';';
    }
    std::string word_before(std::size_t at) const {
        auto last = before(at);
        if (!last || !word(code_[*last])) return "";
        auto first = *last;
        while (first > 0 && word(code_[first - 1])) --first;
        return code_.substr(first, *last - first + 1);
    }
    /// The opening bracket for the closing one at `at`.
    std::size_t opening(std::size_t at) const {
        int depth = 0;
        for (;; --at) {
            if (code_[at] == ')' || code_[at] == '}' || code_[at] == ']') ++depth;
            if (code_[at] == '(' || code_[at] == '{' || code_[at] == '[') --depth;
            if (depth == 0 || at == 0) return at;
        }
    }
    std::size_t closing(std::size_t at) const {
        int depth = 0;
        for (; at < code_.size(); ++at) {
            if (code_[at] == '(' || code_[at] == '{' || code_[at] == '[') ++depth;
            if (code_[at] == ')' || code_[at] == '}' || code_[at] == ']') --depth;
            if (depth == 0) return at;
        }
        return code_.size() - 1;
    }
    bool empty_pair(std::size_t open) const { return closing(open) > open && char_after(open) == code_[closing(open)]; }

    /// A brace that opens statements and not values: of a function, a lambda, a loop, a class.
    bool block(std::size_t brace) const {
        char c = char_before(brace);
        if (c == ')' || c == ';' || c == '{' || c == '}' || c == ':' || c == ']') return true;
        auto last = word_before(brace);
        for (char const* k : {"else", "do", "try", "noexcept", "const", "mutable", "override", "final"})
            if (last == k) return true;
        // a trailing return type, or the head of a class or namespace
        auto line = code_.substr(brace < 200 ? 0 : brace - 200, std::min<std::size_t>(brace, 200));
        static std::regex const head(R"((->[ \t]*[\w:<>,& ]+|\b(struct|class|namespace|union|enum)\b[^;{}()]*)\s*$)");
        auto from = line.find_last_of(";{}");
        auto text = from == std::string::npos ? line : line.substr(from + 1);
        return std::regex_search(text, head);
    }
    /// A '[' that opens a lambda with something captured by value.
    bool captures_value(std::size_t bracket) const {
        char c = char_before(bracket);
        if (word(c) ? word_before(bracket) != "return" && word_before(bracket) != "co_await" : c == ')' || c == ']') return false;
        if (c == '[' || c == '&' || code_[bracket + 1] == '[') return false; // attribute; auto& [a, b]
        auto inside = code_.substr(bracket + 1, closing(bracket) - bracket - 1);
        static std::regex const harmless(R"(\s*(&\s*\w*|this)?(\s*,\s*(&\s*\w+(\s*=[^,]*)?|this))*\s*)");
        return !std::regex_match(inside, harmless);
    }

    /// A semicolon inside the head of a loop or condition: what comes after it is the condition.
    std::optional<std::string> in_head(std::size_t place) const {
        while (place > 0) {
            char c = code_[--place];
            if (c == '{' || c == '}') break;
            if (c == ')') place = opening(place);
            if (c != '(') continue;
            auto name = word_before(place);
            if (name == "for" || name == "if" || name == "while" || name == "switch") return "in the condition of " + name;
        }
        return std::nullopt;
    }
    /// What is wrong on the way back from the co_await to the begin of its statement.
    std::optional<std::string> back(std::size_t at) const {
        auto place = at;
        while (place > 0) {
            --place;
            char c = code_[place];
            if (c == ';') return in_head(place);
            if (c == '{') return block(place) ? std::nullopt : std::optional<std::string>("in a braced list");
            if (c == '}') {
                char next = char_after(place);
                if (next != ',' && next != ')' && next != '.') return std::nullopt; // the statement before
                auto open = opening(place);
                if (!empty_pair(open) && !block(open)) return "beside a braced list";
                place = open;
            } else if (c == ')' || c == ']') {
                place = opening(place);
                if (c == ']' && captures_value(place)) return "beside a lambda that captures by value";
            } else if (c == '?') {
                return "in a ternary";
            } else if (c == '(') {
                auto name = word_before(place);
                if (name.starts_with("EXPECT_") || name.starts_with("ASSERT_") || name == "assert") return "in " + name;
                if (name != "if" && name != "while" && name != "switch" && name != "for") continue;
                auto inside = code_.substr(place + 1, std::min<std::size_t>(at - place - 1, 200));
                static std::regex const declares(R"(\s*[\w:<>,&* ]+[&*\s]\w+\s*(=|:)[^=:;]*|\s*(auto|const|&|\s)+\[[^\]]*\]\s*(=|:)[^=:;]*)");
                if (std::regex_match(inside, declares)) return std::nullopt;
                return "in the condition of " + name;
            }
        }
        return std::nullopt;
    }
    /// What is wrong from the co_await to the end of its statement.
    std::optional<std::string> forward(std::size_t at) const {
        for (auto place = at; place < code_.size(); ++place) {
            char c = code_[place];
            if (c == ';' || c == '}') return std::nullopt;
            if (c == '?') return "in a ternary";
            if (c == '[' && captures_value(place)) return "beside a lambda that captures by value";
            if (c == '{') {
                char previous = char_before(place);
                auto last = word_before(place);
                bool body = previous == ')' || previous == ']' || last == "mutable" || block(place);
                if (!body && !empty_pair(place)) return "beside a braced list";
                place = closing(place);
                if (body && char_after(place) != ',' && char_after(place) != ')' && char_after(place) != '(') return std::nullopt;
            }
        }
        return std::nullopt;
    }

public:
    explicit co_await_scan(source const& s) : source_(s), code_(s.code) {}

    complaints operator()() const {
        complaints out;
        each_match(code_, R"(\bco_await\b)", [&](std::smatch const& m) {
            auto at = std::size_t(m.position());
            auto wrong = back(at);
            if (!wrong) wrong = forward(at);
            if (wrong) out.push_back(source_.complaint(at, "co_await " + *wrong + ": give it a statement of its own"));
        });
        return out;
    }
};

} // namespace tidy
