#include "../net/address.hpp"
#include "../net/system.hpp"
#include "node_links.hpp"
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace dunlin {

struct node_body::machine {
    machine_clock clock;
    machine_chance chance;
    tcp_transport transport;
};

node_body::node_body(any_io_executor executor, options const& o, std::optional<surroundings> outside)
    : executor_(std::move(executor)), options_(o), outside_(std::move(outside)) {
    if (outside_)
        seams_.emplace(outside_->seams);
    else {
        machine_ = std::make_shared<machine>();
        seams_.emplace(dunlin::seams{machine_->clock, machine_->chance, machine_->transport});
    }
    if (!options_.data().empty()) {
        auto queue_bytes = std::clamp<std::size_t>(options_.memory() / 8, 1u << 20, 64u << 20);
        auto runner = outside_ && outside_->make_runner ? outside_->make_runner(executor_) : make_store_thread(executor_);
        store_ = std::make_shared<store>(executor_, seams_->clock, std::move(runner), queue_bytes);
    } else {
        identity_.emplace(identity::make(seams_->chance));
        id_ = identity_->node();
        writer_ = {id_, 1, std::uint32_t(seams_->chance.next())};
    }
}

node_body::~node_body() { drop(); }

void node_body::drop() {
    if (stopped_ && spaces_.empty()) return;
    stopped_ = true;
    reopen_timer_.reset();
    drop_links();
    for (auto& [name, s] : spaces_)
        if (s->executor() == executor_)
            s->stop();
        else // it uses the file until it hears of this
            boost::asio::post(s->executor(), [s = s, world = machine_, file = store_] { s->stop(); });
    store_.reset();
    spaces_.clear();
    answer_all(starting_, node_errc::stopped);
    answer_all(stopping_, node_errc::stopped);
}

/// Not inside of what the user does.
void node_body::answer_all(std::vector<std::unique_ptr<done_handler>>& waiting, boost::system::error_code ec) {
    for (auto& h : std::exchange(waiting, {}))
        boost::asio::post(executor_, [h = std::move(h), ec] { std::move (*h)(ec); });
}

/// From any executor. Never inside of what goes on here: who is told may destroy the node.
std::function<void(std::string const&)> node_body::alarms() {
    return [to = executor_, weak = weak_from_this()](std::string const& text) {
        boost::asio::post(to, [weak, text] {
            auto self = weak.lock();
            if (self && self->alarm_) self->alarm_(text);
        });
    };
}

std::shared_ptr<space_body> node_body::make_space(std::string const& name, any_io_executor executor) {
    if (auto it = spaces_.find(name); it != spaces_.end()) return it->second;
    space_setup setup;
    setup.name = name;
    setup.executor = executor;
    setup.clock = &seams_->clock, setup.chance = &seams_->chance;
    setup.store = store_.get();
    setup.keep = machine_;
    setup.node = id_;
    setup.memory_bytes = options_.memory(), setup.log_bytes = options_.log_budget();
    setup.alone = alone();
    setup.alarm = alarms();
    setup.on_long_log = [this, to = executor_, weak = weak_from_this()] {
        boost::asio::post(to, [this, weak] {
            auto self = weak.lock();
            if (!self || stopped_) return;
            for (auto& [other, s] : spaces_) boost::asio::post(s->executor(), [s = s] { s->log_is_long(); });
        });
    };
    if (executor != executor_)
        setup.on_executor = [executor](std::function<void()> f) { boost::asio::post(executor, std::move(f)); };
    if (executor == executor_)
        setup.when_idle = [weak = weak_from_this(), name](peer_number p) {
            if (auto self = weak.lock()) self->when_idle(name, p);
        };
    else
        setup.when_idle = [at = executor_, weak = weak_from_this(), name](peer_number p) {
            boost::asio::post(at, [weak, name, p] {
                if (auto self = weak.lock()) self->when_idle(name, p);
            });
        };
    if (executor == executor_)
        setup.send = [weak = weak_from_this(), name](peer_number to, space_message&& said) {
            if (auto self = weak.lock()) self->send(name, to, std::move(said));
        };
    else
        setup.send = [at = executor_, weak = weak_from_this(), name](peer_number to, space_message&& said) {
            boost::asio::post(at, [weak, name, to, said = std::make_shared<space_message>(std::move(said))] {
                if (auto self = weak.lock()) self->send(name, to, std::move(*said));
            });
        };
    auto s = std::make_shared<space_body>(std::move(setup));
    spaces_[name] = s;
    if (!store_) s->own(writer_);
    return s;
}

space node_body::space_named(std::string const& name, any_io_executor executor) {
    if (name.empty() || name.size() > 512 || !is_utf8(name) || name.starts_with("dunlin"))
        throw boost::system::system_error(node_errc::bad_name, name);
    auto it = spaces_.find(name);
    if (it != spaces_.end()) {
        require(it->second->executor() == executor,
                "a space has one executor: name it with that before the node starts");
        return {it->second, weak_from_this()};
    }
    auto s = make_space(name, executor);
    if (begun_) {
        if (store_) start_space(s, nullptr, [] {});
        link_space(s);
        if (members_) boost::asio::post(executor, [s, n = *members_] { s->members_are(n); });
    }
    return {s, weak_from_this()};
}

void node_body::start(done_handler handler) {
    auto answer = [&](boost::system::error_code ec) {
        boost::asio::post(executor_, [h = std::move(handler), ec]() mutable { std::move(h)(ec); });
    };
    if (stopped_) return answer(node_errc::stopped);
    if (started_) return answer({});
    starting_.push_back(std::make_unique<done_handler>(std::move(handler)));
    if (starting_.size() > 1) return;
    try {
        // First: what is no address is no more beyond loopback than on it, and a key would not help.
        if (!options_.listen().empty()) (void)parse_address(options_.listen());
        if (outside_ && !outside_->cluster_key.empty())
            key_ = cluster_key::parse(outside_->cluster_key);
        else if (!options_.key_file().empty())
            key_ = cluster_key::read_file(options_.key_file());
        if (!options_.listen().empty() && !key_ && !is_loopback(options_.listen()))
            return finish_start(node_errc::refused_listen);
        if (store_) {
            identity_.emplace(outside_ && outside_->identity
                                  ? outside_->identity(options_.data())
                                  : identity::open_file(identity_file(options_.data()), seams_->chance));
            id_ = identity_->node();
        }
    } catch (boost::system::system_error const& e) {
        failure_ = e.what();
        return finish_start(e.code());
    }
    if (store_)
        open_file();
    else
        start_spaces(nullptr);
}

/// In any order, each on its executor; what is named from now on begins by itself.
void node_body::start_spaces(std::shared_ptr<file_content> const& found) {
    make_space("main", executor_);
    make_space("dunlin", executor_);
    begun_ = true;
    if (!store_) return start_links();
    auto left = std::make_shared<std::size_t>(spaces_.size());
    for (auto& [name, s] : spaces_)
        start_space(s, found, [this, to = executor_, weak = weak_from_this(), left] {
            boost::asio::post(to, [this, weak, left] {
                auto self = weak.lock();
                if (self && --*left == 0) start_links();
            });
        });
}

void node_body::finish_start(boost::system::error_code ec) {
    started_ = !ec;
    answer_all(starting_, ec);
}

/// Who asks while it stops waits for the same end.
void node_body::stop(done_handler handler) {
    bool stopping = stopped_ && !spaces_.empty();
    stopping_.push_back(std::make_unique<done_handler>(std::move(handler)));
    if (stopped_ && !stopping) return answer_all(stopping_, {});
    if (stopping) return;
    stopped_ = true;
    leave_spaces([this, weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self) return;
        stop_links([this, weak] {
            auto alive = weak.lock();
            if (!alive) return;
            mend_file([this, weak] {
                if (auto still = weak.lock()) seal_spaces();
            });
        });
    });
}

void node_body::leave_spaces(std::function<void()> then) {
    auto left = std::make_shared<std::size_t>(spaces_.size() + 1);
    auto gone = [left, then] {
        if (--*left == 0) then();
    };
    for (auto& [name, s] : spaces_)
        boost::asio::post(s->executor(), [s = s, gone, to = executor_] {
            if (!s->stopped()) s->leave();
            boost::asio::post(to, gone);
        });
    gone();
}

/// Then the file may be closed: all that they have is queued for it.
void node_body::seal_spaces() {
    auto left = std::make_shared<std::size_t>(spaces_.size() + 1);
    auto sealed = [this, weak = weak_from_this(), left] {
        auto alive = weak.lock();
        if (alive && --*left == 0) close_file();
    };
    for (auto& [name, s] : spaces_)
        boost::asio::post(s->executor(), [s = s, sealed, to = executor_] {
            if (!s->stopped() && s->self() != writers::none) s->put_all_back(), s->seal();
            s->after_reopening([sealed, to] { boost::asio::post(to, sealed); });
        });
    sealed();
}

/// Those of other executors: when it is said that the node has stopped, nothing of it runs anywhere.
void node_body::stop_spaces(std::function<void()> then) {
    auto left = std::make_shared<std::size_t>(1);
    auto stopped = [left, then] {
        if (--*left == 0) then();
    };
    for (auto& [name, s] : spaces_) {
        if (s->executor() == executor_) continue;
        ++*left;
        boost::asio::post(s->executor(), [s = s, world = machine_, file = store_, to = executor_, stopped] {
            s->stop();
            boost::asio::post(to, stopped);
        });
    }
    stopped();
}

} // namespace dunlin
