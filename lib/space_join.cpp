// A staged state is joined with ours.
//
//   rows         a page at a time, in hash order, ours beside theirs: each safe alone, since the vector is raised last
//   memory       in one step: what is resident, the heads, the floor of the log
//
// Opens and entries from links wait meanwhile. A row that is joined holds more than the vector says: entries must not
// meet it, and nobody may change it. So before the first row the file is told that this has begun, with the heads; if
// the power or the file goes it begins again from the rows staged, which stay until the end. Joining twice is joining
// once. If they have become unreadable, the space answers for no object that is not in memory, and takes no entries,
// until it has a state that holds at least as much. So it does when its file has lost entries that the vector counts:
// then rows hold less than it says, and what is absent from them was perhaps never removed. They present an empty
// context, and the state stands in for them.
#include "../crdt/mutant.hpp"
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

std::shared_ptr<object> space_body::temporary(object_type& type, std::string_view key) {
    return {object::make(*this, type, key), object::destroy};
}

/// Theirs at their vector.
std::shared_ptr<object> space_body::staged_object(object_type& type, std::string const& key, object_state const& theirs) {
    auto o = temporary(type, key);
    auto names = store_ ? disk_names() : full_names(table_);
    bool whole = theirs.is == row_presence::present &&
                 (theirs.state.empty() || decode_object(*o, theirs.state, names, self_, shapes_)) &&
                 apply_records(*o, theirs.deltas);
    return whole ? o : nullptr;
}

void space_body::finish_state() {
    seal();
    bool enough = !rows_mislead() || (staged_ && staged_->covers(half_joined_));
    bool behind = joins_over_behind();
    if (!staged_ || !staged_->whole() || !enough || rebuilding()) {
        staged_.reset();
        return tell_joined(false);
    }
    joining_ = true;
    if (!store_) return switch_state();
    encoder begun;
    begun.u8(behind ? join_over_behind : join_begun), staged_->heads.write(begun);
    half_joined_ = begun.take();
    write_known();
    when_written([this] { join_page(-1); });
}

/// From the first row, after a start or when the file is open again.
void space_body::join_again() {
    joining_ = true;
    staged_ = std::make_shared<staged>(table_);
    if (!staged::read(half_joined_, staged_->heads)) return lose_join("what is staged cannot be read");
    auto schema = staging_name(*schema_->type, schema_key); // what the rows call their fields
    store_->load(schema, [this, self = weak_from_this()](auto ec, object_state row) {
        auto shared = std::make_shared<object_state>(std::move(row));
        back(self, [this, self, ec, shared] {
            auto alive = self.lock();
            if (!alive || stopped_ || ec) return;
            if (shared->is == row_presence::present) {
                auto o = staged_object(*schema_->type, schema_key, *shared);
                if (!o) return lose_join("the staged schema cannot be read");
                for (auto l : static_cast<schema_object*>(o->value())->lines) add_line(l);
            }
            when_written([this] { join_page(-1); });
        })();
    });
}

/// Rows may hold more than the vector says, and what would bring the vector up to them is gone.
void space_body::lose_join(std::string const& why) {
    setup_.alarm("a state of space " + setup_.name + " was joined in part: " + why + "; what is not in memory waits for a peer's");
    half_joined_[0] = joins_over_behind() ? rows_behind : rows_ahead;
    write_known();
    end_joining(false);
}

/// When all rows of objects that are not in memory are on the disk: a listing would overtake them.
void space_body::when_written(std::function<void()> then) {
    if (store_error_) return; // it begins again when the file is open
    if (cold_in_flight_.empty() && staging_writes_ == 0) return then();
    after_rows_.push_back([this, then] {
        if (!stopped_ && joining_ && !rereading_) when_written(then);
    });
}

void space_body::join_page(std::int64_t after) {
    auto fetch = [this, after](std::uint32_t space, std::function<void(list_page&&)> then) {
        store_->list({space, 0, after, 256, 1 << 20, true},
                     [this, self = weak_from_this(), then](auto ec, list_page page) {
                         auto shared = std::make_shared<list_page>(std::move(page));
                         back(self, [this, self, then, ec, shared] {
                             auto alive = self.lock();
                             if (alive && !stopped_ && joining_ && !rereading_ && !ec) then(std::move(*shared));
                         })();
                     });
    };
    fetch(store_space_, [this, fetch](list_page&& own) {
        auto ours = std::make_shared<list_page>(std::move(own));
        fetch(staging_number(), [this, ours](list_page&& theirs) { join_rows(*ours, std::move(theirs)); });
    });
}

/// The objects up to the hash that both pages reach.
void space_body::join_rows(list_page const& own, list_page&& theirs) {
    auto reach = [](list_page const& p) { return p.end ? std::int64_t(hash_max) : std::int64_t(p.items.back().hash); };
    auto const last = std::min(reach(own), reach(theirs));
    std::map<type_and_key, object_state*> staged_here;
    for (auto& i : theirs.items) {
        if (std::int64_t(i.hash) > last) break;
        if (i.object.is != row_presence::present) return lose_join("a staged row is damaged");
        auto& type = make_type(store_->name(name_kind::type, i.type), nullptr, false);
        staged_here[{&type, i.key}] = &i.object;
    }
    for (auto& i : own.items) {
        if (std::int64_t(i.hash) > last) break;
        if (i.object.is == row_presence::damaged) staged_->damaged.insert(i.hash);
        if (!is_named(i)) continue;
        auto& type = make_type(store_->name(name_kind::type, i.type), nullptr, false);
        if (find(type, i.key)) continue;
        auto it = staged_here.find({&type, i.key});
        join_row(type, i.key, i.object, it == staged_here.end() ? nullptr : it->second);
        if (it != staged_here.end()) staged_here.erase(it);
        if (!joining_) return; // lost
    }
    for (auto& [name, state] : staged_here) {
        if (find(*name.type, name.key)) {
            if (!staged_object(*name.type, name.key, *state)) return lose_join("a staged state cannot be read");
            staged_->objects[name] = std::move(*state);
        } else
            join_row(*name.type, name.key, no_row(name), state);
        if (!joining_) return;
    }
    if (last < std::int64_t(hash_max)) return when_written([this, last] { join_page(last); });
    join_remaining();
    when_written([this] { switch_state(); });
}

/// Of an object for which no row was listed: absent, or damaged, its name included.
object_state space_body::no_row(type_and_key const& name) const {
    object_state row;
    if (staged_->damaged.contains(object_hash(name.type->name, name.key))) row.is = row_presence::damaged;
    return row;
}

/// Objects that only waiting deltas know here, or that are unknown, and that are gone there: all others were taken by
/// the pages.
void space_body::join_remaining() {
    std::vector<type_and_key> names;
    auto add = [&](cold_deltas::place const& where, cold_deltas::waiting const&) {
        names.push_back({&make_type(store_->name(name_kind::type, where.type), nullptr, false), where.key});
    };
    cold_.each(add);
    replayed_.each(add);
    for (auto& [name, needs] : unknown_) names.push_back(name);
    for (auto& name : names)
        if (!find(*name.type, name.key)) join_row(*name.type, name.key, no_row(name), nullptr);
}

/// A row that cannot be read is unknown: it presents an empty context and takes theirs, if that holds all that may have
/// been in it; else it stays unknown, and what waited for it goes: only a state that covers it can mend it.
void space_body::join_row(object_type& type, std::string const& key, object_state const& row,
                          object_state const* theirs) {
    auto number = type_number(type);
    auto old = replayed_.take(number, key), waiting = cold_.take(number, key);
    auto o = temporary(type, key);
    bool behind = joins_over_behind();
    // Of what was unknown once, what waited for it is gone, though its row may be readable by now.
    bool whole = !behind && row.is != row_presence::damaged && (!unknown_.contains({&type, key}) || mutant("recovery_trusts_a_row_again")) &&
                 (row.state.empty() || decode_object(*o, row.state, disk_names(), self_, shapes_)) &&
                 apply_records(*o, row.deltas) && apply_records(*o, old.records, row.upto) &&
                 apply_records(*o, waiting.records);
    auto const& reached = staged_->heads.applied();
    if (!whole && !behind) {
        now_unknown(type, key);
        auto& needs = unknown_.at({&type, key});
        if (!reached.covers(needs)) return needs.join(reached); // of what comes now it has nothing
    }
    if (!whole) o = temporary(type, key);
    unknown_.erase({&type, key});
    std::shared_ptr<object> other;
    if (theirs && !(other = staged_object(type, key, *theirs)))
        return lose_join("the staged state of " + type.name + " " + key + " cannot be read");
    version_vector nothing;
    joining j{whole ? heads_.applied() : nothing, reached, self_};
    type.part->join(o->value(), other ? other->value() : nullptr, j);
    if (o->fields().vacant(o->value())) {
        if (row.is != row_presence::absent) write_row(type, key, erase_write{name_of(type, key)});
        return;
    }
    auto state = encode_object(*o, table_, disk_names());
    bool same = whole && row.deltas.empty() && old.records.empty() && waiting.records.empty() && state == row.state;
    if (!same) write_row(type, key, state_write{name_of(type, key), std::move(state), deadline_for_row(*o)});
}

/// Lost, or done.
void space_body::end_joining(bool ok) {
    staged_.reset();
    joining_ = false;
    tell_joined(ok);
    end_rebuilding();
}

void space_body::tell_joined(bool ok) {
    boost::asio::post(setup_.executor, [this, self = weak_from_this(), ok] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        machine_->state_finished(ok, now(), actions_);
        if (!unknown_.empty() || rows_mislead()) machine_->want_state(); // from somebody who has seen more
        act(now());
    });
}

/// The vector and heads, as of all that is queued; once they are in the file all of it is.
void space_body::write_known(bool ends_join) {
    if (joined_unanswered_) return void(known_again_ = true);
    joined_unanswered_ = ends_join;
    encoder known, half;
    heads_.write(known);
    if (!half_joined_.empty() || joined_until_ || ends_join) {
        half.u8(std::uint8_t(half_joined_.empty() ? no_join : half_joined_[0]));
        half.u64(ends_join ? as_of_this_write : joined_until_);
        if (!half_joined_.empty()) half.raw(half_joined_.substr(1));
    }
    auto reached = std::make_shared<version_vector>(heads_.applied());
    store_->write(space_write{store_space_, half.take(), known.take()},
                  [this, self = weak_from_this(), reached, ends_join](write_result const& r) {
                      back(self, [this, self, reached, ends_join, failed = bool(r.error), row = r.row] {
                          auto alive = self.lock();
                          if (!alive || stopped_ || failed) return;
                          durable_.join(*reached);
                          committed();
                          if (!ends_join) return;
                          joined_unanswered_ = false, joined_until_ = row;
                          if (std::exchange(known_again_, false)) write_known();
                      })();
                  });
}

/// Who waited meanwhile goes on.
void space_body::end_rebuilding() {
    auto waiting = std::exchange(after_joining_, {});
    for (auto& w : waiting) w();
    indexes_.outdated(), indexes_.ring();
    rows_moved();
    schedule_tick();
}

/// In one step: what is in memory, the vector, the heads. From here on it is one state.
void space_body::switch_state() {
    seal();
    auto& s = *staged_;
    auto const& theirs = s.heads.applied();
    version_vector const nothing;
    absorbing_ = true;
    std::vector<object*> residents(objects_.begin(), objects_.end());
    for (auto o : residents) {
        auto it = s.objects.find({o->type, o->key});
        auto other = it == s.objects.end() ? nullptr : staged_object(*o->type, o->key, it->second);
        auto unknown = unknown_.find({o->type, o->key});
        bool is = unknown != unknown_.end();
        if (is && !theirs.covers(unknown->second)) {
            unknown->second.join(theirs);
            continue;
        }
        if (is) unknown_.erase(unknown);
        joining j{is ? nothing : heads_.applied(), mutant("state_removes_what_it_had_not_seen") ? heads_.applied() : theirs, self_};
        o->fields().join(o->value(), other ? other->value() : nullptr, j);
        if (store_) mark_unsaved(*o, log_.next_position()), save_state(*o, {});
    }
    if (!store_)
        for (auto& [name, state] : s.objects) {
            if (find(*name.type, name.key)) continue;
            auto other = staged_object(*name.type, name.key, state);
            if (!other) continue; // looked at when it came
            auto& o = make_object(*name.type, name.key);
            o.fields().join(o.value(), other->value(), joining{heads_.applied(), theirs, self_});
            residents.push_back(&o);
        }
    absorbing_ = false;
    for (std::uint32_t slot = 0; slot < s.heads.size(); ++slot) {
        if (s.heads[slot].number <= heads_[slot].number) continue;
        log_.raise_floor(slot, s.heads[slot].number);
        heads_.adopt(slot, s.heads[slot]);
        stamps_.see(s.heads[slot].stamp, setup_.clock->wall_now());
        advanced(slot);
    }
    bool behind = joins_over_behind();
    half_joined_.clear();
    joined_position_ = log_.next_position();
    if (store_) write_known(true), clear_staging([](bool) {});
    for (auto l : static_cast<schema_object*>(schema_->value())->lines) add_line(l);
    for (auto o : residents) {
        if (o->type->may_end) deadlines_changed(*o);
    }
    for (auto o : residents)
        if (!mutant("watch_is_not_told_of_a_state")) tell(*o, ~std::uint64_t(0) >> 1, true, dot());
    for (auto o : residents)
        if (o->type->holds_rights) rights_.heard(*o, true);
    ring_watches();
    if (on_entry) on_entry(true);
    end_joining(true);
    if (behind) fold_log();
}

/// Entries that the heads count are in no row, nor, perhaps, in the objects.
void space_body::rows_fell_behind() {
    setup_.alarm("the file has lost entries of space " + setup_.name + ": its objects wait for a peer's state");
    if (half_joined_is(join_begun) || joins_over_behind()) { // its heads are greater than ours
        if (half_joined_is(join_begun)) half_joined_[0] = join_over_behind;
    } else {
        encoder lost;
        lost.u8(rows_behind), heads_.write(lost);
        half_joined_ = lost.take();
    }
    write_known();
}

void space_body::nobody_else() {
    if (stopped_ || rebuilding() || !half_joined_is(rows_behind)) return;
    setup_.alarm("no other member has what the file has lost of space " + setup_.name + ": it goes on with what there is");
    half_joined_.clear();
    unknown_.erase({schema_->type, schema_key}), unknown_.erase({find_type(leases::type_name), leases::key});
    write_known();
    indexes_.outdated(), indexes_.ring();
    fold_log();
}

/// A hole that was dealt with is to lie below the floor soon: the next start would find it again.
void space_body::fold_log() {
    if (mutant("recovery_finds_a_hole_again")) return;
    setup_.on_long_log ? setup_.on_long_log() : checkpoint();
}

} // namespace dunlin
