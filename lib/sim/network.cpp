#include "network.hpp"

#include "wire.hpp"

#include <boost/asio/post.hpp>
#include <stdexcept>

namespace dunlin::sim {
namespace {

namespace asio_error = boost::asio::error;
using boost::system::system_error;

// The functions that wait are static and own the connection: whoever destroys the stream meanwhile ends them.

awaitable<std::size_t> read_end(std::shared_ptr<connection> c, int side, boost::asio::mutable_buffer into) {
    end& e = c->ends[side];
    pipe& p = c->pipes[1 - side];
    if (into.size() == 0) co_return 0;
    // A real read never completes inside its own call.
    if (p.arrived || p.ended || !e.open()) co_await boost::asio::post(boost::asio::use_awaitable);
    for (;;) {
        if (!e.open()) throw system_error(e.error);
        if (p.arrived) co_return c->in.take(*c, side, into.data(), into.size());
        if (p.ended) throw system_error(asio_error::eof);
        co_await e.reading.wait();
    }
}

awaitable<void> write_end(std::shared_ptr<connection> c, int side, boost::asio::const_buffer bytes) {
    end& e = c->ends[side];
    for (;;) {
        if (!e.open()) throw system_error(e.error);
        bytes += c->in.push(*c, side, bytes.data(), bytes.size());
        if (bytes.size() == 0) break;
        co_await e.writing.wait();
    }
    co_await boost::asio::post(boost::asio::use_awaitable);
}

class wire_stream final : public stream {
    std::shared_ptr<wire> wire_;
    std::shared_ptr<connection> c_;
    int side_;

public:
    wire_stream(std::shared_ptr<wire> w, std::shared_ptr<connection> c, int side)
        : wire_(std::move(w)), c_(std::move(c)), side_(side) {}
    ~wire_stream() override { close(); }
    awaitable<std::size_t> read_some(boost::asio::mutable_buffer into) override { return read_end(c_, side_, into); }
    awaitable<void> write(boost::asio::const_buffer bytes) override { return write_end(c_, side_, bytes); }
    void close() override { wire_->close(*c_, side_); }
    std::string remote_address() const override { return c_->ends[side_].remote; }
};

awaitable<std::unique_ptr<stream>> accept_next(std::shared_ptr<wire> w, std::shared_ptr<listener> l) {
    while (!l->closed && l->backlog.empty()) co_await l->accepting.wait();
    if (l->closed) throw system_error(asio_error::bad_descriptor);
    auto c = std::move(l->backlog.front());
    l->backlog.pop_front();
    co_return std::make_unique<wire_stream>(std::move(w), std::move(c), 1);
}

class wire_acceptor final : public acceptor {
    std::shared_ptr<wire> wire_;
    std::shared_ptr<listener> l_;
    std::string address_;

public:
    wire_acceptor(std::shared_ptr<wire> w, std::shared_ptr<listener> l)
        : wire_(std::move(w)), l_(std::move(l)), address_(l_->at.name + ":" + std::to_string(l_->port)) {}
    ~wire_acceptor() override { close(); }
    awaitable<std::unique_ptr<stream>> accept() override { return accept_next(wire_, l_); }
    void close() override { wire_->close(*l_); }
    std::string local_address() const override { return address_; }
};

awaitable<void> time_out(std::shared_ptr<wire> w, nanoseconds deadline) {
    co_await w->in.sleep(deadline - w->in.now());
    throw system_error(asio_error::timed_out);
}

/// One way of the handshake; a path that is blocked when it should arrive ends in the time limit.
awaitable<void> travel(std::shared_ptr<wire> w, host& from, host& to, nanoseconds deadline) {
    nanoseconds const arrives = w->in.now() + w->delay(from, to);
    if (arrives < deadline) co_await w->in.sleep(arrives - w->in.now());
    if (arrives >= deadline || !w->passes(from, to)) co_await time_out(w, deadline);
}

awaitable<std::unique_ptr<stream>> dial(std::shared_ptr<wire> w, host& from, std::string address) {
    auto const [name, port] = parse_address(address);
    nanoseconds const started = w->in.now();
    host* to = w->find(name);
    if (!to) {
        co_await w->in.sleep(w->delay(from, from));
        throw system_error(asio_error::host_not_found, address);
    }
    nanoseconds const deadline = started + w->of(from, *to).connect_limit;
    co_await travel(w, from, *to, deadline);
    auto const at = to->ports.find(port);
    if (at == to->ports.end()) {
        co_await travel(w, *to, from, deadline);
        throw system_error(asio_error::connection_refused, address);
    }
    auto const l = at->second;
    if (l->backlog.full()) co_await time_out(w, deadline);
    auto c = w->join(from, from.free_port(), *l);
    // From here on the connection exists over there, whatever becomes of this side.
    auto mine = std::make_unique<wire_stream>(w, c, 0);
    l->backlog.push_back(std::move(c));
    l->accepting.resume();
    co_await travel(w, *to, from, deadline);
    co_return mine;
}

class wire_transport final : public transport {
    wire& wire_;
    host& host_;

public:
    wire_transport(wire& w, host& h) : wire_(w), host_(h) {}
    awaitable<std::unique_ptr<stream>> connect(any_io_executor executor, std::string address) override {
        process_of(executor);
        return dial(wire_.shared_from_this(), host_, std::move(address));
    }
    std::unique_ptr<acceptor> listen(any_io_executor executor, std::string const& address) override {
        process_of(executor);
        auto [name, port] = parse_address(address);
        if (name != host_.name)
            throw system_error(make_error_code(boost::system::errc::address_not_available), address);
        if (port == 0) port = host_.free_port();
        if (host_.ports.contains(port)) throw system_error(asio_error::address_in_use, address);
        auto l = std::make_shared<listener>(host_, port);
        host_.ports.emplace(port, l);
        return std::make_unique<wire_acceptor>(wire_.shared_from_this(), std::move(l));
    }
};

} // namespace

faults faults::harsh(generator& c) {
    faults f;
    f.delay_min = nanoseconds(c.below(10'000'000));
    f.delay_mean = nanoseconds(c.below(30'000'000));
    f.loss = c.between(0, 0.3);
    f.retransmit = std::chrono::milliseconds(20 + c.below(200));
    f.clog = c.between(0, 0.02);
    f.clog_mean = std::chrono::milliseconds(c.below(2'000));
    f.reset = c.below(3) ? 0 : c.between(0, 0.01);
    f.half_open = c.between(0, 0.5);
    f.heal_break = c.unit();
    f.stall_limit = std::chrono::milliseconds(500 + c.below(20'000));
    f.connect_limit = std::chrono::milliseconds(500 + c.below(5'000));
    f.bandwidth_bytes_per_s = c.below(3) ? 0 : 100'000 + c.below(10'000'000);
    f.window_bytes = std::size_t(1024) << c.below(7);
    f.segment_bytes = std::size_t(64) << c.below(9);
    return f;
}

network::network(world& w) : wire_(std::make_shared<wire>(w)) {}
network::~network() { wire_->cut_off(); }

transport& network::attach(std::string const& name) {
    auto& h = wire_->hosts_[name];
    if (!h) {
        if (name.empty() || name.find(':') != name.npos)
            throw std::logic_error("a host's name is not empty and has no colon");
        h = std::make_unique<host>();
        h->name = name;
        h->number = std::uint32_t(wire_->hosts_.size() - 1);
        h->transport = std::make_unique<wire_transport>(*wire_, *h);
    }
    return *h->transport;
}

namespace {
host& known(wire& w, std::string const& name) {
    host* h = w.find(name);
    if (!h) throw std::logic_error("no host is named " + name);
    return *h;
}
} // namespace

void network::set_faults(faults f) {
    wire_->faults_ = f;
    wire_->faults_of_.clear();
}

void network::set_faults(std::string const& from, std::string const& to, faults f) {
    wire_->faults_of_[{known(*wire_, from).number, known(*wire_, to).number}] = f;
}

void network::block(std::string const& from, std::string const& to) {
    wire_->in.note(from, "blocked to", known(*wire_, to).number);
    wire_->blocked_.insert({known(*wire_, from).number, known(*wire_, to).number});
}

void network::unblock(std::string const& from, std::string const& to) {
    wire_->in.note(from, "unblocked to", known(*wire_, to).number);
    wire_->blocked_.erase({known(*wire_, from).number, known(*wire_, to).number});
    wire_->resume_paths();
}

void network::partition(std::vector<std::vector<std::string>> const& groups) {
    std::map<std::string, std::size_t> group_of;
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (auto const& name : groups[g]) known(*wire_, name), group_of[name] = g + 1;
    for (auto const& [a, x] : wire_->hosts_)
        for (auto const& [b, y] : wire_->hosts_)
            if (group_of[a] != group_of[b]) block(a, b);
}

void network::heal() {
    wire_->in.note("network", "healed");
    wire_->blocked_.clear();
    wire_->resume_paths();
}

void network::clog(std::string const& from, std::string const& to, nanoseconds duration) {
    host &a = known(*wire_, from), &b = known(*wire_, to);
    nanoseconds const until = wire_->in.now() + duration;
    wire_->clogged_[{a.number, b.number}] = until;
    for (auto const& c : wire_->between(a, b)) {
        int const side = &c->ends[0].at == &a ? 0 : 1;
        if (!c->pipes[side].held) wire_->delay_flying(*c, side, until);
    }
}

void network::reset(std::string const& a, std::string const& b) {
    for (auto const& c : wire_->between(known(*wire_, a), known(*wire_, b)))
        for (int side : {0, 1}) wire_->send(*c, side, 0, segment_kind::reset);
}

void network::half_open(std::string const& a, std::string const& b) {
    host& breaks = known(*wire_, a);
    for (auto const& c : wire_->between(breaks, known(*wire_, b))) {
        wire_->fail(*c, &c->ends[0].at == &breaks ? 0 : 1, asio_error::connection_reset, "half open");
        wire_->settle(*c);
    }
}

void network::crash(std::string const& name, death how) { wire_->crash(known(*wire_, name), how); }

void network::restart(std::string const& name) {
    known(*wire_, name).up = true;
    wire_->resume_paths();
}

std::size_t network::connections() const { return wire_->connections_.size(); }
std::uint64_t network::carried_bytes() const { return wire_->carried_bytes_; }
std::uint64_t network::carried_segments() const { return wire_->carried_segments_; }

} // namespace dunlin::sim
