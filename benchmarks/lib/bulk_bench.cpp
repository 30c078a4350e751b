// Much at once: a million objects of a hundred bytes through a small memory and back, and the erase of one object of a hundred
// thousand elements, to its peer.
#include "bench_node.hpp"
#include "two_spaces.hpp"

using namespace bench;

namespace {
struct parcel {
    dunlin::latest<std::string> text;
};
DUNLIN_OBJECT(parcel, text)
std::string key_of(std::uint64_t k) { return "o" + std::to_string(k); }
std::string text_of(std::uint64_t k) { return std::string(80, char('a' + k % 26)) + std::to_string(10'000'000'000'000'000'000u + k); }

/// Written, evicted, read back one by one, the node stopped in between. The payload is 100 bytes an object, without its key.
void million_objects_and_back(benchmark::State& state) {
    auto const count = std::uint64_t(state.range(0));
    for (auto _ : state) {
        folder f;
        auto settings = [&] { return dunlin::options().data(f.file("a.db")).memory(64 << 20).log_budget(64 << 20); };
        auto size = [&] {
            double all = 0;
            for (auto& e : std::filesystem::directory_iterator(f.path)) all += double(e.file_size());
            return all / (100.0 * double(count));
        };
        double most = 0, resident = 0;
        std::uint64_t wrong = 0, refused = 0;
        auto begun = steady::now();
        {
            asio::io_context io;
            dunlin::node node{io.get_executor(), settings()};
            run(io, [&]() -> asio::awaitable<void> {
                for (std::uint64_t k = 0; k < count; ++k) {
                    auto key = key_of(k);
                    dunlin::ref<parcel> p = co_await node.open<parcel>(key);
                    for (bool written = false; !written;) { // what is evicted, and what a checkpoint writes, fills the queue too
                        try {
                            p->text = text_of(k), written = true;
                        } catch (boost::system::system_error const& e) {
                            if (e.code() != dunlin::node_errc::overloaded) throw;
                            ++refused;
                        }
                        if (!written) co_await node.ready();
                    }
                    auto r = node.seal();
                    if (k % 200 == 0) co_await r.saved();
                    if (k % 10'000 == 0) most = std::max(most, size());
                }
                resident = double(node.space("main").body()->resident()) / double(count);
                co_await node.stop();
            });
        }
        state.counters["written_s"] = us_since(begun) / 1e6;
        begun = steady::now();
        asio::io_context io;
        dunlin::node node{io.get_executor(), settings()};
        run(io, [&]() -> asio::awaitable<void> {
            for (std::uint64_t k = 0; k < count; ++k) {
                auto key = key_of(k * 7919 % count);
                dunlin::ref<parcel> p = co_await node.open<parcel>(key);
                wrong += p->text.value() != text_of(k * 7919 % count);
            }
            co_await node.stop();
        });
        state.counters["read_s"] = us_since(begun) / 1e6;
        state.counters["file"] = size(), state.counters["file_meanwhile"] = most, state.counters["resident"] = resident, state.counters["refused"] = double(refused);
        if (wrong) state.SkipWithError("objects came back as others");
    }
}
BENCHMARK(million_objects_and_back)->Arg(1'000'000)->Iterations(1)->Unit(benchmark::kSecond);

struct crowd {
    dunlin::set<std::string> names;
};
DUNLIN_OBJECT(crowd, names)

/// No file. The bytes of the entry, and from the message to the object that is gone at the receiver.
void erase_of_many_elements(benchmark::State& state) {
    samples ms;
    double bytes = 0;
    for (auto _ : state) {
        two_spaces<dunlin::word::push> s;
        auto a = s.object<crowd>(s.from, "c"), b = s.object<crowd>(s.to, "c");
        for (int k = 0; k < 100'000; ++k) {
            a->names.insert("name" + std::to_string(k));
            if (k % 10'000 == 9'999) s.from->seal();
        }
        s.from->seal();
        for (auto& push : s.told) s.give(push);
        if (b->names.size() != 100'000) state.SkipWithError("not all arrived");
        s.told.clear();
        a.erase();
        s.from->seal();
        bytes = 0;
        for (auto& push : s.told) bytes += double(push.series.bodies.size());
        auto begun = steady::now();
        for (auto& push : s.told) s.give(push);
        ms.add(us_since(begun) / 1000);
        state.SetIterationTime(ms.at(1) / 1000);
        if (b.exists()) state.SkipWithError("it is still there");
    }
    state.counters["entry_bytes"] = bytes, state.counters["p50_ms"] = ms.at(0.5);
}
BENCHMARK(erase_of_many_elements)->Iterations(10)->UseManualTime();

} // namespace
