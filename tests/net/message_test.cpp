#include <dunlin/net/message.hpp>
#include <gtest/gtest.h>
#include <random>

namespace dunlin {
namespace {

struct maker {
    std::mt19937_64 random;
    std::vector<writer_id> known;

    std::uint64_t below(std::uint64_t n) { return random() % n; }
    std::uint64_t number() { return 1 + (random() & ((1ull << below(44)) - 1)); }
    std::uint64_t any() { return random() >> below(64); }
    std::string text(std::size_t most) {
        std::string t(below(most + 1), ' ');
        for (auto& c : t) c = char(random());
        return t;
    }
    writer_id writer() {
        if (!known.empty() && below(3)) return known[below(known.size())];
        writer_id w;
        for (auto& b : w.node) b = std::uint8_t(random());
        w.run = std::uint32_t(random()), w.nonce = std::uint32_t(random());
        known.push_back(w);
        return w;
    }
    std::vector<writer_id> distinct(std::size_t most) {
        std::vector<writer_id> list;
        for (auto n = below(most + 1); n--;) list.push_back(writer());
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
        return list;
    }
    id_vector vector() {
        id_vector v;
        for (auto& w : distinct(5)) v.push_back({w, number()});
        return v;
    }
    dunlin::series series() {
        dunlin::series s;
        s.writer = writer(), s.first = 1 + below(1000), s.first_stamp = random() >> 8;
        s.prior = s.first > 1 ? random() : 0;
        for (auto n = 1 + below(3); n--;) {
            encoder body;
            body.u8(0), body.u(below(1000)), body.raw(text(20));
            s.add(body.view());
        }
        return s;
    }
    space_message in_a_space(std::size_t index) {
        switch (index) {
        case 0:
            return word::digest{random(), random(), bool(below(2))};
        case 1:
            return word::same{random(), bool(below(2))};
        case 2: {
            word::heads h;
            h.complete = below(2), h.reply = below(2), h.synced = below(2), h.durable = vector();
            for (auto& w : distinct(5)) h.list.push_back({w, number(), random()});
            return h;
        }
        case 3:
            return word::pull{any(), vector(), any()};
        case 4: {
            word::range r{any(), vector(), {}, bool(below(2))};
            for (auto n = below(4); n--;) r.list.push_back(series());
            return r;
        }
        case 5:
            return word::push{series()};
        case 6:
            return word::durable{vector()};
        case 7:
            return word::behind{any(), vector()};
        case 8:
            return word::state_pull{any(), text(40)};
        case 9:
            return word::state_chunk{any(), text(40), text(200), text(40), bool(below(2))};
        case 10:
            return word::busy{any(), std::chrono::milliseconds(below(3'600'001))};
        default: {
            word::cells c;
            c.tells_links = below(2);
            for (auto n = c.tells_links ? below(4) : 0; n--;) c.links.push_back(writer().node);
            std::sort(c.links.begin(), c.links.end());
            c.links.erase(std::unique(c.links.begin(), c.links.end()), c.links.end());
            for (auto n = below(5); n--;) {
                bool held = below(2);
                auto field = std::uint32_t(held ? 1 + below(1u << 31) : below(2) * random() >> 32);
                c.list.push_back({"t" + text(1 + below(2)), "k" + text(20), field, any(), writer(), held, held ? text(40) : "", field && below(2) ? "b" + text(30) : ""});
            }
            return c;
        }
        }
    }
    std::vector<std::string> addresses() {
        std::vector<std::string> list;
        for (auto n = below(4); n--;) list.push_back(text(30));
        return list;
    }
    message about_the_link(std::size_t index) {
        switch (index) {
        case 0:
            return word::ping{any()};
        case 1:
            return word::pong{any()};
        case 2:
            return word::close{word::reason(below(5)), text(60)};
        case 3: {
            word::peers p;
            for (auto n = below(4); n--;) {
                known_peer k;
                for (auto& b : k.node) b = std::uint8_t(random());
                k.name = text(20), k.addresses = addresses();
                p.list.push_back(k);
            }
            return p;
        }
        case 4:
            return word::tool_request{any(), text(50)};
        default:
            return word::tool_answer{any(), text(100)};
        }
    }
    static constexpr std::size_t kinds = std::variant_size_v<space_message> + 7;
    static constexpr char const* spaces[] = {"main", "dunlin", "a space with a longer name than usual"};
    /// The n-th kind, in the frame; what was said is in `said`.
    void say(std::size_t kind, session& s, encoder& frame, message& said) {
        if (kind < std::variant_size_v<space_message>) {
            said = in_space{spaces[below(3)], in_a_space(kind)};
        } else {
            said = about_the_link(kind - std::variant_size_v<space_message>);
        }
        s.write(said, frame);
    }
};

bool same_message(message const& a, message const& b) {
    if (a.index() != b.index()) return false;
    if (auto x = std::get_if<in_space>(&a)) {
        auto& y = std::get<in_space>(b);
        return x->space == y.space && x->said == y.said;
    }
    return std::visit(
        [&](auto const& x) {
            using T = std::decay_t<decltype(x)>;
            if constexpr (std::is_same_v<T, in_space>)
                return false;
            else
                return x == std::get<T>(b);
        },
        a);
}

TEST(message, every_kind_survives_its_bytes_in_one_session) {
    maker m{std::mt19937_64(7), {}};
    session from, to;
    for (int i = 0; i < 3000; ++i) {
        encoder frame;
        std::vector<message> said(1 + m.below(3));
        for (auto& x : said) m.say(m.below(maker::kinds), from, frame, x);
        decoder in(frame.view());
        message heard;
        refusal why;
        for (auto& x : said) {
            ASSERT_TRUE(to.read(in, heard, why)) << why.text();
            ASSERT_TRUE(same_message(x, heard)) << x.index();
        }
        EXPECT_FALSE(to.read(in, heard, why));
        EXPECT_FALSE(why);
    }
}

TEST(message, a_name_is_sent_once_a_session) {
    session s;
    encoder first, second, other;
    word::durable d{{{writer_id{{1}, 1, 1}, 5}}};
    s.write("main", d, first), s.write("main", d, second);
    EXPECT_EQ(second.size(), 6u);
    EXPECT_GT(first.size(), second.size() + 24);
}

TEST(message, a_pushed_small_entry_has_at_most_forty_bytes_of_header) {
    session s;
    word::push p;
    p.series.writer = writer_id{{1}, 1, 1};
    p.series.first = 5000, p.series.first_stamp = 1'790'000'000'000ull << 16, p.series.prior = ~0ull;
    encoder body;
    body.u8(0), body.u(1000 << 16), body.raw("12345678");
    p.series.add(body.view());
    encoder first, second;
    s.write("main", p, first), s.write("main", p, second);
    EXPECT_LE(second.size() - 8, 40u);
}

TEST(message, a_truncated_frame_is_refused_at_every_length) {
    for (std::size_t kind = 0; kind < maker::kinds; ++kind) {
        maker m{std::mt19937_64(kind), {}};
        session from;
        encoder frame;
        message said;
        m.say(kind, from, frame, said);
        for (std::size_t n = 1; n < frame.size(); ++n) {
            session to;
            decoder in(frame.view().substr(0, n));
            message heard;
            refusal why;
            EXPECT_FALSE(to.read(in, heard, why)) << kind << " cut at " << n;
        }
    }
}

TEST(message, a_tail_after_what_was_said_is_refused) {
    for (std::size_t kind = 0; kind < maker::kinds; ++kind) {
        maker m{std::mt19937_64(kind), {}};
        session from, to;
        encoder frame, longer;
        message said;
        m.say(kind, from, frame, said);
        for (decoder in(frame.view()); !in.done();) { // names come first, then the message
            std::string one(in.bytes());
            if (in.done()) one.push_back('\0');
            longer.bytes(one);
        }
        decoder in(longer.view());
        message heard;
        refusal why;
        EXPECT_FALSE(to.read(in, heard, why)) << kind;
        EXPECT_EQ(why.what, refusal::fault::malformed) << kind;
    }
}

TEST(message, a_mutated_frame_is_refused_or_decodes_to_what_encodes_again) {
    int heard_count = 0, refused = 0;
    for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
        maker m{std::mt19937_64(seed), {}};
        session from, to, again_from, again_to;
        encoder frame;
        message said;
        m.say(seed % maker::kinds, from, frame, said);
        std::string bytes(frame.view());
        for (auto n = 1 + m.below(3); n--;) bytes[m.below(bytes.size())] = char(m.random());
        decoder in(bytes);
        message heard;
        refusal why;
        while (to.read(in, heard, why)) {
            ++heard_count;
            encoder again;
            again_from.write(heard, again);
            decoder second(again.view());
            message echo;
            ASSERT_TRUE(again_to.read(second, echo, why)) << why.text();
            ASSERT_TRUE(same_message(heard, echo));
        }
        refused += bool(why);
    }
    EXPECT_GT(heard_count, 1000);
    EXPECT_GT(refused, 1000);
}

TEST(message, random_bytes_never_do_harm) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 50'000; ++i) {
        std::string bytes(random() % 60, ' ');
        for (auto& c : bytes) c = char(random());
        if (bytes.size() > 2) bytes[0] = char(bytes.size() - 1), bytes[1] = char(random() % 30);
        session s;
        decoder in(bytes);
        message heard;
        refusal why;
        for (int n = 0; n < 100 && s.read(in, heard, why); ++n) {}
    }
}

TEST(message, an_unknown_kind_is_skipped_when_it_may_be_and_named_when_not) {
    session from, to;
    encoder frame;
    frame.bytes("\xC5 a kind of a later version");
    from.write(word::ping{5}, frame);
    frame.bytes("\x45 another");
    decoder in(frame.view());
    message heard;
    refusal why;
    ASSERT_TRUE(to.read(in, heard, why));
    EXPECT_TRUE(same_message(heard, word::ping{5}));
    EXPECT_FALSE(to.read(in, heard, why));
    EXPECT_EQ(why.what, refusal::fault::unknown_kind);
    EXPECT_NE(why.text().find("69"), std::string::npos);
}

TEST(message, a_number_never_given_is_refused) {
    session from, to;
    encoder frame, second;
    from.write("main", word::same{}, frame);
    from.write("main", word::same{}, second);
    decoder in(second.view());
    message heard;
    refusal why;
    EXPECT_FALSE(to.read(in, heard, why));
    EXPECT_EQ(why.what, refusal::fault::unknown_number);
}

TEST(message, a_vector_that_claims_more_than_its_bytes_allocates_nothing) {
    session to;
    encoder frame, body;
    body.u8(1), body.u(0), body.bytes("main"), frame.bytes(body.view());
    body.clear(), body.u8(22), body.u(0), body.u(1ull << 40), frame.bytes(body.view());
    decoder in(frame.view());
    message heard;
    refusal why;
    EXPECT_FALSE(to.read(in, heard, why));
    EXPECT_EQ(why.what, refusal::fault::malformed);
}

TEST(message, numbers_of_writers_are_given_anew_when_the_table_is_full) {
    session from, to;
    message heard;
    refusal why;
    for (std::uint32_t i = 0; i < 3 * wire_bounds::writers_max; i += 4096) {
        word::durable d;
        for (std::uint32_t k = 0; k < 4096; ++k) d.vector.push_back({writer_id{{}, i + k, 0}, 1});
        encoder frame;
        from.write("main", d, frame);
        decoder in(frame.view());
        ASSERT_TRUE(to.read(in, heard, why)) << why.text();
        ASSERT_TRUE(same_message(heard, in_space{"main", d}));
    }
}

TEST(hello, survives_its_bytes_and_lets_later_versions_append) {
    hello h;
    h.tool = true, h.name = "barn", h.addresses = {"127.0.0.1:1", "[::1]:2"};
    auto bytes = h.write();
    hello back;
    ASSERT_TRUE(back.read(bytes));
    EXPECT_EQ(h, back);
    EXPECT_TRUE(back.read(bytes + "later"));
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(back.read(bytes.substr(0, n)));
}

} // namespace
} // namespace dunlin
