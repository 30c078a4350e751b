// Disable-wins flag: one switched on and off, a turn each, and the same at the other side.
#include "bench_space.hpp"

namespace {
struct light {
    dunlin::disable_wins_flag on;
};
DUNLIN_OBJECT(light, on)

void disable_wins_flag_turn_of_one_switch(benchmark::State& state) {
    bench::space<light> s;
    bool on = false;
    for (auto _ : state) {
        s->on = on = !on;
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1);
}
BENCHMARK(disable_wins_flag_turn_of_one_switch);

void disable_wins_flag_remote_delta(benchmark::State& state) {
    bench::space<light> s, to;
    s.self = 1;
    s->on = true;
    std::string delta(s.seal());
    std::uint64_t number = 0;
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
}
BENCHMARK(disable_wins_flag_remote_delta);
} // namespace
