// Demo: five lobbies on this machine, cut apart, one killed while it writes, and back to one state. At most 40 s.
//
//   demo [--keep]        --keep leaves the cluster up at the end and says how to look at it, until Ctrl-C
//
// The lobbies (examples/lobby.cpp) know nothing of the demo: they are processes of their own, and all links between
// them go through relays of this program (demo_relay.hpp), where the cut is made. What it says at the end is checked
// against the plain files that each lobby has written beside dunlin. Exit status 0: all of it held.
#include "demo_board.hpp"
#include "demo_process.hpp"
#include "demo_relay.hpp"
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/as_tuple.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/system.hpp>
#include <iostream>

namespace demo {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr int nodes = 5;
constexpr int first_right = 3; // the cut: {1, 2} | {3, 4, 5}
constexpr int victim = 4;
constexpr long enough = 400; // changes of a node, to be seen going on

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What one lobby wrote into its plain file.
struct counted {
    long attempted = 0, confirmed = 0;
    explicit counted(std::string const& file) {
        std::ifstream in(file);
        std::string word;
        for (long n; in >> word >> n;) (word == "attempted" ? attempted : confirmed) += 1;
    }
};

class cluster {
    asio::io_context& io_;
    std::filesystem::path folder_, programs_;
    std::vector<std::unique_ptr<relay>> relays_;
    std::vector<std::unique_ptr<process>> processes_{nodes};
    std::vector<std::optional<view>> views_{nodes};
    std::vector<std::string> states_ = std::vector<std::string>(nodes, "down");
    std::vector<bool> asked_ = std::vector<bool>(nodes);
    board board_;
    bool cut_ = false;

public:
    cluster(asio::io_context& io, std::filesystem::path folder, std::filesystem::path programs)
        : io_(io), folder_(std::move(folder)), programs_(std::move(programs)) {
        make_key();
        for (int to = 1; to <= nodes; ++to)
            relays_.push_back(std::make_unique<relay>(
                io.get_executor(), [this](unsigned short port) { return owner(port); },
                [this, to](int from) { return !cut_ || !from || side(from) == side(to); }));
    }

    awaitable<void> script() {
        for (int k = 1; k <= nodes; ++k) {
            start(k);
            if (k > 1) continue;
            co_await until("node1 listens", seconds(10), [this] { return states_[0] == "up"; });
        }
        co_await until("every node is linked to the four others and sees what all write", seconds(20),
                       [this] { return every([](view const& v) { return v.links == nodes - 1 && v.changes.size() == nodes; }); });
        co_await converge();

        say_all("play");
        cut_ = true;
        enforce();
        board_.say("the network is cut: node1 node2 | node3 node4 node5");
        co_await until("links remain within the two sides only", seconds(10), [this] {
            for (int k = 1; k <= nodes; ++k)
                if (!views_[at(k)] || views_[at(k)]->links != (side(k) ? 2u : 1u)) return false;
            return true;
        });
        auto before = views_;
        co_await until("both sides go on, and neither sees the other's changes", seconds(10), [&] {
            return every([](view const& v) { return v.playing; }) && gone_on(before) && views_[0]->digest != views_[4]->digest;
        });
        show();

        auto noted = views_[at(victim)]->attempted;
        auto writing = [this, noted] { return views_[at(victim)]->attempted > noted; };
        co_await until("node4 is writing", seconds(10), writing);
        processes_[at(victim)]->kill();
        down(victim);
        board_.say("node4 is killed with SIGKILL while it writes");
        auto left = views_[2]->pot;
        auto going_on = [this, left] { return views_[2]->pot > left + enough; };
        co_await until("its side goes on without it", seconds(10), going_on);
        start(victim);
        auto back = [this, noted] {
            auto& v = views_[at(victim)];
            return v && v->links == 2 && v->attempted > noted + enough && views_[2]->changes.at("node4") > noted + enough;
        };
        co_await until("node4 is back from its file, writes, and its side sees it", seconds(15), back);

        cut_ = false;
        board_.say("the cut is healed");
        co_await until("every node is linked to the four others again", seconds(20),
                       [this] { return every([](view const& v) { return v.links == nodes - 1; }); });
        co_await converge();
        check();
    }

    /// Until Ctrl-C.
    void show_around() {
        auto program = (programs_ / "dunlin").string();
        board_.say("the cluster stays up; look at it, and end it with Ctrl-C:");
        std::printf("  export DUNLIN_KEY_FILE=%s\n", key_file().c_str());
        for (int k = 1; k <= nodes; ++k) std::printf("  %s status %s    # node%d\n", program.c_str(), relays_[at(k)]->address().c_str(), k);
        std::printf("  %s get %s lobby lobby\n  %s get %s player ann\n", program.c_str(), relays_[0]->address().c_str(),
                    program.c_str(), relays_[4]->address().c_str());
    }

    awaitable<void> end_gently() {
        say_all("quit");
        asio::steady_timer pause(io_);
        for (int tries = 0; tries < 100; ++tries) {
            bool all = true;
            int status = 0;
            for (auto& p : processes_)
                if (p && !p->ended(status)) all = false;
            if (all) co_return;
            pause.expires_after(milliseconds(20));
            co_await pause.async_wait(asio::use_awaitable);
        }
    }

    void print_verdict() { std::printf("converged: %d of %d nodes, digest %s\n", nodes, nodes, views_[0]->digest.c_str()); }

private:
    static std::size_t at(int k) { return std::size_t(k - 1); }
    static bool side(int k) { return k >= first_right; }
    static std::string name(int k) { return "node" + std::to_string(k); }
    std::string key_file() const { return folder_ / "cluster.key"; }

    void make_key() {
        dunlin::machine_chance chance;
        auto text = dunlin::cluster_key::make(chance).text() + "\n";
        int file = ::open(key_file().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bool written = file >= 0 && ::write(file, text.data(), text.size()) == ssize_t(text.size());
        if (file >= 0) ::close(file);
        if (!written) throw failure("cannot write " + key_file());
    }

    /// Which node calls from this port; 0: none of ours.
    int owner(unsigned short port) {
        auto inode = socket_inode(port);
        for (int k = 1; inode && k <= nodes; ++k)
            if (processes_[at(k)] && holds_socket(processes_[at(k)]->pid(), inode)) return k;
        return 0;
    }

    void start(int k) {
        std::vector<std::string> words{programs_ / "lobby", name(k), folder_ / (name(k) + ".db"), "127.0.0.1:0", folder_};
        if (k > 1) words.push_back(relays_[0]->address());
        std::vector<std::pair<std::string, std::string>> environment{{"DUNLIN_KEY_FILE", key_file()},
                                                                     {"DUNLIN_ANNOUNCE", relays_[at(k)]->address()}};
        states_[at(k)] = "starting", asked_[at(k)] = false;
        processes_[at(k)] = std::make_unique<process>(io_.get_executor(), words, environment, folder_ / (name(k) + ".log"),
                                                      [this, k](std::string const& line) { heard(k, line); });
        board_.say(name(k) + " starts");
    }

    void heard(int k, std::string const& line) {
        if (line.starts_with("listening ")) {
            relays_[at(k)]->target(static_cast<unsigned short>(std::stoi(line.substr(line.rfind(':') + 1))));
            states_[at(k)] = "up";
        } else {
            views_[at(k)].emplace(line);
            states_[at(k)] = views_[at(k)]->playing ? "playing" : "at rest";
            asked_[at(k)] = false;
        }
    }

    void down(int k) {
        relays_[at(k)]->target(0);
        views_[at(k)].reset();
        states_[at(k)] = "killed";
    }

    void say_all(std::string const& line) {
        for (auto& p : processes_)
            if (p) p->say(line);
    }
    void enforce() {
        for (auto& r : relays_) r->enforce();
    }

    template <class F> bool every(F holds) const {
        return std::all_of(views_.begin(), views_.end(), [&](auto& v) { return v && holds(*v); });
    }
    /// Each side has made changes, and has heard no more of the other side than one of its nodes knew before.
    bool gone_on(std::vector<std::optional<view>> const& before) {
        for (int k = 1; k <= nodes; ++k)
            for (auto& [who, n] : views_[at(k)]->changes) {
                long most = 0;
                for (int j = 1; j <= nodes; ++j)
                    if (side(j) == side(k)) most = std::max(most, before[at(j)]->changes.at(who));
                if (side(who.back() - '0') == side(k) ? n < most + enough : n > most) return false;
            }
        return true;
    }

    /// Asks all nodes again and again until it is so.
    template <class F> awaitable<void> until(std::string what, seconds limit, F holds) {
        asio::steady_timer pause(io_);
        auto deadline = std::chrono::steady_clock::now() + limit;
        bool seen = holds();
        while (!seen) {
            if (std::chrono::steady_clock::now() > deadline) {
                show();
                throw failure("in " + std::to_string(limit.count()) + " s it did not come true that " + what);
            }
            ask();
            pause.expires_after(milliseconds(100));
            co_await pause.async_wait(asio::use_awaitable);
            board_.draw(views_, states_);
            seen = holds();
        }
        board_.say(what);
    }

    void ask() {
        for (int k = 1; k <= nodes; ++k) {
            auto& p = processes_[at(k)];
            int status = 0;
            if (!p || states_[at(k)] == "killed") continue;
            if (p->ended(status)) throw failure(name(k) + " has ended by itself: " + last_words(k));
            if (states_[at(k)] == "starting" || asked_[at(k)]) continue;
            asked_[at(k)] = true;
            p->say("report");
        }
    }
    std::string last_words(int k) const {
        std::ifstream in(folder_ / (name(k) + ".log"));
        std::string line, last;
        while (std::getline(in, line)) last = line;
        return last;
    }

    awaitable<void> converge() {
        say_all("stop");
        for (auto& v : views_) v.reset();
        co_await until("nobody writes, and all five show one digest", seconds(20), [this] {
            return every([this](view const& v) { return !v.playing && v.digest == views_[0]->digest; });
        });
        show();
    }

    void show() {
        for (auto& line : board::table(views_, states_)) std::printf("%s\n", line.c_str());
        std::printf("\n");
        std::fflush(stdout);
    }

    /// Against the files that the lobbies wrote beside dunlin.
    void check() {
        auto& seen = *views_[0];
        long all = 0;
        for (int k = 1; k <= nodes; ++k) {
            counted file(folder_ / (name(k) + ".ledger"));
            long n = seen.changes.at(name(k));
            all += n;
            auto text = name(k) + ": attempted " + std::to_string(file.attempted) + ", confirmed " +
                        std::to_string(file.confirmed) + ", in the counter " + std::to_string(n);
            bool fine = k == victim ? file.confirmed <= n && n <= file.attempted : n == file.attempted;
            if (!fine) throw failure(text);
            board_.say(text + (k == victim ? " (killed once: between the two)" : " (exactly)"));
        }
        long scores = 0;
        for (auto& [who, score] : seen.leaderboard) scores += score;
        if (seen.pot != all || scores != 10 * all)
            throw failure("pot " + std::to_string(seen.pot) + ", scores " + std::to_string(scores) + ", changes " + std::to_string(all));
        board_.say("pot " + std::to_string(seen.pot) + " and scores " + std::to_string(scores) + " fit: no change was half seen");
    }
};

/// A folder that goes with its owner.
struct scratch {
    std::filesystem::path path;
    scratch() {
        auto name = (std::filesystem::temp_directory_path() / "dunlin-demo-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw failure("no temporary folder can be made");
        path = name;
    }
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

int run(bool keep) {
    scratch folder;
    asio::io_context io;
    cluster all(io, folder.path, std::filesystem::read_symlink("/proc/self/exe").parent_path());
    std::exception_ptr failed = std::make_exception_ptr(failure("interrupted"));
    asio::signal_set interrupted(io, SIGINT, SIGTERM, SIGHUP);
    interrupted.async_wait([&](boost::system::error_code ec, int) {
        if (!ec) io.stop();
    });
    ::signal(SIGPIPE, SIG_IGN); // a process that has gone is noticed otherwise
    asio::co_spawn(io, all.script(), [&](std::exception_ptr e) {
        failed = e;
        io.stop();
    });
    io.run();
    if (failed) std::rethrow_exception(failed);
    io.restart();
    if (keep) {
        all.show_around();
        all.print_verdict();
        std::fflush(stdout);
        io.run();
        return 0;
    }
    asio::co_spawn(io, all.end_gently(), [&](std::exception_ptr) { io.stop(); });
    io.run();
    all.print_verdict();
    return 0;
}

} // namespace demo

int main(int argc, char** argv) {
    try {
        bool keep = argc == 2 && std::string(argv[1]) == "--keep";
        if (argc > 1 && !keep) {
            std::cerr << "demo [--keep]\n";
            return 2;
        }
        return demo::run(keep);
    } catch (std::exception const& e) {
        std::fflush(stdout);
        std::cerr << "demo: " << e.what() << "\n";
        return 1;
    }
}
