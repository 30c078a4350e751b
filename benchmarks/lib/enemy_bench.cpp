// Rounds between two honest nodes while strangers attack both: real TCP, the attacker a process of its own.
//
// A round: a counter changes at a, b hears of it and changes it, a hears of that. Windows without and with an attack
// alternate, so that what else the machine does falls on both. `./run bench enemy` fails if the 99th of a hundred rounds
// takes more than twice as long under an attack. KiB_a_socket: what the program's heap has grown by under the slow
// sockets, for each that the nodes hold open.
#include "attacker.hpp"
#include "bench_node.hpp"
#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <dunlin/net/link.hpp>
#include <dunlin/net/system.hpp>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <sched.h>
#include <thread>

using namespace bench;

namespace {

constexpr double ratio_most = 2;
constexpr int windows = 12, rounds_a_window = 1500;

/// What must be forked before a thread runs, and be gone before the program ends.
std::unique_ptr<attacker>& enemy() {
    static std::unique_ptr<attacker> one;
    return one;
}

/// The program's status says it, whatever else was measured.
void fail_at_end() {
    static bool once = std::atexit([] { std::_Exit(1); }) == 0;
    (void)once;
}

std::size_t heap_bytes() {
    auto m = ::mallinfo2();
    return m.uordblks + m.hblkhd;
}

/// What a member that dials says first, as who listens to it records it.
std::string recorded_first_frame(std::string const& key_file) {
    asio::io_context io;
    dunlin::machine_clock clock;
    dunlin::machine_chance chance;
    dunlin::link_options terms(clock, chance, dunlin::identity::make(chance));
    terms.key = dunlin::cluster_key::read_file(key_file);
    struct ear final : dunlin::stream {
        std::string& heard;
        explicit ear(std::string& h) : heard(h) {}
        dunlin::awaitable<std::size_t> read_some(asio::mutable_buffer) override {
            throw boost::system::system_error(asio::error::eof);
            co_return 0;
        }
        dunlin::awaitable<void> write(asio::const_buffer b) override {
            heard.append(static_cast<char const*>(b.data()), b.size());
            co_return;
        }
        void close() override {}
        std::string remote_address() const override { return "127.0.0.1:1"; }
    };
    std::string heard;
    auto calling = dunlin::initiate(std::make_unique<ear>(heard), terms);
    asio::co_spawn(io, std::move(calling), [](std::exception_ptr, std::unique_ptr<dunlin::link>) {});
    io.run();
    return heard;
}

struct two_honest {
    folder f;
    asio::io_context io{1};
    std::string key = make_key(f);
    std::optional<dunlin::node> a, b;
    dunlin::ref<player> at_a, at_b;
    std::uint64_t alarms = 0;

    asio::awaitable<void> meet() {
        a.emplace(io.get_executor(), dunlin::options().listen("127.0.0.1:0").key_file(key));
        a->on_alarm([this](auto&) { ++alarms; });
        co_await a->start();
        auto of_b = dunlin::options().listen("127.0.0.1:0").key_file(key).join(a->address());
        b.emplace(io.get_executor(), of_b);
        b->on_alarm([this](auto&) { ++alarms; });
        co_await b->start();
        at_a = co_await a->open<player>("alice");
        at_b = co_await b->open<player>("alice");
    }
    asio::awaitable<void> hear(dunlin::watch<player>& news, dunlin::ref<player>& at, std::int64_t score) {
        while (at->score < score) {
            auto change = co_await news.next();
            if (!change) co_return;
        }
    }
    asio::awaitable<void> rounds(int count, samples& us) {
        auto news_a = at_a.watch(), news_b = at_b.watch();
        for (int k = 0; k < count; ++k) {
            std::int64_t score = at_a->score;
            auto begun = steady::now();
            at_a->score += 1, a->seal();
            co_await hear(news_b, at_b, score + 1);
            at_b->score += 1, b->seal();
            co_await hear(news_a, at_a, score + 2);
            us.add(us_since(begun));
        }
    }
};

/// The nodes and the attacker have a core each, as if he were elsewhere. Without a second core they share one.
void keep_to_core(int n) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(n, &one);
    if (std::thread::hardware_concurrency() > 1) ::sched_setaffinity(0, sizeof one, &one);
}

std::uint16_t port_of(std::string const& address) {
    return std::uint16_t(std::stoi(address.substr(address.rfind(':') + 1)));
}

asio::awaitable<void> pause(asio::io_context& io, std::chrono::milliseconds time) {
    asio::steady_timer t(io, time);
    co_await t.async_wait(asio::use_awaitable);
}

void attacked(benchmark::State& state, attack what) {
    if (!enemy()) {
        keep_to_core(1);
        enemy() = std::make_unique<attacker>();
        keep_to_core(0);
    }
    two_honest two;
    samples calm, under;
    attacker::told told;
    auto const begins = std::chrono::milliseconds(what == attack::slow ? 2500 : 300); // until it is at its height
    double most_open = 0, bytes_a_socket = 0, seconds = 0;
    run(two.io, [&]() -> asio::awaitable<void> {
        co_await two.meet();
        auto first = recorded_first_frame(two.key);
        std::vector<std::uint16_t> ports{port_of(two.a->address()), port_of(two.b->address())};
        enemy()->aim(ports, first);
        samples warm;
        co_await two.rounds(3000, warm);
        for (auto _ : state) {
            for (int w = 0; w < windows; ++w) {
                enemy()->order(attack::none);
                co_await pause(two.io, std::chrono::milliseconds(300));
                co_await two.rounds(rounds_a_window, calm);
                auto heap = heap_bytes();
                enemy()->order(what);
                auto begun = steady::now();
                co_await pause(two.io, begins);
                auto grown = double(heap_bytes()) - double(heap);
                co_await two.rounds(rounds_a_window, under);
                told = enemy()->order(attack::none);
                seconds = us_since(begun) / 1e6;
                if (what == attack::slow && told.open) {
                    most_open = std::max(most_open, double(told.open));
                    bytes_a_socket = std::max(bytes_a_socket, grown / double(told.open));
                }
            }
        }
        co_await two.b->stop();
        co_await two.a->stop();
    });
    state.counters["calm_p99_us"] = calm.at(0.99), state.counters["p99_us"] = under.at(0.99);
    state.counters["calm_p50_us"] = calm.at(0.5), state.counters["p50_us"] = under.at(0.5);
    state.counters["ratio"] = under.at(0.99) / calm.at(0.99);
    state.counters["connections_s"] = double(told.connections) / seconds;
    state.counters["alarms"] = double(two.alarms);
    if (what == attack::slow) {
        state.counters["held_open"] = most_open;
        state.counters["KiB_a_socket"] = bytes_a_socket / 1024;
    }
    if (under.at(0.99) > ratio_most * calm.at(0.99)) {
        std::fprintf(stderr, "p99 of a round is %.0f us under the attack and %.0f us without it: more than %.0f times\n",
                     under.at(0.99), calm.at(0.99), ratio_most);
        fail_at_end();
    }
}

} // namespace

BENCHMARK_CAPTURE(attacked, slow_sockets, attack::slow)->Name("enemy_slow_sockets")->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(attacked, handshake_flood, attack::handshakes)->Name("enemy_handshake_flood")->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(attacked, garbage_flood, attack::garbage)->Name("enemy_garbage_flood")->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
