// The taker of a state: pieces are looked at as they come, and joined when all are there.
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

std::shared_ptr<object> space_body::temporary(object_type& type, std::string_view key) {
    return {object::make(*this, type, key), object::destroy};
}

void space_body::stage_state(std::string bytes) {
    if (!staged_) staged_ = std::make_unique<staged>(table_);
    bool ok = stage_piece(bytes);
    boost::asio::post(setup_.executor, [this, self = weak_from_this(), ok] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        machine_->state_staged(ok, now(), actions_);
        act(now());
    });
}

bool space_body::stage_piece(bytes_view bytes) {
    auto& s = *staged_;
    decoder in(bytes);
    s.bytes += bytes.size();
    switch (in.u8()) {
    case 0:
        if (s.begun) staged_ = std::make_unique<staged>(table_);
        staged_->begun = staged_->heads.read(in);
        return staged_->begun && in.finished();
    case 1: {
        staged::piece p;
        for (auto n = in.count(25); n && in.ok(); --n) {
            auto slot = table_.intern(read_writer(in));
            auto number = in.u();
            if (slot == writers::none || number > dot::number_max) return false;
            p.as_of.raise(slot, number);
        }
        p.last = std::int64_t(in.u());
        for (auto n = in.count(3); n && in.ok(); --n) {
            auto type = in.bytes(512), key = in.bytes(512), state = in.bytes();
            if (type.empty() || key.empty() || !is_utf8(type) || !is_utf8(key)) return false;
            s.objects[{std::string(type), std::string(key)}].state = state;
        }
        s.pieces.push_back(std::move(p));
        return s.begun && in.finished();
    }
    case 2: {
        for (auto n = in.count(30); n && in.ok(); --n) {
            series one;
            if (!one.read(in)) return false;
            auto prior = one.prior;
            series_cursor c(one);
            while (c.next()) {
                auto& e = c.entry();
                s.tail.push_back({e.writer, e.number, e.stamp, prior, std::string(e.body)});
                prior = prior_of(entry_hash(prior, e.writer, e.number, e.stamp, e.body));
            }
        }
        return s.begun && in.finished();
    }
    }
    return false;
}

void space_body::abandon_state() {
    if (!joining_state_) staged_.reset();
}

/// Everything of the tail is looked at; each entry's deltas go to the objects whose pieces had not seen it.
bool space_body::read_staged() {
    auto& s = *staged_;
    auto schema = s.objects.find({schema_->type->name, schema_->key});
    if (schema != s.objects.end()) {
        auto o = temporary(*schema_->type, schema_->key);
        if (!decode_object(*o, schema->second.state, full_names(table_), self_, shapes_)) return false;
        for (auto l : static_cast<schema_object*>(o->value())->lines) add_line(l);
    }
    entry_body body;
    for (std::size_t k = 0; k < s.tail.size(); ++k) {
        auto& t = s.tail[k];
        entry e{t.writer, t.number, t.stamp, t.body};
        if (!body.read(e.body) || s.heads.check(e, body, t.prior) != verdict::connects || !check_delta(e, body))
            return false;
        auto slot = s.heads.advance(e, body);
        if (slot == writers::none) return false;
        each_object_delta(body.delta, [&](object_delta const& one) {
            auto h = std::int64_t(object_hash(one.type, one.key));
            auto p = std::find_if(s.pieces.begin(), s.pieces.end(), [&](auto& x) { return h <= x.last; });
            if (p != s.pieces.end() && p->as_of.covers(dot(slot, t.number))) return true;
            s.objects[{std::string(one.type), std::string(one.key)}].deltas.emplace_back(k, one.delta);
            return true;
        });
    }
    for (auto& [name, i] : s.objects) { // every state is read once before anything is joined
        auto& type = make_type(name.first, nullptr, false);
        auto o = temporary(type, name.second);
        if (!i.state.empty() && !decode_object(*o, i.state, full_names(table_), self_, shapes_)) return false;
    }
    return true;
}

/// Theirs at their vector, or null.
std::shared_ptr<object> space_body::staged_object(object_type& type, std::string const& key) {
    auto it = staged_->objects.find({type.name, key});
    if (it == staged_->objects.end()) return nullptr;
    auto o = temporary(type, key);
    if (!it->second.state.empty())
        require(decode_object(*o, it->second.state, full_names(table_), self_, shapes_),
                "a state that was checked could not be read");
    entry_body body;
    for (auto& [k, delta] : it->second.deltas) {
        auto& t = staged_->tail[k];
        require(body.read(t.body), "an entry that was checked could not be read");
        std::vector<std::uint32_t> slots{table_.intern(t.writer)};
        for (auto& w : body.writers) slots.push_back(table_.intern(w));
        decoder in(delta);
        absorbing a{in, slots, dot(slots[0], t.number), t.stamp, self_, &shapes_};
        type.part->join_delta(o->value(), a);
    }
    return o;
}

void space_body::finish_state() {
    seal();
    auto finished = [this](bool ok) {
        staged_.reset();
        boost::asio::post(setup_.executor, [this, self = weak_from_this(), ok] {
            auto alive = self.lock();
            if (!alive || stopped_) return;
            machine_->state_finished(ok, now(), actions_);
            act(now());
        });
    };
    if (!staged_ || !staged_->begun || !read_staged()) return finished(false);
    joining_state_ = true;
    staged_->mine = heads_.applied();
    if (store_)
        continue_joining(-1);
    else
        switch_state();
}

/// Rows of objects that are not in memory, a page at a time; opens wait meanwhile.
void space_body::continue_joining(std::int64_t after) {
    store_->list({store_space_, 0, after, 256, 1 << 20, true},
                 [this, self = weak_from_this()](auto ec, list_page page) {
                     auto shared = std::make_shared<list_page>(std::move(page));
                     back([this, self, ec, shared] {
                         auto alive = self.lock();
                         if (!alive || stopped_) return;
                         if (ec) setup_.alarm("the state could not be joined with the file: " + ec.message());
                         for (auto& i : shared->items) {
                             if (i.type == 0) continue;
                             auto& type = make_type(store_->name(name_kind::type, i.type), nullptr, false);
                             if (!find(type, i.key)) join_row(type, i.key, i.object);
                         }
                         if (!ec && !shared->end && !shared->items.empty())
                             return continue_joining(std::int64_t(shared->items.back().hash));
                         for (auto& [name, i] : staged_->objects) { // what has no row here
                             auto& type = make_type(name.first, nullptr, false);
                             if (!find(type, name.second) && !joined_.contains({&type, name.second}))
                                 join_row(type, name.second, {});
                         }
                         join_waiting();
                         switch_state();
                     })();
                 });
}

/// Objects that only deltas know here, and that are gone there.
void space_body::join_waiting() {
    std::vector<cold_deltas::place> places;
    auto add = [&](cold_deltas::place const& where, cold_deltas::waiting const&) { places.push_back(where); };
    cold_.each(add);
    replayed_.each(add);
    for (auto& p : places) {
        auto& type = make_type(store_->name(name_kind::type, p.type), nullptr, false);
        if (!find(type, p.key) && !joined_.contains({&type, p.key})) join_row(type, p.key, {});
    }
}

void space_body::join_row(object_type& type, std::string const& key, object_state const& row) {
    joined_.insert({&type, key});
    auto o = temporary(type, key);
    bool whole = row.is != presence::damaged &&
                 (row.state.empty() || decode_object(*o, row.state, disk_names(), self_, shapes_)) &&
                 apply_records(*o, row.deltas);
    auto number = type_number(type);
    auto old = replayed_.take(number, key), waiting = cold_.take(number, key);
    whole = whole && apply_records(*o, old.records, row.upto) && apply_records(*o, waiting.records);
    auto const& theirs = staged_->heads.applied();
    version_vector nothing;
    if (!whole) { // unknown presents an empty context: it takes theirs, if they have all that we had
        if (!theirs.covers(heads_.applied())) return;
        o = temporary(type, key);
    }
    joining j{whole ? heads_.applied() : nothing, theirs, self_};
    auto other = staged_object(type, key);
    type.part->join(o->value(), other ? other->value() : nullptr, j);
    if (o->fields().vacant(o->value()))
        write_row(type, key, erase_write{name_of(type, key)});
    else
        write_row(type, key, state_write{name_of(type, key), encode_object(*o, table_, disk_names())});
}

/// In one step: what is in memory, the vector, the heads. From here on it is one state.
void space_body::switch_state() {
    seal();
    auto& s = *staged_;
    auto const& theirs = s.heads.applied();
    joining j{heads_.applied(), theirs, self_};
    absorbing_ = true;
    std::vector<object*> residents(objects_.begin(), objects_.end());
    for (auto o : residents) {
        auto other = staged_object(*o->type, o->key);
        o->fields().join(o->value(), other ? other->value() : nullptr, j);
        if (store_) mark_dirty(*o, log_.next_position()), save_state(*o, {});
    }
    if (!store_)
        for (auto& [name, i] : s.objects) {
            auto& type = make_type(name.first, nullptr, false);
            if (find(type, name.second)) continue;
            auto other = staged_object(type, name.second);
            auto& o = make_object(type, name.second);
            o.fields().join(o.value(), other->value(), j);
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
    if (store_) {
        encoder known;
        heads_.write(known);
        auto reached = std::make_shared<version_vector>(theirs);
        store_->write(space_write{store_space_, {}, known.take()},
                      [this, self = weak_from_this(), reached](write_result const& r) {
                          back([this, self, reached, failed = bool(r.error)] {
                              auto alive = self.lock();
                              if (!alive || stopped_ || failed) return;
                              durable_.join(*reached);
                              committed();
                          })();
                      });
    }
    for (auto l : static_cast<schema_object*>(schema_->value())->lines) add_line(l);
    for (auto o : residents) tell(*o, ~std::uint64_t(0) >> 1, true, dot());
    joined_.clear();
    staged_.reset();
    joining_state_ = false;
    ring_watches();
    if (on_entry) on_entry(true);
    boost::asio::post(setup_.executor, [this, self = weak_from_this()] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        machine_->state_finished(true, now(), actions_);
        act(now());
    });
    auto waiting = std::move(after_joining_);
    after_joining_.clear();
    for (auto& w : waiting) w();
    rows_moved();
}

} // namespace dunlin
