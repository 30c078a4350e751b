#include <dunlin/lib/sim/platter.hpp>

#include <gtest/gtest.h>
#include <set>

namespace {

namespace sim = dunlin::sim;

sim::disk_event write(std::size_t file, std::uint64_t at, std::string bytes) {
    return {sim::disk_op::write, false, file, at, std::move(bytes)};
}

TEST(platter, each_sector_holds_any_content_it_had_and_no_other) {
    sim::platter p;
    p.apply({sim::disk_op::create, false, 0, 0, "f"});
    p.apply(write(0, 0, std::string(1024, 'a')));
    p.apply({sim::disk_op::sync, true, 0, 0, {}});
    p.apply(write(0, 500, std::string(24, 'b'))); // both sectors
    p.apply(write(0, 0, std::string(10, 'c')));   // the first
    std::set<std::string> seen;
    sim::generator chance(1);
    for (int i = 0; i < 500; ++i) {
        auto const bytes = p.cut(chance).files.at("f");
        ASSERT_EQ(bytes.size(), 1024u);
        seen.insert({bytes[0], bytes[505], bytes[515]});
        EXPECT_EQ(bytes[499], 'a');
    }
    EXPECT_EQ(seen, (std::set<std::string>{"aaa", "aab", "aba", "abb", "cba", "cbb"}));
    sim::cut_style style;
    style.what = sim::cut_style::keep::only_sure;
    EXPECT_EQ(p.cut(chance, style).files.at("f"), std::string(1024, 'a'));
    style.what = sim::cut_style::keep::everything;
    EXPECT_EQ(p.cut(chance, style), p.contents());
}

TEST(platter, names_are_sure_only_after_a_sync_of_the_folder) {
    sim::platter p(sim::image{{{"old", "o"}}});
    p.apply({sim::disk_op::create, false, 1, 0, "new"});
    p.apply(write(1, 0, "n"));
    p.apply({sim::disk_op::sync, false, 1, 0, {}});
    p.apply({sim::disk_op::remove, false, 0, 0, "old"});
    std::set<std::string> seen;
    auto look = [&] {
        seen.clear();
        sim::generator chance(1);
        for (int i = 0; i < 100; ++i) {
            std::string s;
            for (auto const& [name, bytes] : p.cut(chance).files) s += name + "=" + bytes + " ";
            seen.insert(s);
        }
    };
    look();
    EXPECT_EQ(seen, (std::set<std::string>{"", "new=n ", "old=o ", "new=n old=o "}));
    EXPECT_EQ(p.used_bytes(), 1u);
    p.apply({sim::disk_op::sync, true, 1, 0, {}});
    look();
    EXPECT_EQ(seen, (std::set<std::string>{"new=n "}));
}

TEST(platter, dirty_pages_that_a_failed_sync_dropped_are_read_and_never_sure) {
    sim::platter p(sim::image{{{"f", "aaaa"}}});
    p.apply(write(0, 0, "bb"));
    p.apply({sim::disk_op::lose, false, 0, 0, {}});
    p.apply({sim::disk_op::sync, true, 0, 0, {}});
    EXPECT_EQ(p.contents().files.at("f"), "bbaa");
    sim::generator chance(1);
    EXPECT_EQ(p.cut(chance).files.at("f"), "aaaa");
}

TEST(platter, a_size_is_any_size_the_file_had) {
    sim::platter p(sim::image{{{"f", std::string(2000, 'a')}}});
    p.apply({sim::disk_op::truncate, false, 0, 100, {}});
    p.apply(write(0, 1500, std::string(10, 'b')));
    std::set<std::size_t> sizes;
    sim::generator chance(1);
    for (int i = 0; i < 200; ++i) {
        auto const bytes = p.cut(chance).files.at("f");
        sizes.insert(bytes.size());
        for (char c : bytes) EXPECT_TRUE(c == 'a' || c == 'b' || c == 0);
    }
    EXPECT_EQ(sizes, (std::set<std::size_t>{100, 1510, 2000}));
}

} // namespace
