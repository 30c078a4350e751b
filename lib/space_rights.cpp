// The space and the rights of its bounded counters: who witnesses their moves, and what a stop leaves to the next run.
#include "../crdt/mutant.hpp"
#include "space_body.hpp"

namespace dunlin {

void space_body::members_are(std::size_t others) {
    others_ = others;
    if (!stopped_) rights_.look_again();
}

bool space_body::is_witnessed(std::uint64_t number, std::vector<std::pair<std::uint32_t, std::uint64_t>> const& seen) const {
    if (!store_ || mutant("rights_need_no_witness")) return true;
    if (!others_) return false;
    return *others_ == 0 ? synced() : machine_->witnesses(number, seen) > *others_ / 2;
}

void space_body::put_all_back() {
    bool may = store_ && !is_busy();
    try {
        if (may) seal(), rights_.give_up_moves(), seal();
        rights_.stop();
        for (auto& [name, t] : types_)
            if (may && t->holds_rights)
                for (auto& o : t->by_hash->list) rights_.put_back(o);
    } catch (boost::system::system_error const&) { // overloaded: what was not put back stays aside
        rights_.stop();
    }
}

} // namespace dunlin
