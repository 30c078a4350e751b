// The machine's clock and chance, for the seams of a node outside the simulator. See seams.hpp.
#pragma once
#include "seams.hpp"

namespace dunlin {

class machine_clock final : public clock {
public:
    std::chrono::nanoseconds steady_now() const override;
    std::chrono::milliseconds wall_now() const override;
    std::unique_ptr<timer> make_timer(any_io_executor executor) override;
};

class machine_chance final : public chance {
public:
    void fill(std::span<std::uint8_t> bytes) override;
};

} // namespace dunlin
