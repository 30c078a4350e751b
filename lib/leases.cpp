#include "leases.hpp"
#include "../crdt/mutant.hpp"
#include "../net/entry.hpp"
#include "space_body.hpp"

namespace dunlin {

leases::leases(space_body& space) : space_(space), timer_(space.time().make_timer(space.executor())) {}
leases::~leases() = default;

void leases::start(object& runs) {
    runs_ = &runs;
    changed();
    if (wanted_) ring_in(std::chrono::milliseconds(1));
}

std::int64_t leases::of(std::uint32_t slot, std::uint64_t stamp) const {
    if (slot == space_.self() && !ended_) return never_ms;
    if (!runs_ || space_.is_unknown(*runs_)) return never_ms; // nobody can tell
    return std::max(line(slot), std::int64_t(stamp >> 16) + (line(slot) ? 0 : length.count()));
}

void leases::announced() {
    wanted_ = !runs_;
    if (!runs_ || stopped_ || ended_) return;
    auto left = std::chrono::milliseconds(line(space_.self())) - space_.time().wall_now();
    if (left > length - renewed && left <= length) return; // more is left where the clock was set back
    lines().leases[view_of_writer(space_.table().id(space_.self()))](length);
    ring_in(renewed);
}

void leases::ring_in(std::chrono::milliseconds in) {
    if (std::exchange(ringing_, true)) return;
    timer_->expires_after(in, [this] {
        ringing_ = false;
        if (!stopped_) renew();
    });
}

/// What was announced in an atomic that was undone has said no line.
void leases::renew() {
    using namespace std::chrono_literals;
    if (ended_ || (!line(space_.self()) && !wanted_)) return;
    if (space_.is_busy() || space_.overloaded()) return ring_in(100ms);
    wanted_ = false;
    if (!mutant("lease_is_not_renewed")) announced();
    space_.end_step();
    if (!stopped_) ring_in(renewed);
}

leases::news leases::changed() {
    news told;
    auto before = std::exchange(until_ms_, {});
    auto now = space_.time().wall_now().count();
    auto most = now + (length + hybrid_clock::ahead_max).count();
    lines().leases.each_held([&](bytes_view writer, expiry const& until) {
        decoder in(writer);
        auto slot = space_.table().find(read_writer(in));
        if (!in.finished() || slot == writers::none) return;
        if (slot >= until_ms_.size()) until_ms_.resize(slot + 1);
        until_ms_[slot] = std::min(until.deadline_ms(), most);
    });
    for (std::uint32_t s = 0; s < std::max(before.size(), until_ms_.size()); ++s) {
        auto was = s < before.size() ? before[s] : 0, is = line(s);
        if (was > now && is < was) told.ended_ms = std::min(told.ended_ms, is);
        if (was && was <= now && is > now) told.came_back = true;
    }
    return told;
}

void leases::end() {
    if (!runs_ || line(space_.self()) <= space_.time().wall_now().count()) return;
    lines().leases[view_of_writer(space_.table().id(space_.self()))](std::chrono::milliseconds(0));
    ended_ = true;
}

void leases::stop() {
    stopped_ = true;
    timer_->cancel();
}

} // namespace dunlin
