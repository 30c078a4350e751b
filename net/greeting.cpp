// The handshake of a link: who calls, who answers, what each says of itself. The picture is in link.hpp.
#include "../crdt/mutant.hpp"
#include "address.hpp"
#include "link.hpp"
#include "stop_signal.hpp"
#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dunlin {

namespace asio = boost::asio;
using boost::system::system_error;

namespace {

constexpr bytes_view magic = "dnln";
constexpr std::uint8_t format_version = 1;
constexpr octets<4> no_key_id{};
constexpr std::size_t header_size = magic.size() + 1 + no_key_id.size();
constexpr std::size_t mac_size = 16, message1_size = 32 + tag_size;
constexpr std::size_t introduction_max = link_bounds::hello_max + 64;
constexpr std::size_t greeting_frame_max = introduction_max + 32 + 2 * tag_size + 32;
constexpr std::size_t ready_frame_size = 2 + 1 + tag_size;
constexpr std::string_view pattern_name = "XXpsk3";

// In clear, so that the error on the other side can say what to do. Their numbers are on the wire.
enum class reason : std::uint8_t { version = 1, needs_key = 2, has_no_key = 3, other_key = 4 };

net_error error_of(std::uint8_t code) {
    switch (reason(code)) {
    case reason::version:
        return net_error::wrong_version;
    case reason::needs_key:
        return net_error::key_missing;
    case reason::has_no_key:
        return net_error::peer_without_key;
    case reason::other_key:
        return net_error::wrong_key;
    }
    return net_error::not_dunlin;
}

std::string header_of(octets<4> const& key_id) {
    encoder e;
    e.raw(magic);
    e.u8(format_version);
    e.raw(view_of(key_id));
    return e.take();
}

octets<16> mac1_of(cluster_key const& key, bytes_view header, bytes_view message1) {
    auto mac_key = key.mac_key();
    hasher<16> h(mac_key.view());
    h.update(header);
    h.update(message1);
    return h.finish();
}

noise::handshake noise_of(noise::role role, link_options const& o) {
    noise::keys keys(make_key_pair(o.chance));
    keys.own = o.own.keys;
    keys.psk = o.key->psk();
    auto prologue = std::string("dunlin/1").append(pattern_name).append(view_of(o.key->id()));
    return noise::handshake(*noise::pattern_named(pattern_name), role, prologue, keys);
}

std::string introduction_of(link_options const& o) {
    encoder e;
    e.u(o.version_least);
    e.u(o.version_most);
    e.u8(o.key ? 1 : 0);
    auto own = o.own.node();
    if (!o.key) e.raw(view_of(own));
    e.bytes(o.hello);
    return e.take();
}

bool hung_up(boost::system::error_code const& e) {
    return e == net_error::truncated || e == asio::error::broken_pipe || e == asio::error::connection_reset;
}

void set_length(std::string& frame) {
    frame[0] = char((frame.size() - 2) >> 8);
    frame[1] = char(frame.size() - 2);
}

std::string plain_frame(bytes_view text) {
    std::string frame(2, '\0');
    frame.append(text);
    set_length(frame);
    return frame;
}

std::string noise_frame(noise::handshake& h, bytes_view payload) {
    std::string frame(2, '\0');
    if (!h.write(payload, frame)) fail(net_error::handshake_failed, "a key of the other node is weak");
    set_length(frame);
    return frame;
}

} // namespace

struct greeting {
    link& l;
    link_options const& o;
    std::function<bool()> const& admit;

    [[noreturn]] void refuse(net_error e) { fail(e, l.remote_address()); }

    awaitable<void> write(std::string bytes) {
        auto all = asio::buffer(std::as_const(bytes));
        co_await l.stream_->write(all);
    }

    /// Valid until the next bytes are awaited.
    bytes_view take(std::size_t size) {
        bytes_view taken(l.in_.data() + l.from_, size);
        l.from_ += size;
        return taken;
    }

    awaitable<bytes_view> read_frame() {
        co_await l.arrive(2);
        auto size = l.frame_size();
        if (size > 2 + greeting_frame_max) refuse(net_error::not_dunlin);
        if (size == 2) {
            co_await l.arrive(3);
            refuse(error_of(std::uint8_t(take(3)[2])));
        }
        co_await l.arrive(size);
        co_return take(size).substr(2);
    }

    // What can be wrong with a node that is in the cluster. Both sides look only after both have said all, so that
    // each has an error of its own.
    void meet(bytes_view introduction, noise::handshake const* h) {
        decoder d(introduction);
        auto least = d.u(), most = d.u();
        bool claims_secure = d.u8() == 1;
        if (h) {
            l.remote_node_ = node_of(*h->remote_key());
        } else {
            auto claimed = d.raw(16);
            std::copy(claimed.begin(), claimed.end(), l.remote_node_.begin());
        }
        l.remote_hello_ = d.bytes(link_bounds::hello_max);
        // What follows is left to later versions.
        if (!d.ok() || claims_secure != (h != nullptr)) refuse(net_error::handshake_failed);
        auto version = std::min<std::uint64_t>(most, o.version_most);
        if (version < std::max<std::uint64_t>(least, o.version_least)) refuse(net_error::wrong_version);
        l.version_ = std::uint32_t(version);
        if (l.remote_node_ == o.own.node()) refuse(net_error::self);
        if (o.expected && *o.expected != l.remote_node_) refuse(net_error::other_node);
        if (!h) return;
        l.handshake_hash_ = h->hash();
        auto ciphers = h->split();
        l.send_ = ciphers.send, l.receive_ = ciphers.receive;
    }

    awaitable<void> call() {
        auto h = noise_of(noise::role::caller, o);
        std::string message1, introduction;
        if (!h.write({}, message1)) refuse(net_error::handshake_failed);
        auto header = header_of(o.key->id());
        auto mac1 = mac1_of(*o.key, header, message1);
        co_await write(header + std::string(view_of(mac1)) + message1);
        auto message2 = co_await read_frame();
        if (!h.read(message2, introduction)) refuse(net_error::handshake_failed);
        auto message3 = noise_frame(h, introduction_of(o));
        co_await write(message3);
        meet(introduction, &h);
        // Up to here whoever answers need not have known the cluster key.
        std::optional<link::frame> f;
        while (!f) {
            auto wanted = l.frame_size();
            if (wanted > ready_frame_size) refuse(net_error::handshake_failed);
            co_await l.arrive(wanted);
            f = l.next_frame();
        }
        if (f->what != link::ready) refuse(net_error::handshake_failed);
    }

    awaitable<void> answer() {
        co_await l.arrive(header_size);
        std::string header(take(header_size));
        if (!header.starts_with(magic)) refuse(net_error::not_dunlin);
        if (std::uint8_t(header[magic.size()]) != format_version) {
            co_await turn_away(reason::version);
            refuse(net_error::wrong_version);
        }
        auto key_id = bytes_view(header).substr(magic.size() + 1);
        if (key_id == view_of(no_key_id)) {
            co_await answer_in_clear();
        } else {
            // Waited for here, in the smaller frame; and read even if it will be refused: unread bytes would make the
            // closing connection drop the reason.
            co_await l.arrive(mac_size + message1_size);
            co_await answer_sealed(header);
        }
    }

    awaitable<void> turn_away(reason why) {
        std::string refusal(2, '\0');
        refusal.push_back(char(why));
        co_await write(refusal);
    }

    awaitable<void> answer_sealed(std::string const& header) {
        auto key_id = bytes_view(header).substr(magic.size() + 1);
        auto mac1 = take(mac_size), message1 = take(message1_size);
        if (!o.key) {
            co_await turn_away(reason::has_no_key);
            refuse(net_error::key_missing);
        }
        if (key_id != view_of(o.key->id())) {
            co_await turn_away(reason::other_key);
            refuse(net_error::wrong_key);
        }
        auto right = mac1_of(*o.key, header, message1);
        if (mutant("handshake_agrees_before_the_mac")) (void)noise_of(noise::role::answerer, o);
        if (!same_bytes(mac1, view_of(right))) refuse(net_error::wrong_key);
        if (admit && !admit()) refuse(net_error::busy);
        auto h = noise_of(noise::role::answerer, o);
        std::string introduction;
        if (!h.read(message1, introduction)) refuse(net_error::handshake_failed);
        auto message2 = noise_frame(h, introduction_of(o));
        co_await write(message2);
        auto message3 = co_await read_frame();
        if (!h.read(message3, introduction)) refuse(net_error::handshake_failed);
        meet(introduction, &h);
        l.put_frame(link::ready, {});
        co_await l.flush();
    }

    awaitable<void> call_in_clear() {
        if (!is_loopback(l.remote_address())) refuse(net_error::insecure_not_loopback);
        auto first = header_of(no_key_id) + plain_frame(introduction_of(o));
        co_await write(first);
        auto introduction = co_await read_frame();
        meet(introduction, nullptr);
    }

    awaitable<void> answer_in_clear() {
        auto introduction = co_await read_frame();
        if (o.key) {
            co_await turn_away(reason::needs_key);
            refuse(net_error::peer_without_key);
        }
        if (!is_loopback(l.remote_address())) refuse(net_error::insecure_not_loopback);
        if (admit && !admit()) refuse(net_error::busy);
        auto own = plain_frame(introduction_of(o));
        co_await write(own);
        meet(introduction, nullptr);
    }

    static std::unique_ptr<link> link_over(std::unique_ptr<stream> s, link_options const& o) {
        return std::unique_ptr<link>(new link(std::move(s), o));
    }

    static awaitable<std::unique_ptr<link>> run(std::unique_ptr<stream> over, std::shared_ptr<link_options const> terms,
                                                std::function<bool()> admit, bool caller) {
        auto& o = *terms;
        auto executor = co_await asio::this_coro::executor;
        auto made = link_over(std::move(over), o);
        if (o.hello.size() > link_bounds::hello_max) fail(net_error::hello_too_large, made->remote_address());
        bool late = false, ended = false;
        auto limit = o.clock.make_timer(executor);
        if (!mutant("handshake_waits_for_ever"))
            limit->expires_after(o.handshake_time, [&] { late = true, made->drop(); });
        greeting g{*made, o, admit};
        try {
            if (!caller)
                co_await g.answer();
            else if (o.key)
                co_await g.call();
            else
                co_await g.call_in_clear();
        } catch (system_error const& e) {
            made->drop();
            ended = caller && hung_up(e.code());
            if (!late && !ended) throw;
        }
        if (late) fail(net_error::timed_out, made->remote_address());
        if (ended) fail(net_error::refused, made->remote_address());
        made->open_ = true;
        co_return made;
    }
};

awaitable<std::unique_ptr<link>> initiate(std::unique_ptr<stream> connected, link_options options) {
    return greeting::run(std::move(connected), std::make_shared<link_options const>(std::move(options)), {}, true);
}

awaitable<std::unique_ptr<link>> respond(std::unique_ptr<stream> accepted, std::shared_ptr<link_options const> options,
                                         std::function<bool()> admit) {
    return greeting::run(std::move(accepted), std::move(options), std::move(admit), false);
}

awaitable<std::unique_ptr<link>> dial(transport& by, std::string address, link_options options) {
    auto executor = co_await asio::this_coro::executor;
    auto cancellation = co_await asio::this_coro::cancellation_state;
    auto caller = cancellation.slot();
    stop_signal stop(executor);
    // The connecting coroutine listens to `stop` alone; whoever cancels this one is passed on.
    if (caller.is_connected()) caller.assign([&](asio::cancellation_type how) { stop.emit(how); });
    bool late = false;
    auto limit = options.clock.make_timer(executor);
    limit->expires_after(options.handshake_time, [&] {
        late = true;
        stop.emit(asio::cancellation_type::terminal);
    });
    std::unique_ptr<stream> connected;
    auto connecting = by.connect(executor, address);
    auto token = asio::bind_cancellation_slot(stop.slot(), asio::use_awaitable);
    try {
        connected = co_await asio::co_spawn(executor, std::move(connecting), token);
    } catch (...) {
        if (caller.is_connected()) caller.clear();
        if (!late) throw;
    }
    if (caller.is_connected()) caller.clear();
    limit->cancel();
    if (late) fail(net_error::timed_out, address);
    auto made = co_await initiate(std::move(connected), options);
    co_return made;
}

} // namespace dunlin
