#include "error.hpp"
#include <cstdio>
#include <cstdlib>
#include <string>

namespace dunlin {

namespace {
class category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "dunlin.crdt"; }
    std::string message(int code) const override {
        switch (crdt_errc(code)) {
        case crdt_errc::out_of_bound:
            return "dunlin.crdt.out_of_bound: the value would exceed its bound; nothing was changed; keep counters "
                   "within "
                   "64 bits and strings within 1 MiB, or split the value";
        case crdt_errc::malformed:
            return "dunlin.crdt.malformed: bytes do not follow the format (docs/wire.md); nothing of them was joined; "
                   "check the version of the node that sent them";
        }
        return "dunlin.crdt: unknown code " + std::to_string(code);
    }
};
} // namespace

boost::system::error_category const& crdt_category() {
    static category const one;
    return one;
}

void throw_out_of_bound(char const* what) { throw boost::system::system_error(crdt_errc::out_of_bound, what); }

void programmers_error(char const* what) {
    std::fprintf(stderr, "dunlin: programmer's error: %s\n", what);
    std::abort();
}

} // namespace dunlin
