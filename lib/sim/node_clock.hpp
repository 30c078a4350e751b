// A node's clock in a world: steady time that only runs, wall time that lies as clocks do.
//
//   wall = 2026-01-01 + virtual time * (1 + drift) + offset,  or the value it was frozen at
//
// Steady time starts somewhere else on every node (drawn from the seed and the name), so that comparing two nodes'
// steady times gives nonsense here too. A timer rings as one handler of its executor's process; killed with it.
// Outlives its timers. One thread. make_timer wants an executor of the world itself, no strand: std::logic_error.
#pragma once
#include "world.hpp"

namespace dunlin::sim {

class node_clock final : public clock {
    world& world_;
    nanoseconds steady_start_;
    nanoseconds offset_{};
    std::int64_t drift_ppm_ = 0;
    nanoseconds drift_since_{};
    std::optional<std::chrono::milliseconds> frozen_;

    nanoseconds drifted() const { return (world_.now() - drift_since_) / 1'000'000 * drift_ppm_; }

public:
    static constexpr std::chrono::milliseconds wall_start{1'767'225'600'000};

    node_clock(world& w, std::string_view name);

    nanoseconds steady_now() const override { return steady_start_ + world_.now(); }
    std::chrono::milliseconds wall_now() const override;
    std::unique_ptr<timer> make_timer(any_io_executor executor) override;

    /// The wall clock moves by this much, either way.
    void jump(nanoseconds by) { offset_ += by; }
    /// The wall clock is wrong by exactly this much from now on (drift goes on from there).
    void skew(nanoseconds error);
    void drift(std::int64_t parts_per_million);
    /// The wall clock shows the present time until thaw(), and then the true one again.
    void freeze() { frozen_ = wall_now(); }
    void thaw() { frozen_.reset(); }
};

} // namespace dunlin::sim
