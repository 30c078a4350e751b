// Bank: transfers on both sides of a cut; the sum is kept, and no account falls below zero. `bank [SEED]`
#include "bank.hpp"
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) { return bank::play(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1, std::cout) ? 0 : 1; }
