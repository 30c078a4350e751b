#include "system.hpp"
#include "crypto.hpp"
#include <boost/asio/steady_timer.hpp>

namespace dunlin {

namespace {

// Asio may have queued the handler when cancel() comes; `alarm` tells it that it has been called off.
class machine_timer final : public timer {
    struct state {
        boost::asio::steady_timer waiting;
        std::function<void()> ring;
        std::uint64_t alarm = 0;
        explicit state(any_io_executor executor) : waiting(std::move(executor)) {}
    };
    std::shared_ptr<state> state_;

public:
    explicit machine_timer(any_io_executor executor) : state_(std::make_shared<state>(std::move(executor))) {}
    ~machine_timer() override { cancel(); }

    void expires_after(std::chrono::nanoseconds delay, std::function<void()> ring) override {
        state_->ring = std::move(ring);
        state_->waiting.expires_after(delay);
        state_->waiting.async_wait([s = state_, alarm = ++state_->alarm](boost::system::error_code error) {
            if (error || s->alarm != alarm) return;
            auto call = std::move(s->ring);
            s->ring = nullptr;
            call();
        });
    }
    void cancel() override {
        ++state_->alarm;
        state_->ring = nullptr;
        state_->waiting.cancel();
    }
};

} // namespace

std::chrono::nanoseconds machine_clock::steady_now() const {
    return std::chrono::steady_clock::now().time_since_epoch();
}

std::chrono::milliseconds machine_clock::wall_now() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

std::unique_ptr<timer> machine_clock::make_timer(any_io_executor executor) {
    return std::make_unique<machine_timer>(std::move(executor));
}

void machine_chance::fill(std::span<std::uint8_t> bytes) { fill_random(bytes); }

} // namespace dunlin
