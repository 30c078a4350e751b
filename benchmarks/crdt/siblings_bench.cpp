// Siblings: a write a turn, the same at the other side, a look at a conflict of two.
#include "bench_space.hpp"

namespace {
struct page {
    dunlin::siblings<std::string> text;
};
DUNLIN_OBJECT(page, text)

void siblings_turn_of_one_write(benchmark::State& state) {
    bench::space<page> s;
    std::string const values[] = {"one", "two"};
    for (int k = 0; auto _ : state) {
        s->text = values[k ^= 1];
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1);
}
BENCHMARK(siblings_turn_of_one_write);

void siblings_remote_delta(benchmark::State& state) {
    bench::space<page> s, to;
    s.self = 1;
    s->text = "a text";
    std::string delta(s.seal());
    std::uint64_t number = 0;
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
}
BENCHMARK(siblings_remote_delta);

void siblings_look_at_a_conflict(benchmark::State& state) {
    bench::space<page> s, other;
    other.self = 1;
    s->text = "tea", other->text = "coffee";
    s.seal();
    s.absorb(std::string(other.seal()), dunlin::dot(1, 1));
    for (auto _ : state) benchmark::DoNotOptimize(s->text.values().size());
    bench::each(state, 1);
}
BENCHMARK(siblings_look_at_a_conflict);
} // namespace
