// dunlin: the one header that a service includes.
//
//   struct player { dunlin::latest<std::string> name; dunlin::counter score; };
//   DUNLIN_OBJECT(player, name, score)
//
//   auto alice = co_await node.open<player>("alice");     get or create; waits for the world
//   alice->score += 10;                                   plain memory; spreads and is saved by itself
#pragma once
#include "../crdt/bounded_counter.hpp"
#include "../crdt/counter.hpp"
#include "../crdt/disable_wins_flag.hpp"
#include "../crdt/ephemeral.hpp"
#include "../crdt/expiry.hpp"
#include "../crdt/flag.hpp"
#include "../crdt/indexed.hpp"
#include "../crdt/joined.hpp"
#include "../crdt/latest.hpp"
#include "../crdt/map.hpp"
#include "../crdt/maximum.hpp"
#include "../crdt/object.hpp"
#include "../crdt/once.hpp"
#include "../crdt/presence.hpp"
#include "../crdt/set.hpp"
#include "../crdt/siblings.hpp"
#include "node.hpp"
#include "query.hpp"
