// An index against a sorted vector: whatever is put and erased, in whatever order.
#include <dunlin/crdt/part.hpp>
#include <dunlin/lib/index.hpp>
#include <dunlin/lib/sim/random.hpp>
#include <gtest/gtest.h>
#include <map>

namespace {
using dunlin::index_range;
using dunlin::index_row;
using dunlin::object_index;

struct plain_index { // the same, slowly
    struct row {
        std::string value;
        std::int64_t ends_ms;
        bool held;
    };
    std::map<std::string, row> rows;

    std::vector<index_row> range(index_range const& r) const {
        std::vector<index_row> all;
        for (auto& [key, x] : rows)
            if ((!r.from || x.value >= *r.from) && (!r.to || x.value <= *r.to)) all.push_back({key, x.value});
        std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return std::tie(a.value, a.key) < std::tie(b.value, b.key); });
        if (r.descending) std::reverse(all.begin(), all.end());
        return all;
    }
    void expect_same(object_index const& x, index_range r) const {
        auto all = range(r);
        auto page = x.page(r);
        EXPECT_EQ(page.total, all.size());
        auto first = std::min(r.skip, all.size());
        EXPECT_EQ(page.first, first);
        std::vector<index_row> some(all.begin() + std::ptrdiff_t(first), all.begin() + std::ptrdiff_t(std::min(all.size(), first + r.limit)));
        EXPECT_EQ(page.rows, some);
        auto [from, to] = x.window(r);
        EXPECT_EQ(to - from, some.size());
        for (auto& shown : some) EXPECT_TRUE(from <= *x.place(shown.key) && *x.place(shown.key) < to);
        for (std::size_t k = 0; k < all.size(); ++k) EXPECT_EQ(x.rank(all[k].key, r), k);
        for (auto& [key, one] : rows) {
            bool in = std::any_of(all.begin(), all.end(), [&](auto& a) { return a.key == key; });
            EXPECT_EQ(x.rank(key, r).has_value(), in);
            EXPECT_EQ(x.is_held(key), one.held);
        }
    }
};
} // namespace

TEST(object_index, is_a_sorted_list_of_what_is_in_it) {
    dunlin::sim::generator chance(7, "index");
    std::string const values[] = {"", "a", "ab", "b", std::string(40, 'c'), std::string("\0", 1), "\xFF"};
    for (int run = 0; run < 60; ++run) {
        object_index x;
        plain_index plain;
        std::int64_t now = 0;
        for (int k = 0; k < 60; ++k) {
            auto key = (chance.happens(0.2) ? std::string(30, 'k') : "k") + std::to_string(chance.below(20));
            auto found = plain.rows.find(key);
            switch (chance.below(8)) {
            case 0:
                EXPECT_EQ(x.erase(key), found != plain.rows.end());
                plain.rows.erase(key);
                break;
            case 1:
                now += std::int64_t(chance.below(5));
                for (auto& [ends, over] : x.over(now)) {
                    EXPECT_EQ(ends, plain.rows[over].ends_ms);
                    ASSERT_TRUE(plain.rows.contains(over) && plain.rows[over].ends_ms <= now);
                    EXPECT_EQ(x.ends_surely(over), !plain.rows[over].held);
                    if (chance.happens(0.5)) x.erase(over), plain.rows.erase(over);
                    else x.forget_end(over), plain.rows[over].ends_ms = dunlin::never_ms;
                }
                for (auto& [one, r] : plain.rows) EXPECT_GT(r.ends_ms, now) << one;
                break;
            default: {
                auto value = values[chance.below(std::size(values))];
                auto ends = chance.happens(0.3) ? now + 1 + std::int64_t(chance.below(9)) : dunlin::never_ms;
                bool held = chance.happens(0.5);
                EXPECT_EQ(x.put(key, value, ends, !held, held), found == plain.rows.end() || found->second.value != value);
                plain.rows[key] = {value, ends, held};
            }
            }
        }
        EXPECT_EQ(x.size(), plain.rows.size());
        for (bool descending : {false, true})
            for (int k = 0; k < 10; ++k) {
                index_range r;
                r.descending = descending, r.skip = chance.below(10), r.limit = chance.below(12);
                if (chance.happens(0.5)) r.from = values[chance.below(std::size(values))];
                if (chance.happens(0.5)) r.to = values[chance.below(std::size(values))];
                plain.expect_same(x, r);
            }
        while (!plain.rows.empty()) x.erase(plain.rows.begin()->first), plain.rows.erase(plain.rows.begin());
        EXPECT_EQ(x.bytes(), 0u);
        EXPECT_EQ(x.first_end_ms(), dunlin::never_ms) << "nothing is left of who had a deadline";
    }
}
