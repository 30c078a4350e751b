// What a file tests/fuzz/NAME_fuzz.cpp defines. libfuzzer.cpp drives it in the preset `fuzz`, driver.cpp in all others.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

/// Decodes, and ends the program where a promise is broken. 0: accepted; -1: refused.
int fuzz_one(std::uint8_t const* data, std::size_t size);

/// A few well-formed inputs to damage: the corpus grows from them.
std::vector<std::string> fuzz_samples();

namespace fuzz {

inline void must(bool holds, char const* what) {
    if (holds) return;
    std::fprintf(stderr, "BROKEN PROMISE: %s\n", what);
    std::abort();
}

/// Cuts an input into what a target needs; past the end there are zeros.
class input {
    std::string_view left_;

public:
    input(std::uint8_t const* data, std::size_t size) : left_(reinterpret_cast<char const*>(data), size) {}
    bool done() const { return left_.empty(); }
    std::uint8_t u8() {
        if (left_.empty()) return 0;
        auto b = std::uint8_t(left_[0]);
        left_.remove_prefix(1);
        return b;
    }
    std::string_view raw(std::size_t n) {
        auto b = left_.substr(0, n);
        left_.remove_prefix(b.size());
        return b;
    }
    /// length 2, then so many bytes, or what there is.
    std::string_view piece() {
        auto high = std::size_t(u8());
        return raw(high << 8 | u8());
    }
    std::string_view rest() { return raw(left_.size()); }
};
/// What piece() reads.
inline std::string piece(std::string_view bytes) {
    std::string out{char(bytes.size() >> 8), char(bytes.size())};
    return out.append(bytes);
}

inline void write_samples(std::filesystem::path const& folder) {
    std::filesystem::create_directories(folder);
    std::size_t n = 0;
    for (auto& s : fuzz_samples())
        std::ofstream(folder / ("sample-" + std::to_string(n++)), std::ios::binary).write(s.data(), std::streamsize(s.size()));
}

} // namespace fuzz
