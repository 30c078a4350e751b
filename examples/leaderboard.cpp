// Leaderboard: the first ten of a million players, kept while they score. `leaderboard [PLAYERS [SEED]]`
#include "leaderboard.hpp"
#include <charconv>
#include <iostream>

int main(int argc, char** argv) {
    std::uint64_t numbers[] = {1'000'000, 1};
    for (int k = 1; k < argc; ++k) {
        std::string_view text = argv[k];
        auto& n = numbers[k == 1 ? 0 : 1];
        auto end = std::from_chars(text.data(), text.data() + text.size(), n);
        if (k > 2 || end.ec != std::errc() || end.ptr != text.data() + text.size() || n == 0 || (k == 1 && n > 5'000'000))
            return std::cerr << "leaderboard [PLAYERS [SEED]]: at most 5000000 players, and numbers from 1 on\n", 2;
    }
    return leaderboard::play(numbers[0], numbers[1], std::cout) ? 0 : 1;
}
