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

void object::touched(header&) { space.touched(*this); }
void object::rights_changed(header&) { space.rights_changed(*this); }
std::int64_t object::now_ms(header&) { return space.time().wall_now().count(); }
undo_log* object::undo(header&) { return space.undo(); }

extras* object::unknown(header&, bool make) {
    if (!extra && make) extra = std::make_unique<extras>();
    return extra.get();
}

} // namespace dunlin
