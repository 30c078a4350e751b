// Two nodes about to talk: their options, a pipe between them, and what became of each.
#pragma once
#include "pipe.hpp"
#include "run.hpp"
#include <dunlin/net/link.hpp>
#include <gtest/gtest.h>

namespace dunlin::test {

using boost::system::system_error;

struct outcome {
    std::unique_ptr<dunlin::link> link;
    error_code error;
    std::string what;
    bool ended = false;
};

struct link_test : testing::Test {
    boost::asio::io_context io;
    any_io_executor executor = io.get_executor();
    standing_clock clock;
    counting_chance caller_chance{1}, answerer_chance{2};
    counting_chance cluster_chance{3};
    cluster_key key = cluster_key::make(cluster_chance);
    pipe between{executor};
    link_options caller = options(caller_chance, "caller's hello"),
                 answerer = options(answerer_chance, "answerer's hello");
    std::function<bool()> admit;
    outcome called, answered;

    link_options options(counting_chance& c, std::string hello) {
        link_options o(clock, c, identity::make(c));
        o.key = key;
        o.hello = std::move(hello);
        return o;
    }

    static void settle(outcome& into, std::exception_ptr e) {
        into.ended = true;
        try {
            if (e) std::rethrow_exception(e);
        } catch (system_error const& s) {
            into.error = s.code();
            into.what = s.what();
        }
    }
    void start(awaitable<std::unique_ptr<dunlin::link>> work, outcome& into) {
        boost::asio::co_spawn(executor, std::move(work),
                              [&into](std::exception_ptr e, std::unique_ptr<dunlin::link> l) {
                                  settle(into, e);
                                  into.link = std::move(l);
                              });
    }
    /// Until nothing moves; then, if somebody still waits, the deadlines ring.
    void finish() {
        do {
            io.restart();
            io.poll();
        } while ((!called.ended || !answered.ended) && clock.ring_all());
    }
    awaitable<std::unique_ptr<dunlin::link>> answer() {
        return respond(std::move(between.far), std::make_shared<link_options>(answerer), admit);
    }
    void greet() {
        start(initiate(std::move(between.near), caller), called);
        start(answer(), answered);
        finish();
    }
    void greet_well() {
        greet();
        ASSERT_TRUE(called.link) << called.what;
        ASSERT_TRUE(answered.link) << answered.what;
    }
    std::string received(dunlin::link& l) { return run(io, l.receive()); }
    error_code receive_error(dunlin::link& l) {
        try {
            run(io, l.receive());
        } catch (system_error const& e) { return e.code(); }
        return {};
    }
    /// A new pair of nodes and pipes with the same keys.
    void again() {
        called = {}, answered = {};
        between = pipe(executor);
    }
};

} // namespace dunlin::test
