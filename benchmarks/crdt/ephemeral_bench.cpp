// Ephemeral: a write, a turn each, and what is heard, shown.
#include "bench_space.hpp"
#include <boost/describe/class.hpp>
#include <dunlin/crdt/ephemeral.hpp>

namespace {
struct place {
    double x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(place, (), (x, y))

struct avatar {
    dunlin::latest<std::string> name;
    dunlin::ephemeral<std::int64_t> cell;
    dunlin::ephemeral<place> position;
};
DUNLIN_OBJECT(avatar, name, cell, position)

void ephemeral_write(benchmark::State& state) {
    bench::space<avatar> s;
    std::int64_t k = 0;
    for (auto _ : state) {
        s->cell = ++k;
        benchmark::DoNotOptimize(s.seal());
    }
}
BENCHMARK(ephemeral_write);

void ephemeral_write_of_a_struct(benchmark::State& state) {
    bench::space<avatar> s;
    double k = 0;
    for (auto _ : state) {
        s->position = place{++k, -k};
        benchmark::DoNotOptimize(s.seal());
    }
}
BENCHMARK(ephemeral_write_of_a_struct);

void ephemeral_shown(benchmark::State& state) {
    bench::space<avatar> s;
    auto& type = *avatar().position.of().ephemeral();
    dunlin::encoder bytes;
    dunlin::value_codec<place>::put(bytes, {1, 2});
    std::uint64_t stamp = 0;
    for (auto _ : state) {
        if (!type.fits(bytes.view())) std::abort();
        type.show(&s->position, bytes.view(), ++stamp, 0);
    }
}
BENCHMARK(ephemeral_shown);
} // namespace
