// Cart: a shopping cart that two devices of one customer change at the same time, while they cannot reach each other.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <iostream>

struct cart {
    dunlin::map<std::string, dunlin::counter> items;
    dunlin::latest<std::string> voucher;

    void put(std::string const& item, int n) { items[item] += n; } // two devices put one each: two
    void drop(std::string const& item) { items.erase(item); }      // takes what was seen; what came meanwhile stays
};
DUNLIN_OBJECT(cart, items, voucher)

boost::asio::awaitable<void> shop(dunlin::node& node) {
    auto mine = co_await node.open<cart>("customer 7");
    mine->put("tea", 2), mine->put("cup", 1);
    mine->drop("cup");
    mine->voucher = "SPRING";
    auto order = node.seal();  // the changes so far, as one
    co_await order.saved();    // on disk here, if the node has a file
    for (auto [item, n] : mine->items) std::cout << item << " " << n.value() << "\n";
    co_await node.stop();
}

int main() {
    boost::asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options::from_env()};
    boost::asio::co_spawn(io, shop(node), [](std::exception_ptr e) { if (e) std::rethrow_exception(e); });
    io.run();
}
