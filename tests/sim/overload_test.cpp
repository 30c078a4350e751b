// Back-pressure: what is beyond the bound of unsaved bytes is refused before anything is changed, and there is a wait
// for room.
#include "cluster_fixture.hpp"

using namespace clusters;

namespace {
using boost::system::error_code;
using dunlin::node;
using dunlin::node_errc;

constexpr std::size_t bound = 64 << 10;

struct busy {
    cluster c;
    busy() : c(1, seed(41), [](std::size_t, dunlin::options& o) { o.log_budget(bound); }) {
        change(c, 0, "here", [](player& p) {
            p.name = "N", p.score += 7, p.friends.insert("bob"), p.bag["sword"] += 2, p.online.enable();
        }, true);
        c.advance(5s);
        c.disk(0).timing.sync = 10s;
    }
    dunlin::space_body& space() { return *c.node(0).space("main").body(); }
};

/// Writes entries of about 1 KiB until one is refused; how many were taken.
int fill(node& n, dunlin::ref<player>& p) {
    int taken = 0;
    try {
        for (;; ++taken) p->friends.insert(std::string(1000, 'f') + std::to_string(taken)), n.seal();
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), dunlin::make_error_code(node_errc::overloaded));
        EXPECT_NE(std::string(e.what()).find("ready()"), std::string::npos) << "the text says what to do";
    }
    return taken;
}

std::map<std::string, std::function<void(dunlin::ref<player>&)>> all_changes() {
    return {
        {"latest", [](auto& p) { p->name = "other"; }},
        {"counter", [](auto& p) { p->score += 1; }},
        {"set insert", [](auto& p) { p->friends.insert("carol"); }},
        {"set erase", [](auto& p) { p->friends.erase("bob"); }},
        {"map change", [](auto& p) { p->bag["sword"] += 1; }},
        {"map new key", [](auto& p) { p->bag["shield"] += 1; }},
        {"map erase", [](auto& p) { p->bag.erase("sword"); }},
        {"flag", [](auto& p) { p->online.disable(); }},
        {"erase", [](auto& p) { p.erase(); }},
    };
}
} // namespace

TEST(overload, refuses_a_change_beyond_the_bound_before_anything_is_changed) {
    busy b;
    b.c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> full = co_await n.open<player>("full");
        dunlin::ref<player> here = co_await n.open<player>("here");
        auto taken = fill(n, full);
        EXPECT_GT(taken, 30);
        EXPECT_LT(taken, 70);
        EXPECT_GT(b.space().log().unsaved_bytes(), bound);
        EXPECT_LT(b.space().log().unsaved_bytes(), bound + 2000);
        auto entries = b.c.vector(0);
        auto before = here.json();
        for (auto& [name, change] : all_changes()) {
            EXPECT_THROW(change(here), boost::system::system_error) << name;
            EXPECT_EQ(here.json(), before) << name;
            EXPECT_THROW(n.atomic([&] { change(here); }), boost::system::system_error) << name;
            EXPECT_EQ(here.json(), before) << name;
        }
        auto r = n.seal();
        EXPECT_TRUE(r.is_saved()) << "a receipt of no change";
        EXPECT_EQ(b.c.vector(0), entries) << "nothing was marked";
        EXPECT_EQ(long(here->score), 7) << "reads go on";
        co_await n.ready();
        for (auto& [name, change] : all_changes()) EXPECT_NO_THROW(change(here)) << name;
    });
}

TEST(overload, tells_ready_when_there_is_room_and_not_before) {
    busy b;
    b.c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        co_await n.ready();
        auto taken = fill(n, p);
        auto before = b.c.time().now();
        co_await n.ready();
        EXPECT_GE(b.c.time().now() - before, 9s);
        EXPECT_LT(b.c.time().now() - before, 60s);
        EXPECT_NO_THROW(p->score += 1);
        EXPECT_EQ(p->friends.size(), std::size_t(taken)) << "what was refused was not made";
    });
}

TEST(overload, joins_turns_before_it_refuses_any) {
    busy b;
    b.c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        co_await n.ready();
        auto turns = [&](int count) -> awaitable<std::uint64_t> {
            auto before = b.space().known()[b.space().self()].number;
            for (int k = 0; k < count; ++k) {
                p->score += 1;
                co_await b.c.time().sleep(1ms);
            }
            co_return b.space().known()[b.space().self()].number - before;
        };
        auto many = co_await turns(10);
        EXPECT_EQ(many, 10u) << "each turn is an entry";
        while (b.space().log().unsaved_bytes() <= bound / 2) p->friends.insert(std::string(1000, 'f')), n.seal(), p->friends.erase(std::string(1000, 'f')), n.seal();
        auto joined = co_await turns(10);
        EXPECT_LE(joined, 1u) << "the disk is behind";
        co_await b.c.time().sleep(30s);
        EXPECT_TRUE(n.seal().is_saved()) << "nothing of it waits for another change";
        EXPECT_EQ(long(p->score), 20);
    });
    b.c.crash(0);
    b.c.restart(0);
    EXPECT_EQ(score(b.c, 0, "p"), 20);
}

TEST(overload, ends_for_a_space_when_it_was_another_space_that_filled_the_queue) {
    cluster c(1, seed(42));
    c.run(0, [&](node& n) -> awaitable<void> {
        auto other = n.space("other");
        dunlin::ref<player> big = co_await other.open<player>("big");
        dunlin::ref<player> here = co_await n.open<player>("here");
        here->score += 1;
        auto r = n.seal();
        co_await r.saved();
        c.disk(0).timing.sync = 10s;
        try {
            for (int k = 0; k < 200; ++k) big->name = std::string(1 << 20, char('a' + k % 26)), other.seal();
            ADD_FAILURE() << "200 MiB were taken";
        } catch (boost::system::system_error const& e) {
            EXPECT_EQ(e.code(), dunlin::make_error_code(node_errc::overloaded));
        }
        EXPECT_THROW(here->score += 1, boost::system::system_error) << "the queue is one";
        auto before = c.time().now();
        co_await n.ready();
        EXPECT_GE(c.time().now() - before, 5s);
        EXPECT_NO_THROW(here->score += 1);
    });
}

TEST(overload, keeps_nobody_from_joining_and_no_roster_from_being_written_later) {
    cluster c(2, seed(43), [](std::size_t, dunlin::options& o) { o.memory(8 << 20); }, false);
    c.restart(0);
    c.advance(2s);
    c.run(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        p->score += 1;
        auto r = n.seal();
        co_await r.saved();
        c.disk(0).timing.sync = 20s;
        EXPECT_GT(fill(n, p), 100);
    });
    ASSERT_TRUE(c.node(0).space("main").body()->overloaded()) << "and with it the queue of all spaces";
    c.restart(1);
    c.advance(10s);
    c.disk(0).timing.sync = 1ms;
    ASSERT_SETTLES(c);
    c.advance(5s);
    c.run(0, [](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("p");
        p->score += 1;
        auto r = n.seal();
        co_await r.copies(2, 20s); // only of members: so the roster has them
    });
}

TEST(overload, lasts_as_long_as_the_disk_is_full) {
    busy b;
    auto& disk = b.c.disk(0);
    disk.timing.sync = 1ms;
    disk.set_room(disk.used_bytes());
    bool told = false;
    b.c.spawn(0, [&](node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("here");
        fill(n, p);
        co_await n.ready();
        told = true;
        p->score += 1;
        auto r = n.seal();
        co_await r.saved();
        told = true;
    });
    b.c.advance(60s);
    EXPECT_FALSE(told);
    disk.set_room(~std::uint64_t(0));
    b.c.advance(60s);
    EXPECT_TRUE(told);
    EXPECT_EQ(score(b.c, 0, "here"), 8);
}
