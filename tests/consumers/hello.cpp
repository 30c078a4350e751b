// What a stranger's project does with dunlin, as far as its headers and libraries are there.
#if __has_include(<dunlin/lib/dunlin.hpp>)
#include <dunlin/dunlin.hpp>
#endif
#if __has_include(<dunlin/lib/sim/cluster.hpp>)
#include <dunlin/lib/sim/cluster.hpp>
#endif
#include <dunlin/crdt/dot.hpp>
#include <iostream>

int main() {
    dunlin::version_vector seen;
    if (seen.covers(dunlin::dot(1, 1))) return 1;
    std::cout << "hello\n";
}
