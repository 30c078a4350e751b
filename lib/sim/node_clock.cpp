#include "node_clock.hpp"

#include <stdexcept>

namespace dunlin::sim {
namespace {

class virtual_timer final : public timer {
    world& world_;
    alarm alarm_;

public:
    virtual_timer(world& w, process& owner) : world_(w), alarm_(w, &owner) {}
    void expires_after(nanoseconds delay, std::function<void()> ring) override {
        // A far deadline must not wrap round into the past.
        nanoseconds const far = nanoseconds::max() - world_.now();
        alarm_.set(world_.now() + std::min(std::max(delay, nanoseconds(0)), far), std::move(ring));
    }
    void cancel() override { alarm_.cancel(); }
};

} // namespace

node_clock::node_clock(world& w, std::string_view name) : world_(w) {
    steady_start_ = std::chrono::seconds(w.chance(name, 0xC10C)() % 1'000'000);
}

std::chrono::milliseconds node_clock::wall_now() const {
    if (frozen_) return *frozen_;
    return wall_start + std::chrono::floor<std::chrono::milliseconds>(world_.now() + drifted() + offset_);
}

void node_clock::skew(nanoseconds error) {
    offset_ = error;
    drift_since_ = world_.now();
}

void node_clock::drift(std::int64_t parts_per_million) {
    offset_ += drifted();
    drift_since_ = world_.now();
    drift_ppm_ = parts_per_million;
}

std::unique_ptr<timer> node_clock::make_timer(any_io_executor executor) {
    auto* direct = executor.target<sim::executor>();
    if (!direct) throw std::logic_error("a timer needs an executor of its world");
    return std::make_unique<virtual_timer>(world_, direct->owner());
}

} // namespace dunlin::sim
