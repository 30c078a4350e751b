#include <dunlin/net/entry.hpp>
#include <dunlin/net/heads.hpp>
#include <gtest/gtest.h>
#include <random>

namespace dunlin {
namespace {

writer_id someone(std::uint8_t n, std::uint32_t run = 1) {
    writer_id w;
    w.node.fill(n), w.run = run, w.nonce = n * 1000u;
    return w;
}

struct sample {
    writers table;
    entry_builder builder;
    std::uint32_t author = table.intern(someone(1)), other = table.intern(someone(2)), third = table.intern(someone(3));

    std::string body(std::uint64_t step, bytes_view delta, id_vector const& depends = {}, bool named = false,
                     bool first = false) {
        builder.begin(author);
        builder.delta().raw(delta);
        if (named) { EXPECT_EQ(builder.index(third, table), 1u); }
        for (auto& d : depends) EXPECT_TRUE(builder.depend(table.intern(d.writer), d.number, table));
        if (first) builder.follow({someone(1, 0), 7, hash128("before")});
        encoder out;
        builder.finish(step, out);
        return out.take();
    }
};

series sample_series(sample& s) {
    series x;
    x.writer = someone(1), x.first_stamp = 1'000'000;
    x.add(s.body(0, "one", {{someone(2), 9}}, true, true));
    x.add(s.body(5, "two"));
    x.add(s.body(300, std::string(1000, 'x'), {{someone(2), 11}, {someone(3), 2}}));
    return x;
}

std::string bytes_of(series const& s) {
    encoder out;
    s.write(out);
    return out.take();
}

TEST(entry, a_body_yields_what_was_put_in) {
    sample s;
    auto bytes = s.body(77, "delta", {{someone(2), 300}}, true, true);
    entry_body b;
    ASSERT_TRUE(b.read(bytes));
    EXPECT_EQ(b.stamp_step, 77u);
    EXPECT_EQ(b.delta, "delta");
    EXPECT_EQ(b.writers, (std::vector{someone(3), someone(2)}));
    EXPECT_EQ(b.dependencies, (std::vector<dependency>{{2, 300}}));
    ASSERT_TRUE(b.pred);
    EXPECT_EQ(*b.pred, (predecessor{someone(1, 0), 7, hash128("before")}));
    EXPECT_EQ(b.writer(0, someone(1)), someone(1));
    EXPECT_EQ(b.writer(2, someone(1)), someone(2));
}

TEST(entry, a_builder_forgets_the_body_before) {
    sample s;
    (void)s.body(1, "first", {{someone(2), 3}}, true, true);
    auto bytes = s.body(1, "second");
    EXPECT_EQ(bytes.size(), 2 + 6u);
    entry_body b;
    ASSERT_TRUE(b.read(bytes));
    EXPECT_TRUE(b.writers.empty() && b.dependencies.empty() && !b.pred);
}

TEST(entry, a_small_entry_among_others_costs_three_bytes_around_its_delta) {
    sample s;
    series x;
    x.add(s.body(0, "12345678"));
    auto before = x.bodies.size();
    x.add(s.body(5, "12345678"));
    EXPECT_EQ(x.bodies.size() - before, 8 + 3u);
}

TEST(entry, a_lone_entry_has_at_most_forty_bytes_around_its_delta_when_the_writer_is_a_number) {
    sample s;
    series x;
    x.first = 100'000, x.first_stamp = 1'790'000'000'000ull << 16, x.prior = ~0ull;
    x.add(s.body(1000 << 16, "12345678"));
    encoder out;
    x.write_after_writer(out);
    EXPECT_LE(out.size() - 8, 40u);
}

TEST(entry, a_series_survives_its_bytes) {
    sample s;
    auto x = sample_series(s);
    auto bytes = bytes_of(x);
    decoder in(bytes);
    series y;
    ASSERT_TRUE(y.read(in));
    EXPECT_TRUE(in.finished());
    EXPECT_EQ(x, y);
    EXPECT_EQ(bytes_of(y), bytes);
    series_cursor at(y);
    std::vector<std::uint64_t> numbers, stamps;
    while (at.next()) numbers.push_back(at.entry().number), stamps.push_back(at.entry().stamp);
    EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(stamps, (std::vector<std::uint64_t>{1'000'000, 1'000'005, 1'000'305}));
}

TEST(entry, a_truncated_series_is_refused_at_every_length) {
    sample s;
    auto bytes = bytes_of(sample_series(s));
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        auto cut = bytes.substr(0, n);
        decoder in(cut);
        series y;
        EXPECT_FALSE(y.read(in) && in.finished()) << n;
    }
}

TEST(entry, a_mutated_series_is_refused_or_decodes_to_what_encodes_to_the_same_bytes) {
    sample s;
    auto const bytes = bytes_of(sample_series(s));
    std::mt19937_64 random(1);
    int passed = 0;
    for (int i = 0; i < 20'000; ++i) {
        auto m = bytes;
        for (auto n = 1 + random() % 3; n--;) m[random() % (i % 2 ? m.size() : 90)] = char(random());
        decoder in(m);
        series y;
        if (!y.read(in) || !in.finished()) continue;
        ++passed;
        ASSERT_EQ(bytes_of(y), m);
        entry_body b;
        ASSERT_TRUE(y.check(b));
    }
    EXPECT_GT(passed, 100);
}

TEST(entry, what_no_honest_writer_makes_is_refused) {
    entry_body b;
    auto refused = [&](auto fill) {
        encoder e;
        fill(e);
        return !b.read(e.view());
    };
    EXPECT_TRUE(refused([](encoder& e) { e.u8(8), e.u(0); }));
    EXPECT_TRUE(refused([](encoder& e) { e.u8(2), e.u(0), e.u(1), e.u(1), e.u(1); })) << "dependency without a table";
    EXPECT_TRUE(
        refused([](encoder& e) { e.u8(1), e.u(0), e.u(2), write_writer(e, someone(1)), write_writer(e, someone(1)); }));
    EXPECT_TRUE(refused([](encoder& e) { e.u8(1), e.u(0), e.u(1ull << 60), write_writer(e, someone(1)); }));
    EXPECT_TRUE(
        refused([](encoder& e) { e.u8(3), e.u(0), e.u(1), write_writer(e, someone(1)), e.u(1), e.u(0), e.u(5); }));
    EXPECT_TRUE(refused(
        [](encoder& e) { e.u8(3), e.u(0), e.u(1), write_writer(e, someone(1)), e.u(1), e.u(1), e.u(1ull << 50); }));
    EXPECT_TRUE(b.read(std::string_view("\0\0", 2)));
    std::string huge(entry_bounds::body_max + 1, '\0');
    EXPECT_FALSE(b.read(huge));
    series x;
    sample s;
    x.first = dot::number_max, x.prior = 1;
    x.writer = someone(1);
    x.add(s.body(1, "a"));
    EXPECT_TRUE(x.check(b));
    x.add(s.body(1, "b"));
    EXPECT_FALSE(x.check(b)) << "a number beyond 44 bits";
    x = {}, x.writer = someone(1), x.first_stamp = ~0ull;
    x.add(s.body(0, "a")), x.add(s.body(1, "b"));
    EXPECT_FALSE(x.check(b)) << "a stamp beyond 64 bits";
    x = {}, x.writer = someone(3);
    x.add(s.body(0, "a", {}, true));
    EXPECT_FALSE(x.check(b)) << "the author in its own table";
    x = {}, x.writer = someone(1), x.first = 2;
    x.add(s.body(0, "a", {}, false, true));
    EXPECT_FALSE(x.check(b)) << "a predecessor in the second entry";
}

TEST(entry, the_hash_depends_on_every_part) {
    auto w = someone(1);
    auto h = entry_hash(1, w, 2, 3, "body");
    EXPECT_EQ(h, entry_hash(1, w, 2, 3, "body"));
    EXPECT_NE(h, entry_hash(0, w, 2, 3, "body"));
    EXPECT_NE(h, entry_hash(1, someone(2), 2, 3, "body"));
    EXPECT_NE(h, entry_hash(1, w, 3, 3, "body"));
    EXPECT_NE(h, entry_hash(1, w, 2, 4, "body"));
    EXPECT_NE(h, entry_hash(1, w, 2, 3, "bodY"));
    std::string large(10'000, 'x'), other = large;
    other.back() = 'y';
    EXPECT_NE(entry_hash(1, w, 2, 3, large), entry_hash(1, w, 2, 3, other));
}

TEST(heads, entries_connect_in_order_and_only_so) {
    sample s;
    auto x = sample_series(s);
    writers table;
    heads h(table);
    series_cursor at(x);
    entry_body b;
    ASSERT_TRUE(at.next() && b.read(at.entry().body));
    auto first = at.entry();
    EXPECT_EQ(h.check(first, b, 0), verdict::missing);
    h.adopt(table.intern(someone(2)), {11, 1, hash128("two"), {}});
    h.adopt(table.intern(someone(3)), {2, 1, hash128("three"), {}});
    EXPECT_EQ(h.check(first, b, 0), verdict::connects);
    EXPECT_EQ(h.check(first, b, 1), verdict::forked);
    EXPECT_NE(h.advance(first, b), writers::none);
    EXPECT_EQ(h.check(first, b, 0), verdict::stale);
    ASSERT_TRUE(at.next() && b.read(at.entry().body));
    auto second = at.entry();
    auto prior = h.of(someone(1)).prior();
    EXPECT_EQ(prior, prior_of(entry_hash(0, someone(1), 1, 1'000'000, first.body)));
    EXPECT_EQ(h.check(second, b, prior), verdict::connects);
    EXPECT_EQ(h.check(second, b, prior + 1), verdict::forked);
    auto late = second;
    late.stamp += 1;
    EXPECT_EQ(h.check(late, b, prior), verdict::refused);
    late = second, late.number = 3;
    EXPECT_EQ(h.check(late, b, prior), verdict::gap);
    h.advance(second, b);
    EXPECT_EQ(h.applied()[table.find(someone(1))], 2u);
    EXPECT_EQ(h.of(someone(1)).dependencies[table.find(someone(2))], 9u);
}

TEST(heads, the_same_heads_have_the_same_digest_and_bytes_whatever_the_order) {
    writers ta, tb;
    heads a(ta), b(tb);
    version_vector none;
    for (std::uint8_t i = 1; i < 20; ++i) {
        head h{i, i, hash128(std::string(1, char(i))), {}};
        h.dependencies.raise(ta.intern(someone(40 - i)), 5);
        a.adopt(ta.intern(someone(i)), h);
    }
    for (std::uint8_t i = 19; i > 0; --i) {
        head h{i, i, hash128(std::string(1, char(i))), {}};
        h.dependencies.raise(tb.intern(someone(40 - i)), 5);
        if (i == 7) b.adopt(tb.intern(someone(i)), {1, 1, hash128("older"), {}});
        b.adopt(tb.intern(someone(i)), h);
    }
    EXPECT_EQ(a.digest(), b.digest());
    encoder ea, eb;
    a.write(ea), b.write(eb);
    EXPECT_EQ(ea.view(), eb.view());
    writers tc;
    heads c(tc);
    decoder in(ea.view());
    ASSERT_TRUE(c.read(in) && in.finished());
    EXPECT_EQ(c.digest(), a.digest());
    EXPECT_EQ(c.of(someone(3)).dependencies[tc.find(someone(37))], 5u);
    encoder ec;
    c.write(ec);
    EXPECT_EQ(ec.view(), ea.view());
}

TEST(heads, a_truncated_or_mutated_list_is_refused_whole_or_consistent) {
    writers ta;
    heads a(ta);
    for (std::uint8_t i = 1; i < 6; ++i) {
        head h{i, i, hash128(std::string(1, char(i))), {}};
        h.dependencies.raise(ta.intern(someone(10 - i)), 5);
        a.adopt(ta.intern(someone(i)), h);
    }
    encoder e;
    a.write(e);
    std::string bytes(e.view());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        writers t;
        heads h(t);
        auto cut = bytes.substr(0, n);
        decoder in(cut);
        EXPECT_FALSE(h.read(in));
        EXPECT_EQ(t.size(), 0u) << "nothing of a refused list is kept";
    }
    std::mt19937_64 random(1);
    for (int i = 0; i < 5000; ++i) {
        auto m = bytes;
        m[random() % m.size()] = char(random());
        writers t;
        heads h(t);
        decoder in(m);
        if (!h.read(in)) { EXPECT_EQ(h.applied().size(), 0u); }
    }
}

} // namespace
} // namespace dunlin
