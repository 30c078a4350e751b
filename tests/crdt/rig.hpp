// Rig: a replica without a node: a few objects, a table of writers, one vector; entries and states are bytes.
//
//   turn, atomic  -> entry     what a space seals: deltas by object, the table of writers, dependencies
//   absorb(entry)              check, then join_delta; only if it connects
//   join(state)                decode with this replica's interning, then join of two pairs (state, vector)
//   shadow                     gets the same bytes and must be equal after each: the local way and the delta agree
//
// Every broken promise of crdt/ throws `broken`, so that a driver can add its seed and step.
#pragma once
#include <dunlin/crdt/bounded_counter.hpp>
#include <dunlin/crdt/counter.hpp>
#include <dunlin/crdt/disable_wins_flag.hpp>
#include <dunlin/crdt/ephemeral.hpp>
#include <dunlin/crdt/expiry.hpp>
#include <dunlin/crdt/flag.hpp>
#include <dunlin/crdt/latest.hpp>
#include <dunlin/crdt/map.hpp>
#include <dunlin/crdt/maximum.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/crdt/once.hpp>
#include <dunlin/crdt/presence.hpp>
#include <dunlin/crdt/set.hpp>
#include <dunlin/crdt/siblings.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rig {

using dunlin::writer_id;

struct broken : std::logic_error {
    using std::logic_error::logic_error;
};
inline void must(bool holds, std::string const& what) {
    if (!holds) throw broken(what);
}

/// The n-th writer: ids are in no order of n.
inline writer_id writer(unsigned n) {
    writer_id w;
    w.node[0] = std::uint8_t(n * 151 + 17), w.node[15] = std::uint8_t(n);
    w.run = n, w.nonce = n * 7;
    return w;
}

using ids = std::map<writer_id, std::uint64_t>;

struct entry {
    writer_id author;
    std::uint64_t number = 0, stamp = 0;
    std::vector<writer_id> table; // 0 is the author
    ids seen;                     // the author's vector before it
    std::vector<std::pair<std::size_t, std::string>> deltas;
    std::size_t bytes() const {
        std::size_t n = 0;
        for (auto& d : deltas) n += d.second.size();
        return n;
    }
};

struct state {
    ids seen;
    std::vector<writer_id> table; // sorted
    std::vector<std::string> objects, live;
    std::vector<std::uint64_t> vector_bytes() const {
        std::vector<std::uint64_t> v;
        for (auto& [w, n] : seen) v.push_back(w.node[15]), v.push_back(n);
        return v;
    }
    std::size_t bytes() const {
        std::size_t n = 24 * table.size();
        for (auto& o : objects) n += o.size();
        return n;
    }
    /// The state of one member of an object; empty if it is not there.
    std::string member(std::string_view name, std::string_view kind, std::size_t n = 0) const {
        dunlin::decoder in(objects[n]);
        for (auto k = objects[n].empty() ? 0 : in.u(); k; --k) {
            auto id = in.u32();
            auto bytes = in.bytes();
            if (id == dunlin::field_id(name, kind)) return std::string(bytes);
        }
        return {};
    }
    bool operator==(state const&) const = default;
    friend std::ostream& operator<<(std::ostream& out, state const& s) {
        for (auto& o : s.objects)
            for (unsigned char c : o) out << std::hex << (c >> 4) << (c & 15) << std::dec;
        return out;
    }
};

class object final : public dunlin::owner {
    dunlin::struct_part const& type_;
    std::vector<object*>* touched_;
    dunlin::undo_log** log_;
    std::unique_ptr<dunlin::extras> unknown_;
    std::unique_ptr<std::max_align_t[]> memory_;

public:
    bool refuses = false; // the next first change of a turn throws, as in `overloaded`
    static inline std::int64_t wall_ms = 0; // what all clocks show
    static inline std::map<writer_id, std::int64_t> leases; // until when a writer is there; for ever, if it is not in it
    dunlin::writers const* table = nullptr;

    object(dunlin::struct_part const& type, std::vector<object*>* touched, dunlin::undo_log** log)
        : type_(type), touched_(touched), log_(log),
          memory_(new std::max_align_t[(sizeof(dunlin::header) + type.size()) / sizeof(std::max_align_t) + 1]) {
        auto h = new (memory_.get()) dunlin::header;
        h->up = this;
        type_.make(h + 1);
        type_.attach(h + 1, *h, 0);
    }
    ~object() { type_.destroy(value()); }
    object(object const&) = delete;

    dunlin::struct_part const& type() const { return type_; }
    dunlin::header& head() const { return *reinterpret_cast<dunlin::header*>(memory_.get()); }
    void* value() const { return &head() + 1; }

    void touched(dunlin::header&) override {
        if (refuses) throw std::runtime_error("refused");
        if (touched_) touched_->push_back(this);
    }
    dunlin::undo_log* undo(dunlin::header&) override { return log_ ? *log_ : nullptr; }
    std::int64_t now_ms(dunlin::header&) override { return wall_ms; }
    std::int64_t lease_ms(dunlin::header&, std::uint32_t slot, std::uint64_t) override {
        auto it = table ? leases.find(table->id(slot)) : leases.end();
        return it == leases.end() ? dunlin::never_ms : it->second;
    }
    dunlin::extras* unknown(dunlin::header&, bool make) override {
        if (!unknown_ && make) unknown_ = std::make_unique<dunlin::extras>();
        return unknown_.get();
    }
};

enum class absorbed { yes, known, not_yet };

class replica {
    dunlin::writers writers_;
    dunlin::version_vector vector_;
    std::uint32_t self_;
    dunlin::shapes const* kinds_;
    std::vector<object*> touched_;
    dunlin::undo_log* log_ = nullptr;
    std::vector<std::unique_ptr<object>> objects_;

public:
    std::uint64_t clock = 1; // of the next entry; set as wildly as you like

    /// `mixed`: how many strangers are interned before, so that slots differ from replica to replica.
    replica(writer_id self, std::vector<dunlin::struct_part const*> types, unsigned mixed = 0,
            dunlin::shapes const* kinds = nullptr)
        : kinds_(kinds) {
        for (unsigned k = 0; k < mixed; ++k) writers_.intern(writer(100 + k));
        self_ = writers_.intern(self);
        for (auto t : types) {
            objects_.push_back(std::make_unique<object>(*t, &touched_, &log_));
            objects_.back()->table = &writers_;
        }
    }
    replica(replica const&) = delete;

    template <class T> T& get(std::size_t n = 0) { return *static_cast<T*>(objects_[n]->value()); }
    object& at(std::size_t n = 0) { return *objects_[n]; }
    std::size_t size() const { return objects_.size(); }
    void erase(std::size_t n = 0) { objects_[n]->type().erase(objects_[n]->value()); }
    boost::json::value json(std::size_t n = 0) const {
        boost::json::value out;
        objects_[n]->type().to_json(objects_[n]->value(), out);
        return out;
    }
    std::size_t heap_bytes(std::size_t n = 0) const { return objects_[n]->type().heap_bytes(objects_[n]->value()); }
    dunlin::version_vector const& vector() const { return vector_; }
    std::uint32_t slot_of(writer_id const& w) { return writers_.intern(w); }
    writer_id const& id_of(std::uint32_t slot) const { return writers_.id(slot); }
    std::uint32_t self() const { return self_; }
    ids seen() const {
        ids v;
        for (std::uint32_t s = 0; s < vector_.size(); ++s)
            if (vector_[s]) v[writers_.id(s)] = vector_[s];
        return v;
    }

    /// Runs fn and seals. Nothing if nothing is said.
    template <class F> std::optional<entry> turn(F fn) {
        fn();
        return seal();
    }
    /// All or nothing: undone if fn throws or answers false.
    template <class F> std::optional<entry> atomic(F fn) {
        must(touched_.empty(), "an atomic begins in a running turn");
        dunlin::undo_log log;
        log_ = &log;
        bool keep = false;
        try {
            keep = fn();
        } catch (std::runtime_error const&) {}
        log_ = nullptr;
        if (keep) return seal();
        for (auto step = log.rbegin(); step != log.rend(); ++step) (*step)->undo();
        for (auto o : touched_) o->type().rollback(o->value());
        touched_.clear();
        return {};
    }
    std::optional<entry> seal();
    /// The same in as many entries as it takes, if one is full at so many bytes.
    std::vector<entry> seal_in_parts(std::size_t full_at_bytes);
    absorbed absorb(entry const& e);
    void join(state const& other);
    state save() const;
    /// The state of one object, by a table that is given.
    std::string encode(std::size_t n, std::vector<writer_id> const& table, bool live_only) const;

private:
    std::vector<std::uint32_t> slots(std::vector<writer_id> const& table) {
        std::vector<std::uint32_t> s;
        for (auto& w : table) s.push_back(writers_.intern(w));
        return s;
    }
};

inline std::optional<entry> replica::seal() {
    entry e{writers_.id(self_), vector_[self_] + 1, clock, {}, seen(), {}};
    dunlin::encoder out;
    out.raw("what stood before");
    dunlin::entry_writers table;
    table.begin(self_);
    dunlin::dot at(self_, e.number);
    auto changed = std::exchange(touched_, {});
    for (auto o : changed) {
        auto start = out.size();
        dunlin::flushing f{out, table, at, clock};
        bool said = o->type().flush(o->value(), f);
        must(said == (out.size() > start), "flush said nothing and wrote something, or the other way round");
        std::size_t n = 0;
        while (objects_[n].get() != o) ++n;
        if (said) e.deltas.emplace_back(n, std::string(out.view().substr(start)));
    }
    must(touched_.empty(), "flush touched its object");
    if (e.deltas.empty()) return {};
    for (auto s : table.slots()) e.table.push_back(writers_.id(s));
    vector_.see(at);
    return e;
}

inline std::vector<entry> replica::seal_in_parts(std::size_t full_at_bytes) {
    std::vector<entry> all;
    auto changed = std::exchange(touched_, {});
    for (std::size_t n = 0; n < changed.size();) {
        entry e{writers_.id(self_), vector_[self_] + 1, clock, {}, seen(), {}};
        dunlin::encoder out;
        dunlin::entry_writers table;
        table.begin(self_);
        dunlin::flushing f{out, table, dunlin::dot(self_, e.number), clock};
        f.full_at_bytes = full_at_bytes;
        auto o = changed[n];
        bool said = o->type().flush(o->value(), f);
        must(said == (out.size() > 0), "flush said nothing and wrote something, or the other way round");
        must(said || !f.more, "a full entry with nothing in it");
        if (!f.more) ++n;
        if (!said) continue;
        std::size_t at = 0;
        while (objects_[at].get() != o) ++at;
        e.deltas.emplace_back(at, std::string(out.view()));
        for (auto s : table.slots()) e.table.push_back(writers_.id(s));
        vector_.see(dunlin::dot(self_, e.number));
        all.push_back(std::move(e));
    }
    must(touched_.empty(), "flush touched its object");
    return all;
}

inline absorbed replica::absorb(entry const& e) {
    must(touched_.empty(), "absorb in a running turn");
    auto author = writers_.intern(e.author);
    if (e.number <= vector_[author]) return absorbed::known;
    if (e.number != vector_[author] + 1) return absorbed::not_yet;
    for (auto& [w, n] : e.seen)
        if (vector_[writers_.intern(w)] < n) return absorbed::not_yet;
    auto table = slots(e.table);
    for (auto& [n, bytes] : e.deltas) {
        dunlin::decoder in(bytes);
        dunlin::checking c{in, table.size(), e.number, 0, kinds_};
        objects_[n]->type().check(c);
        must(in.finished(), "check refuses what flush wrote");
    }
    for (auto& [n, bytes] : e.deltas) {
        dunlin::decoder in(bytes);
        dunlin::absorbing a{in, table, dunlin::dot(author, e.number), e.stamp, self_, kinds_};
        objects_[n]->type().join_delta(objects_[n]->value(), a);
        must(in.finished(), "join_delta does not read what check read");
    }
    vector_.see(dunlin::dot(author, e.number));
    must(touched_.empty() && objects_[0]->head().dirty == 0, "a join left a mark");
    return absorbed::yes;
}

inline std::string replica::encode(std::size_t n, std::vector<writer_id> const& table, bool live_only) const {
    auto& o = *objects_[n];
    if (live_only ? !o.type().live(o.value()) : o.type().vacant(o.value())) return {};
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
    for (auto& w : table) indices.emplace(writers_.find(w), std::uint32_t(indices.size()));
    dunlin::encoder out;
    dunlin::saving s{out, indices, live_only ? &writers_ : nullptr};
    o.type().encode(o.value(), s);
    return out.take();
}

inline state replica::save() const {
    state s;
    s.seen = seen();
    dunlin::slot_set used;
    for (auto& o : objects_) o->type().each_slot(o->value(), used);
    used.each([&](std::uint32_t slot) { s.table.push_back(writers_.id(slot)); });
    std::sort(s.table.begin(), s.table.end());
    for (std::size_t n = 0; n < objects_.size(); ++n) {
        s.objects.push_back(encode(n, s.table, false));
        s.live.push_back(encode(n, s.table, true));
    }
    return s;
}

inline void replica::join(state const& other) {
    must(touched_.empty(), "join in a running turn");
    auto table = slots(other.table);
    dunlin::version_vector theirs;
    for (auto& [w, n] : other.seen) theirs.raise(writers_.intern(w), n);
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
    for (std::uint32_t k = 0; k < table.size(); ++k) indices.emplace(table[k], k);
    for (std::size_t n = 0; n < objects_.size(); ++n) {
        auto& type = objects_[n]->type();
        object fresh(type, nullptr, nullptr);
        if (!other.objects[n].empty()) {
            dunlin::decoder in(other.objects[n]);
            dunlin::loading l{in, table, self_, kinds_};
            type.decode(fresh.value(), l);
            must(in.finished(), "decode refuses what encode wrote");
            dunlin::encoder again;
            dunlin::saving s{again, indices};
            type.encode(fresh.value(), s);
            must(again.view() == other.objects[n], "decode and encode give other bytes");
        }
        dunlin::joining j{vector_, theirs, self_};
        type.join(objects_[n]->value(), other.objects[n].empty() ? nullptr : fresh.value(), j);
    }
    vector_.join(theirs);
    must(touched_.empty() && objects_[0]->head().dirty == 0, "a join left a mark");
}

/// The join of two pairs, in a replica that has neither. `mixed` changes its interning.
inline state joined(state const& x, state const& y, std::vector<dunlin::struct_part const*> const& types,
                    unsigned mixed = 3, dunlin::shapes const* kinds = nullptr) {
    replica r(writer(99), types, mixed, kinds);
    r.join(x);
    r.join(y);
    return r.save();
}

} // namespace rig
