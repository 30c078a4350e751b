// Golden bytes of the codec, of each message kind, and of what stands in a handshake.
#include "../golden/golden.hpp"
#include <dunlin/crdt/value.hpp>
#include <dunlin/net/heads.hpp>
#include <dunlin/net/message.hpp>

using namespace dunlin;

namespace {

writer_id writer(std::uint8_t n) {
    writer_id w;
    for (std::uint8_t k = 0; k < 16; ++k) w.node[k] = std::uint8_t(n * 16 + k);
    w.run = n, w.nonce = 0xCAFE0000u + n;
    return w;
}

std::string body(std::uint64_t step, bytes_view delta) {
    writers table;
    entry_builder b;
    b.begin(table.intern(writer(1)));
    b.delta().raw(delta);
    encoder out;
    b.finish(step, out);
    return out.take();
}

series some_series(std::uint64_t first, std::uint32_t count) {
    series s;
    s.writer = writer(1), s.first = first, s.first_stamp = 1'700'000'000'000ull << 16;
    s.prior = first > 1 ? 0x0123456789ABCDEFull : 0;
    for (std::uint32_t k = 0; k < count; ++k) s.add(body(k, "delta " + std::to_string(k)));
    return s;
}

id_vector some_vector() { return {{writer(1), 7}, {writer(2), 300}}; }

struct sample {
    std::string name, what;
    message said;
};

std::vector<sample> samples() {
    auto main = [](space_message m) { return message(in_space{"main", std::move(m)}); };
    word::heads heads;
    heads.complete = heads.synced = true;
    heads.list = {{writer(1), 7, 0x1111111111111111ull}, {writer(2), 300, 0x2222222222222222ull}};
    heads.durable = {{writer(1), 6}};
    known_peer peer{writer(3).node, "c", {"10.0.0.3:7700", "[::1]:7700"}};
    word::range range{5, some_vector(), {some_series(8, 2), some_series(1, 1)}, true};
    word::cells cells;
    cells.tells_links = true, cells.links = {writer(1).node, writer(2).node};
    auto stamp = 1'700'000'000'000ull << 16;
    cells.list = {{"avatar", "ada", 0xBCD35A9A, stamp, writer(1), true, "value"},
                  {"avatar", "ada", 7, stamp + 1, writer(1), false, ""},
                  {"room", "hall", 0, stamp, writer(1), false, ""}};
    word::cells below;
    below.list = {{"room", "hall", 0xBCD35A9A, stamp, writer(1), true, "value", "\3ada"}, {"room", "hall", 7, stamp + 1, writer(1), false, "", "\3ada"}};
    return {
        {"ping", "ping, token 1", word::ping{1}},
        {"pong", "pong, token 70000", word::pong{70000}},
        {"close", "close: duplicate link", word::close{word::reason::duplicate, "twice"}},
        {"peers", "peers: one with two addresses", word::peers{{peer}}},
        {"tool_request", "tool_request", word::tool_request{3, "status"}},
        {"tool_answer", "tool_answer", word::tool_answer{3, "{}"}},
        {"holds", "holds the space main", word::holds{"main", true}},
        {"holds_no_more", "holds: no longer", word::holds{"main", false}},
        {"digest", "name_space, digest", main(word::digest{0x1122334455667788ull, 0x99AABBCCDDEEFF00ull, true})},
        {"same", "name_space, same", main(word::same{0x99AABBCCDDEEFF00ull, false})},
        {"heads", "name_space, two name_writer, heads: complete and synced", main(heads)},
        {"pull", "name_space, two name_writer, pull", main(word::pull{5, some_vector(), 262144})},
        {"range", "name_space, two name_writer, range of two series, more follows", main(range)},
        {"push", "name_space, name_writer, push of one entry", main(word::push{some_series(1, 1)})},
        {"durable", "name_space, two name_writer, durable", main(word::durable{some_vector()})},
        {"behind", "name_space, two name_writer, behind", main(word::behind{5, some_vector()})},
        {"state_pull", "name_space, state_pull: begin", main(word::state_pull{0, ""})},
        {"state_chunk", "name_space, state_chunk, the last", main(word::state_chunk{9, "cur", "bytes", "next", true})},
        {"cells", "name_space, name_writer, cells: links, a value, a field taken back, an erase", main(cells)},
        {"cells_below_maps", "name_space, name_writer, cells: below a map a value, and one taken back", main(below)},
        {"busy", "name_space, busy for 1.5 s", main(word::busy{5, std::chrono::milliseconds(1500)})},
    };
}

/// Decoded by a link that knows nothing yet and said again by another.
void comes_back(std::string const& frame, std::size_t messages) {
    session to, again;
    decoder in(frame);
    message m;
    refusal why;
    encoder out;
    std::size_t n = 0;
    for (; to.read(in, m, why); ++n) again.write(m, out);
    EXPECT_FALSE(why) << why.text();
    EXPECT_TRUE(in.finished());
    EXPECT_EQ(n, messages);
    EXPECT_EQ(golden::hex(out.view()), golden::hex(frame));
}

void add_kinds(std::string const& frame, std::set<int>& kinds) {
    for (decoder in(frame); in.ok() && !in.done();)
        if (auto m = in.bytes(); !m.empty()) kinds.insert(std::uint8_t(m[0]));
}

/// Asked of the reader itself: a kind that it does not know is refused by number, or skipped.
bool is_known(std::uint8_t kind) {
    char const frame[] = {1, char(kind)};
    decoder in(bytes_view(frame, 2));
    session s;
    message m;
    refusal why;
    bool said = s.read(in, m, why);
    return said || (why && why.what != refusal::fault::unknown_kind);
}

} // namespace

TEST(golden, has_every_message_kind) {
    golden::file file("messages.txt");
    std::set<int> kinds, known;
    std::set<std::size_t> in_spaces, alternatives;
    for (auto& x : samples()) {
        session from;
        encoder frame;
        from.write(x.said, frame);
        auto bytes = file.bytes(x.name, frame.view(), x.what);
        comes_back(bytes, 1);
        add_kinds(bytes, kinds);
        alternatives.insert(x.said.index());
        if (auto i = std::get_if<in_space>(&x.said)) in_spaces.insert(i->said.index());
    }
    session from;
    encoder frame;
    for (int k = 0; k < 2; ++k) from.write("main", word::durable{some_vector()}, frame);
    from.write("dunlin", word::push{some_series(1, 1)}, frame);
    comes_back(file.bytes("frame", frame.view(), "a frame of three messages: names are given once"), 3);

    for (int k = 0; k < 256; ++k)
        if (is_known(std::uint8_t(k))) known.insert(k);
    EXPECT_EQ(kinds, known) << "a new message kind needs a sample here";
    EXPECT_EQ(in_spaces.size(), std::variant_size_v<space_message>);
    EXPECT_EQ(alternatives.size(), std::variant_size_v<message>);
}

TEST(golden, has_numbers_and_values) {
    golden::file file("codec.txt");
    for (std::uint64_t n : {0ull, 247ull, 248ull, 255ull, 256ull, 65535ull, 65536ull, 1ull << 32, ~0ull}) {
        encoder out;
        out.u(n);
        auto bytes = file.bytes("u_" + std::to_string(n), out.view(), "u " + std::to_string(n));
        decoder in(bytes);
        EXPECT_EQ(in.u(), n);
        EXPECT_TRUE(in.finished());
    }
    auto least = std::numeric_limits<std::int64_t>::min();
    for (std::int64_t n : {std::int64_t(0), std::int64_t(-1), std::int64_t(63), std::int64_t(64), std::int64_t(-64),
                           std::int64_t(-65), std::int64_t(1) << 40, least, std::int64_t(~std::uint64_t(0) >> 1)}) {
        encoder out;
        out.i(n);
        auto bytes = file.bytes("i_" + std::to_string(n), out.view(), "i " + std::to_string(n));
        decoder in(bytes);
        EXPECT_EQ(in.i(), n);
        EXPECT_TRUE(in.finished());
    }
    int k = 0;
    for (double d : {0.0, -0.0, 1.5, -1.5, 1e300, std::numeric_limits<double>::infinity()}) {
        encoder out;
        value_codec<double>::put(out, d);
        auto bytes = file.bytes("double_" + std::to_string(k++), out.view(), "double " + std::to_string(d));
        double back = 1;
        EXPECT_EQ(value_codec<double>::get(bytes, back), fit::exact);
        EXPECT_EQ(double_bits(back), double_bits(d));
    }
    encoder out;
    value_codec<double>::put(out, std::numeric_limits<double>::quiet_NaN());
    double back = 1;
    EXPECT_EQ(value_codec<double>::get(file.bytes("double_nan", out.view(), "the one NaN"), back), fit::exact);
    EXPECT_NE(back, back);
}

TEST(golden, has_entries_series_and_heads) {
    golden::file file("entries.txt");
    writers table;
    auto author = table.intern(writer(1)), second = table.intern(writer(2)), third = table.intern(writer(3));

    // A body with everything, taken apart and built again.
    entry_builder b;
    b.begin(author);
    EXPECT_EQ(b.index(third, table), 1u);
    ASSERT_TRUE(b.depend(second, 300, table));
    ASSERT_TRUE(b.depend(third, 5, table));
    predecessor before{writer(9), 41, {}};
    for (std::uint8_t x = 0; x < 16; ++x) before.hash[x] = std::uint8_t(0xA0 + x);
    b.follow(before);
    b.delta().raw("a delta");
    encoder made;
    b.finish(3, made);
    auto full = file.bytes("body_full", made.view(), "step 3; writers 3, 2; depends on 2:300, 3:5; follows 9:41");
    entry_body body_read;
    ASSERT_TRUE(body_read.read(full));
    EXPECT_EQ(body_read.writers, (std::vector<writer_id>{writer(3), writer(2)}));
    EXPECT_EQ(body_read.pred, before);
    b.begin(author);
    for (auto& w : body_read.writers) b.index(table.intern(w), table);
    for (auto& d : body_read.dependencies)
        ASSERT_TRUE(b.depend(table.find(body_read.writers[d.writer - 1]), d.number, table));
    b.follow(*body_read.pred);
    b.delta().raw(body_read.delta);
    made.clear();
    b.finish(body_read.stamp_step, made);
    EXPECT_EQ(golden::hex(made.view()), golden::hex(full));
    auto hash = entry_hash(0, writer(1), 1, 1'700'000'000'000ull << 16, full);
    file.bytes("hash_full", view_of(hash), "its hash as number 1 of writer 1, stamp 1700000000000 ms");

    for (auto& [name, what, s] :
         {std::tuple("series_first", "numbers 1 to 3", some_series(1, 3)),
          std::tuple("series_later", "number 8, after the prior 0123456789abcdef", some_series(8, 1))}) {
        encoder out;
        s.write(out);
        auto bytes = file.bytes(name, out.view(), what);
        decoder in(bytes);
        series read;
        ASSERT_TRUE(read.read(in) && in.finished());
        EXPECT_EQ(read, s);
        out.clear();
        read.write(out);
        EXPECT_EQ(golden::hex(out.view()), golden::hex(bytes));
    }

    heads known(table);
    entry_body read;
    ASSERT_TRUE(read.read(full));
    for (auto [slot, number] : {std::pair(second, 300), std::pair(third, 5)}) {
        head h;
        h.number = std::uint64_t(number), h.stamp = std::uint64_t(number) << 16, h.hash = before.hash;
        known.adopt(slot, h);
    }
    head mine;
    mine.number = 1, mine.stamp = 1'700'000'000'000ull << 16, mine.hash = hash;
    mine.dependencies.raise(second, 300);
    mine.dependencies.raise(table.intern(writer(8)), 2); // of whom no head is known
    known.adopt(author, mine);
    encoder out;
    known.write(out);
    auto bytes = file.bytes("heads", out.view(), "heads of writers 1 (depends on 2:300, 8:2), 2, 3; writer 8 has none");
    writers other_table;
    heads other(other_table);
    decoder in(bytes);
    ASSERT_TRUE(other.read(in) && in.finished());
    EXPECT_EQ(other.digest(), known.digest());
    out.clear();
    other.write(out);
    EXPECT_EQ(golden::hex(out.view()), golden::hex(bytes));
}
