// Turns and deltas through a whole space: one change sealed and queued; what comes from a peer, applied; the bytes of
// both; the memory of one object.
#include "bench_node.hpp"
#include "two_spaces.hpp"
#include <malloc.h>

using namespace bench;

namespace {
enum { in_memory, on_disk, to_a_peer };

/// A turn of one change: marked, encoded, hashed into its head, in the log; with a file queued for it; with a peer sealed
/// (ChaCha20-Poly1305) and queued for its link. Not in the time: the disk, the socket, the peer, which have their time
/// between two batches.
void turn_with_one_change(benchmark::State& state) {
    constexpr int batch = 200;
    folder f;
    auto key = make_key(f);
    asio::io_context io{1};
    dunlin::options of_a, of_b;
    if (state.range(0) == on_disk) of_a.data(f.file("a.db"));
    if (state.range(0) == to_a_peer) of_a.data(f.file("a.db")).listen("127.0.0.1:0").key_file(key);
    dunlin::node a{io.get_executor(), of_a};
    std::optional<dunlin::node> b;
    samples ns;
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await a.open<player>("alice");
        dunlin::ref<player> seen;
        if (state.range(0) == to_a_peer) {
            b.emplace(io.get_executor(), of_b.join(a.address()).key_file(key));
            seen = co_await b->open<player>("alice");
        }
        std::int64_t total = 0;
        for (auto _ : state) {
            auto begun = steady::now();
            for (int n = 0; n < batch; ++n) {
                p->score += 1;
                benchmark::DoNotOptimize(a.seal());
            }
            auto us = us_since(begun);
            state.SetIterationTime(us / 1e6);
            ns.add(us * 1000 / batch);
            total += batch;
            p->score += 1, ++total;
            auto r = a.seal();
            co_await r.saved();
            while (seen && seen->score < total) co_await asio::post(io, asio::use_awaitable);
        }
        seen = {};
        if (b) co_await b->stop();
        co_await a.stop();
    });
    state.SetItemsProcessed(state.iterations() * batch);
    state.counters["p50_ns"] = ns.at(0.5), state.counters["p10_ns"] = ns.at(0.1);
}
BENCHMARK(turn_with_one_change)
    ->ArgName("memory_file_peer")
    ->Arg(in_memory)
    ->Arg(on_disk)
    ->Arg(to_a_peer)
    ->UseManualTime();

void read_of_a_field(benchmark::State& state) {
    asio::io_context io;
    dunlin::node node{io.get_executor()};
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await node.open<player>("alice");
        p->score += 1;
        long sum = 0;
        for (auto _ : state)
            for (int k = 0; k < 1000; ++k) {
                sum += p->score;
                benchmark::ClobberMemory();
            }
        benchmark::DoNotOptimize(sum);
    });
    state.counters["each"] = benchmark::Counter(double(state.iterations()) * 1000,
                                                benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(read_of_a_field);

/// Entries of so many deltas (bag[k] += 1, a thousand keys), from the message to the joined object: checked, hashed,
/// logged, joined. The time is for one delta. The copy of the message that `give` makes is in it.
void remote_delta_through_a_space(benchmark::State& state) {
    constexpr int entries = 512;
    auto deltas = int(state.range(0));
    std::vector<std::string> keys;
    for (int k = 0; k < 1000; ++k) keys.push_back("item" + std::to_string(k));
    samples ns;
    two_spaces<dunlin::word::push> s(16 << 20);
    auto p = s.object<player>(s.from, "alice"), there = s.object<player>(s.to, "alice");
    std::size_t next = 0;
    for (auto _ : state) {
        s.told.clear();
        for (int e = 0; e < entries; ++e) {
            for (int n = 0; n < deltas; ++n) p->bag[keys[next++ % keys.size()]] += 1;
            s.from->seal();
        }
        auto begun = steady::now();
        for (auto& push : s.told) s.give(push);
        auto us = us_since(begun);
        state.SetIterationTime(us / 1e6);
        ns.add(us * 1000 / entries / deltas);
    }
    auto writer = s.from->table().id(s.from->self());
    if (s.to->known().of(writer).number != s.from->known().of(writer).number) state.SkipWithError("not all was applied");
    state.SetItemsProcessed(state.iterations() * entries * deltas);
    state.counters["p50_ns"] = ns.at(0.5), state.counters["p10_ns"] = ns.at(0.1);
}
BENCHMARK(remote_delta_through_a_space)->Arg(100)->Arg(1)->UseManualTime();

/// No time: bytes of bag[k] += 1 in an entry of a hundred, of a lone score += 1 on a link and in the file's log.
void bytes_of_a_delta(benchmark::State& state) {
    two_spaces<dunlin::word::push> s(16 << 20);
    auto p = s.object<player>(s.from, "alice");
    for (int k = 0; k < 1000; ++k) p->bag["k" + std::to_string(k)] += 1, p->score += 1;
    s.from->seal();
    auto wire = [&](int deltas) { // of the second entry, whose writer and space have their numbers on the link
        dunlin::session names;
        dunlin::encoder frame;
        std::size_t before = 0;
        for (int round = 0; round < 2; ++round) {
            for (int k = 0; k < deltas; ++k)
                if (deltas == 1) p->score += 1;
                else p->bag["k" + std::to_string(k * 7)] += 1;
            s.from->seal();
            before = frame.size();
            names.write("main", s.told.back(), frame);
        }
        return double(frame.size() - before);
    };
    for (auto _ : state) {
        state.counters["of_100"] = wire(100) / 100;
        state.counters["lone"] = wire(1);
    }
    dunlin::encoder row;
    s.told.back().series.write(row);
    state.counters["lone_in_file"] = double(row.size());
    state.counters["lone_body"] = double(s.told.back().series.bodies.size());
}
BENCHMARK(bytes_of_a_delta)->Iterations(1);

/// No time: bytes that a resident object costs: what it counts itself, and what malloc says, of ten thousand.
void bytes_of_an_object(benchmark::State& state) {
    constexpr int count = 10'000;
    auto in_use = [] { return double(::mallinfo2().uordblks); };
    asio::io_context io;
    for (auto _ : state) {
        dunlin::node node{io.get_executor(), dunlin::options().log_budget(1)};
        run(io, [&]() -> asio::awaitable<void> {
            dunlin::ref<ten> first = co_await node.open<ten>("first");
            double before = in_use();
            for (int k = 0; k < count; ++k) {
                dunlin::ref<ten> t = node.local<ten>("object" + std::to_string(k));
                fill(*t);
                node.seal();
            }
            state.counters["malloc"] = (in_use() - before) / count;
            state.counters["counted"] = double(node.space("main").body()->resident_bytes()) / (count + 1);
        });
    }
}
BENCHMARK(bytes_of_an_object)->Iterations(1);
} // namespace
