#include "world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace dunlin::sim {

// ---- executor

boost::asio::execution_context& executor::query(boost::asio::execution::context_t) const noexcept {
    return lane_->owner;
}

void executor::push(job j) const {
    process& p = lane_->owner;
    if (!p.alive_) return p.bury(std::move(j));
    if (lane_->jobs.full()) lane_->jobs.set_capacity(lane_->jobs.capacity() * 2);
    lane_->jobs.push_back(std::move(j));
    p.world_.ready(*lane_);
}

namespace {

// asio's contexts have no virtual functions; a service is how one of them can be asked what it is.
struct nameplate : boost::asio::execution_context::service {
    static inline boost::asio::execution_context::id id;
    process* of = nullptr;
    explicit nameplate(boost::asio::execution_context& c) : service(c) {}
    void shutdown() override {}
};

template <class H> job unrun(H h) {
    return job([h = std::move(h)] {});
}

} // namespace

process& process_of(any_io_executor const& executor) {
    if (auto* direct = executor.target<sim::executor>()) return direct->owner();
    auto& context = boost::asio::query(executor, boost::asio::execution::context);
    if (boost::asio::has_service<nameplate>(context)) return *boost::asio::use_service<nameplate>(context).of;
    throw std::logic_error("an executor of no simulated world");
}

// ---- alarm

void alarm::set(nanoseconds at, std::function<void()> ring) {
    cancel();
    if (owner_ && !owner_->alive()) return owner_->bury(job(std::move(ring)));
    ring_ = std::move(ring);
    at_ = std::max(at, world_.now_);
    sequence_ = ++world_.sequence_;
    world_.alarms_.insert(*this);
}

void alarm::cancel() {
    if (!is_linked()) return;
    auto& among = std::exchange(parked_, false) ? owner_->held_alarms_ : world_.alarms_;
    among.erase(among.iterator_to(*this));
    // What it owns may own this alarm: so it goes last.
    auto dropped = std::exchange(ring_, nullptr);
}

// ---- pause

awaitable<void> pause::wait() {
    return boost::asio::async_initiate<token const, signature>([this](handler h) { start(std::move(h)); },
                                                               boost::asio::use_awaitable);
}

void pause::start(handler h) {
    if (handler_) throw std::logic_error("a pause is waited for twice");
    process& p = process_of(h.get_executor());
    if (!p.alive_) return p.bury(unrun(std::move(h)));
    auto slot = h.get_cancellation_slot();
    if (slot.is_connected())
        slot.assign([this](boost::asio::cancellation_type) { resume(boost::asio::error::operation_aborted); });
    handler_.emplace(std::move(h));
    p.pauses_.push_back(*this);
}

void pause::resume(boost::system::error_code error) {
    if (!handler_) return;
    unlink();
    auto h = std::move(*handler_);
    handler_.reset();
    auto where = h.get_executor();
    auto go = [h = std::move(h), error]() mutable { h(error); };
    if (auto* direct = where.target<executor>())
        direct->push(job(std::move(go)));
    else
        boost::asio::post(where, std::move(go));
}

// ---- process

process::process(world& w, std::string name, std::uint32_t number)
    : world_(w), name_(std::move(name)), number_(number) {
    boost::asio::use_service<nameplate>(*this).of = this;
    lanes_.push_back(std::make_unique<lane>(*this, number << 8));
}

process::~process() {
    shutdown();
    destroy();
}

executor process::make_executor() {
    lanes_.push_back(std::make_unique<lane>(*this, number_ << 8 | std::uint32_t(lanes_.size())));
    return executor(*lanes_.back());
}

void process::spawn(awaitable<void> work) {
    boost::asio::co_spawn(get_executor(), std::move(work), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
}

// A coroutine that is just being suspended must not be destroyed under its own feet, and what is destroyed posts the
// rest of itself here: so graves are emptied in a loop, and not while a handler of this process is on the stack.
void process::bury(job j) {
    graves_.push_back(std::move(j));
    if (world_.running_ != this) drain();
}

void process::drain() {
    if (burying_) return;
    burying_ = true;
    while (!graves_.empty()) {
        auto now = std::exchange(graves_, {});
        now.clear();
    }
    burying_ = false;
}

// ---- world

world::world(std::uint64_t seed, std::size_t notes_max) : seed_(seed), order_(seed, "order"), notes_(notes_max) {}

world::~world() {
    for (auto& p : processes_) kill(*p);
    while (!alarms_.empty()) alarms_.begin()->cancel();
}

std::uint64_t world::seed_from_env(std::uint64_t fallback) {
    char const* text = std::getenv("DUNLIN_SEED");
    return text && *text ? std::strtoull(text, nullptr, 0) : fallback;
}

process& world::make_process(std::string name) {
    auto number = std::uint32_t(processes_.size());
    note(name, "process", number);
    processes_.push_back(std::make_unique<process>(*this, std::move(name), number));
    return *processes_.back();
}

void world::kill(process& p) {
    if (!p.alive_) return;
    p.alive_ = false;
    note(p.name_, "killed", p.number_);
    bool const inside = running_ == &p;
    p.burying_ = true; // nothing is destroyed before everything is taken out
    p.held_ = false;
    p.held_tickets_.clear();
    while (!p.held_alarms_.empty()) {
        alarm& a = *p.held_alarms_.begin();
        p.held_alarms_.erase(p.held_alarms_.begin());
        a.parked_ = false;
        p.graves_.push_back(job(std::exchange(a.ring_, nullptr)));
    }
    for (auto& l : p.lanes_) {
        for (auto& j : l->jobs) p.graves_.push_back(std::move(j));
        l->jobs.clear();
    }
    for (auto it = alarms_.begin(); it != alarms_.end();) {
        alarm& a = *it++;
        if (a.owner_ != &p) continue;
        alarms_.erase(alarms_.iterator_to(a));
        p.graves_.push_back(job(std::exchange(a.ring_, nullptr)));
    }
    while (!p.pauses_.empty()) {
        pause& w = p.pauses_.front();
        w.unlink();
        p.graves_.push_back(unrun(std::move(*w.handler_)));
        w.handler_.reset();
    }
    p.shutdown(); // what asio's own services keep: waiting channel operations
    p.burying_ = false;
    if (!inside) p.drain();
}

void world::hold(process& p) {
    if (!p.alive_ || std::exchange(p.held_, true)) return;
    note(p.name_, "held", p.number_);
}

void world::release(process& p) {
    if (!std::exchange(p.held_, false)) return;
    note(p.name_, "released", p.number_);
    for (auto l : std::exchange(p.held_tickets_, {})) ready(*l);
    while (!p.held_alarms_.empty()) {
        alarm& a = *p.held_alarms_.begin();
        p.held_alarms_.erase(p.held_alarms_.begin());
        a.parked_ = false;
        a.at_ = now_;
        alarms_.insert(a);
    }
}

void world::ready(lane& l) {
    if (tickets_.full()) tickets_.set_capacity(tickets_.capacity() * 2);
    tickets_.push_back(&l);
}

template <class F> void world::run_as(process* p, F&& f) {
    struct scope {
        world& w;
        process* p;
        ~scope() {
            w.running_ = nullptr;
            w.stepping_ = false;
            if (p && !p->alive_) p->drain();
        }
    };
    if (stepping_) throw std::logic_error("a step inside a step");
    scope s{*this, p};
    stepping_ = true;
    running_ = p;
    ++steps_;
    f();
}

// A ticket names a lane, and the lane's own first handler is run: so exchanging tickets never reorders one lane.
bool world::run_ready() {
    while (!tickets_.empty()) {
        if (shuffle_ && tickets_.size() > 1) std::swap(tickets_.front(), tickets_[order_() % tickets_.size()]);
        lane& l = *tickets_.front();
        tickets_.pop_front();
        if (l.jobs.empty()) continue; // of a process that was killed
        if (l.owner.held_) {
            l.owner.held_tickets_.push_back(&l);
            continue;
        }
        job j = std::move(l.jobs.front());
        l.jobs.pop_front();
        stir(l.number);
        run_as(&l.owner, [&] {
            j();
            j = job();
        });
        return true;
    }
    return false;
}

bool world::step() {
    if (++instant_steps_ > steps_at_one_instant_max) throw std::logic_error("time stands still\n" + trace());
    if (run_ready()) return true;
    if (alarms_.empty()) return false;
    alarm& next = *alarms_.begin();
    if (next.at_ > now_) move_to(next.at_);
    alarms_.erase(alarms_.begin());
    if (next.owner_ && next.owner_->held_) return next.parked_ = true, next.owner_->held_alarms_.insert(next), true;
    auto ring = std::exchange(next.ring_, nullptr);
    stir(std::uint64_t(now_.count()));
    run_as(next.owner_, [&] {
        ring();
        ring = nullptr;
    });
    return true;
}

std::uint64_t world::run_until_idle() {
    std::uint64_t const before = steps_;
    while (!tickets_.empty() || (!alarms_.empty() && alarms_.begin()->at_ <= now_)) step();
    return steps_ - before;
}

std::uint64_t world::run_for(nanoseconds duration) {
    std::uint64_t const before = steps_;
    run_until([] { return false; }, duration);
    return steps_ - before;
}

std::uint64_t world::advance(nanoseconds duration) {
    nanoseconds const end = now_ + duration;
    std::uint64_t const n = run_for(duration);
    if (now_ < end) move_to(end);
    return n;
}

awaitable<void> world::sleep(nanoseconds duration) {
    pause wait;
    alarm a(*this);
    a.set(now_ + duration, [&wait] { wait.resume(); });
    co_await wait.wait();
}

void world::note(std::string_view who, char const* what, std::uint64_t a, std::uint64_t b) {
    note_record r{now_, {}, what, a, b};
    std::memcpy(r.who.data(), who.data(), std::min(who.size(), r.who.size() - 1));
    std::uint64_t hash = 0;
    for (char const* c = what; *c; ++c) hash = (hash ^ std::uint8_t(*c)) * 0x100000001B3u;
    for (char c : r.who) hash = (hash ^ std::uint8_t(c)) * 0x100000001B3u;
    stir(hash ^ scramble(a) ^ b);
    notes_.push_back(r);
}

std::string world::trace() const {
    std::string out;
    char line[160];
    for (auto const& r : notes_) {
        auto const ns = static_cast<unsigned long long>(r.at.count());
        std::snprintf(line, sizeof line, "%llu.%09llu %s %s %llu %llu\n", ns / 1'000'000'000, ns % 1'000'000'000,
                      r.who.data(), r.what, static_cast<unsigned long long>(r.a), static_cast<unsigned long long>(r.b));
        out += line;
    }
    return out;
}

} // namespace dunlin::sim
