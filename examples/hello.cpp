// Hello: state that is still there at the next start, and on every node that joins.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <iostream>

struct greeting {
    dunlin::counter visits;
};
DUNLIN_OBJECT(greeting, visits)

boost::asio::awaitable<void> hello(dunlin::node& node) {
    auto world = co_await node.open<greeting>("world"); // get or create
    world->visits += 1;                                 // plain memory: spreads and is saved by itself
    std::cout << "hello, visit " << world->visits.value() << "\n";
    co_await node.stop();
}

int main() {
    boost::asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options::from_env()}; // DUNLIN_DATA=hello.db keeps it
    boost::asio::co_spawn(io, hello(node), [](std::exception_ptr e) { if (e) std::rethrow_exception(e); });
    io.run();
}
