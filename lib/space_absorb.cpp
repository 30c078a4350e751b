// What comes from outside: looked at whole, then joined, logged, told.
#include "../crdt/set.hpp"
#include "../crdt/struct.hpp"
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_body.hpp"

namespace dunlin {

/// An object is named once: a turn coalesces, and what joins may count on it. Writers are named only as far as the
/// author had seen them, which its dependencies say: the same on every node. `of`: what is known of the author.
bool space_body::check_delta(entry const& e, entry_body const& body, heads const& of) {
    std::vector<std::uint64_t> seen(body.indices());
    for (auto& d : body.dependencies) seen[d.writer] = d.number;
    auto& before = of.of(e.writer).dependencies;
    for (std::uint32_t i = 1; i < seen.size(); ++i) {
        if (auto slot = table_.find(body.writers[i - 1]); slot != writers::none) seen[i] = std::max(seen[i], before[slot]);
        if (!seen[i]) return false;
    }
    boost::unordered_flat_set<std::pair<bytes_view, bytes_view>> named;
    return each_object_delta(body.delta, [&](object_delta const& one) {
        bool once = named.insert({one.type, one.key}).second || mutant("codec_takes_an_object_twice");
        if (!is_utf8(one.type) || !is_utf8(one.key) || !once) return false;
        if (one.type == schema_name && !schema_changed(one.delta, e.writer.node)) return false;
        auto type = find_type(one.type); // what is refused leaves no type behind
        std::optional<struct_part> fresh;
        if (!type) fresh.emplace(std::string(one.type));
        auto& part = type ? *type->part : *fresh;
        if (part.members().empty() && !shapes_.knows(one.type)) return false; // nobody can have written anything in it
        decoder in(one.delta);
        checking c{in, body.indices(), e.number, 0, &shapes_, seen.data()};
        part.check(c);
        return in.finished();
    });
}

/// Once a minute: each entry of that peer would say the same.
void space_body::tell_of_clock() {
    if (clock_told_ && now() - *clock_told_ < std::chrono::minutes(1)) return;
    clock_told_ = now();
    setup_.alarm("a peer's clock is more than a minute ahead");
}

bool space_body::absorb(entry const& e, entry_body const& body) {
    seal();
    if (!heads_.has_room(e, body)) return false;
    if (!check_delta(e, body, heads_)) {
        setup_.alarm("an entry of writer run " + std::to_string(e.writer.run) + " is malformed and was refused");
        return false;
    }
    auto prior = heads_.of(e.writer).prior();
    auto slot = heads_.advance(e, body);
    if (slot == writers::none) return false;
    advanced(slot);
    if (stamps_.see(e.stamp, setup_.clock->wall_now())) tell_of_clock();
    auto position = publish(e, body, prior);
    absorbing_ = true;
    join_entry(e, body, position);
    absorbing_ = false;
    ring_watches();
    make_room();
    return true;
}

void space_body::advanced(std::uint32_t slot) {
    if (slot >= is_advanced_.size()) is_advanced_.resize(slot + 1);
    if (is_advanced_[slot]) return;
    is_advanced_[slot] = true;
    advanced_.push_back(slot);
}

/// One object's delta of an entry, so that it can wait: writers by their numbers in the file, or slots without one.
std::string space_body::record_of(entry const& e, entry_body const& body, bytes_view delta, std::uint64_t row) {
    auto number_of = [&](writer_id const& w) {
        return store_ ? store_->intern(name_kind::writer, view_of_writer(w)) : table_.intern(w);
    };
    cold_deltas::record r{row, number_of(e.writer), e.number, e.stamp, {}, delta};
    for (auto& w : body.writers) r.writers.push_back(number_of(w));
    encoder out;
    cold_deltas::write(out, r);
    return out.take();
}

/// An unknown object can only be mended by a state that has this entry too. False: it is known.
bool space_body::needs_more(object_type& type, bytes_view key, dot at) {
    auto it = unknown_.find({&type, std::string(key)});
    if (it != unknown_.end()) it->second.see(at);
    return it != unknown_.end();
}

/// `row`: replayed from there at start; 0: new.
void space_body::join_entry(entry const& e, entry_body const& body, std::uint64_t position, std::uint64_t row) {
    std::vector<std::uint32_t> slots{table_.intern(e.writer)};
    for (auto& w : body.writers) slots.push_back(table_.intern(w));
    dot const at(slots[0], e.number);
    std::vector<object*> joined;
    each_object_delta(body.delta, [&](object_delta const& one) {
        auto& type = make_type(one.type, nullptr, false);
        bool unknown = !unknown_.empty() && needs_more(type, one.key, at);
        if (!row && (decoder(one.delta).u() & 1)) erased_by(e, type, one.key);
        auto o = find(type, one.key);
        if (!o && !store_) o = &make_object(type, one.key);
        if (o && row) return true; // in memory since before the file was opened again: it has this
        if (o) {
            o->leaving = false; // its queued state lacks this: it stays
            decoder in(one.delta);
            absorbing a{in, slots, at, e.stamp, self_, &shapes_};
            type.part->join_delta(o->value(), a);
            o->changed |= type.part->touched_by(one.delta);
            bool was_dirty = o->dirty;
            mark_dirty(*o, position);
            note_record(*o, was_dirty, e, body, one.delta);
            joined.push_back(o);
            if (type.holds_rights) rights_.heard(*o, rights::wishes(type, shapes_, one.delta));
            return true;
        }
        if (unknown) return true;
        if (type.may_end) endings_.cold_waits();
        (row ? replayed_ : cold_).add(type_number(type), one.key, record_of(e, body, one.delta, row), position);
        if (!row && type.holds_rights && loading_.size() < 1024 && rights::wishes(type, shapes_, one.delta))
            open(type, std::string(one.key), [this, self = weak_from_this()](boost::system::error_code, object* found) {
                auto alive = self.lock();
                if (alive && found) rights_.heard(*found, true), unpin(*found);
            });
        if (!row && type.indexes) indexes_.waits(type, one.key, type.part->touched_by(one.delta));
        if (!row && !type.watches.empty())
            tell_cold(type, {std::string(one.key), type.part->touched_by(one.delta), false, true, at});
        return true;
    });
    for (auto o : joined) {
        tell(*o, std::exchange(o->changed, 0), true, at);
        if (!store_ && !o->pins && o->fields().vacant(o->value())) forget(*o);
    }
}

void space_body::tell(object& o, std::uint64_t members, bool remote, dot at, bool aside) {
    if (o.type->indexes && !aside) indexes_.changed(o);
    if (!o.watches && o.type->watches.empty()) return;
    change_record c{o.key, members, !o.shows(), remote, at, aside};
    bool saved = is_saved(at);
    auto note = [&](object_watch* w) {
        w->note(c, saved);
        touched_watches_.push_back(w);
    };
    if (o.watches)
        for (auto w : *o.watches) note(w);
    for (auto w : o.type->watches) note(w);
}

/// Whether anything in it is live only the object itself can tell; if it cannot be loaded, the change is told all the same.
void space_body::tell_cold(object_type& type, change_record c) {
    auto key = c.key;
    open(type, key, [this, self = weak_from_this(), &type, c = std::move(c)](boost::system::error_code, object* o) mutable {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        if (o) c.erased = !o->shows();
        for (auto w : type.watches) w->note(c, is_saved(c.last)), touched_watches_.push_back(w);
        if (o) unpin(*o);
        ring_watches();
    });
}

void space_body::ring_watches() {
    for (auto w : touched_watches_)
        if (std::find(ringing_.begin(), ringing_.end(), w) == ringing_.end()) ringing_.push_back(w);
    touched_watches_.clear();
    each_ringing([](object_watch& w) { w.ring(); });
    indexes_.ring();
}

} // namespace dunlin
