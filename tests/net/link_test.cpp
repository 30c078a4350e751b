#include "link_fixture.hpp"
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>

namespace dunlin::test {
namespace {

using namespace std::chrono_literals;

TEST_F(link_test, two_nodes_of_a_cluster_know_each_other_and_what_they_say_arrives) {
    greet_well();
    auto &a = *called.link, &b = *answered.link;
    EXPECT_EQ(a.remote_node(), answerer.own.node());
    EXPECT_EQ(b.remote_node(), caller.own.node());
    EXPECT_EQ(a.remote_hello(), "answerer's hello");
    EXPECT_EQ(b.remote_hello(), "caller's hello");
    EXPECT_TRUE(a.secure() && b.secure());
    EXPECT_EQ(a.handshake_hash(), b.handshake_hash());
    EXPECT_EQ(a.version(), 1u);
    for (std::string text : {"", "x", "hello", "a much longer text than the others are"}) {
        run(io, a.send(text));
        EXPECT_EQ(received(b), text);
        run(io, b.send(text + "!"));
        EXPECT_EQ(received(a), text + "!");
    }
}

awaitable<void> echo(dunlin::link& l) {
    std::string message;
    for (int i = 0; i < 3; ++i) {
        co_await l.receive(message);
        co_await l.send(message);
    }
    co_await l.close();
}

awaitable<std::string> talk(dunlin::link& l) {
    std::string heard;
    for (std::size_t size : {1u, 70'000u, 1u << 20}) {
        std::string text(size, 'x');
        co_await l.send(text);
        auto back = co_await l.receive();
        heard += back == text ? "yes " : "no ";
    }
    try {
        co_await l.receive();
    } catch (system_error const& e) { heard += net_error_name(e.code()); }
    co_return heard;
}

TEST_F(link_test, it_works_over_tcp_with_large_messages_and_a_goodbye) {
    tcp_transport transport;
    machine_clock real;
    link_options near(real, caller_chance, caller.own), far(real, answerer_chance, answerer.own);
    near.key = far.key = key;
    auto listening = transport.listen(executor, "127.0.0.1:0");
    start(dial(transport, listening->local_address(), near), called);
    auto accepted = run(io, listening->accept());
    start(respond(std::move(accepted), std::make_shared<link_options>(far)), answered);
    io.restart();
    io.run();
    ASSERT_TRUE(called.link) << called.what;
    ASSERT_TRUE(answered.link) << answered.what;
    bool echoed = false;
    boost::asio::co_spawn(io, echo(*answered.link), [&](std::exception_ptr e) { echoed = !e; });
    EXPECT_EQ(run(io, talk(*called.link)), "yes yes yes dunlin.net.closed");
    io.restart();
    io.run();
    EXPECT_TRUE(echoed);
}

TEST_F(link_test, dialling_gives_up_after_its_time_when_nobody_answers_the_handshake) {
    tcp_transport transport;
    auto listening = transport.listen(executor, "127.0.0.1:0");
    start(dial(transport, listening->local_address(), caller), called);
    auto accepted = run(io, [](acceptor& a, standing_clock& c) -> awaitable<std::unique_ptr<stream>> {
        auto s = co_await a.accept();
        std::string first(73, '\0');
        std::size_t n = 0;
        while (n < first.size()) {
            auto room = boost::asio::buffer(first) + n;
            auto more = co_await s->read_some(room);
            n += more;
        }
        c.ring_all(); // five seconds of silence
        co_return s;
    }(*listening, clock));
    io.restart();
    io.run();
    EXPECT_EQ(called.error, net_error::timed_out) << called.what;
}

TEST_F(link_test, messages_queued_together_leave_in_one_write_and_arrive_in_order) {
    auto near = between.near.get();
    greet_well();
    auto before = near->writes;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(called.link->queue(std::to_string(i)));
    EXPECT_GT(called.link->queued_bytes(), 100u);
    run(io, called.link->flush());
    EXPECT_EQ(called.link->queued_bytes(), 0u);
    EXPECT_EQ(near->writes, before + 1);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(received(*answered.link), std::to_string(i));
    std::string none;
    EXPECT_FALSE(answered.link->try_receive(none));
}

awaitable<void> send_one(dunlin::link& l, std::string text) { co_await l.send(text); }

TEST_F(link_test, many_coroutines_may_send_at_once) {
    between = pipe(executor, "127.0.0.1:1", 0); // a write waits for its reader
    greet_well();
    for (int i = 0; i < 20; ++i)
        boost::asio::co_spawn(io, send_one(*called.link, std::to_string(i)),
                              [](std::exception_ptr e) { EXPECT_FALSE(e); });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(received(*answered.link), std::to_string(i));
}

TEST_F(link_test, a_goodbye_and_an_end_without_one_are_told_apart) {
    greet_well();
    run(io, called.link->send("last words"));
    run(io, called.link->close());
    EXPECT_EQ(received(*answered.link), "last words");
    EXPECT_EQ(receive_error(*answered.link), net_error::closed);
    EXPECT_EQ(receive_error(*answered.link), net_error::closed);
    EXPECT_FALSE(called.link->queue("after the end"));
    EXPECT_FALSE(answered.link->queue("after the end"));
    again();
    greet_well();
    run(io, called.link->send("last words"));
    called.link->drop();
    EXPECT_EQ(received(*answered.link), "last words");
    EXPECT_EQ(receive_error(*answered.link), net_error::truncated);
}

TEST_F(link_test, an_end_inside_a_message_is_a_truncation_and_no_message) {
    auto near = between.near.get();
    greet_well();
    near->on_write = [](std::string& sent) { sent.resize(sent.size() - 1); };
    run(io, called.link->send("whole"));
    called.link->drop();
    EXPECT_EQ(receive_error(*answered.link), net_error::truncated);
}

TEST_F(link_test, a_goodbye_that_nobody_reads_takes_no_longer_than_its_time) {
    between = pipe(executor, "127.0.0.1:1", 0);
    greet_well();
    bool closed = false;
    boost::asio::co_spawn(io, called.link->close(), [&](std::exception_ptr e) { closed = !e; });
    io.restart();
    io.poll();
    EXPECT_FALSE(closed);
    EXPECT_TRUE(clock.ring_all());
    io.restart();
    io.poll();
    EXPECT_TRUE(closed);
}

TEST_F(link_test, a_message_of_one_mebibyte_goes_in_chunks_and_the_bound_is_exact) {
    caller.message_max_bytes = answerer.message_max_bytes = 1 << 20;
    greet_well();
    std::string text(1 << 20, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = char(i * 2654435761u >> 13);
    run(io, called.link->send(text));
    EXPECT_EQ(received(*answered.link), text);
    for (std::size_t size : {65518u, 65519u, 2 * 65518u}) { // one frame, two, and two exactly
        run(io, called.link->send(text.substr(0, size)));
        EXPECT_EQ(received(*answered.link), text.substr(0, size));
    }
    text.push_back('x');
    EXPECT_THROW((void)called.link->queue(text), system_error);
    run(io, called.link->send("still there"));
    EXPECT_EQ(received(*answered.link), "still there");
}

TEST_F(link_test, a_message_above_the_receivers_bound_closes_the_link) {
    answerer.message_max_bytes = 1000;
    greet_well();
    run(io, called.link->send(std::string(1000, 'x')));
    EXPECT_EQ(received(*answered.link).size(), 1000u);
    run(io, called.link->send(std::string(1001, 'x')));
    EXPECT_EQ(receive_error(*answered.link), net_error::message_too_large);
    again();
    answerer.message_max_bytes = 100'000;
    greet_well();
    run(io, called.link->send(std::string(100'001, 'x')));
    EXPECT_EQ(receive_error(*answered.link), net_error::message_too_large);
}

TEST_F(link_test, a_full_queue_says_so_and_keeps_what_it_has) {
    caller.queue_max_bytes = 1000;
    greet_well();
    int queued = 0;
    while (called.link->queue(std::string(100, 'x'))) ++queued;
    EXPECT_EQ(queued, 8);
    EXPECT_LE(called.link->queued_bytes(), 1000u);
    run(io, called.link->flush());
    for (int i = 0; i < queued; ++i) EXPECT_EQ(received(*answered.link).size(), 100u);
}

TEST_F(link_test, new_keys_are_taken_in_step_on_both_sides_beyond_65536_messages) {
    greet_well();
    std::string into;
    std::uint32_t heard = 0, back = 0;
    for (std::uint32_t n = 0; n < 140'000; ++n) {
        ASSERT_TRUE(called.link->queue({reinterpret_cast<char const*>(&n), 4}));
        bool queued = n % 2 != 0 || answered.link->queue("back");
        ASSERT_TRUE(queued);
        if (n % 1000 != 999) continue;
        run(io, called.link->flush());
        run(io, answered.link->flush());
        while (heard <= n) {
            run(io, answered.link->receive(into));
            ASSERT_EQ(std::memcmp(into.data(), &heard, 4), 0);
            ++heard;
        }
        while (back <= n / 2) run(io, called.link->receive(into)), ++back;
    }
    EXPECT_EQ(heard, 140'000u);
}

TEST_F(link_test, versions_meet_at_the_greatest_that_both_know) {
    caller.version_least = 1, caller.version_most = 4;
    answerer.version_least = 2, answerer.version_most = 3;
    greet_well();
    EXPECT_EQ(called.link->version(), 3u);
    EXPECT_EQ(answered.link->version(), 3u);
    again();
    answerer.version_least = 5, answerer.version_most = 6;
    greet();
    EXPECT_EQ(called.error, net_error::wrong_version) << called.what;
    EXPECT_EQ(answered.error, net_error::wrong_version) << answered.what;
}

TEST_F(link_test, a_node_that_calls_itself_is_told) {
    answerer.own = caller.own;
    greet();
    EXPECT_EQ(called.error, net_error::self) << called.what;
    EXPECT_EQ(answered.error, net_error::self) << answered.what;
}

TEST_F(link_test, only_the_expected_node_is_accepted_where_one_is_expected) {
    caller.expected = answerer.own.node();
    greet_well();
    again();
    caller.expected = caller.own.node();
    greet();
    EXPECT_EQ(called.error, net_error::other_node) << called.what;
}

TEST_F(link_test, a_hello_fits_in_one_kibibyte) {
    caller.hello = std::string(1024, 'h');
    answerer.hello = std::string(1024, 'a');
    greet_well();
    EXPECT_EQ(answered.link->remote_hello(), caller.hello);
    again();
    caller.hello.push_back('h');
    greet();
    EXPECT_EQ(called.error, net_error::hello_too_large);
}

TEST_F(link_test, without_keys_two_nodes_talk_on_loopback_and_know_that_it_is_insecure) {
    caller.key.reset(), answerer.key.reset();
    greet_well();
    EXPECT_FALSE(called.link->secure());
    EXPECT_EQ(called.link->remote_node(), answerer.own.node());
    EXPECT_EQ(answered.link->remote_node(), caller.own.node());
    EXPECT_EQ(answered.link->remote_hello(), "caller's hello");
    std::string text(200'000, 't');
    run(io, called.link->send(text));
    EXPECT_EQ(received(*answered.link), text);
    run(io, called.link->close());
    EXPECT_EQ(receive_error(*answered.link), net_error::closed);
}

TEST_F(link_test, without_keys_nothing_but_loopback_is_spoken_to) {
    caller.key.reset(), answerer.key.reset();
    between = pipe(executor, "10.0.0.1:1");
    greet();
    EXPECT_EQ(called.error, net_error::insecure_not_loopback) << called.what;
    EXPECT_FALSE(answered.link);
    again();
    between = pipe(executor, "127.0.0.1:1", 4096, "10.0.0.2:1");
    greet();
    EXPECT_EQ(answered.error, net_error::insecure_not_loopback) << answered.what;
    EXPECT_FALSE(called.link);
}

TEST_F(link_test, a_node_with_a_key_refuses_one_without_and_both_learn_why) {
    caller.key.reset();
    greet();
    EXPECT_EQ(called.error, net_error::key_missing) << called.what;
    EXPECT_EQ(answered.error, net_error::peer_without_key) << answered.what;
    again();
    caller.key = key;
    answerer.key.reset();
    greet();
    EXPECT_EQ(called.error, net_error::peer_without_key) << called.what;
    EXPECT_EQ(answered.error, net_error::key_missing) << answered.what;
}

TEST_F(link_test, another_cluster_key_is_refused_and_both_learn_why) {
    answerer.key = cluster_key::make(cluster_chance);
    auto before = answerer_chance.drawn;
    greet();
    EXPECT_EQ(called.error, net_error::wrong_key) << called.what;
    EXPECT_EQ(answered.error, net_error::wrong_key) << answered.what;
    EXPECT_EQ(answerer_chance.drawn, before) << "a stranger made the answerer work";
}

} // namespace
} // namespace dunlin::test
