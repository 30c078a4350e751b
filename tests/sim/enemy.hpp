// Enemy: a member of a simulated cluster. It has the key, passes the handshake of the shipped link, and then says
// whatever a test wants; it reads what it is told, unless the test wants a peer that never reads.
#pragma once
#include "../lib/forged_entry.hpp"
#include "cluster_fixture.hpp"
#include <deque>
#include <dunlin/net/link.hpp>
#include <dunlin/net/message.hpp>

namespace clusters {

namespace word = dunlin::word;
using dunlin::writer_id;

/// A link of the enemy with one node.
struct enemy_line {
    std::unique_ptr<dunlin::link> over;
    dunlin::session names;
    bool ended = false;
    boost::system::error_code why;
    std::vector<std::pair<std::string, dunlin::space_message>> heard; // with the name of its space
    std::vector<std::string> refusals;                                // of a close
    std::function<void(std::string const&, dunlin::space_message&)> on_word = [](auto&, auto&) {};

    /// Every word of that kind that was said about the space.
    template <class Word> std::vector<Word> all(std::string_view space = "main") const {
        std::vector<Word> found;
        for (auto& [name, said] : heard)
            if (auto w = std::get_if<Word>(&said); w && name == space) found.push_back(*w);
        return found;
    }
};

class enemy {
    cluster& c_;
    std::string name_;
    dunlin::sim::process& process_;
    dunlin::transport& host_;
    dunlin::sim::node_clock clock_;
    dunlin::sim::generator chance_, secret_;
    std::deque<enemy_line> lines_;

    awaitable<void> dial(std::string address, dunlin::link_options terms, std::unique_ptr<dunlin::link>& into) {
        into = co_await dunlin::dial(host_, address, terms);
    }
    awaitable<void> read(enemy_line& l) {
        std::string bytes;
        try {
            for (;;) {
                co_await l.over->receive(bytes);
                take(l, bytes);
            }
        } catch (boost::system::system_error const& e) { l.why = e.code(); }
        l.ended = true;
    }
    static awaitable<void> flush(enemy_line& l) {
        try {
            co_await l.over->flush();
        } catch (boost::system::system_error const&) { l.ended = true; }
    }
    void take(enemy_line& l, std::string const& bytes) {
        dunlin::decoder in(bytes);
        dunlin::message m;
        dunlin::refusal no;
        while (l.names.read(in, m, no)) {
            if (auto p = std::get_if<word::ping>(&m)) say(l, word::pong{p->token});
            if (auto w = std::get_if<word::close>(&m)) l.refusals.push_back(w->text);
            if (auto s = std::get_if<dunlin::in_space>(&m)) {
                l.heard.emplace_back(s->space, s->said);
                l.on_word(l.heard.back().first, l.heard.back().second);
            }
        }
    }

public:
    dunlin::cluster_key key;
    dunlin::identity own;
    writer_id writer;

    explicit enemy(cluster& c, std::string name = "enemy")
        : c_(c), name_(name), process_(c.time().make_process(name)), host_(c.wire().attach(name)), clock_(c.time(), name),
          chance_(c.time().chance(name)), secret_(c.time().chance("cluster key")),
          key(dunlin::cluster_key::make(secret_)), own(dunlin::identity::make(chance_)) {
        writer.node = own.node(), writer.run = 1, writer.nonce = 7;
    }
    ~enemy() {
        c_.wire().crash(name_, dunlin::sim::death::process);
        c_.time().kill(process_);
    }
    enemy(enemy const&) = delete;

    dunlin::link_options terms(bool tool = false) {
        dunlin::link_options o(clock_, chance_, own);
        dunlin::hello h;
        h.tool = tool, h.name = name_;
        o.key = key, o.hello = h.write();
        o.message_max_bytes = dunlin::wire_bounds::frame_max, o.queue_max_bytes = 256u << 20;
        return o;
    }
    /// A link with node i; it says that it has `main`, and hears what node i has.
    enemy_line& call(std::size_t i, bool reads = true, bool tool = false) {
        auto& l = lines_.emplace_back();
        c_.time().run(process_.get_executor(), dial("n" + std::to_string(i) + ":1", terms(tool), l.over));
        if (reads) process_.spawn(read(l));
        if (!tool) say(l, word::holds{"main", true}), c_.advance(100ms);
        return l;
    }
    void say(enemy_line& l, dunlin::message const& m) {
        dunlin::encoder frame;
        l.names.write(m, frame);
        raw(l, frame.view());
    }
    void say(enemy_line& l, dunlin::space_message const& m) {
        dunlin::encoder frame;
        l.names.write("main", m, frame);
        raw(l, frame.view());
    }
    /// What a frame of the link carries, byte for byte.
    void raw(enemy_line& l, dunlin::bytes_view bytes) {
        if (l.ended || !l.over->queue(bytes)) return;
        process_.spawn(flush(l));
    }
    void spawn(awaitable<void> work) { process_.spawn(std::move(work)); }
    dunlin::sim::process& process() { return process_; }
    dunlin::transport& host() { return host_; }
    dunlin::sim::generator& chance() { return chance_; }
};

/// What node i knows of the space `main`, as a member would learn it.
inline dunlin::space_body& main_of(cluster& c, std::size_t i) { return *c.node(i).space("main").body(); }
inline writer_id writer_at(cluster& c, std::size_t i) { return main_of(c, i).table().id(main_of(c, i).self()); }
inline dunlin::head head_of(cluster& c, std::size_t i, writer_id const& w) { return main_of(c, i).known().of(w); }

inline bool told(cluster& c, std::size_t i, std::string_view part) {
    for (auto& a : c.alarms(i))
        if (a.find(part) != a.npos) return true;
    return false;
}

} // namespace clusters
