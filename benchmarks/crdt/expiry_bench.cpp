// Expiry: a deadline that is set, a turn each; kept at each of a thousand requests; what it adds to a change; looked at.
#include "bench_space.hpp"
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/expiry.hpp>
#include <dunlin/crdt/map.hpp>

namespace {
using namespace std::chrono_literals;

struct session {
    dunlin::counter hits;
    dunlin::expiry expires;
};
DUNLIN_OBJECT(session, hits, expires)
struct plain {
    dunlin::counter hits;
};
DUNLIN_OBJECT(plain, hits)
struct lobby {
    dunlin::map<std::string, dunlin::expiry> online;
};
DUNLIN_OBJECT(lobby, online)

void expiry_set(benchmark::State& state) {
    bench::space<session> s;
    std::size_t bytes = 0;
    std::int64_t k = 0;
    for (auto _ : state) {
        s->expires(std::chrono::milliseconds(1'800'000'000'000 + ++k));
        bytes = s.seal().size();
    }
    bench::each(state, 1);
    state.counters["bytes"] = double(bytes);
}
BENCHMARK(expiry_set);

void expiry_keep(benchmark::State& state) {
    bench::space<session> s;
    for (auto _ : state) {
        s->expires.keep(30min);
        benchmark::DoNotOptimize(s.seal().size());
    }
    bench::each(state, 1);
}
BENCHMARK(expiry_keep);

template <class T> void change(benchmark::State& state) {
    bench::space<T> s;
    if constexpr (requires { s->expires; }) s->expires(std::chrono::milliseconds(1'800'000'000'000)), s.seal();
    std::size_t bytes = 0;
    for (auto _ : state) {
        s->hits += 1;
        bytes = s.seal().size();
    }
    bench::each(state, 1);
    state.counters["bytes"] = double(bytes);
}
void expiry_change_with(benchmark::State& state) { change<session>(state); }
void expiry_change_without(benchmark::State& state) { change<plain>(state); }
BENCHMARK(expiry_change_with);
BENCHMARK(expiry_change_without);

/// A thousand keys, each looked for; and all of them walked over, as whoever takes them away does.
void expiry_contains(benchmark::State& state) {
    bench::space<lobby> s;
    for (int k = 0; k < 1000; ++k) s->online[std::to_string(k)](1h);
    s.seal();
    int k = 0;
    for (auto _ : state) benchmark::DoNotOptimize(s->online.contains(std::to_string(++k % 1000)));
    bench::each(state, 1);
    state.counters["bytes_a_key"] = double(s.bytes()) / 1000;
}
BENCHMARK(expiry_contains);

void expiry_walk(benchmark::State& state) {
    bench::space<lobby> s;
    for (int k = 0; k < 100'000; ++k) s->online[std::to_string(k)](1h);
    s.seal();
    dunlin::ending e{0, 1, {}, 0};
    for (auto _ : state) s.type.end(&*s, e);
    bench::each(state, 100'000);
}
BENCHMARK(expiry_walk);
} // namespace
