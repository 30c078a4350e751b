// The shipped link over the simulated network: the handshake's deadline and the goodbye in virtual time.
#include "two_hosts.hpp"
#include <dunlin/lib/sim/node_clock.hpp>
#include <dunlin/net/link.hpp>

namespace {
using namespace two_hosts;

using link_ptr = std::unique_ptr<dunlin::link>;

awaitable<void> dial_to(dunlin::transport& t, dunlin::link_options o, link_ptr& into) {
    into = co_await dunlin::dial(t, "n2:7", o);
}

awaitable<void> accept_link(dunlin::acceptor& a, dunlin::link_options o, link_ptr& into) {
    auto s = co_await a.accept();
    into = co_await dunlin::respond(std::move(s), std::make_shared<dunlin::link_options>(o));
}

awaitable<void> say(dunlin::link& l, int messages, bool& said) {
    for (int i = 0; i < messages; ++i) {
        std::string text(std::size_t(i) * 997 % 90'000, char(i));
        co_await l.send(text);
    }
    co_await l.close();
    said = true;
}

awaitable<void> hear(dunlin::link& l, int& right, error_code& end) {
    std::string text;
    try {
        for (;; ++right) {
            co_await l.receive(text);
            if (text != std::string(std::size_t(right) * 997 % 90'000, char(right))) co_return;
        }
    } catch (system_error const& e) { end = e.code(); }
}

struct linked_hosts : pair_of_hosts {
    sim::generator chance;
    sim::node_clock clock1{world, "n1"}, clock2{world, "n2"};
    dunlin::link_options near{clock1, chance, dunlin::identity::make(chance)};
    dunlin::link_options far{clock2, chance, dunlin::identity::make(chance)};
    link_ptr caller, answerer;

    explicit linked_hosts(std::uint64_t seed) : pair_of_hosts(seed), chance(world.chance("links")) {
        near.key = far.key = dunlin::cluster_key::make(chance);
        near.close_time = std::chrono::minutes(10);
        acceptor = t2.listen(p2.get_executor(), "n2:7");
    }
    error_code meet() {
        p2.spawn(quietly(accept_link(*acceptor, far, answerer)));
        return try1(dial_to(t1, near, caller));
    }
};

TEST(link, messages_arrive_whole_and_in_order_over_any_network_or_none_does) {
    int linked = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        linked_hosts two(seed);
        auto draw = two.world.chance("test");
        auto f = sim::faults::harsh(draw);
        f.reset = 0;
        two.net.set_faults(f);
        auto why = two.meet();
        two.world.run_until([&] { return bool(two.answerer); }, 10s);
        if (!two.caller || !two.answerer) {
            EXPECT_TRUE(why) << "seed " << seed; // clogged beyond the deadline
            EXPECT_LE(two.world.now(), 21s) << "seed " << seed;
            continue;
        }
        ++linked;
        bool said = false;
        int right = 0;
        error_code end;
        two.p1.spawn(quietly(say(*two.caller, 60, said)));
        two.on2(hear(*two.answerer, right, end));
        EXPECT_EQ(right, 60) << "seed " << seed;
        EXPECT_EQ(end, dunlin::net_error::closed) << "seed " << seed << " " << end.message();
    }
    EXPECT_GT(linked, 5);
}

TEST(link, a_handshake_that_a_partition_stops_ends_in_its_time) {
    linked_hosts two(1);
    sim::faults f;
    f.delay_min = 10ms, f.delay_mean = 0ms;
    two.net.set_faults(f);
    two.near.handshake_time = two.far.handshake_time = 5s;
    link_ptr& caller = two.caller;
    bool over = false;
    error_code how;
    two.p2.spawn(quietly(accept_link(*two.acceptor, two.far, two.answerer)));
    two.p1.spawn([](awaitable<void> work, error_code& e, bool& done) -> awaitable<void> {
        co_await outcome(std::move(work), e);
        done = true;
    }(dial_to(two.t1, two.near, caller), how, over));
    two.world.run_for(25ms); // connected, and the first frame is on its way
    two.net.partition({{"n1"}, {"n2"}});
    two.world.run_until([&] { return over; }, 1min);
    EXPECT_EQ(how, dunlin::net_error::timed_out) << how.message();
    EXPECT_LE(two.world.now(), 5s + 25ms);
    EXPECT_FALSE(two.caller || two.answerer);
}

} // namespace
