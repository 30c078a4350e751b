// A newcomer gets a whole space as state: how long, and how long the space stands still meanwhile.
//
//   giver   on a thread of its own, in memory, with a log too short for anybody      taker   with a file, empty
//
// `stall_ms`: the longest time in which nothing else ran on the taker's executor. `open_ms`: the longest that somebody
// waited for an object to open meanwhile: while the state is joined, opens wait.
#include "bench_node.hpp"
#include <dunlin/lib/space_body.hpp>
#include <future>
#include <thread>

using namespace bench;

namespace {

class giver {
    asio::io_context io_{1};
    std::promise<std::string> address_;
    std::thread thread_;

public:
    giver(std::string key, std::uint64_t count) {
        thread_ = std::thread([this, key, count] {
            run(io_, [&, count]() -> asio::awaitable<void> {
                dunlin::options mine;
                mine.listen("127.0.0.1:0").key_file(key).log_budget(256 << 10).memory(std::size_t(4) << 30);
                dunlin::node node{io_.get_executor(), mine};
                co_await node.start();
                std::vector<dunlin::ref<player>> all;
                for (std::uint64_t k = 0; k < count; ++k) {
                    all.push_back(node.local<player>("p" + std::to_string(k)));
                    all.back()->name = std::string(160, 'w'), all.back()->score += 1;
                    if (k % 100 == 99) node.seal();
                }
                node.seal();
                address_.set_value(node.address());
                asio::steady_timer never(io_, steady::time_point::max());
                co_await never.async_wait(asio::use_awaitable);
            });
        });
    }
    ~giver() {
        io_.stop();
        thread_.join();
    }
    std::string address() { return address_.get_future().get(); }
};

void state_of_a_space(benchmark::State& state) {
    auto count = std::uint64_t(state.range(0));
    folder f;
    auto key = make_key(f);
    giver from(key, count);
    auto address = from.address();
    for (auto _ : state) {
        asio::io_context io{1};
        double stall = 0, waited = 0, began = 0;
        std::size_t staged = 0;
        run(io, [&]() -> asio::awaitable<void> {
            dunlin::options mine;
            mine.data(f.file("b.db")).memory(64 << 20).join(address).key_file(key).sync_deadline(std::chrono::milliseconds(0));
            dunlin::node node{io.get_executor(), mine};
            auto begun = steady::now();
            co_await node.start();
            auto body = node.space("main").body();
            bool done = false;
            auto opens = [&]() -> asio::awaitable<void> {
                for (int k = 0; !done; ++k) {
                    auto asked = steady::now();
                    dunlin::ref<player> p = co_await node.open<player>("new" + std::to_string(k));
                    waited = std::max(waited, us_since(asked));
                    asio::steady_timer timer(io, std::chrono::milliseconds(1));
                    co_await timer.async_wait(asio::use_awaitable);
                }
            };
            asio::co_spawn(io, opens(), [](std::exception_ptr e) {
                if (e) std::rethrow_exception(e);
            });
            while (!body->synced()) {
                auto due = steady::now() + std::chrono::milliseconds(1);
                asio::steady_timer timer(io, due);
                co_await timer.async_wait(asio::use_awaitable);
                stall = std::max(stall, us_since(due));
                staged += !body->staging_is_empty();
            }
            began = us_since(begun);
            done = true;
            asio::steady_timer timer(io, std::chrono::milliseconds(20));
            co_await timer.async_wait(asio::use_awaitable);
            auto there = co_await node.open<player>("p" + std::to_string(count - 1));
            if (!there.exists() || !staged) state.SkipWithError("no state was taken");
        });
        state.counters["total_s"] = began / 1e6, state.counters["stall_ms"] = stall / 1e3;
        state.counters["open_ms"] = waited / 1e3;
    }
}
BENCHMARK(state_of_a_space)->Arg(10'000)->Arg(100'000)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);
} // namespace
