// Wrapper `play`: the fragment stands in a coroutine that has a node in memory and two open players.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <iostream>

using namespace std::chrono_literals;

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::flag ready;

    void pick_up(std::string const& item, int n) {
        bag[item] += n;
        score += 10 * n;
    }
};
DUNLIN_OBJECT(player, name, score, friends, bag, ready)

boost::asio::awaitable<void> play(dunlin::node& node) {
    dunlin::ref<player> alice = co_await node.open<player>("alice");
    dunlin::ref<player> bob = co_await node.open<player>("bob");
    {
        //@fragment
    }
    co_await node.stop();
}

int main() {
    boost::asio::io_context io;
    dunlin::node node{io.get_executor()};
    std::exception_ptr failed;
    boost::asio::co_spawn(io, play(node), [&](std::exception_ptr e) { failed = e; });
    io.run();
    if (failed) std::rethrow_exception(failed);
}
