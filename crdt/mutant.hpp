// Mutants: bugs that are planted on purpose, to see that a test finds them. None in an ordinary build.
//
// With DUNLIN_MUTANTS defined, the one named by the environment's DUNLIN_MUTANT is there; `./run mutants` takes them in
// turn. In all other builds the question folds to false.
#pragma once
#include <cstdlib>
#include <string_view>

namespace dunlin {

#ifdef DUNLIN_MUTANTS
inline bool mutant(std::string_view name) {
    static char const* const chosen = std::getenv("DUNLIN_MUTANT");
    return chosen && name == chosen;
}
#else
constexpr bool mutant(std::string_view) { return false; }
#endif

} // namespace dunlin
