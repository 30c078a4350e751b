// The space and what is told beside its entries: values of ephemerals (crdt/ephemeral.hpp), by cells (net/cells.hpp).
//
//   turn ── flush ──▶ asides ──▶ table ──▶ links            no entry, no row, no commit
//   link ──▶ looked at ──▶ newer? ──▶ the object, if it is in memory; watches; the other links
//
// What is in memory shows what the table holds, and nothing else: an object that is loaded later shows the newest, and what
// the table drops is shown no more.
#include "../crdt/ephemeral.hpp"
#include "../crdt/mutant.hpp"
#include "space_body.hpp"
#include <boost/json/object.hpp>

namespace dunlin {

namespace {
/// Beyond it no clock is: such a stamp would stand for ever. Nearer ones who has seen them writes past.
constexpr std::chrono::milliseconds cells_ahead_max = std::chrono::hours(24 * 365);

auto when_of(auto const& x) { return std::pair(x.stamp, x.writer); }

ephemeral_part const* aside_in(struct_part const& type, std::uint32_t field, bytes_view below) {
    auto member = type.aside_at(field);
    decoder path(below);
    return member ? member->type->aside_at(path) : nullptr;
}

/// What is known of an aside, on its way to a value that is to show it.
template <class F> void on_its_way(cells::value const* known, ephemeral_part const& type, bytes_view below, F show) {
    decoder path(below);
    bool shown = known && known->held && type.fits(known->bytes);
    auto told_ms = known ? std::min(std::int64_t(known->stamp >> 16), known->heard_ms) : 0;
    show(showing{path, shown ? std::optional<bytes_view>(known->bytes) : std::nullopt, known ? known->stamp : 0, told_ms});
}
} // namespace

/// Of what was just flushed. An erase comes first: what is written after it in the turn stays.
void space_body::note_asides(object& o, bool erased) {
    if (erased && may_have_cells(*o.type, o.key)) asides_.push_back({&o, {cells::erased, {}, turn_stamp_, false, {}}});
    for (auto& a : flushed_asides_)
        if (a.held || !erased) asides_.push_back({&o, std::move(a)});
    flushed_asides_.clear();
}

/// Each is later than what was known here of its place, and an erase later than all of the object.
void space_body::say_asides() {
    std::vector<cells::place> gone;
    auto now_ms = setup_.clock->wall_now().count();
    for (auto& [o, a] : std::exchange(asides_, {})) {
        cell c{o->type->name, o->key, a.field, a.stamp, table_.id(self_), a.held, std::move(a.value), a.below};
        auto later_than = [&](cells::value const* v) {
            if (v && (when_of(c) < when_of(*v) || (when_of(c) == when_of(*v) && !mutant("ephemeral_survives_an_erase_of_its_stamp")))) c.stamp = v->stamp + 1;
        };
        if (c.field == cells::erased)
            cells_.each(c.type, c.key, [&](auto&, auto& v) { later_than(&v); });
        else
            later_than(cells_.find(c.type, c.key, cells::erased)), later_than(cells_.find(c.type, c.key, c.field, c.below));
        bool as_said = c.stamp == a.stamp;
        bool taken = cells_.take(std::move(c), cells::here, now_ms, gone);
        if (!taken || !as_said) show_cell(*o, a.field, a.below);
        if (a.field != cells::erased) tell_cell(*o->type, o->key, a.field, false);
    }
    dropped(gone);
    ask_links();
}

void space_body::hear_cells(peer_number from, word::cells& w) {
    if (stopped_) return;
    cells_.heard_from(from, w);
    auto latest = hybrid_clock::of(setup_.clock->wall_now() + cells_ahead_max);
    auto wall = setup_.clock->wall_now();
    for (auto& c : w.list) {
        if (stamps_.see(std::min(c.stamp, latest), wall) || c.stamp > latest) tell_of_clock(); // one of the two is wrong
        if (c.stamp <= latest || mutant("ephemeral_takes_any_stamp")) hear_cell(std::move(c), from);
    }
    ring_watches();
    ask_links();
}

/// What the program does not know is kept as it came.
void space_body::hear_cell(cell&& c, peer_number from) {
    if (!is_utf8(c.type) || !is_utf8(c.key)) return;
    auto type = find_type(c.type);
    auto part = type ? aside_in(*type->part, c.field, c.below) : nullptr;
    if (part && c.held && !part->fits(c.value)) return;
    if (auto o = type ? find(*type, c.key) : nullptr; o && o->in_turn) seal(); // marks and what others say do not meet
    std::vector<cells::place> gone;
    cells::place at{c.type, c.key, c.field, c.below};
    bool taken = cells_.take(std::move(c), from, setup_.clock->wall_now().count(), gone);
    dropped(gone);
    if (!taken || !type) return;
    if (auto o = part ? find(*type, at.key) : nullptr) show_cell(*o, at.field, at.below);
    tell_cell(*type, at.key, at.field, true);
}


bool space_body::may_have_cells(object_type const& type, std::string_view key) const {
    return type.part->aside_members() || with_asides_.contains(type.name) || cells_.knows(type.name, key);
}

void space_body::erased_by(entry const& e, object_type const& type, std::string_view key) {
    if (!may_have_cells(type, key)) return;
    auto wall = setup_.clock->wall_now();
    auto stamp = e.stamp;
    if (stamp > hybrid_clock::of(wall + cells_ahead_max)) { // an entry is taken whatever its clock; what is seen of the object goes
        stamp = 0;
        cells_.each(type.name, key, [&](auto&, auto& v) { stamp = std::max(stamp, v.stamp + 1); });
    }
    std::vector<cells::place> gone;
    cells_.erase(type.name, key, stamp, e.writer, wall.count(), gone);
    dropped(gone);
}

/// Of an object that was just made: nothing is shown yet.
void space_body::show_cells(object& o) {
    if (!cells_.size() || !o.made_by->aside_members()) return;
    cells_.each(o.type->name, o.key, [&](cells::place const& at, cells::value const&) { show_cell(o, at.field, at.below); });
}

void space_body::show_cell(object& o, std::uint32_t field, bytes_view below) {
    auto type = aside_in(*o.made_by, field, below);
    if (!type) return;
    auto& m = *o.made_by->aside_at(field);
    on_its_way(cells_.find(o.type->name, o.key, field, below), *type, below,
               [&](showing const& s) { m.type->show(static_cast<char*>(o.value()) + m.offset, s); });
}

/// Where they are in memory they are shown no more. What the running turn changes is looked at when that is over: it may have
/// been written anew, and marks name places in maps.
void space_body::dropped(std::vector<cells::place> const& all) {
    for (auto& p : all) {
        auto type = find_type(p.type);
        auto o = type ? find(*type, p.key) : nullptr;
        if (o && o->in_turn && !mutant("ephemeral_is_dropped_while_written")) gone_in_turn_.push_back(p);
        else if (o) show_cell(*o, p.field, p.below);
    }
}

/// Whether an object is there only it can tell: one that is not in memory is loaded for who watches its type, once for all that
/// comes meanwhile. While nothing can be loaded, or too much is, it is told as there.
void space_body::tell_cell(object_type& type, std::string_view key, std::uint32_t field, bool remote) {
    auto member = type.part->aside_at(field);
    auto members = field == cells::erased ? type.part->aside_members() : member ? struct_part::bit(member->number) : 0;
    if (!members) return;
    if (auto o = find(type, key)) return tell(*o, members, remote, dot(), true);
    if (type.watches.empty()) return;
    type_and_key name{&type, std::string(key)};
    auto it = cold_told_.find(name);
    if (it != cold_told_.end()) return void(it->second |= members);
    if (rebuilding() || cold_told_.size() >= cold_told_max) {
        for (auto w : type.watches) w->note({name.key, members, false, remote, dot(), true}, true), touched_watches_.push_back(w);
        return;
    }
    cold_told_.emplace(name, members);
    open(type, name.key, [this, self = weak_from_this(), name, remote](boost::system::error_code, object* o) {
        auto alive = self.lock();
        if (!alive || stopped_) return;
        change_record c{name.key, cold_told_[name], o && !o->shows(), remote, dot(), true};
        cold_told_.erase(name);
        for (auto w : name.type->watches) w->note(c, true), touched_watches_.push_back(w);
        if (o) unpin(*o);
        ring_watches();
    });
}

/// Before the links are closed, to each what it has not heard, as far as a few messages go: they stand behind the last entry.
void space_body::tell_all_cells() {
    for (auto p : cells_.links())
        for (int k = 0; k < 16; ++k) {
            auto w = cells_.next(p);
            if (!w) break;
            setup_.send(p, std::move(*w));
        }
}

void space_body::idle(peer_number p) {
    if (stopped_) return;
    if (auto w = cells_.next(p)) setup_.send(p, std::move(*w));
    ask_links();
}

void space_body::ask_links() {
    if (stopped_) return;
    for (auto p : cells_.wanting()) setup_.when_idle ? setup_.when_idle(p) : idle(p);
}

/// Of fields that the program does not have and in which nothing else lies: each is made for a moment.
void space_body::show_unknown_cells(object const& o, boost::json::object& out) const {
    extras made;
    cells_.each(o.type->name, o.key, [&](cells::place const& at, cells::value const& v) {
        auto line = v.held && !o.made_by->aside_at(at.field) ? shapes_.find(o.type->name, at.field) : nullptr;
        if (!line || line->type->asides() != asides_in::all) return;
        decoder path(at.below);
        auto part = line->type->aside_at(path);
        if (!part || !part->fits(v.bytes)) return;
        on_its_way(&v, *part, at.below, [&](showing const& s) { line->type->show(made.make(at.field, line->name, *line->type), s); });
    });
    for (auto& i : made) {
        auto name = json_name(*i.name);
        if (out.contains(name)) name = json_name(*i.name + ":" + i.type->kind()); // two kinds are two fields
        i.type->to_json(i.value, out[name]);
    }
}

} // namespace dunlin
