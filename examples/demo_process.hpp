// Process: one lobby, started, asked, killed. It never outlives the demo.
//
// Requests are lines to its standard input, answers are lines from its standard output: "listening ADDRESS", then one
// line of JSON for each `report`.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace demo {

namespace asio = boost::asio;

class process {
    struct pipes {
        asio::posix::stream_descriptor in, out;
        explicit pipes(asio::any_io_executor io) : in(io), out(io) {}
    };
    std::shared_ptr<pipes> ends_;
    pid_t pid_ = 0;

public:
    /// `heard` gets its lines. What it says on standard error goes to `log`.
    process(asio::any_io_executor io, std::vector<std::string> const& words,
            std::vector<std::pair<std::string, std::string>> const& environment, std::string const& log,
            std::function<void(std::string const&)> heard)
        : ends_(std::make_shared<pipes>(io)) {
        int to[2], from[2];
        if (::pipe2(to, O_CLOEXEC) || ::pipe2(from, O_CLOEXEC)) throw std::runtime_error("no pipe for a process");
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("no process can be started");
        if (!pid_) run(words, environment, log, to[0], from[1]);
        ::close(to[0]), ::close(from[1]);
        ends_->in.assign(to[1]), ends_->out.assign(from[0]);
        asio::co_spawn(io, listen(ends_, std::move(heard)), [](std::exception_ptr) {}); // ends with the pipe
    }
    process(process const&) = delete;
    ~process() { kill(); }

    int pid() const { return pid_; }
    void say(std::string const& line) {
        auto text = line + "\n";
        boost::system::error_code ignored;
        ends_->in.write_some(asio::buffer(text), ignored);
    }
    /// SIGKILL, and until it is gone.
    void kill() {
        if (!pid_) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        forget();
    }
    /// True once it has ended; `status` is what it ended with.
    bool ended(int& status) {
        if (!pid_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return !pid_;
        forget();
        return true;
    }

private:
    void forget() {
        pid_ = 0;
        boost::system::error_code ignored;
        ends_->in.close(ignored), ends_->out.close(ignored);
    }

    [[noreturn]] static void run(std::vector<std::string> const& words,
                                 std::vector<std::pair<std::string, std::string>> const& environment,
                                 std::string const& log, int in, int out) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL); // even if the demo itself is killed
        ::setpgid(0, 0);                    // Ctrl-C is for the demo, which then ends its processes
        int errors = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::dup2(in, 0), ::dup2(out, 1), ::dup2(errors, 2);
        ::close_range(3, ~0u, 0); // the relays are not its
        for (auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
        std::vector<char*> arguments;
        for (auto& w : words) arguments.push_back(const_cast<char*>(w.c_str()));
        arguments.push_back(nullptr);
        ::execv(arguments[0], arguments.data());
        ::perror(arguments[0]);
        ::_exit(127);
    }

    static asio::awaitable<void> listen(std::shared_ptr<pipes> ends, std::function<void(std::string const&)> heard) {
        asio::streambuf buffer;
        std::istream lines(&buffer);
        std::string line;
        for (;;) {
            co_await asio::async_read_until(ends->out, buffer, '\n', asio::use_awaitable);
            std::getline(lines, line);
            heard(line);
        }
    }
};

} // namespace demo
