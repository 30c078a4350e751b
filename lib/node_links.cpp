#include "node_links.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace dunlin {

namespace {
constexpr std::chrono::milliseconds roster_pause{50}, sponsor_pause{300};
constexpr std::chrono::seconds roster_wait{60}; // twice the longest pause between two dials of a peer

mesh_options options_of(node_body& node) {
    mesh_options o(*node.own());
    o.key = node.key();
    o.name = node.settings().name();
    o.listen = node.settings().listen();
    o.announce = node.settings().announce();
    o.join = node.settings().join();
    return o;
}
std::string hex_of(node_id const& n) { return to_hex({reinterpret_cast<char const*>(n.data()), n.size()}); }
bool read_hex(std::string_view text, node_id& n) {
    if (text.size() != 32) return false;
    auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    for (std::size_t k = 0; k < 16; ++k) {
        int high = digit(text[2 * k]), low = digit(text[2 * k + 1]);
        if (high < 0 || low < 0) return false;
        n[k] = std::uint8_t(high << 4 | low);
    }
    return true;
}
} // namespace

void space_peers::count(std::set<node_id> const& members, bool whole) {
    for (auto& n : counted_)
        if (!members.contains(n)) space_->count(n, false);
    for (auto& n : members)
        if (!counted_.contains(n)) space_->count(n, true);
    counted_ = members;
    if (whole) space_->members_are(members.size());
}

node_links::node_links(node_body& node)
    : node_(node), mesh_(node.seams(), node.executor(), options_of(node)),
      refresh_(node.seams().clock.make_timer(node.executor())) {
    mesh_.on_fault([this](std::string const& address, boost::system::error_code ec, std::string const& text) {
        node_.alarm("link " + address + ": " + (text.empty() ? ec.message() : text));
    });
    mesh_.on_peer([this](known_peer const& p, bool up) {
        if (up)
            linked_[p.node] = p;
        else
            linked_.erase(p.node);
        if (up) refresh_soon(sponsor_pause);
    });
    mesh_.on_tool([this](tool_question q) { on_tool(q); });
}

void node_links::start() {
    started_ = node_.seams().clock.steady_now();
    mesh_.start();
    roster_space_ = node_.spaces().at("dunlin");
    roster_type_ = &roster_space_->type_of(struct_of<roster_entry>(), true);
    for (auto& [name, s] : node_.spaces()) open_space(s);
    roster_space_->on_entry = [this, alive = std::weak_ptr(alive_)](bool) {
        if (alive.lock()) refresh_soon(roster_pause);
    };
    refresh_soon(std::chrono::milliseconds(0));
}

void node_links::open_space(std::shared_ptr<space_body> const& s) {
    auto& l = lines_[s->name()];
    if (l.side) return;
    l.side = std::make_shared<space_peers>(s);
    auto others = members_;
    others.erase(node_.id());
    boost::asio::post(s->executor(), [side = l.side, others, whole = whole_] { side->count(others, whole); });
    l.out = mesh_.open_space(s->name(), s->executor(), l.side);
}

void node_links::send(std::string const& space, peer_number to, space_message&& said) {
    if (auto it = lines_.find(space); it != lines_.end() && it->second.out) it->second.out->send(to, std::move(said));
}

void node_links::when_idle(std::string const& space, peer_number p) {
    if (auto it = lines_.find(space); it != lines_.end() && it->second.out) it->second.out->when_idle(p);
}

void node_links::refresh_soon(std::chrono::milliseconds delay) {
    if (refreshing_ || leaving_) return;
    refreshing_ = true;
    refresh_->expires_after(delay, [this] {
        refreshing_ = false;
        refresh();
    });
}

void node_links::refresh() {
    roster_space_->each_object(roster_type_, -1, 1024,
                               [this, alive = std::weak_ptr(alive_)](auto ec, auto const& objects, auto, bool) {
                                   if (!alive.lock() || leaving_) return;
                                   if (ec) return roster_unreadable(ec);
                                   read_roster(objects);
                                   sponsor();
                               });
}

/// It has lost entries, and waits for the state of whoever dials. Who joins nobody has only its roster to say who else
/// there is: when nobody has dialled for long it goes on with what there is.
void node_links::roster_unreadable(boost::system::error_code ec) {
    if (!std::exchange(told_unreadable_, true)) node_.alarm("the roster cannot be read: " + ec.message());
    if (node_.alone() && linked_.empty() && node_.seams().clock.steady_now() - started_ >= roster_wait)
        boost::asio::post(roster_space_->executor(), [s = roster_space_] { s->nobody_else(); });
    refresh_soon(std::chrono::seconds(1));
}

void node_links::read_roster(std::vector<std::shared_ptr<object>> const& objects) {
    std::vector<known_peer> now;
    std::set<node_id> members;
    for (auto& o : objects) {
        node_id id;
        if (!o->live() || !read_hex(o->key, id)) continue;
        auto& e = *static_cast<roster_entry const*>(static_cast<object const&>(*o).value());
        known_peer p;
        p.node = id, p.name = e.name.value();
        if (!e.address.value().empty()) p.addresses.push_back(e.address.value());
        if (e.member) members.insert(id);
        if (id != node_.id()) mesh_.learn(p, peers::source::roster);
        now.push_back(std::move(p));
    }
    for (auto& before : roster_)
        if (std::none_of(now.begin(), now.end(), [&](auto& p) { return p.node == before.node; }))
            mesh_.forget(before.node);
    roster_ = std::move(now);
    members_ = std::move(members);
    whole_ = node_.alone() || roster_space_->synced();
    if (!whole_) refresh_soon(std::chrono::seconds(1));
    if (roster_.size() == 1 && roster_.front().node == node_.id() && linked_.empty())
        for (auto& [name, s] : node_.spaces()) boost::asio::post(s->executor(), [s = s] { s->nobody_else(); });
    for (auto& [name, l] : lines_) {
        auto others = members_;
        others.erase(node_.id());
        boost::asio::post(l.side->executor(), [side = l.side, others, whole = whole_] { side->count(others, whole); });
    }
}

/// Whoever is linked and not yet in the roster is added; and what the roster says of us is kept true.
void node_links::sponsor() {
    if (!roster_space_->synced()) return;
    auto in_roster = [&](node_id const& n) {
        return std::find_if(roster_.begin(), roster_.end(), [&](auto& p) { return p.node == n; });
    };
    known_peer self;
    self.node = node_.id(), self.name = node_.settings().name();
    if (!address().empty()) self.addresses.push_back(told_address());
    auto mine = in_roster(self.node);
    bool known = mine != roster_.end();
    // A newcomer is added by its sponsor; it adds itself only if there is none, or to say where it is.
    if (!known ? node_.alone()
               : mine->addresses != self.addresses || mine->name != self.name ||
                     members_.contains(self.node) != node_.has_file())
        write(self, node_.has_file());
    if (!known && !node_.alone()) return refresh_soon(std::chrono::milliseconds(1000));
    for (auto& [n, p] : linked_)
        if (in_roster(n) == roster_.end()) write(p, false);
}

void node_links::write(known_peer const& who, bool member) {
    if (roster_space_->overloaded()) { // a change would throw; more of them wait only if there are few
        if (roster_space_->waits() < 256)
            roster_space_->wait_ready([this, alive = std::weak_ptr(alive_), who, member](boost::system::error_code ec) {
                if (!ec && alive.lock()) write(who, member);
            });
        return;
    }
    roster_space_->open(*roster_type_, hex_of(who.node),
                        [alive = std::weak_ptr(alive_), space = roster_space_, who, member](boost::system::error_code ec, object* o) {
                            if (ec) return;
                            if (alive.lock() && !space->stopped() && !space->overloaded()) {
                                auto& e = *static_cast<roster_entry*>(o->value());
                                auto address = who.addresses.empty() ? std::string() : who.addresses.front();
                                if (e.name.value() != who.name || !o->live()) e.name = who.name;
                                if (e.address.value() != address) e.address = address;
                                if (member && !e.member) e.member = true;
                            }
                            space->unpin(*o);
                        });
}

void node_links::stop(std::function<void()> done) {
    leaving_ = true;
    refresh_->cancel();
    roster_space_->on_entry = nullptr;
    auto gone = [this, done] {
        boost::asio::co_spawn(node_.executor(), mesh_.stop(), [done](std::exception_ptr) { done(); });
    };
    if (node_.has_file()) return gone();
    roster_space_->open(*roster_type_, hex_of(node_.id()),
                        [alive = std::weak_ptr(alive_), space = roster_space_, gone](boost::system::error_code ec, object* o) {
                            if (!ec) {
                                if (o->live() && !space->stopped() && !space->overloaded()) space->erase(*o), space->seal();
                                space->unpin(*o);
                            }
                            if (alive.lock()) gone();
                        });
}

void node_links::on_tool(tool_question const& q) {
    auto reply = [this, alive = std::weak_ptr(alive_), from = q.from, id = q.id](std::string json) {
        if (alive.lock()) mesh_.answer(from, id, std::move(json));
    };
    if (q.text == "status") return node_.status_with_digests(reply);
    if (q.text == "schema") return node_.schema(reply);
    encoder wanted;
    decoder in(q.text);
    if (in.bytes() == "get") {
        std::string type(in.bytes()), key(in.bytes());
        if (in.finished()) return node_.get(type, key, reply);
    }
    boost::json::object no;
    no["error"] = "this node does not know that question";
    reply(boost::json::serialize(no));
}

// ---- the node's side

/// Of a node that is linked to nobody: the roster in its file may name others, who are to witness what it moves.
void node_body::count_members() {
    auto& roster = *spaces_.at("dunlin");
    auto counted = [this, weak = weak_from_this()](auto ec, auto const& objects, auto, bool) {
        auto self = weak.lock();
        if (!self || ec || stopped_) return;
        std::size_t others = 0;
        for (auto& o : objects) {
            auto& e = *static_cast<roster_entry const*>(static_cast<object const&>(*o).value());
            others += o->live() && e.member && o->key != hex_of(id_);
        }
        members_ = others;
        for (auto& [name, s] : spaces_) boost::asio::post(s->executor(), [s = s, others] { s->members_are(others); });
    };
    roster.each_object(&roster.type_of(struct_of<roster_entry>(), true), -1, 1024, counted);
}

void node_body::start_links() {
    if (stopped_) return;
    if (options_.listen().empty() && options_.join().empty()) {
        for (auto& [name, s] : spaces_) boost::asio::post(s->executor(), [s = s] { s->nobody_else(); });
        count_members();
        return finish_start({});
    }
    try {
        links_ = std::make_unique<node_links>(*this);
        links_->keep(machine_);
        links_->start();
    } catch (boost::system::system_error const& e) {
        failure_ = e.what();
        links_.reset();
        return finish_start(e.code());
    }
    finish_start({});
}

void node_body::stop_links(std::function<void()> done) {
    if (links_)
        links_->stop(std::move(done));
    else
        done();
}
void node_body::drop_links() { links_.reset(); }
void node_body::send(std::string const& space, peer_number to, space_message&& said) {
    if (links_) links_->send(space, to, std::move(said));
}
void node_body::when_idle(std::string const& space, peer_number p) {
    if (links_) links_->when_idle(space, p);
}
void node_body::link_space(std::shared_ptr<space_body> const& s) {
    if (links_) links_->open_space(s);
}
std::string node_body::address() const { return links_ ? links_->address() : std::string(); }

} // namespace dunlin
