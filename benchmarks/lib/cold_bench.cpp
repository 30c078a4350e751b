// Cold objects and a cold start through a whole node: open() of what is only in the file, and a file with a million
// objects and a million entries above the checkpoint. The store alone: store_bench.cpp.
#include "bench_node.hpp"
#include <dunlin/lib/space_body.hpp>
#include <dunlin/lib/store_file.hpp>
#include <dunlin/net/system.hpp>

using namespace bench;

namespace {
/// Live objects of a file, opened one after the other, least recently used first; warm file cache.
void cold_object_opened(benchmark::State& state) {
    constexpr int count = 30'000;
    folder f;
    auto name = [](std::uint64_t k) { return "p" + std::to_string(k % count); };
    {
        asio::io_context io;
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file("a.db")).memory(1 << 20)};
        run(io, [&]() -> asio::awaitable<void> {
            for (int k = 0; k < count + 10'000; ++k) { // what is made last stays waiting in the log: those are not opened
                auto key = name(std::uint64_t(k < count ? k : 0));
                dunlin::ref<player> p = co_await node.open<player>(key);
                p->score += k, p->name = "a name of twenty byte";
                auto r = node.seal();
                if (k % 100 == 0) co_await r.saved();
            }
            co_await node.stop();
        });
    }
    asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().data(f.file("a.db")).memory(8 << 20)};
    samples us;
    run(io, [&]() -> asio::awaitable<void> {
        co_await node.start();
        std::uint64_t k = 0;
        for (auto _ : state) {
            auto key = name(k++ * 7919);
            auto begun = steady::now();
            dunlin::ref<player> p = co_await node.open<player>(key);
            us.add(us_since(begun));
            if (!p.exists()) state.SkipWithError("not there");
        }
        co_await node.stop();
    });
    us.tell(state);
}
BENCHMARK(cold_object_opened)->Iterations(25'000)->UseRealTime()->Unit(benchmark::kMicrosecond);

struct thing {
    dunlin::latest<std::string> what;
    dunlin::counter n;
};
DUNLIN_OBJECT(thing, what, n)

std::string key_of(std::uint64_t k) { return "thing" + std::to_string(k); }

/// A file as a node leaves it that dies long after its checkpoint: so many objects of 200 bytes in their rows, and as
/// many entries, each a turn of one addition to a random object, above the floor.
struct left_file : folder {
    explicit left_file(std::uint64_t count) {
        using namespace dunlin;
        asio::io_context io;
        machine_clock clock;
        machine_chance chance;
        writer_id me;
        me.node[0] = 1, me.run = 1, me.nonce = 7;
        std::vector<word::push> told;
        space_setup s;
        s.name = "main", s.executor = io.get_executor(), s.clock = &clock, s.chance = &chance, s.node = me.node;
        s.log_bytes = 1;
        s.send = [&](peer_number, space_message&& said) {
            if (auto push = std::get_if<word::push>(&said)) told.push_back(std::move(*push));
        };
        auto from = std::make_shared<space_body>(std::move(s));
        from->own(me);
        auto other = me.node;
        other[0] = 2;
        from->peer_up(1, other, false);
        auto& type = from->type_of(struct_of<thing>());

        store_file to;
        store_options options;
        options.path = file("a.db");
        if (auto e = to.open(options)) throw boost::system::system_error(e);
        to.begin(1);
        to.add(name_write{name_kind::space, 1, "main"}), to.add(name_write{name_kind::type, 1, "thing"});
        to.add(name_write{name_kind::writer, 1, view_of_writer(me)});
        to.commit();

        sequence next;
        writer_names names;
        names.write = [](encoder& out, std::uint32_t) { out.u(1); };
        std::string state;
        std::uint64_t waiting = 0;
        auto turn = [&](std::uint64_t k, bool fresh) {
            object* o = from->local(type, key_of(k));
            auto& t = *static_cast<thing*>(o->value());
            if (fresh) t.what = std::string(160, 'w');
            t.n += 1;
            from->seal();
            if (fresh) state = encode_object(*o, from->table(), names);
            from->unpin(*o);
        };
        auto flush = [&](bool with_log) {
            for (auto& push : told) {
                encoder bytes;
                push.series.write(bytes);
                if (with_log) to.add(log_write{{1, 1, push.series.first, push.series.last()}, bytes.take()});
            }
            told.clear(), waiting = 0;
        };
        // The first states: one object's bytes stand for all, since only the key tells them apart.
        turn(0, true);
        flush(false);
        std::vector<object_name> all;
        for (std::uint64_t k = 0; k < count; ++k) all.push_back({1, 1, object_hash("thing", key_of(k)), key_of(k)});
        std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.hash < b.hash; });
        for (std::size_t k = 0; k < all.size();) {
            to.begin(1);
            for (int n = 0; n < 5000 && k < all.size(); ++n, ++k) to.add(state_write{std::move(all[k]), state});
            to.commit(), to.checkpoint();
        }
        encoder heads;
        from->known().write(heads);
        to.begin(1);
        to.add(space_write{1, {}, heads.take()});
        to.commit();
        for (std::uint64_t n = 0; n < count;) {
            to.begin(1);
            for (int k = 0; k < 100 && n < count; ++k, ++n) turn(next() % count, false);
            flush(true);
            to.commit();
            if (to.wal_frames() > 1000) to.checkpoint();
        }
        to.checkpoint();
        from->stop();
        io.run();
    }
};

/// node.start() on it, up to the answer; then the first open of an object.
void start_of_a_node(benchmark::State& state) {
    left_file f(std::uint64_t(state.range(0)));
    samples first;
    for (auto _ : state) {
        asio::io_context io;
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file("a.db"))};
        run(io, [&]() -> asio::awaitable<void> {
            auto begun = steady::now();
            co_await node.start();
            state.SetIterationTime(us_since(begun) / 1e6);
            begun = steady::now();
            dunlin::ref<thing> t = co_await node.open<thing>(key_of(5));
            first.add(us_since(begun));
            if (!t.exists()) state.SkipWithError("not there");
        });
    }
    state.counters["first_open_us"] = first.at(0.5);
    state.counters["file_MB"] = double(std::filesystem::file_size(f.file("a.db"))) / 1e6;
}
BENCHMARK(start_of_a_node)->Arg(1'000'000)->Iterations(5)->UseManualTime()->Unit(benchmark::kMillisecond);
} // namespace
