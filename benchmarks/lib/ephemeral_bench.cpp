// An ephemeral through whole spaces: a turn that writes one among many, to the message for a linked peer; what a peer hears,
// taken, shown and known for others; the bytes of it on the wire.
#include "two_spaces.hpp"
#include <benchmark/benchmark.h>
#include <boost/describe/class.hpp>

namespace {
struct place {
    double x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(place, (), (x, y))

struct avatar {
    dunlin::latest<std::string> name;
    dunlin::ephemeral<place> position;
};
DUNLIN_OBJECT(avatar, name, position)

/// Two who have told each other what they know: nothing.
struct two : bench::two_spaces<dunlin::word::cells> {
    two() { from->receive(1, dunlin::word::cells{}), to->receive(1, dunlin::word::cells{}); }
    static dunlin::ref<avatar> player(std::shared_ptr<dunlin::space_body> const& of, int k) {
        return object<avatar>(of, "player-" + std::to_string(k));
    }
};

void ephemeral_turn(benchmark::State& state) {
    two t;
    std::vector<dunlin::ref<avatar>> all;
    for (int k = 0; k < 1000; ++k) all.push_back(t.player(t.from, k));
    std::size_t k = 0;
    for (auto _ : state) {
        all[k++ % 1000]->position = place{double(k), 1};
        t.from->seal();
        t.told.clear();
    }
    state.counters["entries"] = double(t.from->known()[0].number);
}
BENCHMARK(ephemeral_turn);

void ephemeral_heard(benchmark::State& state) {
    two t;
    std::vector<dunlin::ref<avatar>> mine, theirs;
    for (int k = 0; k < 1000; ++k) mine.push_back(t.player(t.from, k)), theirs.push_back(t.player(t.to, k));
    double x = 0;
    for (auto _ : state) {
        state.PauseTiming();
        t.told.clear();
        for (auto& one : mine) one->position = place{++x, 1};
        t.from->seal();
        state.ResumeTiming();
        for (auto& w : t.told) t.to->receive(1, dunlin::space_message(std::move(w)));
    }
    if (theirs[999]->position->x != x) state.SkipWithError("it was not heard");
    state.SetItemsProcessed(state.iterations() * 1000);
    state.counters["each"] = benchmark::Counter(double(state.iterations() * 1000), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(ephemeral_heard);

/// A message of one and of a hundred, names given before: type "avatar", keys "player-N", two doubles by name.
void ephemeral_bytes(benchmark::State& state) {
    two t;
    auto n = int(state.range(0));
    std::vector<dunlin::ref<avatar>> all;
    for (int k = 0; k < n; ++k) all.push_back(t.player(t.from, k));
    std::size_t bytes = 0;
    dunlin::session s;
    for (auto _ : state) {
        t.told.clear();
        for (auto& one : all) one->position = place{double(bytes) + 0.5, 1.25};
        t.from->seal();
        dunlin::encoder frame;
        for (auto& w : t.told) s.write("main", w, frame);
        bytes = frame.size();
    }
    state.counters["bytes_each"] = double(bytes) / n;
}
BENCHMARK(ephemeral_bytes)->Arg(1)->Arg(100);
} // namespace
