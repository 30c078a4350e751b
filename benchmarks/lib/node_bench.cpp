// A node as its users feel it: turns, reads, saved(), a peer on loopback, cold objects.
#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/system.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {
struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT(player, name, score, friends, bag)

struct folder {
    std::filesystem::path path;
    folder() {
        char name[] = "/tmp/dunlin-bench-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~folder() { std::filesystem::remove_all(path); }
};

template <class F> void run(asio::io_context& io, F f) {
    std::exception_ptr failed;
    asio::co_spawn(io, std::move(f), [&](std::exception_ptr e) { failed = e, io.stop(); });
    io.run();
    io.restart();
    if (failed) std::rethrow_exception(failed);
}

double percentile(std::vector<double>& all, double p) {
    std::sort(all.begin(), all.end());
    return all[std::size_t(p * double(all.size() - 1))];
}

void turn_with_one_change(benchmark::State& state) {
    asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().log_budget(16 << 20)};
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await node.open<player>("alice");
        for (auto _ : state) {
            p->score += 1;
            benchmark::DoNotOptimize(node.seal());
        }
    });
}
BENCHMARK(turn_with_one_change);

void read_of_a_field(benchmark::State& state) {
    asio::io_context io;
    dunlin::node node{io.get_executor()};
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await node.open<player>("alice");
        p->score += 1;
        for (auto _ : state) benchmark::DoNotOptimize(long(p->score));
    });
}
BENCHMARK(read_of_a_field);

/// One saver: a change, then saved().
void saved_by_one(benchmark::State& state) {
    folder f;
    asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().data((f.path / "a.db").string())};
    std::vector<double> us;
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await node.open<player>("alice");
        for (auto _ : state) {
            auto begin = steady::now();
            p->score += 1;
            auto r = node.seal();
            co_await r.saved();
            us.push_back(std::chrono::duration<double, std::micro>(steady::now() - begin).count());
        }
        co_await node.stop();
    });
    state.counters["p50_us"] = percentile(us, 0.5);
    state.counters["p99_us"] = percentile(us, 0.99);
}
BENCHMARK(saved_by_one)->Iterations(2000)->UseRealTime();

/// Many savers, each with one change outstanding.
void saved_by_many(benchmark::State& state) {
    folder f;
    asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().data((f.path / "a.db").string())};
    std::int64_t saves = 0;
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await node.open<player>("alice");
        for (auto _ : state) {
            auto left = std::int64_t(state.range(0)) * 200;
            auto running = state.range(0);
            for (std::int64_t k = 0; k < state.range(0); ++k)
                asio::co_spawn(io,
                               [&]() -> asio::awaitable<void> {
                                   while (left-- > 0) {
                                       p->score += 1;
                                       auto r = node.seal();
                                       co_await r.saved();
                                       ++saves;
                                   }
                               },
                               [&](std::exception_ptr) { --running; });
            while (running > 0) co_await asio::post(io, asio::use_awaitable);
        }
        co_await node.stop();
    });
    state.SetItemsProcessed(saves);
}
BENCHMARK(saved_by_many)->Arg(64)->Arg(1000)->Iterations(3)->UseRealTime();

/// A write at one node until a watch at its loopback peer shows it, encrypted; both on one thread.
void visible_at_a_peer(benchmark::State& state) {
    folder f;
    dunlin::machine_chance chance;
    auto key = (f.path / "key").string();
    {
        std::ofstream out(key);
        out << dunlin::cluster_key::make(chance).text() << "\n";
    }
    std::filesystem::permissions(key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    asio::io_context io{1};
    dunlin::node a{io.get_executor(), dunlin::options().listen("127.0.0.1:0").key_file(key)};
    std::vector<double> us;
    run(io, [&]() -> asio::awaitable<void> {
        co_await a.start();
        dunlin::node b{io.get_executor(), dunlin::options().join(a.address()).key_file(key)};
        dunlin::ref<player> at_a = co_await a.open<player>("alice");
        dunlin::ref<player> at_b = co_await b.open<player>("alice");
        auto changes = at_b.watch();
        auto first = co_await changes.next();
        for (auto _ : state) {
            auto begin = steady::now();
            at_a->score += 1;
            a.seal();
            auto c = co_await changes.next();
            us.push_back(std::chrono::duration<double, std::micro>(steady::now() - begin).count());
        }
        co_await b.stop();
        co_await a.stop();
    });
    state.counters["p50_us"] = percentile(us, 0.5);
    state.counters["p99_us"] = percentile(us, 0.99);
}
BENCHMARK(visible_at_a_peer)->Iterations(5000)->UseRealTime();

void copies_at_a_peer(benchmark::State& state) {
    folder f;
    asio::io_context io{1};
    dunlin::node a{io.get_executor(), dunlin::options().data((f.path / "a.db").string()).listen("127.0.0.1:0")};
    std::vector<double> us;
    run(io, [&]() -> asio::awaitable<void> {
        co_await a.start();
        dunlin::node b{io.get_executor(), dunlin::options().data((f.path / "b.db").string()).join(a.address()).listen("127.0.0.1:0")};
        dunlin::ref<player> at_b = co_await b.open<player>("alice");
        dunlin::ref<player> at_a = co_await a.open<player>("alice");
        at_a->score += 1;
        auto warm = a.seal();
        co_await warm.copies(2, std::chrono::seconds(20));
        for (auto _ : state) {
            auto begin = steady::now();
            at_a->score += 1;
            auto r = a.seal();
            co_await r.copies(2, std::chrono::seconds(20));
            us.push_back(std::chrono::duration<double, std::micro>(steady::now() - begin).count());
        }
        co_await b.stop();
        co_await a.stop();
    });
    state.counters["p50_us"] = percentile(us, 0.5);
    state.counters["p99_us"] = percentile(us, 0.99);
}
BENCHMARK(copies_at_a_peer)->Iterations(1000)->UseRealTime();

/// Objects that were evicted are opened again, one after the other.
void cold_object_opened(benchmark::State& state) {
    folder f;
    auto file = (f.path / "a.db").string();
    constexpr int count = 20000;
    {
        asio::io_context io;
        dunlin::node node{io.get_executor(), dunlin::options().data(file)};
        run(io, [&]() -> asio::awaitable<void> {
            for (int k = 0; k < count; ++k) {
                dunlin::ref<player> p = co_await node.open<player>("p" + std::to_string(k));
                p->score += k, p->name = "name";
                if (k % 1000 == 0) {
                    auto r = node.seal();
                    co_await r.saved();
                }
            }
            co_await node.stop();
        });
    }
    asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().data(file).memory(4 << 20)};
    std::vector<double> us;
    run(io, [&]() -> asio::awaitable<void> {
        co_await node.start();
        int k = 0;
        for (auto _ : state) {
            auto begin = steady::now();
            dunlin::ref<player> p = co_await node.open<player>("p" + std::to_string(k++ * 7919 % count));
            us.push_back(std::chrono::duration<double, std::micro>(steady::now() - begin).count());
        }
        co_await node.stop();
    });
    state.counters["p50_us"] = percentile(us, 0.5);
    state.counters["p99_us"] = percentile(us, 0.99);
}
BENCHMARK(cold_object_opened)->Iterations(15000)->UseRealTime();
} // namespace
