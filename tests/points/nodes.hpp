// Two nodes and a tool on virtual time, whose life is the same in every run: start, listen, dial, handshake, gossip, a
// state from one to the other, open from memory and from the file, list, digest, saved, copies, watch, ask, stop. One
// wait of it is struck (point.hpp); then all must go on, or come back and meet.
#pragma once
#include "point.hpp"
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/node_body.hpp>
#include <dunlin/lib/sim/disk.hpp>
#include <dunlin/lib/sim/network.hpp>
#include <dunlin/lib/sim/node_clock.hpp>
#include <dunlin/lib/space_body.hpp>
#include <dunlin/lib/store_runner.hpp>
#include <dunlin/net/mesh.hpp>
#include <optional>

namespace dunlin::points {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

struct thing {
    dunlin::latest<std::string> text;
    dunlin::counter score;
};
DUNLIN_OBJECT(thing, text, score)

/// A coroutine of a user, which may be given up.
struct root {
    asio::cancellation_signal signal;
    bool ended = false;
    std::string error;

    void start(any_io_executor on, awaitable<void> work) {
        asio::co_spawn(on, std::move(work), asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr e) {
                           ended = true;
                           try {
                               if (e) std::rethrow_exception(e);
                           } catch (std::exception const& x) { error = x.what(); }
                       }));
    }
};

struct host {
    std::string name;
    sim::node_clock clock;
    sim::disk disk;
    dunlin::identity own;
    std::unique_ptr<sim::generator> chance;
    std::uint64_t runs = 0;
    sim::process *run = nullptr, *user = nullptr;
    std::unique_ptr<dunlin::node> node;
    std::vector<std::unique_ptr<root>> roots; // of this run
    bool stopping = false, stopped = false;
    long attempted = 0, confirmed = 0;

    host(sim::world& w, std::string const& n, identity const& id) : name(n), clock(w, n), disk(n, 1, &clock), own(id) {}
};

class scene {
public:
    registry& points = registry::now();
    std::size_t escaped = 0; // planted errors that came out of the executor
    std::string failure;

private:
    sim::world world_{1, 16};
    sim::network network_{world_};
    sim::generator chance_ = world_.chance("scene");
    std::string key_ = cluster_key::make(chance_).text();
    host a_{world_, "a", identity::make(chance_)}, b_{world_, "b", identity::make(chance_)}, tool_{world_, "t", identity::make(chance_)};
    sim::disk_registration first_{a_.disk};
    std::string answer_;
    std::size_t waits_of_life_ = 0; // those after them are of the checks

    void fail(std::string const& what) {
        if (failure.empty()) failure = what;
    }

    // ---- nodes
    void start(host& h) {
        auto& transport = network_.attach(h.name);
        if (h.runs) network_.restart(h.name);
        h.run = &world_.make_process(h.name), h.user = &world_.make_process(h.name + " user");
        h.chance = std::make_unique<sim::generator>(1, h.name, ++h.runs);
        h.stopping = h.stopped = false;
        auto o = dunlin::options().name(h.name).data("node.db").listen(h.name + ":1").memory(16 << 10);
        if (&h == &b_) o.join("a:1");
        surroundings outside{{h.clock, *h.chance, transport}, h.disk.vfs_name(), {}, {}, key_};
        outside.make_runner = [&h](any_io_executor e) {
            return make_inline_store_runner(std::move(e), h.clock, [&h] { return h.disk.take_time(); });
        };
        outside.identity = [&h](auto&) { return h.own; };
        if (&h == &a_) o.log_budget(32 << 10);
        h.node = std::make_unique<dunlin::node>(any_io_executor(h.run->get_executor()), o, outside);
    }
    void spawn(host& h, awaitable<void> work) {
        h.roots.push_back(std::make_unique<root>());
        h.roots.back()->start(h.user->get_executor(), std::move(work));
    }
    void end_users(host& h) {
        if (h.user) world_.kill(*h.user);
        h.user = nullptr;
    }
    /// As if the process ended: by kill -9, or with the power.
    void die(host& h, sim::death how) {
        network_.crash(h.name, how);
        end_users(h);
        if (h.run) world_.kill(*h.run);
        h.run = nullptr;
        if (how == sim::death::power) h.disk.lose_power();
        else h.disk.leave();
        h.node.reset();
        (void)h.disk.take_time();
    }
    void stop(host& h) {
        if (!h.node || h.stopping) return;
        h.stopping = true;
        h.node->stop([&h](boost::system::error_code) { h.stopped = true; });
    }

    // ---- their users
    awaitable<void> fills(host& h) {
        auto starting = h.node->start(asio::use_awaitable);
        co_await through("api:start", std::move(starting));
        for (int k = 0; k < 48; ++k) {
            auto key = "f" + std::to_string(k % 12);
            auto opening = h.node->open<thing>(key, asio::use_awaitable);
            dunlin::ref<thing> t = co_await std::move(opening);
            if (h.stopping) break;
            t->text = std::string(1500, char('a' + k % 26));
            auto r = h.node->seal();
            if (k % 8 != 7) continue;
            auto saving = r.saved(asio::use_awaitable);
            co_await std::move(saving);
        }
    }
    awaitable<void> writes(host& h) {
        for (int k = 0; k < 4; ++k) {
            auto opening = h.node->open<thing>("of " + h.name, asio::use_awaitable);
            dunlin::ref<thing> t = co_await through("api:open", std::move(opening));
            if (h.stopping) break;
            t->score += 1;
            auto want = ++h.attempted;
            auto r = h.node->seal();
            auto saving = r.saved(asio::use_awaitable);
            co_await through("api:saved", std::move(saving));
            h.confirmed = std::max(h.confirmed, want);
            if (k == 2) {
                auto copying = r.copies(2, 2s, asio::use_awaitable);
                co_await through("api:copies", std::move(copying));
            }
            co_await world_.sleep(300ms);
        }
    }
    awaitable<void> reads(host& h) {
        dunlin::page_cursor cursor;
        auto listing = h.node->list<thing>(cursor, 5, asio::use_awaitable);
        auto page = co_await through("api:list", std::move(listing));
        auto opening = h.node->open<thing>("f3", asio::use_awaitable);
        dunlin::ref<thing> t = co_await through("api:open, cold", std::move(opening));
        auto digesting = h.node->digest(asio::use_awaitable);
        auto digest = co_await through("api:digest", std::move(digesting));
        auto readying = h.node->ready(asio::use_awaitable);
        co_await through("api:ready", std::move(readying));
    }
    awaitable<void> watches(host& h, std::string key) {
        auto opening = h.node->open<thing>(key, asio::use_awaitable);
        dunlin::ref<thing> t = co_await std::move(opening);
        auto changes = t.watch();
        for (bool more = true; more;) {
            auto next = changes.next(asio::use_awaitable);
            auto change = co_await through("api:watch.next", std::move(next));
            more = change.has_value();
        }
    }
    awaitable<void> asks() {
        seams world{tool_.clock, *tool_.chance, network_.attach("t")};
        auto key = cluster_key::parse(key_);
        auto asking = ask(world, "a:1", tool_.own, key, "status");
        answer_ = co_await through("api:ask", std::move(asking));
    }
    /// Says what no member says: its node refuses it and closes.
    awaitable<void> babbles() {
        link_options terms(tool_.clock, *tool_.chance, tool_.own);
        hello h;
        h.tool = true;
        terms.key = cluster_key::parse(key_), terms.hello = h.write();
        auto over = co_await dial(network_.attach("t"), "a:1", terms);
        std::string garbage("\x02\x7f\0", 3), answer;
        co_await over->send(garbage);
        for (;;) co_await over->receive(answer);
    }
    awaitable<void> stops(host& h) {
        h.stopping = true;
        auto stopping = h.node->stop(asio::use_awaitable);
        co_await through("api:stop", std::move(stopping));
        h.stopped = true;
    }

    // ---- time, and the blow
    host* host_of(std::size_t wait) {
        auto& p = sim::process_of(points.waits[wait].on);
        for (auto h : {&a_, &b_, &tool_})
            if (&p == h->run || &p == h->user) return h;
        return nullptr;
    }
    void strike() {
        auto h = host_of(points.target - 1);
        if (!h || points.how >= blow::abort) return;
        bool of_tool = h == &tool_;
        switch (points.how) {
        case blow::kill:
        case blow::power:
            if (of_tool) end_users(*h);
            else die(*h, points.how == blow::kill ? sim::death::process : sim::death::power);
            break;
        case blow::destroy: // its executor runs on
            end_users(*h);
            h->node.reset(), h->run = nullptr;
            break;
        case blow::stop:
            if (of_tool) end_users(*h);
            stop(*h);
            break;
        case blow::cancel:
            for (auto& r : h->roots) r->signal.emit(asio::cancellation_type::terminal);
            break;
        default: return;
        }
        points.struck = true;
    }
    void go(nanoseconds duration) {
        auto const end = world_.now() + duration;
        while (world_.now() < end) {
            try {
                if (!world_.run_until([&] { return look(points); }, end - world_.now())) break;
                strike();
            } catch (std::exception const& e) {
                bool planted = points.how == blow::memory || std::string(e.what()).find("planted") != std::string::npos;
                if (!planted) return fail(std::string("out of the executor: ") + e.what());
                ++escaped;
            }
        }
        if (world_.now() < end) world_.advance(end - world_.now());
    }
    template <class F> bool until(F holds, nanoseconds limit) {
        for (auto end = world_.now() + limit; !holds();) {
            if (world_.now() >= end || !failure.empty()) return false;
            go(50ms);
        }
        return true;
    }

    // ---- what must hold
    std::map<std::string, std::uint64_t> vector(host& h) {
        std::map<std::string, std::uint64_t> all;
        auto& spaces = h.node->body()->spaces();
        if (auto it = spaces.find("main"); it != spaces.end()) {
            auto& known = it->second->known();
            for (std::uint32_t s = 0; s < known.size(); ++s)
                if (auto n = known[s].number) all[view_of_writer(it->second->table().id(s))] = n;
        }
        return all;
    }
    bool meet(nanoseconds limit) {
        return until([&] { return !vector(a_).empty() && vector(a_) == vector(b_); }, limit);
    }
    template <class T> T ask_node(host& h, awaitable<T> work) {
        return world_.run(h.run->get_executor(), std::move(work));
    }
    awaitable<std::string> digest_of(host& h) {
        auto digesting = h.node->digest(asio::use_awaitable);
        std::string d = co_await std::move(digesting);
        co_return d;
    }
    awaitable<long> score_of(host& at, std::string key) {
        auto opening = at.node->open<thing>(key, asio::use_awaitable);
        dunlin::ref<thing> t = co_await std::move(opening);
        long n = t->score;
        co_return n;
    }
    void restart_dead(host& h) {
        if (h.node && !h.stopping) return;
        if (h.node && !h.stopped) h.node->stop([&h](boost::system::error_code) { h.stopped = true; });
        if (h.node && !until([&] { return h.stopped; }, 60s)) fail(h.name + " does not stop");
        if (h.node || h.run) die(h, sim::death::process);
        else end_users(h), h.disk.leave();
        start(h);
        ask_node(h, start_of(h));
    }
    awaitable<void> start_of(host& h) {
        auto starting = h.node->start(asio::use_awaitable);
        co_await std::move(starting);
    }
    void check() {
        if (!meet(60s)) return fail("they do not meet again");
        for (auto h : {&a_, &b_}) {
            for (auto at : {&a_, &b_}) {
                auto there = ask_node(*at, score_of(*at, "of " + h->name));
                if (there < h->confirmed || there > h->attempted)
                    fail("of " + h->name + " are " + std::to_string(there) + " at " + at->name + ", confirmed " + std::to_string(h->confirmed) +
                         ", attempted " + std::to_string(h->attempted));
            }
        }
        auto digest_a = ask_node(a_, digest_of(a_)), digest_b = ask_node(b_, digest_of(b_));
        if (digest_a != digest_b) fail("equal vectors, unequal digests");
    }

public:
    scene() {
        auto& t = network_.attach("t");
        (void)t;
        tool_.chance = std::make_unique<sim::generator>(1, "t");
        tool_.user = &world_.make_process("t user");
    }
    ~scene() {
        for (auto h : {&a_, &b_, &tool_}) {
            end_users(*h);
            if (h->run) world_.kill(*h->run);
        }
        for (auto h : {&a_, &b_}) h->node.reset();
    }

    /// The same every time, but for the blow.
    void live() {
        start(a_);
        spawn(a_, fills(a_));
        go(2s); // its log is cut by then
        start(b_);
        spawn(b_, fills_nothing(b_));
        go(2s);
        for (auto h : {&a_, &b_})
            if (h->node && h->user) spawn(*h, writes(*h)), spawn(*h, reads(*h)), spawn(*h, watches(*h, h == &a_ ? "of b" : "of a"));
        if (tool_.user) spawn(tool_, asks()), spawn(tool_, babbles());
        go(4s);
    }
    void part() {
        // What was only made to fail goes on by itself.
        if (a_.node && b_.node && !a_.stopping && !b_.stopping && !meet(60s)) fail("they do not go on");
        for (auto h : {&b_, &a_})
            if (h->node && h->user && !h->stopping) spawn(*h, stops(*h)), go(1s);
        go(10s);
        waits_of_life_ = points.waits.size();
        restart_dead(a_), restart_dead(b_);
        if (failure.empty()) check();
        for (auto h : {&b_, &a_}) stop(*h);
        if (!until([&] { return a_.stopped && b_.stopped; }, 60s)) fail("they do not stop");
        end_users(tool_);
        go(60s);
        if (network_.connections()) fail("connections are left");
        for (auto h : {&a_, &b_}) end_users(*h);
        if (!points.alive.empty()) {
            std::string all;
            for (auto p : points.alive) all += std::string(" ") + points.waits[p->number()].where;
            fail("coroutines are left:" + all);
        }
    }
    awaitable<void> fills_nothing(host& h) {
        auto starting = h.node->start(asio::use_awaitable);
        co_await through("api:start", std::move(starting));
    }
    bool took_a_state() {
        auto& floor = b_.node->space("main").body()->floor();
        std::uint64_t sum = 0;
        for (std::uint32_t s = 0; s < floor.size(); ++s) sum += floor[s];
        return sum > 0;
    }
    std::string const& answer() const { return answer_; }
    std::size_t waits_of_life() const { return waits_of_life_; }
    /// "a", "b user", "t user": whose wait it is.
    std::string whose(std::size_t wait) const { return sim::process_of(points.waits[wait].on).name(); }
    nanoseconds lived() const { return world_.now(); }
};

} // namespace dunlin::points
