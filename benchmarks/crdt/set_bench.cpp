// Set: 100,000 short strings, 100 a turn, with their deltas; the same at the other side, 100 and one an entry.
#include "bench_space.hpp"

namespace {
struct group {
    dunlin::set<std::string> names;
};
DUNLIN_OBJECT(group, names)

constexpr int all = 100'000, turn = 100;

std::vector<std::string> const& names() {
    static std::vector<std::string> const some = [] {
        std::vector<std::string> v;
        bench::sequence next;
        for (int k = 0; k < all; ++k) v.push_back("n" + std::to_string(next() % 1'000'000'000));
        return v;
    }();
    return some;
}

void set_insert_100k_100_a_turn(benchmark::State& state) {
    std::size_t bytes = 0, memory = 0;
    for (auto _ : state) {
        bench::space<group> s;
        bytes = 0;
        for (int k = 0; k < all; k += turn) {
            for (int n = k; n < k + turn; ++n) s->names.insert(names()[std::size_t(n)]);
            bytes += s.seal().size();
        }
        memory = s.bytes();
    }
    bench::each(state, all);
    state.counters["bytes"] = double(bytes) / all;
    state.counters["memory"] = double(memory) / all;
}
BENCHMARK(set_insert_100k_100_a_turn)->Unit(benchmark::kMillisecond);

void set_remote(benchmark::State& state) {
    auto an_entry = int(state.range(0));
    bench::space<group> from;
    from.self = 1;
    std::vector<std::string> deltas;
    for (int k = 0; k < all; k += an_entry) {
        for (int n = k; n < k + an_entry; ++n) from->names.insert(names()[std::size_t(n)]);
        deltas.emplace_back(from.seal());
    }
    for (auto _ : state) {
        bench::space<group> to;
        std::uint64_t number = 0;
        for (auto& d : deltas) to.absorb(d, dunlin::dot(1, ++number));
        benchmark::DoNotOptimize(to->names.size());
    }
    bench::each(state, all);
}
BENCHMARK(set_remote)->Name("set_remote_insert_100k")->Arg(100)->Arg(1)->Unit(benchmark::kMillisecond);

void set_contains_of_100k(benchmark::State& state) {
    bench::space<group> s;
    for (auto& n : names()) s->names.insert(n);
    s.seal();
    std::size_t k = 0;
    bool any = false;
    for (auto _ : state) {
        any ^= s->names.contains(names()[k]);
        k = (k + 7919) % all;
    }
    benchmark::DoNotOptimize(any);
}
BENCHMARK(set_contains_of_100k);

void set_erase_and_insert_100_a_turn(benchmark::State& state) {
    bench::space<group> s;
    for (auto& n : names()) s->names.insert(n);
    s.seal();
    std::size_t k = 0;
    for (auto _ : state) {
        auto from = k;
        for (int n = 0; n < turn; ++n) s->names.erase(names()[k]), k = (k + 7919) % all;
        benchmark::DoNotOptimize(s.seal());
        k = from;
        for (int n = 0; n < turn; ++n) s->names.insert(names()[k]), k = (k + 7919) % all;
        benchmark::DoNotOptimize(s.seal());
    }
    bench::each(state, 2 * turn);
}
BENCHMARK(set_erase_and_insert_100_a_turn);
} // namespace
