// Replication: one space's side of the gossip, as a machine without a clock, a coroutine or a wire.
//
//   digest ->                      <- same                           equal: nothing more
//   digest ->                      <- heads (complete, reply)  heads ->    both know what they lack
//   pull (have) ->                 <- range (basis, more) ...        until nothing is left
//   pull (have) ->                 <- behind;  state_pull ->  <- state_chunk ...    below the floor of its log
//   push ->                                                          a sealed entry, at once, to every link
//   durable ->                                                       after a commit, to who sent it and who wrote it
//
// Pull is the truth, push is the speed: once a second +-20 % a uniformly chosen peer is asked; whatever was lost,
// reordered or dropped is repaired by that alone. A slow or dead peer has no queue: it misses pushes and pulls later.
// What is not yet applicable waits in a buffer that may be dropped. A space whose disk is behind takes in nothing and
// pulls nothing; it pulls when it has room. Every answer names its basis, so that a late one
// does no harm. After remote entries the other peers hear of new heads once in 100 ms at most.
// A writer's two heads of one number heard on links of the writer's own node prove a clone: the writer is frozen.
// Another hash from a third party is an alarm, is not applied, and freezes nobody.
//
// State   a few numbers for each writer and linked peer; 1 MiB of waiting entries; nothing for who is away but
//         its durable vector.
// Threads the space's executor. Time and chance are arguments. Errors: events among the actions.
// Source  Scuttlebutt reconciliation (van Renesse 2008), with pushes; delta dependencies; `docs/wire.md`.
#pragma once
#include "heads.hpp"
#include "message.hpp"
#include "seams.hpp"
#include <map>
#include <set>

namespace dunlin {

using peer_number = std::uint32_t;
using instant = std::chrono::nanoseconds; // of clock::steady_now()

struct log_range {
    std::vector<series> list; // above what was asked for, in an order in which they apply
    bool more = false;
    bool behind = false; // the log no longer reaches back that far
};

struct state_piece {
    std::uint64_t token = 0; // of this transfer, chosen by the space at its first piece; not 0
    std::string bytes;       // at most wire_bounds::chunk_max
    std::string next;
    bool last = false;
    bool gone = false; // the token is not known any more: begin again
};

/// What the machine needs of a space; lib implements it. Requests are answered by the machine's function of the same
/// name, now or later, once each.
class replica {
public:
    virtual ~replica() = default;
    /// Its numbers are the applied vector.
    virtual heads const& known() const = 0;
    /// By slot, what is on disk; all zero without a file.
    virtual version_vector const& durable() const = 0;
    /// By slot, the greatest number that the log no longer has.
    virtual version_vector const& floor() const = 0;
    /// An entry that connects. It is applied and known() has advanced, or, if false, nothing has changed and its
    /// bytes are refused. May call sealed().
    virtual bool absorb(entry const& e, entry_body const& body) = 0;
    /// No more entries are to come in, as its disk is behind. room() is called when that is over.
    virtual bool full() const = 0;

    virtual void read_log(std::uint64_t request, id_vector const& have, std::size_t budget_bytes) = 0;  // log_read
    virtual void read_state(std::uint64_t request, std::uint64_t token, std::string const& cursor) = 0; // state_read
    /// Nobody asks for more of the transfer.
    virtual void drop_state(std::uint64_t) {}
    virtual void stage_state(std::string bytes) = 0;                                                    // state_staged
    /// All is staged: join it, with its heads.
    virtual void finish_state() = 0; // state_finished
    virtual void abandon_state() = 0;
};

namespace event {
struct send {
    peer_number to = 0;
    space_message said;
};
struct fork_proved {
    writer_id writer{};
    std::uint64_t number = 0;
};
struct fork_alarm {
    peer_number from = 0;
    writer_id writer{};
    std::uint64_t number = 0;
};
struct entry_refused {
    peer_number from = 0;
    writer_id writer{};
    std::uint64_t number = 0;
};
/// Somebody tells entries of our own present writer that we have not made: a lie, or a clone of this process.
struct own_forged {
    peer_number from = 0;
    std::uint64_t number = 0;
};
/// copies() may answer more than before.
struct copies_changed {};
/// The space knows what the cluster knew.
struct synced {};
} // namespace event
using action = std::variant<event::send, event::fork_proved, event::fork_alarm, event::entry_refused,
                            event::own_forged, event::copies_changed, event::synced>;
using actions = std::vector<action>;

struct replication_bounds {
    std::chrono::milliseconds pull_every{1000};
    std::chrono::milliseconds heads_every{100};
    std::chrono::milliseconds pull_deadline{5000};
    std::chrono::milliseconds state_deadline{10000}; // for one chunk
    std::chrono::milliseconds state_alone{30'000}; // so long a state that comes keeps entries from being pulled
    std::size_t state_bytes_s = 4096;              // slower than that it may be given up for another
    std::size_t range_bytes = 256 << 10;
    std::size_t buffer_entries = 1024;
    std::size_t buffer_bytes = 1 << 20;
    std::size_t held_bytes = 64 << 10;
    std::size_t peers = 256;
    std::size_t holders = 1024; // nodes whose durable vectors are kept
    std::size_t reads = 8;      // of the log, for peers, at a time
    std::size_t transfers = 3;  // of the state, for peers; one is kept for counted members
};

class replication {
    struct peer {
        peer_number number = 0;
        node_id node{};
        bool counted = false, congested = false, synced = false;
        bool heard = false;                  // a complete list of its heads
        bool unknown_more = false;           // it claims entries of a writer that has no slot here
        instant catching_until{};            // it pulls; pushes would only fill its buffer
        instant not_before{};                // it was busy
        version_vector known, offered, told; // it has; it was told that we have; it was told that we have on disk
        std::uint64_t durable_sent = 0;
        std::vector<std::uint32_t> owed; // slots whose durable numbers it waits for
        std::vector<bool> owes;
        std::set<writer_id> suspects; // their entries from it do not fit ours
        std::uint64_t reading = 0;    // our request for its pull
        word::pull pulled;
        unsigned fruitless = 0; // pulls in a row that brought nothing
    };
    struct holder {
        bool counted = false;
        id_vector unknown_runs; // of our own node: on its disk, and without a slot here when it told
        version_vector durable;
    };
    struct pull_under_way {
        peer_number from = 0;
        std::uint64_t ticket = 0; // 0: none
        instant deadline{};
    };
    struct transfer_in {
        bool active = false, staging = false, last = false;
        peer_number from = 0;
        std::uint64_t token = 0;
        std::string next;
        instant deadline{}, begun{};
        std::uint64_t bytes = 0;
    };
    struct transfer_out {
        peer_number to = 0;
        std::uint64_t request = 0; // 0: the peer's turn
        std::uint64_t token = 0;   // that the space gave it
        std::string cursor;        // what it asked for
        instant deadline{};
    };
    struct absorbed {
        std::size_t applied = 0;
        bool stuck = false;
    };

    replica& space_;
    writer_id own_;
    replication_bounds bounds_;
    std::vector<peer> peers_;
    std::map<node_id, holder> holders_;
    pull_under_way pull_;
    transfer_in in_;
    std::vector<transfer_out> serving_;
    std::map<std::pair<writer_id, std::uint64_t>, series> waiting_;
    std::size_t waiting_entries_ = 0, waiting_bytes_ = 0;
    instant waiting_since_{};
    std::vector<series> held_; // own entries that may not be sent before they are durable
    std::size_t held_bytes_ = 0;
    std::uint64_t held_until_ = 0, shown_own_ = 0;
    std::set<writer_id> frozen_;
    std::map<std::uint32_t, std::uint64_t> vouched_, accused_; // by slot: numbers heard on the writer's own link
    instant now_{};                                            // as last told
    instant next_pull_{}, heads_due_{}, first_peer_{};
    bool started_ = false, synced_ = false, wanted_ = false;
    std::uint64_t last_request_ = 0;
    entry_body body_;

public:
    replication(replica& space, writer_id const& own, replication_bounds bounds = {});
    replication(replication const&) = delete;
    replication& operator=(replication const&) = delete;

    void peer_up(peer_number p, node_id const& node, bool counted, instant now, actions& out);
    void peer_down(peer_number p, instant now, actions& out);
    /// The roster's word on a node, linked or not: do its durable copies count?
    void count(node_id const& node, bool counted, actions& out);
    /// The link holds more unsent bytes than it should, or no longer does.
    void congested(peer_number p, bool is, instant now, actions& out);

    void receive(peer_number from, space_message&& said, instant now, actions& out);
    void tick(instant now, chance& random, actions& out);
    /// When tick() wants to be called.
    instant next_tick() const;

    /// An entry of our own, already applied. With `hold` it, and what follows, is sent only once it is durable.
    void sealed(series const& s, bool hold, actions& out);
    /// The durable vector has grown.
    void committed(actions& out);
    /// The space is not full any more: what was left out meanwhile is pulled.
    void room(instant now, actions& out);

    void log_read(std::uint64_t request, log_range&& read, instant now, actions& out);
    void state_read(std::uint64_t request, state_piece&& piece, instant now, actions& out);
    void state_staged(bool ok, instant now, actions& out);
    void state_finished(bool ok, instant now, actions& out);

    /// Counted nodes other than this one that have the entry on disk.
    std::size_t copies(writer_id const& w, std::uint64_t number) const;
    /// Of them those that had our entry on disk and, of our node's other runs, no more than this: (slot, number) each,
    /// all others none. Each tells its vector as it is at one moment, as far as it concerns one node.
    std::size_t witnesses(std::uint64_t number, std::vector<std::pair<std::uint32_t, std::uint64_t>> const& seen) const;
    /// Links to counted nodes.
    std::size_t counted_links() const;
    bool is_linked(node_id const& node) const;
    /// Everybody linked has told all that it has since, and we have it.
    bool is_level() const;
    /// Linked to this node, or counted: what is given to it is not given to who is gone.
    bool is_near(node_id const& node) const;
    bool synced() const { return synced_; }
    /// Of a node that has nobody to ask.
    void set_synced() { synced_ = true; }
    /// Something here is unknown (a damaged row): the next peer that is asked is asked for its state.
    void want_state() { wanted_ = true; }
    /// Nothing of the writer is applied any more.
    void freeze(writer_id const& w) { frozen_.insert(w); }
    bool frozen(writer_id const& w) const { return frozen_.contains(w); }
    std::size_t waiting_entries() const { return waiting_entries_; }
    std::size_t waiting_bytes() const { return waiting_bytes_; }

private:
    peer* find(peer_number p);
    std::uint32_t own_slot() const { return space_.known().table().find(own_); }
    bool holding() const { return held_until_ != 0; }
    std::uint64_t shown(std::uint32_t slot) const;
    bool lacks(peer const& p) const; // do we lack what it has?
    id_vector have(peer const& p) const;
    bool avoided(peer const& p, writer_id const& w) const { return frozen_.contains(w) || p.suspects.contains(w); }
    peer& best_to_pull_from(peer& p);
    bool drags() const;

    void say(peer const& p, space_message said, actions& out) {
        out.emplace_back(event::send{p.number, std::move(said)});
    }
    void tell_heads(peer& p, bool complete, bool reply, actions& out, bool answer = false);
    void offer(peer& p, actions& out);
    void flush_heads(instant now, actions& out);
    void ask(instant now, chance& random, actions& out);
    void pull_from(peer& p, instant now, actions& out);
    void take_state_from(peer& p, instant now, actions& out);
    void check_synced(peer const& p, actions& out);
    void become_synced(actions& out);
    void expire(instant now, actions& out);
    void raise_durable(peer& p, id_vector const& v, bool exactly, actions& out);
    std::uint64_t durable_digest() const;
    std::uint64_t durable_digest(peer const& p) const;
    std::uint64_t durable_digest(version_vector const& v) const;

    // Words: replication_serve.cpp has pulls, replication_absorb.cpp what brings a state.
    void on(peer& p, word::digest& w, instant now, actions& out);
    void on(peer& p, word::same& w, instant now, actions& out);
    void on(peer& p, word::heads& w, instant now, actions& out);
    void on(peer& p, word::pull& w, instant now, actions& out);
    void on(peer& p, word::range& w, instant now, actions& out);
    void on(peer& p, word::push& w, instant now, actions& out);
    void on(peer& p, word::durable& w, instant now, actions& out);
    void on(peer& p, word::behind& w, instant now, actions& out);
    void on(peer& p, word::state_pull& w, instant now, actions& out);
    void on(peer& p, word::state_chunk& w, instant now, actions& out);
    void on(peer& p, word::busy& w, instant now, actions& out);
    void on(peer&, word::cells&, instant, actions&) {} // not of this machine: cells.hpp
    void abandon(instant now);
    void end_transfer(transfer_out& t);

    // replication_absorb.cpp: what comes in
    absorbed take(peer* from, series const& s, instant now, actions& out);
    absorbed walk(peer* from, series const& s, instant now, actions& out);
    void wait(series&& s, instant now);
    void drain(instant now, actions& out);
    void forget_waiting();
    void applied(peer* from, std::uint32_t slot, entry const& e, instant now);
    void owe(peer& p, std::uint32_t slot);
    void vouch(peer const& p, std::uint32_t slot, writer_id const& w, std::uint64_t number, actions& out);
    void conflict(peer* p, writer_id const& w, std::uint64_t number, actions& out);
    void prove(writer_id const& w, std::uint64_t number, actions& out);
    void refuse(peer* p, writer_id const& w, std::uint64_t number, actions& out);
};

} // namespace dunlin
