// Two spaces of one file: what one does to the log is no loss for the other, which is quiet.
#include "damage.hpp"
#include <boost/asio/as_tuple.hpp>
#include <dunlin/lib/space_body.hpp>

using namespace clusters;

namespace {
using dunlin::node;
using dunlin::sim::disk_fault;

void add(cluster& c, std::size_t i, std::string const& key, long n) {
    change(c, i, key, [n](player& p) { p.score += n; }, true);
}
/// Changes in the space `busy` of node i, each waited for; more than its log holds.
void write_elsewhere(cluster& c, std::size_t i, int count) {
    c.run(i, [count](node& n) -> awaitable<void> {
        auto busy = n.space("busy");
        for (int k = 0; k < count; ++k) {
            dunlin::ref<player> p = co_await busy.open<player>("b" + std::to_string(k % 20), 0s);
            p->name = std::string(1000, char('a' + k % 26));
            auto r = busy.seal();
            (void)co_await r.saved(boost::asio::as_tuple(boost::asio::deferred)); // one of them is to fail
        }
    });
}
} // namespace

TEST(quiet_space, has_nothing_twice_when_the_file_is_opened_again_after_its_rows_were_cut) {
    cluster c(3, seed(91), [](std::size_t i, dunlin::options& o) { if (i == 2) o.log_budget(64 << 10).memory(8 << 10); });
    add(c, 0, "p", 3);
    write_elsewhere(c, 2, 1);
    ASSERT_SETTLES(c);
    c.stop(2);
    c.restart(2);
    add(c, 0, "p", 5);
    ASSERT_SETTLES(c);
    c.partition({0}, {1, 2});
    change(c, 1, "p", [](player& p) { p.score.reset(); }, true);
    add(c, 0, "p", 2);
    c.advance(2s);
    c.heal();
    ASSERT_SETTLES(c);
    write_elsewhere(c, 2, 600);
    c.advance(5s);
    for (int k = 0; k < 20; ++k) exists(c, 2, "z" + std::to_string(k)); // p leaves memory
    c.advance(1s);
    auto saved = c.node(2).space("main").body()->log().saved_position();
    c.disk(2).add(disk_fault(dunlin::sim::on_sync, 1));
    write_elsewhere(c, 2, 1);
    c.advance(10s);
    ASSERT_FALSE(c.alarms(2).empty()) << "the file was to fail";
    EXPECT_EQ(c.node(2).space("main").body()->log().saved_position(), saved);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(score(c, i, "p"), 2) << "node " << i;
    EXPECT_SETTLES(c);
}

TEST(quiet_space, is_given_to_a_newcomer_although_another_space_had_its_rows_cut) {
    cluster c(2, seed(95), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); }, false);
    c.restart(0);
    for (int k = 0; k < 10; ++k) add(c, 0, "p" + std::to_string(k), 1);
    c.stop(0);
    c.restart(0);
    write_elsewhere(c, 0, 600);
    c.advance(5s);
    c.restart(1);
    EXPECT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "p3"), 1);
}

TEST(schema, that_cannot_be_read_deletes_nothing_and_comes_back) {
    cluster c(2, seed(96), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
    change(c, 1, "alice", fill_player, true);
    for (int k = 0; k < 400; ++k)
        change(c, 1, "filler" + std::to_string(k % 20), [&](player& p) { p.name = std::string(1000, char('a' + k % 26)); }, true);
    ASSERT_SETTLES(c);
    auto digest = c.digest(0);
    c.advance(3s);
    c.stop(1);
    ASSERT_GT(change_file(c, 1, "UPDATE object SET sum = CAST('0123456789abcdef' AS BLOB) WHERE key = CAST('schema' AS BLOB)"), 0);
    c.partition({0}, {1});
    c.restart(1);
    c.advance(5s);
    c.run(1, [](node& n) -> awaitable<void> {
        boost::system::error_code ec;
        try {
            auto d = co_await n.digest();
        } catch (boost::system::system_error const& e) { ec = e.code(); }
        EXPECT_EQ(ec, dunlin::make_error_code(dunlin::node_errc::object_unknown)) << "never hashed as empty";
    });
    c.heal();
    ASSERT_SETTLES(c);
    EXPECT_EQ(c.digest(1), digest);
    change(c, 1, "bob", [](player& p) { p.score += 1; });
    ASSERT_SETTLES(c);
    c.stop(1);
    c.restart(1);
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "alice"), 7);
}
