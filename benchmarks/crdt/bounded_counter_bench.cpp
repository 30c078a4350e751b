// Bounded counter: spends of a turn with their delta, a turn of one, a spend that is refused, a remote delta.
#include "bench_space.hpp"

namespace {
struct account {
    dunlin::bounded_counter balance;
};
DUNLIN_OBJECT(account, balance)

constexpr auto much = std::int64_t(1) << 60;

void bounded_counter_try_spend(benchmark::State& state) {
    bench::space<account> s;
    s->balance.deposit(much);
    std::size_t bytes = 0;
    for (auto _ : state) {
        for (int k = 0; k < 1000; ++k) benchmark::DoNotOptimize(s->balance.try_spend(1));
        bytes = s.seal().size();
    }
    bench::each(state, 1000);
    state.counters["bytes"] = double(bytes);
}
BENCHMARK(bounded_counter_try_spend);

void bounded_counter_turn_of_one_spend(benchmark::State& state) {
    bench::space<account> s;
    s->balance.deposit(much);
    for (auto _ : state) {
        benchmark::DoNotOptimize(s->balance.try_spend(1));
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1);
}
BENCHMARK(bounded_counter_turn_of_one_spend);

void bounded_counter_refused_spend(benchmark::State& state) {
    bench::space<account> s;
    s->balance.deposit(1);
    s.seal();
    for (auto _ : state) benchmark::DoNotOptimize(s->balance.try_spend(2));
    bench::each(state, 1);
}
BENCHMARK(bounded_counter_refused_spend);

void bounded_counter_remote_delta(benchmark::State& state) {
    bench::space<account> s, to;
    s.self = 1;
    s->balance.deposit(much);
    std::uint64_t number = 1;
    std::string first(s.seal());
    to.absorb(first, dunlin::dot(1, number));
    s->balance.try_spend(7);
    std::string delta(s.seal());
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
    state.counters["memory"] = double(to.bytes());
    state.counters["bytes"] = double(delta.size());
}
BENCHMARK(bounded_counter_remote_delta);
} // namespace
