// Leases: which runs of nodes are there, so that what they have announced (crdt/presence.hpp) is gone with them.
//
//   dunlin.runs "runs"   writer -> expiry        one object a space; a run writes its own line alone
//
// A run has a lease once it has announced something: for a minute and a half, renewed every 20 seconds, so that it holds on
// every node whose clock differs by less than a minute. stop() ends it. What was announced by a run of which there is no line,
// or not yet, goes by its own stamp. This run is there for itself until it stops. Lines of runs that are over go after a day.
// A line that says more than any clock could is believed for two minutes and a half.
// Bounds   one change of about 60 bytes in 20 seconds a node and space, whatever it has announced.
// Cost     of(): O(1); a change of the object: O(runs that have announced something within a day).
// Errors   a node that cannot write (overloaded) loses its lease: what it announced is hidden from others until it can.
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
    static constexpr std::chrono::milliseconds length{90'000}, renewed{20'000};

    explicit leases(space_body& space);
    ~leases();

    /// Its object, pinned: from now on it is known who is there.
    void start(object& runs);
    /// This run announces something, by the running turn.
    void announced();
    struct news {
        std::int64_t ended_ms = never_ms; // somebody is there for less long than was said: only until then
        bool came_back = false;
    };
    /// Its object has changed.
    news changed();
    std::int64_t of(std::uint32_t slot, std::uint64_t stamp) const;
    /// Of this run, by the running turn: all that it has announced is gone.
    void end();
    void stop();
    bool is(object const& o) const { return &o == runs_; }

private:
    space_body& space_;
    object* runs_ = nullptr;
    std::vector<std::int64_t> until_ms_; // by slot; 0: none
    std::unique_ptr<timer> timer_;
    bool wanted_ = false, ended_ = false, ringing_ = false, stopped_ = false;

    runs_object& lines() const { return *static_cast<runs_object*>(runs_->value()); }
    std::int64_t line(std::uint32_t slot) const { return slot < until_ms_.size() ? until_ms_[slot] : 0; }
    void renew();
    void ring_in(std::chrono::milliseconds in);
};

} // namespace dunlin
