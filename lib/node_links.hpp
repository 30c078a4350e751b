// Node links: the node's mesh, the sides of its spaces towards it, and the roster. Private to lib.
#pragma once
#include "../net/mesh.hpp"
#include "node_body.hpp"
#include "roster.hpp"
#include <set>

namespace dunlin {

/// What one space hears of its peers, on its own executor.
class space_peers final : public space_side, public std::enable_shared_from_this<space_peers> {
    std::shared_ptr<space_body> space_;
    std::set<node_id> counted_;

public:
    explicit space_peers(std::shared_ptr<space_body> s) : space_(std::move(s)) {}
    void peer_up(peer_number p, node_id const& node) override { space_->peer_up(p, node, counted_.contains(node)); }
    void peer_down(peer_number p) override { space_->peer_down(p); }
    void receive(peer_number from, space_message&& said) override { space_->receive(from, std::move(said)); }
    void congested(peer_number p, bool is) override { space_->congested(p, is); }
    void idle(peer_number p) override { space_->idle(p); }
    /// The roster's members, told anew. `whole`: it has been read, and is not behind.
    void count(std::set<node_id> const& members, bool whole);
    any_io_executor executor() const { return space_->executor(); }
};

class node_links {
public:
    node_links(node_body& node);

    void start();
    void open_space(std::shared_ptr<space_body> const& s);
    void send(std::string const& space, peer_number to, space_message&& said);
    void when_idle(std::string const& space, peer_number p);
    void stop(std::function<void()> done);
    void keep(std::shared_ptr<void const> what) { mesh_.keep(std::move(what)); }
    std::string address() const { return mesh_.local_address(); }
    std::string told_address() const {
        auto& a = node_.settings().announce();
        return a.empty() ? address() : a;
    }
    std::vector<link_status> links() const { return mesh_.links(); }
    std::vector<known_peer> roster() const { return roster_; }
    bool is_member(node_id const& n) const { return members_.contains(n); }

private:
    node_body& node_;
    mesh mesh_;
    struct line {
        std::shared_ptr<space_peers> side;
        std::unique_ptr<space_line> out;
    };
    std::map<std::string, line> lines_;
    std::shared_ptr<space_body> roster_space_;
    object_type* roster_type_ = nullptr;
    std::vector<known_peer> roster_;
    std::set<node_id> members_;
    std::map<node_id, known_peer> linked_;
    std::unique_ptr<timer> refresh_;
    std::chrono::nanoseconds started_{};
    bool refreshing_ = false, leaving_ = false, told_unreadable_ = false;
    bool whole_ = false; // the roster was read, and is not behind
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

    void refresh_soon(std::chrono::milliseconds delay);
    void refresh();
    void roster_unreadable(boost::system::error_code ec);
    void read_roster(std::vector<std::shared_ptr<object>> const& objects);
    void sponsor();
    void write(known_peer const& who, bool member);
    void on_tool(tool_question const& q);
};

} // namespace dunlin
