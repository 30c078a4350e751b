#include "table.hpp"

namespace dunlin {

namespace {
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using wide = unsigned __int128;
    auto product = static_cast<wide>(a) * b;
    return std::uint64_t(product) ^ std::uint64_t(product >> 64);
}
std::uint64_t load(char const* p, std::size_t n) {
    std::uint64_t x = 0;
    std::memcpy(&x, p, n);
    return x;
}
constexpr std::uint64_t first = 0x9E3779B97F4A7C15u, second = 0xC2B2AE3D27D4EB4Fu;
} // namespace

// A multiply-and-fold hash; it decides where a row lies in memory and nothing else.
std::uint64_t hash_bytes(bytes_view b) {
    auto p = b.data();
    auto n = b.size();
    std::uint64_t h = n * first ^ second;
    for (; n > 16; p += 16, n -= 16) h = mix(load(p, 8) ^ first ^ h, load(p + 8, 8) ^ second);
    auto low = n > 8 ? load(p, 8) : load(p, n);
    auto high = n > 8 ? load(p + 8, n - 8) : 0;
    return mix(mix(low ^ first ^ h, high ^ second) ^ h, first);
}

} // namespace dunlin
