// A member that breaks or drags out the conversation: what it asks and answers costs others a bounded time and memory.
#include "enemy.hpp"

using namespace clusters;
using forged::entry_of;

namespace {
using dunlin::encoder;
using dunlin::node;
using namespace dunlin::wire_bounds;

/// Node 0 has what node 1 lacks, and node 1 must ask for it while an enemy keeps it busy.
struct lagging {
    cluster c;
    enemy bad;
    lagging(std::uint64_t s) : c(2, seed(s)), bad(c) {
        change(c, 0, "p", [](player& p) { p.score += 1; });
        EXPECT_SETTLES(c);
        c.wire().block("n0", "n1"), c.wire().block("n1", "n0");
        c.advance(100s); // the link is given up
        for (int k = 0; k < 20; ++k) change(c, 0, "p", [](player& p) { p.score += 1; });
    }
    bool caught_up(std::chrono::seconds within) {
        c.heal();
        for (auto end = c.time().now() + within; c.time().now() < end; c.advance(100ms))
            if (score(c, 1, "p") == 21) return true;
        return false;
    }
};

writer_id stranger(std::uint32_t n) {
    writer_id w;
    w.node.fill(0xEE), w.run = n, w.nonce = 3;
    return w;
}
} // namespace

// A pull that is not answered keeps its place for five seconds; whoever never answers is not asked again at once.
TEST(enemy_protocol, that_promises_entries_and_never_gives_any_keeps_no_peer_from_giving_them) {
    lagging l(421);
    std::deque<enemy> many;
    for (int k = 0; k < 3; ++k) {
        auto& e = many.emplace_back(l.c, "liar" + std::to_string(k));
        auto& line = e.call(1);
        e.spawn([](cluster& c, enemy& who, enemy_line& over) -> awaitable<void> {
            for (;;) {
                word::heads h;
                h.list.push_back({stranger(1), 1, 1});
                who.say(over, h);
                co_await c.time().sleep(5ms);
            }
        }(l.c, e, line));
    }
    l.c.advance(20s);
    EXPECT_TRUE(l.caught_up(120s));
}

TEST(enemy_protocol, that_drags_a_state_out_keeps_no_peer_from_giving_entries) {
    lagging l(422);
    auto& line = l.bad.call(1);
    std::uint64_t last = 0;
    std::uint64_t chunks = 0;
    line.on_word = [&](std::string const&, dunlin::space_message& said) {
        if (auto p = std::get_if<word::pull>(&said)) l.bad.say(line, word::behind{p->ticket, {}});
        if (auto p = std::get_if<word::state_pull>(&said)) {
            encoder piece;
            if (p->token == 0)
                piece.u8(0), piece.u(0), piece.u(0);
            else
                piece.u8(1), piece.u(0), piece.u(++last), piece.bytes({}), piece.u(0);
            word::state_chunk w{9, p->cursor, piece.take(), std::to_string(++chunks), false};
            l.bad.spawn([](cluster& c, enemy& who, enemy_line& over, word::state_chunk chunk) -> awaitable<void> {
                co_await c.time().sleep(9s);
                who.say(over, chunk);
            }(l.c, l.bad, line, w));
        }
    };
    l.bad.spawn([](cluster& c, enemy& who, enemy_line& over) -> awaitable<void> {
        for (;;) {
            word::heads h;
            h.list.push_back({stranger(1), 1, 1});
            who.say(over, h);
            co_await c.time().sleep(100ms);
        }
    }(l.c, l.bad, line));
    l.c.advance(40s);
    EXPECT_GT(chunks, 2u) << "a state is being dragged out";
    EXPECT_TRUE(l.caught_up(180s));
}

// Whoever begins one transfer after the other pushes no other one out.
TEST(enemy_protocol, that_begins_states_again_and_again_keeps_no_newcomer_from_its_state) {
    cluster c(2, seed(423), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); }, false);
    c.restart(0);
    enemy bad(c);
    for (int k = 0; k < 300; ++k)
        change(c, 0, "p" + std::to_string(k), [k](player& p) { p.score += 1, p.name = std::string(2000, char('a' + k % 26)); });
    c.advance(5s);
    auto& line = bad.call(0);
    line.on_word = [&](std::string const&, dunlin::space_message& said) {
        if (std::get_if<word::state_chunk>(&said) || std::get_if<word::busy>(&said)) bad.say(line, word::state_pull{0, {}});
    };
    for (int k = 0; k < 4; ++k) bad.say(line, word::state_pull{0, {}});
    c.wire().set_faults("n1", "n0", [] {
        dunlin::sim::faults f;
        f.delay_min = 20ms; // the newcomer is farther away than the enemy
        return f;
    }());
    c.restart(1);
    EXPECT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "p299"), 1);
}

TEST(enemy_protocol, that_says_what_is_no_message_is_closed_and_nothing_of_it_is_acted_on) {
    cluster c(2, seed(424));
    change(c, 0, "p", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    enemy bad(c);
    auto digest = c.digest(1);
    auto one = [](std::uint8_t kind, auto&& put) {
        encoder body, frame;
        body.u8(kind), put(body);
        frame.bytes(body.view());
        return frame.take();
    };
    constexpr std::uint64_t huge = ~std::uint64_t(0);
    auto space = [&] {
        return one(1, [](encoder& e) { e.u(0), e.bytes("main"); });
    };
    std::vector<std::string> wrong{
        std::string(1000, '\xFF'), std::string(1000, '\0'),
        one(77, [](encoder&) {}),                                                                   // unknown
        one(1, [](encoder& e) { e.u(1), e.bytes("main"); }),                                        // not the next number
        one(2, [](encoder& e) { e.u(0), e.raw("short"); }),                                         //
        one(16, [](encoder& e) { e.u(0), e.u64(1), e.u64(1), e.u8(0); }),                           // a space never named
        space() + one(16, [](encoder& e) { e.u(0), e.u64(1), e.u64(1), e.u8(2); }),                 // a flag of 2
        space() + one(16, [](encoder& e) { e.u(0), e.u64(1), e.u64(1), e.u8(1), e.u8(1); }),        // longer
        space() + one(18, [](encoder& e) { e.u(0), e.u8(1), e.u(huge), e.u(0); }),                  // counts beyond all
        space() + one(19, [](encoder& e) { e.u(0), e.u(1), e.u(huge), e.u(1); }),                   //
        space() + one(19, [](encoder& e) { e.u(0), e.u(1), e.u(1), e.u(99), e.u(1), e.u(1); }),     // a writer never named
        space() + one(20, [](encoder& e) { e.u(0), e.u(1), e.u(0), e.u8(0), e.u(huge); }),          //
        space() + one(21, [](encoder& e) { e.u(0), e.u(0), e.u(1), e.u(1), e.u(huge); }),           //
        space() + one(22, [](encoder& e) { e.u(0), e.u(1'000'000), e.raw(std::string(2'000'000, '\1')); }), // a million
        space() + one(24, [](encoder& e) { e.u(0), e.u(1), e.bytes(std::string(cursor_max + 1, 'c')); }),
        space() + one(25, [](encoder& e) { e.u(0), e.u(1), e.u8(0), e.bytes(""), e.bytes(""), e.bytes(std::string(chunk_max + 1, 'x')); }),
        space() + one(26, [](encoder& e) { e.u(0), e.u(1), e.u(huge); }),
        one(6, [](encoder& e) { e.u(huge); }), one(6, [](encoder& e) { e.u(peers_max + 1), e.raw(std::string(40'000, '\0')); }),
        one(9, [](encoder& e) { e.bytes(""), e.u8(1); }), one(9, [](encoder& e) { e.bytes(std::string(name_max + 1, 's')), e.u8(1); }),
        one(7, [](encoder& e) { e.u(1), e.bytes(std::string(text_max + 1, 't')); }),
    };
    for (auto& bytes : wrong) {
        auto& line = bad.call(1);
        ASSERT_FALSE(line.ended);
        bad.raw(line, bytes);
        c.advance(1s);
        EXPECT_TRUE(line.ended) << &bytes - wrong.data();
        EXPECT_EQ(line.refusals.size(), 1u) << &bytes - wrong.data() << ": it is told why";
    }
    EXPECT_EQ(c.digest(1), digest);
    change(c, 1, "p", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "p"), 2);
}

// Changed at random, many messages are still messages: some are acted on, all are survived.
TEST(enemy_protocol, that_says_things_nearly_right_leaves_honest_nodes_equal) {
    cluster c(3, seed(425));
    for (std::size_t i : {0, 1, 2}) change(c, i, "p", [](player& p) { p.score += 1, p.friends.insert("x"); });
    ASSERT_SETTLES(c);
    enemy bad(c);
    auto& r = bad.chance();
    enemy_line* line = nullptr;
    std::vector<writer_id> known{bad.writer};
    for (std::size_t i : {0, 1, 2}) known.push_back(writer_at(c, i));
    std::uint32_t run = 100;
    auto any = [&]() -> dunlin::space_message {
        dunlin::id_vector v;
        for (auto& w : known)
            if (r.below(2)) v.push_back({w, 1 + r.below(5)});
        std::sort(v.begin(), v.end());
        auto w = bad.writer;
        w.run = ++run;
        encoder add;
        add.u(3), add.i(1);
        auto entry = entry_of(w).says("player", "p", "score", "C", add.view()).made();
        switch (r.below(9)) {
        case 0: return word::digest{r(), r(), false};
        case 1: return word::pull{r(), v, r()};
        case 2: return word::range{r.below(9), {}, {entry}, false};
        case 3: return word::push{entry};
        case 4: return word::durable{v};
        case 5: return word::behind{r.below(9), v};
        case 6: return word::state_pull{r.below(3), {}};
        case 7: return word::state_chunk{1, {}, std::string(50, char(r())), "n", false};
        default: return word::busy{r.below(9), std::chrono::milliseconds(r.below(1000))};
        }
    };
    for (int k = 0; k < 600; ++k) {
        if (!line || line->ended) line = &bad.call(k % 3);
        encoder frame;
        line->names.write("main", any(), frame);
        auto bytes = frame.take();
        for (auto flips = r.below(3); flips; --flips) bytes[r.below(bytes.size())] ^= char(1 << r.below(8));
        bad.raw(*line, bytes);
        c.advance(5ms);
        if (k % 60 == 0) change(c, std::size_t(k / 60 % 3), "p", [](player& p) { p.score += 1; });
    }
    c.advance(5s);
    for (std::size_t i : {0, 1, 2}) change(c, i, "after", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "after"), 3);
}

// A state says nothing of a node's present run that the node does not know itself.
TEST(enemy_protocol, cannot_move_a_nodes_own_number_by_a_state) {
    for (auto number : {std::uint64_t(1000), dunlin::dot::number_max}) {
        cluster c(2, seed(426));
        for (std::size_t i : {0, 1}) change(c, i, "p", [](player& p) { p.score += 1; });
        ASSERT_SETTLES(c);
        enemy bad(c);
        auto own = writer_at(c, 1);
        auto before = head_of(c, 1, own);
        auto& line = bad.call(1);
        bool given = false;
        line.on_word = [&](std::string const&, dunlin::space_message& said) {
            if (auto p = std::get_if<word::pull>(&said)) bad.say(line, word::behind{p->ticket, {}});
            if (auto p = std::get_if<word::state_pull>(&said)) {
                encoder piece;
                if (p->token == 0) {
                    piece.u8(0), piece.u(0), piece.u(1), dunlin::write_writer(piece, own);
                    piece.u(number), piece.u(before.stamp + 1), dunlin::write_hash(piece, before.hash), piece.u(0);
                } else if (p->cursor == "b") {
                    piece.u8(1), piece.u(0), piece.u((std::uint64_t(1) << 41) - 1), piece.bytes({}), piece.u(0);
                } else
                    piece.u8(2), piece.u(0), given = true;
                bad.say(line, word::state_chunk{9, p->cursor, piece.take(), p->token == 0 ? "b" : "c", p->cursor == "c"});
            }
        };
        word::heads h;
        h.list.push_back({stranger(1), 1, 1});
        bad.say(line, h);
        c.advance(10s);
        EXPECT_EQ(head_of(c, 1, own).number, before.number);
        EXPECT_FALSE(given) << "refused at its first piece";
        for (std::size_t i : {0, 1}) change(c, i, "after", [](player& p) { p.score += 1; });
        ASSERT_SETTLES(c);
        EXPECT_EQ(score(c, 0, "after"), 2);
    }
}

// It is a member, and its identity is its own: the key is what lets it in, and what it is called it cannot choose.
TEST(enemy_protocol, of_an_unknown_identity_is_let_in_under_that_identity_and_counts_for_nothing) {
    cluster c(2, seed(427));
    change(c, 0, "p", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    enemy bad(c);
    auto& line = bad.call(0);
    bad.say(line, word::durable{{{writer_at(c, 0), dunlin::dot::number_max}}});
    c.advance(5s);
    EXPECT_FALSE(line.ended);
    boost::system::error_code why;
    c.crash(1);
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        p->score += 1;
        auto r = n.seal();
        try {
            co_await r.copies(2, 10s);
        } catch (boost::system::system_error const& e) { why = e.code(); }
    });
    EXPECT_TRUE(why) << "a stranger's word is no copy";
}

TEST(enemy_protocol, that_asks_as_a_tool_without_end_is_answered_within_a_bound) {
    cluster c(1, seed(428));
    for (int k = 0; k < 50; ++k) change(c, 0, "p" + std::to_string(k), [](player& p) { p.score += 1; });
    enemy bad(c);
    auto& line = bad.call(0, true, true);
    encoder frame;
    for (std::uint64_t k = 1; k <= 100'000; ++k) {
        encoder question;
        question.u8(7), question.u(k), question.bytes("status");
        frame.bytes(question.view());
    }
    bad.raw(line, frame.view());
    auto before = c.time().steps();
    c.advance(5s);
    EXPECT_LT(c.time().steps() - before, 200'000u) << "two steps a question at most, not a digest";
    EXPECT_TRUE(line.ended) << "who asks so much at a time is closed";
    change(c, 0, "p0", [](player& p) { p.score += 1; }, true);
    EXPECT_EQ(score(c, 0, "p0"), 2);
}
