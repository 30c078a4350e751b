// The taker of a state: each piece is looked at whole as it comes, and goes to rows of its own.
#include "../crdt/mutant.hpp"
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

/// The rows of a transfer that came to nothing go, a page at a time.
void space_body::clear_staging(std::function<void(bool)> then) {
    if (!store_) return then(true);
    if (staging_writes_) // a listing overtakes what is queued
        return after_rows_.push_back([this, then] { clear_staging(then); });
    store_->list({staging_number(), 0, -1, 512, 1 << 20, false},
                 [this, self = weak_from_this(), then](auto ec, list_page page) {
                     auto shared = std::make_shared<list_page>(std::move(page));
                     back(self, [this, self, then, ec, shared] {
                         auto alive = self.lock();
                         if (!alive || stopped_) return;
                         if (ec || shared->items.empty()) return then(!ec);
                         auto left = std::make_shared<std::size_t>(shared->items.size());
                         for (auto& i : shared->items) {
                             ++staging_writes_;
                             store_->write(erase_write{{staging_number(), i.type, i.hash, i.key}},
                                           [this, self, then, left](write_result const& r) {
                                               back(self, [this, self, then, left, failed = bool(r.error)] {
                                                   auto still = self.lock();
                                                   if (!still || stopped_) return;
                                                   if (--staging_writes_ == 0) rows_moved();
                                                   if (failed) *left = 0, then(false);
                                                   else if (*left && --*left == 0) clear_staging(then);
                                               })();
                                           });
                         }
                     })();
                 });
}

object_name space_body::staging_name(object_type& type, std::string_view key) {
    if (!store_) return {};
    auto name = name_of(type, key);
    name.space = staging_number();
    return name;
}

/// One object's row in the staging space, or in memory if there is no file.
void space_body::stage(object_type& type, std::string_view key, store_write&& write, staging_step& step) {
    if (!store_) {
        auto& there = staged_->objects[{&type, std::string(key)}];
        there.is = row_presence::present;
        if (auto s = std::get_if<state_write>(&write)) there.state = std::move(s->state);
        if (auto d = std::get_if<delta_write>(&write)) there.deltas += d->deltas;
        return;
    }
    ++step.left, ++staging_writes_;
    store_->write(std::move(write), [this, self = weak_from_this(), s = step.shared_from_this()](write_result const& r) {
        back(self, [this, self, s, failed = bool(r.error)] {
            auto alive = self.lock();
            if (!alive || stopped_) return;
            if (--staging_writes_ == 0) rows_moved();
            s->ok = s->ok && !failed;
            answer_staging(*s);
        })();
    });
}

/// The machine goes on when every row of the piece is on the disk; nobody waits if the transfer was given up.
void space_body::answer_staging(staging_step& step) {
    if (--step.left || step.of != staged_) return;
    machine_->state_staged(step.ok, now(), actions_);
    act(now());
}

void space_body::stage_state(std::string bytes) {
    bool begins = !staged_ || (!bytes.empty() && bytes[0] == 0);
    if (begins) staged_ = std::make_shared<staged>(table_);
    auto step = std::make_shared<staging_step>();
    step->of = staged_;
    auto look = [this, self = weak_from_this(), step, bytes = std::move(bytes)](bool cleared) {
        auto alive = self.lock();
        if (!alive || stopped_ || step->of != staged_) return;
        step->ok = cleared && stage_piece(bytes, *step) && step->ok;
        answer_staging(*step);
    };
    boost::asio::post(setup_.executor, [this, self = weak_from_this(), begins, look = std::move(look)] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        if (begins)
            clear_staging(look);
        else
            look(true);
    });
}

bool space_body::stage_piece(bytes_view bytes, staging_step& step) {
    decoder in(bytes);
    switch (in.u8()) {
    case 0:
        staged_->begun = staged_->heads.read(in, writers::foreign_max) && in.finished();
        // Of our present run nobody has more than we.
        return staged_->begun && staged_->heads[self_].number <= heads_[self_].number;
    case 1: return staged_->begun && stage_objects(in, step) && in.finished();
    case 3: return stage_part(in, step);
    case 2: return staged_->whole() && stage_tail(in, step) && in.finished();
    }
    return false;
}

bool space_body::stage_part(decoder& in, staging_step& step) {
    auto more = in.u();
    auto part = in.bytes();
    if (!in.finished() || more > 1 || staged_->parts.size() + part.size() > state_bytes_max) return false;
    staged_->parts.append(part);
    if (more) return true;
    auto whole = std::exchange(staged_->parts, {});
    return !whole.empty() && whole[0] != 3 && stage_piece(whole, step);
}

bool space_body::stage_objects(decoder& in, staging_step& step) {
    auto& s = *staged_;
    staged::piece p;
    for (auto n = in.count(25); n && in.ok(); --n) {
        auto slot = table_.intern_foreign(read_writer(in));
        auto number = in.u();
        if (slot == writers::none || number > dot::number_max) return false;
        p.as_of.raise(slot, number);
    }
    auto last = in.u();
    if (last > hash_max || (!s.pieces.empty() && std::int64_t(last) <= s.pieces.back().last)) return false;
    p.last = std::int64_t(last);
    auto names = full_names(table_);
    auto said = temporary(*schema_->type, schema_->key); // what it calls its fields: the states below need it
    auto schema = in.bytes();
    if (!schema.empty() && !decode_object(*said, schema, names, self_, shapes_)) return false;
    for (auto l : static_cast<schema_object*>(said->value())->lines) add_line(l);
    auto above = s.pieces.empty() ? std::int64_t(-1) : s.pieces.back().last;
    for (auto n = in.count(3); n && in.ok(); --n) {
        auto name = in.bytes(512), key = in.bytes(512), state = in.bytes();
        if (!in.ok() || name.empty() || key.empty() || !is_utf8(name) || !is_utf8(key)) return false;
        auto& type = make_type(name, nullptr, false);
        auto hash = std::int64_t(object_hash(name, key));
        if (hash <= above || hash > p.last) return false;
        std::string kept(state);
        if (!decode_object(*temporary(type, key), state, names, self_, shapes_)) return false;
        if (store_ && !rename_writers(state, names, disk_names(), kept)) return false;
        stage(type, key, state_write{staging_name(type, key), std::move(kept)}, step);
    }
    s.pieces.push_back(std::move(p));
    return in.ok();
}

/// Each entry is checked as from a link; its deltas go to the objects whose pieces had not seen it.
bool space_body::stage_tail(decoder& in, staging_step& step) {
    auto& s = *staged_;
    entry_body body;
    for (auto n = in.count(30); n && in.ok(); --n) {
        series one;
        if (!one.read(in)) return false;
        auto prior = one.prior;
        for (series_cursor c(one); c.next();) {
            auto& e = c.entry();
            if (!body.read(e.body) || s.heads.check(e, body, prior) != verdict::connects ||
                !check_delta(e, body, s.heads) || (e.writer == table_.id(self_) && e.number > heads_[self_].number))
                return false;
            auto slot = s.heads.advance(e, body);
            if (slot == writers::none) return false;
            each_object_delta(body.delta, [&](object_delta const& d) {
                auto p = mutant("state_tail_skips_by_the_last_piece") ? &s.pieces.back() : s.of(object_hash(d.type, d.key));
                if (p && p->as_of.covers(dot(slot, e.number))) return true;
                auto& type = make_type(d.type, nullptr, false);
                stage(type, d.key, delta_write{staging_name(type, d.key), record_of(e, body, d.delta, 0), 0}, step);
                return true;
            });
            prior = prior_of(entry_hash(prior, e.writer, e.number, e.stamp, e.body));
        }
    }
    return in.ok();
}

void space_body::abandon_state() {
    if (!joining_) staged_.reset();
}

} // namespace dunlin
