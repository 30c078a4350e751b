// Leases: which runs of nodes are there, so that what they have announced (crdt/presence.hpp) is gone with them.
//
//   dunlin.runs "runs"   writer -> expiry        one object a space; a run writes its own line alone
//
// A run has a lease once it has announced something: half a minute, renewed every ten seconds. stop() ends it. A run without
// a line has none. Lines of runs that are over go after a day, so long after what they announced that nobody looks for them.
// Bounds   one change of about 60 bytes in ten seconds a node and space, whatever it has announced.
// Cost     of(): O(1); a change of the object: O(runs that have announced something within a day).
// Errors   a node that cannot write (overloaded) loses its lease: what it announced is hidden until it can.
#pragma once
#include "../crdt/expiry.hpp"
#include "../crdt/map.hpp"
#include "../crdt/object.hpp"
#include "../net/seams.hpp"
#include "object.hpp"

namespace dunlin {

struct runs_object {
    map<std::string, expiry> leases;
};
DUNLIN_OBJECT_AS("dunlin.runs", runs_object, leases)

class leases {
public:
    static constexpr char const* type_name = "dunlin.runs";
    static constexpr char const* key = "runs";
    static constexpr std::chrono::seconds length{30}, renewed{10};

    explicit leases(space_body& space);
    ~leases();

    /// Its object, pinned: from now on it is known who is there.
    void start(object& runs);
    /// This run has announced something, by the running turn.
    void announced();
    /// Its object has changed. True if somebody is there for less long than was said before.
    bool changed();
    std::int64_t of(std::uint32_t slot) const { return slot < until_ms_.size() ? until_ms_[slot] : 0; }
    /// Of this run, by the running turn: all that it has announced is gone.
    void end();
    void stop();
    bool is(object const& o) const { return &o == runs_; }

private:
    space_body& space_;
    object* runs_ = nullptr;
    std::vector<std::int64_t> until_ms_; // by slot; 0: none
    std::unique_ptr<timer> timer_;
    bool has_announced_ = false, ringing_ = false, stopped_ = false;

    runs_object& lines() const { return *static_cast<runs_object*>(runs_->value()); }
    void renew();
    void ring_in(std::chrono::milliseconds in);
};

} // namespace dunlin
