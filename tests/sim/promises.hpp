// What a history knows from outside, and what it may therefore demand of every node at every moment.
//
//   read your writes     a run finds every change it made
//   atomic               left + right is 0, whoever looks, whenever
//   cause before effect  `seen` of a run is what it saw of `clock`: who has the one has the other
//   no resurrection      a line that a run saw go does not come back to it; nor does an overwritten value
//   no loss by itself    a line that a run saw goes only if somebody erased it
//   saved is saved       in the end: at least what was confirmed, at most what was attempted
//   one dot, one content two heads of a writer at one number have one hash, on all nodes, for ever
//   only forward         vectors and floors of a run grow; on disk is only what is applied
//
// State  a record for each run of each node and for each line.  Errors  collected as text; the first one counts.
#pragma once
#include "things.hpp"
#include <dunlin/lib/node_body.hpp>
#include <unordered_map>

namespace clusters {

struct run_record {
    std::string key; // "n0/2"
    long attempted = 0, confirmed = 0;
    // what this run has seen
    std::set<std::string, std::less<>> present, gone;
    std::set<std::string> overwritten;
    std::string last;
    std::map<std::string, long> made;
    std::map<std::string, std::map<std::string, std::uint64_t>> vectors, floors; // by space
    // what a watch was told last
    bool watching = false;
    long told = 0;
};

struct line_record {
    bool saved = false, erasing = false, erased = false;
};

class promises {
    std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> heads_; // of a writer and number: its hash
    std::string failure_;

public:
    std::map<std::string, run_record> runs;
    std::map<std::string, line_record, std::less<>> lines;
    bool may_fork = false; // a running machine was copied

    std::string const& failure() const { return failure_; }
    void fail(std::string const& what) {
        if (failure_.empty()) failure_ = what;
    }

    void observe(run_record& run, books& b) {
        auto who = run.key + " sees ";
        if (long(b.left) + long(b.right) != 0) fail(who + "half of an atomic");
        for (auto [key, n] : b.seen)
            if (long(n) > long(b.clock)) fail(who + "an effect of " + std::string(key) + " without its cause");
        for (auto [key, n] : b.made) see_made(run, std::string(key), long(n));
        if (auto n = b.made.find(run.key); (n ? long(*n) : 0) != run.attempted)
            fail(who + std::to_string(n ? long(*n) : 0) + " of its own " + std::to_string(run.attempted) + " changes");
        see_lines(run, b);
        std::string last = b.last;
        if (last == run.last) return;
        if (run.overwritten.contains(last)) fail(who + "the value " + last + " again, which was overwritten");
        run.overwritten.insert(std::exchange(run.last, last));
    }

    /// What stands in the heads of a node at this moment.
    void look(std::string const& who, run_record& run, dunlin::node& n) {
        for (auto& [name, space] : n.body()->spaces()) look_at(who + " " + name, run, name, *space);
    }

    /// In the end, when nothing more can come.
    void settled(std::string const& who, books& b) {
        for (auto& [key, run] : runs) {
            auto found = b.made.find(key);
            long there = found ? long(*found) : 0;
            if (there < run.confirmed || there > run.attempted)
                fail(who + " has " + std::to_string(there) + " changes of run " + key + ": confirmed were " +
                     std::to_string(run.confirmed) + ", attempted " + std::to_string(run.attempted));
        }
        for (auto& [line, was] : lines) {
            bool there = b.lines.contains(line);
            if (was.saved && !was.erasing && !there) fail(who + " lacks line " + line + ", which was saved");
            if (was.erased && there) fail(who + " has line " + line + ", whose removal was saved");
        }
    }

private:
    void see_made(run_record& run, std::string const& key, long n) {
        auto it = runs.find(key);
        if (it == runs.end() || n > it->second.attempted)
            return fail(run.key + " sees " + std::to_string(n) + " changes of " + key + ", more than were made");
        auto& before = run.made[key];
        if (n < before) fail(run.key + " sees " + std::to_string(n) + " changes of " + key + " after " + std::to_string(before));
        before = n;
    }

    void see_lines(run_record& run, books& b) {
        std::set<std::string, std::less<>> now;
        for (auto line : b.lines) now.emplace(line);
        for (auto& line : now) {
            if (run.gone.contains(line)) fail(run.key + " sees line " + line + " again, which was gone");
            if (!lines.contains(line)) fail(run.key + " sees line " + line + ", which nobody wrote");
        }
        for (auto& line : run.present) {
            if (now.contains(line)) continue;
            if (!lines.find(line)->second.erasing) fail(run.key + " has lost line " + line + ", which nobody erased");
            run.gone.insert(line);
        }
        run.present = std::move(now);
    }

    void look_at(std::string const& who, run_record& run, std::string const& name, dunlin::space_body& s) {
        auto& known = s.known();
        for (std::uint32_t slot = 0; slot < known.size(); ++slot) {
            auto number = known[slot].number;
            if (!number) continue;
            auto writer = dunlin::view_of_writer(s.table().id(slot));
            auto [it, fresh] = heads_.try_emplace({name + writer, number}, known[slot].prior());
            if (!fresh && it->second != known[slot].prior() && !may_fork)
                fail(who + ": entry " + std::to_string(number) + " of a writer has two contents");
            grows(who + ": the vector", run.vectors[name][writer], number);
            grows(who + ": the floor", run.floors[name][writer], s.floor()[slot]);
            if (s.has_file() && s.durable()[slot] > number) fail(who + ": more is on disk than is applied");
        }
    }

    void grows(std::string const& what, std::uint64_t& before, std::uint64_t now) {
        if (now < before) fail(what + " goes back from " + std::to_string(before) + " to " + std::to_string(now));
        before = now;
    }
};

} // namespace clusters
