// What the secure link costs: hashing an entry, a handshake, a round trip.
#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/net/link.hpp>
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>

namespace dunlin {
namespace {

void hash128_of_100_bytes(benchmark::State& state) {
    std::string entry(100, 'x');
    for (auto _ : state) {
        auto h = hash128(entry);
        entry[0] = char(h[0]);
        benchmark::DoNotOptimize(h);
    }
}
BENCHMARK(hash128_of_100_bytes);

void seal_100_bytes(benchmark::State& state) {
    std::string entry(100 + tag_size, 'x');
    secret32 key;
    for (auto _ : state) seal(key, {}, "", entry);
}
BENCHMARK(seal_100_bytes);

void x25519_once(benchmark::State& state) {
    secret32 key;
    key.bytes()[5] = 9;
    auto pair = make_key_pair(key);
    for (auto _ : state) benchmark::DoNotOptimize(x25519(key, pair.public_key));
}
BENCHMARK(x25519_once);

// Two nodes on one thread, over TCP on loopback.
struct two_nodes {
    boost::asio::io_context io{1};
    machine_clock clock;
    machine_chance chance;
    tcp_transport transport;
    cluster_key key = cluster_key::make(chance);
    link_options near{clock, chance, identity::make(chance)}, far{clock, chance, identity::make(chance)};
    std::unique_ptr<acceptor> listening = transport.listen(io.get_executor(), "127.0.0.1:0");
    std::unique_ptr<link> caller, answerer;

    two_nodes() { near.key = far.key = key; }

    template <class Work> void spawn(Work work) {
        boost::asio::co_spawn(io, std::move(work), [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    }
    awaitable<void> call() { caller = co_await dial(transport, listening->local_address(), near); }
    awaitable<void> answer() {
        auto s = co_await listening->accept();
        answerer = co_await respond(std::move(s), std::make_shared<link_options>(far));
    }
    void meet() {
        spawn(call());
        spawn(answer());
        io.restart();
        io.run();
    }
};

void handshake_both_sides(benchmark::State& state) {
    two_nodes n;
    for (auto _ : state) n.meet();
}
BENCHMARK(handshake_both_sides);

awaitable<void> echo(link& l) {
    std::string message;
    try {
        for (;;) {
            co_await l.receive(message);
            co_await l.send(message);
        }
    } catch (boost::system::system_error const&) { // the caller has closed
    }
}

awaitable<void> ask(link& l, benchmark::State& state) {
    std::string message(std::size_t(state.range(0)), 'x'), back;
    for (auto _ : state) {
        co_await l.send(message);
        co_await l.receive(back);
    }
    co_await l.close();
}

void round_trip(benchmark::State& state) {
    two_nodes n;
    n.meet();
    n.spawn(echo(*n.answerer));
    n.spawn(ask(*n.caller, state));
    n.io.restart();
    n.io.run();
}
BENCHMARK(round_trip)->Arg(100)->Arg(4096);

awaitable<void> stream_out(link& l, benchmark::State& state) {
    std::string message(std::size_t(state.range(0)), 'x');
    for (auto _ : state) {
        if (!l.queue(message)) co_return;
        if (l.queued_bytes() > 64u << 10) co_await l.flush();
    }
    co_await l.flush();
    co_await l.close();
}

awaitable<void> swallow(link& l) {
    std::string message;
    try {
        for (;;) co_await l.receive(message);
    } catch (boost::system::system_error const&) { // the caller has closed
    }
}

void one_way(benchmark::State& state) {
    two_nodes n;
    n.meet();
    n.spawn(swallow(*n.answerer));
    n.spawn(stream_out(*n.caller, state));
    n.io.restart();
    n.io.run();
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(one_way)->Arg(100)->Arg(60000)->Arg(1 << 20);

} // namespace
} // namespace dunlin
