#include "object.hpp"
#include "space_body.hpp"

namespace dunlin {

object::object(space_body& s, object_type& t, std::string_view k)
    : space(s), type(&t), made_by(t.part), key(k), hash(object_hash(t.name, k)) {}

object* object::make(space_body& s, object_type& t, std::string_view key) {
    auto block = ::operator new(sizeof(object) + sizeof(header) + t.part->size());
    auto o = new (block) object(s, t, key);
    auto h = new (&o->head()) header;
    h->up = o;
    t.part->make(o->value());
    t.part->attach(o->value(), *h, 0);
    return o;
}

void object::destroy(object* o) {
    o->made_by->destroy(o->value());
    delete o->watches;
    o->~object();
    ::operator delete(o);
}

std::size_t object::bytes() const {
    return sizeof(object) + sizeof(header) + made_by->size() + made_by->heap_bytes(value()) + 40 +
           (key.size() > 15 ? key.size() + 16 : 0);
}

void object::touched(header&) { beginning_ ? space.take_in_turn(*this) : space.touched(*this); }
void object::rights_changed(header&) { space.rights_changed(*this); }
std::int64_t object::now_ms() const { return space.time().wall_now().count(); }
std::int64_t object::now_ms(header&) { return now_ms(); }
std::int64_t object::lease_ms(header&, std::uint32_t writer, std::uint64_t stamp) { return space.lease_ms(writer, stamp); }
void object::announced(header&) { space.announced(); }
undo_log* object::undo(header&) { return past ? past.get() : space.undo(); } // what is written after it began anew goes back with that

void object::begin_anew() {
    if (in_turn || !is_over() || !space.may_begin_anew(*this)) return;
    past = std::make_unique<undo_log>();
    past_kept = false;
    beginning_ = true;
    try {
        made_by->begin_anew(value());
    } catch (...) { // a first change was refused, before anything was changed
        beginning_ = false, past.reset();
        throw;
    }
    beginning_ = false;
}
bool object::was_only_looked_at() const { return past && !past_kept && !made_by->has_begun(value()); }

void object::take_past_back() {
    auto log = std::move(past);
    for (; !log->empty(); log->pop_back()) log->back()->undo();
    made_by->rollback(value());
}

extras* object::unknown(header&, bool make) {
    if (!extra && make) extra = std::make_unique<extras>();
    return extra.get();
}

} // namespace dunlin
