// First frame: what is said before anybody has proved anything, to who answers and to who calls.
//
//   input := mode u8 | u8 bytes at a time | bytes        mode mod 64
//     0..31  to an answerer with a key, as it is          32..47  in clear, to an answerer without a key
//     48..55 in clear, to a caller without a key          56, 57  message 1 behind the right key id and mac1
//     58     to a caller with a key                       59      a member's introduction, behind the whole handshake
//     60..63 in clear, to an answerer with a key
//
// Nobody gets a link who has not proved the key. Before the keyed check nothing is drawn, so that no key was made,
// nothing is written but a refusal of 3 bytes, and a stranger's bytes are kept to 2 KiB.
#include "driver.hpp"
#include "memory_stream.hpp"
#include <dunlin/net/error.hpp>

namespace {
using namespace fuzz;
using link_pointer = std::unique_ptr<dunlin::link>;

still_clock clock_here;
struct node {
    same_chance random;
    identity own;
    explicit node(std::uint8_t n) : random(n), own(identity::make(random)) { random.drawn = 0; }
    link_options options(bool with_key) {
        link_options o(clock_here, random, own);
        static same_chance for_key(9);
        static auto const key = cluster_key::make(for_key);
        if (with_key) o.key = key;
        o.hello = "hello";
        return o;
    }
};
struct outcome {
    link_pointer link;
    std::string written;
    std::size_t drawn = 0;
};

outcome talk(bool answers, bool with_key, std::string_view bytes, std::size_t at_a_time) {
    static node here(1);
    outcome out;
    here.random.drawn = 0;
    auto stream = std::make_unique<memory_stream>(bytes, at_a_time, out.written);
    auto options = here.options(with_key);
    auto made = answers ? respond(std::move(stream), std::make_shared<link_options>(options)) : initiate(std::move(stream), options);
    auto failed = finish(std::move(made), [&](link_pointer l) { out.link = std::move(l); });
    must(!failed == bool(out.link), "neither a link nor an error");
    out.drawn = here.random.drawn;
    try {
        if (failed) std::rethrow_exception(failed);
    } catch (boost::system::system_error const&) {} // anything else is no answer to bad bytes
    return out;
}

/// The caller's side of the handshake, up to message 2, made once.
struct member {
    node self{2};
    link_options options = self.options(true);
    std::string first; // the caller's first frame
    noise::handshake at_three;

    member() : at_three(make_handshake()) {
        std::string message1, answer, payload;
        must(at_three.write({}, message1), "message 1");
        first = behind_mac(message1);
        answer = talk(true, true, first, 4096).written;
        must(answer.size() > 2 && at_three.read(std::string_view(answer).substr(2), payload), "message 2");
    }
    std::string header() const {
        encoder e;
        e.raw("dnln"), e.u8(1), e.raw(view_of(options.key->id()));
        return e.take();
    }
    std::string behind_mac(std::string_view message1) const {
        auto said = header();
        auto mac_key = options.key->mac_key();
        hasher<16> h(mac_key.view());
        h.update(said), h.update(message1);
        auto mac = h.finish();
        return said.append(view_of(mac)).append(message1);
    }

private:
    noise::handshake make_handshake() {
        noise::keys k(make_key_pair(self.random));
        k.own = options.own.keys, k.psk = options.key->psk();
        auto prologue = std::string("dunlin/1XXpsk3").append(view_of(options.key->id()));
        return noise::handshake(*noise::pattern_named("XXpsk3"), noise::role::caller, prologue, k);
    }
};
member& insider() {
    static member m;
    return m;
}

void bounded(outcome const& o) { must(!o.link || o.link->remote_hello().size() <= link_bounds::hello_max, "a long hello"); }
std::string in_clear(std::string_view introduction) {
    return std::string("dnln\1\0\0\0\0", 9).append(piece(introduction));
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    auto mode = in.u8() % 64;
    auto at_a_time = std::size_t(in.u8()) + 1;
    auto bytes = in.rest();
    if (mode < 32 || mode >= 60) {
        auto o = talk(true, true, bytes, at_a_time);
        must(!o.link, "a stranger has a link");
        if (bytes.starts_with(insider().first)) return 0; // a replay: its mac is right
        must(o.drawn == 0, "a key was made before the keyed check");
        must(o.written.empty() || (o.written.size() == 3 && o.written[0] == 0 && o.written[1] == 0), "a stranger is answered");
        return bytes.size() > 8 && bytes.starts_with("dnln") ? 0 : -1;
    }
    if (mode < 48) {
        auto o = talk(true, false, bytes, at_a_time);
        bounded(o);
        return o.link ? 0 : -1;
    }
    if (mode < 56) {
        auto o = talk(false, false, bytes, at_a_time);
        bounded(o);
        return o.link ? 0 : -1;
    }
    if (mode < 58) {
        auto message1 = std::string(bytes.substr(0, 48));
        message1.resize(48);
        auto o = talk(true, true, insider().behind_mac(message1).append(bytes.substr(std::min<std::size_t>(bytes.size(), 48))), at_a_time);
        must(!o.link, "who knows the mac key alone has a link");
        return 0;
    }
    if (mode == 58) {
        must(!talk(false, true, bytes, at_a_time).link, "whoever answers without the key has a link");
        return 0;
    }
    auto h = insider().at_three;
    std::string frame(2, '\0');
    if (bytes.size() > 60000 || !h.write(bytes, frame)) return -1;
    auto length = frame.size() - 2;
    frame[0] = char(length >> 8), frame[1] = char(length);
    auto o = talk(true, true, insider().first + frame, at_a_time);
    bounded(o);
    return o.link ? 0 : -1;
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    auto add = [&](char mode, std::string_view bytes) { out.push_back(std::string{mode, '\xFF'}.append(bytes)); };
    encoder clear, sealed;
    clear.u(1), clear.u(1), clear.u8(0), clear.raw(std::string(16, 'n')), clear.bytes("hello");
    sealed.u(1), sealed.u(1), sealed.u8(1), sealed.bytes("hello");
    auto first = insider().first;
    add(0, first), add(0, in_clear(clear.view())), add(60, in_clear(clear.view())), add(0, "dnln\2");
    first[5] = char(first[5] ^ 1);
    add(0, first);
    add(32, in_clear(clear.view())), add(32, first), add(48, piece(clear.view()));
    for (char why = 1; why <= 5; ++why) add(48, std::string("\0\0", 2) + why);
    add(56, insider().first.substr(25)), add(57, std::string(48, 'x')), add(58, std::string("\0\0\1", 3));
    add(58, piece(std::string(120, 'x'))), add(59, sealed.view());
    return out;
}
