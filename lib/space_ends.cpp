// The space and what ends: who is told, what its rows say of deadlines, and what is loaded because of them.
#include "../crdt/expiry.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

/// By the program's struct, or by what the schema says of it.
void space_body::tell_of_ends(object_type& type) const {
    type.may_end = with_ends_.contains(type.name), type.may_end_below = false;
    for (auto& m : type.part->members())
        if (m.type->may_end()) type.may_end = true, type.may_end_below = type.may_end_below || m.type != &expiry::of();
}

void space_body::has_ends(std::string const& type) {
    for (auto& name : add_with_holders(type, with_ends_))
        if (auto t = find_type(name)) tell_of_ends(*t);
}

/// The first deadline in it, for its row; 0: none.
std::int64_t space_body::first_deadline_ms(object const& o) const {
    if (!o.type->may_end) return 0;
    ending e{0, std::numeric_limits<std::int64_t>::min(), {}, 0};
    e.leases_from_ms = o.now_ms() + endings::blind_ms; // who is renewed every ten seconds is not a reason to load it
    o.fields().end(const_cast<object&>(o).value(), e);
    auto first = std::min(o.fields().deadline_ms(o.value()), e.next_ms);
    return first == never_ms ? 0 : std::max<std::int64_t>(first, 1);
}

std::int64_t space_body::next_end_ms(object const& o) const {
    ending e{o.now_ms(), o.now_ms(), [](auto, auto&, bool) { return never_ms; }, 0};
    o.fields().end(const_cast<object&>(o).value(), e);
    return std::min(o.fields().deadline_ms(o.value()), e.next_ms);
}

/// Said to whoever loads what is over.
std::int64_t space_body::deadline_for_row(object const& o) {
    auto ends = first_deadline_ms(o);
    endings_.row_ends(ends);
    return ends;
}

void space_body::deadlines_changed(object& o) {
    endings_.changed(o);
    if (!leases_.is(o)) return;
    auto told = leases_.changed();
    if (told.ended_ms != never_ms || told.came_back) endings_.leases_changed(told.ended_ms, told.came_back);
}

/// Of whom it is not known whether they have a file: by the writers that were heard of.
std::size_t space_body::members() const { return std::max({others_.value_or(0), peers_, std::size_t(heads_.size())}) + 1; }
bool space_body::hears_somebody() const { return others_ && machine_ && (*others_ == 0 || (peers_ && synced() && machine_->is_level())); }
bool space_body::reaches_members() const {
    return others_ && machine_ && synced() && machine_->counted_links() >= *others_ && machine_->is_level();
}

void space_body::tell_over(object& o) { tell(o, ~std::uint64_t(0) >> 1, false, dot()); }

/// The node stops: what it has announced is gone, while there are links to say so.
void space_body::leave() {
    if (is_busy() || overloaded() || self_ == writers::none) return;
    seal();
    leases_.end();
    seal();
    tell_all_cells();
}

/// What a step has changed is one entry.
void space_body::end_step() {
    if (!in_atomic_) seal();
    ring_watches();
}

void space_body::find_due(due_query query, std::function<void(std::vector<due_item> const*)> done) {
    query.space = store_space_;
    store_->due(query, [this, self = weak_from_this(), done = std::move(done)](boost::system::error_code ec, std::vector<due_item> page) {
        auto shared = std::make_shared<std::vector<due_item>>(std::move(page));
        back(self, [this, self, done, ec, shared] {
            auto alive = self.lock();
            if (!alive || stopped_) return;
            done(ec ? nullptr : shared.get());
        })();
    });
}

/// Its row may be behind, or not be whole: what it says is looked at again in memory.
void space_body::load_due(due_item const& item, std::function<void()> done) {
    auto name = store_->name(name_kind::type, item.type);
    auto type = name.empty() ? nullptr : &make_type(name, nullptr, false);
    bool ours = type && !find(*type, item.key) && object_hash(name, item.key) == (std::uint64_t(item.at.h) >> 2 & hash_max);
    if (!ours)
        return boost::asio::post(setup_.executor, [self = weak_from_this(), done = std::move(done)] {
            if (auto alive = self.lock()) done();
        });
    open(*type, item.key, [this, self = weak_from_this(), ends_ms = item.at.ends_ms, done = std::move(done)](boost::system::error_code, object* o) {
        auto alive = self.lock();
        if (!alive) return;
        if (o && !stopped_) {
            endings_.look_at(*o); // while it is pinned
            if (first_deadline_ms(*o) != ends_ms && !o->dirty) mark_unsaved(*o, log_.next_position());
            unpin(*o);
        }
        done();
    });
}

/// What deltas wait for, and may have deadlines.
std::vector<type_and_key> space_body::cold_that_ends() {
    std::vector<type_and_key> all;
    auto add = [&](cold_deltas::place const& where, cold_deltas::waiting const&) {
        auto& type = make_type(store_->name(name_kind::type, where.type), nullptr, false);
        if (type.may_end) all.push_back({&type, where.key});
    };
    cold_.each(add), replayed_.each(add);
    std::sort(all.begin(), all.end());
    return all;
}

void space_body::load_cold(type_and_key const& name, std::function<void()> done) {
    open(*name.type, name.key, [this, self = weak_from_this(), done = std::move(done)](boost::system::error_code, object* o) {
        auto alive = self.lock();
        if (!alive) return;
        if (o && !stopped_) endings_.look_at(*o), unpin(*o);
        done();
    });
}

} // namespace dunlin
