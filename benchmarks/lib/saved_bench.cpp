// What a change waits for: the disk here, a peer's memory, a peer's disk. Real nodes, real files, TCP on loopback.
//
// One thread: both nodes on one executor, so that a figure is the work of both ends and no thread is woken. Two threads: a
// node each, as in two processes; the difference is what the machine takes to wake a sleeping thread.
#include "bench_node.hpp"
#include <thread>

using namespace bench;

namespace {
/// Savers in a closed loop, each with one change of a turn of its own outstanding.
void saved_through_a_node(benchmark::State& state) {
    folder f;
    asio::io_context io{1};
    dunlin::node node{io.get_executor(), dunlin::options().data(f.file("a.db"))};
    samples us;
    auto const count = state.range(0);
    std::int64_t saves = 0;
    state.counters["sync_p50_us"] = bare_sync_us(f);
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::ref<player> p = co_await node.open<player>("alice");
        std::int64_t left = 0, running = 0;
        bell done(io.get_executor());
        auto saver = [&]() -> asio::awaitable<void> {
            while (left-- > 0) {
                auto begun = steady::now();
                p->score += 1;
                auto r = node.seal();
                co_await r.saved();
                us.add(us_since(begun));
                ++saves;
            }
        };
        auto all = [&](std::int64_t many) -> asio::awaitable<void> {
            left = many, running = count;
            for (std::int64_t k = 0; k < count; ++k)
                asio::co_spawn(io, saver(), [&](std::exception_ptr) { if (--running == 0) done.ring(); });
            co_await done.rung();
        };
        co_await all(count * 20); // the WAL has its size
        us = {}, saves = 0;
        for (auto _ : state) co_await all(std::max<std::int64_t>(2000, count * 100));
        co_await node.stop();
    });
    state.SetItemsProcessed(saves);
    us.tell(state);
}
BENCHMARK(saved_through_a_node)->Arg(1)->Arg(64)->Arg(1000)->Iterations(3)->UseRealTime()->Unit(benchmark::kMillisecond);

/// An io_context with a thread of its own.
struct engine {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    std::thread thread{[this] { io.run(); }};
    ~engine() { work.reset(), thread.join(); }
};

/// Two nodes with the options given, linked, each having opened "alice"; `work` runs on a's executor.
struct two_nodes {
    folder f;
    asio::io_context io{1};
    std::unique_ptr<engine> other; // b's thread, if it has one
    std::string key = make_key(f);
    std::optional<dunlin::node> a, b;
    dunlin::ref<player> at_a, at_b;

    explicit two_nodes(bool threads, bool files) {
        if (threads) other = std::make_unique<engine>();
        dunlin::options one, two;
        one.listen("127.0.0.1:0").key_file(key), two.listen("127.0.0.1:0").key_file(key);
        if (files) one.data(f.file("a.db")), two.data(f.file("b.db"));
        a.emplace(io.get_executor(), one);
        options_of_b = two;
    }
    dunlin::options options_of_b;
    asio::any_io_executor b_executor() { return other ? other->io.get_executor() : io.get_executor(); }
    asio::awaitable<void> meet() {
        co_await a->start();
        b.emplace(b_executor(), options_of_b.join(a->address()));
        at_a = co_await a->open<player>("alice");
        co_await on_b([this]() -> asio::awaitable<void> { at_b = co_await b->open<player>("alice"); });
    }
    asio::awaitable<void> part() {
        co_await on_b([this]() -> asio::awaitable<void> {
            at_b = {};
            co_await b->stop();
            b.reset();
        });
        at_a = {};
        co_await a->stop();
    }
    template <class F> asio::awaitable<void> on_b(F work) {
        auto where = b_executor();
        co_await asio::co_spawn(where, std::move(work), asio::use_awaitable);
    }
};

/// From a change at one node until a watch at the other shows it, encrypted.
void visible_at_a_peer(benchmark::State& state) {
    two_nodes n(state.range(0) == 2, false);
    samples us;
    run(n.io, [&]() -> asio::awaitable<void> {
        co_await n.meet();
        auto const rounds = std::int64_t(state.max_iterations);
        std::int64_t seen = 0; // told by b, read by a after the bell
        steady::time_point seen_at;
        bell shown(n.io.get_executor());
        asio::co_spawn(
            n.b_executor(),
            [&]() -> asio::awaitable<void> {
                auto changes = n.at_b.watch();
                for (long score = 0; score < rounds;) {
                    auto change = co_await changes.next();
                    score = n.at_b->score;
                    auto at = steady::now();
                    asio::post(n.io, [&, at, score] {
                        seen = score, seen_at = at;
                        shown.ring();
                    });
                }
            },
            [&](std::exception_ptr e) { if (e) std::rethrow_exception(e); });
        std::int64_t said = 0;
        for (auto _ : state) {
            auto begun = steady::now();
            n.at_a->score += 1, ++said;
            n.a->seal();
            while (seen < said) co_await shown.rung();
            us.add(std::chrono::duration<double, std::micro>(seen_at - begun).count());
        }
        co_await n.part();
    });
    us.tell(state);
}
BENCHMARK(visible_at_a_peer)->ArgName("threads")->Arg(1)->Arg(2)->Iterations(10000)->UseRealTime()->Unit(benchmark::kMicrosecond);

void copies_at_a_peer(benchmark::State& state) {
    two_nodes n(state.range(0) == 2, true);
    samples us;
    state.counters["sync_p50_us"] = bare_sync_us(n.f);
    run(n.io, [&]() -> asio::awaitable<void> {
        co_await n.meet();
        n.at_a->score += 1;
        auto warm = n.a->seal();
        co_await warm.copies(2, std::chrono::seconds(20));
        for (auto _ : state) {
            auto begun = steady::now();
            n.at_a->score += 1;
            auto r = n.a->seal();
            co_await r.copies(2, std::chrono::seconds(20));
            us.add(us_since(begun));
        }
        co_await n.part();
    });
    us.tell(state);
}
BENCHMARK(copies_at_a_peer)->ArgName("threads")->Arg(1)->Arg(2)->Iterations(2000)->UseRealTime()->Unit(benchmark::kMicrosecond);
} // namespace
