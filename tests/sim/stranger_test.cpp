// Strangers at the door of whole nodes: whatever they say, nodes keep their links, take new ones, and converge.
#include "enemy.hpp"

using namespace clusters;

namespace {
using boost::system::error_code;
using boost::system::system_error;
using dunlin::stream;

/// Two honest nodes, and a host without anything of theirs.
struct besieged {
    cluster c{2, seed(431)};
    dunlin::sim::process& process = c.time().make_process("stranger");
    dunlin::transport& host = c.wire().attach("stranger");

    besieged() { c.advance(2s); } // they are linked
    ~besieged() { c.time().kill(process); }
    awaitable<void> connect(dunlin::transport& from, std::string to, std::unique_ptr<stream>& into) {
        into = co_await from.connect(process.get_executor(), to);
    }
    std::unique_ptr<stream> connected(dunlin::transport& from, std::string to = "n1:1") {
        std::unique_ptr<stream> s;
        c.time().run(process.get_executor(), connect(from, to, s));
        return s;
    }
    static awaitable<void> send(stream& s, std::string bytes) {
        try {
            auto all = boost::asio::buffer(std::as_const(bytes));
            co_await s.write(all);
        } catch (system_error const&) {} // it hung up on us
    }
    static awaitable<void> hear(stream& s, std::string& all, bool& ended) {
        char space[4096];
        try {
            for (;;) {
                auto room = boost::asio::buffer(space);
                auto n = co_await s.read_some(room);
                all.append(space, n);
            }
        } catch (system_error const&) { ended = true; }
    }
    /// Says this to node 1; what it answers before it hangs up. Everything within the handshake's time.
    std::string answer_to(std::string const& said) {
        auto s = connected(host);
        std::string heard;
        bool ended = false;
        process.spawn(hear(*s, heard, ended));
        process.spawn(send(*s, said));
        c.advance(6s);
        EXPECT_TRUE(ended) << "nobody stays half open";
        streams.push_back(std::move(s));
        return heard;
    }
    std::vector<std::unique_ptr<stream>> streams;

    std::size_t links(std::size_t i) {
        auto text = c.node(i).status();
        std::size_t n = 0;
        for (auto at = text.find("unsent_bytes"); at != text.npos; at = text.find("unsent_bytes", at + 1)) ++n;
        return n;
    }
    void go_on() {
        auto before = score(c, 0, "after");
        for (std::size_t i : {0, 1}) change(c, i, "after", [](player& p) { p.score += 1; });
        ASSERT_SETTLES(c);
        for (std::size_t i : {0, 1}) EXPECT_EQ(score(c, i, "after"), before + 2);
    }
};

/// A stream that somebody listens to.
class tapped final : public stream {
    std::unique_ptr<stream> under_;
    std::string& said_;

public:
    tapped(std::unique_ptr<stream> under, std::string& said) : under_(std::move(under)), said_(said) {}
    awaitable<std::size_t> read_some(boost::asio::mutable_buffer into) override {
        auto n = co_await under_->read_some(into);
        co_return n;
    }
    awaitable<void> write(boost::asio::const_buffer bytes) override {
        said_.append(static_cast<char const*>(bytes.data()), bytes.size());
        co_await under_->write(bytes);
    }
    void close() override { under_->close(); }
    std::string remote_address() const override { return under_->remote_address(); }
};
awaitable<void> greet(std::unique_ptr<stream> s, dunlin::link_options o, std::unique_ptr<dunlin::link>& into, error_code& why) {
    try {
        into = co_await dunlin::initiate(std::move(s), o);
    } catch (system_error const& e) { why = e.code(); }
}
} // namespace

TEST(stranger, that_speaks_nonsense_is_hung_up_on_and_nobody_notices) {
    besieged b;
    auto links = b.links(1);
    for (std::string said : {std::string("GET / HTTP/1.1\r\n\r\n") + std::string(100, 'x'), std::string(100'000, '\xFF'), std::string(), std::string("dnln"),
                             std::string("dnln\x01", 5), std::string("dnln\x02", 5) + std::string(68, 'k'), std::string("dnln\x01", 5) + std::string(68, 'k'),
                             std::string("dnln\x01\0\0\0\0\xFF\xFF", 11)}) {
        EXPECT_LE(b.answer_to(said).size(), 3u) << said.substr(0, 9);
        EXPECT_EQ(b.links(1), links);
    }
    b.go_on();
}

TEST(stranger, that_repeats_what_a_member_said_gets_no_link) {
    besieged b;
    enemy member(b.c); // is honest here, and overheard
    std::string said;
    std::unique_ptr<dunlin::link> made;
    error_code why;
    auto under = std::make_unique<tapped>(b.connected(member.host()), said);
    member.spawn(greet(std::move(under), member.terms(), made, why));
    b.c.advance(1s);
    ASSERT_TRUE(made);
    made->drop();
    b.c.advance(5s);
    auto links = b.links(1);
    ASSERT_GT(said.size(), 73u);
    EXPECT_GT(b.answer_to(said).size(), 3u) << "the first frame is right: it is worth an answer";
    EXPECT_EQ(b.links(1), links);
    for (std::size_t cut = 0; cut < said.size(); cut += 13) b.answer_to(said.substr(0, cut));
    for (std::size_t at = 0; at < said.size(); at += 17) {
        auto changed = said;
        changed[at] ^= 4;
        b.answer_to(changed);
    }
    EXPECT_EQ(b.links(1), links);
    b.go_on();
}

TEST(stranger, with_another_key_or_none_gets_no_link_and_is_told_so) {
    besieged b;
    enemy other(b.c);
    auto links = b.links(1);
    for (bool has_key : {true, false}) {
        auto terms = other.terms();
        if (has_key)
            terms.key = dunlin::cluster_key::make(other.chance());
        std::unique_ptr<dunlin::link> made;
        error_code why;
        if (!has_key) { // by hand: without a key nobody dials beyond loopback
            EXPECT_EQ(b.answer_to(std::string("dnln\x01\0\0\0\0", 9) + std::string("\0\x14\x01\x01\0", 5) + std::string(17, 'i')).size(), 3u);
            continue;
        }
        other.spawn(greet(b.connected(other.host()), terms, made, why));
        b.c.advance(6s);
        EXPECT_FALSE(made);
        EXPECT_EQ(why, dunlin::net_error::wrong_key) << why.message();
        EXPECT_TRUE(told(b.c, 1, "enemy"));
    }
    EXPECT_EQ(b.links(1), links);
    b.go_on();
}

// A mirror at an address that a node dials: it hears its own words.
TEST(stranger, that_reflects_a_nodes_words_makes_no_link) {
    cluster c(2, seed(432), [](std::size_t i, dunlin::options& o) {
        if (i == 1) o.join("n0:1,mirror:1");
    }, false);
    auto& process = c.time().make_process("mirror");
    auto& host = c.wire().attach("mirror");
    auto door = host.listen(process.get_executor(), "mirror:1");
    std::size_t dialled = 0;
    std::vector<std::unique_ptr<stream>> kept;
    process.spawn([](dunlin::acceptor& d, std::size_t& n, std::vector<std::unique_ptr<stream>>& all, dunlin::sim::process& p) -> awaitable<void> {
        for (;;) {
            auto s = co_await d.accept();
            ++n;
            all.push_back(std::move(s));
            p.spawn([](stream& one) -> awaitable<void> {
                char space[4096];
                try {
                    for (;;) {
                        auto room = boost::asio::buffer(space);
                        auto got = co_await one.read_some(room);
                        auto same = boost::asio::buffer(static_cast<char const*>(space), got);
                        co_await one.write(same);
                    }
                } catch (system_error const&) {}
            }(*all.back()));
        }
    }(*door, dialled, kept, process));
    c.restart(0), c.restart(1);
    c.advance(100s);
    EXPECT_GT(dialled, 1u);
    EXPECT_LT(dialled, 40u) << "and is not dialled without a pause";
    for (std::size_t i : {0, 1}) change(c, i, "p", [](player& p) { p.score += 1; });
    EXPECT_SETTLES(c);
    EXPECT_EQ(score(c, 0, "p"), 2);
    EXPECT_EQ(c.node(1).status().find("mirror"), std::string::npos) << "no link, no member";
    c.time().kill(process);
}

// Silent sockets from many hosts, opened again as soon as they are closed: whoever has the key comes in all the same.
TEST(heavy_stranger, that_opens_sockets_without_end_keeps_no_member_out) {
    besieged b;
    constexpr int hosts = 40, sockets_of_a_host = 25;
    std::size_t opened = 0;
    std::vector<dunlin::transport*> from;
    for (int h = 0; h < hosts; ++h) from.push_back(&b.c.wire().attach("slow" + std::to_string(h)));
    auto hold = [](besieged& all, dunlin::transport& at, std::size_t& n) -> awaitable<void> {
        for (;;) {
            try {
                auto s = co_await at.connect(all.process.get_executor(), "n1:1");
                ++n;
                std::string one = "d";
                auto bytes = boost::asio::buffer(std::as_const(one));
                co_await s->write(bytes);
                char sink;
                auto room = boost::asio::buffer(&sink, 1);
                co_await s->read_some(room);
            } catch (system_error const&) {}
            co_await all.c.time().sleep(200ms);
        }
    };
    for (int k = 0; k < hosts * sockets_of_a_host; ++k) b.process.spawn(hold(b, *from[std::size_t(k % hosts)], opened));
    b.c.advance(2s);
    b.go_on();
    for (std::size_t i : {1, 0}) { // who is flooded, and who comes back to one that is
        b.c.crash(i);
        b.c.restart(i);
        b.c.advance(10s);
        EXPECT_EQ(b.links(i), 1u) << "within ten seconds";
        b.go_on();
    }
    auto so_far = opened;
    b.c.advance(10s);
    EXPECT_GT(opened, so_far + 10 * 200);
    EXPECT_LT(opened, so_far + 10 * 300) << "a node looks at 250 a second, and goes on with its work";
    EXPECT_LT(b.c.alarms(1).size(), 2000u) << "and nobody is told of each";
}
