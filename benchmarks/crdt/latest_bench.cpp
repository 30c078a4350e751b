// Latest: writes of a turn with their delta, reading, a remote delta; the size of an object of ten small fields.
#include "bench_space.hpp"

namespace {
struct plate {
    dunlin::latest<std::string> name;
    dunlin::latest<std::int64_t> level;
};
DUNLIN_OBJECT(plate, name, level)

void latest_write_1000_a_turn(benchmark::State& state) {
    bench::space<plate> s;
    for (auto _ : state) {
        for (int k = 0; k < 1000; ++k) {
            s->level = k;
            benchmark::ClobberMemory();
        }
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1000);
}
BENCHMARK(latest_write_1000_a_turn);

void latest_turn_of_one_string(benchmark::State& state) {
    bench::space<plate> s;
    std::string const values[] = {"one", "two"};
    for (int k = 0; auto _ : state) {
        s->name = values[k ^= 1];
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 1);
}
BENCHMARK(latest_turn_of_one_string);

void latest_read(benchmark::State& state) {
    bench::space<plate> s;
    s->level = 7;
    std::int64_t sum = 0;
    for (auto _ : state)
        for (int k = 0; k < 1000; ++k) {
            sum += s->level;
            benchmark::ClobberMemory();
        }
    benchmark::DoNotOptimize(sum);
    bench::each(state, 1000);
}
BENCHMARK(latest_read);

void latest_remote_delta(benchmark::State& state) {
    bench::space<plate> s, to;
    s.self = 1;
    s->name = "a name";
    std::string delta(s.seal());
    std::uint64_t number = 0;
    for (auto _ : state) to.absorb(delta, dunlin::dot(1, ++number));
    bench::each(state, 1);
}
BENCHMARK(latest_remote_delta);

/// No time: the counter `resident` is the figure; with a change in each of the scalar fields.
void object_of_ten_fields(benchmark::State& state) {
    bench::space<bench::ten> s;
    for (auto _ : state) {
        bench::fill(*s);
        benchmark::DoNotOptimize(s.seal());
    }
    state.counters["resident"] = double(s.bytes());
}
BENCHMARK(object_of_ten_fields);
} // namespace
