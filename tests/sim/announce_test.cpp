// A node behind a relay: it listens in one place and is told to others by another.
#include "cluster_fixture.hpp"

using namespace clusters;

TEST(announce, is_the_address_that_others_are_told_and_dial) {
    cluster c(3, seed(61), [](std::size_t i, dunlin::options& o) {
        if (i == 1) o.announce("door:9");
        if (i == 2) o.join("n0:1"); // of node 1 it hears from the roster alone
    });
    auto& host = c.wire().attach("door");
    auto& process = c.time().make_process("door");
    auto door = host.listen(process.get_executor(), "door:9");
    int knocks = 0;
    process.spawn([](dunlin::acceptor& a, int& n) -> awaitable<void> {
        for (;;) {
            auto caller = co_await a.accept(); // and lets it fall: a relay that is out of order
            ++n;
        }
    }(*door, knocks));
    c.wire().block("n1", "n2"); // so that node 2 must dial
    c.advance(30s);
    for (std::size_t i : {0, 1, 2}) {
        auto status = c.node(i).status();
        EXPECT_NE(status.find("door:9"), std::string::npos) << status;
        EXPECT_EQ(status.find("\"address\":\"n1:1\"}"), std::string::npos) << status;
    }
    EXPECT_EQ(c.node(1).address(), "n1:1");
    EXPECT_GT(knocks, 0);
    c.time().kill(process);
    ASSERT_SETTLES(c); // through node 0
}
