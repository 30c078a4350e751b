// Drives one decoder with random and damaged bytes: the main() of each fuzz_NAME.
//
//   fuzz_NAME SECONDS [SEED]   random bytes, and the samples of tests/golden/ and of the decoder, damaged
//   fuzz_NAME FILE             one input again
//
// Inputs that the decoder accepts become samples too, one for each beginning and length, so that they grow.
// Each input follows from the seed and the samples. Where one ends the program, it is left in fuzz_NAME.input.
// A decoder for a fuzzer with feedback has the same entry point.
#include "driver.hpp"
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace {
using bytes = std::vector<std::uint8_t>;
constexpr std::size_t bytes_max = 4096, accepted_max = 4096;

bytes input;
std::string left_in;

void leave_input() {
    if (std::FILE* file = std::fopen(left_in.c_str(), "wb")) {
        std::fwrite(input.data(), 1, input.size(), file);
        std::fclose(file);
        std::fprintf(stderr, "\nthe input is left in %s (%zu bytes)\n", left_in.c_str(), input.size());
    }
}
void on_abort(int) { leave_input(); }

bytes read(std::filesystem::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return bytes{std::istreambuf_iterator<char>(file), {}};
}

class damage {
    std::mt19937_64 random_;
    std::vector<bytes> const& samples_;

    std::size_t below(std::size_t n) { return n == 0 ? 0 : std::size_t(random_() % n); }
    std::uint8_t byte() {
        static constexpr std::uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
        return below(3) == 0 ? edges[below(std::size(edges))] : std::uint8_t(random_());
    }
    bytes noise(std::size_t n) {
        bytes out(n);
        for (auto& b : out) b = byte();
        return out;
    }
    void once(bytes& b) {
        auto at = below(b.size() + 1);
        switch (below(6)) {
        case 0:
            if (at < b.size()) b[at] ^= std::uint8_t(1u << below(8));
            break;
        case 1:
            if (at < b.size()) b[at] = byte();
            break;
        case 2: b.resize(at); break;
        case 3: {
            auto more = noise(1 + below(8));
            b.insert(b.begin() + long(at), more.begin(), more.end());
            break;
        }
        case 4: b.erase(b.begin() + long(at), b.begin() + long(at + below(std::min<std::size_t>(b.size() - at, 16) + 1))); break;
        default:
            if (!samples_.empty()) {
                auto const& other = samples_[below(samples_.size())];
                auto from = below(other.size() + 1);
                b.resize(at);
                b.insert(b.end(), other.begin() + long(from), other.end());
            }
        }
    }

public:
    damage(std::uint64_t seed, std::vector<bytes> const& samples) : random_(seed), samples_(samples) {}
    bytes next() {
        if (samples_.empty() || below(8) == 0) return noise(below(256));
        auto out = samples_[below(samples_.size())];
        for (auto n = 1 + below(4); n > 0; --n) once(out);
        if (out.size() > bytes_max) out.resize(bytes_max);
        return out;
    }
};
} // namespace

int main(int count, char** arguments) {
    left_in = std::filesystem::path(arguments[0]).string() + ".input";
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(leave_input);
#endif
    std::signal(SIGABRT, on_abort);
    if (count < 2) {
        std::fprintf(stderr, "how long? %s SECONDS [SEED], or a FILE to run again\n", arguments[0]);
        return 2;
    }
    if (std::filesystem::exists(arguments[1])) {
        input = read(arguments[1]);
        LLVMFuzzerTestOneInput(input.data(), input.size());
        std::printf("%zu bytes, nothing found\n", input.size());
        return 0;
    }
    auto samples = fuzz_samples();
    std::filesystem::path const golden = DUNLIN_SOURCE_DIR "/tests/golden";
    if (std::filesystem::exists(golden))
        for (auto const& entry : std::filesystem::recursive_directory_iterator(golden))
            if (entry.is_regular_file() && entry.file_size() <= bytes_max) samples.push_back(read(entry.path()));
    auto seed = std::uint64_t(count > 2 ? std::atoll(arguments[2]) : 1);
    auto const given = samples.size();
    std::vector<std::size_t> place_of(accepted_max); // in samples; 0 is none
    std::uint64_t accepted = 0;
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoll(arguments[1]));
    damage source(seed, samples);
    std::uint64_t done = 0;
    for (auto const& sample : samples) {
        input = sample;
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    for (; done % 1024 != 0 || std::chrono::steady_clock::now() < end; ++done) {
        input = source.next();
        if (LLVMFuzzerTestOneInput(input.data(), input.size()) != 0) continue;
        ++accepted;
        auto place = input.size();
        for (std::size_t n = 0; n < 3 && n < input.size(); ++n) place = place * 31 + input[n];
        auto& at = place_of[place % accepted_max];
        if (at == 0) {
            at = samples.size();
            samples.emplace_back();
        }
        samples[at] = input;
    }
    using number = unsigned long long;
    std::printf("%llu inputs from seed %llu and %zu samples, %llu accepted, nothing found\n", number(done), number(seed), given,
                number(accepted));
}
