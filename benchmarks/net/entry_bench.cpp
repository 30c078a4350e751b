// One turn with one change: body made, put into a series, hashed into its writer's head.
#include <benchmark/benchmark.h>
#include <dunlin/net/heads.hpp>

using namespace dunlin;

static void entry_made_and_hashed(benchmark::State& state) {
    writers table;
    heads known(table);
    entry_builder builder;
    entry_body body;
    writer_id me;
    me.run = 1;
    auto slot = table.intern(me);
    std::string delta(std::size_t(state.range(0)), 'd');
    encoder out;
    series s;
    std::uint64_t number = 0, stamp = 1'790'000'000'000ull << 16;
    for (auto _ : state) {
        builder.begin(slot);
        builder.delta().raw(delta);
        out.clear();
        builder.finish(number ? 1000 : 0, out);
        entry e{me, ++number, stamp += 1000, out.view()};
        s.bodies.clear(), s.count = 0, s.first = number;
        s.add(e.body);
        benchmark::DoNotOptimize(body.read(e.body));
        known.advance(e, body);
        benchmark::DoNotOptimize(known.digest());
    }
}
BENCHMARK(entry_made_and_hashed)->Arg(12)->Arg(60)->Arg(200)->Arg(1000);
