// Map of counters: additions to random ones of 100,000 keys with their deltas, and the same at the other side.
#include "bench_space.hpp"

namespace {
struct pack {
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT(pack, bag)

constexpr int all = 100'000;

std::vector<std::string> const& keys() {
    static std::vector<std::string> const some = [] {
        std::vector<std::string> v;
        for (int k = 0; k < all; ++k) v.push_back("item" + std::to_string(k));
        return v;
    }();
    return some;
}
std::size_t any_key(bench::sequence& next) { return std::size_t(next() % all); }

void fill(bench::space<pack>& s) {
    for (auto& k : keys()) s->bag[k] += 1;
}

void map_add_random_of_100k(benchmark::State& state) {
    bench::space<pack> s;
    fill(s);
    s.seal();
    bench::sequence next;
    std::size_t bytes = 0;
    auto changes = state.range(0);
    for (auto _ : state) {
        for (std::int64_t n = 0; n < changes; ++n) s->bag[keys()[any_key(next)]] += 1;
        bytes = s.seal().size();
    }
    bench::each(state, changes);
    state.counters["bytes"] = double(bytes) / double(changes);
    state.counters["memory"] = double(s.bytes()) / all;
}
BENCHMARK(map_add_random_of_100k)->Arg(100)->Arg(1);

void map_remote_add_random_of_100k(benchmark::State& state) {
    bench::space<pack> s, to;
    s.self = 1;
    fill(s);
    std::uint64_t number = 0;
    to.absorb(s.seal(), dunlin::dot(1, ++number));
    bench::sequence next;
    std::vector<std::string> deltas;
    auto changes = state.range(0);
    for (std::int64_t made = 0; made < 20'000; made += changes) {
        for (std::int64_t n = 0; n < changes; ++n) s->bag[keys()[any_key(next)]] += 1;
        deltas.emplace_back(s.seal());
    }
    std::size_t k = 0;
    for (auto _ : state) {
        to.absorb(deltas[k], dunlin::dot(1, ++number));
        k = (k + 1) % deltas.size();
    }
    bench::each(state, changes);
}
BENCHMARK(map_remote_add_random_of_100k)->Arg(100)->Arg(1);

void map_remote_add_few_keys(benchmark::State& state) {
    bench::space<pack> s, to;
    s.self = 1;
    std::vector<std::string> deltas;
    auto changes = state.range(0);
    for (std::int64_t made = 0; made < 2'000; made += changes) {
        for (std::int64_t n = 0; n < changes; ++n) s->bag[keys()[std::size_t((made + n) % 1000)]] += 1;
        deltas.emplace_back(s.seal());
    }
    std::size_t k = 0;
    std::uint64_t number = 0;
    for (auto _ : state) {
        to.absorb(deltas[k], dunlin::dot(1, ++number));
        k = (k + 1) % deltas.size();
    }
    bench::each(state, changes);
}
BENCHMARK(map_remote_add_few_keys)->Arg(100)->Arg(1);

void map_read_random_of_100k(benchmark::State& state) {
    bench::space<pack> s;
    fill(s);
    s.seal();
    bench::sequence next;
    std::int64_t sum = 0;
    for (auto _ : state) sum += *s->bag.find(keys()[any_key(next)]);
    benchmark::DoNotOptimize(sum);
}
BENCHMARK(map_read_random_of_100k);
} // namespace
