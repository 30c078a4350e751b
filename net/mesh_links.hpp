// length: the life of a link is one class
// Inside of the mesh: its links' lives, from handshake to goodbye. Included by mesh.cpp alone.
//
//   dial_one, answer_one ──▶ adopt ──▶ introduce ──▶ run (reads) and flush (writes) ──▶ forget ──▶ farewell
#pragma once
#include "../crdt/mutant.hpp"
#include "address.hpp"
#include "mesh.hpp"
#include "scope.hpp"
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace dunlin {

using boost::system::error_code;
using boost::system::system_error;
using std::chrono::nanoseconds;

struct mesh::connection {
    link_number number = 0;
    std::unique_ptr<link> over;
    session names;
    hello said;
    std::string address;
    bool dialled = false, congested = false, flushing = false, ended = false;
    encoder frame;
    std::string buffer;
    std::unique_ptr<timer> watch;
    nanoseconds heard{};
    std::set<std::string, std::less<>> theirs; // spaces that it has
    std::vector<std::string> wait_for_idle;    // spaces that may go on when nothing is unsent, each in its turn
    bool one_goes_on = false;                  // one of them was told, and may be about to say something
    std::uint64_t messages_in = 0, messages_out = 0;
    std::size_t questions = 0; // of a tool, not yet answered
};

struct mesh::entrance {
    any_io_executor executor;
    std::shared_ptr<space_side> side;
    bool here = false;                                                          // on the mesh's executor
    std::shared_ptr<std::size_t> on_the_way = std::make_shared<std::size_t>(0); // posted and not yet heard

    /// In the order in which it is called; at once where that is possible.
    template <class F> void tell(F f, bool later = false) {
        if (here && !later && !*on_the_way) return f(*side);
        if (here) ++*on_the_way;
        boost::asio::post(executor, [s = side, f = std::move(f), way = here ? on_the_way : nullptr]() mutable {
            if (way) --*way;
            f(*s);
        });
    }
};

class mesh::inside : public std::enable_shared_from_this<mesh::inside> {
    using connected = std::shared_ptr<connection>;

public:
    seams world;
    any_io_executor executor;
    mesh_options options;
    peers whom;
    gate strangers;
    scope meetings, talks; // handshakes, which stop() cancels; links, which it closes
    std::unique_ptr<acceptor> door;
    std::unique_ptr<timer> dial_again, accept_again;
    std::map<link_number, connected> links;
    std::map<std::string, entrance, std::less<>> spaces;
    std::shared_ptr<void const> owner_of_world; // what the seams point into
    std::shared_ptr<link_options const> answering; // what all who come are told; made when the door opens
    link_number last_link = 0;
    nanoseconds strange_again{};
    bool stopping = false;
    std::function<void(tool_question)> heard_tool;
    std::function<void(known_peer const&, bool)> heard_peer;
    std::function<void(std::string const&, error_code, std::string const&)> heard_fault;

    inside(seams const& w, any_io_executor e, mesh_options o)
        : world(w), executor(e), options(std::move(o)), whom(options.own.node(), options.peers),
          strangers(options.strangers), meetings(e), talks(e), dial_again(w.clock.make_timer(e)),
          accept_again(w.clock.make_timer(e)) {}

    nanoseconds now() const { return world.clock.steady_now(); }

    /// What runs keeps this: a mesh may be destroyed without stop(), as by a crash, and its executor run on.
    void go(scope& owner, awaitable<void> work) { owner.spawn(std::move(work), shared_from_this()); }
    /// At once, without a word to anybody.
    void drop() {
        stopping = true;
        heard_tool = nullptr, heard_peer = nullptr, heard_fault = nullptr;
        dial_again->cancel(), accept_again->cancel();
        if (door) door->close();
        spaces.clear();
        meetings.cancel();
        for (auto& [number, c] : links) c->watch->cancel(), c->over->drop();
    }

    hello own_hello() const {
        hello h;
        h.name = options.name.substr(0, wire_bounds::name_max / 2);
        if (door) h.addresses.push_back(options.announce.empty() ? door->local_address() : options.announce);
        return h;
    }
    link_options link_terms() const {
        link_options o(world.clock, world.chance, options.own);
        o.key = options.key, o.hello = own_hello().write();
        o.message_max_bytes = wire_bounds::frame_max, o.queue_max_bytes = 2 * wire_bounds::frame_max;
        return o;
    }
    void fault(std::string const& address, error_code e, std::string const& text) {
        if (heard_fault && !stopping) heard_fault(address, e, text);
    }

    // ---- dialling and accepting

    void poke() {
        if (stopping) return;
        for (auto a = whom.next_dial(now()); !a.empty(); a = whom.next_dial(now())) go(meetings, dial_one(a));
        auto due = whom.next_due(now());
        if (due == nanoseconds::max()) return dial_again->cancel();
        dial_again->expires_after(std::max(due - now(), nanoseconds(1)), [this] { poke(); });
    }

    awaitable<void> dial_one(std::string address) {
        std::unique_ptr<link> made;
        error_code failed;
        std::string text;
        try {
            auto terms = link_terms();
            made = co_await dial(world.transport, address, terms);
        } catch (...) { std::tie(failed, text) = caught_error(); }
        if (stopping) co_return;
        if (made) {
            adopt(std::move(made), address);
        } else if (failed == net_error::self) {
            std::optional<link_number> none;
            whom.linked(0, options.own.node(), address, now(), none);
        } else {
            whom.failed(address, now(), world.chance,
                        failed == net_error::not_dunlin || failed == net_error::wrong_key);
            fault(address, failed, text);
        }
        if (mutant("handshake_dials_no_more_after_an_abort") && failed == boost::asio::error::operation_aborted) co_return;
        poke();
    }

    awaitable<void> accept_all() {
        auto again = strangers.comes_after(now());
        for (; !stopping && !again.count(); again = std::max(again, strangers.comes_after(now()))) {
            std::unique_ptr<stream> came;
            try {
                came = co_await door->accept();
            } catch (...) {
                auto [failed, text] = caught_error(); // out of descriptors, most likely
                again = std::chrono::milliseconds(100);
                fault(door->local_address(), failed, text);
            }
            if (stopping || !came) continue;
            auto pass = strangers.enter(host_of(came->remote_address()), [s = came.get()] { s->close(); });
            if (pass) go(meetings, answer_one(std::move(came), std::move(*pass)));
        }
        if (again.count() && !stopping && !mutant("handshake_accepts_no_more_after_an_error"))
            accept_again->expires_after(again, [this] { go(meetings, accept_all()); });
    }

    /// Strangers may fail as often as they like; who reads of it does not read faster.
    void strange(std::string const& address, error_code failed, std::string const& text) {
        if (now() < strange_again) return;
        strange_again = now() + std::chrono::milliseconds(50);
        fault(address, failed, text);
    }

    awaitable<void> answer_one(std::unique_ptr<stream> came, gate::pass pass) {
        std::unique_ptr<link> made;
        auto address = came->remote_address();
        try {
            auto admit = [this, &pass] { return pass.shows_key(now()); };
            made = co_await respond(std::move(came), answering, admit);
        } catch (...) {
            auto [failed, text] = caught_error();
            if (!pass.put_out()) strange(address, failed, text);
        }
        if (made && !stopping) adopt(std::move(made), {});
        (void)pass;
    }

    // ---- a link's life

    void adopt(std::unique_ptr<link> made, std::string const& dialled) {
        auto c = std::make_shared<connection>();
        c->number = ++last_link, c->over = std::move(made), c->dialled = !dialled.empty(), c->heard = now();
        c->address = dialled.empty() ? c->over->remote_address() : dialled;
        bool keep = c->said.read(c->over->remote_hello());
        if (keep && c->said.tool) {
            auto tools = std::count_if(links.begin(), links.end(), [](auto& l) { return l.second->said.tool; });
            keep = std::size_t(tools) < options.tools;
        } else if (keep) {
            std::optional<link_number> replaced;
            auto verdict = whom.linked(c->number, c->over->remote_node(), dialled, now(), replaced);
            keep = verdict == peers::verdict::keep;
            if (replaced)
                if (auto it = links.find(*replaced); it != links.end()) end(it->second);
        }
        if (!keep) return go(talks, farewell(c));
        links.emplace(c->number, c);
        c->watch = world.clock.make_timer(executor);
        watch(c);
        if (!c->said.tool) introduce(*c);
        go(talks, run(c));
    }

    void introduce(connection& c) {
        for (auto& [name, s] : spaces) say(c, word::holds{name, true});
        known_peer other{c.over->remote_node(), c.said.name, c.said.addresses};
        auto fresh = learn(other, c.over->remote_address());
        if (auto all = whom.known(); !all.empty()) say(c, word::peers{std::move(all)});
        if (fresh)
            for (auto& [number, l] : links)
                if (number != c.number && !l->said.tool) say(*l, word::peers{{other}});
        if (heard_peer) heard_peer(other, true);
    }

    /// An address that only means "all of mine" means the one it is reached at.
    bool learn(known_peer& p, std::string const& reached_at) {
        for (auto& a : p.addresses) {
            try {
                auto parts = parse_address(a);
                if (parts.host == "0.0.0.0" || parts.host == "::") a = address_text(host_of(reached_at), parts.port);
            } catch (system_error const&) {
                a.clear(); // learn() drops it
            }
        }
        return whom.learn(p);
    }

    /// Silent for long: a ping; for longer: closed.
    void watch(connected const& c) {
        auto every = nanoseconds(options.ask_after) / 3;
        c->watch->expires_after(every, [this, w = std::weak_ptr<connection>(c)] {
            auto l = w.lock();
            if (!l || l->ended) return;
            auto silent = now() - l->heard;
            if (silent >= options.close_after) {
                fault(l->address, net_error::timed_out, "silent");
                return l->over->drop();
            }
            if (silent >= options.ask_after) say(*l, word::ping{l->messages_in});
            watch(l);
        });
    }

    awaitable<void> run(connected c) {
        refusal why;
        for (bool goes_on = true; goes_on;) {
            try {
                co_await c->over->receive(c->buffer);
            } catch (...) {
                auto [failed, text] = caught_error();
                goes_on = false;
                if (failed != net_error::closed && failed != boost::asio::error::operation_aborted)
                    fault(c->address, failed, text);
            }
            goes_on = goes_on && hear(*c, why); // not above: what fails inside of a space is no error of a link
        }
        if (why) {
            fault(c->address, net_error::damaged, why.text());
            say(*c, word::close{word::reason::refused, why.text()});
        }
        forget(*c);
        co_await farewell(c);
    }

    awaitable<void> farewell(connected c) {
        try {
            co_await c->over->close();
        } catch (...) { caught_error(); } // it is closed, as it should be
        c->over->drop();
    }

    /// From our side: the reader ends when the link does.
    void end(connected c) { // a copy: what is given may lie in the map
        forget(*c);
        go(talks, farewell(c));
    }

    void forget(connection& c) {
        if (std::exchange(c.ended, true)) return;
        c.watch->cancel();
        links.erase(c.number);
        for (auto& name : c.theirs)
            if (auto s = spaces.find(name); s != spaces.end())
                s->second.tell([n = c.number](space_side& x) { x.peer_down(n); });
        if (c.said.tool) return;
        auto linked_otherwise = [&](auto& l) { return l.second->over->remote_node() == c.over->remote_node(); };
        whom.unlinked(c.number, now(), world.chance);
        if (heard_peer && std::none_of(links.begin(), links.end(), linked_otherwise))
            heard_peer({c.over->remote_node(), c.said.name, c.said.addresses}, false);
        poke();
    }

    // ---- hearing

    bool hear(connection& c, refusal& why) {
        c.heard = now();
        decoder in(c.buffer);
        message said;
        while (c.names.read(in, said, why)) {
            ++c.messages_in;
            bool goes_on = std::visit([&](auto& w) { return on(c, w); }, said);
            if (!goes_on || c.ended) return false;
        }
        return !why;
    }

    bool on(connection& c, in_space& w) {
        auto s = spaces.find(w.space);
        if (s == spaces.end() || !c.theirs.contains(w.space)) return true; // closed here meanwhile
        s->second.tell(
            [n = c.number, said = std::move(w.said)](space_side& x) mutable { x.receive(n, std::move(said)); });
        return true;
    }
    bool on(connection& c, word::holds& w) {
        if (c.said.tool) return true;
        auto s = spaces.find(w.space);
        if (!w.here) {
            if (c.theirs.erase(w.space) && s != spaces.end())
                s->second.tell([n = c.number](space_side& x) { x.peer_down(n); });
            return true;
        }
        if (c.theirs.size() >= wire_bounds::spaces_max || !c.theirs.insert(w.space).second) return true;
        if (s != spaces.end())
            s->second.tell([n = c.number, node = c.over->remote_node()](space_side& x) { x.peer_up(n, node); });
        return true;
    }
    bool on(connection& c, word::ping& w) { return say(c, word::pong{w.token}), true; }
    bool on(connection&, word::pong&) { return true; }
    bool on(connection& c, word::close& w) {
        if (w.reason == word::reason::refused) fault(c.address, net_error::refused, w.text);
        return false;
    }
    bool on(connection& c, word::peers& w) {
        if (c.said.tool) return true;
        for (auto& p : w.list) learn(p, c.over->remote_address());
        poke();
        return true;
    }
    bool on(connection& c, word::tool_request& w) {
        if (!c.said.tool || !heard_tool) return true;
        if (++c.questions > options.questions)
            return say(c, word::close{word::reason::too_many, "too many questions at a time"}), false;
        heard_tool({c.number, w.id, std::move(w.text)});
        return true;
    }
    bool on(connection&, word::tool_answer&) { return true; }

    // ---- saying

    void say(connection& c, message const& said) {
        if (c.ended && !std::holds_alternative<word::close>(said)) return;
        c.frame.clear();
        c.names.write(said, c.frame);
        queue(c);
    }
    void say(link_number to, std::string_view space, space_message const& said) {
        auto it = links.find(to);
        if (it == links.end()) return;
        auto& c = *it->second;
        // What is not kept nobody pulls; there is one such message a space at a time.
        bool pulled = !std::holds_alternative<word::cells>(said);
        if (pulled && c.over->queued_bytes() > options.queue_bytes) return; // it pulls when it can
        c.frame.clear();
        c.names.write(space, said, c.frame);
        queue(c);
    }
    void queue(connection& c) {
        ++c.messages_out;
        if (!c.over->queue(c.frame.view())) return c.over->drop(); // names may have been lost with it
        if (!c.congested && c.over->queued_bytes() > options.congested_bytes) congest(c, true);
        if (c.flushing) return;
        auto it = links.find(c.number);
        if (it == links.end()) return; // what is said last goes with the goodbye
        c.flushing = true;
        go(talks, flush(it->second));
    }
    /// Later: the space may be in the middle of something.
    void when_idle(link_number to, std::string const& name) {
        auto it = links.find(to);
        auto s = spaces.find(name);
        if (it == links.end() || s == spaces.end()) return;
        auto& line = it->second->wait_for_idle;
        if (std::find(line.begin(), line.end(), name) == line.end()) line.push_back(name);
        let_one_go_on(*it->second);
    }
    /// What one says is sent before the next is asked: many that are busy do not fill the queue, and all have their turn.
    void let_one_go_on(connection& c) {
        while (!c.flushing && !c.one_goes_on && !c.wait_for_idle.empty()) {
            auto s = spaces.find(c.wait_for_idle.front());
            c.wait_for_idle.erase(c.wait_for_idle.begin());
            if (s == spaces.end()) continue;
            c.one_goes_on = !mutant("mesh_lets_all_go_on_at_once");
            auto went_on = [weak = weak_from_this(), to = c.number] {
                auto self = weak.lock();
                auto it = self ? self->links.find(to) : decltype(self->links.find(to))();
                if (self && it != self->links.end()) it->second->one_goes_on = false, self->let_one_go_on(*it->second);
            };
            s->second.tell([to = c.number, e = executor, went_on](space_side& x) { x.idle(to), boost::asio::post(e, went_on); }, true);
        }
    }
    awaitable<void> flush(connected c) {
        try {
            co_await c->over->flush();
        } catch (...) {
            caught_error();
            c->over->drop(); // the reader hears of it too
        }
        c->flushing = false;
        if (c->congested && c->over->queued_bytes() <= options.congested_bytes / 4) congest(*c, false);
        let_one_go_on(*c);
    }
    /// Later: the space may be in the middle of saying what congests.
    void congest(connection& c, bool is) {
        c.congested = is;
        for (auto& name : c.theirs)
            if (auto s = spaces.find(name); s != spaces.end())
                s->second.tell([n = c.number, is](space_side& x) { x.congested(n, is); }, true);
    }
};

} // namespace dunlin
