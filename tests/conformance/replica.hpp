// Replica: one subject in a space of its own, as a node has it: turns are sealed by the space, entries go out of its log
// and come in as messages of a link, states go and come as the chunks of a transfer.
#pragma once
#include "../crdt/rig.hpp"
#include "../lib/lone_space.hpp"
#include "subject.hpp"
#include <dunlin/lib/ref.hpp>

namespace conformance {

/// What two replicas that have seen the same must have alike.
struct whole_state {
    std::string heads, digest, bytes;
    bool operator==(whole_state const&) const = default;
};
using given_state = std::vector<dunlin::word::state_chunk>;

class replica {
    lone::space space_;

public:
    explicit replica(unsigned n) : space_(rig::writer(n)) { (void)get(); }

    subject& get() { return space_.get<subject>(); }
    subject& operator*() { return get(); }
    subject* operator->() { return &get(); }
    void clock(std::uint64_t ms) { space_.clock.wall = std::chrono::milliseconds(ms); }
    dunlin::writer_id const& writer() const { return space_.writer; }

    /// Nothing if it says nothing.
    template <class F> std::optional<dunlin::series> turn(F f) {
        auto before = space_.number_of(space_.writer);
        f();
        auto one = space_.body->seal() ? std::optional(space_.seal()) : std::nullopt;
        if (space_.number_of(space_.writer) > before + 1) throw differs("a turn became several entries");
        return one;
    }
    /// The message of a push, written and read as on a link. False: it waits for what it depends on.
    bool absorb(dunlin::series const& s) {
        dunlin::session there, here;
        dunlin::encoder frame;
        there.write(dunlin::message(dunlin::in_space{"main", dunlin::word::push{s}}), frame);
        dunlin::decoder in(frame.view());
        dunlin::message said;
        dunlin::refusal why;
        if (!here.read(in, said, why)) throw differs("the message of an entry is refused: " + why.text());
        auto alarms = space_.alarms.size();
        bool taken = space_.take(std::get<dunlin::word::push>(std::get<dunlin::in_space>(said).said).series);
        if (space_.alarms.size() > alarms) throw differs("an alarm: " + space_.alarms.back());
        return taken;
    }
    given_state give() { return space_.chunks(); }
    void join(given_state const& theirs) {
        if (!space_.take_state(theirs)) throw differs("a state is refused");
    }
    void join(replica& other) { join(other.give()); }

    whole_state save() { return {space_.heads(), space_.digest(), space_.state(object())}; }
    std::string json() { return dunlin::object_json(object()); }
    /// The state of one member; empty if it is not there.
    std::string member(std::string_view name, std::string_view kind) {
        auto bytes = space_.state(object());
        dunlin::decoder in(bytes);
        for (auto n = in.u(); n; --n) in.raw(24);
        for (auto n = in.u(); n; --n) {
            auto id = in.u32();
            auto state = in.bytes();
            if (id == dunlin::field_id(name, kind)) return std::string(state);
        }
        return {};
    }

private:
    dunlin::object& object() { return space_.of<subject>(); }
};

/// What siblings show; the concurrent writes that latest keeps beside the one it shows are the same.
inline json::value siblings(replica& r) {
    json::array all, kept;
    for (auto& v : r->values.values()) all.emplace_back(v);
    auto bytes = r.member("value", "Rs");
    dunlin::decoder in(bytes);
    for (auto n = bytes.empty() ? 0 : in.u(); n; --n) in.u(), in.u(), in.u(), kept.emplace_back(std::string(in.bytes()));
    same(kept, all, "what latest keeps, against siblings");
    return all;
}

inline void change(replica& r, std::string_view type, json::array const& op) {
    auto& x = r.get();
    switch (kind_of(type)) {
    case 'c':
        return change(x.number, op);
    case 's':
        return change(x.elements, op);
    case 'g':
        return change(x.ever, op);
    case 'w':
        return change(x.allowed, op);
    case 'f':
        return change(x.on, op);
    case 'd':
        return change(x.safe, op);
    case 'r':
        return change(x.value, op), change(x.values, op);
    case 'm':
        return change(x.keys, op);
    }
    no_type(type);
}
inline json::value read(replica& r, std::string_view type) {
    auto& x = r.get();
    switch (kind_of(type)) {
    case 'c':
        return x.number.value();
    case 's':
        return elements(x.elements);
    case 'g':
        return elements(x.ever);
    case 'w':
        return elements(x.allowed);
    case 'f':
        return x.on.value();
    case 'd':
        return x.safe.value();
    case 'r':
        return siblings(r);
    case 'm':
        return read(x.keys);
    }
    no_type(type);
}

} // namespace conformance
