// Set: 100,000 short strings, 100 a turn, with their deltas, of each policy; the same at the other side, 100 and one an
// entry; one change of a set of a thousand and of a million, here and as a delta that is joined.
#include "bench_space.hpp"
#include <algorithm>
#include <functional>
#include <type_traits>

namespace {
struct group {
    dunlin::set<std::string> names;
};
DUNLIN_OBJECT(group, names)
struct rights {
    dunlin::set<std::string, dunlin::remove_wins> names;
};
DUNLIN_OBJECT(rights, names)
struct visits {
    dunlin::set<std::string, dunlin::grow_only> names;
};
DUNLIN_OBJECT(visits, names)
struct numbers {
    dunlin::set<std::uint64_t> names;
};
DUNLIN_OBJECT(numbers, names)

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

template <class Group> void set_insert(benchmark::State& state) {
    std::size_t bytes = 0, memory = 0;
    auto element = [](int n) -> auto const& {
        static std::uint64_t number;
        if constexpr (std::is_same_v<Group, numbers>)
            return number = std::hash<int>()(n) * 0x9E3779B97F4A7C15u;
        else
            return names()[std::size_t(n)];
    };
    for (auto _ : state) {
        bench::space<Group> s;
        bytes = 0;
        for (int k = 0; k < all; k += turn) {
            for (int n = k; n < k + turn; ++n) s->names.insert(element(n));
            bytes += s.seal().size();
        }
        memory = s.bytes();
    }
    bench::each(state, all);
    state.counters["bytes"] = double(bytes) / all;
    state.counters["memory"] = double(memory) / all;
}
BENCHMARK(set_insert<group>)->Name("set_insert_100k_100_a_turn")->Unit(benchmark::kMillisecond);
BENCHMARK(set_insert<numbers>)->Name("set_insert_100k_numbers")->Unit(benchmark::kMillisecond);
BENCHMARK(set_insert<rights>)->Name("set_insert_100k_remove_wins")->Unit(benchmark::kMillisecond);
BENCHMARK(set_insert<visits>)->Name("set_insert_100k_grow_only")->Unit(benchmark::kMillisecond);

/// So many elements; then one inserted and one erased, a turn each; `joined`: the deltas of that, at the other side.
void set_change_of(benchmark::State& state, bool joined) {
    auto size = std::uint64_t(state.range(0));
    bench::space<group> s, to;
    s.self = 1;
    std::uint64_t at = 0, number = 0;
    auto name = [](std::uint64_t n) { return "n" + std::to_string(n * 0x9E3779B97F4A7C15u % 100'000'000'000); };
    for (std::uint64_t n = 0; n < size;) {
        for (auto end = std::min(size, n + 10'000); n < end; ++n) s->names.insert(name(n));
        to.absorb(s.seal(), dunlin::dot(1, ++number));
    }
    std::size_t bytes = 0, changes = 0;
    for (auto _ : state) {
        state.PauseTiming();
        std::vector<std::string> fresh, old, deltas;
        for (int k = 0; k < 1000; ++k, ++at) fresh.push_back(name(size + at)), old.push_back(name(at));
        if (!joined) state.ResumeTiming();
        for (int k = 0; k < 1000; ++k) {
            s->names.insert(fresh[std::size_t(k)]);
            auto one = s.seal();
            if (joined) deltas.emplace_back(one);
            s->names.erase(old[std::size_t(k)]);
            auto two = s.seal();
            if (joined) deltas.emplace_back(two);
            bytes += one.size() + two.size(), changes += 2;
        }
        if (!joined) continue;
        state.ResumeTiming();
        for (auto& d : deltas) to.absorb(d, dunlin::dot(1, ++number));
    }
    bench::each(state, 2000);
    state.counters["bytes"] = double(bytes) / double(changes);
}
BENCHMARK_CAPTURE(set_change_of, here, false)->Name("set_one_change_of")->Arg(1000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(set_change_of, joined, true)->Name("set_one_delta_joined_of")->Arg(1000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

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
