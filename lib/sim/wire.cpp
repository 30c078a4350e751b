#include "wire.hpp"

#include <algorithm>
#include <charconv>

namespace dunlin::sim {
namespace asio_error = boost::asio::error;

void byte_ring::append(void const* from, std::size_t n) {
    if (n == 0) return;
    if (size_ + n > space_.size()) {
        std::vector<std::uint8_t> larger(std::max<std::size_t>(256, std::bit_ceil(size_ + n)));
        std::size_t const size = size_;
        take(larger.data(), size);
        space_.swap(larger);
        first_ = 0, size_ = size;
    }
    std::size_t const mask = space_.size() - 1, at = (first_ + size_) & mask;
    std::size_t const head = std::min(n, space_.size() - at);
    std::memcpy(space_.data() + at, from, head);
    std::memcpy(space_.data(), static_cast<std::uint8_t const*>(from) + head, n - head);
    size_ += n;
}

void byte_ring::take(void* into, std::size_t n) {
    if (n == 0) return;
    std::size_t const head = std::min(n, space_.size() - first_);
    std::memcpy(into, space_.data() + first_, head);
    std::memcpy(static_cast<std::uint8_t*>(into) + head, space_.data(), n - head);
    drop_first(n);
}

void byte_ring::drop_first(std::size_t n) {
    if (n == 0) return;
    first_ = (first_ + n) & (space_.size() - 1);
    size_ -= n;
}

connection::connection(wire& w, std::uint64_t n, host& client, host& server)
    : in(w), alive(w.shared_from_this()), number(n),
      window_bytes(w.of(client, server).window_bytes), ends{{w.in, client}, {w.in, server}}, pipes{pipe(w.in),
                                                                                                   pipe(w.in)} {}

std::uint16_t host::free_port() {
    for (int tries = 0; tries < 20'000; ++tries) {
        std::uint16_t const port = next_port;
        next_port = port == 59'999 ? 40'000 : std::uint16_t(port + 1);
        if (!ports.contains(port)) return port;
    }
    throw boost::system::system_error(asio_error::no_buffer_space);
}

std::pair<std::string, std::uint16_t> parse_address(std::string_view address) {
    auto const colon = address.rfind(':');
    std::uint16_t port = 0;
    if (colon != address.npos && colon > 0) {
        char const* last = address.data() + address.size();
        auto [p, error] = std::from_chars(address.data() + colon + 1, last, port);
        if (error == std::errc() && p == last) return {std::string(address.substr(0, colon)), port};
    }
    throw boost::system::system_error(asio_error::invalid_argument,
                                      "an address is name:port, not " + std::string(address));
}

faults const& wire::of(host const& from, host const& to) const {
    if (faults_of_.empty()) return faults_;
    auto it = faults_of_.find({from.number, to.number});
    return it == faults_of_.end() ? faults_ : it->second;
}

bool wire::passes(host const& from, host const& to) const {
    if (!from.up || !to.up) return false;
    return blocked_.empty() || !blocked_.contains({from.number, to.number});
}

nanoseconds wire::delay(host const& from, host const& to) {
    auto const& f = of(from, to);
    nanoseconds at = f.delay_min + nanoseconds(std::int64_t(chance_.exponential(double(f.delay_mean.count()))));
    nanoseconds wait = f.retransmit;
    for (int n = 0; n < 8 && chance_.happens(f.loss); ++n, wait *= 2) at += wait;
    if (chance_.happens(f.clog)) at += nanoseconds(std::int64_t(chance_.exponential(double(f.clog_mean.count()))));
    if (!clogged_.empty())
        if (auto it = clogged_.find({from.number, to.number}); it != clogged_.end())
            at = std::max(at, it->second - in.now());
    return at;
}

host* wire::find(std::string_view name) const {
    auto it = hosts_.find(name);
    return it == hosts_.end() ? nullptr : it->second.get();
}

std::shared_ptr<connection> wire::join(host& client, std::uint16_t client_port, listener& l) {
    auto c = std::make_shared<connection>(*this, ++made_, client, l.at);
    c->ends[0].remote = l.at.name + ":" + std::to_string(l.port);
    c->ends[1].remote = client.name + ":" + std::to_string(client_port);
    c->index = connections_.size();
    connections_.push_back(c);
    in.note(client.name, "connected", c->number, l.at.number);
    return c;
}

// ---- sending

std::size_t wire::push(connection& c, int side, void const* from, std::size_t n) {
    pipe& p = c.pipes[side];
    n = std::min(n, c.window_bytes - std::min(c.window_bytes, p.bytes.size()));
    p.bytes.append(from, n);
    std::size_t const most = std::max<std::size_t>(1, of(c.ends[side].at, c.ends[1 - side].at).segment_bytes);
    for (std::size_t left = n; left;) {
        auto const k = std::min(left, most);
        send(c, side, std::uint32_t(k), segment_kind::data);
        left -= k;
    }
    return n;
}

void wire::send(connection& c, int side, std::uint32_t bytes, segment_kind kind) {
    pipe& p = c.pipes[side];
    host &from = c.ends[side].at, &to = c.ends[1 - side].at;
    auto const& f = of(from, to);
    nanoseconds start = in.now();
    if (f.bandwidth_bytes_per_s) {
        start =
            std::max(start, p.free_at) + nanoseconds(std::uint64_t(bytes) * 1'000'000'000 / f.bandwidth_bytes_per_s);
        p.free_at = start;
    }
    if (kind == segment_kind::data && chance_.happens(f.reset)) kind = segment_kind::reset;
    p.last_at = std::max(p.last_at, start + delay(from, to));
    if (p.flying.full()) p.flying.set_capacity(p.flying.capacity() * 2);
    p.flying.push_back({p.last_at, bytes, kind});
    if (p.flying.size() == 1) arm(c, side);
}

void wire::arm(connection& c, int side) {
    pipe& p = c.pipes[side];
    p.arrival.set(p.flying.front().at, [&c, side] { c.in.arrive(c, side); });
}

void wire::arrive(connection& c, int side) {
    auto keep = connections_[c.index];
    pipe& p = c.pipes[side];
    if (!passes(c.ends[side].at, c.ends[1 - side].at)) {
        p.held = true;
        return watch_stall(c, side);
    }
    while (!p.flying.empty() && p.flying.front().at <= in.now()) {
        segment const s = p.flying.front();
        p.flying.pop_front();
        deliver(c, side, s);
    }
    if (!p.flying.empty()) arm(c, side);
    settle(c);
}

void wire::deliver(connection& c, int side, segment s) {
    pipe& p = c.pipes[side];
    end& to = c.ends[1 - side];
    ++carried_segments_;
    carried_bytes_ += s.bytes;
    if (s.kind == segment_kind::reset) {
        bool const one_side = chance_.happens(of(c.ends[side].at, to.at).half_open);
        bool const which = chance_() & 1;
        drop_flying(p, 0);
        p.bytes.drop_last(s.bytes);
        if (!one_side || which) fail(c, 1 - side, asio_error::connection_reset, "reset");
        if (!one_side || !which) fail(c, side, asio_error::connection_reset, "reset");
        return;
    }
    if (!to.open()) {
        p.bytes.drop_last(s.bytes);
        if (s.kind == segment_kind::data) refuse(c, side);
        return;
    }
    if (s.kind == segment_kind::end) p.ended = true;
    p.arrived += s.bytes;
    to.reading.resume();
    if (!passes(to.at, c.ends[side].at)) {
        p.unacked = true;
        watch_stall(c, side);
    }
}

// Somebody sent to an end that is no more: the answer is a reset, if it finds its way.
void wire::refuse(connection& c, int side) {
    end &from = c.ends[side], &to = c.ends[1 - side];
    if (!from.open() || from.reset.is_set()) return;
    from.reset.set(in.now() + delay(to.at, from.at), [this, &c, side] {
        auto keep = connections_[c.index];
        if (passes(c.ends[1 - side].at, c.ends[side].at))
            fail(c, side, asio_error::connection_reset, "refused");
        else
            c.pipes[side].unacked = true, watch_stall(c, side);
        settle(c);
    });
}

void wire::watch_stall(connection& c, int side) {
    end& e = c.ends[side];
    if (e.stall.is_set() || (!e.open() && !e.closed)) return;
    auto const limit = double(of(e.at, c.ends[1 - side].at).stall_limit.count());
    e.stall.set(in.now() + nanoseconds(std::int64_t(limit * chance_.between(0.75, 1.25))), [this, &c, side] {
        auto keep = connections_[c.index];
        drop_flying(c.pipes[side], 0);
        fail(c, side, asio_error::timed_out, "stalled");
        settle(c);
    });
}

void wire::drop_flying(pipe& p, std::size_t keep) {
    while (p.flying.size() > keep) {
        p.bytes.drop_last(p.flying.back().bytes);
        p.flying.pop_back();
    }
    if (!p.flying.empty()) return;
    p.arrival.cancel();
    p.held = false;
}

// ---- receiving and ending

std::size_t wire::take(connection& c, int side, void* into, std::size_t n) {
    pipe& p = c.pipes[1 - side];
    n = std::min(n, p.arrived);
    p.bytes.take(into, n);
    p.arrived -= n;
    c.ends[1 - side].writing.resume();
    return n;
}

/// The world breaks an end: what it had sent and not yet arrived is lost, its peer is not told.
void wire::fail(connection& c, int side, error_code error, char const* why) {
    end& e = c.ends[side];
    e.stall.cancel();
    e.reset.cancel();
    drop_flying(c.pipes[side], 0);
    if (!e.open()) return;
    in.note(e.at.name, why, c.number);
    e.error = error;
    e.reading.resume();
    e.writing.resume();
}

// As TCP: what was sent still arrives, then the end; but unread input turns the end into a reset.
void wire::close(connection& c, int side) {
    end& e = c.ends[side];
    if (e.closed) return;
    e.closed = true;
    bool const was_open = e.open();
    e.error = asio_error::bad_descriptor;
    e.reading.resume(asio_error::operation_aborted);
    e.writing.resume(asio_error::operation_aborted);
    e.reset.cancel();
    if (c.index >= connections_.size() || connections_[c.index].get() != &c) return; // cut off
    auto keep = connections_[c.index];
    pipe& input = c.pipes[1 - side];
    if (was_open) {
        bool const unread = input.arrived > 0;
        send(c, side, 0, unread ? segment_kind::reset : segment_kind::end);
    }
    input.bytes.drop_first(input.arrived);
    input.arrived = 0;
    settle(c);
}

void wire::close(listener& l) {
    if (l.closed) return;
    l.closed = true;
    l.accepting.resume(asio_error::operation_aborted);
    l.at.ports.erase(l.port);
    for (auto& c : l.backlog) close(*c, 1);
    l.backlog.clear();
}

void wire::settle(connection& c) {
    for (auto const& e : c.ends)
        if (e.open()) return;
    for (auto const& p : c.pipes)
        if (!p.flying.empty()) return;
    for (auto& e : c.ends) e.stall.cancel(), e.reset.cancel();
    if (c.index >= connections_.size() || connections_[c.index].get() != &c) return;
    auto last = std::move(connections_.back());
    connections_.pop_back();
    if (last.get() == &c) return;
    last->index = c.index;
    connections_[c.index] = std::move(last);
}

// ---- what happens to whole paths

void wire::delay_flying(connection& c, int side, nanoseconds until) {
    pipe& p = c.pipes[side];
    if (p.flying.empty()) return;
    for (auto& s : p.flying) s.at = std::max(s.at, until);
    p.last_at = std::max(p.last_at, until);
    arm(c, side);
}

void wire::resume_paths() {
    auto const all = connections_;
    for (auto const& c : all)
        for (int side : {0, 1}) {
            pipe& p = c->pipes[side];
            host &from = c->ends[side].at, &to = c->ends[1 - side].at;
            if (p.held && passes(from, to)) {
                p.held = false;
                auto const& f = of(from, to);
                if (chance_.happens(f.heal_break)) {
                    for (int which : {0, 1}) fail(*c, which, asio_error::connection_reset, "broken by the heal");
                    settle(*c);
                    break;
                }
                auto const again = 4 * chance_.unit() * double(f.retransmit.count());
                delay_flying(*c, side, in.now() + nanoseconds(std::int64_t(again)));
            }
            if (p.unacked && passes(to, from)) {
                p.unacked = false;
                if (!c->ends[1 - side].open()) refuse(*c, side);
            }
            if (!p.held && !p.unacked) c->ends[side].stall.cancel();
        }
}

std::vector<std::shared_ptr<connection>> wire::between(host const& a, host const& b) const {
    std::vector<std::shared_ptr<connection>> found;
    for (auto const& c : connections_) {
        host const &x = c->ends[0].at, &y = c->ends[1].at;
        if ((&x == &a && &y == &b) || (&x == &b && &y == &a)) found.push_back(c);
    }
    return found;
}

void wire::crash(host& h, death how) {
    in.note(h.name, how == death::power ? "power lost" : "process died", h.number);
    auto const all = connections_;
    for (auto const& c : all)
        for (int side : {0, 1}) {
            if (&c->ends[side].at != &h) continue;
            if (how == death::process) {
                close(*c, side);
                continue;
            }
            end& e = c->ends[side];
            e.closed = true;
            e.error = asio_error::bad_descriptor;
            e.stall.cancel(), e.reset.cancel();
            // Some of what it had sent is on the way; the rest went with its memory.
            drop_flying(c->pipes[side], chance_() % (c->pipes[side].flying.size() + 1));
            if (c->ends[1 - side].writing.waiting()) c->pipes[1 - side].unacked = true, watch_stall(*c, 1 - side);
            settle(*c);
        }
    if (how == death::power) h.up = false;
    auto const ports = h.ports;
    for (auto const& [port, l] : ports) close(*l);
}

/// The network is gone and its streams are not: they end here.
void wire::cut_off() {
    auto all = std::exchange(connections_, {});
    for (auto& c : all)
        for (int side : {0, 1}) fail(*c, side, asio_error::connection_reset, "cut off");
    for (auto& [name, h] : hosts_)
        while (!h->ports.empty()) {
            auto l = h->ports.begin()->second;
            close(*l);
        }
}

} // namespace dunlin::sim
