// Causes are seen before effects, and an atomic is one entry, however the network delays what.
#include "cluster_fixture.hpp"
#include <dunlin/lib/space_body.hpp>

using namespace clusters;

// n0 writes causes, n1 answers each with an effect. n2 hears n1 at once, and of n0 only what n1 passes on when asked.
TEST(cluster, shows_no_effect_before_its_cause) {
    cluster c(3, seed(21));
    ASSERT_SETTLES(c);
    c.wire().block("n0", "n2"), c.wire().block("n2", "n0");
    std::size_t early = 0, looked = 0;
    c.spawn(2, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> cause = co_await n.open<player>("cause");
        dunlin::ref<player> effect = co_await n.open<player>("effect");
        for (;;) {
            if (long(effect->score) > long(cause->score)) ++early;
            if (long(effect->score) > 0) ++looked;
            co_await c.time().sleep(1ms);
        }
    });
    c.spawn(1, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> cause = co_await n.open<player>("cause");
        dunlin::ref<player> effect = co_await n.open<player>("effect");
        auto changes = cause.watch();
        for (;;) {
            auto one = co_await changes.next();
            if (!one) break;
            effect->score += long(cause->score) - long(effect->score);
        }
    });
    c.run(0, [&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> cause = co_await n.open<player>("cause");
        for (int k = 0; k < 400; ++k) {
            cause->score += 1;
            co_await c.time().sleep(7ms);
        }
    });
    ASSERT_SETTLES(c);
    EXPECT_EQ(early, 0u);
    EXPECT_GT(looked, 100u);
    EXPECT_EQ(score(c, 2, "effect"), 400);
}

TEST(cluster, makes_one_entry_of_an_atomic) {
    cluster c(1, seed(22));
    auto made = [&] {
        auto& body = *c.node(0).space("main").body();
        return body.known()[body.self()].number;
    };
    c.run(0, [&](dunlin::node& n) -> awaitable<void> {
        std::vector<dunlin::ref<player>> all;
        for (int k = 0; k < 50; ++k) {
            dunlin::ref<player> p = co_await n.open<player>("p" + std::to_string(k));
            all.push_back(std::move(p));
        }
        all[0]->score += 1; // the schema of the type goes out with the first change
        n.seal();
        auto before = made();
        n.atomic([&] {
            for (auto& p : all) p->name = std::string(20'000, 'x'), p->score += 1;
        });
        EXPECT_EQ(made(), before + 1);
    });
}
