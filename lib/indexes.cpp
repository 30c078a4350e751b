#include "indexes.hpp"
#include "../crdt/mutant.hpp"
#include "error.hpp"
#include "space_body.hpp"
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

namespace dunlin {

struct indexes::question {
    index_range range;
    std::uint64_t version; // another one than this
    std::uint64_t until;   // loads up to this one are part of the answer
    page_handler handler;
};

struct indexes::one {
    indexed_type& of;
    indexed_field field;
    object_index rows{};
    enum { none, reading, whole } is = none;
    std::uint64_t round = 0; // of reading: what comes of an earlier one is too late
    std::uint64_t version = 1;
    bool lacks = false; // something is unknown
    std::vector<std::shared_ptr<question>> waiting{};
};

/// The indexes of a type, and the objects that are to be loaded for them, each by the number of its load.
struct indexed_type {
    object_type& type;
    std::vector<std::unique_ptr<indexes::one>> all;
    std::uint64_t loads = 0; // ever
    std::map<std::string, std::uint64_t, std::less<>> due, under_way;
    std::map<std::uint64_t, std::string> in_turn; // due
    std::set<std::uint64_t> open;                 // due or under way
};

indexes::indexes(space_body& space) : space_(space) {}
indexes::~indexes() = default;

indexes::one& indexes::of(object_type& type, indexed_field const& field) {
    if (!type.indexes) {
        all_.push_back(std::make_unique<indexed_type>(indexed_type{type, {}, 0, {}, {}, {}, {}}));
        type.indexes = all_.back().get();
    }
    for (auto& x : type.indexes->all)
        if (x->field.offset == field.offset) return *x;
    type.indexes->all.push_back(std::unique_ptr<one>(new one{*type.indexes, field}));
    return *type.indexes->all.back();
}

// ---- questions

bool indexes::is_exact(one const& x) const { return x.is == one::whole && x.of.open.empty() && !space_.rebuilding(); }

index_page indexes::page_now(one& x, index_range const& range) {
    auto p = x.rows.page(range);
    p.exact = !x.lacks, p.version = x.version;
    return p;
}

std::optional<index_page> indexes::page(one& x, index_range const& range) {
    space_.end_turn_before_a_look();
    if (!is_exact(x)) return std::nullopt;
    drop_over(x);
    return page_now(x, range);
}

std::optional<std::size_t> indexes::rank(one& x, bytes_view key, index_range const& range) {
    space_.end_turn_before_a_look();
    if (!is_exact(x)) return std::nullopt;
    drop_over(x);
    return x.rows.rank(key, range);
}

void indexes::read(one& x, index_range const& range, std::uint64_t version, page_handler handler) {
    space_.end_turn_before_a_look();
    auto q = std::make_shared<question>(question{range, version, x.of.loads, std::move(handler)});
    auto slot = boost::asio::get_associated_cancellation_slot(q->handler);
    if (slot.is_connected())
        slot.assign([this, &x, self = space_.weak_from_this(), weak = std::weak_ptr(q)](boost::asio::cancellation_type type) {
            auto alive = self.lock();
            auto asked = weak.lock();
            if (!alive || !asked || type == boost::asio::cancellation_type::none || !std::erase(x.waiting, asked)) return;
            boost::asio::post(space_.executor(), [asked] { std::move(asked->handler)(boost::asio::error::operation_aborted, index_page()); });
        });
    x.waiting.push_back(std::move(q));
    if (space_.stopped()) return refuse(x, node_errc::stopped, true);
    if (x.is == one::none) begin(x);
    answer(x);
}

/// Whoever asked before what is loaded now was due has the answer: others may go on changing for ever.
void indexes::answer(one& x) {
    if (x.is != one::whole || space_.rebuilding() || x.waiting.empty()) return;
    drop_over(x);
    auto loaded = x.of.open.empty() ? x.of.loads : *x.of.open.begin() - 1;
    if (mutant("index_answers_before_it_has_loaded")) loaded = x.of.loads;
    std::erase_if(x.waiting, [&](std::shared_ptr<question> const& q) {
        if (q->until > loaded || q->version == x.version) return false;
        boost::asio::post(space_.executor(), [q, p = page_now(x, q->range)]() mutable {
            std::move(q->handler)(boost::system::error_code(), std::move(p));
        });
        return true;
    });
}

void indexes::refuse(one& x, boost::system::error_code ec, bool who_watches) {
    std::erase_if(x.waiting, [&](std::shared_ptr<question> const& q) {
        if (q->version && !who_watches) return false;
        boost::asio::post(space_.executor(), [q, ec] { std::move(q->handler)(ec, index_page()); });
        return true;
    });
}

void indexes::fail(boost::system::error_code ec) {
    for (auto& t : all_)
        for (auto& x : t->all) refuse(*x, ec, true);
}

void indexes::ring() {
    if (!std::exchange(moved_, false)) return;
    for (auto& t : all_)
        for (auto& x : t->all) x->is == one::none && !x->waiting.empty() ? begin(*x) : answer(*x);
}

// ---- rows

template <class Change> void indexes::change(one& x, Change f) {
    auto before = x.rows.bytes();
    if (f(x.rows)) ++x.version, moved_ = true;
    bytes_ += x.rows.bytes() - before;
}

void indexes::take(one& x, object const& o) {
    auto field = static_cast<char const*>(o.value()) + x.field.offset;
    change(x, [&](object_index& rows) {
        if (!o.shows() && !mutant("index_keeps_what_is_erased")) return rows.erase(o.key);
        encoder value(std::move(scratch_));
        x.field.put(field, value);
        bool moved = rows.put(o.key, value.view(), o.fields().deadline_ms(o.value()), x.field.type->live(field));
        scratch_ = value.take();
        return moved;
    });
    if (bytes_ <= space_.memory_bytes() / 2 || !x.rows.size()) return;
    x.is = one::none, ++x.round;
    change(x, [](object_index& rows) { return rows.clear(), true; });
    refuse(x, node_errc::memory_full, true);
}

void indexes::drop_over(one& x) {
    change(x, [&](object_index& rows) { return rows.drop_over(space_.time().wall_now().count()); });
}

void indexes::changed(object const& o) {
    if (o.made_by != o.type->part) return;
    for (auto& x : o.type->indexes->all)
        if (x->is != one::none) take(*x, o);
}

// ---- reading all of it

void indexes::begin(one& x) {
    x.is = one::reading, x.lacks = false, ++x.round;
    change(x, [](object_index& rows) { return rows.clear(), true; });
    read_on(x, -1);
}

void indexes::read_on(one& x, std::int64_t after) {
    space_.each_object(&x.of.type, after, page_objects,
                       [this, &x, round = x.round](auto ec, auto const& objects, std::int64_t last, bool end) {
                           if (x.round == round) page_arrived(x, ec, objects, last, end);
                       });
}

/// What has changed since the page was read is in memory, and comes from there, or is due to be loaded.
void indexes::page_arrived(one& x, boost::system::error_code ec, std::vector<std::shared_ptr<object>> const& objects, std::int64_t last,
                           bool end) {
    auto const round = x.round;
    for (auto& o : objects)
        if (x.round == round) take(x, *o);
    if (x.round != round) return;
    x.lacks = x.lacks || ec == node_errc::object_unknown;
    if (ec && ec != node_errc::object_unknown) {
        x.is = one::none;
        return refuse(x, ec, ec == node_errc::stopped);
    }
    if (!end)
        return boost::asio::post(space_.executor(), [this, &x, self = space_.weak_from_this(), round, last] {
            auto alive = self.lock();
            if (alive && !space_.stopped() && x.round == round) read_on(x, last);
        });
    x.is = one::whole, ++x.version;
    answer(x);
}

void indexes::outdated() {
    if (mutant("index_outlives_a_joined_state")) return;
    for (auto& t : all_) outdated(*t);
}

void indexes::outdated(indexed_type& t) {
    t.due.clear(), t.under_way.clear(), t.in_turn.clear(), t.open.clear();
    for (auto& x : t.all) x->is = one::none, ++x->round, ++x->version;
    moved_ = true;
}

void indexes::unknown(object_type& type) {
    if (type.indexes)
        for (auto& x : type.indexes->all) x->lacks = true;
}

// ---- objects that are not in memory

void indexes::waits(object_type& type, bytes_view key, std::uint64_t members) {
    auto& t = *type.indexes;
    bool wanted = false;
    for (auto& x : t.all)
        wanted = wanted || (x->is != one::none && (type.may_end || (members & struct_part::bit(x->field.number)) || !x->rows.is_held(key)));
    if (!wanted || mutant("index_leaves_cold_objects") || t.due.contains(key)) return;
    if (t.open.size() >= waiting_max) return outdated(t);
    auto number = ++t.loads;
    t.due.emplace(key, number), t.in_turn.emplace(number, key), t.open.insert(number);
    load_more(t);
}

void indexes::load_more(indexed_type& t) {
    for (auto it = t.in_turn.begin(); it != t.in_turn.end() && t.under_way.size() < loads_max;) {
        auto [number, key] = *it;
        if (t.under_way.contains(key)) { // what came since may not be in what is being loaded
            ++it;
            continue;
        }
        it = t.in_turn.erase(it);
        t.due.erase(key), t.under_way.emplace(key, number);
        space_.open(t.type, key, [this, &t, key = key, number = number, self = space_.weak_from_this()](boost::system::error_code ec, object* o) {
            auto alive = self.lock();
            if (!alive) return;
            loaded(t, key, number, ec, o);
            if (o) space_.unpin(*o);
        });
    }
}

void indexes::loaded(indexed_type& t, std::string const& key, std::uint64_t number, boost::system::error_code ec, object* o) {
    if (o) changed(*o);
    auto it = t.under_way.find(key);
    if (it == t.under_way.end() || it->second != number || space_.stopped()) return;
    t.under_way.erase(it), t.open.erase(number);
    if (ec == node_errc::object_unknown)
        unknown(t.type);
    else if (ec) {
        for (auto& x : t.all) refuse(*x, ec, ec == node_errc::memory_full);
        outdated(t);
        return ring();
    }
    load_more(t);
    moved_ = true;
    ring();
}

} // namespace dunlin
