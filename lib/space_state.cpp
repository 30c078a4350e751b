// A space as state, given to a peer piece by piece; space_stage.cpp takes it, space_join.cpp joins it.
//
//   piece := 0 | heads                                                                   as of the beginning
//          | 1 | u n, n x {writer 24, u number} | u last hash | bytes schema | u m, m x {bytes type, bytes key, bytes state}
//          | 2 | u n, n x series                                                         what was applied since, in order
//          | 3 | u more | bytes part                                     of a piece that is larger than a message may be
//
// Objects are read while the space goes on: each piece of them says as of which vector it was read, and entries that
// follow are joined to an object only if its piece had not seen them. So the receiver ends with one state at one
// vector. `schema` is the state of the schema object: what the fields of this piece are called.
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

namespace {
constexpr std::size_t piece_bytes = 256 << 10;
constexpr std::size_t part_bytes = wire_bounds::chunk_max - 64; // of a piece in one message

std::string cursor_of(int phase, std::int64_t after) {
    encoder out;
    out.u8(std::uint8_t(phase)), out.i(after);
    return out.take();
}
} // namespace

void space_body::send_piece(std::uint64_t request, state_piece piece) {
    auto shared = std::make_shared<state_piece>(std::move(piece));
    boost::asio::post(setup_.executor, [this, self = weak_from_this(), request, shared] {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        machine_->state_read(request, std::move(*shared), now(), actions_);
        act(now());
    });
}

void space_body::read_state(std::uint64_t request, std::uint64_t token, std::string const& cursor) {
    state_piece piece;
    std::erase_if(transfers_, [&](auto& t) { return t->used + std::chrono::minutes(1) < now(); });
    if (token == 0) {
        seal();
        if (transfers_.size() >= 8) transfers_.erase(transfers_.begin());
        auto& t = *transfers_.emplace_back(std::make_unique<transfer>());
        t.token = ++last_token_, t.used = now();
        t.have = heads_.applied();
        encoder out;
        out.u8(0);
        heads_.write(out);
        piece.bytes = out.take(), piece.next = cursor_of(1, -1);
        return give_piece(request, t, std::move(piece));
    }
    auto it = std::find_if(transfers_.begin(), transfers_.end(), [&](auto& t) { return t->token == token; });
    decoder in(cursor);
    auto phase = in.u8();
    auto after = in.i();
    if (it == transfers_.end() || !in.finished() || !(*it)->have.covers(log_.floor()) || rebuilding() ||
        rows_mislead() || store_error_) {
        piece.gone = true;
        return send_piece(request, std::move(piece));
    }
    (*it)->used = now();
    if (phase == 1)
        read_objects(request, token, after);
    else if (phase == 2)
        read_tail(request, **it);
    else
        read_part(request, **it);
}

void space_body::drop_state(std::uint64_t token) {
    std::erase_if(transfers_, [&](auto& t) { return t->token == token; });
}

/// A piece may be larger than a message: one object may be. Then it goes in parts.
void space_body::give_piece(std::uint64_t request, transfer& t, state_piece piece) {
    piece.token = t.token;
    if (piece.bytes.size() <= part_bytes) return send_piece(request, std::move(piece));
    t.whole = std::move(piece), t.given = 0;
    read_part(request, t);
}

void space_body::read_part(std::uint64_t request, transfer& t) {
    state_piece part;
    auto left = bytes_view(t.whole.bytes).substr(std::min(t.given, t.whole.bytes.size()));
    auto now_given = left.substr(0, part_bytes);
    bool more = now_given.size() < left.size();
    encoder out;
    out.u8(3), out.u(more), out.bytes(now_given);
    part.token = t.token, part.bytes = out.take();
    part.next = more ? cursor_of(3, 0) : t.whole.next, part.last = !more && t.whole.last;
    t.given += now_given.size();
    if (!more) t.whole = {};
    send_piece(request, std::move(part));
}

/// Objects of the next hashes, from memory and from their rows. What is on its way to a row is in neither: so it
/// arrives first, and nothing more sets out until the page is read.
void space_body::read_objects(std::uint64_t request, std::uint64_t token, std::int64_t after) {
    if (!store_) return give_objects(request, token, after, {});
    ++pages_read_;
    list_arrived(request, token, after);
}

void space_body::list_arrived(std::uint64_t request, std::uint64_t token, std::int64_t after) {
    if (!cold_in_flight_.empty() && !store_error_)
        return after_rows_.push_back([this, request, token, after] { list_arrived(request, token, after); });
    store_->list({store_space_, 0, after, setup_.piece_objects, piece_bytes, true},
                 [this, self = weak_from_this(), request, token, after](auto ec, list_page page) {
                     auto shared = std::make_shared<list_page>(std::move(page));
                     back(self, [this, self, request, token, after, ec, shared] {
                         auto alive = self.lock();
                         if (!alive || stopped_) return;
                         if (!ec) give_objects(request, token, after, *shared);
                         --pages_read_;
                         rows_moved();
                         make_room();
                     })();
                 });
}

void space_body::give_objects(std::uint64_t request, std::uint64_t token, std::int64_t after, list_page const& page) {
    seal();
    staged_objects found;
    bool end = !store_ || page.end;
    auto last = end ? std::int64_t(hash_max) : std::int64_t(page.items.back().hash);
    end = find_resident(after, last, found) && end;
    auto it = std::find_if(transfers_.begin(), transfers_.end(), [&](auto& t) { return t->token == token; });
    if (is_unknown(*schema_) || !find_cold(after, last, page, found) || it == transfers_.end()) {
        state_piece gone;
        gone.gone = true;
        return send_piece(request, std::move(gone));
    }
    encoder out;
    out.u8(1);
    std::uint64_t n = 0;
    encoder vector;
    for (std::uint32_t s = 0; s < heads_.size(); ++s)
        if (auto number = heads_[s].number) write_writer(vector, table_.id(s)), vector.u(number), ++n;
    out.u(n), out.raw(vector.view()), out.u(std::uint64_t(last));
    out.bytes(encode_object(*schema_, table_, full_names(table_)));
    out.u(found.size());
    for (auto& f : found) out.bytes(f.type), out.bytes(f.key), out.bytes(f.state);
    state_piece piece;
    piece.bytes = out.take();
    piece.next = end ? cursor_of(2, 0) : cursor_of(1, last);
    give_piece(request, **it, std::move(piece));
}

/// Resident objects with after < hash <= last, until they are a piece; then `last` is lowered. True: none are beyond.
bool space_body::find_resident(std::int64_t after, std::int64_t& last, staged_objects& found) {
    std::vector<object*> all;
    for (auto& [name, t] : types_) {
        auto& list = t->by_hash->list;
        std::size_t n = 0;
        std::uint64_t before = 0;
        for (auto it = after < 0 ? list.begin() : list.upper_bound(std::uint64_t(after), by_hash());
             it != list.end() && std::int64_t(it->hash) <= last; ++it) {
            all.push_back(&*it);
            if (++n > setup_.piece_objects && it->hash != before) break; // one more, so that the end is seen
            before = it->hash;
        }
    }
    std::sort(all.begin(), all.end(), [](auto a, auto b) { return a->hash < b->hash; });
    auto names = full_names(table_);
    std::size_t bytes = 0, n = 0;
    for (; n < all.size(); ++n) { // never ends between two objects of one hash
        bool full = n >= setup_.piece_objects || bytes > piece_bytes;
        if (full && all[n]->hash != all[n - 1]->hash) break;
        auto& o = *all[n];
        if (o.fields().vacant(o.value())) continue;
        found.push_back({o.type->name, o.key, encode_object(o, table_, names)});
        bytes += found.back().state.size();
    }
    if (n == all.size()) return true;
    last = std::int64_t(all[n - 1]->hash);
    return false;
}

/// Cold objects of the page, and those that have no row yet. False: one of them is unknown here.
bool space_body::find_cold(std::int64_t after, std::int64_t last, list_page const& page, staged_objects& found) {
    auto names = full_names(table_);
    auto add = [&](object_type& type, std::string const& key, object_state const& row, std::uint32_t number) {
        std::string state;
        auto old = replayed_.look(number, key), waiting = cold_.look(number, key);
        if (row.deltas.empty() && old.empty() && waiting.empty()) {
            if (!rename_writers(row.state, disk_names(), names, state)) return false;
        } else {
            auto o = temporary(type, key);
            if (!row.state.empty() && !decode_object(*o, row.state, disk_names(), self_, shapes_)) return false;
            if (!apply_records(*o, row.deltas) || !apply_records(*o, old, row.upto) || !apply_records(*o, waiting))
                return false;
            if (o->fields().vacant(o->value())) return true;
            state = encode_object(*o, table_, names);
        }
        found.push_back({type.name, key, std::move(state)});
        return true;
    };
    std::map<std::pair<std::uint32_t, std::string>, bool> seen;
    for (auto& i : page.items) {
        if (std::int64_t(i.hash) > last) break;
        if (i.object.is == row_presence::damaged) return machine_->want_state(), false;
        auto& type = make_type(store_->name(name_kind::type, i.type), nullptr, false);
        seen[{i.type, i.key}] = true;
        if (find(type, i.key)) continue;
        if (!add(type, i.key, i.object, i.type)) return false;
    }
    bool whole = true;
    auto without_row = [&](cold_deltas::place const& where, cold_deltas::waiting const&) {
        auto& type = make_type(store_->name(name_kind::type, where.type), nullptr, false);
        auto h = std::int64_t(object_hash(type.name, where.key));
        if (h <= after || h > last || seen.contains({where.type, where.key}) || find(type, where.key)) return;
        seen[{where.type, where.key}] = true;
        whole = whole && add(type, where.key, {}, where.type);
    };
    cold_.each(without_row);
    replayed_.each(without_row);
    return whole;
}

void space_body::read_tail(std::uint64_t request, transfer& t) {
    id_vector have;
    for (std::uint32_t s = 0; s < t.have.size(); ++s)
        if (t.have[s]) have.push_back({table_.id(s), t.have[s]});
    collect_log(have, piece_bytes, [this, request, token = t.token](log_range&& range) {
        auto it = std::find_if(transfers_.begin(), transfers_.end(), [&](auto& x) { return x->token == token; });
        state_piece piece;
        if (range.behind || it == transfers_.end()) {
            piece.gone = true;
            return send_piece(request, std::move(piece));
        }
        encoder out;
        out.u8(2), out.u(range.list.size());
        for (auto& s : range.list) s.write(out), (*it)->have.raise(table_.find(s.writer), s.last());
        piece.bytes = out.take(), piece.last = !range.more, piece.next = cursor_of(2, 0);
        give_piece(request, **it, std::move(piece));
    });
}

} // namespace dunlin
