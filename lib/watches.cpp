#include "watches.hpp"
#include "object.hpp"
#include "space_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

object_watch::object_watch(std::shared_ptr<space_body> space, object* of, object_type* type, when w)
    : space_(std::move(space)), object_(of), type_(type), when_(w), first_(of) {
    space_->add_watch(this, of, type);
    stopped_ = space_->stopped();
}

object_watch::~object_watch() {
    space_->remove_watch(this, object_, type_);
    if (waiting_) {
        auto h = std::move(waiting_);
        std::move (*h)(boost::system::error_code(boost::asio::error::operation_aborted),
                       std::optional<change_record>());
    }
}

void object_watch::next(change_handler handler) {
    require(!waiting_, "a watch has one next() under way at a time");
    waiting_ = std::make_unique<change_handler>(std::move(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(*waiting_);
    if (slot.is_connected())
        slot.assign([this](boost::asio::cancellation_type type) {
            if (type != boost::asio::cancellation_type::none) cancel();
        });
    ring();
}

void object_watch::cancel() {
    if (!waiting_) return;
    boost::asio::post(space_->executor(), [h = std::shared_ptr<change_handler>(std::move(waiting_))] {
        std::move (*h)(boost::system::error_code(boost::asio::error::operation_aborted),
                       std::optional<change_record>());
    });
}

void object_watch::merge(change_record const& c) {
    auto key = ready_.size() < keys_max || ready_.contains(c.key) ? c.key : std::prev(ready_.end())->first;
    auto [it, fresh] = ready_.try_emplace(key, c);
    if (fresh) return;
    it->second.members |= c.members;
    it->second.erased = c.erased;
    it->second.remote |= c.remote;
    it->second.last = c.last;
}

void object_watch::note(change_record c, bool saved) {
    if (when_ == when::applied || saved || !c.last) return merge(c);
    if (unsaved_.size() < unsaved_max) return unsaved_.push_back(std::move(c));
    auto& last = unsaved_.back();
    if (last.key != c.key) last.members = ~std::uint64_t(0) >> 1;
    last.members |= c.members, last.erased = c.erased, last.remote |= c.remote, last.last = c.last;
}

void object_watch::saved(version_vector const& durable) {
    while (!unsaved_.empty() && durable.covers(unsaved_.front().last)) {
        merge(unsaved_.front());
        unsaved_.pop_front();
    }
}

std::optional<change_record> object_watch::take() {
    if (first_) {
        first_ = false;
        auto all = change_record{object_->key, ~std::uint64_t(0) >> 1, false, false, dot()};
        ready_.clear();
        return all;
    }
    if (ready_.empty()) return std::nullopt;
    auto c = std::move(ready_.begin()->second);
    ready_.erase(ready_.begin());
    return c;
}

void object_watch::ring() {
    if (!waiting_) return;
    auto c = take();
    if (!c && !stopped_) return;
    boost::asio::post(space_->executor(), [h = std::shared_ptr<change_handler>(std::move(waiting_)), c = std::move(c)] {
        std::move (*h)(boost::system::error_code(), c);
    });
}

void object_watch::stop() {
    stopped_ = true;
    ring();
}

} // namespace dunlin
