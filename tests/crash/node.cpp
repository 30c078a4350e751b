// The node of the crash test: a service that does nothing but change things, until it is killed.
//
//   dunlin_crash node NAME RUN FOLDER [JOIN]       the rest comes from the environment: DUNLIN_KEY_FILE, ...
//
// It takes lines: work, rest, report, quit. Says `listening ADDRESS`, and a line of JSON for each report.
#include "node.hpp"
#include "work.hpp"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <dunlin/net/system.hpp>
#include <fcntl.h>
#include <iostream>
#include <unistd.h>

namespace crash {
namespace asio = boost::asio;
using asio::awaitable;

namespace {

class service {
    dunlin::machine_clock clock_;
    dunlin::node node_;
    std::string run_;
    int ledger_;
    asio::posix::stream_descriptor input_;
    std::unique_ptr<dunlin::timer> timer_;
    bool working_ = true, ending_ = false;
    long made_ = 0, waiting_ = 0;

    void note(char what, long n) {
        auto line = std::string(1, what) + " " + run_ + " " + std::to_string(n) + "\n";
        if (::write(ledger_, line.data(), line.size()) != ssize_t(line.size())) std::_Exit(3);
    }

    awaitable<void> pause(std::chrono::milliseconds time) {
        auto wait = [this, time](auto handler) {
            auto h = std::make_shared<decltype(handler)>(std::move(handler));
            timer_->expires_after(time, [h] { std::move (*h)(); });
        };
        co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(wait, asio::use_awaitable);
    }

    /// One change. False: it could not be made now.
    awaitable<bool> change() {
        auto n = made_ + 1;
        bool made = false;
        try {
            dunlin::ref<tally> all = co_await node_.open<tally>("tally");
            dunlin::ref<box> into = co_await node_.open<box>(box_of(run_, n));
            dunlin::ref<box> from = co_await node_.open<box>(box_of(run_, std::max(1L, n - marks_kept)));
            note('a', n);
            auto r = node_.atomic([&] {
                all->made[run_] += 1;
                into->marks.insert(mark_of(run_, n));
                into->text = std::string(std::size_t(50 + n % 300), char('a' + n % 26));
                if (n > marks_kept) from->marks.erase(mark_of(run_, n - marks_kept));
            });
            made_ = n, made = true, ++waiting_;
            r.saved([this, n](boost::system::error_code ec) {
                --waiting_;
                if (!ec) note('c', n);
            });
        } catch (boost::system::system_error const& e) { // overloaded, or its box lies in a file that is closed
            std::cerr << "not made: " << e.what() << std::endl;
        }
        co_return made;
    }

    awaitable<void> work() {
        while (!ending_) {
            bool made = false;
            if (working_ && waiting_ < 64) {
                auto one = co_await change();
                made = one;
            }
            if (!made || made_ % 8 == 0) {
                auto time = std::chrono::milliseconds(made ? 1 : 5);
                co_await pause(time);
            }
        }
    }

    awaitable<void> listen() {
        asio::streambuf buffer;
        std::istream lines(&buffer);
        std::string line;
        while (!ending_) {
            co_await asio::async_read_until(input_, buffer, '\n', asio::use_awaitable);
            std::getline(lines, line);
            if (line == "work") working_ = true;
            if (line == "rest") working_ = false;
            if (line == "quit") ending_ = true;
            if (line == "report") {
                std::string said;
                try {
                    holding all = co_await look_into(node_);
                    said = to_json(all);
                } catch (boost::system::system_error const& e) { said = std::string("error ") + e.what(); }
                std::cout << said << std::endl;
            }
        }
    }

public:
    service(asio::any_io_executor io, std::string const& name, std::string const& run, std::string const& folder,
            dunlin::options const& o)
        : node_(io, o), run_(name + "/" + run), input_(io, ::dup(0)), timer_(clock_.make_timer(io)) {
        ledger_ = ::open((folder + "/" + name + ".ledger").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (ledger_ < 0) throw std::runtime_error("cannot write the ledger");
        node_.on_alarm([](std::string const& text) { std::cerr << "alarm: " << text << std::endl; });
    }
    ~service() { ::close(ledger_); }

    awaitable<void> run() {
        co_await node_.start();
        std::cout << "listening " << node_.address() << std::endl;
        asio::co_spawn(node_.executor(), listen(), [this](std::exception_ptr) { ending_ = true; });
        co_await work();
        co_await node_.stop();
    }
};

} // namespace

int run_node(int argc, char** argv) {
    if (argc < 5) return 2;
    int status = 1;
    try {
        asio::io_context io;
        std::string name = argv[2], folder = argv[4];
        auto o = dunlin::options::from_env();
        o.name(name).data(folder + "/" + name + ".db");
        if (o.listen().empty()) o.listen("127.0.0.1:0");
        if (argc > 5) o.join(argv[5]);
        service s(io.get_executor(), name, argv[3], folder, o);
        asio::co_spawn(io, s.run(), [&](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
            status = 0;
            io.stop();
        });
        io.run();
    } catch (std::exception const& e) { std::cerr << "node: " << e.what() << "\n"; }
    return status;
}

holding look_alone(std::string const& data) {
    asio::io_context io;
    holding found;
    std::exception_ptr failed;
    {
        dunlin::node n{io.get_executor(), dunlin::options().data(data)};
        auto look = [&]() -> awaitable<void> {
            found = co_await look_into(n);
            co_await n.stop();
        };
        asio::co_spawn(io, look, [&](std::exception_ptr e) { failed = e; });
        io.run();
    }
    if (failed) std::rethrow_exception(failed);
    return found;
}

} // namespace crash
