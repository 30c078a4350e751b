// A member that lies: it has the key, so it is heard; and whatever it says, honest nodes keep working and converge,
// nothing is half applied, and no other member's writer stops. enemy_protocol_test.cpp has its questions and answers.
#include "enemy.hpp"

using namespace clusters;
using forged::entry_of;

namespace {
using dunlin::encoder;
using dunlin::head;
using dunlin::node;
using dunlin::series;

constexpr std::uint64_t far_number = dunlin::dot::number_max;

/// Three honest nodes that have written, each linked to the others, and an enemy that they have not met.
struct besieged {
    cluster c;
    enemy bad;
    besieged(std::uint64_t s) : c(3, seed(s)), bad(c) {
        for (std::size_t i : {0, 1, 2})
            change(c, i, "p", [i](player& p) {
                p.score += 10, p.name = "n" + std::to_string(i), p.friends.insert("x"), p.bag["sword"] += 1, p.online.enable();
            }, true);
        EXPECT_SETTLES(c);
    }
    /// All that an honest member had seen.
    entry_of seen(writer_id const& author) {
        entry_of e(author);
        auto& known = main_of(c, 0).known();
        for (std::uint32_t s = 0; s < known.size(); ++s)
            if (known[s].number && known.table().id(s) != author) e.depends(known.table().id(s), known[s].number);
        return e;
    }
    /// Every node writes, hears the others, and has what they have.
    void go_on() {
        auto before = score(c, 0, "after");
        for (std::size_t i : {0, 1, 2}) change(c, i, "after", [](player& p) { p.score += 1; });
        ASSERT_SETTLES(c);
        for (std::size_t i : {0, 1, 2}) EXPECT_EQ(score(c, i, "after"), before + 3) << i;
        for (std::size_t i : {0, 1, 2})
            for (std::size_t k : {0, 1, 2}) EXPECT_FALSE(main_of(c, i).machine().frozen(writer_at(c, k))) << i << k;
    }
};

std::string erasing(std::uint64_t writer, std::uint64_t number) { // of set, by name; others below
    encoder e;
    e.u(2), e.bytes("x"), e.u(2), e.u(writer), e.u(number);
    return e.take();
}
/// Deltas that take away what `writer` wrote up to `number`, one a type.
std::map<std::string, std::function<std::string(std::uint64_t, std::uint64_t)>> removals() {
    return {{"name:Rs", [](auto w, auto n) {
                 encoder e;
                 e.u(2), e.u(w), e.u(n);
                 return e.take();
             }},
            {"online:F", [](auto w, auto n) {
                 encoder e;
                 e.u(2), e.u(w), e.u(n);
                 return e.take();
             }},
            {"friends:Ss", erasing},
            {"score:C", [](auto w, auto n) {
                 encoder e;
                 e.u(4), e.u(w), e.u(n), e.u(0), e.i(10);
                 return e.take();
             }},
            {"bag:MsC", [](auto w, auto n) {
                 encoder e;
                 e.u(2), e.bytes("sword"), e.u(4), e.u(w), e.u(n), e.u(0), e.i(1);
                 return e.take();
             }}};
}
std::string named(std::string_view text, std::uint64_t ahead = 0) {
    encoder e;
    e.u(1), e.u(ahead), e.bytes(text);
    return e.take();
}
std::string adding(std::int64_t sum) {
    encoder e;
    e.u(3), e.i(sum);
    return e.take();
}
} // namespace

// A removal of what nobody has written yet would take it away where it comes later, and not where it came before.
TEST(enemy, cannot_take_away_what_it_has_not_seen) {
    for (auto& [member, removal] : removals()) {
        SCOPED_TRACE(member);
        besieged b(401);
        auto a = writer_at(b.c, 0);
        auto at = head_of(b.c, 0, a);
        auto colon = member.find(':');
        auto forge = [&](std::uint64_t number) {
            auto e = b.seen(b.bad.writer);
            return e.says("player", "p", member.substr(0, colon), member.substr(colon + 1), removal(e.index(a), number))
                .made({}, at.stamp + 1);
        };
        auto& line1 = b.bad.call(1);
        for (std::string other : {"n0", "n2"}) b.c.wire().block("n1", other), b.c.wire().block(other, "n1");
        b.bad.say(line1, word::push{forge(at.number + 1)});
        change(b.c, 0, "p", [](player& p) {
            p.name = "later", p.online.disable(), p.online.enable(), p.friends.erase("x"), p.friends.insert("x"),
                p.score += 10, p.bag["sword"] += 1;
        });
        b.c.advance(2s);
        EXPECT_EQ(head_of(b.c, 1, b.bad.writer).number, 0u) << "refused";
        auto& line2 = b.bad.call(2);
        b.bad.say(line2, word::push{forge(far_number)});
        b.c.advance(1s);
        EXPECT_EQ(head_of(b.c, 2, b.bad.writer).number, 0u) << "and however large the number";
        b.c.heal();
        ASSERT_SETTLES(b.c);
        for (std::size_t i : {0, 1, 2}) EXPECT_TRUE(look(b.c, i, "p", [](player& p) { return p.friends.contains("x"); }));
        b.go_on();
    }
}

TEST(enemy, may_take_away_what_it_has_seen) {
    for (auto& [member, removal] : removals()) {
        SCOPED_TRACE(member);
        besieged b(402);
        auto a = writer_at(b.c, 0);
        auto colon = member.find(':');
        auto e = b.seen(b.bad.writer);
        auto at = head_of(b.c, 0, a);
        auto& line = b.bad.call(1);
        b.bad.say(line, word::push{e.says("player", "p", member.substr(0, colon), member.substr(colon + 1),
                                          removal(e.index(a), at.number)).made({}, at.stamp + 1)});
        b.c.advance(1s);
        ASSERT_SETTLES(b.c);
        for (std::size_t i : {0, 1, 2}) EXPECT_EQ(head_of(b.c, i, b.bad.writer).number, 1u) << i;
        b.go_on();
    }
}

TEST(enemy, cannot_bring_in_writers_by_naming_them) {
    besieged b(403);
    auto& line = b.bad.call(1);
    auto before = main_of(b.c, 1).table().size();
    auto e = b.seen(b.bad.writer);
    for (std::uint32_t n = 0; n < 60'000; ++n) {
        writer_id w = b.bad.writer;
        w.run = 100 + n;
        e.index(w);
    }
    b.bad.say(line, word::push{e.says("player", "p", "score", "C", adding(1)).made()});
    b.c.advance(2s);
    EXPECT_LE(main_of(b.c, 1).table().size(), before + 1);
    b.go_on();
}

// Nobody but the node makes entries of its present writer.
TEST(enemy, cannot_write_under_a_nodes_own_name_at_that_node) {
    besieged b(404);
    auto a = writer_at(b.c, 0);
    auto& line = b.bad.call(0);
    auto at = head_of(b.c, 0, a);
    auto forge = [&] {
        return b.seen(a).says("player", "p", "score", "C", adding(1'000'000)).made(at, at.stamp + 1);
    };
    b.bad.say(line, word::push{forge()});
    b.c.advance(2s);
    EXPECT_EQ(score(b.c, 0, "p"), 30);
    EXPECT_EQ(head_of(b.c, 0, a).number, at.number);
    EXPECT_TRUE(told(b.c, 0, "under this node's own name")) << "and somebody is told";
    b.go_on();
    EXPECT_EQ(score(b.c, 1, "p"), 30);
}

TEST(enemy, cannot_change_an_entry_that_is_known) {
    besieged b(408);
    auto a = writer_at(b.c, 0);
    auto at = head_of(b.c, 0, a);
    auto& line = b.bad.call(1);
    for (auto number = at.number; number; --number) {
        head before;
        before.number = number - 1, before.stamp = at.stamp;
        b.bad.say(line, word::push{entry_of(a).says("player", "p", "score", "C", adding(1'000'000)).made(before, at.stamp)});
    }
    b.c.advance(2s);
    EXPECT_EQ(score(b.c, 1, "p"), 30);
    EXPECT_TRUE(told(b.c, 1, "two contents of one entry"));
    b.go_on();
}

// The sentence: a forged head from a third party freezes nobody.
TEST(enemy, freezes_nobody_by_a_forged_head) {
    for (std::uint64_t more : {std::uint64_t(0), std::uint64_t(1), std::uint64_t(1'000'000'000), far_number}) {
        besieged b(409);
        for (std::size_t i : {0, 1, 2}) {
            auto& line = b.bad.call(i);
            for (bool complete : {false, true})
                for (std::size_t k : {0, 1, 2}) {
                    auto w = writer_at(b.c, k);
                    auto at = head_of(b.c, k, w);
                    word::heads h;
                    h.complete = complete, h.reply = true;
                    h.list.push_back({w, more == far_number ? more : at.number + more, at.prior() ^ 1});
                    h.durable.push_back({w, far_number});
                    b.bad.say(line, h);
                }
        }
        b.c.advance(5s);
        if (!more) { EXPECT_TRUE(told(b.c, 1, "two contents of one entry")); }
        for (std::size_t i : {0, 1, 2}) EXPECT_FALSE(told(b.c, i, "cloned"));
        b.go_on();
    }
}

// A dot with two contents is the liar's own; what others write goes on everywhere.
TEST(enemy, harms_only_its_own_entries_by_saying_one_thing_here_and_another_there) {
    besieged b(410);
    for (std::size_t i : {0, 1, 2}) {
        auto& line = b.bad.call(i);
        b.bad.say(line, word::push{b.seen(b.bad.writer).says("player", "liar", "score", "C", adding(std::int64_t(i) + 1)).made()});
    }
    b.c.advance(5s);
    for (std::size_t i : {0, 1, 2}) change(b.c, i, "after", [](player& p) { p.score += 1; });
    b.c.advance(10s);
    for (std::size_t i : {0, 1, 2}) {
        EXPECT_EQ(score(b.c, i, "after"), 3) << i;
        // The others have it from node 0, before they hear the enemy himself.
        if (i) { EXPECT_TRUE(told(b.c, i, "two contents of one entry") || told(b.c, i, "cloned")) << i; }
        for (std::size_t k : {0, 1, 2}) EXPECT_EQ(head_of(b.c, i, writer_at(b.c, k)).number, head_of(b.c, k, writer_at(b.c, k)).number);
    }
}

TEST(enemy, of_the_year_9999_and_of_the_end_of_time_decides_nothing_for_ever) {
    for (auto stamp : {dunlin::hybrid_clock::of(std::chrono::milliseconds(253'402'300'799'000)), ~std::uint64_t(0) - 1, ~std::uint64_t(0)}) {
        besieged b(411);
        auto& line = b.bad.call(1);
        b.bad.say(line, word::push{b.seen(b.bad.writer).says("player", "p", "name", "Rs", named("9999", 9)).made({}, stamp)});
        b.c.advance(1s);
        ASSERT_SETTLES(b.c);
        for (std::size_t i : {0, 1, 2}) EXPECT_EQ(look(b.c, i, "p", [](player& p) { return p.name.value(); }), "9999") << "no entry is refused for its clock";
        EXPECT_TRUE(told(b.c, 1, "more than a minute ahead"));
        change(b.c, 2, "p", [](player& p) { p.name = "present"; }); // who has seen it beats it
        change(b.c, 0, "q", [](player& p) { p.name = "present"; });
        ASSERT_SETTLES(b.c);
        auto bound = dunlin::hybrid_clock::of(b.c.clock(0).wall_now() + dunlin::hybrid_clock::ahead_max) + (1 << 16);
        for (std::size_t i : {0, 1, 2}) {
            EXPECT_EQ(look(b.c, i, "p", [](player& p) { return p.name.value(); }), "present") << i;
            EXPECT_LT(head_of(b.c, i, writer_at(b.c, 0)).stamp, bound) << "nobody's clock went along";
        }
        // And its own writer goes on, as far as its stamps let it.
        auto at = head_of(b.c, 1, b.bad.writer);
        b.bad.say(line, word::push{b.seen(b.bad.writer).says("player", "q", "score", "C", adding(1)).made(at, at.stamp)});
        b.c.advance(1s);
        ASSERT_SETTLES(b.c);
        EXPECT_EQ(score(b.c, 0, "q"), 1);
        b.c.crash(0), b.c.restart(0);
        b.go_on();
    }
}

TEST(enemy, at_the_end_of_64_bits_makes_sums_saturate_the_same_everywhere) {
    constexpr auto most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
    for (auto sum : {most, least}) {
        besieged b(412);
        auto& line = b.bad.call(1);
        auto other = b.bad.writer;
        ++other.run;
        for (auto& w : {b.bad.writer, other})
            b.bad.say(line, word::push{b.seen(w).says("player", "p", "score", "C", adding(sum)).made()});
        b.c.advance(1s);
        ASSERT_SETTLES(b.c);
        for (std::size_t i : {0, 1, 2}) EXPECT_EQ(score(b.c, i, "p"), sum) << i;
        for (std::size_t i : {0, 1, 2}) change(b.c, i, "p", [&](player& p) { p.score += sum == most ? 1 : -1; });
        ASSERT_SETTLES(b.c);
        for (std::size_t i : {0, 1, 2}) EXPECT_EQ(score(b.c, i, "p"), sum) << "no sum comes round";
        change(b.c, 2, "p", [](player& p) { p.score.reset(); });
        ASSERT_SETTLES(b.c);
        change(b.c, 0, "p", [](player& p) { p.score += 3; });
        ASSERT_SETTLES(b.c);
        for (std::size_t i : {0, 1, 2}) EXPECT_EQ(score(b.c, i, "p"), 3) << i;
        b.c.crash(2), b.c.restart(2);
        b.go_on();
    }
}

TEST(enemy, at_the_last_number_of_a_writer_is_refused_and_stops_only_that_writer) {
    besieged b(413);
    auto& line = b.bad.call(1);
    head last; // nobody has what comes before: it waits, and is forgotten
    last.number = far_number - 1, last.stamp = 7;
    b.bad.say(line, word::push{b.seen(b.bad.writer).says("player", "p", "score", "C", adding(1)).made(last, 8)});
    b.c.advance(30s);
    EXPECT_EQ(main_of(b.c, 1).machine().waiting_entries(), 0u);
    last.number = far_number; // and beyond it there is none
    b.bad.say(line, word::push{b.seen(b.bad.writer).says("player", "p", "score", "C", adding(1)).made(last, 8)});
    b.c.advance(1s);
    EXPECT_TRUE(line.ended);
    b.go_on();
}

TEST(enemy, is_applied_whole_or_not_at_all) {
    besieged b(414);
    auto& line = b.bad.call(1);
    auto before = json(b.c, 1, "p");
    std::vector<std::string> bad{
        "", std::string("\x02\xFF\xFF\xFF\xFF", 5), forged::member_delta("score", "C", "\x02"),
        forged::member_delta("score", "C", adding(1) + "x"), forged::member_delta("nowhere", "C", adding(1)),
        forged::member_delta("friends", "Ss", "\x04\x01x")};
    std::uint32_t run = 10;
    for (auto& second : bad) {
        auto w = b.bad.writer;
        w.run = ++run;
        b.bad.say(line, word::push{b.seen(w).says("player", "p", "score", "C", adding(1'000)).names("player", "second", second).made()});
        b.c.advance(500ms);
        EXPECT_EQ(head_of(b.c, 1, w).number, 0u) << run;
    }
    EXPECT_EQ(json(b.c, 1, "p"), before);
    EXPECT_FALSE(exists(b.c, 1, "second"));
    b.go_on();
}

TEST(enemy, that_nests_deeply_is_refused) {
    besieged b(415);
    auto& line = b.bad.call(1);
    auto kind_of = [](int depth) {
        std::string kind;
        for (int k = 0; k < depth; ++k) kind += "Ms";
        return kind + "C";
    };
    auto delta_of = [](int depth) {
        encoder e;
        for (int k = 0; k < depth; ++k) e.u(2), e.bytes("k");
        e.raw(adding(1));
        return e.take();
    };
    std::uint32_t run = 20;
    auto push = [&](std::string const& kind, std::string const& delta) {
        encoder row, lines; // a line of the schema, then an object that needs it
        row.bytes("deep"), row.u8(0), row.raw("f"), row.u8(0), row.raw(kind);
        auto w = b.bad.writer;
        w.run = ++run;
        std::string text = std::string("deep") + '\0' + "f" + '\0' + kind;
        lines.u(2), lines.bytes(text), lines.u(1);
        b.bad.say(line, word::push{b.seen(w).says("dunlin.schema", "schema", "lines", "Ss", lines.view())
                                       .says("deep", "o", "f", kind, delta).made()});
        b.c.advance(500ms);
        return head_of(b.c, 1, w).number == 1;
    };
    EXPECT_TRUE(push(kind_of(8), delta_of(8)));
    EXPECT_FALSE(push(kind_of(40), delta_of(40)));
    EXPECT_FALSE(push(kind_of(100'000), delta_of(100'000)));
    EXPECT_FALSE(push(kind_of(8), delta_of(100'000))) << "nested more deeply than its kind says";
    b.go_on();
}

// Names are any UTF-8: also those that look like a part of a kind.
TEST(enemy, may_call_types_and_keys_what_it_likes) {
    besieged b(416);
    auto& line = b.bad.call(1);
    std::uint32_t run = 30;
    for (std::string name : {"a}b", "}", "{", "{}", "MsC", "a b", "player}", "\xC3\xA9"}) {
        auto w = b.bad.writer;
        w.run = ++run;
        b.bad.say(line, word::push{b.seen(w).names(name, name, forged::member_delta("score", "C", adding(1))).made()});
        b.c.advance(200ms);
        EXPECT_EQ(head_of(b.c, 1, w).number, 0u) << name << ": no line of the schema says what it has";
        std::string text = name + '\0' + "score" + '\0' + "C";
        encoder lines;
        lines.u(2), lines.bytes(text), lines.u(1);
        w.nonce = 9;
        auto& again = b.bad.call(1); // whoever was refused once is not heard again on that link
        b.bad.say(again, word::push{b.seen(w).says("dunlin.schema", "schema", "lines", "Ss", lines.view())
                                        .says(name, name, "score", "C", adding(1)).made()});
        b.c.advance(200ms);
        EXPECT_EQ(head_of(b.c, 1, w).number, 1u) << name;
    }
    b.go_on();
}
