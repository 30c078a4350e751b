// An ephemeral through whole spaces: a turn that writes one among many, to the message for a linked peer; what a peer hears,
// taken, shown and known for others; the bytes of it on the wire.
#include <benchmark/benchmark.h>
#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/space_body.hpp>
#include <dunlin/net/system.hpp>

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

/// Two spaces without files; what one says is kept, or given to the other.
struct two {
    boost::asio::io_context io;
    dunlin::machine_clock clock;
    dunlin::machine_chance chance;
    std::shared_ptr<dunlin::space_body> from, to;
    std::vector<dunlin::word::cells> told;

    two() {
        from = make(1, [this](dunlin::space_message&& said) {
            if (auto w = std::get_if<dunlin::word::cells>(&said)) told.push_back(std::move(*w));
        });
        to = make(2, [](dunlin::space_message&&) {});
        from->peer_up(1, node(2), false), to->peer_up(1, node(1), false);
        from->receive(1, dunlin::word::cells{}), to->receive(1, dunlin::word::cells{});
    }
    ~two() { from->stop(), to->stop(), io.run(); }
    static dunlin::node_id node(std::uint8_t n) {
        dunlin::node_id id{};
        id[0] = n;
        return id;
    }
    template <class F> std::shared_ptr<dunlin::space_body> make(std::uint8_t n, F send) {
        dunlin::space_setup s;
        s.name = "main", s.executor = io.get_executor(), s.clock = &clock, s.chance = &chance, s.node = node(n);
        s.send = [send](dunlin::peer_number, dunlin::space_message&& said) mutable { send(std::move(said)); };
        auto made = std::make_shared<dunlin::space_body>(std::move(s));
        made->own({node(n), 1, 7});
        return made;
    }
    static std::string key(int k) { return "player-" + std::to_string(k); }
    dunlin::ref<avatar> object(std::shared_ptr<dunlin::space_body> const& of, int k) {
        return {of, of->local(of->type_of(dunlin::struct_of<avatar>()), key(k))};
    }
};

void ephemeral_turn(benchmark::State& state) {
    two t;
    std::vector<dunlin::ref<avatar>> all;
    for (int k = 0; k < 1000; ++k) all.push_back(t.object(t.from, k));
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
    for (int k = 0; k < 1000; ++k) mine.push_back(t.object(t.from, k)), theirs.push_back(t.object(t.to, k));
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
    for (int k = 0; k < n; ++k) all.push_back(t.object(t.from, k));
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
