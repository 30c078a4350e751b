// A space as state: given to a peer piece by piece, taken from one and joined at once.
//
//   piece := 0 | heads                                                        as of the beginning
//          | 1 | u n, n x {writer 24, u number} | u last hash | u m, m x {bytes type, bytes key, bytes state}
//          | 2 | u n, n x series                                              what was applied since, in order
//
// Objects are read while the space goes on: each piece of them says as of which vector it was read, and entries that
// follow are joined to an object only if its piece had not seen them. So the receiver ends with one state at one
// vector. The join: rows first, one by one, each safe alone since the vector is raised last; then, in one step, what is
// in memory, the heads, the floor of the log. What was not finished is as if it had not begun.
#include "entry_delta.hpp"
#include "schema.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

namespace {
constexpr std::size_t piece_bytes = 256 << 10, objects_a_piece = 512;

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
        piece.token = t.token, piece.bytes = out.take(), piece.next = cursor_of(1, -1);
        return send_piece(request, std::move(piece));
    }
    auto it = std::find_if(transfers_.begin(), transfers_.end(), [&](auto& t) { return t->token == token; });
    decoder in(cursor);
    auto phase = in.u8();
    auto after = in.i();
    if (it == transfers_.end() || !in.finished() || !(*it)->have.covers(log_.floor()) || joining_state_) {
        piece.gone = true;
        return send_piece(request, std::move(piece));
    }
    (*it)->used = now();
    if (phase == 1)
        read_objects(request, token, after);
    else
        read_tail(request, **it);
}

/// Objects of the next hashes, from memory and from their rows.
void space_body::read_objects(std::uint64_t request, std::uint64_t token, std::int64_t after) {
    auto pages = [this, request, token, after](list_page const& page) {
        seal();
        staged_objects found;
        std::int64_t last = page.items.empty() ? after : std::int64_t(page.items.back().hash);
        bool end = page.end;
        if (!store_ || end) last = std::int64_t(hash_max);
        if (!store_)
            end = find_resident(after, objects_a_piece, last, found);
        else
            find_resident(after, ~std::size_t(0), last, found);
        if (!find_cold(after, last, page, found)) {
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
        out.u(n), out.raw(vector.view()), out.u(std::uint64_t(last)), out.u(found.size());
        for (auto& f : found) out.bytes(f.type), out.bytes(f.key), out.bytes(f.state);
        state_piece piece;
        piece.token = token, piece.bytes = out.take();
        piece.next = end ? cursor_of(2, 0) : cursor_of(1, last);
        send_piece(request, std::move(piece));
    };
    if (!store_) return pages(list_page{});
    store_->list({store_space_, 0, after, objects_a_piece, piece_bytes, true},
                 [this, self = weak_from_this(), pages](auto ec, list_page page) {
                     auto shared = std::make_shared<list_page>(std::move(page));
                     back([self, pages, ec, shared] {
                         auto alive = self.lock();
                         if (alive && !alive->stopped_ && !ec) pages(*shared);
                     })();
                 });
}

/// Resident objects with after < hash <= last, at most `count`; then `last` is lowered. True: none are beyond.
bool space_body::find_resident(std::int64_t after, std::size_t count, std::int64_t& last, staged_objects& found) {
    std::vector<object*> all;
    for (auto& [name, t] : types_) {
        auto& list = t->by_hash->list;
        std::size_t n = 0;
        for (auto it = after < 0 ? list.begin() : list.upper_bound(std::uint64_t(after), by_hash());
             it != list.end() && std::int64_t(it->hash) <= last; ++it) {
            if (std::int64_t(it->hash) <= after) continue;
            all.push_back(&*it);
            if (++n > count) break;
        }
    }
    std::sort(all.begin(), all.end(), [](auto a, auto b) { return a->hash < b->hash; });
    bool end = all.size() <= count;
    if (!end) {
        while (count < all.size() && all[count]->hash == all[count - 1]->hash) ++count;
        all.resize(count);
        last = std::int64_t(all.back()->hash);
    }
    auto names = full_names(table_);
    for (auto o : all)
        if (!o->fields().vacant(o->value())) found.push_back({o->type->name, o->key, encode_object(*o, table_, names)});
    return end;
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
        if (i.object.is == presence::damaged) return false;
        auto& type = make_type(store_->name(name_kind::type, i.type), nullptr, false);
        seen[{i.type, i.key}] = true;
        if (find(type, i.key)) continue;
        if (!add(type, i.key, i.object, i.type)) return false;
    }
    bool whole = cold_in_flight_.empty();
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
        piece.token = token, piece.bytes = out.take(), piece.last = !range.more, piece.next = cursor_of(2, 0);
        if (piece.last) transfers_.erase(it);
        send_piece(request, std::move(piece));
    });
}

} // namespace dunlin
