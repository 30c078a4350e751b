// Gate: how many strangers may come, and be in the middle of introducing themselves, so that they cannot use up a node.
//
//   comes_after(now)  ->  accept  ->  enter(host, out)  ->  first frame, with the key's mac  ->  shows_key(now)  ->  ...
//       not yet                        nothing: close it       false: close it, before any key is agreed on
//
// Two bounds on places: half-open connections in all, and those of one host. Where one is met, the stranger who has
// been there longest without showing the key is put out for the next one: whoever has the key shows it in one round
// trip, so that no number of silent sockets keeps it out. If all have shown it, the newcomer is refused.
// Two bounds on work, buckets that fill at a rate and hold a burst: handshakes, 150 us each, taken only by who shows
// the key; and all who are looked at, 40 us each. Who comes faster waits in the system's queue, which is short, and
// beyond it at home. So a flood slows no link. It keeps newcomers out; the members that know of one dial it.
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

/// So many a second, and so many at once after a rest.
struct rate {
    std::uint32_t per_second, burst;
};

class bucket {
    rate rate_;
    std::chrono::nanoseconds full_at_{0}; // when it would be full; later than now by what is taken out

public:
    explicit bucket(rate r) : rate_(r) {}
    /// Takes one; if there is none, nothing, and says when there is one.
    std::chrono::nanoseconds take(std::chrono::nanoseconds now) {
        auto token = std::chrono::nanoseconds(std::chrono::seconds(1)) / rate_.per_second;
        auto after = std::max(full_at_, now) + token;
        if (auto lacks = after - now - token * rate_.burst; lacks.count() > 0) return lacks;
        full_at_ = after;
        return {};
    }
};

struct gate_limits {
    std::size_t half_open = 64;
    std::size_t half_open_per_host = 4;
    rate handshakes{20, 20};
    rate looked_at{250, 64};
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
    bucket handshakes_, looked_at_;

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
            if (gate_->handshakes_.take(now).count() > 0) return false;
            return at_->showed_key = true;
        }
        /// It had to make room for another.
        bool put_out() const { return at_->put_out; }
    };

    explicit gate(gate_limits limits = {})
        : limits_(limits), handshakes_(limits.handshakes), looked_at_(limits.looked_at) {}

    /// Zero: one more may come now. Otherwise nobody until so much later; ask again then.
    std::chrono::nanoseconds comes_after(std::chrono::nanoseconds now) {
        return mutant("handshake_looks_at_everybody") ? std::chrono::nanoseconds() : looked_at_.take(now);
    }

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
};

} // namespace dunlin
