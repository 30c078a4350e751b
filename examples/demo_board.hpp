// Board: what the five nodes say of themselves, as a table. On a terminal it is drawn in place; else only `say` prints.
#pragma once
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace demo {

/// What a node answered to `report`.
struct view {
    std::string digest;
    std::map<std::string, long> changes, leaderboard, vector;
    long pot = 0, attempted = 0, objects = 0;
    std::size_t links = 0;
    bool playing = false;

    explicit view(std::string const& line) {
        auto all = boost::json::parse(line).as_object();
        auto numbers = [](boost::json::value const& from) {
            std::map<std::string, long> out;
            for (auto& [name, n] : from.as_object()) out[std::string(name)] = n.to_number<long>();
            return out;
        };
        digest = all.at("digest").as_string().c_str();
        attempted = all.at("attempted").to_number<long>(), playing = all.at("playing").as_bool();
        if (auto p = all.if_contains("pot")) pot = p->to_number<long>();
        changes = numbers(all.at("changes")), leaderboard = numbers(all.at("leaderboard"));
        auto& status = all.at("status").as_object();
        auto& main = status.at("spaces").at("main").as_object();
        vector = numbers(main.at("vector")), objects = main.at("objects_in_memory").to_number<long>();
        for (auto& l : status.at("links").as_array()) links += !l.at("tool").as_bool();
    }
};

class board {
    bool terminal_ = ::isatty(1);
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::size_t drawn_ = 0; // lines that are drawn anew
    std::string title_;

    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
    void wipe() {
        if (drawn_) std::printf("\033[%zuA\033[J", drawn_);
        drawn_ = 0;
    }

public:
    /// A line that stays.
    void say(std::string const& text) {
        wipe();
        std::printf("%5.1f s  %s\n", seconds(), text.c_str());
        std::fflush(stdout);
    }

    void draw(std::vector<std::optional<view>> const& nodes, std::vector<std::string> const& states) {
        if (!terminal_) return;
        wipe();
        auto lines = table(nodes, states);
        for (auto& l : lines) std::printf("%s\n", l.c_str());
        drawn_ = lines.size();
        std::fflush(stdout);
    }

    /// Entries of all nodes together that each has not seen.
    static std::vector<std::string> table(std::vector<std::optional<view>> const& nodes,
                                          std::vector<std::string> const& states) {
        std::map<std::string, long> most;
        for (auto& n : nodes)
            if (n)
                for (auto& [writer, number] : n->vector) most[writer] = std::max(most[writer], number);
        char text[200];
        std::vector<std::string> lines{"", "  node   state       links  objects    lag       pot  digest    leaderboard"};
        for (std::size_t k = 0; k < nodes.size(); ++k) {
            std::snprintf(text, sizeof text, "  node%zu  %-10s", k + 1, states[k].c_str());
            std::string line = text;
            if (auto& n = nodes[k]) {
                long lag = 0;
                for (auto& [writer, number] : most) {
                    auto seen = n->vector.find(writer);
                    lag += number - (seen == n->vector.end() ? 0 : seen->second);
                }
                std::snprintf(text, sizeof text, "  %5zu  %7ld  %5ld  %8ld  %.8s  ", n->links, n->objects, lag, n->pot,
                              n->digest.c_str());
                line += text + leaders(*n);
            }
            lines.push_back(line);
        }
        return lines;
    }

    static std::string leaders(view const& n) {
        std::vector<std::pair<long, std::string>> order;
        for (auto& [who, score] : n.leaderboard) order.emplace_back(-score, who);
        std::sort(order.begin(), order.end());
        std::string out;
        for (std::size_t k = 0; k < std::min<std::size_t>(3, order.size()); ++k)
            out += (k ? ", " : "") + order[k].second + " " + std::to_string(-order[k].first);
        return out;
    }
};

} // namespace demo
