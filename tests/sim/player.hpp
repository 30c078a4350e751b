// The object that the tests of the simulator replicate: a field of each type.
#pragma once
#include <dunlin/dunlin.hpp>

namespace clusters {

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::flag online;
};
DUNLIN_OBJECT(player, name, score, friends, bag, online)

} // namespace clusters
