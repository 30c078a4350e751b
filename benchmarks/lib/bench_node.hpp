// Bench node: what the benchmarks of whole nodes share: a folder, a coroutine run to its end, samples of latency.
//
// Latencies are samples, one a change, told as p50, p99 and max; never a mean. `sync_p50_us` beside a durable figure is
// a bare write and fdatasync of 4 KiB in the same folder in the same run: the floor under it.
#pragma once
#include "../common.hpp"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdlib>
#include <dunlin/dunlin.hpp>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace bench {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

struct player {
    dunlin::latest<std::string> name;
    dunlin::counter score;
    dunlin::set<std::string> friends;
    dunlin::map<std::string, dunlin::counter> bag;
};
DUNLIN_OBJECT(player, name, score, friends, bag)

/// DUNLIN_BENCH_DIR or the temporary one: the figures of durability are those of its disk.
struct folder {
    std::filesystem::path path;
    folder() {
        auto in = std::getenv("DUNLIN_BENCH_DIR");
        auto name = ((in ? std::filesystem::path(in) : std::filesystem::temp_directory_path()) / "dunlin-bench-XXXXXX")
                        .string();
        path = ::mkdtemp(name.data());
    }
    folder(folder const&) = delete;
    ~folder() { std::filesystem::remove_all(path); }
    std::string file(char const* name) const { return (path / name).string(); }
};

/// Runs the coroutine, and all that it needs, until it ends.
template <class F> void run(asio::io_context& io, F f) {
    std::exception_ptr failed;
    asio::co_spawn(io, std::move(f), [&](std::exception_ptr e) { failed = e, io.stop(); });
    io.restart();
    io.run();
    if (failed) std::rethrow_exception(failed);
}

inline double us_since(steady::time_point begun) {
    return std::chrono::duration<double, std::micro>(steady::now() - begun).count();
}

/// Waits on one executor for what is told there or, by asio::post, from another thread.
class bell {
    asio::steady_timer never_;

public:
    explicit bell(asio::any_io_executor e) : never_(e, steady::time_point::max()) {}
    void ring() { never_.cancel(); }
    asio::awaitable<void> rung() {
        boost::system::error_code cancelled;
        auto token = asio::redirect_error(asio::use_awaitable, cancelled);
        co_await never_.async_wait(token);
    }
};

class samples {
    std::vector<double> all_;

public:
    void add(double us) { all_.push_back(us); }
    std::size_t size() const { return all_.size(); }
    double at(double q) {
        if (all_.empty()) return 0;
        auto n = all_.begin() + std::ptrdiff_t(q * double(all_.size() - 1));
        std::nth_element(all_.begin(), n, all_.end());
        return *n;
    }
    void tell(benchmark::State& state) {
        state.counters["p50_us"] = at(0.5), state.counters["p99_us"] = at(0.99), state.counters["max_us"] = at(1);
    }
};

/// p50 of a bare write and fdatasync of 4 KiB, in place, in this folder, now.
inline double bare_sync_us(folder const& in, int count = 300) {
    int fd = ::open(in.file("raw").c_str(), O_RDWR | O_CREAT, 0600);
    std::string page(4096, 'x');
    bool fine = fd >= 0;
    for (int n = 0; n < 100 && fine; ++n) fine = ::pwrite(fd, page.data(), page.size(), n * 4096) > 0;
    fine = fine && ::fsync(fd) == 0;
    samples us;
    for (int n = 0; n < count && fine; ++n) {
        auto begun = steady::now();
        fine = ::pwrite(fd, page.data(), page.size(), n % 100 * 4096) > 0 && ::fdatasync(fd) == 0;
        us.add(us_since(begun));
    }
    if (fd >= 0) ::close(fd);
    return fine ? us.at(0.5) : -1;
}

/// A file with a new cluster key.
std::string make_key(folder const& in);

} // namespace bench
