// Work: what a node of the crash test does, and what must be there of it.
//
// A run of a node makes changes 1, 2, 3 ...: each counts itself, puts its mark into one box and takes an older one out of
// another, all in one atomic. A writer's entries are applied in their order; so of a run that made m changes that are
// known somewhere, there are exactly the marks above m - marks_kept, each in its box, and the count m. In a plain file
// beside dunlin it notes `a RUN n` before a change and `c RUN n` once it is confirmed as saved: m lies between the two.
#pragma once
#include <boost/json.hpp>
#include <algorithm>
#include <dunlin/dunlin.hpp>
#include <fstream>
#include <map>
#include <set>

namespace crash {

struct tally {
    dunlin::map<std::string, dunlin::counter> made; // by run
};
DUNLIN_OBJECT(tally, made)

struct box {
    dunlin::set<std::string> marks;
    dunlin::latest<std::string> text;
};
DUNLIN_OBJECT(box, marks, text)

constexpr long boxes = 150, marks_kept = 12;

inline std::string box_of(std::string const& run, long n) {
    auto salt = long(run.back()) + long(run.front()) * 3;
    return "box" + std::to_string((n * 7 + salt) % boxes);
}
inline std::string mark_of(std::string const& run, long n) { return run + ":" + std::to_string(n); }

/// All that a node holds.
struct holding {
    std::string digest;
    std::map<std::string, long> made;
    std::set<std::string> marks; // "MARK in BOX"

    bool operator==(holding const&) const = default;
};

inline dunlin::awaitable<holding> look_into(dunlin::node& n) {
    holding all;
    all.digest = co_await n.digest();
    {
        dunlin::ref<tally> t = co_await n.open<tally>("tally");
        for (auto [run, count] : t->made) all.made[std::string(run)] = count.value();
    }
    for (long k = 0; k < boxes; ++k) {
        auto key = "box" + std::to_string(k);
        dunlin::ref<box> b = co_await n.open<box>(key);
        for (auto m : b->marks) all.marks.insert(std::string(m) + " in " + key);
    }
    co_return all;
}

inline std::string to_json(holding const& h) {
    boost::json::object out, made;
    boost::json::array marks;
    for (auto& [run, n] : h.made) made[run] = n;
    for (auto& m : h.marks) marks.emplace_back(m);
    out["digest"] = h.digest, out["made"] = std::move(made), out["marks"] = std::move(marks);
    return boost::json::serialize(out);
}
inline holding from_json(std::string const& line) {
    holding h;
    auto all = boost::json::parse(line).as_object();
    h.digest = all.at("digest").as_string().c_str();
    for (auto& [run, n] : all.at("made").as_object()) h.made[std::string(run)] = n.to_number<long>();
    for (auto& m : all.at("marks").as_array()) h.marks.insert(m.as_string().c_str());
    return h;
}

/// What the plain files say, read on from where they were read before.
class ledgers {
    struct file {
        std::string path;
        std::streamoff read = 0;
    };
    std::vector<file> files_;

public:
    struct run {
        long attempted = 0, confirmed = 0;
    };
    std::map<std::string, run> runs;

    void add(std::string const& path) { files_.push_back({path}); }
    void read() {
        for (auto& f : files_) {
            std::ifstream in(f.path);
            in.seekg(f.read);
            std::string line;
            while (std::getline(in, line) && !in.eof()) {
                auto last = line.rfind(' ');
                auto& r = runs[line.substr(2, last - 2)];
                auto n = std::stol(line.substr(last + 1));
                auto& to = line[0] == 'a' ? r.attempted : r.confirmed;
                to = std::max(to, n);
                f.read += std::streamoff(line.size()) + 1;
            }
        }
    }
    long confirmed() const {
        long all = 0;
        for (auto& [name, r] : runs) all += r.confirmed;
        return all;
    }
    long attempted() const {
        long all = 0;
        for (auto& [name, r] : runs) all += r.attempted;
        return all;
    }
};

/// Empty, or what is wrong with what a node holds. `must`: runs whose confirmed changes must be there.
inline std::string judge(holding const& h, ledgers const& notes, std::function<bool(std::string const&)> const& must) {
    std::set<std::string> expected;
    for (auto& [run, m] : h.made) {
        auto noted = notes.runs.find(run);
        if (noted == notes.runs.end() || m > noted->second.attempted)
            return run + " has " + std::to_string(m) + " changes, more than it attempted";
        for (long n = std::max(1L, m - marks_kept + 1); n <= m; ++n)
            expected.insert(mark_of(run, n) + " in " + box_of(run, n));
    }
    for (auto& [run, r] : notes.runs) {
        auto found = h.made.find(run);
        long m = found == h.made.end() ? 0 : found->second;
        if (must(run) && m < r.confirmed)
            return "LOST: " + run + " confirmed " + std::to_string(r.confirmed) + ", there are " + std::to_string(m);
    }
    for (auto& m : expected)
        if (!h.marks.contains(m)) return "a mark is missing: " + m;
    for (auto& m : h.marks)
        if (!expected.contains(m)) return "a mark too many: " + m;
    return {};
}

} // namespace crash
