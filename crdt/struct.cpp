// length: every operation of a part, over members and extras
#include "struct.hpp"
#include "expiry.hpp"
#include "mutant.hpp"
#include "value.hpp"
#include <boost/json/value.hpp>

namespace dunlin {

struct_part::struct_part(std::string name)
    : struct_part(
          std::move(name), 8, [](void*) {}, [](void*) {}, {}) {}

struct_part::struct_part(std::string name, std::size_t size, void (*maker)(void*), void (*destroyer)(void*),
                         std::vector<member> members)
    : part("{" + name + "}", size), name_(std::move(name)), make_(maker), destroy_(destroyer),
      members_(std::move(members)) {
    std::sort(members_.begin(), members_.end(), [](auto& a, auto& b) { return a.id < b.id; });
    for (std::size_t k = 1; k < members_.size(); ++k)
        require(members_[k - 1].id != members_[k].id, "two fields of one struct have the same 32-bit id; rename one");
    may_end_ = false; // what the program does not know is looked at in its extras
    for (auto& m : members_) may_end_ = may_end_ || m.type->may_end();
    std::uint32_t marks = 0; // that others make, too
    for (auto& m : members_) {
        (m.type->asides() == asides_in::all ? aside_marks_ : marks) |= header::bit(m.number);
        if (m.type->asides() != asides_in::nothing) aside_members_ |= bit(m.number);
    }
    aside_marks_ &= ~marks;
    if (aside_members_) asides_ = asides_in::some;
}

struct_part::member const* struct_part::aside_at(std::uint32_t id) const {
    auto m = aside_members_ ? find(id) : nullptr;
    return m && m->type->asides() != asides_in::nothing ? m : nullptr;
}

struct_part::member const* struct_part::find(std::uint32_t id) const {
    auto it = std::lower_bound(members_.begin(), members_.end(), id, [](auto& m, auto i) { return m.id < i; });
    return it != members_.end() && it->id == id ? &*it : nullptr;
}

struct_part::member const& struct_part::at_offset(std::size_t offset) const {
    for (auto& m : members_)
        if (m.offset == offset) return m;
    programmers_error("touched() was asked for a member that is not listed in DUNLIN_OBJECT");
}

extras* struct_part::unknown(void const* v, bool make) {
    auto& h = head(v);
    return h.up ? h.up->unknown(h, make) : nullptr;
}

namespace {
void* at(void const* v, std::size_t offset) { return const_cast<char*>(static_cast<char const*>(v)) + offset; }
} // namespace

template <class F> void struct_part::each(void const* v, F f) const {
    for (auto& m : members_) f(*m.type, at(v, m.offset));
    if (auto x = unknown(v))
        for (auto& i : *x) f(*i.type, i.value);
}

ephemeral_part const* struct_part::aside_at(decoder& below, unsigned depth) const {
    auto m = depth < depth_max ? aside_at(below.u32()) : nullptr;
    return m && below.ok() ? m->type->aside_at(below, depth + 1) : nullptr;
}

bool struct_part::is_aside_alone() const {
    return !members_.empty() && std::none_of(members_.begin(), members_.end(), [](auto& m) { return is_life(*m.type); });
}

bool struct_part::tells(void const* v) const {
    if (aside_members_)
        for (auto& m : members_)
            if (m.type->asides() != asides_in::nothing && m.type->tells(at(v, m.offset))) return true;
    return false;
}

void struct_part::show(void* v, showing const& s) const {
    if (auto m = aside_at(s.below.u32())) m->type->show(at(v, m->offset), s);
}

void struct_part::copy_asides(void const* from, void* to) const {
    for (auto& m : members_)
        if (m.type->asides() != asides_in::nothing) m.type->copy_asides(at(from, m.offset), at(to, m.offset));
}

void struct_part::attach(void* v, header& h, unsigned) const {
    for (auto& m : members_) m.type->attach(at(v, m.offset), h, m.number);
}

bool struct_part::live(void const* v) const {
    bool any = false;
    each(v, [&](part const& p, void* x) { any = any || (is_life(p) && p.live(x)); });
    return any;
}

bool struct_part::is_deadline(part const& p) { return &p == &expiry::of(); }

std::int64_t struct_part::deadline_ms(void const* v, deadline_setters* set_by) const {
    auto first = never_ms;
    if (!may_end_ && !unknown(v)) return first;
    each(v, [&](part const& p, void* x) {
        if (!is_deadline(p)) return;
        if (auto at = p.deadline_ms(x); at < first) {
            first = at;
            if (set_by) set_by->clear(), p.deadline_ms(x, set_by);
        }
    });
    return first;
}

bool struct_part::shows(void const* v, std::int64_t now_ms) const {
    if (!may_end_ && !unknown(v)) return live(v);
    if (deadline_ms(v) <= now_ms) return false;
    bool any = false;
    each(v, [&](part const& p, void* x) { any = any || (!is_deadline(p) && is_life(p) && p.shows(x, now_ms)); });
    return any;
}

void struct_part::end(void* v, ending& e) const {
    each(v, [&](part const& p, void* x) {
        if (p.may_end()) p.end(x, e);
    });
}

void struct_part::begin_anew(void* v) const {
    erase(v);
    // Said, and not only left out: the old deadline may be said again by somebody for whom it is not over.
    for (auto& m : members_)
        if (is_deadline(*m.type)) static_cast<expiry*>(at(v, m.offset))->never();
}

bool struct_part::has_begun(void const* v) const {
    bool any = false;
    each(v, [&](part const& p, void* x) { any = any || (is_deadline(p) ? p.deadline_ms(x) != never_ms : is_life(p) && p.live(x)); });
    return any;
}

bool struct_part::vacant(void const* v) const {
    bool all = true;
    each(v, [&](part const& p, void* x) { all = all && p.vacant(x); });
    return all;
}

bool struct_part::flush(void* v, flushing& f) const {
    auto& h = head(v);
    bool erased = h.dirty & header::erased;
    auto start = f.out.size();
    f.out.u8(0);
    removal gone;
    if (erased && !f.erased) collect(v, gone);
    if (!gone.empty()) f.out.u(gone.size()), f.put(gone);
    auto below = f.erased;
    f.erased = below || erased;
    std::uint64_t said = 0;
    std::uint32_t left = 0; // what the entry has no room for
    auto one = [&](std::uint32_t id, part const& type, void* x) {
        auto before = f.out.size();
        f.out.u32(id), f.out.u8(0);
        auto body = f.out.size(), here = f.path.size();
        f.more = false;
        if (type.asides() != asides_in::nothing) f.path.u32(id);
        if (type.flush(x, f))
            f.out.patch(body - 1, f.out.size() - body), ++said;
        else
            f.out.resize(before);
        f.path.resize(here);
    };
    auto from = f.out.size();
    auto x = erased || h.dirty & header::extras_left ? unknown(v) : nullptr;
    auto other = x ? x->begin() : std::vector<extras::item>::const_iterator();
    auto one_unknown = [&](extras::item const& i) {
        f.more = said && f.full();
        if (!f.more) one(i.id, *i.type, i.value);
        if (f.more) left |= header::extras_left;
    };
    for (auto& m : members_) {
        for (; x && other != x->end() && other->id < m.id; ++other) one_unknown(*other);
        if (!(h.dirty & header::bit(m.number))) continue;
        f.more = said && f.full();
        if (!f.more) one(m.id, *m.type, at(v, m.offset));
        if (f.more) left |= header::bit(m.number);
    }
    for (; x && other != x->end(); ++other) one_unknown(*other);
    if (x) x->tidy();
    if (said && !erased) say_deadline(v, f, from, one);
    f.erased = below;
    f.more = left;
    h.dirty = left;
    if (!said && gone.empty()) return f.out.resize(start), false;
    f.out.patch(start, said * 2 + !gone.empty());
    return true;
}

/// Behind `from` stand members by id: the deadline joins them, unless it is among them.
template <class One> void struct_part::say_deadline(void* v, flushing& f, std::size_t from, One one) const {
    if ((!may_end_ && !unknown(v)) || mutant("expiry_is_not_said_again")) return;
    std::vector<std::pair<std::uint32_t, void*>> due; // one, as a rule
    for (auto& m : members_)
        if (is_deadline(*m.type) && m.type->live(at(v, m.offset))) due.emplace_back(m.id, at(v, m.offset));
    if (auto x = unknown(v))
        for (auto& i : *x)
            if (is_deadline(*i.type) && i.type->live(i.value)) due.emplace_back(i.id, i.value);
    for (auto [id, x] : due) {
        decoder in(f.out.view().substr(from));
        auto place = from;
        bool is_said = false;
        while (!in.done()) {
            auto other = in.u32();
            if (other >= id) {
                is_said = other == id;
                break;
            }
            in.bytes();
            place = f.out.size() - in.left();
        }
        if (is_said) continue;
        static_cast<expiry*>(x)->say_again();
        auto end = f.out.size();
        one(id, expiry::of(), x);
        auto& b = f.out.buffer();
        std::rotate(b.begin() + std::ptrdiff_t(place), b.begin() + std::ptrdiff_t(end), b.end());
    }
}

std::size_t struct_part::weigh(void const* v) const {
    auto& h = head(const_cast<void*>(v));
    std::size_t bytes = 16;
    if (h.dirty & header::erased) bytes += removal_bytes(*this, v);
    for (auto& m : members_)
        if (is_deadline(*m.type)) bytes += 32 + removal_bytes(*m.type, at(v, m.offset)); // it is said again
    each(v, [&](part const& p, void const* x) { bytes += p.weigh(x) + 16; });
    return bytes;
}

void struct_part::rollback(void* v) const {
    auto& h = head(v);
    if (h.dirty & header::erased)
        each(v, [](part const& p, void* x) { p.rollback(x); });
    else
        for (auto& m : members_)
            if (h.dirty & header::bit(m.number)) m.type->rollback(at(v, m.offset));
    h.dirty = 0;
}

void struct_part::erase(void* v) const {
    auto& h = head(v);
    if (!h.dirty && h.up) h.up->touched(h);
    h.dirty |= header::erased;
    each(v, [](part const& p, void* x) { p.erase(x); });
}

bool struct_part::may_erase(void const* v) const {
    bool all = true;
    each(v, [&](part const& p, void* x) { all = all && p.may_erase(x); });
    return all;
}

void struct_part::collect(void const* v, removal& r) const {
    each(v, [&](part const& p, void* x) { p.collect(x, r); });
}

void struct_part::check(checking& c) const {
    auto head = c.in.u();
    if (head == 0 || c.depth >= depth_max) return c.in.fail();
    if (head & 1) {
        auto m = c.in.u();
        if (m == 0) return c.in.fail();
        c.pairs(m);
    }
    std::uint64_t least = 0;
    for (auto n = head / 2; n && c.in.ok(); --n) {
        auto id = c.in.u32();
        auto delta = c.in.bytes();
        if (!c.in.ok() || id < least) return c.in.fail();
        least = std::uint64_t(id) + 1;
        auto known = find(id);
        auto line = known || !c.kinds ? nullptr : c.kinds->find(name_, id);
        auto type = known ? known->type : line ? line->type : nullptr;
        if (!type) return c.in.fail(); // its schema line comes before every delta
        decoder in(delta);
        checking inner{in, c.writers, c.number, c.depth + 1, c.kinds, c.seen};
        type->check(inner);
        if (!in.finished()) return c.in.fail();
    }
}

void struct_part::join_delta(void* v, absorbing& a) const {
    auto head = a.in.u();
    if (head & 1) drop(v, a.pairs(a.in.u()));
    for (auto n = head / 2; n && a.in.ok(); --n) {
        auto id = a.in.u32();
        decoder in(a.in.bytes());
        absorbing inner{in, a.slots, a.at, a.stamp, a.self, a.kinds};
        if (auto m = find(id))
            m->type->join_delta(at(v, m->offset), inner);
        else {
            auto line = a.kinds->find(name_, id);
            line->type->join_delta(unknown(v, true)->make(id, line->name, *line->type), inner);
        }
    }
    if (auto x = unknown(v)) x->tidy();
}

std::uint64_t struct_part::touched_in(std::uint32_t dirty) {
    if (dirty & (header::erased | header::extras_left)) return all_members;
    auto shared = header::bit(header::shared_bit);
    return dirty & shared ? dirty | (all_members & ~std::uint64_t(shared - 1)) : dirty;
}

std::uint64_t struct_part::touched_by(bytes_view delta) const {
    decoder in(delta);
    auto head = in.u();
    if (head & 1) return all_members;
    std::uint64_t mask = 0;
    for (auto n = head / 2; n && in.ok(); --n) {
        auto m = find(in.u32());
        in.bytes();
        if (m) mask |= bit(m->number);
    }
    return mask;
}

void struct_part::drop(void* v, removal const& r) const {
    each(v, [&](part const& p, void* x) { p.drop(x, r); });
    if (auto x = unknown(v)) x->tidy();
}

void struct_part::join(void* v, void const* other, joining const& j) const {
    for (auto& m : members_) m.type->join(at(v, m.offset), other ? at(other, m.offset) : nullptr, j);
    auto theirs = other ? unknown(other) : nullptr;
    if (theirs)
        for (auto& t : *theirs) unknown(v, true)->make(t.id, *t.name, *t.type);
    auto mine = unknown(v);
    if (!mine) return;
    for (auto& i : *mine) {
        auto t = theirs ? theirs->find(i.id) : nullptr;
        i.type->join(i.value, t ? t->value : nullptr, j);
    }
    mine->tidy();
}

void struct_part::each_slot(void const* v, slot_set& s) const {
    each(v, [&](part const& p, void* x) { p.each_slot(x, s); });
}

void struct_part::encode(void const* v, saving& s) const {
    auto start = s.out.size();
    s.out.u8(0);
    std::uint64_t n = 0;
    auto one = [&](std::uint32_t id, part const& type, void* x) {
        if (!is_life(type) || (s.live_only() ? !type.live(x) : type.vacant(x))) return;
        s.out.u32(id), s.out.u8(0);
        auto body = s.out.size();
        type.encode(x, s);
        s.out.patch(body - 1, s.out.size() - body);
        ++n;
    };
    auto x = unknown(v);
    auto other = x ? x->begin() : std::vector<extras::item>::const_iterator();
    for (auto& m : members_) {
        for (; x && other != x->end() && other->id < m.id; ++other) one(other->id, *other->type, other->value);
        one(m.id, *m.type, at(v, m.offset));
    }
    for (; x && other != x->end(); ++other) one(other->id, *other->type, other->value);
    s.out.patch(start, n);
}

void struct_part::decode(void* v, loading& l) const {
    if (++l.depth > depth_max) return l.in.fail();
    std::uint64_t least = 0;
    for (auto n = l.in.count(5); n && l.in.ok(); --n) {
        auto id = l.in.u32();
        auto state = l.in.bytes();
        if (!l.in.ok() || id < least) return l.in.fail();
        least = std::uint64_t(id) + 1;
        decoder in(state);
        loading inner{in, l.slots, l.self, l.kinds, l.depth, l.is_copy};
        auto m = find(id);
        if (!m && l.is_copy) continue;
        auto line = m || !l.kinds ? nullptr : l.kinds->find(name_, id);
        auto type = m ? m->type : line ? line->type : nullptr;
        auto value = m                          ? at(v, m->offset)
                     : line && unknown(v, true) ? unknown(v)->make(id, line->name, *type)
                                                : nullptr;
        if (!value) return l.in.fail();
        type->decode(value, inner);
        if (!in.finished() || (type->vacant(value) && !l.is_copy)) return l.in.fail(); // an empty member is not written
    }
    --l.depth;
}

void struct_part::to_json(void const* v, boost::json::value& out) const {
    auto& o = out.emplace_object();
    std::vector<member const*> declared;
    for (auto& m : members_) declared.push_back(&m);
    std::sort(declared.begin(), declared.end(), [](auto a, auto b) { return a->number < b->number; });
    for (auto m : declared) m->type->to_json(at(v, m->offset), o[m->name]);
    if (auto x = unknown(v))
        for (auto& i : *x) {
            if (!i.type->live(i.value)) continue;
            auto name = json_name(*i.name);
            if (o.contains(name)) name = json_name(*i.name + ":" + i.type->kind()); // two kinds are two fields
            i.type->to_json(i.value, o[name]);
        }
}

std::size_t struct_part::heap_bytes(void const* v) const {
    std::size_t n = 0;
    each(v, [&](part const& p, void* x) { n += p.heap_bytes(x); });
    if (auto x = unknown(v))
        for (auto& i : *x) n += i.type->size() + sizeof(i) + 16;
    return n;
}

} // namespace dunlin
