// Gate: how many strangers may be in the middle of introducing themselves, so that they cannot use up a node.
//
//   accept  ->  enter(host, out)  ->  first frame, with the key's mac  ->  shows_key(now)  ->  handshake  ->  the pass goes
//                  nothing: close it at once          false: close it, before any key is made or agreed on
//
// Two bounds on places: half-open connections in all, and those of one host. Where one is met, the stranger who has
// been there longest without showing the key is put out for the next one: whoever has the key shows it in one round
// trip, so that no number of silent sockets keeps it out, only a rate: 64 new ones a round trip. If all have shown it,
// the newcomer is refused. And a
// bound on work: handshakes a second (a bucket that fills at the rate and holds a burst), taken only by who shows the
// key. A node behind the gate pays one handshake for each, about 150 us.
// Pure: time is an argument. State: 64 strangers at most. Threads: one executor; a pass must go before its gate does.
#pragma once
#include "../crdt/mutant.hpp"
#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
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
    struct stranger {
        std::string host;
        std::function<void()> out;
        bool showed_key = false, put_out = false;
    };
    using place = std::shared_ptr<stranger>;
    gate_limits limits_;
    std::list<place> inside_; // in the order in which they came
    std::chrono::nanoseconds full_at_{0}; // when the bucket would be full; later than now by what is taken out

public:
    class pass {
        gate* gate_ = nullptr;
        place at_;
        friend gate;
        pass(gate& g, place at) : gate_(&g), at_(std::move(at)) {}

    public:
        pass(pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), at_(std::move(other.at_)) {}
        pass& operator=(pass&& other) noexcept {
            std::swap(gate_, other.gate_), std::swap(at_, other.at_);
            return *this;
        }
        ~pass() {
            if (gate_) gate_->inside_.remove(at_);
        }
        /// From here on it keeps its place. False: too many have shown it lately.
        [[nodiscard]] bool shows_key(std::chrono::nanoseconds now) {
            if (!gate_->take_token(now)) return false;
            return at_->showed_key = true;
        }
        /// It had to make room for another.
        bool put_out() const { return at_->put_out; }
    };

    explicit gate(gate_limits limits = {}) : limits_(limits) {}

    /// `host` without the port (host_of). `out` ends the connection; without it a
    /// stranger is not put out.
    std::optional<pass> enter(std::string_view host, std::function<void()> out = {}) {
        auto of_host = std::size_t(std::count_if(inside_.begin(), inside_.end(), [&](auto& s) { return s->host == host; }));
        bool share_taken = of_host >= limits_.half_open_per_host;
        bool bounded = !mutant("handshake_holds_the_door_for_everybody");
        if (bounded && (share_taken || inside_.size() >= limits_.half_open) && !put_one_out(share_taken ? host : std::string_view()))
            return {};
        auto at = inside_.emplace_back(std::make_shared<stranger>(stranger{std::string(host), std::move(out)}));
        return pass(*this, at);
    }
    std::size_t half_open() const { return inside_.size(); }

private:
    bool put_one_out(std::string_view host) {
        auto it = std::find_if(inside_.begin(), inside_.end(), [&](auto& s) {
            return !s->showed_key && s->out && (host.empty() || s->host == host);
        });
        if (it == inside_.end()) return false;
        auto at = *it;
        inside_.erase(it);
        at->put_out = true;
        at->out();
        return true;
    }
    bool take_token(std::chrono::nanoseconds now) {
        auto token = std::chrono::nanoseconds(std::chrono::seconds(1)) / limits_.per_second;
        auto after = std::max(full_at_, now) + token;
        if (after - now > token * limits_.burst) return false;
        full_at_ = after;
        return true;
    }
};

} // namespace dunlin
