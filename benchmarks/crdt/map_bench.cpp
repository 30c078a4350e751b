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

/// Of a million keys ten by key, from a random one on; and a key made and erased, a turn each, where the order is kept.
struct wide {
    dunlin::map<std::int64_t, dunlin::counter> by_number;
};
DUNLIN_OBJECT(wide, by_number)

void fill(bench::space<wide>& s) {
    for (std::int64_t k = 0; k < 1'000'000; ++k) s->by_number[k * 7919 % 1'000'003] += 1;
    s.seal();
}

void map_ten_by_key_of_1M(benchmark::State& state) {
    bench::space<wide> s;
    fill(s);
    auto plain = s.bytes();
    bench::sequence next;
    std::int64_t sum = (*s->by_number.ordered().begin()).first; // sorts the keys, once
    for (auto _ : state) {
        int n = 0;
        for (auto [k, c] : s->by_number.from(std::int64_t(next() % 1'000'000)))
            if (sum += k; ++n == 10) break;
        benchmark::DoNotOptimize(sum);
    }
    bench::each(state, 1);
    state.counters["order_bytes"] = double(s.bytes() - plain) / 1e6;
}
BENCHMARK(map_ten_by_key_of_1M);

void map_make_and_erase_of_1M(benchmark::State& state) {
    bench::space<wide> s;
    fill(s);
    if (state.range(0)) benchmark::DoNotOptimize(*s->by_number.ordered().begin());
    bench::sequence next;
    for (auto _ : state) {
        auto k = -1 - std::int64_t(next() % 1'000'000);
        s->by_number[k] += 1, s.seal();
        s->by_number.erase(k), s.seal();
    }
    bench::each(state, 2);
}
BENCHMARK(map_make_and_erase_of_1M)->ArgName("ordered")->Arg(0)->Arg(1);
} // namespace
