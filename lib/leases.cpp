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
}

void leases::announced() {
    has_announced_ = true;
    if (!runs_ || stopped_) return;
    auto now = space_.time().wall_now();
    if (of(space_.self()) - now.count() > std::chrono::milliseconds(length - renewed).count()) return;
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

void leases::renew() {
    using namespace std::chrono_literals;
    if (space_.is_busy() || space_.overloaded()) return ring_in(100ms);
    if (!mutant("lease_is_not_renewed")) announced();
    space_.end_step();
    if (!stopped_) ring_in(renewed);
}

bool leases::changed() {
    bool less = false;
    auto before = std::exchange(until_ms_, {});
    auto now = space_.time().wall_now().count();
    lines().leases.each_held([&](bytes_view writer, expiry const& until) {
        decoder in(writer);
        auto slot = space_.table().find(read_writer(in));
        if (!in.finished() || slot == writers::none) return;
        if (slot >= until_ms_.size()) until_ms_.resize(slot + 1);
        until_ms_[slot] = until.deadline_ms();
    });
    for (std::size_t s = 0; s < before.size(); ++s) less = less || (before[s] > now && of(std::uint32_t(s)) < before[s]);
    return less;
}

void leases::end() {
    if (!runs_ || !has_announced_ || of(space_.self()) <= space_.time().wall_now().count()) return;
    lines().leases[view_of_writer(space_.table().id(space_.self()))](std::chrono::milliseconds(0));
}

void leases::stop() {
    stopped_ = true;
    timer_->cancel();
}

} // namespace dunlin
