// Pipe: two ends of a stream in memory, whose bytes a test can see, change, keep back and bring from outside; and a
// clock that stands still until the test rings.
#pragma once
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <dunlin/net/seams.hpp>
#include <set>
#include <vector>

namespace dunlin::test {

using boost::system::error_code;
/// One direction. What was written before it closes can still be read.
struct byte_queue {
    any_io_executor executor;
    std::size_t held_max; // writes that need not wait for their reader
    std::deque<std::string> held;
    bool closed = false;
    std::vector<std::function<void()>> waiting;

    awaitable<void> change() {
        co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
            [this](auto handler) {
                auto kept = std::make_shared<decltype(handler)>(std::move(handler));
                waiting.push_back([kept] { std::move (*kept)(); });
            },
            boost::asio::use_awaitable);
    }
    void changed() {
        for (auto& w : std::exchange(waiting, {})) boost::asio::post(executor, std::move(w));
    }
    void close() {
        closed = true;
        changed();
    }
};

class pipe_end final : public stream {
    std::shared_ptr<byte_queue> in_, out_;
    std::string left_;
    std::string remote_;
    bool closed_ = false;

    void check() const {
        if (closed_) throw boost::system::system_error(boost::asio::error::operation_aborted);
    }

public:
    std::function<void(std::string&)> on_write = [](std::string&) {}; // may change, keep or empty what is sent
    std::size_t writes = 0;

    pipe_end(std::shared_ptr<byte_queue> in, std::shared_ptr<byte_queue> out, std::string remote)
        : in_(std::move(in)), out_(std::move(out)), remote_(std::move(remote)) {}
    ~pipe_end() override { close(); }

    awaitable<std::size_t> read_some(boost::asio::mutable_buffer into) override {
        check();
        while (left_.empty() && in_->held.empty()) {
            if (in_->closed) throw boost::system::system_error(boost::asio::error::eof);
            co_await in_->change();
            check();
        }
        if (left_.empty()) {
            left_ = std::move(in_->held.front());
            in_->held.pop_front();
            in_->changed();
        }
        auto n = std::min(left_.size(), into.size());
        std::copy_n(left_.begin(), n, static_cast<char*>(into.data()));
        left_.erase(0, n);
        co_return n;
    }
    awaitable<void> write(boost::asio::const_buffer bytes) override {
        check();
        std::string sent(static_cast<char const*>(bytes.data()), bytes.size());
        ++writes;
        on_write(sent);
        if (sent.empty()) co_return;
        if (!out_->closed) out_->held.push_back(std::move(sent));
        out_->changed();
        while (!out_->closed && out_->held.size() > out_->held_max) {
            co_await out_->change();
            check();
        }
        if (out_->closed) throw boost::system::system_error(boost::asio::error::broken_pipe);
    }
    void close() override {
        closed_ = true;
        in_->held.clear();
        in_->close();
        out_->close();
    }
    std::string remote_address() const override { return remote_; }
};

struct pipe {
    std::unique_ptr<pipe_end> near, far;

    explicit pipe(any_io_executor executor, std::string far_address = "127.0.0.1:1", std::size_t held_max = 4096,
                  std::string near_address = "127.0.0.1:2") {
        auto there = std::make_shared<byte_queue>(byte_queue{executor, held_max, {}, false, {}});
        auto back = std::make_shared<byte_queue>(byte_queue{executor, held_max, {}, false, {}});
        near = std::make_unique<pipe_end>(back, there, far_address);
        far = std::make_unique<pipe_end>(there, back, near_address);
    }
};

class standing_clock final : public clock {
    class bell final : public timer {
        standing_clock& clock_;

    public:
        std::function<void()> ring;
        explicit bell(standing_clock& c) : clock_(c) { clock_.bells_.insert(this); }
        ~bell() override { clock_.bells_.erase(this); }
        void expires_after(std::chrono::nanoseconds, std::function<void()> r) override { ring = std::move(r); }
        void cancel() override { ring = nullptr; }
    };
    std::set<bell*> bells_;

public:
    std::chrono::nanoseconds steady_now() const override { return {}; }
    std::chrono::milliseconds wall_now() const override { return {}; }
    std::unique_ptr<timer> make_timer(any_io_executor) override { return std::make_unique<bell>(*this); }
    /// Every alarm that is set goes off. True if there was one.
    bool ring_all() {
        bool any = false;
        for (auto b : std::vector(bells_.begin(), bells_.end())) {
            auto ring = bells_.contains(b) ? std::exchange(b->ring, nullptr) : nullptr;
            if (ring) ring(), any = true;
        }
        return any;
    }
};

struct counting_chance : chance {
    std::uint64_t drawn = 0;
    std::uint64_t seed;
    explicit counting_chance(std::uint64_t s = 1) : seed(s) {}
    void fill(std::span<std::uint8_t> bytes) override {
        for (auto& b : bytes) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            b = std::uint8_t(seed >> 56);
            ++drawn;
        }
    }
};

} // namespace dunlin::test
