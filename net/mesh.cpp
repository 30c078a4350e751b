#include "mesh_links.hpp"

namespace dunlin {

struct space_line::inside {
    std::weak_ptr<mesh::inside> core;
    any_io_executor mesh_executor;
    std::string name;
    bool here;
};

space_line::space_line(std::unique_ptr<inside> in) : in_(std::move(in)) {}
space_line::~space_line() = default;

void space_line::send(peer_number to, space_message&& said) {
    if (in_->here) {
        if (auto m = in_->core.lock()) m->say(to, in_->name, said);
        return;
    }
    boost::asio::post(in_->mesh_executor, [w = in_->core, name = in_->name, to, said = std::move(said)] {
        if (auto m = w.lock()) m->say(to, name, said);
    });
}

void space_line::when_idle(peer_number p) {
    if (in_->here) {
        if (auto m = in_->core.lock()) m->when_idle(p, in_->name);
        return;
    }
    boost::asio::post(in_->mesh_executor, [w = in_->core, name = in_->name, p] {
        if (auto m = w.lock()) m->when_idle(p, name);
    });
}

mesh::mesh(seams const& world, any_io_executor executor, mesh_options options)
    : in_(std::make_shared<inside>(world, executor, std::move(options))) {}

mesh::~mesh() { in_->drop(); }
void mesh::keep(std::shared_ptr<void const> what) { in_->owner_of_world = std::move(what); }

void mesh::start() {
    auto& in = *in_;
    for (auto& a : in.options.join) in.whom.seed((parse_address(a), a));
    if (!in.options.listen.empty()) {
        if (!in.options.key && !is_loopback(in.options.listen))
            fail(net_error::insecure_not_loopback, in.options.listen);
        in.door = in.world.transport.listen(in.executor, in.options.listen);
        in.whom.own_address(in.door->local_address());
        if (!in.options.announce.empty()) in.whom.own_address((parse_address(in.options.announce), in.options.announce));
        in.answering = std::make_shared<link_options const>(in.link_terms());
        in.go(in.meetings, in.accept_all());
    }
    in.poke();
}

/// Not a member's coroutine: that would look for the mesh when it begins, and that may be later.
awaitable<void> mesh::stop() { return stop(in_); }

awaitable<void> mesh::stop(std::shared_ptr<inside> in) {
    in->stopping = true;
    in->dial_again->cancel(), in->accept_again->cancel();
    if (in->door) in->door->close();
    in->meetings.cancel();
    auto all = in->links;
    for (auto& [number, c] : all) in->end(c);
    all.clear();
    co_await in->meetings.join();
    co_await in->talks.join();
}

std::string mesh::local_address() const { return in_->door ? in_->door->local_address() : std::string(); }

std::unique_ptr<space_line> mesh::open_space(std::string name, any_io_executor executor,
                                             std::shared_ptr<space_side> side) {
    auto& in = *in_;
    entrance s{executor, std::move(side), executor == in.executor};
    for (auto& [number, c] : in.links) {
        if (c->said.tool) continue;
        in.say(*c, word::holds{name, true});
        if (c->theirs.contains(name))
            s.tell([n = number, node = c->over->remote_node()](space_side& x) { x.peer_up(n, node); }, true);
    }
    auto line = std::make_unique<space_line::inside>(space_line::inside{in_, in.executor, name, s.here});
    in.spaces.insert_or_assign(std::move(name), std::move(s));
    return std::unique_ptr<space_line>(new space_line(std::move(line)));
}

void mesh::close_space(std::string const& name) {
    if (!in_->spaces.erase(name)) return;
    for (auto& [number, c] : in_->links)
        if (!c->said.tool) in_->say(*c, word::holds{name, false});
}

void mesh::learn(known_peer const& p, peers::source from) {
    in_->whom.learn(p, from);
    in_->poke();
}
void mesh::forget(node_id const& n) { in_->whom.forget(n); }
std::vector<known_peer> mesh::known() const { return in_->whom.known(); }

std::vector<link_status> mesh::links() const {
    std::vector<link_status> list;
    for (auto& [number, c] : in_->links) {
        link_status s;
        s.number = number, s.node = c->over->remote_node(), s.name = c->said.name, s.address = c->address;
        s.dialled = c->dialled, s.tool = c->said.tool, s.secure = c->over->secure(), s.congested = c->congested;
        s.unsent_bytes = c->over->queued_bytes(), s.messages_in = c->messages_in, s.messages_out = c->messages_out;
        list.push_back(std::move(s));
    }
    return list;
}

void mesh::on_tool(std::function<void(tool_question)> heard) { in_->heard_tool = std::move(heard); }
void mesh::on_peer(std::function<void(known_peer const&, bool)> heard) { in_->heard_peer = std::move(heard); }
void mesh::on_fault(std::function<void(std::string const&, error_code, std::string const&)> heard) {
    in_->heard_fault = std::move(heard);
}
void mesh::answer(link_number to, std::uint64_t id, std::string json) {
    auto it = in_->links.find(to);
    if (it == in_->links.end() || !it->second->said.tool) return;
    if (it->second->questions) --it->second->questions;
    if (json.size() > wire_bounds::json_max) json = R"({"error":"the answer is above 4 MiB"})";
    in_->say(*it->second, word::tool_answer{id, std::move(json)});
}

awaitable<std::string> ask(seams const& world, std::string address, identity own, std::optional<cluster_key> key,
                           std::string text) {
    link_options terms(world.clock, world.chance, own);
    hello h;
    h.tool = true;
    terms.key = key, terms.hello = h.write(), terms.message_max_bytes = wire_bounds::frame_max;
    auto over = co_await dial(world.transport, address, terms);
    session names;
    encoder frame;
    message question = word::tool_request{1, text};
    names.write(question, frame);
    co_await over->send(frame.view());
    std::string bytes, answer;
    for (bool answered = false; !answered;) {
        co_await over->receive(bytes);
        decoder in(bytes);
        message said;
        refusal why;
        while (names.read(in, said, why))
            if (auto a = std::get_if<word::tool_answer>(&said); a && a->id == 1)
                answer = std::move(a->json), answered = true;
        if (why) fail(net_error::damaged, why.text());
    }
    co_await over->close();
    co_return answer;
}

} // namespace dunlin
