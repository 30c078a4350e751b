// What strangers, thieves of single keys and members that lie may try on a link. `raw` speaks the wire by hand, as
// link.hpp draws it, so these are also a second reading of the format.
#include "link_fixture.hpp"

namespace dunlin::test {
namespace {

using noise::cipher_state;

struct raw {
    cluster_key key;
    secret32 psk;
    identity own;
    noise::ciphers ciphers{};

    raw(cluster_key const& k, identity const& i) : key(k), psk(k.psk()), own(i) {}

    noise::handshake handshake(noise::role role, chance& source) const {
        noise::keys keys(make_key_pair(source));
        keys.own = own.keys;
        keys.psk = psk;
        auto prologue = "dunlin/1XXpsk3" + std::string(view_of(key.id()));
        return noise::handshake(*noise::pattern_named("XXpsk3"), role, prologue, keys);
    }
    std::string first(bytes_view message1) const {
        auto header = "dnln\x01" + std::string(view_of(key.id()));
        auto mac = hash128(header + std::string(message1), key.mac_key().view());
        return header + std::string(view_of(mac)) + std::string(message1);
    }
    static std::string framed(bytes_view text) {
        encoder e;
        e.u8(std::uint8_t(text.size() >> 8)), e.u8(std::uint8_t(text.size())), e.raw(text);
        return e.take();
    }
    static std::string introduction() {
        encoder e;
        e.u(1), e.u(1), e.u8(1), e.bytes("raw");
        return e.take();
    }
    std::string sealed(bytes_view kind_and_text) {
        auto text = std::string(kind_and_text) + std::string(tag_size, '\0');
        EXPECT_TRUE(ciphers.send.seal({}, text));
        return framed(text);
    }
};

awaitable<void> send(stream& s, std::string bytes) {
    auto all = boost::asio::buffer(std::as_const(bytes));
    co_await s.write(all);
}

awaitable<std::string> take(stream& s, std::size_t size) {
    std::string got(size, '\0');
    for (std::size_t n = 0; n < size;) {
        auto room = boost::asio::buffer(got) + n;
        auto more = co_await s.read_some(room);
        n += more;
    }
    co_return got;
}

awaitable<std::string> take_frame(stream& s) {
    auto length = co_await take(s, 2);
    auto frame = co_await take(s, std::size_t(std::uint8_t(length[0]) << 8 | std::uint8_t(length[1])));
    co_return frame;
}

awaitable<void> raw_call(raw& r, stream& s, chance& source) {
    auto h = r.handshake(noise::role::caller, source);
    std::string message1, message3, payload;
    EXPECT_TRUE(h.write("", message1));
    co_await send(s, r.first(message1));
    auto message2 = co_await take_frame(s);
    EXPECT_TRUE(h.read(message2, payload));
    EXPECT_TRUE(h.write(raw::introduction(), message3));
    co_await send(s, raw::framed(message3));
    r.ciphers = h.split();
    auto ready = co_await take_frame(s);
    EXPECT_TRUE(r.ciphers.receive.open({}, ready));
    EXPECT_EQ(ready.substr(0, ready.size() - tag_size), "\x03");
}

/// Knows mac key and key id, as one who listens to a careless member might, but not the psk.
awaitable<void> raw_answer(raw& r, stream& s, chance& source) {
    auto h = r.handshake(noise::role::answerer, source);
    std::string message2, payload;
    auto first = co_await take(s, 73);
    EXPECT_TRUE(h.read(first.substr(25), payload));
    EXPECT_TRUE(h.write(raw::introduction(), message2));
    co_await send(s, raw::framed(message2));
    auto message3 = co_await take_frame(s);
    bool read = h.read(message3, payload);
    if (read) r.ciphers = h.split();
    std::string ready = read ? r.sealed("\x03") : raw::framed(std::string(17, 'r'));
    co_await send(s, ready);
}

struct hostile : link_test {
    raw peer{key, identity::make(cluster_chance)};

    /// The answerer alone, with a stranger that sends these bytes and then ends or stays silent.
    void hear(std::string const& bytes, bool end) {
        again();
        start(answer(), answered);
        called.ended = true;
        if (!bytes.empty()) run(io, send(*between.near, bytes));
        if (end) between.near->close();
        finish();
    }
    std::string good_first() {
        auto h = peer.handshake(noise::role::caller, caller_chance);
        std::string message1;
        EXPECT_TRUE(h.write("", message1));
        return peer.first(message1);
    }
    /// A link of the answerer with `peer`.
    void join_raw() {
        again();
        start(answer(), answered);
        run(io, raw_call(peer, *between.near, caller_chance));
        called.ended = true;
        finish();
        ASSERT_TRUE(answered.link) << answered.what;
    }
    error_code after(std::string const& bytes) {
        run(io, send(*between.near, bytes));
        between.near->close();
        return receive_error(*answered.link);
    }
};

TEST_F(hostile, garbage_is_closed_without_an_answer_or_any_work) {
    auto drawn = answerer_chance.drawn;
    std::size_t written = 0;
    between.far->on_write = [&](std::string&) { ++written; };
    start(answer(), answered);
    run(io, send(*between.near, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" + std::string(3000, 'x')));
    called.ended = true;
    finish();
    EXPECT_EQ(answered.error, net_error::not_dunlin) << answered.what;
    EXPECT_EQ(answerer_chance.drawn, drawn);
    EXPECT_EQ(written, 0u);
}

TEST_F(hostile, a_first_frame_with_any_bit_changed_costs_no_key_and_gets_no_link) {
    auto good = good_first();
    ASSERT_EQ(good.size(), 73u);
    hear(good, false);
    EXPECT_EQ(answered.error, net_error::timed_out); // the good one was worth waiting for
    auto drawn = answerer_chance.drawn;
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            auto bad = good;
            bad[at] = char(bad[at] ^ 1 << bit);
            hear(bad, false);
            auto wanted = at < 4 ? net_error::not_dunlin : at < 5 ? net_error::wrong_version : net_error::wrong_key;
            ASSERT_EQ(answered.error, wanted) << at << " " << answered.what;
        }
    EXPECT_EQ(answerer_chance.drawn, drawn) << "keys were made for a stranger";
}

// Repeated by who overheard it, a first frame is right: whoever stands at the door says how many of those there may be.
TEST_F(hostile, a_right_first_frame_that_is_not_admitted_costs_no_key_and_no_answer) {
    auto good = good_first();
    int asked = 0;
    admit = [&] { return ++asked, false; };
    auto drawn = answerer_chance.drawn;
    std::size_t sent = 0;
    again();
    between.far->on_write = [&](std::string& bytes) { sent += bytes.size(); };
    start(answer(), answered);
    run(io, send(*between.near, good));
    called.ended = true;
    finish();
    EXPECT_EQ(answered.error, net_error::busy) << answered.what;
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(sent, 0u);
    EXPECT_EQ(answerer_chance.drawn, drawn);
    good[30] ^= 1;
    hear(good, false);
    EXPECT_EQ(asked, 1) << "nobody is asked about a stranger";
    admit = [&] { return ++asked, true; };
    again();
    greet_well();
    EXPECT_EQ(asked, 2);
}

TEST_F(hostile, an_answer_to_a_stranger_is_never_more_than_three_bytes) {
    auto good = good_first();
    for (std::size_t at : {0u, 4u, 5u, 9u, 40u}) {
        again();
        std::size_t sent = 0;
        between.far->on_write = [&](std::string& bytes) { sent += bytes.size(); };
        start(answer(), answered);
        auto bad = good;
        bad[at] ^= 1;
        run(io, send(*between.near, bad));
        called.ended = true;
        finish();
        EXPECT_TRUE(answered.error);
        EXPECT_LE(sent, 3u) << at;
    }
}

TEST_F(hostile, a_handshake_cut_anywhere_ends_at_once_and_one_that_stalls_in_its_time) {
    auto good = good_first();
    for (std::size_t n = 0; n < good.size(); ++n) {
        hear(good.substr(0, n), true);
        ASSERT_EQ(answered.error, net_error::truncated) << n << answered.what;
        hear(good.substr(0, n), false);
        ASSERT_EQ(answered.error, net_error::timed_out) << n << answered.what;
    }
}

TEST_F(hostile, a_recorded_handshake_is_of_no_use_a_second_time) {
    std::string recorded;
    between.near->on_write = [&](std::string& bytes) { recorded += bytes; };
    greet_well();
    run(io, called.link->send("once"));
    hear(recorded, false);
    EXPECT_FALSE(answered.link);
    EXPECT_EQ(answered.error, net_error::handshake_failed) << answered.what;
}

TEST_F(hostile, a_node_that_hears_its_own_words_does_not_make_a_link) {
    auto far = between.far.get();
    std::string echo;
    between.near->on_write = [&](std::string& bytes) { echo += bytes; };
    start(initiate(std::move(between.near), caller), called);
    io.poll();
    run(io, send(*far, echo));
    answered.ended = true;
    finish();
    EXPECT_EQ(called.error, net_error::not_dunlin) << called.what;
}

// Direction, number of the write, byte: the side that reads it must not come out of it with a link.
TEST_F(hostile, no_byte_of_the_handshake_can_be_changed_either_way) {
    std::size_t refused = 0;
    for (bool from_caller : {true, false})
        for (std::size_t write = 0; write < 2; ++write)
            for (std::size_t at = 0, size = 1; at < size; ++at) {
                again();
                auto& from = from_caller ? *between.near : *between.far;
                std::size_t n = 0;
                from.on_write = [&](std::string& bytes) {
                    if (n++ != write) return;
                    size = bytes.size();
                    bytes[at] ^= 0x20;
                };
                greet();
                ASSERT_TRUE(called.ended && answered.ended);
                auto& reader = from_caller ? answered : called;
                ASSERT_FALSE(reader.link) << from_caller << " " << write << " " << at;
                // The caller has no link either unless the answerer had one before: nobody talks alone.
                ASSERT_FALSE(from_caller && called.link);
                ++refused;
            }
    EXPECT_GT(refused, 73u + 100 + 100 + 19);
}

TEST_F(hostile, an_answerer_that_lacks_the_secret_gets_no_link_however_far_it_comes) {
    again();
    start(initiate(std::move(between.near), caller), called);
    run(io, raw_answer(peer, *between.far, answerer_chance));
    answered.ended = true;
    finish();
    EXPECT_TRUE(called.link) << "the right secret: " << called.what;
    again();
    peer.psk.bytes()[0] ^= 1;
    start(initiate(std::move(between.near), caller), called);
    run(io, raw_answer(peer, *between.far, answerer_chance));
    finish();
    EXPECT_FALSE(called.link);
    EXPECT_EQ(called.error, net_error::damaged) << called.what;
}

TEST_F(hostile, an_answer_that_claims_to_be_huge_is_not_waited_for) {
    again();
    start(initiate(std::move(between.near), caller), called);
    run(io, send(*between.far, "\xFF\xFF"));
    answered.ended = true;
    finish();
    EXPECT_EQ(called.error, net_error::not_dunlin) << called.what;
}

TEST_F(hostile, a_refusal_of_an_unknown_reason_is_an_error_too) {
    again();
    start(initiate(std::move(between.near), caller), called);
    run(io, send(*between.far, std::string("\0\0\x77", 3)));
    answered.ended = true;
    finish();
    EXPECT_EQ(called.error, net_error::not_dunlin) << called.what;
}

TEST_F(hostile, a_connection_ended_before_the_answer_is_a_refusal) {
    again();
    start(initiate(std::move(between.near), caller), called);
    run(io, [](stream& s) -> awaitable<void> {
        co_await take(s, 73);
        s.close();
    }(*between.far));
    answered.ended = true;
    finish();
    EXPECT_EQ(called.error, net_error::refused) << called.what;
}

TEST_F(hostile, a_frame_changed_repeated_dropped_or_swapped_breaks_the_link) {
    using change = std::function<void(std::vector<std::string>&)>;
    std::vector<change> changes{
        [](auto& f) { f.insert(f.begin(), f[0]); },                              // repeated
        [](auto& f) { f.erase(f.begin()); },                                     // dropped
        [](auto& f) { std::swap(f[0], f[1]); },                                  // swapped
        [](auto& f) { f[0].back() ^= 1; },                                       // tag
        [](auto& f) { f[0][2] ^= 1; },                                           // kind
        [](auto& f) { f[0][5] ^= 1; },                                           // text
        [](auto& f) { f[0][1] ^= 1; },                                           // length
        [](auto& f) { f[0] = std::string("\0\x10", 2) + std::string(16, 'x'); }, // no room for a kind
        [](auto& f) { f[0] = std::string(2, '\0'); },                            // nothing in it
    };
    for (auto& c : changes) {
        join_raw();
        std::vector<std::string> frames;
        for (auto text : {"one", "two", "three"}) frames.push_back(peer.sealed(std::string(1, '\0') + text));
        auto good = frames[0];
        c(frames);
        if (frames[0] == good) { // the first is fine, the trouble comes after it
            run(io, send(*between.near, good));
            EXPECT_EQ(received(*answered.link), "one");
            frames.erase(frames.begin());
        }
        std::string all;
        for (auto& f : frames) all += f;
        auto broke = after(all);
        EXPECT_EQ(broke, net_error::damaged) << &c - changes.data() << " " << broke.message();
        EXPECT_EQ(receive_error(*answered.link), broke) << "the link came back";
    }
}

TEST_F(hostile, a_frame_thrown_back_at_its_sender_breaks_the_link) {
    std::string sent;
    auto near = between.near.get();
    auto far = between.far.get();
    greet_well();
    near->on_write = [&](std::string& bytes) { sent = std::exchange(bytes, ""); };
    run(io, called.link->send("boomerang"));
    run(io, send(*far, sent));
    EXPECT_EQ(receive_error(*called.link), net_error::damaged);
}

TEST_F(hostile, a_member_that_breaks_the_grammar_of_frames_is_closed) {
    std::string const full(65535 - tag_size - 1, 'x');
    std::string const zero(1, '\0');
    for (auto& text :
         {"\x04" + std::string("later"), std::string("\x03"), "\x02" + std::string("text"),
          "\x01" + std::string("short"), std::string("\x01"), std::string("\xFF"), "\x01" + full.substr(1)}) {
        join_raw();
        EXPECT_EQ(after(peer.sealed(text)), net_error::damaged) << int(text[0]);
    }
    join_raw();
    auto whole = peer.sealed("\x01" + full);
    whole += peer.sealed(zero);
    run(io, send(*between.near, whole));
    EXPECT_EQ(received(*answered.link), full);
    EXPECT_EQ(after(peer.sealed("\x02")), net_error::closed);
    join_raw(); // a goodbye inside a message: the message is not delivered
    auto half = peer.sealed("\x01" + full);
    half += peer.sealed("\x02");
    EXPECT_EQ(after(half), net_error::closed);
}

TEST_F(hostile, frame_65537_opens_only_under_the_new_key) {
    for (bool rekeys : {true, false}) {
        join_raw();
        // The link's own ready was its first frame, so only this direction is counted here.
        std::string batch;
        std::string const zero(1, '\0');
        for (int i = 0; i < 65536; ++i) batch += peer.sealed(zero);
        if (rekeys) peer.ciphers.send.rekey();
        batch += peer.sealed(zero + "after");
        run(io, send(*between.near, batch));
        std::string message;
        for (int i = 0; i < 65536; ++i) run(io, answered.link->receive(message));
        if (rekeys)
            EXPECT_EQ(received(*answered.link), "after");
        else
            EXPECT_EQ(receive_error(*answered.link), net_error::damaged);
    }
}

} // namespace
} // namespace dunlin::test
