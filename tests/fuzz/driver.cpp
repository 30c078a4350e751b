// Drives one target without libFuzzer: the main() of each fuzz_NAME in all builds but that of the preset `fuzz`.
//
//   fuzz_NAME PATH... [-runs=N] [-seed=N]   files, and all files of folders, once each; then N of them damaged at random
//   fuzz_NAME -samples=FOLDER               writes the well-formed inputs of the target, from which a corpus grows
//
// Each input follows from the seed and the files. Where one ends the program, it is left in crash-NAME, as libFuzzer
// leaves its own.
#include "driver.hpp"
#include <algorithm>
#include <csignal>
#include <iterator>
#include <random>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace {
namespace fs = std::filesystem;
constexpr std::size_t bytes_max = 4096;

std::string input, left_in;

void leave_input() {
    if (std::FILE* file = std::fopen(left_in.c_str(), "wb")) {
        std::fwrite(input.data(), 1, input.size(), file);
        std::fclose(file);
        std::fprintf(stderr, "\nthe input is left in %s (%zu bytes)\n", left_in.c_str(), input.size());
    }
}
void on_abort(int) { leave_input(); }

bool run() {
    return fuzz_one(reinterpret_cast<std::uint8_t const*>(input.data()), input.size()) == 0;
}
std::string read(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class damage {
    std::mt19937_64 random_;
    std::vector<std::string> const& samples_;

    std::size_t below(std::size_t n) { return n == 0 ? 0 : std::size_t(random_() % n); }
    char byte() {
        static constexpr std::uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
        return char(below(3) == 0 ? edges[below(std::size(edges))] : std::uint8_t(random_()));
    }
    std::string noise(std::size_t n) {
        std::string out(n, '\0');
        for (auto& b : out) b = byte();
        return out;
    }
    void once(std::string& b) {
        auto at = below(b.size() + 1);
        switch (below(6)) {
        case 0:
            if (at < b.size()) b[at] = char(b[at] ^ (1 << below(8)));
            break;
        case 1:
            if (at < b.size()) b[at] = byte();
            break;
        case 2:
            b.resize(at);
            break;
        case 3:
            b.insert(at, noise(1 + below(8)));
            break;
        case 4:
            b.erase(at, below(17));
            break;
        default:
            if (samples_.empty()) break;
            auto const& other = samples_[below(samples_.size())];
            b.resize(at);
            b.append(other, below(other.size() + 1));
        }
    }

public:
    damage(std::uint64_t seed, std::vector<std::string> const& samples) : random_(seed), samples_(samples) {}
    std::string next() {
        if (samples_.empty() || below(8) == 0) return noise(below(256));
        auto out = samples_[below(samples_.size())];
        for (auto n = 1 + below(4); n > 0; --n) once(out);
        if (out.size() > bytes_max) out.resize(bytes_max);
        return out;
    }
};

} // namespace

int main(int count, char** arguments) {
    left_in = "crash-" + fs::path(arguments[0]).filename().string();
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(leave_input);
#endif
    std::signal(SIGABRT, on_abort);
    std::vector<fs::path> files;
    std::uint64_t runs = 0, seed = 1;
    for (int k = 1; k < count; ++k) {
        std::string a = arguments[k];
        if (a.starts_with("-samples=")) return fuzz::write_samples(a.substr(9)), 0;
        if (a.starts_with("-runs="))
            runs = std::uint64_t(std::atoll(a.c_str() + 6));
        else if (a.starts_with("-seed="))
            seed = std::uint64_t(std::atoll(a.c_str() + 6));
        else if (fs::is_directory(a)) {
            for (auto const& entry : fs::recursive_directory_iterator(a))
                if (entry.is_regular_file()) files.push_back(entry.path());
        } else if (fs::exists(a))
            files.push_back(a);
        else
            return std::fprintf(stderr, "no such file: %s\n", a.c_str()), 2;
    }
    if (files.empty() && runs == 0) return std::fprintf(stderr, "%s PATH... [-runs=N] [-seed=N]\n", arguments[0]), 2;
    std::sort(files.begin(), files.end());
    auto samples = fuzz_samples();
    for (auto& f : files) samples.push_back(read(f));
    unsigned long long accepted = 0;
    for (auto const& sample : samples) {
        input = sample;
        accepted += run();
    }
    damage source(seed, samples);
    for (std::uint64_t n = 0; n < runs; ++n) {
        input = source.next();
        accepted += run();
    }
    using number = unsigned long long;
    std::printf("%zu files, %llu damaged inputs from seed %llu, %llu accepted, nothing found\n", files.size(), number(runs), number(seed), accepted);
}
