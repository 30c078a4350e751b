// Golden bytes of keys, handshakes, sealed frames and refusals: with the same chance both sides say the same again.
#include "../golden/golden.hpp"
#include "../net/link_fixture.hpp"
#include <dunlin/net/message.hpp>

using namespace dunlin;
using namespace dunlin::test;

namespace {

struct golden_link : link_test {
    std::string from_caller, from_answerer;

    golden_link() {
        hello h;
        h.name = "caller", h.addresses = {"127.0.0.1:7700"};
        caller.hello = h.write();
        h.name = "answerer", h.addresses.clear();
        answerer.hello = h.write();
    }
    void listen() {
        between.near->on_write = [this](std::string& bytes) { from_caller += bytes; };
        between.far->on_write = [this](std::string& bytes) { from_answerer += bytes; };
    }
    /// Greets, says one message each way, and goodbye.
    void talk() {
        listen();
        greet_well();
        run(io, called.link->send("a message"));
        EXPECT_EQ(received(*answered.link), "a message");
        run(io, answered.link->send("its answer"));
        EXPECT_EQ(received(*called.link), "its answer");
        run(io, called.link->close());
        EXPECT_EQ(receive_error(*answered.link), net_error::closed);
    }
    /// The held bytes of one side, as if it were there, are understood by the other.
    void play(std::string const& bytes, link_options const& other, bool other_calls) {
        again();
        caller_chance.seed = 1, answerer_chance.seed = 2;
        (void)identity::make(caller_chance), (void)identity::make(answerer_chance);
        auto& mine = other_calls ? between.far : between.near;
        run(io, mine->write(boost::asio::buffer(bytes)));
        if (other_calls)
            start(initiate(std::move(between.near), other), called);
        else
            start(respond(std::move(between.far), std::make_shared<link_options>(other)), answered);
        io.restart(), io.poll();
        auto& got = other_calls ? called : answered;
        ASSERT_TRUE(got.link) << got.what;
        EXPECT_EQ(received(*got.link), other_calls ? "its answer" : "a message");
        hello h;
        EXPECT_TRUE(h.read(got.link->remote_hello()));
        EXPECT_EQ(h.name, other_calls ? "answerer" : "caller");
        mine.reset();
    }
};

} // namespace

TEST_F(golden_link, has_keys_handshakes_and_refusals) {
    golden::file file("links.txt");
    auto text = file.bytes("cluster_key", key.text(), "a cluster key's line, its bytes");
    EXPECT_EQ(cluster_key::parse(text).text(), text);
    auto own = file.bytes("identity", caller.own.text(), "an identity's line, its bytes");
    EXPECT_EQ(identity::parse(own).text(), own);
    file.bytes("node_id", view_of(caller.own.node()), "its node id");
    auto said = file.bytes("hello", caller.hello, "hello of a node with one address");
    hello h;
    ASSERT_TRUE(h.read(said));
    EXPECT_EQ(golden::hex(h.write()), golden::hex(said));

    talk();
    auto calling = file.bytes("sealed_caller", from_caller, "first frame, message 3, a message, goodbye");
    auto answering = file.bytes("sealed_answerer", from_answerer, "message 2, ready, a message");
    play(calling, answerer, false);
    play(answering, caller, true);

    again();
    from_caller.clear(), from_answerer.clear();
    caller.key.reset(), answerer.key.reset();
    talk();
    calling = file.bytes("clear_caller", from_caller, "without a key: first frame, introduction, a message, goodbye");
    answering = file.bytes("clear_answerer", from_answerer, "without a key: introduction, a message");
    play(calling, answerer, false);
    play(answering, caller, true);

    auto other = cluster_key::make(cluster_chance);
    using keys = std::optional<cluster_key>;
    for (auto& [name, called_with, answered_with, error] :
         {std::tuple("refusal_2", keys(), keys(key), net_error::key_missing),
          std::tuple("refusal_3", keys(key), keys(), net_error::peer_without_key),
          std::tuple("refusal_4", keys(key), keys(other), net_error::wrong_key)}) {
        again();
        from_answerer.clear();
        caller.key = called_with, answerer.key = answered_with;
        listen();
        greet();
        EXPECT_FALSE(called.link);
        EXPECT_EQ(called.error, error) << called.what;
        file.bytes(name, from_answerer, "what the caller reads as " + std::string(net_error_name(error)));
    }
}
