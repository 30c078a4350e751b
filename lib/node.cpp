#include "node.hpp"
#include "node_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

node::node(any_io_executor executor, options const& o)
    : body_(std::make_shared<node_body>(executor, o, std::nullopt)), main_(body_->space_named("main", executor)) {}

node::node(any_io_executor executor, options const& o, surroundings const& outside)
    : body_(std::make_shared<node_body>(executor, o, outside)), main_(body_->space_named("main", executor)) {}

node::~node() {
    if (body_) body_->drop();
}

void node::start_body(std::shared_ptr<node_body> const& b, done_handler handler) { b->start(std::move(handler)); }
void node::stop_body(std::shared_ptr<node_body> const& b, done_handler handler) { b->stop(std::move(handler)); }

dunlin::space node::space(std::string const& name) const { return body_->space_named(name, executor()); }
dunlin::space node::space(std::string const& name, any_io_executor executor) const {
    return body_->space_named(name, std::move(executor));
}

node_id const& node::id() const { return body_->id(); }
std::string node::address() const { return body_->address(); }
std::string node::status() const { return body_->status(); }
void node::on_alarm(std::function<void(std::string const&)> told) { body_->alarm_ = std::move(told); }

void space::when_started(std::function<void(boost::system::error_code)> then) const {
    auto node = node_.lock();
    auto to = body_->executor();
    if (!node) return boost::asio::post(to, [then = std::move(then)] { then(node_errc::stopped); });
    if (node->started()) return then({});
    boost::asio::post(node->executor(), [node, then = std::move(then), to] {
        node->start([then, to](boost::system::error_code ec) { boost::asio::post(to, [then, ec] { then(ec); }); });
    });
}

void space::when_synced(std::function<void(boost::system::error_code)> then) const {
    auto node = node_.lock();
    auto wait = std::chrono::nanoseconds(node ? node->sync_deadline() : std::chrono::milliseconds(0));
    when_started([body = body_, wait, then = std::move(then)](boost::system::error_code failed) {
        if (failed) return then(failed);
        if (body->synced()) return then({});
        body->wait_synced(wait, [then](boost::system::error_code) { then({}); });
    });
}

/// Start, then what the cluster knows, then the object. A deadline gives up the wait for the cluster, not the object.
void space::begin_open(object_type& type, std::string key, std::chrono::nanoseconds deadline,
                       open_handler handler) const {
    auto node = node_.lock();
    auto shared = std::make_shared<open_handler>(std::move(handler));
    auto wait = deadline < std::chrono::nanoseconds(0) && node ? std::chrono::nanoseconds(node->sync_deadline()) : deadline;
    when_started([body = body_, &type, key, shared, wait](boost::system::error_code failed) {
        if (failed) return std::move (*shared)(failed, nullptr);
        boost::asio::post(body->executor(), [body, &type, key, shared, wait] {
            body->wait_synced(wait, [body, &type, key, shared](boost::system::error_code) {
                body->open(type, key, std::move(*shared));
            });
        });
    });
}

} // namespace dunlin
