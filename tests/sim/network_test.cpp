#include "two_hosts.hpp"

namespace {
using namespace two_hosts;

TEST(network, bytes_arrive_in_order_and_whole_whatever_the_path_does) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        pair_of_hosts two(seed);
        auto chance = two.world.chance("test");
        auto f = sim::faults::harsh(chance);
        f.reset = 0;
        two.net.set_faults(f);
        two.join();
        if (!two.b) continue; // the handshake was clogged for too long
        auto const data = noise(100'000, seed);
        two.p1.spawn(write_pieces(*two.a, data, chance));
        EXPECT_EQ(two.on2(read_n(*two.b, data.size())), data) << "seed " << seed;
        EXPECT_GE(two.net.carried_bytes(), data.size());
    }
}

TEST(network, one_seed_gives_one_history) {
    auto history = [](std::uint64_t seed) {
        pair_of_hosts two(seed);
        two.join();
        two.p1.spawn(write_pieces(*two.a, noise(20'000), two.world.chance("test")));
        two.on2(read_n(*two.b, 20'000));
        return std::pair(two.world.fingerprint(), two.world.now());
    };
    EXPECT_EQ(history(4), history(4));
    EXPECT_NE(history(4), history(5));
}

TEST(network, a_connection_costs_a_round_trip_and_knows_both_addresses) {
    pair_of_hosts two;
    sim::faults f;
    f.delay_min = 10ms, f.delay_mean = 0ms;
    two.net.set_faults(f);
    two.join();
    EXPECT_EQ(two.world.now(), 20ms);
    EXPECT_EQ(two.a->remote_address(), "n2:7");
    EXPECT_EQ(two.b->remote_address().substr(0, 3), "n1:");
    EXPECT_EQ(two.acceptor->local_address(), "n2:7");
    two.p1.spawn(write_all(*two.a, noise(5)));
    two.on2(read_n(*two.b, 5));
    EXPECT_EQ(two.world.now(), 30ms);
}

TEST(network, a_connect_that_cannot_be_says_why) {
    pair_of_hosts two;
    stream_ptr s;
    auto const e = two.p1.get_executor();
    EXPECT_EQ(two.try1(connect_one(two.t1, e, "n3:7", s)), asio::error::host_not_found);
    EXPECT_EQ(two.try1(connect_one(two.t1, e, "n2:7", s)), asio::error::connection_refused);
    EXPECT_EQ(two.try1(connect_one(two.t1, e, "n2", s)), asio::error::invalid_argument);
    EXPECT_EQ(two.try1(connect_one(two.t1, e, "n2:70000", s)), asio::error::invalid_argument);
    auto acceptor = two.t2.listen(two.p2.get_executor(), "n2:7");
    EXPECT_THROW(two.t2.listen(two.p2.get_executor(), "n2:7"), system_error);
    EXPECT_THROW(two.t2.listen(two.p2.get_executor(), "n1:7"), system_error);
    EXPECT_NE(two.t2.listen(two.p2.get_executor(), "n2:0")->local_address(), "n2:0");
    for (bool there : {true, false}) {
        auto const begin = two.world.now();
        two.net.block(there ? "n1" : "n2", there ? "n2" : "n1");
        EXPECT_EQ(two.try1(connect_one(two.t1, e, "n2:7", s)), asio::error::timed_out);
        EXPECT_EQ(two.world.now() - begin, 5s);
        two.net.heal();
    }
}

TEST(network, a_write_waits_for_the_reader) {
    pair_of_hosts two;
    two.join();
    bool done = false;
    error_code how;
    auto const data = noise(200'000);
    asio::co_spawn(two.p1.get_executor(), write_all(*two.a, data), [&](std::exception_ptr e) { done = !e; });
    two.world.run_for(1h);
    EXPECT_FALSE(done);
    EXPECT_EQ(two.net.carried_bytes(), 64u << 10);
    EXPECT_EQ(two.on2(read_n(*two.b, data.size())), data);
    two.world.run_until_idle();
    EXPECT_TRUE(done);
}

TEST(network, bandwidth_bounds_what_passes) {
    pair_of_hosts two;
    sim::faults f;
    f.bandwidth_bytes_per_s = 100'000;
    two.net.set_faults(f);
    two.join();
    two.p1.spawn(write_all(*two.a, noise(200'000)));
    two.on2(read_n(*two.b, 200'000));
    EXPECT_GE(two.world.now(), 2s);
    EXPECT_LE(two.world.now(), 2100ms);
}

TEST(network, lost_segments_come_later) {
    pair_of_hosts two;
    two.join();
    sim::faults f;
    f.loss = 0.5;
    two.net.set_faults(f);
    two.p1.spawn(write_all(*two.a, noise(40'000)));
    two.on2(read_n(*two.b, 40'000));
    EXPECT_GE(two.world.now(), 200ms);
}

TEST(network, a_closed_stream_delivers_what_was_written_and_then_the_end) {
    pair_of_hosts two;
    two.join();
    auto const data = noise(50'000);
    two.on1(write_all(*two.a, data));
    two.a->close();
    two.a->close();
    bytes got;
    error_code how;
    two.on2(read_to_end(*two.b, got, how));
    EXPECT_EQ(got, data);
    EXPECT_EQ(how, asio::error::eof);
    EXPECT_EQ(two.try1(write_all(*two.a, data)), asio::error::bad_descriptor);
    two.on2(write_all(*two.b, noise(10))); // nobody is there any more: the answer is a reset
    two.world.run_for(1s);
    EXPECT_EQ(two.try2(write_all(*two.b, noise(10))), asio::error::connection_reset);
    EXPECT_EQ(two.net.connections(), 0u);
}

TEST(network, closing_with_unread_input_resets_the_peer) {
    pair_of_hosts two;
    two.join();
    two.on1(write_all(*two.a, noise(10)));
    two.world.run_for(1s);
    two.b->close();
    EXPECT_EQ(two.try1(read_some_once(*two.a)), asio::error::connection_reset);
}

TEST(network, close_ends_what_waits_on_the_same_side) {
    pair_of_hosts two;
    two.join();
    error_code reading, writing, accepting;
    stream_ptr none;
    two.p1.spawn(outcome(read_some_once(*two.a), reading));
    two.p1.spawn(outcome(write_all(*two.a, noise(200'000)), writing));
    two.p2.spawn(outcome(accept_one(*two.acceptor, none), accepting));
    two.world.run_for(1s);
    two.a->close();
    two.acceptor->close();
    two.world.run_until_idle();
    EXPECT_EQ(reading, asio::error::operation_aborted);
    EXPECT_EQ(writing, asio::error::operation_aborted);
    EXPECT_EQ(accepting, asio::error::operation_aborted);
    EXPECT_EQ(two.try1(connect_one(two.t1, two.p1.get_executor(), "n2:7", none)), asio::error::connection_refused);
}

TEST(network, a_stream_may_go_while_its_read_waits) {
    pair_of_hosts two;
    two.join();
    error_code how;
    two.p1.spawn(outcome(read_some_once(*two.a), how));
    two.world.run_until_idle();
    two.a.reset();
    two.world.run_for(1s);
    EXPECT_EQ(how, asio::error::operation_aborted);
}

TEST(network, connections_not_accepted_are_bounded_and_end_with_the_acceptor) {
    pair_of_hosts two;
    auto acceptor = two.t2.listen(two.p2.get_executor(), "n2:7");
    std::vector<stream_ptr> all(130);
    int refused = 0;
    for (auto& s : all) refused += bool(two.try1(connect_one(two.t1, two.p1.get_executor(), "n2:7", s)));
    EXPECT_EQ(refused, 2);
    acceptor.reset();
    EXPECT_EQ(two.try1(read_some_once(*all[0])), asio::error::eof);
}

TEST(network, a_cancelled_read_loses_no_byte) {
    pair_of_hosts two;
    two.join();
    EXPECT_FALSE(two.on2(read_within(two.world, *two.b, 1s)));
    auto const data = noise(10);
    two.on1(write_all(*two.a, data));
    EXPECT_EQ(two.on2(read_n(*two.b, 10)), data);
}

} // namespace
