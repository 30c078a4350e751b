// The life of a node and of its file beside each other: destroyed at every step of what it does, and a file that is
// read while others go on. In virtual time.
#include "cluster_fixture.hpp"
#include <boost/asio/post.hpp>
#include <dunlin/lib/node_body.hpp>
#include <dunlin/lib/store_runner.hpp>

using namespace clusters;
namespace asio = boost::asio;
namespace sim = dunlin::sim;

namespace {
struct visitor {
    dunlin::counter visits;
};
DUNLIN_OBJECT(visitor, visits)

/// Steps of the store, and its answers, when the test says so: as late as those of a thread may be.
struct hand_runner final : dunlin::store_runner {
    step work;
    std::vector<std::function<void()>> due;

    void start(step w) override { work = std::move(w); }
    void wake() override {}
    void deliver(std::function<void()> completion) override { due.push_back(std::move(completion)); }
};

/// One node at a time, on one disk, in a world of its own.
struct lone {
    sim::world world{seed(1)};
    sim::network network{world};
    sim::disk disk{"n", 1};
    sim::disk_registration first{disk};
    sim::node_clock clock{world, "n"};
    sim::generator chance = world.chance("n");
    dunlin::identity own = dunlin::identity::make(chance);
    std::string key = dunlin::cluster_key::make(chance).text();
    sim::process& run = world.make_process("n");
    hand_runner* hand = nullptr;
    std::optional<dunlin::node> node;

    ~lone() { end(); }
    void end() {
        node.reset();
        world.run_until_idle(); // a space of another executor keeps the file until it hears of that
    }
    void make(dunlin::options const& o, bool by_hand = false) {
        dunlin::surroundings outside{{clock, chance, network.attach("n")}, disk.vfs_name(), {}, {}, key};
        outside.make_runner = [this, by_hand](dunlin::any_io_executor e) -> std::unique_ptr<dunlin::store_runner> {
            if (!by_hand) return dunlin::make_inline_store_runner(e, clock, [this] { return disk.take_time(); });
            auto made = std::make_unique<hand_runner>();
            hand = made.get();
            return made;
        };
        outside.identity = [this](auto&) { return own; };
        node.emplace(run.get_executor(), o, outside);
    }
    template <class F> void call(F f) {
        asio::post(run.get_executor(), [this, f] {
            if (node) f(*node);
        });
    }
    /// Runs f(node) to its end.
    template <class F> void complete(F f) {
        bool done = false;
        asio::co_spawn(run.get_executor(), f(*node), [&](std::exception_ptr e) {
            done = true;
            if (e) std::rethrow_exception(e);
        });
        while (!done) {
            if (!hand)
                world.step();
            else
                world.run_until_idle(), read_on();
        }
    }
    /// One step of the store, and its answers on their way.
    void read_on() {
        hand->work();
        for (auto& d : std::exchange(hand->due, {})) asio::post(run.get_executor(), std::move(d));
    }
};

/// What `begin(node, done)` begins, at a node that is destroyed after no step, after one, after two: until it ended
/// well before that.
template <class Begin>
void destroyed_at_every_step(dunlin::options const& o, bool started, Begin begin) {
    for (int k = 0, ended = 0; ended < 50 && k < 3000; ++k) {
        lone l;
        l.make(o);
        if (started) {
            l.complete([](dunlin::node& n) -> awaitable<void> { co_await n.start(); });
            l.world.run_for(5s);
        }
        int answers = 0;
        l.call([&](dunlin::node& n) { begin(n, [&](auto const&...) { ++answers; }); });
        for (int n = 0; n < k && l.world.step();) ++n;
        ended += answers;
        l.node.reset();
        l.world.run_for(10s);
        ASSERT_LE(answers, 1);
    }
}

dunlin::options in_memory() { return {}; }
dunlin::options on_file() { return dunlin::options().data("node.db"); }
dunlin::options linked(dunlin::options o) { return o.listen("n:1"); }
auto const all_kinds = {in_memory(), on_file(), linked(in_memory()), linked(on_file())};
} // namespace

TEST(life, of_a_node_may_end_at_any_step_of_its_start) {
    for (auto& o : all_kinds)
        destroyed_at_every_step(o, false, [](dunlin::node& n, auto done) { n.start(done); });
}

TEST(life, of_a_node_may_end_at_any_step_of_its_stop) {
    auto stop = [](dunlin::node& n, auto done) { n.stop(done); };
    for (auto& o : all_kinds) destroyed_at_every_step(o, true, stop);
}

TEST(life, of_a_node_may_end_while_a_tool_asks_for_its_status) {
    for (auto& o : all_kinds) {
        destroyed_at_every_step(o, true,
                                [](dunlin::node& n, auto done) { n.body()->status_with_digests(done); });
        destroyed_at_every_step(o, true, [](dunlin::node& n, auto done) {
            n.local<player>("alice");
            n.body()->get("player", "alice", done);
        });
    }
}

TEST(life, of_a_node_may_end_while_a_tool_asks_and_the_node_stops) {
    for (auto& o : {in_memory(), on_file()})
        destroyed_at_every_step(o, true, [](dunlin::node& n, auto done) {
            n.body()->status_with_digests([](auto const&) {});
            n.stop(done);
        });
}

TEST(life, of_a_file_may_be_longer_than_that_of_its_node) {
    lone l;
    l.make(on_file(), true);
    l.call([&](dunlin::node& n) { n.space("shop", l.run.make_executor()); });
    l.complete([](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<player> p = co_await n.open<player>("alice");
        p->score += 1;
        auto r = n.seal();
        co_await r.saved();
    });
    l.node->on_alarm([last = std::make_shared<std::string>()](std::string const& text) { *last = text; });
    l.disk.add(sim::disk_fault(sim::on_sync | sim::on_write, 1));
    l.call([](dunlin::node& n) { n.local<player>("alice")->score += 1; });
    l.world.run_until_idle();
    while (l.hand->due.empty()) l.hand->work(); // the file fails
    EXPECT_EQ(l.disk.counts.fired, 1u);
    auto due = std::exchange(l.hand->due, {});
    l.node.reset(); // the other executor has not heard of that yet, and its space has the file
    for (auto& d : due) d();
    l.world.run_until_idle();
}

TEST(life, of_a_space_begins_when_its_file_is_open_and_not_while_that_is_read) {
    lone l;
    l.make(on_file());
    l.complete([](dunlin::node& n) -> awaitable<void> {
        for (auto name : {"first", "shop"}) {
            auto s = n.space(name);
            for (int k = 0; k < 20; ++k) {
                dunlin::ref<player> p = co_await s.open<player>("p" + std::to_string(k));
                dunlin::ref<visitor> v = co_await n.open<visitor>("v" + std::to_string(k));
                p->score += k, v->visits += 1;
                s.seal();
                auto r = n.seal();
                co_await r.saved();
            }
        }
    });
    l.end(); // as in a crash: it is all in the log

    l.make(on_file(), true);
    bool started = false;
    l.call([&](dunlin::node& n) { n.start([&](auto ec) { started = !ec; }); });
    l.world.run_until_idle();
    while (l.hand->due.empty()) l.hand->work(); // the file is read, on a thread of its own if it has one
    auto main = l.node->space("main").body();
    EXPECT_EQ(l.node->body()->spaces().size(), 1u) << "nobody but the node's executor makes spaces";
    EXPECT_EQ(main->known().size(), 0u) << "nor tells them anything";
    EXPECT_FALSE(main->find_type("visitor"));
    // Requests that come now.
    auto shop = l.node->space("shop", l.run.make_executor());
    auto late = l.node->space("late");
    EXPECT_FALSE(started);
    l.complete([&](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<visitor> v = co_await n.open<visitor>("v7");
        EXPECT_EQ(long(v->visits), 2);
        auto first = n.space("first");
        dunlin::ref<player> p = co_await first.open<player>("p7");
        EXPECT_EQ(long(p->score), 7);
        dunlin::ref<player> q = co_await late.open<player>("p7");
        EXPECT_FALSE(q.exists());
    });
    EXPECT_TRUE(started);
    bool found = false;
    asio::co_spawn(
        shop.executor(),
        [&]() -> awaitable<void> {
            dunlin::ref<player> p = co_await shop.open<player>("p9");
            EXPECT_EQ(long(p->score), 9);
            found = true;
        },
        [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    while (!found) l.world.run_until_idle(), l.read_on();
}

TEST(life, of_a_space_that_is_named_at_any_step_of_the_start_begins_as_well) {
    for (auto& o : {on_file(), linked(on_file())})
        for (int k = 0, ended = 0; ended < 20; ++k) {
            lone l;
            l.make(o);
            bool started = false;
            l.call([&](dunlin::node& n) { n.start([&](auto) { started = true; }); });
            for (int n = 0; n < k && l.world.step();) ++n;
            ended += started;
            int found = 0;
            for (auto executor : {dunlin::any_io_executor(l.run.get_executor()), dunlin::any_io_executor(l.run.make_executor())}) {
                auto s = l.node->space("late" + std::to_string(found), executor);
                asio::co_spawn(
                    executor,
                    [&found, s]() -> awaitable<void> {
                        dunlin::ref<player> p = co_await s.open<player>("alice", 0s);
                        p->score += 1;
                        auto r = s.seal();
                        co_await r.saved();
                        ++found;
                    },
                    [](std::exception_ptr e) {
                        if (e) std::rethrow_exception(e);
                    });
                ASSERT_TRUE(l.world.run_until([&, now = found] { return found > now; }, 10s)) << "step " << k;
            }
        }
}
