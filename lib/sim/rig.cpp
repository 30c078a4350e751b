#include "rig.hpp"

namespace dunlin::sim::rig {

std::optional<entry> replica::seal() {
    entry e{writers_.id(self_), vector_[self_] + 1, clock, {}, seen(), {}};
    encoder out;
    out.raw("what stood before");
    entry_writers table;
    table.begin(self_);
    dot at(self_, e.number);
    auto changed = std::exchange(touched_, {});
    for (auto o : changed) {
        auto start = out.size();
        flushing f{out, table, at, clock};
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

std::vector<entry> replica::seal_in_parts(std::size_t full_at_bytes) {
    std::vector<entry> all;
    auto changed = std::exchange(touched_, {});
    for (std::size_t n = 0; n < changed.size();) {
        entry e{writers_.id(self_), vector_[self_] + 1, clock, {}, seen(), {}};
        encoder out;
        entry_writers table;
        table.begin(self_);
        flushing f{out, table, dot(self_, e.number), clock};
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
        vector_.see(dot(self_, e.number));
        all.push_back(std::move(e));
    }
    must(touched_.empty(), "flush touched its object");
    return all;
}

absorbed replica::absorb(entry const& e) {
    must(touched_.empty(), "absorb in a running turn");
    auto author = writers_.intern(e.author);
    if (e.number <= vector_[author]) return absorbed::known;
    if (e.number != vector_[author] + 1) return absorbed::not_yet;
    for (auto& [w, n] : e.seen)
        if (vector_[writers_.intern(w)] < n) return absorbed::not_yet;
    auto table = slots(e.table);
    for (auto& [n, bytes] : e.deltas) {
        decoder in(bytes);
        checking c{in, table.size(), e.number, 0, kinds_};
        objects_[n]->type().check(c);
        must(in.finished(), "check refuses what flush wrote");
    }
    for (auto& [n, bytes] : e.deltas) {
        decoder in(bytes);
        absorbing a{in, table, dot(author, e.number), e.stamp, self_, kinds_};
        objects_[n]->type().join_delta(objects_[n]->value(), a);
        must(in.finished(), "join_delta does not read what check read");
    }
    vector_.see(dot(author, e.number));
    must(touched_.empty() && objects_[0]->head().dirty == 0, "a join left a mark");
    return absorbed::yes;
}

std::string replica::encode(std::size_t n, std::vector<writer_id> const& table, bool live_only) const {
    auto& o = *objects_[n];
    if (live_only ? !o.type().live(o.value()) : o.type().vacant(o.value())) return {};
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
    for (auto& w : table) indices.emplace(writers_.find(w), std::uint32_t(indices.size()));
    encoder out;
    saving s{out, indices, live_only ? &writers_ : nullptr};
    o.type().encode(o.value(), s);
    return out.take();
}

state replica::save() const {
    state s;
    s.seen = seen();
    slot_set used;
    for (auto& o : objects_) o->type().each_slot(o->value(), used);
    used.each([&](std::uint32_t slot) { s.table.push_back(writers_.id(slot)); });
    std::sort(s.table.begin(), s.table.end());
    for (std::size_t n = 0; n < objects_.size(); ++n) {
        s.objects.push_back(encode(n, s.table, false));
        s.live.push_back(encode(n, s.table, true));
    }
    return s;
}

void replica::join(state const& other) {
    must(touched_.empty(), "join in a running turn");
    auto table = slots(other.table);
    version_vector theirs;
    for (auto& [w, n] : other.seen) theirs.raise(writers_.intern(w), n);
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
    for (std::uint32_t k = 0; k < table.size(); ++k) indices.emplace(table[k], k);
    for (std::size_t n = 0; n < objects_.size(); ++n) {
        auto& type = objects_[n]->type();
        object fresh(type, nullptr, nullptr);
        if (!other.objects[n].empty()) {
            decoder in(other.objects[n]);
            loading l{in, table, self_, kinds_};
            type.decode(fresh.value(), l);
            must(in.finished(), "decode refuses what encode wrote");
            encoder again;
            saving s{again, indices};
            type.encode(fresh.value(), s);
            must(again.view() == other.objects[n], "decode and encode give other bytes");
        }
        joining j{vector_, theirs, self_};
        type.join(objects_[n]->value(), other.objects[n].empty() ? nullptr : fresh.value(), j);
    }
    vector_.join(theirs);
    must(touched_.empty() && objects_[0]->head().dirty == 0, "a join left a mark");
}

state join_states(state const& x, state const& y, std::vector<struct_part const*> const& types, unsigned mixed,
             shapes const* kinds) {
    replica r(writer(99), types, mixed, kinds);
    r.join(x);
    r.join(y);
    return r.save();
}

} // namespace dunlin::sim::rig
