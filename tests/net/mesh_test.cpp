// Meshes on loopback, on one io_context; what is awaited is a condition, never a time.
#include "run.hpp"
#include <boost/asio/thread_pool.hpp>
#include <dunlin/net/mesh.hpp>
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>
#include <gtest/gtest.h>
#include <thread>

namespace dunlin {
namespace {

using namespace std::chrono_literals;
using boost::system::error_code;

/// A space that only listens.
struct listener : space_side {
    std::map<peer_number, node_id> up;
    std::vector<std::pair<peer_number, space_message>> heard;
    std::vector<bool> congestion;
    std::vector<peer_number> idles;
    std::thread::id thread;
    std::size_t downs = 0;

    void peer_up(peer_number p, node_id const& n) override { up[p] = n, thread = std::this_thread::get_id(); }
    void peer_down(peer_number p) override { downs += up.erase(p); }
    void receive(peer_number p, space_message&& m) override { heard.emplace_back(p, std::move(m)); }
    void congested(peer_number, bool is) override { congestion.push_back(is); }
    void idle(peer_number p) override { idles.push_back(p); }
    peer_number peer(node_id const& n) const {
        for (auto& [p, id] : up)
            if (id == n) return p;
        return 0;
    }
};

/// TCP that counts what is written.
struct counted_stream : stream {
    std::unique_ptr<stream> inner;
    std::size_t& writes;
    counted_stream(std::unique_ptr<stream> s, std::size_t& w) : inner(std::move(s)), writes(w) {}
    awaitable<std::size_t> read_some(boost::asio::mutable_buffer into) override {
        auto n = co_await inner->read_some(into);
        co_return n;
    }
    awaitable<void> write(boost::asio::const_buffer bytes) override {
        ++writes;
        co_await inner->write(bytes);
    }
    void close() override { inner->close(); }
    std::string remote_address() const override { return inner->remote_address(); }
};
struct counted_transport : transport {
    tcp_transport tcp;
    std::size_t writes = 0;
    awaitable<std::unique_ptr<stream>> connect(any_io_executor e, std::string a) override {
        auto s = co_await tcp.connect(e, a);
        std::unique_ptr<stream> counted = std::make_unique<counted_stream>(std::move(s), writes);
        co_return counted;
    }
    std::unique_ptr<acceptor> listen(any_io_executor e, std::string const& a) override { return tcp.listen(e, a); }
};

struct mesh_test : testing::Test {
    boost::asio::io_context io;
    machine_clock clock;
    machine_chance chance;
    counted_transport net;
    seams world{clock, chance, net};
    cluster_key key = cluster_key::make(chance);

    struct node {
        identity own;
        std::unique_ptr<mesh> m;
        std::shared_ptr<listener> main = std::make_shared<listener>();
        std::unique_ptr<space_line> line;
        std::vector<std::string> faults;
        node_id id() const { return own.node(); }
        std::string address() const { return m->local_address(); }
    };
    std::vector<std::unique_ptr<node>> nodes;

    node& make(std::vector<std::string> join = {}, std::string listen = "127.0.0.1:0", std::optional<identity> as = {},
               std::optional<cluster_key> with = {}) {
        auto own = as ? *as : identity::make(chance);
        nodes.push_back(std::make_unique<node>(node{own, {}, std::make_shared<listener>(), {}, {}}));
        auto& n = *nodes.back();
        mesh_options o(own);
        o.key = with ? *with : key, o.listen = std::move(listen), o.join = std::move(join);
        o.name = "node " + std::to_string(nodes.size());
        n.m = std::make_unique<mesh>(world, io.get_executor(), o);
        n.m->on_fault([&n](auto& address, error_code, auto& text) { n.faults.push_back(address + " " + text); });
        n.m->start();
        n.line = n.m->open_space("main", io.get_executor(), n.main);
        return n;
    }
    template <class F> bool until(F yes, std::chrono::seconds most = 20s) {
        auto end = std::chrono::steady_clock::now() + most;
        io.restart();
        while (!yes())
            if (!io.run_one_until(end)) return false;
        return true;
    }
    void stop(node& n) {
        auto work = n.m->stop();
        test::run(io, std::move(work));
        n.m.reset();
    }
    void TearDown() override {
        for (auto& n : nodes)
            if (n->m) stop(*n);
    }
    bool meshed(std::size_t links) {
        for (auto& n : nodes)
            if (n->m && (n->main->up.size() != links || n->m->links().size() != links)) return false;
        return true;
    }
};

word::state_pull word_number(std::uint64_t n) { return {n, "cursor"}; }

TEST_F(mesh_test, two_nodes_link_and_what_a_space_says_the_other_hears_in_order) {
    auto& a = make();
    auto& b = make({a.address()});
    ASSERT_TRUE(until([&] { return meshed(1); }));
    EXPECT_TRUE(a.main->peer(b.id()) && b.main->peer(a.id()));
    for (std::uint64_t i = 0; i < 500; ++i) {
        a.line->send(a.main->peer(b.id()), word_number(i));
        b.line->send(b.main->peer(a.id()), word_number(i));
    }
    ASSERT_TRUE(until([&] { return a.main->heard.size() == 500 && b.main->heard.size() == 500; }));
    for (std::uint64_t i = 0; i < 500; ++i) {
        EXPECT_EQ(std::get<word::state_pull>(a.main->heard[i].second), word_number(i));
        EXPECT_EQ(std::get<word::state_pull>(b.main->heard[i].second), word_number(i));
    }
    auto links = a.m->links();
    EXPECT_TRUE(links[0].secure);
    EXPECT_EQ(links[0].name, "node 2");
}

TEST_F(mesh_test, a_word_on_an_idle_link_is_one_write) {
    auto& a = make();
    auto& b = make({a.address()});
    ASSERT_TRUE(until([&] { return meshed(1); }));
    b.line->send(b.main->peer(a.id()), word_number(1));
    ASSERT_TRUE(until([&] { return a.main->heard.size() == 1; }));
    auto before = net.writes;
    b.line->send(b.main->peer(a.id()), word_number(2));
    ASSERT_TRUE(until([&] { return a.main->heard.size() == 2; }));
    EXPECT_EQ(net.writes - before, 1u);
}

// What may wait is said when nothing else is unsent: behind what was said before, once for each time it was asked.
TEST_F(mesh_test, a_space_is_told_when_its_link_is_idle) {
    auto& a = make();
    auto& b = make({a.address()});
    ASSERT_TRUE(until([&] { return meshed(1); }));
    auto to = a.main->peer(b.id());
    a.line->when_idle(to);
    EXPECT_TRUE(a.main->idles.empty()) << "not inside of what the space does";
    ASSERT_TRUE(until([&] { return !a.main->idles.empty(); }));
    EXPECT_EQ(a.main->idles, std::vector<peer_number>{to});
    for (std::uint64_t i = 0; i < 300; ++i) a.line->send(to, word::state_chunk{i, "", std::string(1000, 'x'), "", false});
    a.line->when_idle(to), a.line->when_idle(to);
    ASSERT_TRUE(until([&] { return a.main->idles.size() == 2; }));
    EXPECT_EQ(a.m->links()[0].unsent_bytes, 0u);
    ASSERT_TRUE(until([&] { return b.main->heard.size() == 300; }));
    EXPECT_EQ(a.main->idles.size(), 2u);
    a.line->when_idle(77); // a link that is gone
    a.line->when_idle(to);
    ASSERT_TRUE(until([&] { return a.main->idles.size() == 3; }));
}

// Each says as much as a link sends at once, again and again: what the last one said is away before the next is asked.
TEST_F(mesh_test, spaces_that_wait_for_an_idle_link_go_on_one_by_one) {
    struct talker : listener {
        mesh_test::node* at = nullptr;
        std::unique_ptr<space_line> line;
        std::size_t unsent = 0, turns = 0;
        void idle(peer_number p) override {
            unsent = std::max(unsent, at->m->links()[0].unsent_bytes);
            if (++turns > 20) return;
            line->send(p, word::state_chunk{turns, "", std::string(100'000, 'x'), "", false});
            line->when_idle(p);
        }
    };
    auto& a = make();
    auto& b = make({a.address()});
    std::vector<std::shared_ptr<talker>> talkers;
    std::vector<std::pair<std::shared_ptr<listener>, std::unique_ptr<space_line>>> others;
    for (auto name : {"one", "two", "three", "four"}) {
        auto t = std::make_shared<talker>();
        t->at = &a, t->line = a.m->open_space(name, io.get_executor(), t);
        talkers.push_back(t);
        auto other = std::make_shared<listener>();
        others.emplace_back(other, b.m->open_space(name, io.get_executor(), other));
    }
    ASSERT_TRUE(until([&] { return std::all_of(talkers.begin(), talkers.end(), [&](auto& t) { return t->peer(b.id()); }); }));
    for (auto& t : talkers) t->line->when_idle(t->peer(b.id()));
    std::size_t widest = 0;
    ASSERT_TRUE(until([&] {
        auto [least, most] = std::minmax_element(talkers.begin(), talkers.end(), [](auto& x, auto& y) { return x->turns < y->turns; });
        widest = std::max(widest, (*most)->turns - (*least)->turns);
        return (*least)->turns > 20;
    }));
    EXPECT_LE(widest, 1u) << "all have their turn";
    for (auto& t : talkers) EXPECT_EQ(t->unsent, 0u);
    for (auto& t : talkers) t->line.reset();
}

TEST_F(mesh_test, nodes_that_know_one_of_them_come_to_know_all) {
    auto& a = make();
    auto first = a.address();
    for (int i = 0; i < 4; ++i) make({first});
    ASSERT_TRUE(until([&] { return meshed(4); }));
    EXPECT_EQ(nodes[4]->m->known().size(), 4u);
}

TEST_F(mesh_test, two_nodes_that_dial_each_other_keep_one_link) {
    for (int round = 0; round < 5; ++round) {
        auto& a = make();
        auto& b = make({a.address()});
        a.m->learn({b.id(), "b", {b.address()}}, peers::source::roster);
        ASSERT_TRUE(until([&] { return a.main->up.size() == 1 && b.main->up.size() == 1; }));
        auto settled = [&] {
            return a.m->links().size() == 1 && b.m->links().size() == 1 && a.main->up.size() == 1 &&
                   b.main->up.size() == 1;
        };
        ASSERT_TRUE(until(settled));
        b.line->send(b.main->peer(a.id()), word_number(7));
        ASSERT_TRUE(until([&] { return !a.main->heard.empty() || !settled(); }));
        stop(a), stop(b);
    }
}

TEST_F(mesh_test, a_node_that_comes_back_is_linked_again) {
    auto& a = make();
    auto address = a.address();
    auto& b = make({address});
    ASSERT_TRUE(until([&] { return meshed(1); }));
    auto own = a.own;
    stop(a);
    ASSERT_TRUE(until([&] { return b.main->up.empty(); }));
    EXPECT_EQ(b.main->downs, 1u);
    EXPECT_TRUE(until([&] { return !b.faults.empty(); })) << "it is tried again meanwhile";
    auto& again = make({}, address, own);
    ASSERT_TRUE(until([&] { return b.main->up.size() == 1 && again.main->up.size() == 1; }));
}

TEST_F(mesh_test, a_space_hears_only_of_peers_that_have_it_too) {
    auto& a = make();
    auto& b = make({a.address()});
    ASSERT_TRUE(until([&] { return meshed(1); }));
    auto at_a = std::make_shared<listener>(), at_b = std::make_shared<listener>();
    auto line_a = a.m->open_space("den", io.get_executor(), at_a);
    b.line->send(b.main->peer(a.id()), word_number(1));
    ASSERT_TRUE(until([&] { return a.main->heard.size() == 1; }));
    EXPECT_TRUE(at_a->up.empty());
    auto line_b = b.m->open_space("den", io.get_executor(), at_b);
    ASSERT_TRUE(until([&] { return at_a->up.size() == 1 && at_b->up.size() == 1; }));
    line_b->send(at_b->peer(a.id()), word_number(2));
    ASSERT_TRUE(until([&] { return at_a->heard.size() == 1; }));
    a.m->close_space("den");
    ASSERT_TRUE(until([&] { return at_b->up.empty(); }));
    EXPECT_EQ(b.main->up.size(), 1u);
}

TEST_F(mesh_test, a_space_on_another_thread_hears_and_speaks_there) {
    auto& a = make();
    boost::asio::thread_pool other(1);
    auto there = std::make_shared<listener>();
    auto line = a.m->open_space("far", other.get_executor(), there);
    auto& b = make({a.address()});
    auto near = std::make_shared<listener>();
    auto near_line = b.m->open_space("far", io.get_executor(), near);
    ASSERT_TRUE(until([&] { return near->up.size() == 1; }));
    for (std::uint64_t i = 0; i < 100; ++i) near_line->send(near->peer(a.id()), word_number(i));
    boost::asio::post(other, [&] {
        for (std::uint64_t i = 0; i < 100; ++i) line->send(1, word_number(i));
    });
    ASSERT_TRUE(until([&] { return near->heard.size() == 100; }));
    stop(b);
    stop(a);
    other.join();
    EXPECT_NE(there->thread, std::this_thread::get_id());
    EXPECT_EQ(there->heard.size(), 100u);
    EXPECT_TRUE(there->up.empty());
    line->send(1, word_number(1)); // the mesh is gone: nothing happens
}

TEST_F(mesh_test, a_tool_asks_and_is_no_peer) {
    auto& a = make();
    a.m->on_tool([&](tool_question q) { a.m->answer(q.from, q.id, "{\"asked\":\"" + q.text + "\"}"); });
    std::optional<cluster_key> with = key;
    auto own = identity::make(chance);
    auto work = ask(world, a.address(), own, with, "status");
    EXPECT_EQ(test::run(io, std::move(work)), "{\"asked\":\"status\"}");
    EXPECT_TRUE(a.main->up.empty());
    EXPECT_TRUE(a.m->known().empty());
    ASSERT_TRUE(until([&] { return a.m->links().empty(); }));
}

TEST_F(mesh_test, another_key_makes_no_link_and_both_are_told) {
    auto& a = make();
    auto& b = make({a.address()}, "", {}, cluster_key::make(chance));
    ASSERT_TRUE(until([&] { return !a.faults.empty() && !b.faults.empty(); }));
    EXPECT_NE(b.faults[0].find("wrong_key"), std::string::npos) << b.faults[0];
    EXPECT_TRUE(a.m->links().empty());
}

TEST_F(mesh_test, its_own_address_among_those_to_join_is_left_alone) {
    auto& a = make();
    a.m->learn({node_id{9}, "mistaken", {a.address()}}, peers::source::seed);
    auto& b = make({a.address()});
    auto own = a.address();
    stop(a);
    auto& again = make({own}, own);
    ASSERT_TRUE(until([&] { return again.main->up.size() == 1; }));
    EXPECT_EQ(b.m->links().size(), 1u);
}

TEST_F(mesh_test, what_is_no_message_closes_its_link_and_nothing_else) {
    auto& a = make();
    auto& b = make({a.address()});
    ASSERT_TRUE(until([&] { return meshed(1); }));
    for (std::string bytes :
         {std::string("\x02\x45x", 3), std::string("\xFF\xFF"), std::string(100, '\0'), std::string("\x01")}) {
        link_options terms(clock, chance, identity::make(chance));
        terms.key = key, terms.hello = hello().write();
        auto dialling = dial(net, a.address(), terms);
        auto over = test::run(io, std::move(dialling));
        ASSERT_TRUE(over->queue(bytes));
        auto flushing = over->flush();
        test::run(io, std::move(flushing));
        auto faults = a.faults.size();
        ASSERT_TRUE(until([&] { return a.faults.size() > faults; }));
        ASSERT_TRUE(until([&] { return a.m->links().size() == 1; }));
    }
    EXPECT_NE(a.faults[0].find("kind 69"), std::string::npos) << a.faults[0];
    EXPECT_EQ(a.main->peer(b.id()), a.m->links()[0].number);
}

TEST_F(mesh_test, a_peer_that_reads_nothing_costs_a_bounded_amount) {
    auto& a = make();
    link_options terms(clock, chance, identity::make(chance));
    terms.key = key, terms.hello = hello().write();
    auto dialling = dial(net, a.address(), terms);
    auto over = test::run(io, std::move(dialling));
    session names;
    encoder frame;
    names.write(word::holds{"main", true}, frame);
    auto sending = over->send(frame.view());
    test::run(io, std::move(sending));
    ASSERT_TRUE(until([&] { return a.main->up.size() == 1; }));
    word::state_chunk big{1, "", std::string(100'000, 'x'), "", false};
    std::size_t most = 0;
    for (int i = 0; i < 1000; ++i) {
        a.line->send(a.main->up.begin()->first, word::state_chunk(big));
        io.restart(), io.poll();
        most = std::max(most, a.m->links().at(0).unsent_bytes);
    }
    EXPECT_GT(most, 256u << 10);
    EXPECT_LT(most, 5u << 20);
    ASSERT_FALSE(a.main->congestion.empty());
    EXPECT_TRUE(a.main->congestion.back());
}

TEST_F(mesh_test, stopping_ends_dials_and_handshakes_under_way) {
    auto silent = net.listen(io.get_executor(), "127.0.0.1:0"); // accepts nothing
    auto& a = make({silent->local_address()});
    auto connecting = net.connect(io.get_executor(), a.address());
    auto mute = test::run(io, std::move(connecting));
    io.restart(), io.poll();
    auto begin = std::chrono::steady_clock::now();
    stop(a);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
}

} // namespace
} // namespace dunlin
