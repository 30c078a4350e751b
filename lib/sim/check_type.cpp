#include "check_type.hpp"
#include "world.hpp"
#include <cstdlib>

namespace dunlin {

std::string type_report::message() const {
    return failed_ ? (std::ostringstream() << *failed_).str() : "nothing is broken in the histories that were played";
}

namespace sim::rig {

std::optional<failure> play(subject p, checks const& with) {
    p.steps = with.step_count, p.state_bytes = with.most_state_bytes, p.delta_bytes = with.most_delta_bytes;
    if (std::getenv("DUNLIN_SEED")) return play(p, sim::world::seed_from_env(with.first_seed), 1);
    return play(p, with.first_seed, with.seed_count);
}

std::string hex(bytes_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (unsigned char c : bytes.substr(0, 64)) out += {digits[c >> 4], digits[c & 15]};
    return bytes.size() > 64 ? out + "..." : out;
}

} // namespace sim::rig
} // namespace dunlin
