// Listings and digests of a space: objects wherever they are, in hash order, a page at a time.
#include "../crdt/mutant.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace dunlin {

std::string object_json(object const& o) {
    boost::json::value v;
    if (o.is_over()) { // empty, until it begins anew
        std::unique_ptr<object, void (*)(object*)> nothing(object::make(o.space, *o.type, o.key), object::destroy);
        nothing->fields().to_json(nothing->value(), v);
        return boost::json::serialize(v);
    }
    o.fields().to_json(o.value(), v);
    o.space.show_unknown_cells(o, v.as_object());
    return boost::json::serialize(v);
}

namespace {
void copy_state(part const& type, void const* from, void* to) {
    slot_set used;
    type.each_slot(from, used);
    std::vector<std::uint32_t> slots;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
    used.each([&](std::uint32_t s) { indices.emplace(s, std::uint32_t(slots.size())), slots.push_back(s); });
    encoder bytes;
    saving out{bytes, indices, nullptr, true};
    type.encode(from, out);
    decoder in(bytes.view());
    loading l{in, slots, writers::none, nullptr, 0, !mutant("snapshot_stops_at_what_is_unknown")};
    type.decode(to, l);
}
} // namespace

void copy_fields(struct_part const& type, void const* from, void* to) {
    for (auto& m : type.members()) {
        auto source = static_cast<char const*>(from) + m.offset;
        auto target = static_cast<char*>(to) + m.offset;
        if (m.type->asides() != asides_in::all) copy_state(*m.type, source, target);
        m.type->copy_asides(source, target);
    }
}

/// What was there when it was asked for; changes that arrive meanwhile may be in it, and are not waited for.
struct space_body::object_search {
    object_type* type;
    std::int64_t after;
    std::size_t limit;
    object_page done;
    std::uint64_t until;        // entries before this position are in it
    std::uint64_t rows = never; // answered so many, all of them are in rows or in memory
    static constexpr std::uint64_t never = ~std::uint64_t(0);
};

void space_body::each_object(object_type* type, std::int64_t after, std::size_t limit, object_page done) {
    if (stopped_)
        return boost::asio::post(setup_.executor,
                                 [done = std::move(done)] { done(node_errc::stopped, {}, -1, true); });
    auto asked = object_search{type, after, limit, answered_once(std::move(done)), log_.next_position()};
    find_objects(std::make_shared<object_search>(std::move(asked)));
}

/// By what was asked, or by stop().
space_body::object_page space_body::answered_once(object_page done) {
    auto call = std::make_shared<object_page>(std::move(done));
    asked_.insert(call);
    return [this, self = weak_from_this(), call](auto ec, auto const& objects, std::int64_t last, bool end) {
        auto alive = self.lock();
        if (alive && asked_.erase(call)) (*call)(ec, objects, last, end);
    };
}

/// What waits for rows goes there first, so that rows and memory together are everything.
void space_body::find_objects(std::shared_ptr<object_search> const& asked) {
    if (stopped_) return;
    seal();
    if (!store_) return page_of(asked->type, asked->after, asked->limit, {}, asked->done);
    if (store_error_) return asked->done(store_error_, {}, asked->after, true);
    if (rows_mislead()) return asked->done(node_errc::object_unknown, {}, asked->after, true);
    cold_deltas::place where;
    std::uint64_t since = 0;
    auto again = [&] { after_rows_.push_back([this, asked] { find_objects(asked); }); };
    // A join has read its page of rows already: what went to a row now would be lost there. It takes what waits itself.
    if (rebuilding()) return again();
    auto waits = [&] { return cold_.oldest(where, since) && since < asked->until; };
    while (waits() && write_cold(where)) {}
    if (!waits()) asked->rows = std::min(asked->rows, rows_queued_);
    if (replayed_.oldest(where, since)) load_replayed(where);
    if (replayed_.size() || rows_answered_ < asked->rows) return again(); // when more of them are there
    auto number = asked->type ? type_number(*asked->type) : 0;
    store_->list({store_space_, number, asked->after, asked->limit, 1 << 20, true},
                 [this, self = weak_from_this(), asked](auto ec, list_page page) {
                     auto shared = std::make_shared<list_page>(std::move(page));
                     back(self, [this, self, asked, ec, shared] {
                         auto alive = self.lock();
                         if (!alive || stopped_) return;
                         if (ec) return asked->done(ec, {}, asked->after, true);
                         page_of(asked->type, asked->after, asked->limit, std::move(*shared), asked->done);
                     })();
                 });
}

/// A delta was written, an object loaded or a state joined: who waited for that looks again.
void space_body::rows_moved() {
    auto waiting = std::move(after_rows_);
    after_rows_.clear();
    for (auto& w : waiting)
        boost::asio::post(setup_.executor, [self = weak_from_this(), w = std::move(w)] {
            if (auto alive = self.lock()) w();
        });
}

/// A damaged row may lie about its name as well; then its hash tells.
bool space_body::is_named(list_item const& i) const {
    if (i.object.is != row_presence::damaged) return true;
    auto name = i.type ? store_->name(name_kind::type, i.type) : std::string();
    return !name.empty() && !i.key.empty() && object_hash(name, i.key) == i.hash;
}

void space_body::page_of(object_type* type, std::int64_t after, std::size_t limit, list_page&& page, object_page done) {
    seal();
    bool end = !store_ || page.end;
    auto last = end ? std::int64_t(hash_max) : std::int64_t(page.items.back().hash);
    std::vector<std::shared_ptr<object>> found;
    boost::system::error_code bad;
    for (auto& i : page.items) {
        bool named = is_named(i);
        auto t = named ? &make_type(store_->name(name_kind::type, i.type), nullptr, false) : nullptr;
        if (t && find(*t, i.key)) continue;
        if (!t || i.object.is == row_presence::damaged) {
            bad = node_errc::object_unknown;
            t ? now_unknown(*t, i.key) : machine_->want_state();
            continue;
        }
        auto o = temporary(*t, i.key);
        bool whole = (i.object.state.empty() || decode_object(*o, i.object.state, disk_names(), self_, shapes_)) &&
                     apply_records(*o, i.object.deltas);
        if (!whole)
            bad = node_errc::object_unknown, now_unknown(*t, i.key);
        else
            found.push_back(std::move(o));
    }
    auto resident = [&](object_type& t) {
        auto& list = t.by_hash->list;
        std::size_t n = 0;
        std::uint64_t before = 0;
        for (auto it = after < 0 ? list.begin() : list.upper_bound(std::uint64_t(after), by_hash());
             it != list.end() && std::int64_t(it->hash) <= last; ++it) {
            if (is_unknown(*it)) bad = node_errc::object_unknown;
            else found.push_back(std::shared_ptr<object>(std::shared_ptr<object>(), &*it));
            if (++n > limit && it->hash != before) break; // one more, so that the end is seen
            before = it->hash;
        }
    };
    if (type)
        resident(*type);
    else
        for (auto& [name, t] : types_) resident(*t);
    std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a->hash < b->hash; });
    if (found.size() > limit && !mutant("listing_gives_all_that_is_fresh")) {
        auto n = limit;
        while (n < found.size() && found[n]->hash == found[n - 1]->hash) ++n;
        if (n < found.size()) end = false, found.resize(n), last = std::int64_t(found.back()->hash);
    }
    done(bad, found, last, end);
}

void space_body::list(
    object_type& type, std::int64_t after, std::size_t limit,
    std::function<void(boost::system::error_code, std::vector<std::string>, std::int64_t, bool)> done) {
    each_object(&type, after, std::max<std::size_t>(limit, 1),
                [done, to = setup_.executor, file = has_file()](auto ec, auto const& objects, std::int64_t last, bool end) {
                    std::vector<std::string> keys;
                    for (auto& o : objects)
                        if (o->shows()) keys.push_back(o->key);
                    // Not inside, where copies of what lies in the file may be alive: who is answered may use their type
                    // for the first time, and it gets another part then.
                    if (!file) return done(ec, std::move(keys), last, end);
                    boost::asio::post(to, [done, ec, keys = std::move(keys), last, end]() mutable {
                        done(ec, std::move(keys), last, end);
                    });
                });
}

void space_body::digest(std::function<void(boost::system::error_code, std::string)> done) {
    auto sum = std::make_shared<digest_sum>();
    if (!store_) return digest_from(-1, sum, std::move(done));
    digest_from(-1, sum, [done = std::move(done), to = setup_.executor](auto ec, std::string d) {
        boost::asio::post(to, [done, ec, d = std::move(d)]() mutable { done(ec, std::move(d)); }); // as in list()
    });
}

void space_body::digest_from(std::int64_t after, std::shared_ptr<digest_sum> sum,
                             std::function<void(boost::system::error_code, std::string)> done) {
    each_object(nullptr, after, 1024, [this, sum, done](auto ec, auto const& objects, std::int64_t last, bool end) {
        if (ec) return done(ec, {});
        for (auto& o : objects) sum->add(digest_object(*o, table_));
        if (!end) return digest_from(last, sum, done);
        done({}, to_hex(view_of(sum->finish())));
    });
}

} // namespace dunlin
