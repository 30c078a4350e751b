#include "../net/address.hpp"
#include "../net/system.hpp"
#include "log_row.hpp"
#include "node_links.hpp"
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace dunlin {

namespace {
constexpr std::uint32_t meta_run = 16; // u: the number of this node's latest run
}

/// What the file holds, handed to the spaces while it is read.
struct node_body::opening final : store_sink {
    node_body& node;
    std::map<std::uint32_t, std::shared_ptr<space_body>> spaces;
    std::uint32_t run = 0;
    std::vector<store_damage> damage;

    explicit opening(node_body& n) : node(n) {}
    void on_name(name_kind kind, std::uint32_t number, bytes_view bytes) override {
        if (kind != name_kind::space || bytes.starts_with(space_body::staging_prefix)) return;
        auto s = node.make_space(std::string(bytes), node.executor_);
        s->set_store_number(number);
        spaces[number] = s;
    }
    void on_meta(std::uint32_t key, bytes_view value) override {
        if (key == meta_run) run = std::uint32_t(decoder(value).u());
    }
    void on_space(std::uint32_t space, std::uint64_t, bytes_view joining, bytes_view heads) override {
        if (auto it = spaces.find(space); it != spaces.end()) it->second->found(joining, heads);
    }
    void on_log_heads(std::uint64_t row, std::vector<log_run> const& runs, std::size_t) override {
        std::vector<space_body*> told;
        for (auto& r : runs)
            if (auto it = spaces.find(r.space);
                it != spaces.end() && std::find(told.begin(), told.end(), it->second.get()) == told.end()) {
                it->second->row_found(row, runs);
                told.push_back(it->second.get());
            }
    }
    void on_log_row(std::uint64_t row, std::vector<log_run> const& runs, bytes_view bytes) override {
        each_series(runs, bytes, [&](std::uint32_t space, series const& s) {
            if (auto it = spaces.find(space); it != spaces.end()) it->second->replay(row, s);
        });
    }
    void on_damage(store_damage const& d) override { damage.push_back(d); }
};

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
        store_->on_state([this](store_state s, boost::system::error_code ec) {
            if (s == store_state::disk_full || s == store_state::broken) alarm("the file: " + ec.message());
            if (s == store_state::broken) file_failed(ec);
        });
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
    setup.alarm = [to = executor_, weak = weak_from_this()](std::string const& text) {
        boost::asio::post(to, [weak, text] {
            if (auto self = weak.lock()) self->alarm(text);
        });
    };
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
        setup.send = [this, name](peer_number to, space_message&& said) { send(name, to, std::move(said)); };
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
    if (started_) {
        start_space(s);
        boost::asio::post(executor, [s, file = has_file()] {
            if (file) s->start([] {});
        });
        link_space(s);
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
        start_spaces();
}

store_options node_body::file_options() const {
    store_options o;
    o.path = options_.data();
    o.vfs = outside_ ? outside_->vfs : "";
    o.log_budget_bytes = options_.log_budget();
    o.cache_bytes = std::min<std::size_t>(64u << 20, options_.memory() / 4);
    return o;
}

void node_body::open_file() {
    auto found = std::make_shared<opening>(*this);
    store_->open(file_options(), found,
                 [this, weak = weak_from_this(), found](boost::system::error_code ec, store_summary) {
                     if (auto self = weak.lock()) opened(found, ec);
                 });
}

void node_body::opened(std::shared_ptr<opening> found, boost::system::error_code ec) {
    if (stopped_) return; // drop() answers
    if (ec) return finish_start(ec);
    for (auto& d : found->damage)
        alarm("a row of the file is damaged: place " + std::to_string(int(d.where)) + ", number " +
              std::to_string(d.number));
    writer_ = {id_, found->run + 1, std::uint32_t(seams_->chance.next())};
    encoder run;
    run.u(writer_.run);
    store_->write(meta_write{meta_run, run.take()});
    start_spaces();
}

/// What the file holds of each space, looked at when it is opened again.
struct node_body::reopening final : store_sink {
    std::map<std::uint32_t, std::vector<std::pair<std::uint64_t, std::vector<log_run>>>> rows; // by space
    std::uint32_t run = 0;

    void on_meta(std::uint32_t key, bytes_view value) override {
        if (key == meta_run) run = std::uint32_t(decoder(value).u());
    }
    void on_log_heads(std::uint64_t row, std::vector<log_run> const& runs, std::size_t) override {
        for (auto& r : runs) {
            auto& of = rows[r.space];
            if (of.empty() || of.back().first != row) of.push_back({row, {}});
            of.back().second.push_back(r);
        }
    }
};

/// An outcome is unknown: the file is closed. It is opened again, later and later while that fails.
void node_body::file_failed(boost::system::error_code ec) {
    if (stopped_ || !writer_.run) return;
    for (auto& [name, s] : spaces_)
        boost::asio::post(s->executor(), [s = s, ec] { s->file_lost(ec); });
    if (!reopen_timer_) reopen_timer_ = seams_->clock.make_timer(executor_);
    reopen_timer_->expires_after(reopen_delay_, [this] { reopen(); });
    reopen_delay_ = std::min(reopen_delay_ * 2, std::chrono::seconds(60));
}

void node_body::reopen() {
    if (stopped_ || store_->state() != store_state::broken) return;
    auto found = std::make_shared<reopening>();
    store_->open(file_options(), found,
                 [this, weak = weak_from_this(), found](boost::system::error_code ec, store_summary s) {
                     if (auto self = weak.lock()) reopened(found, ec, s.floor);
                 });
}

void node_body::reopened(std::shared_ptr<reopening> found, boost::system::error_code ec, std::uint64_t floor) {
    if (stopped_) return;
    if (ec) {
        alarm("the file could not be opened again: " + ec.message());
        return file_failed(ec);
    }
    if (found->run > writer_.run) // another process has run on it: its entries are not ours to go on from
        return alarm("another process has used the file meanwhile: nothing more is saved; restart this node");
    if (found->run < writer_.run) {
        encoder run;
        run.u(writer_.run);
        store_->write(meta_write{meta_run, run.take()});
    }
    reopen_delay_ = std::chrono::seconds(1);
    for (auto& [name, s] : spaces_) {
        auto rows = std::make_shared<std::vector<std::pair<std::uint64_t, std::vector<log_run>>>>(
            std::move(found->rows[s->store_number()]));
        boost::asio::post(s->executor(), [s = s, rows, floor] {
            std::vector<entry_log::file_row> here;
            for (auto& [row, runs] : *rows) here.push_back({row, s->runs_here(runs)});
            s->reopened(std::move(here), floor);
        });
    }
    alarm("the file is open again: what it lacked is being written");
}

void node_body::start_space(std::shared_ptr<space_body> s) {
    if (!store_) return;
    if (!s->store_number()) s->set_store_number(store_->intern(name_kind::space, s->name()));
    s->own(writer_);
}

void node_body::start_spaces() {
    make_space("main", executor_);
    make_space("dunlin", executor_);
    if (!store_) return start_links();
    auto left = std::make_shared<std::size_t>(spaces_.size());
    for (auto& [name, s] : spaces_) {
        start_space(s);
        boost::asio::post(s->executor(), [this, weak = weak_from_this(), s = s, left] {
            s->start([this, weak, left] {
                boost::asio::post(executor_, [this, weak, left] {
                    auto self = weak.lock();
                    if (self && --*left == 0) start_links();
                });
            });
        });
    }
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
    stop_links([this, weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self) return;
        auto left = std::make_shared<std::size_t>(spaces_.size() + 1);
        auto sealed = [this, weak, left] {
            auto alive = weak.lock();
            if (alive && --*left == 0) close_file();
        };
        for (auto& [name, s] : spaces_)
            boost::asio::post(s->executor(), [s = s, sealed, to = executor_] {
                if (!s->stopped() && s->self() != writers::none) s->seal();
                boost::asio::post(to, sealed);
            });
        sealed();
    });
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

void node_body::close_file() {
    auto finish = [this, weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self) return;
        stop_spaces([this, weak] {
            auto alive = weak.lock();
            if (!alive) return;
            answer_all(stopping_, {});
            drop();
        });
    };
    if (store_ && store_->state() == store_state::open)
        store_->stop(finish);
    else
        finish();
}

} // namespace dunlin
