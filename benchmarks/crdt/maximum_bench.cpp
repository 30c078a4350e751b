// Maximum: raised a thousand times in a turn, tried in vain, and the same at the other side.
#include "bench_space.hpp"

namespace {
struct score {
    dunlin::maximum<std::int64_t> best;
};
DUNLIN_OBJECT(score, best)

void maximum_raise_1000_a_turn(benchmark::State& state) {
    bench::space<score> s;
    std::int64_t n = 0;
    for (auto _ : state) {
        for (int k = 0; k < 1000; ++k) s->best.raise(++n);
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1000);
}
BENCHMARK(maximum_raise_1000_a_turn);

void maximum_raise_in_vain(benchmark::State& state) {
    bench::space<score> s;
    s->best.raise(1'000'000);
    s.seal();
    std::int64_t n = 0;
    for (auto _ : state) benchmark::DoNotOptimize(s->best.raise(++n % 1000));
    bench::each(state, 1);
}
BENCHMARK(maximum_raise_in_vain);

void maximum_remote_delta(benchmark::State& state) {
    bench::space<score> s, to;
    s.self = 1;
    s->best.raise(5);
    std::string delta(s.seal());
    std::uint64_t number = 0;
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
}
BENCHMARK(maximum_remote_delta);
} // namespace
