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
    auto& type = avatar().position.of();
    dunlin::decoder below{dunlin::bytes_view()};
    auto& of_values = *type.aside_at(below);
    dunlin::encoder bytes;
    dunlin::value_codec<place>::put(bytes, {1, 2});
    std::uint64_t stamp = 0;
    for (auto _ : state) {
        if (!of_values.fits(bytes.view())) std::abort();
        type.show(&s->position, {below, bytes.view(), ++stamp, 0});
    }
}
BENCHMARK(ephemeral_shown);

struct room {
    dunlin::map<std::string, dunlin::ephemeral<place>> cursors;
    dunlin::map<std::string, avatar> avatars;
};
DUNLIN_OBJECT(room, cursors, avatars)

void ephemeral_write_below_a_map(benchmark::State& state) {
    bench::space<room> s;
    for (int k = 0; k < 1000; ++k) s->cursors["guest " + std::to_string(k)] = place{};
    s.seal();
    double k = 0;
    for (auto _ : state) {
        s->cursors["guest 500"] = place{++k, -k};
        benchmark::DoNotOptimize(s.seal());
    }
}
BENCHMARK(ephemeral_write_below_a_map);

void ephemeral_write_in_an_element(benchmark::State& state) {
    bench::space<room> s;
    for (int k = 0; k < 1000; ++k) s->avatars["guest " + std::to_string(k)]->name = "somebody";
    s.seal();
    double k = 0;
    for (auto _ : state) {
        s->avatars["guest 500"]->position = place{++k, -k};
        benchmark::DoNotOptimize(s.seal());
    }
}
BENCHMARK(ephemeral_write_in_an_element);
} // namespace
