// A seeded source of chance: everything in a simulation that looks random comes from one of these.
//
//   generator(seed, "n1", 3)    the third run of node n1 in the world of that seed
//
// xoshiro256** (Blackman, Vigna 2018), its state filled by splitmix64 from the seed and a label, so that parts draw
// from streams of their own: one more draw in a node does not shift what the network does. Size 48 bytes. No secrets
// come from here: it is chance for simulations only.
#pragma once
#include "../../net/seams.hpp"

#include <bit>
#include <cmath>
#include <string_view>

namespace dunlin::sim {

inline std::uint64_t scramble(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

class generator final : public chance {
    std::uint64_t s_[4];

public:
    explicit generator(std::uint64_t seed, std::string_view label = {}, std::uint64_t n = 0) {
        std::uint64_t x = scramble(seed + 0x9E3779B97F4A7C15u) ^ n * 0xD1B54A32D192ED03u;
        for (char c : label) x = (x ^ std::uint8_t(c)) * 0x100000001B3u;
        for (auto& s : s_) s = scramble(x += 0x9E3779B97F4A7C15u);
    }

    using result_type = std::uint64_t; // as std::shuffle and its like ask for
    static constexpr std::uint64_t min() { return 0; }
    static constexpr std::uint64_t max() { return ~std::uint64_t(0); }
    std::uint64_t operator()() {
        std::uint64_t const result = std::rotl(s_[1] * 5, 7) * 9, t = s_[1] << 17;
        s_[2] ^= s_[0];
        s_[3] ^= s_[1];
        s_[1] ^= s_[2];
        s_[0] ^= s_[3];
        s_[2] ^= t;
        s_[3] = std::rotl(s_[3], 45);
        return result;
    }

    void fill(std::span<std::uint8_t> bytes) override {
        for (std::size_t i = 0; i < bytes.size();) {
            std::uint64_t word = (*this)();
            for (int k = 0; k < 8 && i < bytes.size(); ++k, word >>= 8) bytes[i++] = std::uint8_t(word);
        }
    }

    /// In [0, 1).
    double unit() { return double((*this)() >> 11) * 0x1.0p-53; }
    /// Draws nothing when the answer is known, so that switching a fault off costs nothing.
    bool happens(double probability) { return probability > 0 && (probability >= 1 || unit() < probability); }
    double exponential(double mean) { return mean > 0 ? -std::log1p(-unit()) * mean : 0; }
    double between(double low, double high) { return low + unit() * (high - low); }
};

} // namespace dunlin::sim
