// Rights between nodes: who wishes says so in an entry, who has most gives first.
#include "rights.hpp"
#include "space_body.hpp"

namespace dunlin {

using namespace std::chrono_literals;

namespace {
constexpr auto first_pause = 100ms, pause_max = 60'000ms;
constexpr unsigned rank_max = 25;
} // namespace

void rights::wish(account& a, std::int64_t lacking) {
    auto& c = *a.counter;
    auto here = wide_int(std::max<std::int64_t>(0, reserve(a))) + a.under_way.amount;
    auto elsewhere = wide_int(c.value()) - c.available() - here; // some of it perhaps in pockets of runs that are gone
    auto more = saturated(std::min<wide_int>(lacking - here, elsewhere));
    auto now = space_.time().steady_now();
    if (more > 0 ? now < a.wished + a.pause : now < a.wished + first_pause) return;
    if (more <= 0) return void(a.pause = 0ms);
    std::int64_t wanted = 0, received = 0;
    for (auto& s : c.shares()) {
        if (s.at.slot() == space_.self()) wanted = s.wanted;
        received = saturated(wide_int(received) + s.given_to(space_.self()));
    }
    bool again = wide_int(wanted) - received >= more; // it was said, and perhaps nobody was there to hear it
    mark(*a.of, c);
    c.want(again ? 1 : saturated(wide_int(more) + received - wanted));
    a.wished = now, a.has_wished = true;
    a.pause = std::clamp<std::chrono::milliseconds>(again ? a.pause * 2 : a.pause, first_pause, pause_max);
    space_.seal();
}

/// What a writer has wished for and not been given.
std::int64_t rights::wished_by(bounded_counter const& c, bounded_counter::share const& s) const {
    wide_int left = s.wanted;
    for (auto& from : c.shares()) left -= from.given_to(s.at.slot());
    return saturated(std::max<wide_int>(0, left));
}

/// By another node that is there to be given it.
bool rights::is_wished(bounded_counter const& c, bounded_counter::share const& s) const {
    if (!s.wanted || is_ours(s.at.slot())) return false;
    return space_.is_near(space_.table().id(s.at.slot()).node) && wished_by(c, s) > 0;
}

/// How many other nodes hold more than this one: they are to give first.
unsigned rights::rank(account const& a, std::uint32_t wisher) const {
    std::map<node_id, wide_int> held;
    auto& table = space_.table();
    for (auto& s : a.counter->shares()) {
        auto& of = held[table.id(s.at.slot()).node];
        of += wide_int(s.deposited) - s.spent - s.given();
        for (auto& g : s.gifts) held[table.id(g.to).node] += g.sum;
    }
    auto own = std::pair(held[table.id(space_.self()).node], table.id(space_.self()).node);
    unsigned n = 0;
    for (auto& [node, sum] : held) n += node != table.id(wisher).node && std::pair(sum, node) > own;
    return std::min(n, rank_max);
}

void rights::give(account& a) {
    auto& c = *a.counter;
    auto now = space_.time().steady_now();
    auto& table = space_.table();
    bool open = false;
    std::vector<std::pair<std::uint32_t, std::int64_t>> gifts;
    std::int64_t left = c.available(), kept = 0; // of two who wait for what the other has the lesser node gets it
    for (auto& s : a.spenders) kept = std::max(kept, s.amount);
    for (auto& s : c.shares()) {
        if (!is_wished(c, s)) continue;
        auto& node = table.id(s.at.slot()).node;
        auto asked = wished_by(c, s);
        open = true;
        if (a.wish_seen == instant{}) a.wish_seen = now;
        if (now < a.wish_seen + rank(a, s.at.slot()) * rank_pause) continue;
        auto spare = node < table.id(space_.self()).node ? left : std::max<std::int64_t>(0, left - kept);
        auto n = spare / 4 > asked ? spare / 4 : std::min(asked, spare);
        left -= n;
        if (n > 0) gifts.emplace_back(s.at.slot(), n);
    }
    if (!gifts.empty()) mark(*a.of, c);
    for (auto& [to, n] : gifts) c.give(to, n);
    // Not touched by it: two who miss the same would give it to each other for ever.
    if (!gifts.empty()) a.level = std::min(a.level, c.available()), space_.seal();
    bool has_any = c.available() > 0 || reserve(a) > 0;
    if (!open || !has_any) a.wish_seen = {};
}

bool rights::wishes(object_type const& type, shapes const& kinds, bytes_view delta) {
    decoder in(delta);
    auto head = in.u();
    if (head & 1)
        for (auto n = in.u(); n && in.ok(); --n) in.u(), in.u();
    for (auto n = head / 2; n && in.ok(); --n) {
        auto id = in.u32();
        decoder one(in.bytes());
        auto line = kinds.find(type.name, id); // of the program's own, too: what is said stands in the schema
        if (line && line->type == &bounded_counter::of() && bounded_counter::says_wish(one.u())) return true;
    }
    return false;
}

} // namespace dunlin
