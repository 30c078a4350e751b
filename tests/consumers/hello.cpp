// What a stranger's project does with dunlin: one header, one object, one node, and the program ends.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <iostream>
#if __has_include(<dunlin/lib/sim/cluster.hpp>)
#include <dunlin/lib/sim/cluster.hpp>
#endif
#if __has_include(<dunlin/lib/sim/check_type.hpp>)
#include <dunlin/lib/sim/check_type.hpp>
#endif

struct visits {
    dunlin::counter total;
    dunlin::latest<std::string> last;
};
DUNLIN_OBJECT(visits, total, last)

boost::asio::awaitable<void> greet(dunlin::node& node) {
    dunlin::ref<visits> today = co_await node.open<visits>("today");
    today->total += 1;
    today->last = "hello";
    dunlin::receipt change = node.seal();
    co_await change.saved();
    std::string last = today->last;
    std::cout << last << " " << long(today->total) << "\n";
    co_await node.stop();
}

int main() {
    boost::asio::io_context io;
    dunlin::node node{io.get_executor()};
    int status = 1;
    boost::asio::co_spawn(io, greet(node), [&](std::exception_ptr failed) { status = failed ? 1 : 0; });
    io.run();
    return status;
}
