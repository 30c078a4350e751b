// Rig: the replicas of lib/sim/rig.hpp, with all types.
#pragma once
#include <dunlin/crdt/bounded_counter.hpp>
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/disable_wins_flag.hpp>
#include <dunlin/crdt/ephemeral.hpp>
#include <dunlin/crdt/expiry.hpp>
#include <dunlin/crdt/flag.hpp>
#include <dunlin/crdt/joined.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/maximum.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/once.hpp>
#include <dunlin/crdt/presence.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/crdt/siblings.hpp>
#include <dunlin/lib/sim/rig.hpp>

namespace rig {
using namespace dunlin::sim::rig;
using dunlin::writer_id;
} // namespace rig
