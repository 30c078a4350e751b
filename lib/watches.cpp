#include "watches.hpp"
#include "../crdt/mutant.hpp"
#include "object.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace dunlin {

std::string change_json(struct_part const& type, change_record const& c) {
    std::map<unsigned, std::string const*> names; // in order of declaration
    for (auto& m : type.members())
        if (c.members & struct_part::bit(m.number)) names[m.number] = &m.name;
    boost::json::object out;
    out["type"] = type.name();
    if (c.key.empty())
        out["key"] = nullptr;
    else
        out["key"] = c.key;
    auto& touched = out["touched"].emplace_array();
    for (auto& [number, name] : names) touched.emplace_back(*name);
    out["erased"] = c.erased, out["remote"] = c.remote;
    return boost::json::serialize(out);
}

object_watch::object_watch(std::shared_ptr<space_body> space, object* of, object_type* type, when w)
    : space_(std::move(space)), object_(of), type_(type), when_(w), first_(of) {
    if (first_ && when_ == when::saved) {
        if (!space_->in_atomic() && !space_->stopped()) space_->seal();
        if (!space_->all_saved()) held_ = space_->applied();
    }
    space_->add_watch(this, of, type);
    stopped_ = space_->stopped();
}

object_watch::~object_watch() {
    space_->remove_watch(this, object_, type_);
    cancel();
}

void object_watch::next(change_handler handler) {
    require(!waiting_, "a watch has one next() under way at a time");
    waiting_ = std::make_shared<change_handler>(std::move(handler));
    rung_ = false;
    auto slot = boost::asio::get_associated_cancellation_slot(*waiting_);
    if (slot.is_connected())
        slot.assign([this, weak = std::weak_ptr(waiting_)](boost::asio::cancellation_type type) {
            if (!weak.expired() && type != boost::asio::cancellation_type::none) cancel();
        });
    ring();
}

void object_watch::cancel() {
    if (!waiting_) return;
    auto h = std::make_shared<change_handler>(std::move(*waiting_));
    waiting_.reset();
    boost::asio::post(space_->executor(), [h] {
        std::move (*h)(boost::system::error_code(boost::asio::error::operation_aborted),
                       std::optional<change_record>());
    });
}

void object_watch::join(change_record& to, change_record const& c) {
    to.members |= c.members;
    to.erased = c.erased;
    to.remote |= c.remote;
    if (c.last) to.last = c.last;
}

void object_watch::merge(change_record const& c) {
    if (ready_.size() < keys_max || ready_.contains(c.key)) {
        auto [it, fresh] = ready_.try_emplace(c.key, c);
        if (!fresh) join(it->second, c);
        return;
    }
    auto [it, fresh] = ready_.try_emplace(std::string(), c);
    if (!fresh) join(it->second, c);
    it->second.key.clear();
}

void object_watch::note(change_record c, bool saved) {
    if (c.aside && when_ == when::saved && !mutant("ephemeral_is_told_as_saved")) return;
    if (when_ == when::applied || saved || !c.last) return merge(c);
    if (unsaved_.size() < unsaved_max || mutant("watch_queues_without_bound")) return unsaved_.push_back(std::move(c));
    auto& last = unsaved_.back();
    if (last.key != c.key) last.key.clear(), last.members = ~std::uint64_t(0) >> 1;
    join(last, c);
}

void object_watch::saved(version_vector const& durable) {
    if (held_ && durable.covers(*held_)) held_.reset();
    while (!unsaved_.empty() && durable.covers(unsaved_.front().last)) {
        merge(unsaved_.front());
        unsaved_.pop_front();
    }
}

std::optional<change_record> object_watch::take() {
    if (!has_news()) return std::nullopt;
    if (first_) {
        first_ = false;
        auto all = change_record{object_->key, ~std::uint64_t(0) >> 1, false, false, dot()};
        ready_.clear();
        return all;
    }
    auto c = std::move(ready_.begin()->second);
    ready_.erase(ready_.begin());
    return c;
}

void object_watch::ring() {
    if (!waiting_ || rung_ || !(has_news() || stopped_)) return;
    rung_ = true;
    boost::asio::post(space_->executor(), [this, weak = std::weak_ptr(waiting_)] {
        if (!weak.expired()) deliver();
    });
}

/// Whoever is told may destroy this.
void object_watch::deliver() {
    auto h = std::move(*waiting_);
    waiting_.reset();
    auto c = take();
    std::move(h)(boost::system::error_code(), std::move(c));
}

/// The handler goes into the post: where nobody runs any more it goes with that, and with the coroutine that owns this.
void object_watch::stop() {
    stopped_ = true;
    if (!waiting_) return;
    auto h = std::make_shared<change_handler>(std::move(*waiting_));
    waiting_.reset();
    boost::asio::post(space_->executor(),
                      [h, c = take()]() mutable { std::move (*h)(boost::system::error_code(), std::move(c)); });
}

} // namespace dunlin
