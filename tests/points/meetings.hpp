// Two hosts that greet each other, or fail to: every way a handshake and a connect can end, each wait of it struck. And
// the same over the machine's own sockets.
#pragma once
#include "nodes.hpp"
#include <boost/asio/io_context.hpp>
#include <dunlin/net/link.hpp>
#include <dunlin/net/tcp.hpp>

namespace dunlin::points {

enum class ending : std::uint8_t { well, in_pieces, in_clear, caller_has_no_key, answerer_has_no_key, other_key, other_version, no_host, no_port, no_path, no_room };
inline std::vector<ending> const endings{ending::well,      ending::in_pieces, ending::in_clear,      ending::caller_has_no_key, ending::answerer_has_no_key,
                                         ending::other_key, ending::other_version, ending::no_host,           ending::no_port,
                                         ending::no_path,   ending::no_room};

class meeting {
public:
    registry& points = registry::now();
    std::string failure;

private:
    ending how_;
    sim::world world_{2, 16};
    sim::network network_{world_};
    sim::node_clock clock_{world_, "both"};
    sim::generator chance_ = world_.chance("meeting");
    cluster_key key_ = cluster_key::make(chance_), other_ = cluster_key::make(chance_);
    identity caller_id_ = identity::make(chance_), answerer_id_ = identity::make(chance_);
    bool clear() const { return how_ == ending::in_clear; }
    bool on_loopback_ = clear() || how_ == ending::caller_has_no_key;
    std::string caller_name_ = on_loopback_ ? "127.0.0.1" : "p", answerer_name_ = on_loopback_ ? "localhost" : "q";
    transport &caller_at_ = network_.attach(caller_name_), &answerer_at_ = network_.attach(answerer_name_);
    sim::process *caller_ = nullptr, *answerer_ = nullptr;
    std::unique_ptr<acceptor> door_;
    std::vector<std::unique_ptr<stream>> crowd_;
    std::vector<std::unique_ptr<root>> gone_;
    std::unique_ptr<root> calls_, answers_;
    std::size_t exchanged_ = 0, waits_of_life_ = 0;

    link_options terms(bool caller) {
        link_options o(clock_, chance_, caller ? caller_id_ : answerer_id_);
        auto no_key = clear() || how_ == (caller ? ending::caller_has_no_key : ending::answerer_has_no_key);
        if (!no_key) o.key = caller && how_ == ending::other_key ? other_ : key_;
        o.hello = "hello";
        return o;
    }
    std::string address() const {
        if (how_ == ending::no_host) return "nobody:7";
        return answerer_name_ + (how_ == ending::no_port ? ":8" : ":7");
    }
    awaitable<void> calls() {
        if (how_ == ending::other_version) {
            auto over = co_await caller_at_.connect(caller_->get_executor(), address());
            std::string first("dnln\2\0\0\0\0", 9);
            co_await over->write(asio::buffer(first));
            char answer[3];
            co_await over->read_some(asio::buffer(answer));
            co_return;
        }
        auto options = terms(true);
        auto over = co_await dial(caller_at_, address(), options);
        std::string question(100'000, 'q'); // more than the window
        co_await over->send(question);
        auto answer = co_await over->receive();
        exchanged_ += answer.size();
        co_await over->close();
    }
    awaitable<void> answers() {
        auto came = co_await door_->accept();
        auto options = terms(false);
        auto over = co_await respond(std::move(came), std::make_shared<link_options>(options));
        std::string question;
        co_await over->receive(question);
        co_await over->send(question);
        co_await over->receive(question); // the goodbye
    }
    awaitable<void> crowds() {
        for (int k = 0; k < 128; ++k) {
            auto one = co_await caller_at_.connect(caller_->get_executor(), "q:7");
            crowd_.push_back(std::move(one));
        }
    }
    void begin() {
        caller_ = &world_.make_process("caller"), answerer_ = &world_.make_process("answerer");
        calls_ = std::make_unique<root>(), answers_ = std::make_unique<root>();
        door_ = answerer_at_.listen(answerer_->get_executor(), answerer_name_ + ":7");
        if (how_ == ending::no_room) {
            world_.run(caller_->get_executor(), crowds());
            points.fresh.clear();
        } else
            answers_->start(answerer_->get_executor(), answers());
        if (how_ == ending::no_path) network_.block("p", "q");
        calls_->start(caller_->get_executor(), calls());
    }
    void strike() {
        auto& p = sim::process_of(points.waits[points.target - 1].on);
        auto whose = &p == caller_ ? calls_.get() : answers_.get();
        if (points.how == blow::cancel) whose->signal.emit(asio::cancellation_type::terminal);
        else if (points.how == blow::kill) network_.crash(&p == caller_ ? caller_name_ : answerer_name_, sim::death::process), world_.kill(p);
        else return;
        points.struck = true;
    }
    void go(nanoseconds duration) {
        auto const end = world_.now() + duration;
        while (world_.now() < end && world_.run_until([&] { return look(points); }, end - world_.now())) strike();
        if (world_.now() < end) world_.advance(end - world_.now());
    }
    void end() {
        go(40s);
        bool has_no_deadline = how_ == ending::other_version; // its caller is no link
        if (caller_->alive() && !calls_->ended && !has_no_deadline) failure = "the caller hangs";
        door_.reset(), crowd_.clear(); // nobody comes any more
        go(40s);
        if (answerer_->alive() && !answers_->ended && how_ != ending::no_room) failure = "the answerer hangs";
        for (auto p : {caller_, answerer_}) world_.kill(*p);
        if (!points.alive.empty()) failure = std::string("left: ") + points.waits[(*points.alive.begin())->number()].where;
        if (network_.connections()) failure = "connections are left";
        gone_.push_back(std::move(calls_)), gone_.push_back(std::move(answers_));
    }

public:
    explicit meeting(ending how) : how_(how) {
        sim::faults f;
        f.window_bytes = 4096;
        if (how != ending::well && how != ending::in_clear) f.segment_bytes = 16; // little arrives at a time
        network_.set_faults(f);
    }
    ~meeting() {
        for (auto p : {caller_, answerer_})
            if (p) world_.kill(*p);
    }
    void live() {
        begin(), end();
        waits_of_life_ = points.waits.size();
        if (!failure.empty()) return;
        network_.heal();
        how_ = ending::well;
        if (on_loopback_) how_ = ending::in_clear;
        exchanged_ = 0;
        begin(), end();
        if (exchanged_ != 100'000) failure = "no new meeting afterwards";
    }
    std::size_t waits_of_life() const { return waits_of_life_; }
    std::string whose(std::size_t wait) const { return sim::process_of(points.waits[wait].on).name(); }
};

/// A caller and an answerer over loopback TCP in this thread.
class sockets {
public:
    registry& points = registry::now();
    std::string failure;
    bool exchanged = false;

private:
    std::unique_ptr<asio::io_context> io_ = std::make_unique<asio::io_context>();
    tcp_transport transport_;
    std::unique_ptr<acceptor> door_;
    std::vector<std::unique_ptr<root>> gone_;
    std::unique_ptr<root> calls_, answers_;
    std::string const sent_ = std::string(16u << 20, 's'); // more than two sockets hold

    awaitable<void> calls(std::string address) {
        auto over = co_await transport_.connect(io_->get_executor(), address);
        co_await over->write(asio::buffer(sent_));
        char answer[1];
        co_await over->read_some(asio::buffer(answer));
    }
    awaitable<void> answers() {
        auto over = co_await door_->accept();
        std::string got(1u << 20, '\0');
        for (std::size_t n = 0; n < sent_.size();) {
            auto read = co_await over->read_some(asio::buffer(got));
            n += read;
        }
        co_await over->write(asio::buffer(got.data(), 1));
        exchanged = true;
    }
    void once() {
        exchanged = false;
        door_ = transport_.listen(io_->get_executor(), "127.0.0.1:0");
        auto address = door_->local_address();
        calls_ = std::make_unique<root>(), answers_ = std::make_unique<root>();
        answers_->start(io_->get_executor(), answers());
        calls_->start(io_->get_executor(), calls("localhost" + address.substr(address.rfind(':'))));
        while (io_ && (!calls_->ended || !answers_->ended)) {
            if (look(points)) strike();
            if (!io_) break;
            if (answers_->ended) door_.reset();
            if (calls_->ended && door_ && !answers_->ended) door_->close(); // nobody comes any more
            if (!io_->run_one_for(10s)) return void(failure = "a side hangs");
            io_->restart();
        }
        door_.reset();
        gone_.push_back(std::move(calls_)), gone_.push_back(std::move(answers_));
        if (!points.alive.empty()) failure = std::string("left: ") + points.waits[(*points.alive.begin())->number()].where;
    }
    void strike() {
        if (points.how == blow::destroy) {
            door_.reset();
            io_.reset(); // and all that waits on it
        } else if (points.how == blow::cancel) {
            for (auto r : {calls_.get(), answers_.get()}) r->signal.emit(asio::cancellation_type::terminal);
        } else
            return;
        points.struck = true;
    }

public:
    ~sockets() { door_.reset(), io_.reset(); }
    void live() {
        once();
        if (!failure.empty()) return;
        if (!io_) io_ = std::make_unique<asio::io_context>();
        points.target = 0, points.target_line.clear();
        once();
        if (!exchanged) failure = "no new meeting afterwards";
    }
};

} // namespace dunlin::points
