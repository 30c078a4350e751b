#include <dunlin/lib/sim/node_clock.hpp>
#include <dunlin/lib/sim/world.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using dunlin::awaitable;
namespace asio = boost::asio;
namespace sim = dunlin::sim;
using channel = asio::experimental::channel<void(boost::system::error_code, int)>;

/// Counts objects that live: what a destroyed frame must have let go.
struct witness {
    int* alive;
    explicit witness(int& n) : alive(&n) { ++n; }
    witness(witness const& o) : alive(o.alive) { ++*alive; }
    ~witness() { --*alive; }
};

TEST(world, a_year_of_sleep_takes_no_time) {
    sim::world w(1);
    auto& p = w.make_process("n1");
    auto begin = std::chrono::steady_clock::now();
    w.run(p.get_executor(), w.sleep(24h * 365), 24h * 366);
    EXPECT_EQ(w.now(), 24h * 365);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
}

TEST(world, handlers_of_one_executor_never_change_their_order) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        sim::world w(seed);
        auto& p = w.make_process("n1");
        auto a = p.get_executor(), b = p.make_executor();
        EXPECT_NE(a, b);
        std::vector<int> of_a, of_b, all;
        for (int i = 0; i < 20; ++i) {
            asio::post(a, [&, i] { of_a.push_back(i), all.push_back(i); });
            asio::post(b, [&, i] { of_b.push_back(i), all.push_back(100 + i); });
        }
        w.run_until_idle();
        EXPECT_EQ(of_a.size(), 20u);
        EXPECT_TRUE(std::is_sorted(of_a.begin(), of_a.end()));
        EXPECT_TRUE(std::is_sorted(of_b.begin(), of_b.end()));
    }
}

std::vector<int> order_of(std::uint64_t seed, bool shuffle, std::uint64_t& fingerprint) {
    sim::world w(seed);
    w.shuffle(shuffle);
    std::vector<int> all;
    for (int n = 0; n < 4; ++n) {
        auto& p = w.make_process("n" + std::to_string(n));
        for (int i = 0; i < 5; ++i) asio::post(p.get_executor(), [&all, n] { all.push_back(n); });
    }
    w.run_until_idle();
    fingerprint = w.fingerprint();
    return all;
}

TEST(world, one_seed_gives_one_order_and_another_seed_another) {
    std::uint64_t f1, f2, f3, f4;
    auto first = order_of(7, true, f1);
    EXPECT_EQ(first, order_of(7, true, f2));
    EXPECT_EQ(f1, f2);
    EXPECT_NE(first, order_of(8, true, f3));
    EXPECT_NE(f1, f3);
    auto fifo = order_of(7, false, f4);
    EXPECT_TRUE(std::is_sorted(fifo.begin(), fifo.end()));
}

TEST(world, alarms_ring_by_deadline_and_then_by_age) {
    sim::world w(1);
    std::string rung;
    sim::alarm a(w), b(w), c(w), d(w);
    a.set(2s, [&] { rung += 'a'; });
    b.set(1s, [&] { rung += 'b'; });
    c.set(2s, [&] { rung += 'c'; });
    d.set(1500ms, [&] { rung += 'd'; });
    d.cancel();
    EXPECT_EQ(w.run_for(10s), 3u);
    EXPECT_EQ(rung, "bac");
    EXPECT_EQ(w.now(), 2s);
    w.advance(3s);
    EXPECT_EQ(w.now(), 5s);
}

TEST(world, advance_stops_exactly_there) {
    sim::world w(1);
    int rung = 0;
    sim::alarm a(w), b(w);
    a.set(5s, [&] { ++rung; });
    b.set(5s + 1ns, [&] { ++rung; });
    w.advance(5s);
    EXPECT_EQ(rung, 1);
    EXPECT_EQ(w.now(), 5s);
    w.advance(1ns);
    EXPECT_EQ(rung, 2);
}

awaitable<int> waits(sim::world& w, std::chrono::nanoseconds d, int value) {
    co_await w.sleep(d);
    co_return value;
}

awaitable<int> race(sim::world& w) {
    auto winner = co_await (waits(w, 3s, 30) || waits(w, 2s, 20));
    int value = winner.index() == 0 ? std::get<0>(winner) : std::get<1>(winner);
    auto both = co_await (waits(w, 1s, 1) && waits(w, 2s, 2));
    co_return value + std::get<0>(both) + std::get<1>(both);
}

TEST(world, coroutines_race_and_the_loser_is_cancelled) {
    sim::world w(3);
    auto& p = w.make_process("n1");
    EXPECT_EQ(w.run(p.get_executor(), race(w)), 23);
    EXPECT_EQ(w.now(), 4s);
    EXPECT_FALSE(w.step()) << "the loser's alarm is still there";
}

awaitable<void> sends(channel& c, int n) {
    for (int i = 0; i < n; ++i) co_await c.async_send({}, i, asio::use_awaitable);
}

awaitable<int> receives(channel& c, int n) {
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await c.async_receive(asio::use_awaitable);
    co_return sum;
}

TEST(world, channels_carry_between_coroutines_and_strands_work) {
    sim::world w(3);
    auto& p = w.make_process("n1");
    channel c(p.get_executor(), 1);
    p.spawn(sends(c, 100));
    EXPECT_EQ(w.run(p.get_executor(), receives(c, 100)), 4950);
    auto strand = asio::make_strand(dunlin::any_io_executor(p.get_executor()));
    bool done = false;
    asio::co_spawn(strand, w.sleep(1s), [&](std::exception_ptr e) { done = !e; });
    w.run_for(2s);
    EXPECT_TRUE(done);
    EXPECT_EQ(&sim::process_of(strand), &p);
}

awaitable<void> throws_later(sim::world& w) {
    co_await w.sleep(1s);
    throw std::runtime_error("planted");
}

TEST(world, an_exception_of_a_handler_comes_out_and_the_world_goes_on) {
    sim::world w(3);
    auto& p = w.make_process("n1");
    p.spawn(throws_later(w));
    EXPECT_THROW(w.run_for(5s), std::runtime_error);
    EXPECT_EQ(w.run(p.get_executor(), waits(w, 1s, 5)), 5);
    EXPECT_THROW(w.run(p.get_executor(), throws_later(w)), std::runtime_error);
}

awaitable<void> holds(sim::world& w, channel& c, int& alive, int kind) {
    witness here(alive);
    if (kind == 0) co_await w.sleep(1h);
    if (kind == 1) co_await c.async_receive(asio::use_awaitable);
    if (kind == 2) co_await (w.sleep(1h) || w.sleep(2h));
    if (kind == 3) co_await asio::post(asio::use_awaitable);
    ADD_FAILURE() << "ran after the kill";
}

TEST(world, a_killed_process_loses_all_that_waits_and_runs_nothing_more) {
    sim::world w(3);
    auto& victim = w.make_process("n1");
    auto& other = w.make_process("n2");
    channel c(victim.get_executor(), 0);
    sim::node_clock clock(w, "n1");
    auto timer = clock.make_timer(victim.get_executor());
    int alive = 0;
    timer->expires_after(5s, [here = witness(alive)] { FAIL() << "rang after the kill"; });
    for (int kind = 0; kind < 3; ++kind) victim.spawn(holds(w, c, alive, kind));
    w.run_until_idle();
    victim.spawn(holds(w, c, alive, 3));
    asio::post(victim.get_executor(), [here = witness(alive)] { FAIL() << "ran after the kill"; });
    EXPECT_EQ(alive, 5);
    w.kill(victim);
    EXPECT_EQ(alive, 0);
    asio::post(victim.get_executor(), [here = witness(alive)] { FAIL() << "ran after the kill"; });
    timer->expires_after(1s, [here = witness(alive)] { FAIL() << "rang after the kill"; });
    victim.spawn(holds(w, c, alive, 0));
    EXPECT_EQ(alive, 0);
    bool ran = false;
    asio::post(other.get_executor(), [&] { ran = true; });
    w.run_for(10h);
    EXPECT_TRUE(ran);
    EXPECT_FALSE(victim.alive());
}

awaitable<void> kills_itself(sim::world& w, sim::process& p, int& alive, bool& went_on) {
    witness here(alive);
    w.kill(p);
    went_on = true; // up to the next suspension, as a thread between two system calls
    co_await w.sleep(1s);
    ADD_FAILURE() << "ran after the kill";
}

TEST(world, a_process_that_kills_itself_ends_at_its_next_suspension) {
    sim::world w(3);
    auto& p = w.make_process("n1");
    channel c(p.get_executor(), 0);
    int alive = 0;
    bool went_on = false;
    p.spawn(holds(w, c, alive, 0));
    w.run_until_idle();
    p.spawn(kills_itself(w, p, alive, went_on));
    w.run_for(10s);
    EXPECT_TRUE(went_on);
    EXPECT_EQ(alive, 0);
}

/// An operation that owns its timer, as a wait built on the timer seam does: a ring of references.
awaitable<void> waits_on_the_seam(dunlin::clock& clock, sim::process& p, int& alive) {
    witness here(alive);
    auto timer = std::shared_ptr<dunlin::timer>(clock.make_timer(p.get_executor()));
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(
        [&timer](auto handler) {
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            timer->expires_after(1h, [shared, timer] { std::move (*shared)(); });
        },
        asio::use_awaitable);
}

TEST(world, the_end_of_a_world_leaks_nothing) {
    int alive = 0;
    {
        sim::world w(3);
        auto& p = w.make_process("n1");
        sim::node_clock clock(w, "n1");
        p.spawn(waits_on_the_seam(clock, p, alive));
        p.spawn(waits_on_the_seam(clock, p, alive));
        w.run_for(1min);
        EXPECT_EQ(alive, 2);
    }
    EXPECT_EQ(alive, 0);
}

TEST(world, a_loop_that_waits_for_nothing_is_found) {
    sim::world w(3);
    auto& p = w.make_process("n1");
    std::function<void()> again = [&] { asio::post(p.get_executor(), again); };
    again();
    EXPECT_THROW(w.run_for(1s), std::logic_error);
}

TEST(world, the_trace_keeps_the_last_events_readable) {
    sim::world w(3, 2);
    w.advance(1250ms);
    w.note("n1", "first");
    w.note("n1", "second", 3);
    w.note("a name longer than it should be", "third", 4, 5);
    EXPECT_EQ(w.trace(), "1.250000000 n1 second 3 0\n1.250000000 a name longer t third 4 5\n");
}

TEST(node_clock, the_wall_jumps_drifts_and_freezes_while_steady_time_runs) {
    sim::world w(3);
    sim::node_clock a(w, "n1"), b(w, "n2");
    EXPECT_NE(a.steady_now(), b.steady_now());
    auto steady = a.steady_now();
    w.advance(10s);
    EXPECT_EQ(a.wall_now(), sim::node_clock::wall_start + 10s);
    a.jump(-1h);
    EXPECT_EQ(a.wall_now(), sim::node_clock::wall_start + 10s - 1h);
    a.skew(24h);
    EXPECT_EQ(a.wall_now(), sim::node_clock::wall_start + 10s + 24h);
    a.freeze();
    w.advance(10s);
    EXPECT_EQ(a.wall_now(), sim::node_clock::wall_start + 10s + 24h);
    a.thaw();
    EXPECT_EQ(a.wall_now(), sim::node_clock::wall_start + 20s + 24h);
    EXPECT_EQ(a.steady_now(), steady + 20s);
    b.drift(100);
    w.advance(10000s);
    EXPECT_EQ(b.wall_now(), sim::node_clock::wall_start + 10020s + 1s);
}

TEST(node_clock, a_timer_rings_once_and_never_after_cancel) {
    sim::world w(3);
    auto& p = w.make_process("n1");
    sim::node_clock clock(w, "n1");
    auto timer = clock.make_timer(p.get_executor());
    int rung = 0;
    timer->expires_after(1s, [&] { rung += 1; });
    timer->expires_after(2s, [&] { rung += 10; });
    w.advance(1s);
    EXPECT_EQ(rung, 0);
    w.advance(1s);
    EXPECT_EQ(rung, 10);
    timer->expires_after(1s, [&] { rung += 100; });
    timer->cancel();
    timer->expires_after(std::chrono::nanoseconds::max(), [&] { rung += 1000; });
    w.advance(24h);
    EXPECT_EQ(rung, 10);
    timer.reset();
    timer = clock.make_timer(p.get_executor());
    timer->expires_after(-1s, [&] { rung += 1, timer.reset(); });
    w.run_until_idle();
    EXPECT_EQ(rung, 11);
}

TEST(generator, streams_are_equal_for_equal_labels_and_apart_for_others) {
    sim::generator a(5, "n1", 2), b(5, "n1", 2), c(5, "n1", 3), d(5, "n2", 2), e(6, "n1", 2);
    auto first = a();
    EXPECT_EQ(first, b());
    EXPECT_NE(first, c());
    EXPECT_NE(first, d());
    EXPECT_NE(first, e());
    double sum = 0;
    for (int i = 0; i < 100'000; ++i) sum += a.exponential(3);
    EXPECT_NEAR(sum / 100'000, 3, 0.1);
    EXPECT_FALSE(a.happens(0));
    EXPECT_TRUE(a.happens(1));
}

} // namespace
