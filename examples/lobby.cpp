// Lobby: a whole service. Players with scores and bags, a leaderboard, and a pot that all nodes fill.
//
//   lobby NAME DATA_FILE LISTEN LEDGER_FOLDER [JOIN]        the rest comes from the environment: DUNLIN_KEY_FILE, ...
//
// Every node serves everything from memory, and any of them can be cut off or killed. This one plays by itself: some
// hundred changes a second. Before each it notes `attempted n` in LEDGER_FOLDER/NAME.ledger, and `confirmed n` once
// the change is on its disk, so that anybody can check later that nothing was lost and nothing counted twice.
// It takes lines: play, stop, report (one line of JSON), quit. SIGTERM and SIGINT quit too.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <dunlin/dunlin.hpp>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <unistd.h>

namespace asio = boost::asio;
using asio::awaitable;

// ---- the state ------------------------------------------------------------------------------------------------------

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;

    void pick_up(std::string const& item, int n) {
        bag[item] += n;
        score += 10 * n;
    }
};
DUNLIN_OBJECT(player, name, score, friends, bag)

struct lobby {
    dunlin::counter pot;                               // one coin for each change of anybody
    dunlin::map<std::string, dunlin::counter> changes; // by node
};
DUNLIN_OBJECT(lobby, pot, changes)

// ---- what it is checked against: a plain file, written without dunlin ------------------------------------------------

class ledger {
    int file_;
    long last_ = 0; // attempted, also by earlier runs

    void add(std::string const& line) {
        if (::write(file_, line.data(), line.size()) != ssize_t(line.size())) throw std::runtime_error("ledger: disk full");
    }

public:
    explicit ledger(std::string const& path) {
        std::ifstream before(path);
        std::string word;
        for (long n; before >> word >> n;)
            if (word == "attempted") last_ = n;
        file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file_ < 0) throw std::runtime_error("ledger: cannot write " + path);
    }
    ~ledger() { ::close(file_); }
    ledger(ledger const&) = delete;

    long attempt() {
        add("attempted " + std::to_string(++last_) + "\n");
        return last_;
    }
    void confirm(long n) { add("confirmed " + std::to_string(n) + "\n"); }
    long attempted() const { return last_; }
};

// ---- the service ----------------------------------------------------------------------------------------------------

class service {
    dunlin::node node_;
    std::string name_;
    ledger ledger_;
    asio::steady_timer pause_;
    asio::posix::stream_descriptor input_;
    asio::signal_set signals_;
    dunlin::ref<lobby> lobby_;
    std::vector<dunlin::ref<player>> players_;
    bool playing_ = true, quitting_ = false;

public:
    service(asio::any_io_executor io, std::string const& name, dunlin::options const& o, std::string const& ledger_file)
        : node_(io, o), name_(name), ledger_(ledger_file), pause_(io), input_(io, ::dup(0)), signals_(io, SIGTERM, SIGINT) {
        node_.on_alarm([](std::string const& text) { std::cerr << text << std::endl; });
    }

    /// Opens everything, says where it listens, and plays until it is told to quit.
    awaitable<void> run() {
        co_await node_.start();
        std::cout << "listening " << node_.address() << std::endl;
        asio::co_spawn(node_.executor(), listen_to_stdin(), [this](std::exception_ptr) { input_.close(); });
        signals_.async_wait([this](boost::system::error_code ec, int) {
            if (!ec) quit();
        });
        lobby_ = co_await node_.open<lobby>("lobby");
        for (std::string key : {"ann", "bob", "cleo", "dan", "eve", "fay"}) {
            dunlin::ref<player> one = co_await node_.open<player>(key);
            players_.push_back(std::move(one));
        }
        while (!quitting_) {
            if (playing_) {
                co_await node_.ready(); // the disk keeps up
                play();
            }
            pause_.expires_after(std::chrono::milliseconds(4));
            co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        signals_.cancel(), input_.cancel();
        players_.clear(), lobby_ = {};
        co_await node_.stop();
    }

private:
    /// One change: all of it or nothing, on every node.
    void play() {
        long n = ledger_.attempt();
        auto& one = players_[std::size_t(n) % players_.size()];
        auto& other = players_[std::size_t(n / 7) % players_.size()];
        auto done = node_.atomic([&] {
            one->pick_up(n % 3 ? "coin" : "sword", 1);
            if (n % 50 == 0) one->name = one.key() + " of " + name_;
            if (n % 20 < 10)
                one->friends.insert(other.key());
            else
                one->friends.erase(other.key());
            lobby_->changes[name_] += 1;
            lobby_->pot += 1;
        });
        done.saved([this, n](boost::system::error_code ec) {
            if (!ec) ledger_.confirm(n);
        });
    }

    awaitable<void> listen_to_stdin() {
        asio::streambuf buffer;
        std::istream lines(&buffer);
        std::string line;
        while (!quitting_) {
            co_await asio::async_read_until(input_, buffer, '\n', asio::use_awaitable);
            std::getline(lines, line);
            if (line == "play") playing_ = true;
            if (line == "stop") playing_ = false;
            if (line == "quit") quit();
            if (line == "report") co_await report();
        }
    }

    awaitable<void> report() {
        std::string digest = co_await node_.digest();
        boost::json::object out, changes, board;
        out["name"] = name_, out["playing"] = playing_, out["attempted"] = ledger_.attempted();
        out["digest"] = digest;
        if (lobby_) {
            out["pot"] = lobby_->pot.value();
            for (auto [who, count] : lobby_->changes) changes[who] = count.value();
        }
        for (auto& p : players_) board[p.key()] = p->score.value();
        out["changes"] = std::move(changes), out["leaderboard"] = std::move(board);
        out["status"] = boost::json::parse(node_.status());
        std::cout << boost::json::serialize(out) << std::endl;
    }

    void quit() {
        quitting_ = true;
        pause_.cancel();
    }
};

int main(int argc, char** argv) {
    if (argc < 5) {
        std::cerr << "lobby NAME DATA_FILE LISTEN LEDGER_FOLDER [JOIN]\n";
        return 2;
    }
    int status = 1;
    try {
        asio::io_context io;
        auto options = dunlin::options::from_env();
        options.name(argv[1]).data(argv[2]).listen(argv[3]);
        if (argc > 5) options.join(argv[5]);
        service lobby_service(io.get_executor(), argv[1], options, std::string(argv[4]) + "/" + argv[1] + ".ledger");
        asio::co_spawn(io, lobby_service.run(), [&](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
            status = 0;
        });
        io.run();
    } catch (std::exception const& e) { std::cerr << "lobby: " << e.what() << "\n"; }
    return status;
}
