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
    std::uint64_t version; // of what was told, by a watch: asked is for another one; 0: for any
    std::uint64_t until;   // the last load that was due when it was asked
    page_handler handler;
    bool given_up = false;
    bool looks_anyway = false; // what has moved before it was asked is not known
    std::pair<std::size_t, std::size_t> window{}; // the places that it was about when it last looked
};

struct indexes::one {
    indexed_type& of;
    indexed_field field;
    object_index rows{};
    enum { none, reading, whole } is = none;
    bool wanted = false;     // somebody has asked
    bool lacks = false;      // something is unknown
    std::uint64_t round = 0; // of reading: what comes of an earlier one is too late
    std::uint64_t version = 1;
    std::int64_t hidden_ms = std::numeric_limits<std::int64_t>::min(); // the last deadline for which something is left out
    std::size_t moved_from = all, moved_to = 0; // places that show something else since the last answers
    std::vector<std::shared_ptr<question>> waiting{};
    static constexpr std::size_t all = ~std::size_t(0);
};

/// The indexes of a type, and the objects that are to be loaded for them, each by the number of its load.
struct indexed_type {
    object_type& type;
    std::vector<std::unique_ptr<indexes::one>> all;
    std::uint64_t loads = 0; // ever
    bool stalled = false;    // a load has failed: again when somebody asks
    std::map<std::string, std::uint64_t, std::less<>> due, under_way;
    std::map<std::uint64_t, std::string> in_turn; // due
    std::set<std::uint64_t> open;                 // due or under way
};

indexes::indexes(space_body& space) : space_(space), timer_(space.time().make_timer(space.executor())), rings_ms_(never_ms) {}
indexes::~indexes() = default;

indexes::one& indexes::of(object_type& type, indexed_field const& field) {
    if (!type.indexes) {
        all_.push_back(std::unique_ptr<indexed_type>(new indexed_type{type, {}, 0, false, {}, {}, {}, {}}));
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

/// As of now, for who does not wait.
void indexes::look(one& x) {
    space_.end_turn_before_a_look();
    if (x.is == one::none && x.wanted && !space_.stopped()) begin(x);
    look_at_ends(x);
    ring_soon();
}

std::optional<index_page> indexes::page(one& x, index_range const& range) {
    look(x);
    return is_exact(x) ? std::optional(page_now(x, range)) : std::nullopt;
}

std::optional<std::size_t> indexes::rank(one& x, bytes_view key, index_range const& range) {
    look(x);
    return is_exact(x) && !x.lacks ? x.rows.rank(key, range) : std::nullopt;
}

void indexes::read(one& x, index_range const& range, std::uint64_t version, page_handler handler) {
    space_.end_turn_before_a_look();
    auto q = std::make_shared<question>(question{range, version, x.of.loads, std::move(handler)});
    q->looks_anyway = version != x.version, q->window = x.rows.window(range);
    auto slot = boost::asio::get_associated_cancellation_slot(q->handler);
    if (slot.is_connected())
        slot.assign([this, &x, self = space_.weak_from_this(), weak = std::weak_ptr(q)](boost::asio::cancellation_type type) {
            auto alive = self.lock();
            auto asked = weak.lock();
            if (!alive || !asked || type == boost::asio::cancellation_type::none) return;
            asked->given_up = true; // its answer may be on its way already
            if (!std::erase(x.waiting, asked)) return;
            boost::asio::post(space_.executor(), [asked] { std::move(asked->handler)(boost::asio::error::operation_aborted, index_page()); });
        });
    x.waiting.push_back(std::move(q));
    x.wanted = true;
    if (space_.stopped()) return refuse(x, node_errc::stopped, true);
    if (x.is == one::none) begin(x);
    x.of.stalled = false;
    load_more(x.of);
    answer(x);
}

/// What has moved is among the rows that it asks for, or these are in other places now: something passed a bound of the range,
/// or came or went at the end from which it is counted.
bool indexes::has_news(one& x, question& q) {
    if (!q.version) return true;
    if (q.version == x.version) return false;
    auto now = x.rows.window(q.range);
    bool is = q.looks_anyway || now != q.window || (x.moved_from <= now.second && x.moved_to >= now.first);
    q.version = x.version, q.window = now;
    return is;
}

void indexes::answer(one& x) {
    if (x.is != one::whole || space_.rebuilding() || x.waiting.empty()) return;
    look_at_ends(x);
    if (x.is != one::whole) return;
    auto& open = x.of.open;
    if (!open.empty() && !mutant("index_answers_before_it_has_loaded")) {
        for (auto& q : x.waiting) hold_ = hold_ || (!x.of.stalled && q->until < *open.begin());
        return;
    }
    std::erase_if(x.waiting, [&](std::shared_ptr<question> const& q) {
        if (!has_news(x, *q)) return false;
        boost::asio::post(space_.executor(), [q, p = page_now(x, q->range)]() mutable {
            if (q->given_up && !mutant("index_answers_who_gave_up")) return std::move(q->handler)(boost::asio::error::operation_aborted, index_page());
            std::move(q->handler)(boost::system::error_code(), std::move(p));
        });
        return true;
    });
    x.moved_from = one::all, x.moved_to = 0;
    wake();
}

void indexes::refuse(one& x, boost::system::error_code ec, bool who_watches) {
    std::erase_if(x.waiting, [&](std::shared_ptr<question> const& q) {
        if (q->version && !who_watches) return false;
        boost::asio::post(space_.executor(), [q, ec] { std::move(q->handler)(ec, index_page()); });
        return true;
    });
}

void indexes::stop() {
    timer_->cancel();
    hold_ = false;
    for (auto& t : all_)
        for (auto& x : t->all) refuse(*x, node_errc::stopped, true);
}

void indexes::ring() {
    if (!std::exchange(moved_, false) || space_.stopped()) return;
    for (auto& t : all_)
        for (auto& x : t->all) x->is == one::none && !x->waiting.empty() ? begin(*x) : answer(*x);
}

/// Not from within whatever is under way here.
void indexes::ring_soon() {
    if (moved_)
        boost::asio::post(space_.executor(), [this, self = space_.weak_from_this()] {
            if (auto alive = self.lock()) ring();
        });
}

/// For who waits: rows whose time comes without an entry.
void indexes::wake() {
    if (mutant("index_waits_for_an_entry")) return;
    auto first = never_ms;
    for (auto& t : all_)
        for (auto& x : t->all)
            if (!x->waiting.empty()) first = std::min(first, x->rows.first_end_ms());
    if (first == rings_ms_) return;
    rings_ms_ = first;
    if (first == never_ms) return timer_->cancel();
    auto in = std::clamp<std::int64_t>(first - space_.time().wall_now().count(), 1, 60'000); // clocks may jump
    timer_->expires_after(std::chrono::milliseconds(in), [this] {
        rings_ms_ = never_ms, moved_ = true;
        ring();
        wake();
    });
}

// ---- rows

/// Of a row. Where it stands matters to who watches: if it comes or goes, all that stand behind it move too.
template <class Change> void indexes::change(one& x, bytes_view key, Change f) {
    auto place = [&] { return x.waiting.empty() ? one::all : x.rows.place(key).value_or(one::all); };
    auto before = x.rows.bytes(), from = place();
    bool moved = f(x.rows);
    bytes_ += x.rows.bytes() - before;
    if (!moved) return;
    ++x.version, moved_ = true;
    auto to = place();
    x.moved_from = std::min({x.moved_from, from, to}), x.moved_to = std::max({x.moved_to, from, to});
}

void indexes::clear(one& x) {
    auto before = x.rows.bytes();
    x.rows.clear();
    bytes_ += x.rows.bytes() - before;
    ++x.version, x.moved_from = 0, x.moved_to = one::all;
}

/// It is as it is now.
bool indexes::put(one& x, object const& o) {
    if (!o.shows() && !mutant("index_keeps_what_is_erased")) {
        if (o.live()) x.hidden_ms = std::max(x.hidden_ms, std::min(o.fields().deadline_ms(o.value()), o.now_ms()));
        return x.rows.erase(o.key);
    }
    auto field = static_cast<char const*>(o.value()) + x.field.offset;
    encoder value(std::move(scratch_));
    x.field.put(field, value);
    bool held = x.field.type->live(field);
    bool surely = held || !o.type->may_end_below;
    auto ends = surely ? o.fields().deadline_ms(o.value()) : space_.next_end_ms(o);
    bool moved = x.rows.put(o.key, value.view(), ends, surely, held);
    scratch_ = value.take();
    return moved;
}

void indexes::take(one& x, object const& o) {
    change(x, o.key, [&](object_index&) { return put(x, o); });
    if (bytes_ > space_.memory_bytes() / 2) give_up_memory(x);
}

/// One that is being read, if there is one: the others are in use.
void indexes::give_up_memory(one& x) {
    auto victim = &x;
    for (auto& t : all_)
        for (auto& other : t->all)
            if (x.is != one::reading && other->is == one::reading) victim = other.get();
    victim->is = one::none, ++victim->round;
    clear(*victim);
    refuse(*victim, node_errc::memory_full, true);
}

/// Those whose time has come go, or are looked at again.
void indexes::look_at_ends(one& x) {
    if (x.is == one::none) return;
    auto now = space_.time().wall_now().count();
    if (now < x.hidden_ms && !mutant("index_trusts_the_clock")) { // it was set back: what was over is there again
        if (x.is == one::whole) begin(x);
        return;
    }
    for (auto& [ends_ms, name] : x.rows.over(now)) {
        bytes_view key = name;
        if (auto o = space_.find(x.of.type, key); o && o->made_by == x.of.type.part)
            take(x, *o);
        else if (x.rows.ends_surely(key)) {
            x.hidden_ms = std::max(x.hidden_ms, ends_ms);
            change(x, key, [&](object_index& rows) { return rows.erase(key); });
        }
        else { // what lies in it tells
            change(x, key, [&](object_index& rows) { return rows.forget_end(key), false; });
            load(x.of, key);
        }
    }
}

void indexes::changed(object const& o) {
    if (o.made_by != o.type->part) return;
    for (auto& x : o.type->indexes->all)
        if (x->is != one::none) take(*x, o);
}

// ---- reading all of it

/// Not from within whatever is under way here.
void indexes::begin(one& x) {
    x.is = one::reading, x.lacks = false, x.hidden_ms = std::numeric_limits<std::int64_t>::min(), ++x.round;
    clear(x);
    boost::asio::post(space_.executor(), [this, &x, self = space_.weak_from_this(), round = x.round] {
        auto alive = self.lock();
        if (alive && !space_.stopped() && x.round == round) read_on(x, -1);
    });
}

void indexes::read_on(one& x, std::int64_t after) {
    space_.each_object(&x.of.type, after, page_objects,
                       [this, &x, self = space_.weak_from_this(), round = x.round](auto ec, auto const& objects, std::int64_t last, bool end) {
                           auto alive = self.lock(); // what is answered by a stop may come when it is gone
                           if (alive && !space_.stopped() && x.round == round) page_arrived(x, ec, objects, last, end);
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
    if (ec && (ec != node_errc::object_unknown || space_.rows_mislead())) {
        x.is = one::none;
        return refuse(x, ec, false);
    }
    if (!end)
        return boost::asio::post(space_.executor(), [this, &x, self = space_.weak_from_this(), round, last] {
            auto alive = self.lock();
            if (alive && !space_.stopped() && x.round == round) read_on(x, last);
        });
    x.is = one::whole, ++x.version, x.moved_from = 0, x.moved_to = one::all;
    answer(x);
}

void indexes::outdated() {
    if (mutant("index_outlives_a_joined_state")) return;
    for (auto& t : all_) outdated(*t);
}

void indexes::outdated(indexed_type& t) {
    t.due.clear(), t.under_way.clear(), t.in_turn.clear(), t.open.clear();
    for (auto& x : t.all) {
        x->is = one::none, ++x->round;
        clear(*x);
    }
    moved_ = true;
    hold_no_more();
}

void indexes::unknown(object_type& type) {
    if (!type.indexes) return;
    for (auto& x : type.indexes->all)
        if (!std::exchange(x->lacks, true)) ++x->version, x->moved_from = 0, x->moved_to = one::all, moved_ = true;
    ring_soon(); // no entry says it
}

// ---- objects that are not in memory

void indexes::waits(object_type& type, bytes_view key, std::uint64_t members) {
    auto& t = *type.indexes;
    bool wanted = false;
    for (auto& x : t.all)
        wanted = wanted || (x->is != one::none && (type.may_end || (members & struct_part::bit(x->field.number)) || !x->rows.is_held(key)));
    if (wanted && !mutant("index_leaves_cold_objects")) load(t, key);
}

/// One that is under way will do: the object takes all that waits for it when it comes into memory.
void indexes::load(indexed_type& t, bytes_view key) {
    if (t.due.contains(key) || t.under_way.contains(key)) return;
    if (t.open.size() >= waiting_max) return outdated(t);
    auto number = ++t.loads;
    t.due.emplace(key, number), t.in_turn.emplace(number, key), t.open.insert(number);
    t.stalled = false;
    load_more(t);
}

void indexes::load_more(indexed_type& t) {
    while (!t.stalled && !t.in_turn.empty() && t.under_way.size() < loads_max) {
        auto [number, key] = *t.in_turn.begin();
        t.in_turn.erase(number), t.due.erase(key), t.under_way.emplace(key, number);
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
    t.under_way.erase(it);
    if (ec && ec != node_errc::object_unknown) {
        t.due.emplace(key, number), t.in_turn.emplace(number, key);
        t.stalled = true;
        hold_no_more();
        for (auto& x : t.all) refuse(*x, ec, false);
        return;
    }
    if (ec) unknown(t.type);
    t.open.erase(number);
    if (t.open.empty()) hold_no_more();
    load_more(t);
    moved_ = true;
    ring();
}

void indexes::hold_no_more() {
    if (!std::exchange(hold_, false)) return;
    boost::asio::post(space_.executor(), [this, self = space_.weak_from_this()] {
        auto alive = self.lock();
        if (alive && !space_.stopped()) space_.take_in_again();
    });
}

} // namespace dunlin
