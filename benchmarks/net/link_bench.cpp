// What the secure link costs: hashing an entry, a handshake, a round trip.
#include <benchmark/benchmark.h>
#include <dunlin/net/crypto.hpp>

namespace dunlin {
namespace {

void hash128_of_100_bytes(benchmark::State& state) {
    std::string entry(100, 'x');
    for (auto _ : state) {
        auto h = hash128(entry);
        entry[0] = char(h[0]);
        benchmark::DoNotOptimize(h);
    }
}
BENCHMARK(hash128_of_100_bytes);

void seal_100_bytes(benchmark::State& state) {
    std::string entry(100 + tag_size, 'x');
    secret32 key;
    for (auto _ : state) seal(key, {}, "", entry);
}
BENCHMARK(seal_100_bytes);

void x25519_once(benchmark::State& state) {
    secret32 key;
    key.bytes()[5] = 9;
    auto pair = make_key_pair(key);
    for (auto _ : state) benchmark::DoNotOptimize(x25519(key, pair.public_key));
}
BENCHMARK(x25519_once);

} // namespace
} // namespace dunlin
