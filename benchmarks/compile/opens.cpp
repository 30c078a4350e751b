// The unit that owns the node: it opens both objects, changes them together, waits and watches.
#include <boost/asio/awaitable.hpp>
#include <dunlin/dunlin.hpp>

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT(player, name, score, friends, bag)

struct guild {
    dunlin::latest<std::string> motto;
    dunlin::set<std::string> members;
    dunlin::map<std::string, dunlin::counter> treasury;
};
DUNLIN_OBJECT(guild, motto, members, treasury)

boost::asio::awaitable<void> join(dunlin::node& node, std::string who) {
    dunlin::ref<player> p = co_await node.open<player>(who);
    dunlin::ref<guild> g = co_await node.open<guild>("knights");
    dunlin::receipt joined = node.atomic([&] {
        g->members.insert(who);
        g->treasury["gold"] += 5;
        p->score += 1;
    });
    co_await joined.saved();
    co_await joined.copies(2, std::chrono::seconds(1));
    auto changes = g.watch();
    auto change = co_await changes.next();
    if (change && change->touched(&guild::members)) p->bag["badge"] += 1;
}
