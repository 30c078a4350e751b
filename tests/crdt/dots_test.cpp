#include <dunlin/crdt/dots.hpp>
#include <dunlin/crdt/table.hpp>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

namespace {
using namespace dunlin;

using model = std::map<std::uint32_t, std::uint64_t>; // slot -> number

model read(dot_set const& d) {
    model m;
    d.each([&](dot x) { m[x.slot()] = x.number(); });
    return m;
}

TEST(dot, is_a_word_of_slot_and_number) {
    dot d((1u << 19) - 1, dot::number_max);
    EXPECT_EQ(d.slot(), (1u << 19) - 1);
    EXPECT_EQ(d.number(), dot::number_max);
    EXPECT_FALSE(dot());
    EXPECT_LT(dot(1, 5), dot(2, 1));
}

TEST(dots, a_set_is_a_map_of_writer_to_number_whatever_is_done_to_it) {
    std::mt19937_64 r(11);
    for (int run = 0; run < 300; ++run) {
        dot_set d;
        model m;
        for (int step = 0; step < 40; ++step) {
            dot x(std::uint32_t(r() % 6), 1 + r() % 9);
            switch (r() % 4) {
            case 0: {
                removal gone;
                for (auto n = r() % 4; n; --n) gone.add(dot(std::uint32_t(r() % 6), r() % 9));
                d.drop(gone);
                for (auto g : gone)
                    if (auto it = m.find(g.slot()); it != m.end() && it->second <= g.number()) m.erase(it);
                break;
            }
            case 1:
                if (r() % 4) break;
                d.assign(x), m = {{x.slot(), x.number()}};
                break;
            default:
                d.put(x);
                m[x.slot()] = std::max(m[x.slot()], x.number());
            }
            ASSERT_EQ(read(d), m);
            ASSERT_EQ(d.size(), m.size());
            ASSERT_EQ(d.empty(), m.empty());
            for (std::uint32_t s = 0; s < 6; ++s) ASSERT_EQ(d.find(s).number(), m.count(s) ? m[s] : 0);
        }
        dot_set moved(std::move(d));
        ASSERT_EQ(read(moved), m);
        ASSERT_TRUE(d.empty());
    }
}

TEST(dots, a_join_keeps_what_one_side_lacks_only_if_that_side_has_not_seen_it) {
    std::mt19937_64 r(12);
    for (int run = 0; run < 2000; ++run) {
        dot_set a, b;
        version_vector va, vb;
        for (std::uint32_t s = 0; s < 4; ++s) {
            va.raise(s, r() % 5), vb.raise(s, r() % 5);
            if (va[s] && r() % 2) a.put(dot(s, 1 + r() % va[s]));
            if (vb[s] && r() % 2) b.put(dot(s, 1 + r() % vb[s]));
        }
        model x = read(a), y = read(b), should;
        for (auto [s, n] : x)
            if ((y.count(s) && y[s] == n) || n > vb[s]) should[s] = n;
        for (auto [s, n] : y)
            if (n > va[s]) should[s] = std::max(should[s], n);
        a.join(&b, va, vb);
        ASSERT_EQ(read(a), should);
    }
}

TEST(vector, covers_what_is_up_to_its_numbers) {
    version_vector v;
    v.see(dot(3, 7));
    EXPECT_TRUE(v.covers(dot(3, 7)));
    EXPECT_TRUE(v.covers(dot(3, 1)));
    EXPECT_FALSE(v.covers(dot(3, 8)));
    EXPECT_FALSE(v.covers(dot(9, 1)));
    version_vector w;
    w.see(dot(9, 1));
    EXPECT_FALSE(v.covers(w));
    w.join(v);
    EXPECT_TRUE(w.covers(v));
    EXPECT_FALSE(v == w);
    v.see(dot(9, 1)), v.raise(20, 0);
    EXPECT_TRUE(v == w) << "zeros are nothing";
}

TEST(table, is_a_map_of_bytes_whatever_is_done_to_it) {
    std::mt19937_64 r(13);
    table<std::uint64_t> t;
    std::map<std::string, std::uint64_t> m;
    auto key = [&] {
        auto n = r() % 40;
        return n % 3 ? std::to_string(n) : std::string(n, 'k');
    };
    for (int step = 0; step < 20'000; ++step) {
        auto k = key();
        auto at = t.find(k);
        ASSERT_EQ(at != t.none, m.count(k) == 1);
        if (at != t.none) {
            ASSERT_EQ(t[at].payload, m[k]);
            ASSERT_EQ(t[at].key.view(), k);
        }
        if (r() % 3) {
            auto [p, fresh] = t.insert(k);
            ASSERT_EQ(fresh, m.emplace(k, 0).second);
            t[p].payload = m[k] = r();
            auto mark = unsigned(r() % 4);
            t[p].key.mark(mark);
            ASSERT_EQ(t[p].key.mark(), mark);
            ASSERT_EQ(t[p].key.view(), k) << "a mark is no part of the key";
        } else if (at != t.none)
            t.erase(at), m.erase(k);
        ASSERT_EQ(t.size(), m.size());
    }
    auto it = m.begin();
    for (auto p : t.sorted()) ASSERT_EQ(t[p].key.view(), (it++)->first);
}

TEST(table, short_and_long_keys_move_and_keep_their_marks) {
    for (std::size_t size : {0u, 1u, 14u, 15u, 16u, 100'000u}) {
        std::string text(size, 'x');
        short_bytes a(text), other("other");
        a.mark(3);
        short_bytes b(std::move(a));
        EXPECT_EQ(b.view(), text);
        EXPECT_EQ(b.mark(), 3u);
        other = std::move(b);
        EXPECT_EQ(other.view(), text);
        EXPECT_EQ(other.mark(), 3u);
    }
}
} // namespace
