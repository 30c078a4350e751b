// Memory under a ceiling: a million objects of 200 bytes at a node that may hold 64 MiB of them, while a peer that holds
// them all changes cold ones. Two processes of one node each, so that the memory is that of the node; TCP on loopback.
//
//   giver   makes the objects        ──▶  keeper    all of them arrive: to rows, unread
//   giver   changes random ones      ──▶  keeper    for cold objects
//   digest of the giver, which holds everything     = digest of the keeper
#include "bench_node.hpp"
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <dunlin/lib/space_body.hpp>
#include <csignal>
#include <fstream>
#include <malloc.h>
#include <sys/wait.h>

using namespace bench;

namespace {
struct thing {
    dunlin::latest<std::string> what;
    dunlin::counter n;
};
DUNLIN_OBJECT(thing, what, n)

std::string key_of(std::uint64_t k) { return "thing" + std::to_string(k); }

/// Lines between two processes.
class talk {
    asio::posix::stream_descriptor in_;
    int out_;
    std::string heard_;

public:
    talk(asio::io_context& io, int in, int out) : in_(io, in), out_(out) {}
    ~talk() { ::close(out_); }
    void say(std::string line) {
        line += '\n';
        if (::write(out_, line.data(), line.size()) != ssize_t(line.size())) throw std::runtime_error("a child is gone");
    }
    asio::awaitable<std::string> hear() {
        auto into = asio::dynamic_buffer(heard_);
        auto n = co_await asio::async_read_until(in_, into, '\n', asio::use_awaitable);
        auto line = heard_.substr(0, n - 1);
        heard_.erase(0, n);
        co_return line;
    }
    asio::awaitable<std::string> ask(std::string question) {
        say(question);
        auto answer = co_await hear();
        if (answer.starts_with("failed")) throw std::runtime_error(answer);
        co_return answer;
    }
};

/// `life(io, talk)` in a process of its own.
struct child {
    pid_t id = 0;
    std::optional<talk> to;

    template <class F> child(asio::io_context& parent, F life) {
        int down[2], up[2];
        if (::pipe(down) || ::pipe(up)) throw std::runtime_error("pipe");
        ::malloc_trim(0);
        id = ::fork();
        if (id == 0) {
            ::close(down[1]), ::close(up[0]);
            std::ofstream("/proc/self/clear_refs") << "5"; // the high water mark begins here
            asio::io_context io{1};
            talk with(io, down[0], up[1]);
            try {
                run(io, [&]() -> asio::awaitable<void> { co_await life(io, with); });
            } catch (std::exception const& e) { with.say(std::string("failed: ") + e.what()); }
            std::_Exit(0);
        }
        ::close(down[0]), ::close(up[1]);
        to.emplace(parent, up[0], down[1]);
    }
    child(child const&) = delete;
    ~child() {
        ::kill(id, SIGKILL);
        ::waitpid(id, nullptr, 0);
    }
};

double mib_of(std::string const& what) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(what + ":")) return std::stod(line.substr(what.size() + 1)) / 1024;
    return -1;
}

/// The greatest number of an entry that this node has: those of the giver.
std::uint64_t heard(dunlin::node& node) {
    std::uint64_t n = 0;
    auto& known = node.space("main").body()->known();
    for (std::uint32_t s = 0; s < known.size(); ++s) n = std::max(n, known[s].number);
    return n;
}

asio::awaitable<void> pause(asio::io_context& io) {
    asio::steady_timer timer(io, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> give(asio::io_context& io, talk& parent, std::string key) {
    dunlin::options mine;
    mine.listen("127.0.0.1:0").key_file(key).log_budget(std::size_t(4) << 30);
    dunlin::node node{io.get_executor(), mine};
    co_await node.start();
    parent.say(node.address());
    std::uint64_t count = 0;
    sequence next;
    for (;;) {
        auto order = co_await parent.hear();
        auto many = std::stoull(order.substr(order.find(' ') + 1));
        if (order.starts_with("make")) {
            for (count = 0; count < many; ++count) {
                dunlin::ref<thing> t = node.local<thing>(key_of(count));
                t->what = std::string(160, 'w'), t->n += 1;
                if (count % 100 == 99) node.seal();
                if (count % 1000 == 999) co_await pause(io);
            }
        } else if (order.starts_with("change")) {
            for (std::uint64_t k = 0; k < many; ++k) {
                dunlin::ref<thing> t = node.local<thing>(key_of(next() % count));
                t->n += 1;
                node.seal();
                if (k % 100 == 99) co_await pause(io);
            }
        }
        node.seal();
        auto digest = co_await node.digest();
        auto all = heard(node);
        parent.say(std::to_string(all) + " " + digest);
    }
}

asio::awaitable<void> keep(asio::io_context& io, talk& parent, std::string file, std::string address, std::string key) {
    dunlin::options mine;
    mine.data(file).memory(64 << 20).join(address).key_file(key);
    dunlin::node node{io.get_executor(), mine};
    co_await node.start();
    parent.say("started");
    for (;;) {
        auto order = co_await parent.hear();
        if (order == "digest") {
            auto digest = co_await node.digest();
            parent.say(digest);
        } else if (order == "memory") {
            auto main = node.space("main").body();
            parent.say(std::to_string(mib_of("VmHWM")) + " " + std::to_string(mib_of("VmRSS")));
        } else {
            for (auto until = std::stoull(order); heard(node) < until;) co_await pause(io);
            parent.say("there");
        }
    }
}

void memory_under_a_ceiling(benchmark::State& state) {
    auto count = std::to_string(state.range(0));
    folder f;
    auto key = make_key(f);
    for (auto _ : state) {
        asio::io_context io{1};
        child giver(io, [&](asio::io_context& own, talk& with) { return give(own, with, key); });
        std::optional<child> keeper;
        run(io, [&]() -> asio::awaitable<void> {
            auto address = co_await giver.to->hear();
            keeper.emplace(io, [&](asio::io_context& own, talk& with) { return keep(own, with, f.file("b.db"), address, key); });
            co_await keeper->to->hear();
            auto told = [&](std::string name) -> asio::awaitable<void> {
                auto memory = co_await keeper->to->ask("memory");
                state.counters[name + "_peak_MiB"] = std::stod(memory);
                state.counters[name + "_MiB"] = std::stod(memory.substr(memory.find(' ')));
            };
            std::string digest;
            for (std::string order : {"make", "change"}) {
                auto begun = steady::now();
                auto made = co_await giver.to->ask(order + " " + count);
                auto number = made.substr(0, made.find(' '));
                digest = made.substr(number.size() + 1);
                co_await keeper->to->ask(number);
                state.counters[order + "_s"] = us_since(begun) / 1e6;
                co_await told(order);
            }
            auto begun = steady::now();
            auto kept = co_await keeper->to->ask("digest");
            state.counters["digest_s"] = us_since(begun) / 1e6;
            co_await told("digest");
            state.counters["digests_equal"] = kept == digest;
            if (kept != digest) state.SkipWithError("the digests differ");
        });
    }
    state.counters["file_MB"] = double(std::filesystem::file_size(f.file("b.db"))) / 1e6;
}
BENCHMARK(memory_under_a_ceiling)->Arg(50'000)->Arg(1'000'000)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);
} // namespace
