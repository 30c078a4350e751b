// Cluster of the crash test: nodes as processes, started, killed and looked at.
#pragma once
#include "child.hpp"
#include "node.hpp"
#include "work.hpp"
#include <filesystem>
#include <memory>
#include <random>

namespace crash {

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A folder that goes with its owner, unless something failed: then what is in it is evidence.
struct scratch {
    std::filesystem::path path;
    bool kept = false;
    scratch();
    scratch(scratch const&) = delete;
    ~scratch();
};

class cluster {
    struct member {
        std::string name, address, network, listen; // listen: empty on loopback
        int runs = 0;
        std::unique_ptr<child> process;
    };
    std::filesystem::path folder_, program_;
    std::vector<member> members_;
    ledgers notes_;

    std::string file(std::size_t i, char const* ending) const { return folder_ / (members_[i].name + ending); }

public:
    using environment = std::vector<std::pair<std::string, std::string>>;
    static constexpr milliseconds patience{30'000};
    long kills = 0, looked = 0;

    cluster(std::filesystem::path folder, std::size_t nodes);

    std::size_t size() const { return members_.size(); }
    bool runs(std::size_t i) const { return members_[i].process && members_[i].process->runs(); }
    ledgers& notes() { return notes_.read(), notes_; }
    /// Where node i lives and listens, before it starts.
    void place(std::size_t i, std::string network, std::string listen) {
        members_[i].network = std::move(network), members_[i].listen = std::move(listen);
    }

    void start(std::size_t i, environment const& more = {});
    void kill(std::size_t i);
    void quit(std::size_t i);
    void say(std::string const& line);
    /// What it holds; an error if it says one.
    holding report(std::size_t i, milliseconds limit = patience);
    /// What node i, which does not run, has on its disk: read by a node alone, on a copy. Checks all that can be said
    /// of it alone, and the file itself.
    void check_alone(std::size_t i);
    /// Nobody changes anything; until all hold the same, which is checked. Gives it.
    holding converge(milliseconds limit = patience);
    std::string said(std::size_t i) const; // on standard error, by all its runs
    /// How many it has confirmed in all its runs.
    long confirmed(std::size_t i);
    /// Until it holds.
    template <class F> void until(std::string const& what, F holds, milliseconds limit = patience) {
        for (auto end = now() + limit; !holds(); ::poll(nullptr, 0, 10))
            if (now() > end) throw failure("it did not come true that " + what);
    }
};

} // namespace crash
