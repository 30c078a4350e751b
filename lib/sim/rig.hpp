// Rig: a replica without a node: a few objects, a table of writers, one vector; entries and states are bytes. For tests of types.
//
//   turn, atomic  -> entry     what a space seals: deltas by object, the table of writers, dependencies
//   absorb(entry)              check, then join_delta; only if it connects
//   join(state)                decode with this replica's interning, then join of two pairs (state, vector)
//   shadow                     gets the same bytes and must be equal after each: the local way and the delta agree
//
// Every broken promise throws `broken`, so that a driver can add its seed and step.
#pragma once
#include "../../crdt/object.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace dunlin::sim::rig {

struct broken : std::logic_error {
    std::string detail;
    explicit broken(std::string const& law, std::string more = {}) : std::logic_error(law), detail(std::move(more)) {}
};
inline void must(bool holds, std::string const& law, std::string const& detail = {}) {
    if (!holds) throw broken(law, detail);
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
    std::size_t object_bytes() const {
        std::size_t n = 0;
        for (auto& o : objects) n += o.size();
        return n;
    }
    std::size_t bytes() const { return 24 * table.size() + object_bytes(); }
    /// The state of one member of an object; empty if it is not there.
    std::string member(std::string_view name, std::string_view kind, std::size_t n = 0) const {
        decoder in(objects[n]);
        for (auto k = objects[n].empty() ? 0 : in.u(); k; --k) {
            auto id = in.u32();
            auto bytes = in.bytes();
            if (id == field_id(name, kind)) return std::string(bytes);
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

class object final : public owner {
    struct_part const& type_;
    std::vector<object*>* touched_;
    undo_log** log_;
    std::unique_ptr<extras> unknown_;
    std::unique_ptr<std::max_align_t[]> memory_;

public:
    bool refuses = false; // the next first change of a turn throws, as in `overloaded`
    static inline std::int64_t wall_ms = 0; // what all clocks show
    static inline std::map<writer_id, std::int64_t> leases; // until when a writer is there; for ever, if it is not in it
    writers const* table = nullptr;

    object(struct_part const& type, std::vector<object*>* touched, undo_log** log)
        : type_(type), touched_(touched), log_(log),
          memory_(new std::max_align_t[(sizeof(header) + type.size()) / sizeof(std::max_align_t) + 1]) {
        auto h = new (memory_.get()) header;
        h->up = this;
        type_.make(h + 1);
        type_.attach(h + 1, *h, 0);
    }
    ~object() { type_.destroy(value()); }
    object(object const&) = delete;

    struct_part const& type() const { return type_; }
    header& head() const { return *reinterpret_cast<header*>(memory_.get()); }
    void* value() const { return &head() + 1; }

    void touched(header&) override {
        if (refuses) throw std::runtime_error("refused");
        if (touched_) touched_->push_back(this);
    }
    undo_log* undo(header&) override { return log_ ? *log_ : nullptr; }
    std::int64_t now_ms(header&) override { return wall_ms; }
    std::int64_t lease_ms(header&, std::uint32_t slot, std::uint64_t) override {
        auto it = table ? leases.find(table->id(slot)) : leases.end();
        return it == leases.end() ? never_ms : it->second;
    }
    extras* unknown(header&, bool make) override {
        if (!unknown_ && make) unknown_ = std::make_unique<extras>();
        return unknown_.get();
    }
};

enum class absorbed { yes, known, not_yet };

class replica {
    writers writers_;
    version_vector vector_;
    std::uint32_t self_;
    shapes const* kinds_;
    std::vector<object*> touched_;
    undo_log* log_ = nullptr;
    std::vector<std::unique_ptr<object>> objects_;

public:
    std::uint64_t clock = 1; // of the next entry; set as wildly as you like

    /// `mixed`: how many strangers are interned before, so that slots differ from replica to replica.
    replica(writer_id self, std::vector<struct_part const*> types, unsigned mixed = 0,
            shapes const* kinds = nullptr)
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
    bool may_erase(std::size_t n = 0) const { return objects_[n]->type().may_erase(objects_[n]->value()); }
    bool live(std::size_t n = 0) const { return objects_[n]->type().live(objects_[n]->value()); }
    boost::json::value json(std::size_t n = 0) const {
        boost::json::value out;
        objects_[n]->type().to_json(objects_[n]->value(), out);
        return out;
    }
    std::size_t heap_bytes(std::size_t n = 0) const { return objects_[n]->type().heap_bytes(objects_[n]->value()); }
    version_vector const& vector() const { return vector_; }
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
        undo_log log;
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

/// The join of two pairs, in a replica that has neither. `mixed` changes its interning.
state join_states(state const& x, state const& y, std::vector<struct_part const*> const& types, unsigned mixed = 3,
             shapes const* kinds = nullptr);

} // namespace dunlin::sim::rig
