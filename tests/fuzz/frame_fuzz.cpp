// Frame: what a link carries once it stands: frames behind the cipher, messages in them, what a space does about them.
//
//   input := mode u8 | bytes          mode mod 32
//     0..15  messages, as one frame of the link leaves them       24..27 frames of a link in clear, as they are
//     16, 17 a hello                                              28     frames, each sealed with the right key and number
//     18..23 messages that a space with a peer acts upon          29..31 as 24
//
// A message that is read is written by a fresh session and read again as the same. After whatever was said a space has
// the state that its entries make, and waits for no more than its bounds.
#include "../lib/lone_space.hpp"
#include "driver.hpp"
#include "memory_stream.hpp"
#include "parts.hpp"

namespace {
using namespace fuzz;
using link_pointer = std::unique_ptr<dunlin::link>;

/// Each message of a frame, as f; 0: to its end.
template <class F> int each_message(bytes_view bytes, F f) {
    decoder frame(bytes);
    session here;
    message said;
    refusal why;
    int n = 0;
    for (; n < 64 && here.read(frame, said, why); ++n) f(said);
    return n == 0 || why ? -1 : 0;
}

int messages(bytes_view bytes) {
    session there, back;
    return each_message(bytes, [&](message const& said) {
        encoder out, once, twice;
        there.write(said, out);
        decoder in(out.view());
        message again;
        refusal none;
        must(back.read(in, again, none), "a message that was written is refused");
        session fresh, last;
        fresh.write(again, twice), last.write(said, once);
        must(once.view() == twice.view(), "a message is read as another");
    });
}

int hellos(bytes_view bytes) {
    hello greeting, twice;
    if (!greeting.read(bytes)) return -1;
    auto again = greeting.write();
    must(twice.read(again) && twice.write() == again, "a hello is read as another");
    return 0;
}

// ---- what a space does about them

std::unique_ptr<lone::space> made_space() {
    lone::space author(2);
    sampled::change(author.get<sampled::every>(), 1);
    auto s = std::make_unique<lone::space>(std::uint8_t(1));
    (void)s->of<sampled::every>();
    must(s->take(author.seal()), "the base history");
    s->get<sampled::every>().sum += 5;
    s->body->seal();
    return s;
}

int acted_upon(bytes_view bytes) {
    static auto& space = *new std::unique_ptr<lone::space>; // never destroyed: what parts refer to is static, too
    if (!space) space = made_space();
    auto& s = *space;
    auto heads = s.heads(), digest = s.digest();
    bool acted = false;
    auto ended = each_message(bytes, [&](message& said) {
        auto words = std::get_if<in_space>(&said);
        if (!words) return;
        acted = true, s.sent.clear();
        s.body->receive(1, std::move(words->said));
        s.poll();
        must(s.sent.size() <= 64, "one message is answered by more than 64");
        must(s.body->told().size() <= 64 * wire_bounds::cells_max, "more cells than were said");
        must(s.body->machine().waiting_bytes() <= (1u << 20) && s.body->machine().waiting_entries() <= 1024, "more waits than may");
    });
    if (!acted) return -1;
    if (s.heads() == heads)
        must(s.digest() == digest, "the vector stands and the state moved");
    else {
        lone::space stranger(std::uint8_t(7));
        must(stranger.take_state(s) && stranger.digest() == s.digest(), "what was applied cannot be given on");
    }
    sampled::change(s.get<sampled::every>(), 2); // our own turn goes on whatever was said
    must(s.body->seal() != 0, "a turn says nothing");
    space.reset();
    return ended;
}

// ---- the link's frames

still_clock clock_here;
std::string introduction(bool secure) {
    encoder e;
    e.u(1), e.u(1), e.u8(secure);
    if (!secure) e.raw(std::string(16, 'n'));
    e.bytes("");
    return e.take();
}

/// Reads messages until the link ends.
int listen(link_pointer link) {
    int whole = 0;
    std::string message;
    for (;; ++whole) {
        auto failed = finish(link->receive(), [&](std::string m) { message = std::move(m); });
        if (failed) break;
        must(message.size() <= (4u << 20) + (256u << 10), "a message above its bound");
        messages(message);
    }
    must(!link->queue("more"), "a link that has ended takes messages");
    return whole ? 0 : -1;
}

link_pointer answered(std::string_view bytes, std::optional<cluster_key> const& key, std::string& written) {
    static same_chance random(1);
    static auto const own = identity::make(random);
    link_options o(clock_here, random, own);
    o.key = key;
    link_pointer made;
    auto failed = finish(respond(std::make_unique<memory_stream>(bytes, 4096, written), std::make_shared<link_options>(o)),
                         [&](link_pointer l) { made = std::move(l); });
    must(bool(failed) != bool(made), "neither a link nor an error");
    return made;
}

int in_clear(bytes_view frames) {
    std::string written, bytes("dnln\1\0\0\0\0", 9);
    bytes.append(piece(introduction(false))).append(frames);
    auto link = answered(bytes, {}, written);
    must(bool(link), "no link in clear");
    return listen(std::move(link));
}

/// A caller that has finished its handshake with the answerer above, who says the same in every run.
struct caller {
    std::string said;
    noise::cipher_state send;
    cluster_key key;

    caller() : key(make_key()) {
        same_chance random(2);
        auto own = identity::make(random);
        noise::keys k(make_key_pair(random));
        k.own = own.keys, k.psk = key.psk();
        noise::handshake h(*noise::pattern_named("XXpsk3"), noise::role::caller,
                           std::string("dunlin/1XXpsk3").append(view_of(key.id())), k);
        std::string message1, answer, payload, message3;
        encoder header;
        header.raw("dnln"), header.u8(1), header.raw(view_of(key.id()));
        must(h.write({}, message1), "message 1");
        auto mac_key = key.mac_key();
        hasher<16> mac(mac_key.view());
        mac.update(header.view()), mac.update(message1);
        said = std::string(header.view()).append(view_of(mac.finish())).append(message1);
        must(!answered(said, key, answer), "a link after one message");
        must(h.read(std::string_view(answer).substr(2), payload) && h.write(introduction(true), message3), "message 3");
        said += piece(message3);
        send = h.split().send;
    }
    static cluster_key make_key() {
        same_chance random(9);
        return cluster_key::make(random);
    }
};

int sealed(input& in) {
    static caller const member;
    auto bytes = member.said;
    auto cipher = member.send;
    while (!in.done()) {
        std::string text(in.piece());
        text.resize(text.size() + tag_size);
        if (text.size() > 65535 || !cipher.seal({}, text)) break;
        bytes += piece(text);
    }
    std::string written;
    auto link = answered(bytes, member.key, written);
    must(link && link->secure(), "a member has no link");
    return listen(std::move(link));
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    auto mode = in.u8() % 32;
    if (mode < 16) return messages(in.rest());
    if (mode < 18) return hellos(in.rest());
    if (mode < 24) return acted_upon(in.rest());
    if (mode == 28) return sealed(in);
    return in_clear(in.rest());
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    auto add = [&](auto&&... all) {
        session s;
        encoder frame;
        (s.write(all, frame), ...);
        out.push_back(std::string(1, '\0').append(frame.view()));
        out.push_back(std::string(1, '\x12').append(frame.view()));
        auto text = std::string(1, '\0').append(frame.view());
        out.push_back(std::string(1, '\x18').append(piece(text)).append(piece("\2")));
        out.push_back(std::string(1, '\x1c').append(piece(text)).append(piece("\2")));
    };
    lone::space author(2), other(3);
    sampled::change(author.get<sampled::every>(), 1);
    auto first = author.seal();
    sampled::change(author.get<sampled::every>(), 3);
    auto second = author.seal();
    other.get<sampled::every>().bag["sword"] += 2;
    auto third = other.seal();
    id_vector const vector{{lone::writer_of(1), 1}, {lone::writer_of(2), 2}};
    word::close close;
    close.text = "good night";
    word::peers peers;
    peers.list.push_back({{}, "barn", {"127.0.0.1:1"}});
    word::heads heads;
    heads.list = {{lone::writer_of(1), 1, 99}, {lone::writer_of(2), 9, 99}}, heads.durable = vector, heads.reply = true;
    word::pull pull;
    pull.ticket = 3, pull.have = vector, pull.budget_bytes = 1000;
    word::pull from_nothing = pull;
    from_nothing.have.clear();
    word::range range;
    range.list = {second, third};
    word::push push_known, push_next, push_other;
    push_known.series = first, push_next.series = second, push_other.series = third;
    word::durable durable;
    durable.vector = vector;
    word::behind behind;
    behind.ticket = 1, behind.floor = vector;
    word::state_chunk chunk;
    chunk.token = 1, chunk.bytes = chunk.next = "some bytes";
    word::cells cells;
    cells.tells_links = true, cells.links = {lone::writer_of(2).node, lone::writer_of(3).node};
    for (auto& m : struct_of<sampled::every>().members()) {
        if (m.type->asides() == asides_in::nothing && m.name != "sum") continue;
        cells.list.push_back({"every", "k", m.id, 7u << 16, lone::writer_of(2), true, m.name == "typed" ? "hm" : ""});
        cells.list.push_back({"every", "k", m.id, 8u << 16, lone::writer_of(2), false, ""});
    }
    cells.list.push_back({"every", "k", 0, 9u << 16, lone::writer_of(3), false, ""});
    cells.list.push_back({"unknown", "other", 5, ~std::uint64_t(0), lone::writer_of(2), true, "bytes"});
    auto in = [](space_message said) { return message(in_space{"main", std::move(said)}); };
    add(message(word::ping{}), message(word::pong{}), message(close), message(peers));
    add(in(word::digest{}), message(in_space{"other", space_message(word::busy{})}), in(word::same{}));
    add(in(heads), in(pull), in(durable), in(behind)), add(in(from_nothing));
    add(in(range), in(push_known)), add(in(push_next)), add(in(push_other)), add(in(word::state_pull{}), in(chunk)), add(in(cells)), add(in(push_next), in(cells));
    add(message(word::tool_request{1, "status"}), message(word::tool_answer{1, "{}"}), message(word::holds{"main", true}));
    hello greeting;
    greeting.name = "barn", greeting.addresses = {"127.0.0.1:1"};
    out.push_back(std::string(1, '\x10').append(greeting.write()));
    return out;
}
