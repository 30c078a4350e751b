// Gate: how many strangers may be in the middle of introducing themselves, so that they cannot use up a node.
//
//   accept  ->  enter(host, now)  ->  handshake  ->  the pass goes
//                  nothing: close the connection at once, without a byte
//
// Three bounds: half-open connections in all, half-open ones of one host, and handshakes a second (a bucket that fills
// at the rate and holds a burst). A node behind the gate pays one handshake for each pass, about 150 us.
// Pure: time is an argument. State: 64 hosts at most. Threads: one executor; a pass must go before its gate does.
#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dunlin {

struct gate_limits {
    std::size_t half_open = 64;
    std::size_t half_open_per_host = 4;
    std::uint32_t per_second = 20;
    std::uint32_t burst = 20;
};

class gate {
    gate_limits limits_;
    boost::unordered_flat_map<std::string, std::size_t> hosts_;
    std::size_t half_open_ = 0;
    std::chrono::nanoseconds full_at_{0}; // when the bucket would be full; later than now by what is taken out

public:
    class pass {
        gate* gate_ = nullptr;
        std::string host_;
        friend gate;
        pass(gate& g, std::string host) : gate_(&g), host_(std::move(host)) {}

    public:
        pass(pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), host_(std::move(other.host_)) {}
        pass& operator=(pass&& other) noexcept {
            std::swap(gate_, other.gate_), std::swap(host_, other.host_);
            return *this;
        }
        ~pass() {
            if (gate_) gate_->leave(host_);
        }
    };

    explicit gate(gate_limits limits = {}) : limits_(limits) {}

    /// `host` without the port (host_of); `now` never goes back.
    std::optional<pass> enter(std::string_view host, std::chrono::nanoseconds now) {
        if (half_open_ >= limits_.half_open) return {};
        auto& of_host = hosts_[std::string(host)];
        auto token = std::chrono::nanoseconds(std::chrono::seconds(1)) / limits_.per_second;
        auto after = std::max(full_at_, now) + token;
        if (of_host >= limits_.half_open_per_host || after - now > token * limits_.burst) {
            if (of_host == 0) hosts_.erase(std::string(host));
            return {};
        }
        full_at_ = after;
        ++of_host, ++half_open_;
        return pass(*this, std::string(host));
    }
    std::size_t half_open() const { return half_open_; }

private:
    void leave(std::string const& host) {
        --half_open_;
        if (auto it = hosts_.find(host); --it->second == 0) hosts_.erase(it);
    }
};

} // namespace dunlin
