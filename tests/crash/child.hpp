// Child: one node as a process of its own: started, told, listened to, killed. It never outlives the one who started it.
//
// It is told lines on its standard input and answers in lines on its standard output; what it says on standard error
// goes to a file. Errors: std::runtime_error.
#pragma once
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace crash {

using std::chrono::milliseconds;
using moment = std::chrono::steady_clock::time_point;
inline moment now() { return std::chrono::steady_clock::now(); }

struct command {
    std::vector<std::string> words;
    std::vector<std::pair<std::string, std::string>> environment;
    std::string log;
    std::string network; // the namespace it lives in; empty: ours
};

class child {
    pid_t pid_ = 0;
    int in_ = -1, out_ = -1;
    std::string heard_;

    [[noreturn]] static void become(command const& c, int in, int out) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!c.network.empty()) {
            int ns = ::open(("/run/netns/" + c.network).c_str(), O_RDONLY | O_CLOEXEC);
            if (ns < 0 || ::setns(ns, CLONE_NEWNET)) ::perror("setns"), ::_exit(126);
        }
        int errors = ::open(c.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::dup2(in, 0), ::dup2(out, 1), ::dup2(errors, 2);
        ::close_range(3, ~0u, 0);
        for (auto& [name, value] : c.environment) ::setenv(name.c_str(), value.c_str(), 1);
        std::vector<char*> arguments;
        for (auto& w : c.words) arguments.push_back(const_cast<char*>(w.c_str()));
        arguments.push_back(nullptr);
        ::execv(arguments[0], arguments.data());
        ::perror(arguments[0]);
        ::_exit(127);
    }
    void forget() {
        pid_ = 0;
        ::close(in_), ::close(out_);
        in_ = out_ = -1;
    }

public:
    explicit child(command const& c) {
        int to[2], from[2];
        if (::pipe2(to, O_CLOEXEC) || ::pipe2(from, O_CLOEXEC)) throw std::runtime_error("no pipe for a process");
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("no process can be started");
        if (!pid_) become(c, to[0], from[1]);
        ::close(to[0]), ::close(from[1]);
        in_ = to[1], out_ = from[0];
    }
    child(child const&) = delete;
    ~child() { kill(); }

    bool runs() const { return pid_ != 0; }
    void say(std::string const& line) {
        auto text = line + "\n";
        if (in_ >= 0) [[maybe_unused]] auto ignored = ::write(in_, text.data(), text.size());
    }
    /// SIGKILL, and until it is gone.
    void kill() {
        if (!pid_) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        forget();
    }
    /// Waits for its end.
    bool wait_end(milliseconds limit) {
        for (auto until = now() + limit; pid_ && now() < until;) {
            if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return forget(), true;
            ::poll(nullptr, 0, 5);
        }
        return !pid_;
    }
    /// The next line it says; none: it said nothing in that time, or has ended.
    std::optional<std::string> line(milliseconds limit) {
        auto const until = now() + limit;
        for (;;) {
            if (auto end = heard_.find('\n'); end != heard_.npos) {
                auto line = heard_.substr(0, end);
                heard_.erase(0, end + 1);
                return line;
            }
            auto left = std::chrono::duration_cast<milliseconds>(until - now()).count();
            pollfd p{out_, POLLIN, 0};
            if (out_ < 0 || left < 0 || ::poll(&p, 1, int(left)) <= 0) return {};
            char bytes[65536];
            auto n = ::read(out_, bytes, sizeof bytes);
            if (n <= 0) return {};
            heard_.append(bytes, std::size_t(n));
        }
    }
};

} // namespace crash
