// What most units of a service are: two objects and the methods that change them.
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/set.hpp>

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;

    void pick_up(std::string const& item, int n) {
        bag[item] += n;
        score += 10 * n;
    }
    void meet(player const& other) { friends.insert(other.name.value()); }
};
DUNLIN_OBJECT(player, name, score, friends, bag)

struct guild {
    dunlin::latest<std::string> motto;
    dunlin::set<std::string> members;
    dunlin::map<std::string, dunlin::counter> treasury;

    void join(player& p, std::string const& who) {
        members.insert(who);
        p.pick_up("badge", 1);
        treasury["gold"] += 5;
    }
};
DUNLIN_OBJECT(guild, motto, members, treasury)

void welcome(guild& g, player& p) { g.join(p, p.name.value()); }
