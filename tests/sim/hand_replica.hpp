// Hand replica: one space in memory with the shipped machine, objects and state transfer; its clock stands still, its words
// are kept for whoever drives it, its pieces of a state hold one object each.
#pragma once
#include "player.hpp"
#include <algorithm>
#include <dunlin/lib/sim/world.hpp>
#include <dunlin/lib/space_body.hpp>
#include <map>
#include <set>
#include <sstream>

namespace small_world {

using namespace std::chrono_literals;
namespace sim = dunlin::sim;
namespace word = dunlin::word;

using thing = clusters::player;

/// Time stands still, and an alarm rings when it is told to.
struct hand_clock final : dunlin::clock {
    struct hand_timer final : dunlin::timer {
        hand_clock& of;
        std::function<void()> ring;
        explicit hand_timer(hand_clock& c) : of(c) { of.timers.insert(this); }
        ~hand_timer() override { of.timers.erase(this); }
        void expires_after(std::chrono::nanoseconds, std::function<void()> r) override { ring = std::move(r); }
        void cancel() override { ring = nullptr; }
    };
    std::chrono::nanoseconds now = 1s;
    std::set<hand_timer*> timers;
    std::chrono::nanoseconds steady_now() const override { return now; }
    std::chrono::milliseconds wall_now() const override { return std::chrono::milliseconds(1'767'225'600'000); }
    std::unique_ptr<dunlin::timer> make_timer(dunlin::any_io_executor) override {
        return std::make_unique<hand_timer>(*this);
    }
    void ring_all() {
        for (auto t : std::set<hand_timer*>(timers))
            if (auto ring = timers.contains(t) ? std::exchange(t->ring, nullptr) : nullptr) ring();
    }
};

/// Draws the least always: the first peer is asked.
struct no_chance final : dunlin::chance {
    void fill(std::span<std::uint8_t> bytes) override { std::fill(bytes.begin(), bytes.end(), std::uint8_t(0)); }
};

/// One space in memory.
struct member {
    hand_clock clock;
    no_chance chance;
    dunlin::writer_id writer{};
    std::shared_ptr<dunlin::space_body> body;
    dunlin::object_type* type = nullptr;
    std::vector<std::pair<dunlin::peer_number, dunlin::space_message>> said;
    std::optional<dunlin::watch<thing>> changes; // of x
    bool told = false;                           // since it was last set to false

    member(sim::executor on, std::uint8_t number, std::size_t log_bytes = std::size_t(1) << 20) {
        writer.node[0] = std::uint8_t(number + 1), writer.run = 1, writer.nonce = 7;
        dunlin::space_setup setup;
        setup.name = "main", setup.executor = on, setup.clock = &clock, setup.chance = &chance;
        setup.node = writer.node, setup.alone = true, setup.log_bytes = log_bytes, setup.piece_objects = 1;
        setup.send = [this](dunlin::peer_number to, dunlin::space_message&& m) { said.emplace_back(to, std::move(m)); };
        body = std::make_shared<dunlin::space_body>(std::move(setup));
        body->own(writer);
        type = &body->type_of(dunlin::struct_of<thing>());
    }
    dunlin::ref<thing> at(std::string const& key) { return {body, body->local(*type, key)}; }
    /// Heads with all they say, and every object with its residue: what equal vectors must have in common.
    std::string state() {
        dunlin::encoder out;
        body->known().write(out);
        auto names = dunlin::full_names(body->table());
        std::map<std::pair<std::string, std::string>, std::string> all;
        body->each_object(nullptr, -1, 1000, [&](auto, auto const& objects, std::int64_t, bool) {
            for (auto& o : objects)
                if (!o->fields().vacant(o->value()))
                    all[{o->type->name, o->key}] = dunlin::encode_object(*o, body->table(), names);
        });
        for (auto& [name, bytes] : all) out.bytes(name.first), out.bytes(name.second), out.bytes(bytes);
        return out.take();
    }
    std::uint64_t number_of(dunlin::writer_id const& w) const { return body->known().of(w).number; }
    void watch_x() {
        changes.emplace(at("x").watch());
        listen();
    }
    void listen() {
        changes->next([this](boost::system::error_code ec, std::optional<dunlin::change<thing>> c) {
            if (ec || !c) return;
            told = true;
            listen();
        });
    }
    std::string x_now() {
        auto x = body->find(*type, "x");
        return x ? dunlin::encode_object(*x, body->table(), dunlin::full_names(body->table())) : std::string();
    }
};

} // namespace small_world
