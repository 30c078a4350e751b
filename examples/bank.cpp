// Bank: transfers on both sides of a cut; the sum is kept, and no account falls below zero. `bank [SEED]`
#include "bank.hpp"
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    std::uint64_t seed = 1;
    if (argc > 1) {
        char* end = nullptr;
        seed = std::strtoull(argv[1], &end, 10);
        if (argc > 2 || end == argv[1] || *end || argv[1][0] == '-') return std::cerr << "bank [SEED], a number of digits\n", 2;
    }
    return bank::play(seed, std::cout) ? 0 : 1;
}
