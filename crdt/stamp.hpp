// Stamp: a hybrid logical clock's time, which decides between concurrent writes and nothing else.
//
//   stamp := milliseconds since 1970 : 48 | count : 16          63 bits of use; saturating
//
// A stamp is greater than every stamp seen, and near the wall clock. A remote stamp moves ours by at most `ahead_max`
// beyond our own wall clock: one machine whose clock runs ahead cannot drag all others along. (A write that has seen a value
// beats it all the same: latest takes the seen stamp plus one.) `far` says that a peer's clock is off by more than that.
// Source: Kulkarni et al. 2014, Logical Physical Clocks.
#pragma once
#include "mutant.hpp"
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace dunlin {

class hybrid_clock {
    std::uint64_t last_ = 0;

public:
    static constexpr std::chrono::milliseconds ahead_max{60'000};

    static std::uint64_t of(std::chrono::milliseconds wall) {
        auto ms = wall.count() < 0 ? 0 : std::uint64_t(wall.count());
        return std::min<std::uint64_t>(ms, (std::uint64_t(1) << 47) - 1) << 16;
    }
    /// A new stamp, greater than all before.
    std::uint64_t next(std::chrono::milliseconds wall) {
        last_ = std::max(of(wall), last_ == ~std::uint64_t(0) ? last_ : last_ + 1);
        return last_;
    }
    /// A remote stamp was seen. True if it lies further ahead than a clock should.
    bool see(std::uint64_t stamp, std::chrono::milliseconds wall) {
        auto bound = of(wall + ahead_max);
        last_ = std::max(last_, mutant("seal_adopts_any_stamp") ? stamp : std::min(stamp, bound));
        return stamp > bound;
    }
    std::uint64_t last() const { return last_; }
};

} // namespace dunlin
