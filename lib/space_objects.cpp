// Types and objects of a space: found, loaded, pinned, evicted, listed.
#include "../crdt/mutant.hpp"
#include "../crdt/table.hpp"
#include "schema.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

std::size_t space_body::object_hash_of::operator()(object const* o) const {
    return (*this)(object_key{o->type, o->key});
}
std::size_t space_body::object_hash_of::operator()(object_key const& k) const {
    return hash_bytes(k.key) ^ (k.type->name_hash * 0x9E3779B97F4A7C15u);
}

object_type& space_body::make_type(std::string_view name, struct_part const* part, bool known) {
    if (auto it = types_.find(name); it != types_.end()) return *it->second;
    auto t = std::make_unique<object_type>();
    t->name = name;
    t->name_hash = hash_bytes(name);
    t->part = part ? part : static_cast<struct_part const*>(shapes_.object(name));
    t->known = known;
    if (known) t->rights = rights::counters_in(*t->part);
    t->holds_rights = !t->rights.empty() || with_rights_.contains(name);
    tell_of_ends(*t);
    t->by_hash = std::make_shared<object_type::order>();
    return *types_.emplace(t->name, std::move(t)).first->second;
}

object_type* space_body::find_type(std::string_view name) {
    auto it = types_.find(name);
    return it == types_.end() ? nullptr : it->second.get();
}

object_type& space_body::type_of(struct_part const& part, bool reserved) {
    auto& name = part.name();
    if (!reserved && (name.empty() || name.size() > 512 || !is_utf8(name) || name.starts_with("dunlin")))
        throw boost::system::system_error(node_errc::bad_name, name);
    bool fresh = !find_type(name);
    auto& t = make_type(name, &part, true);
    if (fresh && t.may_end && loaded_) endings_.type_known();
    if (t.part != &part) {
        require(!t.known, "two C++ types of this program have one public name: give one another by DUNLIN_OBJECT_AS");
        relocate(t, part);
        if (t.may_end) endings_.type_known();
    }
    return t;
}

/// The program has begun to use a type of which only the schema was known: its objects get their struct.
void space_body::relocate(object_type& type, struct_part const& part) {
    rights_.forget(type);
    seal();
    struct kept {
        std::string key, state;
        std::uint64_t since;
        std::uint32_t pins, writing;
        bool dirty, leaving;
    };
    std::vector<object*> old;
    for (auto& o : type.by_hash->list) old.push_back(&o);
    std::vector<kept> all;
    auto names = full_names(table_);
    for (auto o : old) {
        all.push_back({o->key, encode_object(*o, table_, names), o->since, o->pins, o->writing, o->dirty, o->leaving});
        forget(*o);
    }
    type.part = &part, type.known = true, type.rights = rights::counters_in(part);
    type.holds_rights = type.holds_rights || !type.rights.empty();
    tell_of_ends(type);
    for (auto& k : all) {
        auto& o = make_object(type, k.key);
        require(decode_object(o, k.state, names, self_, shapes_), "an object could not be read with its own schema");
        o.writing = k.writing, o.leaving = k.leaving;
        if (k.dirty) mark_dirty(o, k.since);
        if ((o.pins = k.pins)) o.used.unlink();
        if (type.may_end) endings_.changed(o);
    }
}

object* space_body::find(object_type& type, std::string_view key) {
    auto it = objects_.find(object_key{&type, key});
    return it == objects_.end() ? nullptr : *it;
}

object& space_body::make_object(object_type& type, std::string_view key) {
    auto o = object::make(*this, type, key);
    objects_.insert(o);
    type.by_hash->list.insert(*o);
    used_.push_back(*o);
    o->counted_bytes = o->bytes();
    resident_bytes_ += o->counted_bytes;
    show_cells(*o);
    return *o;
}

void space_body::forget(object& o) {
    endings_.forget(o);
    resident_bytes_ -= o.counted_bytes;
    objects_.erase(&o);
    o.type->by_hash->list.erase(o.type->by_hash->list.iterator_to(o));
    object::destroy(&o);
}

void space_body::pin(object& o) {
    if (o.pins++ == 0 && o.used.is_linked()) o.used.unlink();
    o.leaving = false;
}

void space_body::count_bytes(object& o) {
    auto now = o.bytes();
    resident_bytes_ += now - o.counted_bytes;
    o.counted_bytes = now;
}

void space_body::unpin(object& o) {
    if (--o.pins) return;
    if (stopped_) return used_.push_back(o);
    // Measuring a large object costs its size: done rarely.
    auto n = ++o.unpinned;
    if (o.counted_bytes < 4096 || (n & (n - 1)) == 0) count_bytes(o);
    if (!store_ && !o.watches && o.fields().vacant(o.value())) return forget(o);
    used_.push_back(o);
    make_room();
}

void space_body::make_room() {
    if (!store_ || store_error_ || stopped_ || rebuilding()) return;
    unsigned returned = 0;
    for (auto it = used_.begin(); it != used_.end() && resident_bytes_ + cold_.bytes() + indexes_.bytes() > setup_.memory_bytes;) {
        auto& o = *it++;
        if (o.leaving || o.in_turn || o.watches) continue;
        if (o.type->holds_rights && rights_.has_pocket(o)) { // it leaves after that was put back
            if (returned < 64 && !is_busy() && !overloaded()) ++returned, rights_.put_back(o);
            continue;
        }
        leave(o);
    }
    // What waits for cold objects counts too: the longest waiting goes to its row, unread.
    cold_deltas::place where;
    std::uint64_t since;
    while (cold_.bytes() > cold_bytes_max() / 2 && cold_.oldest(where, since) && write_cold(where)) {}
    if (replayed_.bytes() > cold_bytes_max() && replayed_.oldest(where, since)) load_replayed(where);
}

void space_body::take_in_again() {
    if (!was_full_ || stopped_ || rebuilding() || overloaded() || indexes_.hold_back() || cold_.bytes() > cold_bytes_max() / 2) return;
    was_full_ = false;
    machine_->room(now(), actions_);
    act(now());
}

/// The deltas that wait for a cold object go to its row. Until they are there nobody may load it. False: not now.
bool space_body::write_cold(cold_deltas::place const& where) {
    auto& type = make_type(store_->name(name_kind::type, where.type), nullptr, false);
    type_and_key name{&type, where.key};
    if (pages_read_ || rebuilding() || cold_in_flight_.size() >= 4096 || cold_in_flight_.contains(name) || loading_.contains(name)) return false;
    if (replayed_.contains(where.type, where.key)) return load_replayed(where), false;
    auto w = cold_.take(where.type, where.key);
    auto look = type.may_end ? setup_.clock->wall_now().count() + endings::blind_ms : 0;
    endings_.row_ends(look);
    write_row(type, where.key, delta_write{name_of(type, where.key), std::move(w.records), 0, look});
    return true;
}

/// Of an object that is not in memory. Nobody loads it until that is answered: a load overtakes what is queued.
void space_body::write_row(object_type& type, std::string const& key, store_write write) {
    type_and_key name{&type, key};
    ++cold_in_flight_[name].queued, ++rows_queued_;
    store_->write(std::move(write), [this, self = weak_from_this(), name](write_result const& r) {
        back(self, [this, self, name, ec = r.error] {
            auto alive = self.lock();
            if (!alive || stopped_) return;
            ++rows_answered_;
            if (ec && !lost(ec)) { // the object is unknown now: only a state that covers it can mend it
                setup_.alarm("the row of " + name.type->name + " " + name.key + ": " + ec.message());
                machine_->want_state();
            }
            auto it = cold_in_flight_.find(name);
            if (it == cold_in_flight_.end() || --it->second.queued) return;
            bool wanted = it->second.wanted;
            cold_in_flight_.erase(it);
            if (wanted) load(*name.type, name.key);
            rows_moved();
            make_room();
            take_in_again();
        })();
    });
}

/// What was replayed at start may be in the row already: only a load can tell.
void space_body::load_replayed(cold_deltas::place const& where) {
    auto& type = make_type(store_->name(name_kind::type, where.type), nullptr, false);
    auto [it, fresh] = loading_.try_emplace({&type, where.key});
    if (fresh) load(type, where.key);
}

void space_body::leave(object& o) {
    if (!o.dirty && o.writing) return; // a load would find the state before
    if (!o.dirty || mutant("eviction_drops_what_is_dirty")) return forget(o);
    o.leaving = true;
    save_state(o, [this, &type = *o.type, key = o.key](write_result const& r) {
        auto saved = find(type, key);
        if (!saved || !saved->leaving) return;
        saved->leaving = false;
        // A state that is being joined counts on what was in memory when its page came.
        if (!r.error && !saved->pins && !saved->dirty && !saved->writing && !rebuilding()) forget(*saved);
    });
    if (mutant("eviction_forgets_before_the_commit")) forget(o);
}

object* space_body::local(object_type& type, std::string_view key) {
    auto o = find(type, key);
    if (!o && store_) return nullptr;
    if (!o) o = &make_object(type, key);
    pin(*o);
    return o;
}

void space_body::open(object_type& type, std::string key, open_handler handler) {
    auto answer = [&](boost::system::error_code ec, object* o) {
        boost::asio::post(setup_.executor, [h = std::move(handler), ec, o]() mutable { std::move(h)(ec, o); });
    };
    if (stopped_) return answer(node_errc::stopped, nullptr);
    if (key.empty() || key.size() > 512 || !is_utf8(key)) return answer(node_errc::bad_name, nullptr);
    if (rebuilding()) {
        auto shared = std::make_shared<open_handler>(std::move(handler));
        return after_joining_.push_back([this, &type, key, shared] { open(type, key, std::move(*shared)); });
    }
    if (auto o = local(type, key)) {
        if (type.known) return answer({}, o);
        // Until it is told the program may come to know the type: then it lies elsewhere, and is pinned there.
        return boost::asio::post(setup_.executor, [this, self = weak_from_this(), &type, key, h = std::move(handler)]() mutable {
            if (auto alive = self.lock()) std::move(h)(boost::system::error_code(), find(type, key));
        });
    }
    if (resident_bytes_ > setup_.memory_bytes && used_.empty()) return answer(node_errc::memory_full, nullptr);
    auto [it, fresh] = loading_.try_emplace({&type, key});
    it->second.push_back(std::move(handler));
    if (fresh) load(type, key);
}

std::uint32_t space_body::type_number(object_type& type) {
    if (!type.number) type.number = store_->intern(name_kind::type, type.name);
    return type.number;
}

object_name space_body::name_of(object_type& type, std::string_view key) {
    return {store_space_, type_number(type), object_hash(type.name, key), std::string(key)};
}

void space_body::load(object_type& type, std::string const& key) {
    // Not from a file that may hold less than this run has said: whoever counted on from that would lose the rest.
    if (store_error_ && !mutant("recovery_reads_a_file_it_gave_up"))
        return boost::asio::post(setup_.executor, [this, self = weak_from_this(), &type, key] {
            if (auto alive = self.lock()) finish_open(type, key, store_errc::reopen_needed, nullptr);
        });
    if (auto it = cold_in_flight_.find({&type, key}); it != cold_in_flight_.end()) {
        it->second.wanted = true;
        if (store_->state() == store_state::disk_full)
            boost::asio::post(setup_.executor, [self = weak_from_this()] {
                if (auto alive = self.lock()) alive->file_full();
            });
        return;
    }
    store_->load(name_of(type, key),
                 [this, self = weak_from_this(), &type, key](boost::system::error_code ec, object_state row) {
                     auto shared = std::make_shared<object_state>(std::move(row));
                     back(self, [this, self, &type, key, ec, shared] {
                         if (auto alive = self.lock()) loaded(type, key, ec, std::move(*shared));
                     })();
                 });
}

void space_body::file_full() {
    std::vector<type_and_key> waiting;
    for (auto& [name, row] : cold_in_flight_)
        if (auto it = loading_.find(name); !stopped_ && row.wanted && it != loading_.end() && !it->second.empty())
            row.wanted = false, waiting.push_back(name);
    for (auto& name : waiting) finish_open(*name.type, name.key, store_errc::disk_full, nullptr);
}

void space_body::loaded(object_type& type, std::string const& key, boost::system::error_code ec, object_state&& row) {
    if (rebuilding()) {
        auto shared = std::make_shared<object_state>(std::move(row));
        return after_joining_.push_back([this, &type, key, ec, shared] { load(type, key); });
    }
    if (ec || stopped_) return finish_open(type, key, ec ? ec : make_error_code(node_errc::stopped), nullptr);
    if (auto o = find(type, key)) return finish_open(type, key, {}, o);
    if (rows_mislead() && loaded_) return finish_open(type, key, node_errc::object_unknown, nullptr);
    if (row.is == row_presence::damaged && !mutant("recovery_takes_damage_for_absence")) {
        now_unknown(type, key);
        return finish_open(type, key, node_errc::object_unknown, nullptr);
    }
    auto& o = make_object(type, key);
    bool whole = row.state.empty() || decode_object(o, row.state, disk_names(), self_, shapes_);
    auto number = type_number(type);
    auto old = replayed_.take(number, key);
    whole = whole && apply_records(o, row.deltas) && apply_records(o, old.records, row.upto);
    if (!whole) {
        forget(o);
        now_unknown(type, key);
        return finish_open(type, key, node_errc::object_unknown, nullptr);
    }
    count_bytes(o);
    if (!old.records.empty()) mark_dirty(o, 0);
    if (auto w = cold_.take(number, key); !w.records.empty()) {
        require(apply_records(o, w.records), "deltas that were checked could not be applied");
        mark_dirty(o, w.since);
    }
    if (type.may_end) endings_.changed(o);
    finish_open(type, key, {}, &o);
}

/// What waits for it is in what its peers have: a state is taken whole, and only if it holds at least as much.
void space_body::now_unknown(object_type& type, std::string const& key) {
    auto number = type_number(type);
    cold_.take(number, key), replayed_.take(number, key);
    machine_->want_state();
    indexes_.unknown(type);
    if (unknown_.try_emplace({&type, key}, heads_.applied()).second)
        setup_.alarm("the row of " + type.name + " " + key + " is damaged: it is unknown here until a peer sends it");
}

void space_body::finish_open(object_type& type, std::string const& key, boost::system::error_code ec, object* o) {
    auto it = loading_.find({&type, key});
    if (it == loading_.end()) return;
    auto waiting = std::move(it->second);
    loading_.erase(it);
    if (o)
        for (std::size_t k = 0; k < waiting.size(); ++k) pin(*o);
    for (auto& h : waiting) {
        auto call = std::move(h);
        std::move(call)(ec, o);
    }
    if (o) make_room();
    rows_moved();
}

/// Each record is one entry's delta of this object. Those replayed from rows up to `upto` are in it already.
bool space_body::apply_records(object& o, bytes_view records, std::uint64_t upto) {
    if (records.empty()) return true;
    auto slot_of = [&](std::uint32_t number) {
        if (!store_) return number;
        auto bytes = store_->name(name_kind::writer, number);
        decoder in(bytes);
        auto w = read_writer(in);
        return in.finished() ? table_.intern(w) : writers::none;
    };
    return cold_deltas::read(records, [&](cold_deltas::record const& r) {
        if (r.row && r.row <= upto && !mutant("recovery_replays_what_the_row_holds")) return true;
        std::vector<std::uint32_t> slots{slot_of(r.writer)};
        for (auto w : r.writers) slots.push_back(slot_of(w));
        for (auto s : slots)
            if (s == writers::none) return false;
        decoder look(r.delta), in(r.delta);
        checking c{look, slots.size(), r.number, 0, &shapes_};
        o.fields().check(c);
        if (!look.finished()) return false;
        absorbing a{in, slots, dot(slots[0], r.number), r.stamp, self_, &shapes_};
        o.fields().join_delta(o.value(), a);
        return true;
    });
}

void space_body::erase(object& o) {
    if (!o.fields().may_erase(o.value()))
        throw boost::system::system_error(node_errc::rights_elsewhere, o.type->name + " " + o.key);
    o.fields().erase(o.value());
    o.past_kept = true;
}

writer_names space_body::disk_names() {
    return {[this](encoder& out, std::uint32_t slot) {
                out.u(store_->intern(name_kind::writer, view_of_writer(table_.id(slot))));
            },
            [this](decoder& in) {
                auto number = in.u();
                if (number > name_number_max) return writers::none;
                auto bytes = store_->name(name_kind::writer, std::uint32_t(number));
                decoder id(bytes);
                auto w = read_writer(id);
                return id.finished() ? table_.intern(w) : writers::none;
            }};
}

} // namespace dunlin
