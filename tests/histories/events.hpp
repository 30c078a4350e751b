// A history that a person can check: what clients asked for and what they were told, in the order in which it happened,
// and the checks of Maelstrom and Jepsen over it. Pure.
//
//   {"index":7,"time_ms":1203.4,"client":3,"node":"n1","type":"invoke","f":"add","value":17}
//   {"index":9,"time_ms":1204.5,"client":3,"node":"n1","type":"ok","f":"add","value":17}
//
//   set-full      (broadcast, g-set) an element is known when its add is answered or when it is first read. Stable: the last
//                 read that could have seen it did. Lost: known, absent from a read that began later, and never read
//                 again. Valid: nothing lost, something stable, nothing read twice or out of nowhere. Staleness is how
//                 long after it was known a read still lacked it; it is reported.
//   counter       each final read is a sum that the answered adds allow, with or without each one that was not answered.
//                 No read is beyond what was asked for so far; a g-counter never goes back for a client.
//   availability  total: every request was answered, and none with an error.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace histories {

enum class type : std::uint8_t { invoke, ok, fail };

struct event {
    type what = type::invoke;
    std::string f; // "add", "read"
    std::size_t client = 0, node = 0;
    std::chrono::nanoseconds at{};
    std::int64_t value = 0;           // of an add; of a counter's read
    std::vector<std::int64_t> values; // of a set's read
    bool final = false;               // after healing and the wait
};
using history = std::vector<event>;

/// A line an event; a read of more than `most` elements says how many there are.
inline std::string line(event const& e, std::size_t index, bool of_set, std::size_t most = 20) {
    static char const* const types[] = {"invoke", "ok", "fail"};
    char head[200];
    std::snprintf(head, sizeof head, R"({"index":%zu,"time_ms":%.1f,"client":%zu,"node":"n%zu","type":"%s","f":"%s")", index,
                  double(e.at.count()) / 1e6, e.client, e.node, types[int(e.what)], e.f.c_str());
    std::string out = head;
    if (e.final) out += R"(,"final":true)";
    bool read = e.f == "read";
    if (!read || (!of_set && e.what == type::ok)) out += ",\"value\":" + std::to_string(e.value);
    if (read && of_set && e.what == type::ok) {
        if (e.values.size() > most) {
            out += ",\"elements\":" + std::to_string(e.values.size());
        } else {
            out += ",\"value\":[";
            for (auto v : e.values) out += (out.back() == '[' ? "" : ",") + std::to_string(v);
            out += "]";
        }
    }
    return out + "}";
}

struct verdict {
    bool valid = true;
    std::string text; // what was counted, then what is wrong

    void wrong(std::string const& what) {
        if (valid || text.size() < 2000) text += "\n    " + what;
        valid = false;
    }
};

/// The answer to each invocation, or none: a client asks one thing at a time.
inline std::vector<event const*> answers(history const& h) {
    std::vector<event const*> of(h.size(), nullptr);
    std::map<std::size_t, std::size_t> open;
    for (std::size_t i = 0; i < h.size(); ++i) {
        if (h[i].what == type::invoke) {
            open[h[i].client] = i;
        } else if (auto it = open.find(h[i].client); it != open.end()) {
            of[it->second] = &h[i];
            open.erase(it);
        }
    }
    return of;
}

inline verdict check_availability(history const& h) {
    verdict v;
    auto of = answers(h);
    std::size_t asked = 0, answered = 0;
    std::chrono::nanoseconds longest{};
    for (std::size_t i = 0; i < h.size(); ++i) {
        if (h[i].what != type::invoke) continue;
        ++asked;
        if (of[i] && of[i]->what == type::ok) {
            ++answered, longest = std::max(longest, of[i]->at - h[i].at);
        } else {
            v.wrong("client " + std::to_string(h[i].client) + ": " + h[i].f + " at event " + std::to_string(i) +
                    (of[i] ? " failed" : " was never answered"));
        }
    }
    if (!asked) v.wrong("nothing was asked");
    v.text = std::to_string(answered) + " of " + std::to_string(asked) + " requests answered, the slowest after " +
             std::to_string(longest.count() / 1000) + " us" + v.text;
    return v;
}

inline verdict check_set(history const& h) {
    struct element {
        bool attempted = false, known = false, present = false, absent = false;
        std::size_t known_index = 0, present_index = 0, absent_index = 0; // of the read's invocation, for the last two
        std::chrono::nanoseconds known_at{}, absent_at{};
    };
    verdict v;
    std::map<std::int64_t, element> all;
    std::map<std::size_t, std::size_t> begun; // by client: its invocation
    std::vector<std::pair<std::size_t, std::size_t>> reads; // invocation, answer
    auto know = [](element& e, std::size_t index, std::chrono::nanoseconds at) {
        if (!e.known) e.known = true, e.known_index = index, e.known_at = at;
    };
    for (std::size_t i = 0; i < h.size(); ++i) {
        auto& e = h[i];
        if (e.what == type::invoke) {
            begun[e.client] = i;
            if (e.f == "add") all[e.value].attempted = true;
        } else if (e.what == type::ok && e.f == "add") {
            know(all[e.value], i, e.at);
        } else if (e.what == type::ok) {
            reads.emplace_back(begun[e.client], i);
            for (auto x : e.values) know(all[x], i, e.at);
        }
    }
    std::sort(reads.begin(), reads.end());
    for (auto [invoked, answered] : reads) {
        auto there = h[answered].values;
        std::sort(there.begin(), there.end());
        if (auto twice = std::adjacent_find(there.begin(), there.end()); twice != there.end())
            v.wrong(std::to_string(*twice) + " was read twice at event " + std::to_string(answered));
        auto next = there.begin();
        for (auto& [x, e] : all) {
            while (next != there.end() && *next < x) ++next;
            if (next != there.end() && *next == x)
                e.present = true, e.present_index = invoked;
            else if (e.known)
                e.absent = true, e.absent_index = invoked, e.absent_at = h[invoked].at;
        }
    }
    std::size_t stable = 0, lost = 0, never = 0;
    std::vector<std::int64_t> staleness_ms;
    for (auto& [x, e] : all) {
        if (!e.attempted) v.wrong(std::to_string(x) + " was read and never added");
        if (!e.known) {
            ++never;
        } else if (e.present && (!e.absent || e.absent_index < e.present_index)) {
            ++stable;
            auto late = e.absent ? e.absent_at - e.known_at : std::chrono::nanoseconds(0);
            staleness_ms.push_back(std::max<std::int64_t>(0, late.count() / 1'000'000));
        } else if (e.absent && e.known_index < e.absent_index) {
            ++lost;
            v.wrong(std::to_string(x) + " was lost: known at event " + std::to_string(e.known_index) + ", absent from the read begun at " +
                    std::to_string(e.absent_index));
        } else {
            ++never;
        }
    }
    if (!stable) v.wrong("no element became stable");
    std::sort(staleness_ms.begin(), staleness_ms.end());
    std::string quantiles;
    for (auto q : {0, 50, 95, 99, 100})
        if (!staleness_ms.empty())
            quantiles += (quantiles.empty() ? "" : "/") +
                         std::to_string(staleness_ms[std::min(staleness_ms.size() - 1, staleness_ms.size() * std::size_t(q) / 100)]);
    v.text = std::to_string(all.size()) + " elements: " + std::to_string(stable) + " stable, " + std::to_string(lost) + " lost, " +
             std::to_string(never) + " never read; staleness 0/50/95/99/100 %: " + quantiles + " ms" + v.text;
    return v;
}

/// `only_up`: a g-counter.
inline verdict check_counter(history const& h, bool only_up) {
    verdict v;
    auto of = answers(h);
    std::int64_t definite = 0, least = 0, most = 0;
    std::set<std::int64_t> possible{0};
    for (std::size_t i = 0; i < h.size(); ++i) {
        if (h[i].what != type::invoke || h[i].f != "add") continue;
        if (of[i] && of[i]->what == type::ok) {
            definite += h[i].value;
        } else if (!of[i]) {
            std::set<std::int64_t> more;
            for (auto p : possible) more.insert(p + h[i].value);
            possible.merge(more);
        }
    }
    std::size_t finals = 0, reads = 0;
    std::map<std::size_t, std::int64_t> before; // by client
    for (std::size_t i = 0; i < h.size(); ++i) {
        auto& e = h[i];
        if (e.what == type::invoke && e.f == "add") (e.value < 0 ? least : most) += e.value;
        if (e.what != type::ok || e.f != "read") continue;
        ++reads;
        auto at = " at event " + std::to_string(i) + " by client " + std::to_string(e.client);
        if (e.value < least || e.value > most) v.wrong(std::to_string(e.value) + " was read" + at + ", beyond all that was asked for");
        if (only_up && e.value < before[e.client]) v.wrong("the counter went back" + at);
        before[e.client] = e.value;
        if (!e.final) continue;
        ++finals;
        if (!possible.contains(e.value - definite))
            v.wrong("final read " + std::to_string(e.value) + at + ": the answered adds make " + std::to_string(definite));
    }
    if (!finals) v.wrong("there was no final read");
    v.text = std::to_string(reads) + " reads, " + std::to_string(finals) + " of them final; the answered adds make " +
             std::to_string(definite) + ", " + std::to_string(possible.size()) + " sums possible" + v.text;
    return v;
}

} // namespace histories
