// Large turns and large objects: a turn above the bound of an entry goes out as several, an atomic is refused and undone;
// a large object is not written whole for each small change.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {
std::string element(int k) { return std::to_string(k) + std::string(1000, 'x'); }
struct letter {
    std::string head, body;
};
BOOST_DESCRIBE_STRUCT(letter, (), (head, body))
struct envelope {
    dunlin::latest<letter> of;
};
DUNLIN_OBJECT(envelope, of)
} // namespace

TEST(large_turn, of_one_object_becomes_several_entries) {
    cluster c(2, seed(51));
    change(c, 0, "large", [](player& p) {
        for (int k = 0; k < 100; ++k) p.friends.insert(element(k));
    });
    ASSERT_SETTLES(c);
    change(c, 0, "large", [](player& p) {
        p.friends.clear();
        for (int k = 50; k < 9000; ++k) p.friends.insert(element(k));
        for (int k = 60; k < 80; ++k) p.friends.erase(element(k));
        for (int k = 0; k < 3000; ++k) p.bag[element(k)] += k;
        p.name = std::string(1 << 20, 'n');
        p.score += 1;
    }, true);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1}) {
        EXPECT_EQ(look(c, i, "large", [](player& p) { return p.friends.size(); }), 8930u);
        EXPECT_EQ(look(c, i, "large", [](player& p) { return p.bag.size(); }), 2999u);
        EXPECT_EQ(look(c, i, "large", [](player& p) { return p.name.value().size(); }), std::size_t(1) << 20);
        EXPECT_EQ(score(c, i, "large"), 1);
    }
    c.crash(0);
    c.restart(0);
    EXPECT_EQ(look(c, 0, "large", [](player& p) { return p.friends.size(); }), 8930u);
}

TEST(large_turn, of_an_atomic_is_refused_and_undone) {
    cluster c(2, seed(52));
    change(c, 0, "a", [](player& p) { p.score += 1, p.friends.insert("before"), p.name = "before"; });
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("a");
        dunlin::ref<player> q = co_await n.open<player>("b");
        bool refused = false;
        try {
            n.atomic([&] {
                p->score += 1, p->friends.clear(), p->name = "in";
                for (int k = 0; k < 4000; ++k) q->friends.insert(element(k));
            });
        } catch (boost::system::system_error const& e) {
            EXPECT_EQ(e.code(), dunlin::make_error_code(dunlin::node_errc::turn_too_large));
            refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_EQ(long(p->score), 1);
        EXPECT_TRUE(p->friends.contains("before"));
        EXPECT_EQ(p->name.value(), "before");
        EXPECT_FALSE(q.exists());
        n.atomic([&] { p->score += 1, q->score += 1; }); // and the next goes on as ever
    });
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "a"), 2);
    EXPECT_EQ(score(c, 1, "b"), 1);
}

TEST(large_turn, of_an_atomic_of_described_values_is_refused_and_undone) {
    cluster c(2, seed(54));
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        std::vector<dunlin::ref<envelope>> all;
        for (int k = 0; k < 5; ++k) {
            dunlin::ref<envelope> p = co_await n.open<envelope>("e" + std::to_string(k));
            all.push_back(std::move(p));
        }
        boost::system::error_code why;
        try {
            n.atomic([&] {
                for (auto& p : all) p->of = letter{std::string(450'000, 'x'), std::string(450'000, 'y')};
            });
        } catch (boost::system::system_error const& e) { why = e.code(); }
        EXPECT_EQ(why, dunlin::make_error_code(dunlin::node_errc::turn_too_large));
        for (auto& p : all) EXPECT_FALSE(p.exists());
        for (auto& p : all) p->of = letter{std::string(450'000, 'x'), "one by one they go"};
    });
    ASSERT_SETTLES(c);
    auto body = c.run(1, [](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<envelope> p = co_await n.open<envelope>("e4");
        co_return p->of->body;
    });
    EXPECT_EQ(body, "one by one they go");
}

TEST(large_object, is_saved_by_its_changes_and_not_as_a_whole) {
    for (std::size_t memory : {std::size_t(64) << 20, std::size_t(64) << 10}) { // resident, or coming and going
        cluster c(2, seed(53), [=](std::size_t, dunlin::options& o) { o.log_budget(64 << 10).memory(memory); });
        change(c, 0, "large", [](player& p) {
            for (int k = 0; k < 1000; ++k) p.friends.insert(element(k));
        }, true);
        c.advance(5s);
        auto before = c.disk(0).counts.written_bytes;
        for (int k = 0; k < 2000; ++k) {
            change(c, 0, "large", [&](player& p) {
                p.score += 1, p.name = std::to_string(k) + std::string(150, 'n');
                if (k % 100 == 0) p.friends.erase(element(k / 10)), p.friends.insert("new" + std::to_string(k));
            }, k % 10 == 0);
            if (k % 50 == 0) change(c, 0, "other" + std::to_string(k), [](player& p) { p.name = std::string(8000, 'o'); }, true);
        }
        c.advance(5s);
        auto mib = double(c.disk(0).counts.written_bytes - before) / (1 << 20);
        // About 0.8 MB of entries in pages of 4 KiB, twice; with little memory also the row at each of 2,000 departures.
        // Whole states would be 25 MiB more at 25 checkpoints, and 2,000 MiB at the departures.
        EXPECT_LT(mib, memory > (1 << 20) ? 20 : 60) << "memory " << memory;
        ASSERT_SETTLES(c);
        c.partition({0}, {1});
        c.crash(0);
        c.restart(0);
        EXPECT_EQ(score(c, 0, "large"), 2000);
        EXPECT_EQ(look(c, 0, "large", [](player& p) { return p.friends.size(); }), 1000u);
        EXPECT_EQ(look(c, 0, "large", [](player& p) { return p.name.value(); }), "1999" + std::string(150, 'n'));
        c.heal();
        ASSERT_SETTLES(c);
    }
}
