// A bank under everything: deposits and spends at 3 to 6 nodes, cut networks, power cuts, kills, orderly stops, old copies of
// one member's file put back, two processes from one copy. Checked at every step: nobody shows less than zero, and no more
// was spent, counted outside by who asked, than was deposited.
#include "cluster_fixture.hpp"
#include <boost/asio/as_tuple.hpp>
#include <random>

namespace {
struct vault {
    dunlin::bounded_counter balance;
};
DUNLIN_OBJECT(vault, balance)
} // namespace

using namespace clusters;

namespace {

struct bank {
    cluster c;
    std::mt19937_64 r;
    std::size_t nodes, victim;
    std::vector<std::string> const keys{"a", "b", "c"};
    std::map<std::string, std::int64_t> deposited, spent; // as those saw it who did it
    std::size_t asked = 0, granted = 0;
    std::vector<dunlin::sim::image> copies;
    bool faults = true;

    /// In every fourth only node 0 has a file.
    explicit bank(std::uint64_t seed, bool copies_too)
        : c(3 + seed % 4, seed, [seed](std::size_t i, dunlin::options& o) { if (seed % 4 == 0 && i) o.data(""); }), r(seed * 7919),
          nodes(c.size()), victim(copies_too && seed % 4 ? draw(nodes) : nodes) {}

    std::size_t draw(std::size_t n) { return std::size_t(r() % n); }
    bool one_in(std::size_t n) { return draw(n) == 0; }

    void work(std::size_t i) {
        auto key = keys[draw(keys.size())];
        auto n = std::int64_t(1 + draw(one_in(4) ? 200 : 20));
        auto wait = std::chrono::milliseconds(50 + draw(4000));
        switch (draw(5)) {
        case 0:
            return c.spawn(i, [this, key, n](dunlin::node& node) -> awaitable<void> {
                dunlin::ref<vault> v = co_await node.open<vault>(key);
                deposited[key] += n * 3;
                v->balance.deposit(n * 3);
            });
        case 1:
            return c.spawn(i, [this, key, n](dunlin::node& node) -> awaitable<void> {
                dunlin::ref<vault> v = co_await node.open<vault>(key);
                ++asked;
                if (v->balance.try_spend(n)) spent[key] += n, ++granted;
            });
        case 2: // all or nothing, of two
            return c.spawn(i, [this, key, other = keys[draw(keys.size())], n](dunlin::node& node) -> awaitable<void> {
                dunlin::ref<vault> from = co_await node.open<vault>(key);
                dunlin::ref<vault> to = co_await node.open<vault>(other);
                auto moved = node.atomic([&] {
                    to->balance.deposit(n);
                    return from->balance.try_spend(n);
                });
                if (moved) spent[key] += n, deposited[other] += n;
            });
        default:
            return c.spawn(i, [this, key, n, wait](dunlin::node& node) -> awaitable<void> {
                dunlin::ref<vault> v = co_await node.open<vault>(key);
                ++asked;
                auto [ec, paid] = co_await v.spend(v->balance, n, wait, boost::asio::as_tuple(boost::asio::deferred));
                if (!ec && paid) spent[key] += n, ++granted;
            });
        }
    }
    void trouble() {
        auto i = draw(c.size());
        switch (draw(8)) {
        case 0:
            c.partition({0, draw(nodes)}, {draw(nodes), draw(nodes)});
            break;
        case 1:
        case 2:
            c.heal();
            break;
        case 3:
            if (c.running(i)) one_in(2) ? c.crash(i) : c.kill(i);
            break;
        case 4:
            if (c.running(i)) c.stop(i);
            break;
        case 5:
            if (victim < nodes && copies.size() < 8) copies.push_back(c.disk(victim).contents());
            break;
        case 6: // an old copy is put back; or one more process is started from it
            if (victim == nodes || copies.empty()) break;
            if (c.size() == nodes && one_in(3)) {
                c.twin(victim, copies[draw(copies.size())]);
                break;
            }
            if (c.running(victim)) c.kill(victim);
            c.disk(victim).load(copies[draw(copies.size())]);
            break;
        default:
            for (std::size_t k = 0; k < c.size(); ++k)
                if (!c.running(k)) c.restart(k, 3s);
        }
    }
    void check() {
        for (auto& key : keys)
            ASSERT_LE(spent[key], deposited[key]) << key << ": more was spent than was deposited\n" << c.describe();
        for (std::size_t i = 0; i < c.size(); ++i) {
            if (!c.running(i)) continue;
            for (auto& key : keys) {
                auto v = c.node(i).local<vault>(key);
                if (!v) continue;
                ASSERT_GE(v->balance.value(), 0) << key << " at node " << i << "\n" << c.describe();
                ASSERT_LE(v->balance.available(), v->balance.value()) << key << " at node " << i << "\n" << c.describe();
            }
        }
    }
    void play(int steps) {
        for (int k = 0; k < steps && !testing::Test::HasFatalFailure(); ++k) {
            for (std::size_t i = 0; i < c.size(); ++i)
                if (c.running(i) && one_in(2)) work(i);
            if (faults && one_in(4)) trouble();
            c.advance(std::chrono::milliseconds(1 + draw(300)));
            check();
        }
        c.heal();
        if (c.size() > nodes && c.running(nodes)) c.kill(nodes); // two processes of one identity take turns for ever
        for (std::size_t k = 0; k < nodes; ++k)
            if (!c.running(k)) c.restart(k);
        c.advance(90s);
        ASSERT_TRUE(c.settle(2min)) << c.describe();
        check();
    }
};

void play_seed(std::uint64_t seed, bool copies_too, int steps = 120) {
    bank b(seed, copies_too);
    b.play(steps);
    if (testing::Test::HasFatalFailure()) std::cout << "seed " << seed << (copies_too ? ", with copies" : "") << '\n';
}

} // namespace

TEST(bank, never_spends_more_than_there_is) {
    for (auto s = seed(1), n = s + 6; s < n && !HasFatalFailure(); ++s) play_seed(s, false), play_seed(s, true);
}
TEST(heavy_bank, never_spends_more_than_there_is) {
    for (auto s = seed(100), n = s + 60; s < n && !HasFatalFailure(); ++s) play_seed(s, false);
}
TEST(heavy_bank, never_spends_more_than_there_is_with_old_copies) {
    for (auto s = seed(200), n = s + 60; s < n && !HasFatalFailure(); ++s) play_seed(s, true);
}
TEST(bank, grants_most_of_what_is_asked_where_nothing_fails) {
    bank b(seed(7), false);
    b.faults = false;
    b.play(120);
    std::cout << "[   SPENDS ] " << b.granted << " of " << b.asked << '\n';
    EXPECT_GE(b.granted * 10, b.asked * 7);
}
