#include "store_runner.hpp"
#include <boost/asio/post.hpp>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace dunlin {
namespace {

using std::chrono::nanoseconds;

/// Awake for a moment after its work: whoever waits for an answer often asks again, and to wake a thread costs more
/// than what it is woken for (20 us a side on a virtual machine that idles, where a cold load takes 5).
class store_thread final : public store_runner {
    static constexpr nanoseconds awake_max = std::chrono::microseconds(50);
    any_io_executor executor_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> woken_ = false, ending_ = false, sleeping_ = false;
    bool const may_spin_ = std::thread::hardware_concurrency() > 1;
    std::jthread thread_;

    bool due() const { return woken_ || ending_; }
    void pause(nanoseconds wait) {
        auto until = std::chrono::steady_clock::now() + std::min(wait, awake_max);
        while (may_spin_ && !due() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
        if (due()) return;
        std::unique_lock lock(mutex_);
        sleeping_ = true; // then it is looked whether there is something to do; wake() does these in the other order
        if (wait == until_woken)
            changed_.wait(lock, [&] { return due(); });
        else
            changed_.wait_for(lock, wait, [&] { return due(); });
        sleeping_ = false;
    }
    void run(step const& work) {
        for (auto wait = nanoseconds(0);; wait = work()) {
            if (wait.count() > 0) pause(wait);
            if (ending_) return;
            woken_ = false;
        }
    }
    void notify() {
        if (!sleeping_) return;
        { std::lock_guard lock(mutex_); } // it waits already, or has not looked yet
        changed_.notify_one();
    }

public:
    explicit store_thread(any_io_executor executor) : executor_(std::move(executor)) {}
    ~store_thread() override {
        ending_ = true;
        notify();
        if (thread_.joinable()) thread_.join();
    }
    void start(step work) override {
        thread_ = std::jthread([this, work = std::move(work)] { run(work); });
    }
    void wake() override {
        if (!woken_.exchange(true)) notify();
    }
    void deliver(std::function<void()> completion) override { boost::asio::post(executor_, std::move(completion)); }
};

class inline_runner final : public store_runner {
    any_io_executor executor_;
    std::function<nanoseconds()> took_;
    std::unique_ptr<timer> done_, idle_;
    step work_;
    std::vector<std::function<void()>> completions_;
    bool running_ = false, woken_ = false;
    std::shared_ptr<inline_runner*> self_ =
        std::make_shared<inline_runner*>(this); // for what is posted and outlives us

    void run() {
        woken_ = false;
        idle_->cancel();
        auto wait = work_();
        done_->expires_after(took_(), [this, wait] { finish(wait); });
    }
    void finish(nanoseconds wait) {
        auto completions = std::exchange(completions_, {});
        auto self = self_;
        for (auto& completion : completions) {
            completion();
            if (!*self) return; // it destroyed the store
        }
        running_ = false;
        if (woken_ || wait.count() == 0)
            schedule();
        else if (wait != until_woken)
            idle_->expires_after(wait, [this] { schedule(); });
    }
    void schedule() {
        if (running_) return;
        running_ = true;
        boost::asio::post(executor_, [self = self_] {
            if (*self) (*self)->run();
        });
    }

public:
    inline_runner(any_io_executor executor, clock& clock, std::function<nanoseconds()> took)
        : executor_(executor), took_(std::move(took)), done_(clock.make_timer(executor)),
          idle_(clock.make_timer(executor)) {}
    ~inline_runner() override { *self_ = nullptr; }
    void start(step work) override {
        work_ = std::move(work);
        schedule();
    }
    void wake() override {
        woken_ = true;
        if (work_) schedule();
    }
    void deliver(std::function<void()> completion) override { completions_.push_back(std::move(completion)); }
};

} // namespace

std::unique_ptr<store_runner> make_store_thread(any_io_executor executor) {
    return std::make_unique<store_thread>(std::move(executor));
}

std::unique_ptr<store_runner> make_inline_store_runner(any_io_executor executor, clock& clock,
                                                       std::function<nanoseconds()> took) {
    return std::make_unique<inline_runner>(std::move(executor), clock, std::move(took));
}

} // namespace dunlin
