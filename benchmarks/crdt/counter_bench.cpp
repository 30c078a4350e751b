// Counter: additions of a turn with their delta, reading, a remote delta.
#include "bench_space.hpp"

namespace {
struct tally {
    dunlin::counter n;
};
DUNLIN_OBJECT(tally, n)

void counter_add_1000_a_turn(benchmark::State& state) {
    bench::space<tally> s;
    std::size_t bytes = 0;
    for (auto _ : state) {
        for (int k = 0; k < 1000; ++k) {
            s->n += 1;
            benchmark::ClobberMemory();
        }
        bytes = s.seal().size();
    }
    bench::each(state, 1000);
    state.counters["bytes"] = double(bytes);
}
BENCHMARK(counter_add_1000_a_turn);

void counter_turn_of_one_addition(benchmark::State& state) {
    bench::space<tally> s;
    for (auto _ : state) {
        s->n += 1;
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1);
}
BENCHMARK(counter_turn_of_one_addition);

void counter_read(benchmark::State& state) {
    bench::space<tally> s;
    s->n += 1;
    std::int64_t sum = 0;
    for (auto _ : state)
        for (int k = 0; k < 1000; ++k) {
            sum += s->n;
            benchmark::ClobberMemory();
        }
    benchmark::DoNotOptimize(sum);
    bench::each(state, 1000);
}
BENCHMARK(counter_read);

void counter_remote_delta(benchmark::State& state) {
    bench::space<tally> s, to;
    s.self = 1;
    std::uint64_t number = 0;
    s->n += 1;
    std::string delta(s.seal());
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
}
BENCHMARK(counter_remote_delta);
} // namespace
