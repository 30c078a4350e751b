#include "store_runner.hpp"
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace dunlin {
namespace {

using std::chrono::nanoseconds;

class store_thread final : public store_runner {
    any_io_executor executor_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false, ending_ = false; // under mutex_
    std::jthread thread_;

    void run(step const& work) {
        auto wait = nanoseconds(0);
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                auto due = [&] { return woken_ || ending_; };
                if (wait == until_woken)
                    changed_.wait(lock, due);
                else if (wait.count() > 0)
                    changed_.wait_for(lock, wait, due);
                if (ending_) return;
                woken_ = false;
            }
            wait = work();
        }
    }

public:
    explicit store_thread(any_io_executor executor) : executor_(std::move(executor)) {}
    ~store_thread() override {
        {
            std::lock_guard lock(mutex_);
            ending_ = true;
        }
        changed_.notify_one();
        if (thread_.joinable()) thread_.join();
    }
    void start(step work) override {
        thread_ = std::jthread([this, work = std::move(work)] { run(work); });
    }
    void wake() override {
        {
            std::lock_guard lock(mutex_);
            if (woken_) return;
            woken_ = true;
        }
        changed_.notify_one();
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
