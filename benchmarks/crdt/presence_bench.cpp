// Presence: an announcement, a turn each, and a look at who is here, among 1,000.
#include "bench_space.hpp"
#include <dunlin/crdt/presence.hpp>

namespace {
struct room {
    dunlin::presence<std::int64_t> who;
};
DUNLIN_OBJECT(room, who)

void presence_announce(benchmark::State& state) {
    bench::space<room> s;
    for (int k = 0; k < 1000; ++k) s->who.announce(std::to_string(k), k);
    s.seal();
    int k = 0;
    std::size_t bytes = 0;
    for (auto _ : state) {
        s->who.announce(std::to_string(k % 1000), k), ++k;
        bytes = s.seal().size();
    }
    bench::each(state, 1);
    state.counters["bytes"] = double(bytes);
    state.counters["bytes_a_name"] = double(s.bytes()) / 1000;
}
BENCHMARK(presence_announce);

void presence_who(benchmark::State& state) {
    bench::space<room> s;
    for (int k = 0; k < 1000; ++k) s->who.announce(std::to_string(k), k);
    s.seal();
    for (auto _ : state) {
        std::int64_t sum = 0;
        for (auto [name, here] : s->who) sum += here.value();
        benchmark::DoNotOptimize(sum);
    }
    bench::each(state, 1000);
}
BENCHMARK(presence_who);
} // namespace
