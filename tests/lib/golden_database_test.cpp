// The golden database of version 1: what the store, and what a node, reads from it. It is made by a node here.
#include "../golden/golden.hpp"
#include "../net/pipe.hpp"
#include "../net/run.hpp"
#include "folder.hpp"
#include "golden_space.hpp"
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/log_row.hpp>
#include <dunlin/lib/store_file.hpp>
#include <dunlin/lib/store_format.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>
#include <filesystem>

using namespace golden;
using boost::asio::awaitable;

namespace {

constexpr char const* database = "node-1.db";

/// A node on a file, always the same one; the file is closed when it goes.
struct golden_node {
    boost::asio::io_context io;
    machine_clock clock;
    test::counting_chance chance{11};
    tcp_transport transport;
    std::vector<std::string> alarms;
    std::optional<dunlin::node> node;

    explicit golden_node(std::string const& file, std::size_t memory_bytes = 256 << 20) {
        surroundings outside{{clock, chance, transport}, {}, {}, {}, {}};
        outside.identity = [](std::string const&) {
            test::counting_chance own{12};
            return identity::make(own);
        };
        // So little log that it is checkpointed and cut.
        auto settings = options().data(file).memory(memory_bytes).log_budget(16 << 10);
        node.emplace(io.get_executor(), settings, outside);
        node->on_alarm([this](std::string const& text) { alarms.push_back(text); });
    }
    template <class F> auto run(F f) { return test::run(io, f()); }
    space_body& main() { return *node->space("main").body(); }
};

/// One object of each type, held.
struct held {
    ref<sums> a;
    ref<flags> b;
    ref<registers> c;
    ref<sets> d;
    ref<maps> e;
    ref<whole> f;

    template <class T> T& get() {
        if constexpr (std::same_as<T, sums>)
            return *a;
        else if constexpr (std::same_as<T, flags>)
            return *b;
        else if constexpr (std::same_as<T, registers>)
            return *c;
        else if constexpr (std::same_as<T, sets>)
            return *d;
        else if constexpr (std::same_as<T, maps>)
            return *e;
        else
            return *f;
    }
};
awaitable<held> hold(dunlin::node& n, std::string key) {
    held h;
    h.a = co_await n.open<sums>(key);
    h.b = co_await n.open<flags>(key);
    h.c = co_await n.open<registers>(key);
    h.d = co_await n.open<sets>(key);
    h.e = co_await n.open<maps>(key);
    h.f = co_await n.open<whole>(key);
    co_return h;
}

/// Entries of a space above `position`, as they were logged.
void tell(space_body& from, std::uint64_t position, golden_space& to) {
    for (; position < from.log().next_position(); ++position) {
        auto& e = from.log().at(position);
        series s;
        s.writer = from.table().id(e.at.slot()), s.first = e.at.number(), s.first_stamp = e.stamp, s.prior = e.prior;
        s.add(e.body);
        to.absorb(s);
    }
}

awaitable<void> live(golden_node& g) {
    auto& n = *g.node;
    golden_space peer(2);
    co_await n.start();
    {
        auto h = co_await hold(n, "k");
        fill(h, 1);
        auto first = n.seal();
        tell(g.main(), 1, peer);
        peer.know_types();
        fill(peer, 2);
        auto said = peer.seal();
        fill(h, 3);
        auto second = n.seal();
        entry_body body;
        series_cursor c(said);
        EXPECT_TRUE(c.next() && body.read(c.entry().body) && g.main().absorb(c.entry(), body));
        co_await first.saved();
        co_await second.saved();
    }
    {
        dunlin::ref<sets> big = co_await n.open<sets>("large");
        for (int k = 0; k < 440; ++k) big->names.insert(std::to_string(k) + " of many, so that the state needs parts");
        auto r = n.seal();
        co_await r.saved();
    }
    dunlin::ref<sums> other = co_await n.space("another").open<sums>("k");
    other->sum += 7;
    auto r = n.space("another").seal();
    co_await r.saved();
    // A foreign entry for objects that are not in memory: their rows get a tail.
    peer.get<sums>().sum += 100, peer.get<sets>().names.insert("cold"), peer.get<maps>().bag["cold"] += 4;
    auto said = peer.seal();
    entry_body body;
    series_cursor c(said);
    EXPECT_TRUE(c.next() && body.read(c.entry().body) && g.main().absorb(c.entry(), body));
    auto digest = co_await n.digest();
    // Above the floor, and in no row yet.
    dunlin::ref<flags> last = co_await n.open<flags>("late");
    last->on = true;
    auto saved = n.seal();
    co_await saved.saved();
    co_await n.stop();
}

/// A copy of the golden database in a folder of its own; where it is to be made anew, a node makes it first.
struct golden_copy {
    test::temporary_folder folder;
    std::string path = folder.file();

    golden_copy() {
        if (writing()) make();
        std::filesystem::copy_file(golden::path(database), path);
        std::filesystem::permissions(path, std::filesystem::perms(0600));
    }
    static void make() {
        static bool made = false;
        if (std::exchange(made, true)) return;
        test::temporary_folder fresh;
        auto file = fresh.file();
        {
            golden_node g(file, 16 << 10); // objects go to their rows
            g.run([&] { return live(g); });
        }
        std::filesystem::copy_file(file, golden::path(database), std::filesystem::copy_options::overwrite_existing);
    }
};

std::string sum_of(bytes_view bytes) {
    hasher<8> h;
    h.update(bytes);
    return std::to_string(bytes.size()) + " bytes " + hex(view_of(h.finish()));
}

/// Names of the file, by number; and blobs read and written again by them.
struct reader final : store_sink {
    golden::file& file;
    golden_space space{3};
    std::map<std::pair<name_kind, std::uint32_t>, std::string> names;
    std::map<std::string, std::uint32_t> writer_numbers;

    explicit reader(golden::file& f) : file(f) {}
    static std::string number(std::uint64_t n) { return std::to_string(n); }

    void on_name(name_kind kind, std::uint32_t n, bytes_view b) override {
        names[{kind, n}] = b;
        if (kind == name_kind::writer) writer_numbers[std::string(b)] = n;
        auto shown = kind == name_kind::writer ? hex(b) : std::string(b);
        file.text("name_" + number(unsigned(kind)) + "_" + number(n), shown);
    }
    void on_meta(std::uint32_t key, bytes_view value) override { file.text("meta_" + number(key), hex(value)); }
    void on_space(std::uint32_t n, std::uint64_t at, bytes_view vector, bytes_view heads_held) override {
        file.text("space_" + number(n), "at " + number(at) + ", vector " + hex(vector) + ", heads " + hex(heads_held));
        writers table;
        heads known(table);
        decoder in(heads_held);
        EXPECT_TRUE(known.read(in) && in.finished());
        encoder out;
        known.write(out);
        EXPECT_EQ(hex(out.view()), hex(heads_held));
    }
    void on_log_heads(std::uint64_t row, std::vector<log_run> const& runs, std::size_t) override {
        std::vector<log_run> read;
        auto written = encode_heads(row, runs);
        EXPECT_TRUE(decode_heads(row, written, read));
        EXPECT_EQ(read, runs);
        file.text("log_heads_" + number(row), hex(written));
    }
    void on_damage(store_damage const& d) override { ADD_FAILURE() << "damaged: " << int(d.where) << " " << d.number; }

    void log(log_row const& row) {
        EXPECT_FALSE(row.damaged);
        file.text("log_bytes_" + number(row.row), sum_of(row.bytes));
        encoder again;
        EXPECT_TRUE(each_series(row.runs, row.bytes, [&](std::uint32_t, series const& s) { s.write(again); }));
        EXPECT_EQ(hex(again.view()), hex(row.bytes));
    }
    void object(list_item const& i, std::uint32_t space_number) {
        auto& type = names[{name_kind::type, i.type}];
        EXPECT_EQ(i.object.is, row_presence::present);
        EXPECT_EQ(i.hash, object_hash(type, i.key));
        file.text("object_" + number(space_number) + "_" + type + "_" + i.key,
                  "type " + number(i.type) + ", up to " + number(i.object.upto) + ", state " + sum_of(i.object.state) +
                      ", deltas " + sum_of(i.object.deltas));
        encoder records;
        EXPECT_TRUE(cold_deltas::read(i.object.deltas, [&](cold_deltas::record const& r) {
            cold_deltas::write(records, r);
            return true;
        }));
        EXPECT_EQ(hex(records.view()), hex(i.object.deltas));
        if (i.object.state.empty()) return;
        EXPECT_EQ(hex(state_again(type, i.key, i.object.state)), hex(i.object.state));
    }
    std::string state_again(std::string const& type, std::string const& key, bytes_view state) {
        auto& table = space.body->table();
        writer_names by_number{
            [&](encoder& out, std::uint32_t slot) { out.u(writer_numbers[view_of_writer(table.id(slot))]); },
            [&](decoder& in) {
                auto& bytes = names[{name_kind::writer, std::uint32_t(in.u())}];
                decoder id(bytes);
                auto w = read_writer(id);
                return id.finished() ? table.intern(w) : writers::none;
            }};
        space.know_types();
        auto t = space.body->find_type(type);
        if (!t) return "no such type";
        std::shared_ptr<dunlin::object> o(dunlin::object::make(*space.body, *t, key), dunlin::object::destroy);
        EXPECT_TRUE(decode_object(*o, state, by_number, space.body->self(), space.body->kinds()));
        return encode_object(*o, table, by_number);
    }
};

template <class T> awaitable<std::string> json(dunlin::space s, std::string key) {
    dunlin::ref<T> r = co_await s.open<T>(key);
    co_return r.json();
}

} // namespace

TEST(golden, has_a_database_whose_rows_the_store_reads) {
    golden_copy copy;
    EXPECT_LT(std::filesystem::file_size(copy.path), 100'000u);
    golden::file file("node-1.rows.txt");
    store_file db;
    store_options o;
    o.path = copy.path;
    ASSERT_FALSE(db.open(o)) << db.last_message();
    reader read(file);
    store_summary summary;
    ASSERT_FALSE(db.scan(read, summary));
    EXPECT_EQ(db.integrity_check(), "ok");
    file.text("floor", std::to_string(summary.floor));
    file.text("log_rows", std::to_string(summary.first_row) + " to " + std::to_string(summary.last_row));
    EXPECT_GT(summary.floor, 0u);
    EXPECT_GT(summary.last_row, summary.floor) << "something above the floor";
    EXPECT_EQ(summary.damaged_rows, 0u);
    for (auto& row : db.read_rows(1, 1 << 20)) read.log(row);
    std::size_t large = 0, tails = 0;
    for (auto& [name, bytes] : read.names) {
        if (name.first != name_kind::space) continue;
        list_query all;
        all.space = name.second, all.states = true;
        auto page = db.list(all);
        EXPECT_TRUE(page.end);
        for (auto& i : page.items) {
            read.object(i, name.second);
            large += i.object.state.size() > store_file::inline_state_bytes_max, tails += !i.object.deltas.empty();
        }
    }
    EXPECT_GT(large, 0u) << "a state in parts";
    EXPECT_GT(tails, 0u) << "a row with deltas";
}

TEST(golden, has_a_database_on_which_a_node_goes_on) {
    golden_copy copy;
    golden::file file("node-1.txt");
    for (int round = 0; round < 2; ++round) {
        golden_node g(copy.path);
        g.run([&]() -> awaitable<void> {
            auto& n = *g.node;
            auto another = n.space("another");
            co_await n.start();
            std::string vector;
            for (std::uint32_t s = 0; s < g.main().known().size(); ++s)
                if (auto number = g.main().known()[s].number)
                    vector += hex(view_of_writer(g.main().table().id(s))) + " " + std::to_string(number) + " ";
            std::vector<std::pair<std::string, std::string>> shown;
            auto main = n.space("main");
            shown.emplace_back("sums", co_await json<sums>(main, "k"));
            shown.emplace_back("flags", co_await json<flags>(main, "k"));
            shown.emplace_back("registers", co_await json<registers>(main, "k"));
            shown.emplace_back("sets", co_await json<sets>(main, "k"));
            shown.emplace_back("maps", co_await json<maps>(main, "k"));
            shown.emplace_back("whole", co_await json<whole>(main, "k"));
            shown.emplace_back("late", co_await json<flags>(main, "late"));
            shown.emplace_back("another", co_await json<sums>(another, "k"));
            auto digest = co_await n.digest();
            auto digest_another = co_await another.digest();
            dunlin::ref<sets> large = co_await n.open<sets>("large");
            EXPECT_EQ(large->names.size(), 440u);
            if (round == 0) {
                file.text("vector", vector);
                file.text("digest", digest);
                file.text("digest_another", digest_another);
                for (auto& [name, text] : shown) file.text("object_" + name, text);
            }
            dunlin::ref<sums> mine = co_await n.open<sums>("k");
            long before = mine->sum;
            EXPECT_EQ(before, 10 + 20 + 30 + 100 + round);
            mine->sum += 1;
            auto r = n.seal();
            co_await r.saved();
            co_await n.stop();
        });
        EXPECT_EQ(g.alarms, std::vector<std::string>());
    }
}
