// Once: a request accepted, a turn each; and refused. Among 1,000 that are kept.
#include "bench_space.hpp"
#include <dunlin/crdt/once.hpp>

namespace {
struct desk {
    dunlin::once<std::string> done;
};
DUNLIN_OBJECT(desk, done)

std::string id_of(int k) { return "request " + std::to_string(100000 + k); }

void once_accept(benchmark::State& state) {
    bench::space<desk> s;
    int k = 0;
    std::size_t bytes = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(s->done.accept(id_of(++k)));
        bytes = s.seal().size();
    }
    bench::each(state, 1);
    state.counters["bytes"] = double(bytes);
}
BENCHMARK(once_accept)->Iterations(100000);

void once_refused(benchmark::State& state) {
    bench::space<desk> s;
    for (int k = 0; k < 1000; ++k) s->done.accept(id_of(k)), s.seal();
    int k = 0;
    for (auto _ : state) benchmark::DoNotOptimize(s->done.accept(id_of(++k % 1000)));
    bench::each(state, 1);
}
BENCHMARK(once_refused);
} // namespace
