// Joined: a top ten that is joined, a turn each; the same at the other side; read, alone and of two that were written at once.
#include "../../examples/own_types.hpp"
#include "bench_space.hpp"

namespace {
using ten = top_k<10>;
struct board {
    dunlin::joined<ten> best;
};
DUNLIN_OBJECT(board, best)

ten full(std::uint64_t score) {
    ten all;
    for (std::uint64_t k = 0; k < 10; ++k) all.join(ten(score + k, "player " + std::to_string(k)));
    return all;
}

void joined_turn_of_one_join(benchmark::State& state) {
    bench::space<board> s;
    s->best.join(full(0));
    std::uint64_t score = 100;
    for (auto _ : state) {
        s->best.join(ten(++score, "player 1"));
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1);
}
BENCHMARK(joined_turn_of_one_join);

void joined_join_that_adds_nothing(benchmark::State& state) {
    bench::space<board> s;
    s->best.join(full(100));
    s.seal();
    for (auto _ : state) benchmark::DoNotOptimize(s->best.join(ten(1, "nobody")));
    bench::each(state, 1);
}
BENCHMARK(joined_join_that_adds_nothing);

void joined_remote_delta(benchmark::State& state) {
    bench::space<board> s, to;
    s.self = 1;
    s->best.join(full(100));
    std::string delta(s.seal());
    std::uint64_t number = 0;
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
    state.counters["delta_bytes"] = double(delta.size());
}
BENCHMARK(joined_remote_delta);

void joined_read(benchmark::State& state) {
    bench::space<board> s;
    s->best.join(full(100));
    s.seal();
    for (auto _ : state) benchmark::DoNotOptimize(s->best.value().rows().data());
    bench::each(state, 1);
}
BENCHMARK(joined_read);

void joined_remote_delta_and_read_of_two(benchmark::State& state) {
    bench::space<board> s, other;
    other.self = 1;
    s->best.join(full(100)), other->best.join(full(200));
    s.seal();
    std::string delta(other.seal());
    std::uint64_t number = 0;
    for (auto _ : state) {
        s.absorb(delta, dunlin::dot(1, ++number));
        benchmark::DoNotOptimize(s->best.value().rows().data());
    }
    bench::each(state, 1);
}
BENCHMARK(joined_remote_delta_and_read_of_two);
} // namespace
