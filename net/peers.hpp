// Peers: which addresses to dial, and which of two links to the same node stays. A machine without clock or wire.
//
//   seed (of `join`)     never forgotten                       due --dial--> dialing --linked--> at rest while linked
//   roster               until the roster forgets it            ^                |
//   learned (gossip)     goes after ten failures in a row       +--- back-off ---+ failed
//
// Every node is linked to every other up to `links` of them, with one link a pair. When two nodes dial each other at
// the same time, the one dialled by the lower node id stays, on both sides. A second link that comes long after the
// first means that the other has lost the first: the newer stays. Back-off doubles from 0.1 s to 30 s and is drawn
// from its upper half, so that nodes that lost the same peer do not come back together.
// State   at most `addresses` entries of some 200 bytes.
// Threads one executor. Time and chance are arguments. Errors: none; what is refused is ignored.
#pragma once
#include "message.hpp"
#include "seams.hpp"
#include <map>

namespace dunlin {

using link_number = std::uint32_t;

struct peers_bounds {
    std::chrono::milliseconds back_off_least{100};
    std::chrono::milliseconds back_off_most{30'000};
    std::chrono::seconds race{10}; // within it two links of a pair have been dialled at the same time
    std::size_t links = 32;        // dialled up to here; twice as many are accepted
    std::size_t dials = 8;         // at a time
    std::size_t addresses = 1024;
    unsigned failures = 10; // of a learned address
};

class peers {
public:
    enum class source : std::uint8_t { learned, roster, seed };
    enum class verdict : std::uint8_t { keep, drop };

    explicit peers(node_id const& own, peers_bounds bounds = {}) : own_(own), bounds_(bounds) {}

    void seed(std::string const& address);
    /// True if something about the node was new.
    bool learn(known_peer const& p, source from = source::learned);
    /// The roster has removed the node.
    void forget(node_id const& n);
    /// Our own, never dialled.
    void own_address(std::string const& address);

    /// The next address to dial now, with it marked as being dialled. Empty: none.
    std::string next_dial(std::chrono::nanoseconds now);
    /// When next_dial may have one; max() when never.
    std::chrono::nanoseconds next_due(std::chrono::nanoseconds now) const;
    /// `hopeless`: it is ourselves, or another program.
    void failed(std::string const& address, std::chrono::nanoseconds now, chance& random, bool hopeless = false);

    /// A link has been made; by us to `dialled`, or to us if that is empty. With `keep`, an older link to the same
    /// node may have to go: `replaced`.
    verdict linked(link_number link, node_id const& node, std::string const& dialled, std::chrono::nanoseconds now,
                   std::optional<link_number>& replaced);
    /// The link has ended; if it was dialled, it will be again.
    void unlinked(link_number link, std::chrono::nanoseconds now, chance& random);

    std::size_t links() const { return links_.size(); }
    bool is_linked(node_id const& n) const { return links_.contains(n); }
    /// What others may be told: nodes known by id and address.
    std::vector<known_peer> known() const;

private:
    struct place { // an address
        source from = source::learned;
        std::optional<node_id> node;
        bool dialling = false, own = false;
        unsigned failures = 0;
        std::chrono::nanoseconds due{};
    };
    struct pair {
        link_number link = 0;
        bool by_us = false;
        std::chrono::nanoseconds since{};
    };
    node_id own_;
    peers_bounds bounds_;
    std::map<std::string, place> places_;
    std::map<node_id, std::string> names_;
    std::map<node_id, pair> links_;
    std::size_t dialling_ = 0;
    std::string last_dialled_;

    place* at(std::string const& address, source from);
    std::vector<node_id> dialled() const;
    bool wanted(place const& p, std::vector<node_id> const& dialled) const;
    bool preferred(pair const& p, node_id const& other) const { return p.by_us == (own_ < other); }
    void rest(place& p, std::chrono::nanoseconds now, chance& random) const;
};

} // namespace dunlin
