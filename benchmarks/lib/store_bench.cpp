// The store: savers in a closed loop, cold loads, start, checkpoint of objects, pages of a listing.
//
// The folder is DUNLIN_BENCH_DIR or the temporary one; the figures are those of its disk. saved/N: N savers, each with
// one entry of 100 bytes under way; p50_us and p99_us are from write() to its answer on the executor.
#include "bench_node.hpp"
#include <dunlin/lib/store.hpp>
#include <dunlin/lib/store_file.hpp>
#include <optional>

namespace {

using namespace dunlin;
using bench::steady;

struct machine_clock final : dunlin::clock {
    std::chrono::nanoseconds steady_now() const override { return steady::now().time_since_epoch(); }
    std::chrono::milliseconds wall_now() const override {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::system_clock::now().time_since_epoch());
    }
    std::unique_ptr<timer> make_timer(any_io_executor) override { return nullptr; }
};

struct folder : bench::folder {
    store_options options() const {
        store_options o;
        o.path = file("bench.db");
        return o;
    }
};

struct bridge : folder {
    boost::asio::io_context io;
    machine_clock time;
    std::optional<store> it;
    explicit bridge(store_options const* with = nullptr) {
        it.emplace(io.get_executor(), time);
        it->open(with ? *with : options(), nullptr, [](auto error, store_summary) {
            if (error) throw boost::system::system_error(error);
        });
        io.run(), io.restart();
    }
    ~bridge() {
        io.restart();
        it->stop([] {});
        io.run();
    }
};

/// The floor under every durable save: 4 KiB written in place and synced.
void bare_sync(benchmark::State& state) {
    folder f;
    int fd = ::open((f.path / "raw").c_str(), O_RDWR | O_CREAT, 0600);
    std::string page(4096, 'x');
    for (int n = 0; n < 1000; ++n)
        if (::pwrite(fd, page.data(), page.size(), n * 4096) < 0) return state.SkipWithError("write");
    ::fsync(fd);
    bench::samples us;
    int n = 0;
    for (auto _ : state) {
        auto begun = steady::now();
        if (::pwrite(fd, page.data(), page.size(), (n++ % 1000) * 4096) < 0 || ::fdatasync(fd))
            return state.SkipWithError("sync");
        us.add(bench::us_since(begun));
    }
    ::close(fd);
    us.tell(state);
}
BENCHMARK(bare_sync)->UseRealTime();

struct savers {
    bridge& in;
    std::uint64_t number = 0, answered = 0, wanted = 0;
    std::string body = std::string(100, 'e');
    std::vector<steady::time_point> begun = {};
    bench::samples us = {};

    void save(std::size_t saver) {
        begun[saver] = steady::now();
        ++number;
        in.it->write(log_write{{1, 1, number, number}, body}, [this, saver](write_result const&) {
            ++answered;
            us.add(bench::us_since(begun[saver]));
            if (number < wanted) save(saver);
        });
    }
};

void saved(benchmark::State& state) {
    bridge b;
    auto count = std::size_t(state.range(0));
    savers all{b};
    all.begun.resize(count);
    auto run = [&](std::uint64_t more) {
        all.wanted += more;
        for (std::size_t n = 0; n < count && all.number < all.wanted; ++n) all.save(n);
        b.io.restart();
        b.io.run();
    };
    run(count * 20); // the WAL has its size
    all.us = {};
    std::uint64_t each = std::max<std::uint64_t>(count * 50, 2000);
    for (auto _ : state) run(each);
    state.SetItemsProcessed(std::int64_t(each) * state.iterations());
    all.us.tell(state);
}
BENCHMARK(saved)->Arg(1)->Arg(8)->Arg(64)->Arg(1000)->Arg(10000)->UseRealTime()->Unit(benchmark::kMillisecond);

// ---- a file with a million objects and a million entries above the floor

constexpr std::uint64_t million = 1'000'000;

object_name player(std::uint64_t n) {
    char key[32];
    std::snprintf(key, sizeof key, "player/%012llu", static_cast<unsigned long long>(n));
    return {1, 1, object_hash("player", key), key};
}

struct big_file : folder {
    store_options with = options();
    double insert_s = 0;
    big_file() {
        store_file file;
        if (auto e = file.open(with)) throw boost::system::system_error(e);
        std::vector<object_name> names;
        for (std::uint64_t n = 0; n < million; ++n) names.push_back(player(n));
        std::sort(names.begin(), names.end(), [](auto& a, auto& b) { return a.hash < b.hash; });
        std::string state(200, 's'), body(100, 'e');
        auto begun = steady::now();
        for (std::size_t n = 0; n < million;) {
            file.begin(1);
            for (int k = 0; k < 5000; ++k, ++n) file.add(state_write{std::move(names[n]), state});
            file.commit(), file.checkpoint();
        }
        insert_s = std::chrono::duration<double>(steady::now() - begun).count();
        for (std::uint64_t n = 1; n <= million;) {
            file.begin(1);
            for (int k = 0; k < 100; ++k, ++n) file.add(log_write{{1, 1 + std::uint32_t(n % 8), n, n}, body});
            file.commit();
            if (file.wal_frames() > 1000) file.checkpoint();
        }
        file.checkpoint();
    }
};
big_file& big() {
    static big_file the_file;
    return the_file;
}

struct counting_sink : store_sink {
    struct pending {
        std::uint64_t hash, row;
        std::uint32_t offset, size;
    };
    std::vector<pending> index;
    std::size_t runs = 0;
    void on_log_heads(std::uint64_t, std::vector<log_run> const& r, std::size_t) override { runs += r.size(); }
    void on_log_row(std::uint64_t row, std::vector<log_run> const&, bytes_view bytes) override {
        for (std::uint32_t at = 0; at < bytes.size(); at += 100)
            index.push_back({row * 0x9E3779B97F4A7C15u, row, at, 100});
    }
};

void start_million(benchmark::State& state) {
    auto& b = big();
    for (auto _ : state) {
        store_file file;
        counting_sink sink;
        store_summary summary;
        if (file.open(b.with) || file.scan(sink, summary)) return state.SkipWithError("open");
        std::sort(sink.index.begin(), sink.index.end(), [](auto& x, auto& y) { return x.hash < y.hash; });
        state.counters["entries"] = double(sink.index.size());
    }
    state.counters["insert_objects/s"] = double(million) / b.insert_s;
    state.counters["file_MB"] = double(std::filesystem::file_size(b.with.path)) / 1e6;
}
BENCHMARK(start_million)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Through the thread, one at a time: what `open` of a cold object waits for.
void cold_load(benchmark::State& state) {
    bridge b(&big().with);
    bench::samples us;
    std::uint64_t n = 0;
    auto loaders = std::size_t(state.range(0));
    for (auto _ : state) {
        for (std::size_t k = 0; k < loaders; ++k) {
            n = (n * 6364136223846793005u + 1442695040888963407u);
            auto begun = steady::now();
            b.it->load(player((n >> 20) % million), [&, begun](auto, object_state found) {
                if (found.is != row_presence::present) state.SkipWithError("not there");
                us.add(bench::us_since(begun));
            });
        }
        b.io.restart();
        b.io.run();
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t(loaders));
    us.tell(state);
}
BENCHMARK(cold_load)->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// The same without the thread.
void file_load(benchmark::State& state) {
    store_file file;
    if (file.open(big().with)) return state.SkipWithError("open");
    std::uint64_t n = 0;
    for (auto _ : state) {
        n = (n * 6364136223846793005u + 1442695040888963407u);
        auto name = player((n >> 20) % million);
        benchmark::DoNotOptimize(file.load(name.space, name.type, name.hash, name.key));
    }
}
BENCHMARK(file_load)->Unit(benchmark::kMicrosecond);

void list_page_of_256(benchmark::State& state) {
    store_file file;
    if (file.open(big().with)) return state.SkipWithError("open");
    list_query query;
    query.space = 1, query.type = 1;
    std::uint64_t n = 0;
    for (auto _ : state) {
        n = (n * 6364136223846793005u + 1442695040888963407u);
        query.after = std::int64_t(n & hash_max);
        benchmark::DoNotOptimize(file.list(query));
    }
    state.SetItemsProcessed(state.iterations() * 256);
}
BENCHMARK(list_page_of_256)->Unit(benchmark::kMicrosecond);

/// The same objects as below, alone: what one costs.
void rewrite_states(benchmark::State& state) {
    store_file file;
    if (file.open(big().with)) return state.SkipWithError("open");
    std::vector<store_write> writes;
    for (std::uint64_t n = 0; n < 100'000; ++n) writes.push_back(state_write{player(n * 10), std::string(200, 'u')});
    auto hash = [](store_write const& w) { return std::get<state_write>(w).object.hash; };
    std::sort(writes.begin(), writes.end(), [&](auto& x, auto& y) { return hash(x) < hash(y); });
    auto chunk = std::size_t(state.range(0));
    std::size_t next = 0, count = 0;
    for (auto _ : state) {
        if (next + chunk > writes.size()) next = 0;
        auto result = file.write_batch(1, std::span(writes).subspan(next, chunk));
        if (result.outcome != commit_outcome::ok) return state.SkipWithError("commit");
        next += chunk, count += chunk;
        if (file.wal_frames() >= 1000) file.checkpoint();
    }
    state.SetItemsProcessed(std::int64_t(count));
}
BENCHMARK(rewrite_states)->Arg(40)->Arg(300)->Arg(5000)->Unit(benchmark::kMicrosecond)->UseRealTime();

/// 100,000 dirty objects of a million, sorted, in chunks of 40 a commit while 64 savers go on.
void checkpoint_under_savers(benchmark::State& state) {
    bridge b(&big().with);
    savers all{b};
    all.begun.resize(64);
    std::vector<object_name> names;
    for (std::uint64_t n = 0; n < 100'000; ++n) names.push_back(player(n * 10));
    std::sort(names.begin(), names.end(), [](auto& x, auto& y) { return x.hash < y.hash; });
    std::string const bytes(200, 't');
    for (auto _ : state) {
        std::size_t next = 0;
        std::function<void()> chunk = [&] {
            for (std::size_t k = 0; k < 40 && next < names.size(); ++k, ++next) {
                bool last = k == 39 || next + 1 == names.size();
                auto done = last ? std::function<void(write_result const&)>([&](auto&) { chunk(); }) : nullptr;
                b.it->write(state_write{names[next], bytes}, std::move(done));
            }
            if (next == names.size()) all.wanted = all.number; // the savers end with the round
        };
        all.wanted = ~std::uint64_t(0);
        for (std::size_t n = 0; n < 64; ++n) all.save(n);
        chunk();
        b.io.restart();
        b.io.run();
    }
    state.counters["saves/s"] = benchmark::Counter(double(all.answered), benchmark::Counter::kIsRate);
    all.us.tell(state);
}
BENCHMARK(checkpoint_under_savers)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(3);

} // namespace
