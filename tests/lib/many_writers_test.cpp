// Many writers, and hostile ones: what an entry may name, what a table holds, what is refused.
#include "forged_entry.hpp"
#include "golden_space.hpp"
#include <dunlin/lib/entry_delta.hpp>
#include <malloc.h>

using namespace golden;

namespace {

writer_id stranger(std::uint32_t n) {
    writer_id w;
    w.node.fill(0xEE), w.run = n, w.nonce = ~n;
    return w;
}

using stranger_entry = forged::entry_of;

bool takes(golden_space& s, series const& one) {
    entry_body read;
    series_cursor c(one);
    if (!c.next() || !read.read(c.entry().body)) return false;
    return s.body->known().check(c.entry(), read, one.prior) == verdict::connects && s.body->absorb(c.entry(), read);
}

series inserting(std::uint32_t n) {
    encoder set;
    set.u(2), set.bytes(std::to_string(n)), set.u(1);
    return stranger_entry(stranger(n)).says("golden.sets", "k", "names", "Ss", set.view()).made();
}

/// Everything in the log of a space from a position on, an entry each.
std::vector<series> log_from(golden_space& s, std::uint64_t position) {
    std::vector<series> all;
    for (; position < s.body->log().next_position(); ++position) {
        auto& e = s.body->log().at(position);
        auto& one = all.emplace_back();
        one.writer = s.body->table().id(e.at.slot()), one.first = e.at.number(), one.first_stamp = e.stamp;
        one.prior = e.prior;
        one.add(e.body);
    }
    return all;
}

constexpr std::uint32_t crowd = 10'000;

} // namespace

TEST(many_writers, are_all_named_as_dependencies_of_what_has_seen_them) {
    golden_space a(1), b(2);
    a.know_types(), b.know_types();
    for (std::uint32_t n = 0; n < crowd; ++n) ASSERT_TRUE(takes(a, inserting(n)));
    auto before = a.body->log().next_position();
    a.get<sums>().sum += 1;
    EXPECT_GT(a.body->seal(), 0u);
    auto said = log_from(a, before);
    std::size_t named = 0;
    for (auto& s : said) {
        entry_body read;
        series_cursor c(s);
        ASSERT_TRUE(c.next() && read.read(c.entry().body));
        named += read.dependencies.size();
        EXPECT_EQ(read.delta.empty(), &s != &said.back()) << "the effect comes after all of its causes";
    }
    EXPECT_EQ(named, crowd);
    // Whoever lacks any cause, and be it the last, does not see the effect.
    for (std::uint32_t n = 0; n + 1 < crowd; ++n) ASSERT_TRUE(takes(b, inserting(n)));
    bool all = true;
    for (auto& s : said) all = all && takes(b, s);
    EXPECT_FALSE(all);
    EXPECT_EQ(b.get<sums>().sum, 0);
    ASSERT_TRUE(takes(b, inserting(crowd - 1)));
    for (auto& s : said)
        if (b.body->known().of(s.writer).number < s.first) { EXPECT_TRUE(takes(b, s)); }
    EXPECT_EQ(b.get<sums>().sum, 1);
    EXPECT_EQ(a.digest(), b.digest());
}

TEST(many_writers, do_not_make_a_turn_that_changes_nothing_an_entry) {
    golden_space a(1);
    a.know_types();
    a.get<sums>().sum += 1;
    a.seal(); // the schema knows it
    for (std::uint32_t n = 0; n < crowd; ++n) ASSERT_TRUE(takes(a, inserting(n)));
    a.get<sums>().sum += 1, a.get<sums>().sum -= 1;
    auto before = a.body->log().next_position();
    EXPECT_EQ(a.body->seal(), 0u);
    EXPECT_EQ(a.body->log().next_position(), before);
}

TEST(many_writers, are_all_taken_away_by_one_clear) {
    for (bool atomic : {false, true}) {
        golden_space a(1), b(2);
        a.know_types(), b.know_types();
        for (std::uint32_t n = 0; n < crowd; ++n) ASSERT_TRUE(takes(a, inserting(n)) && takes(b, inserting(n)));
        auto before = a.body->log().next_position();
        if (atomic) a.body->begin_atomic();
        a.get<sets>().names.clear();
        a.get<sets>().names.insert("after");
        atomic ? a.body->commit_atomic() : a.body->seal();
        for (auto& s : log_from(a, before)) EXPECT_TRUE(takes(b, s)) << (b.alarms.empty() ? "" : b.alarms.back());
        EXPECT_EQ(b.get<sets>().names.size(), 1u);
        EXPECT_EQ(a.digest(), b.digest());
    }
}

TEST(many_writers, beyond_what_one_entry_can_name_make_an_atomic_refused_and_undone) {
    golden_space a(1);
    a.know_types();
    std::uint32_t n = 0;
    for (; n <= 1u << 15; ++n) ASSERT_TRUE(takes(a, inserting(n)));
    auto before = a.body->log().next_position();
    a.body->begin_atomic();
    a.get<sets>().names.clear();
    a.get<sums>().sum += 1;
    boost::system::error_code why;
    try {
        a.body->commit_atomic();
    } catch (boost::system::system_error const& e) { why = e.code(); }
    EXPECT_EQ(why, make_error_code(node_errc::turn_too_large));
    EXPECT_EQ(a.get<sets>().names.size(), n);
    EXPECT_EQ(a.get<sums>().sum, 0);
    EXPECT_EQ(a.body->log().next_position(), before);
}

// In memory an object in which nothing is left is forgotten: the second delta would be of nobody.
TEST(hostile_entries, that_name_an_object_twice_are_refused_whole) {
    golden_space a(1), b(2);
    a.know_types(), b.know_types();
    b.body->unpin(b.of<flags>()), b.body->unpin(b.of<flags>()); // nobody but the space holds it
    a.get<flags>().on = true;
    auto said = a.seal();
    ASSERT_TRUE(takes(b, said));
    stranger_entry twice(stranger(1));
    twice.depends(said.writer, said.first);
    encoder off;
    off.u(2), off.u(twice.index(said.writer)), off.u(said.first); // one removal, nothing written
    for (int k = 0; k < 2; ++k) twice.says("golden.flags", "k", "on", "F", off.view());
    EXPECT_FALSE(takes(b, twice.made()));
    EXPECT_EQ(b.body->known().of(stranger(1)).number, 0u);
    EXPECT_EQ(a.digest(), b.digest());
    stranger_entry once(stranger(1));
    once.depends(said.writer, said.first);
    ASSERT_EQ(once.index(said.writer), 1u);
    EXPECT_TRUE(takes(b, once.says("golden.flags", "k", "on", "F", off.view()).made()));
    EXPECT_FALSE(b.get<flags>().on);
}

// A name with a brace in it was no kind, and made a type without a part.
TEST(hostile_entries, may_call_an_object_anything_that_is_utf8) {
    golden_space b(2);
    std::uint32_t n = 1;
    for (std::string type : {"a}b", "}", "{", "{}", "a{b}", "M", "\xc3\xa9"}) {
        EXPECT_FALSE(takes(b, stranger_entry(stranger(n++)).says(type, "k", "on", "F", "\1").made())) << "without its line: " << type;
        EXPECT_TRUE(b.body->kinds().add(type, "on", "F"));
        EXPECT_TRUE(takes(b, stranger_entry(stranger(n++)).says(type, "k", "on", "F", "\1").made())) << type;
    }
    golden_space c(3);
    for (std::string type : {"a}b", "}", "{", "{}", "a{b}", "M", "\xc3\xa9"}) c.body->kinds().add(type, "on", "F");
    EXPECT_TRUE(c.take_state(b));
    EXPECT_EQ(c.digest(), b.digest());
    EXPECT_FALSE(takes(b, stranger_entry(stranger(n++)).says("\xff", "k", "on", "F", "\1").made()));
}

TEST(hostile_entries, that_name_writers_whom_their_author_has_not_seen_are_refused) {
    golden_space a(1), b(2);
    a.know_types(), b.know_types();
    a.get<sums>().sum += 1;
    auto said = a.seal();
    ASSERT_TRUE(takes(b, said));
    auto before = b.body->table().size();
    stranger_entry unseen(stranger(1));
    for (std::uint32_t n = 2; n < 60'000; ++n) unseen.index(stranger(n));
    EXPECT_FALSE(takes(b, unseen.made()));
    stranger_entry known(stranger(1)); // though we know him
    known.index(said.writer);
    EXPECT_FALSE(takes(b, known.made()));
    EXPECT_EQ(b.body->table().size(), before);
    stranger_entry seen(stranger(1));
    seen.depends(said.writer, said.first);
    EXPECT_TRUE(takes(b, seen.made()));
    stranger_entry later(stranger(1)); // by an earlier entry of its own
    later.index(said.writer);
    EXPECT_TRUE(takes(b, later.made(b.body->known().of(stranger(1)))));
}

/// It has taken this entry, and knows types by its schema alone.
series takes_sums(golden_space& b) {
    golden_space a(1);
    a.know_types();
    a.get<sums>().sum += 1;
    auto said = a.seal();
    EXPECT_TRUE(takes(b, said));
    return said;
}

// Whoever starts again learns from the schema what others write.
TEST(hostile_entries, that_take_away_what_the_schema_says_are_refused) {
    golden_space b(2);
    auto said = takes_sums(b);
    encoder one_line, all_lines, everything;
    one_line.u(2), one_line.bytes(std::string("golden.sums\0sum\0C", 17)), one_line.u(2), one_line.u(1), one_line.u(said.first);
    all_lines.u(1), all_lines.u(1), all_lines.u(1), all_lines.u(said.first);
    everything.u(1), everything.u(1), everything.u(1), everything.u(said.first);
    stranger_entry line(stranger(1)), lines(stranger(2)), object(stranger(3));
    for (auto e : {&line, &lines, &object}) e->depends(said.writer, said.first);
    EXPECT_FALSE(takes(b, line.says("dunlin.schema", "schema", "lines", "Ss", one_line.view()).made()));
    EXPECT_FALSE(takes(b, lines.says("dunlin.schema", "schema", "lines", "Ss", all_lines.view()).made()));
    EXPECT_FALSE(takes(b, object.names("dunlin.schema", "schema", everything.view()).made()));
}

TEST(hostile_entries, about_types_that_nobody_has_described_are_refused_and_leave_nothing_behind) {
    golden_space b(2);
    auto said = takes_sums(b);
    std::uint32_t run = 1;
    for (std::string type : {"nowhere", "a}b", "}", "{"}) {
        encoder gone; // takes away what it has seen, in an object of no type
        gone.u(1), gone.u(1), gone.u(1), gone.u(said.first);
        stranger_entry e(stranger(run++));
        e.depends(said.writer, said.first);
        EXPECT_FALSE(takes(b, e.names(type, "k", gone.view()).made())) << type;
        EXPECT_FALSE(b.body->find_type(type)) << type;
    }
}

// Each names one other, the last of all: that costs what it says, and not a place for everybody before.
TEST(heavy_hostile_entries, cost_no_more_memory_than_they_are_long) {
    golden_space b(2);
    auto before = ::mallinfo2();
    std::size_t bytes = 0;
    constexpr std::uint32_t count = 60'000;
    for (std::uint32_t n = 1; n <= count; ++n) {
        stranger_entry e(stranger(n));
        if (n > 1) e.depends(stranger(n - 1), 1);
        auto s = e.made();
        bytes += s.size();
        ASSERT_TRUE(takes(b, s));
    }
    auto after = ::mallinfo2();
    auto grown = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    EXPECT_LT(grown, 12 * bytes) << grown / count << " bytes a writer, for " << bytes / count << " on the wire";
}

// The table of writers is as large as a member's patience; whoever is known, and we ourselves, go on.
TEST(heavy_hostile_entries, that_fill_the_table_of_writers_stop_nobody_who_is_known_already) {
    golden_space a(1), b(2);
    a.know_types(), b.know_types();
    a.get<sums>().sum += 1;
    ASSERT_TRUE(takes(b, a.seal()));
    for (std::uint32_t n = 1; takes(b, stranger_entry(stranger(n)).made()); ++n) {}
    EXPECT_EQ(b.body->table().size(), writers::foreign_max);
    EXPECT_FALSE(b.alarms.size()) << b.alarms.back();
    a.get<sums>().sum += 2;
    EXPECT_TRUE(takes(b, a.seal())) << "who is known is heard";
    b.get<sums>().sum += 4, b.get<sets>().names.insert("x");
    EXPECT_GT(b.body->seal(), 0u) << "and we write";
    EXPECT_EQ(b.get<sums>().sum, 7);
    encoder heads;
    b.body->known().write(heads);
    writers again;
    dunlin::heads read(again);
    decoder in(heads.view());
    EXPECT_TRUE(read.read(in)) << "and start again from the file";
    EXPECT_NE(again.intern(writer_of(9)), writers::none);
}
