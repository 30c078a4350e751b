// Queries of a type in the order of a field: a change that moves an object, by its own turn and by an entry for an object that
// is cold, the first ten, a rank; and what it takes to read all of a file for the first question.
#include "bench_node.hpp"
#include <dunlin/lib/space_body.hpp>
#include <malloc.h>

using namespace bench;

namespace {
struct scorer {
    dunlin::indexed<dunlin::counter> score;
    dunlin::latest<std::string> name;
};
DUNLIN_OBJECT(scorer, score, name)

constexpr std::size_t many = 1'000'000;
std::string key_of(std::uint64_t k) { return "p" + std::to_string(k); }
std::uint64_t scatter(std::uint64_t k) { return k * 0x9E3779B97F4A7C15u >> 32; }

/// A node with so many in memory, and its index.
struct board {
    asio::io_context io{1};
    dunlin::node node{io.get_executor(), dunlin::options().memory(std::size_t(1) << 30)};
    std::vector<dunlin::ref<scorer>> all;
    std::size_t index_bytes = 0, heap_bytes = 0;

    auto top() { return node.all<scorer>().order_by(&scorer::score, dunlin::descending).limit(10); }
    board() {
        run(io, [&]() -> asio::awaitable<void> {
            co_await node.start();
            for (std::size_t k = 0; k < many; ++k) {
                all.push_back(node.local<scorer>(key_of(k)));
                all.back()->score += std::int64_t(scatter(k) % 1'000'000);
                if (k % 1000 == 0) node.seal();
            }
            node.seal();
            auto before = ::mallinfo2().uordblks;
            co_await top().read();
            heap_bytes = ::mallinfo2().uordblks - before;
            index_bytes = node.space("main").body()->orders().bytes();
        });
    }
};
board& million() {
    static board b;
    return b;
}

void leaderboard_of_1M(benchmark::State& state) {
    auto& b = million();
    auto top = b.top();
    std::uint64_t k = 0;
    for (auto _ : state) {
        if (state.range(0) == 0) { // one scores
            ++k;
            b.all[scatter(k) % many]->score += std::int64_t(k % 100);
            benchmark::DoNotOptimize(b.node.seal());
        } else if (state.range(0) == 1)
            benchmark::DoNotOptimize(top.local());
        else
            benchmark::DoNotOptimize(top.rank(key_of(scatter(++k) % many)));
    }
    state.counters["bytes_an_object"] = double(b.heap_bytes) / many, state.counters["counted"] = double(b.index_bytes) / many;
}
BENCHMARK(leaderboard_of_1M)->ArgName("score_top_rank")->Arg(0)->Arg(1)->Arg(2);

/// A file with so many objects of 100 bytes, most of them in no memory: the first question, then entries from a peer that
/// touch what is cold, until the next question is answered.
void query_of_cold_objects(benchmark::State& state) {
    auto const objects = std::uint64_t(state.range(0));
    folder f;
    auto key = make_key(f);
    asio::io_context io{1};
    dunlin::node a{io.get_executor(), dunlin::options().listen("127.0.0.1:0").key_file(key)};
    samples first_ms, change_us;
    double resident = 0;
    run(io, [&]() -> asio::awaitable<void> {
        co_await a.start();
        std::vector<dunlin::ref<scorer>> all;
        for (std::uint64_t k = 0; k < objects; ++k) {
            all.push_back(a.local<scorer>(key_of(k)));
            all.back()->score += std::int64_t(scatter(k) % 1'000'000), all.back()->name = std::string(80, 'n');
            if (k % 500 == 0) a.seal();
        }
        dunlin::node b{io.get_executor(), dunlin::options().data(f.file("b.db")).memory(objects * 400).join(a.address()).key_file(key)};
        co_await b.start();
        asio::steady_timer pause(io);
        auto all_of_it = co_await a.digest(asio::use_awaitable);
        for (std::string seen; seen != all_of_it;) {
            pause.expires_after(std::chrono::milliseconds(50));
            co_await pause.async_wait(asio::use_awaitable);
            seen = co_await b.digest(asio::use_awaitable);
        }
        resident = double(b.space("main").body()->resident()) / double(objects);
        auto top = b.all<scorer>().order_by(&scorer::score, dunlin::descending).limit(10);
        auto begun = steady::now();
        co_await top.read();
        first_ms.add(us_since(begun) / 1000);
        auto& body = *b.space("main").body();
        auto& type = *body.find_type("scorer");
        std::uint64_t k = 0, cold = 0;
        std::int64_t best = 2'000'000;
        for (auto _ : state) {
            auto place = scatter(++k) % objects;
            while (body.find(type, key_of(place))) place = scatter(++k) % objects;
            ++cold;
            auto& one = all[place];
            one->score += best++ - one->score;
            a.seal();
            begun = steady::now();
            bool there = false;
            while (!there) { // the loopback link is part of it
                auto rows = co_await top.read();
                there = rows[0].key == one.key() && rows[0].value == one->score;
                if (!there) co_await asio::post(io, asio::use_awaitable);
            }
            change_us.add(us_since(begun));
        }
        state.counters["cold"] = double(cold);
        all.clear();
        co_await b.stop();
        co_await a.stop();
    });
    change_us.tell(state);
    state.counters["first_ms"] = first_ms.at(0.5), state.counters["resident"] = resident;
}
BENCHMARK(query_of_cold_objects)->Arg(100'000)->Iterations(2'000)->UseRealTime()->Unit(benchmark::kMicrosecond);

} // namespace
