// Golden bytes of entries with their deltas, of object states and digests, of the schema, and of a space as state.
#include "../golden/golden.hpp"
#include "golden_space.hpp"
#include <dunlin/lib/entry_delta.hpp>

using namespace golden;

namespace {

/// Taken apart and put together again: body and delta, down to the objects.
std::string body_again(bytes_view bytes, writer_id const& author) {
    entry_body read;
    EXPECT_TRUE(read.read(bytes));
    writers table;
    entry_builder b;
    b.begin(table.intern(author));
    for (auto& w : read.writers) b.index(table.intern(w), table);
    for (auto& d : read.dependencies) EXPECT_TRUE(b.depend(table.find(read.writers[d.writer - 1]), d.number, table));
    if (read.pred) b.follow(*read.pred);
    std::vector<bytes_view> types;
    EXPECT_TRUE(each_object_delta(read.delta, [&](object_delta const& one) {
        auto at = std::find(types.begin(), types.end(), one.type);
        if (at == types.end())
            b.delta().u(0), b.delta().bytes(one.type), types.push_back(one.type);
        else
            b.delta().u(std::uint64_t(at - types.begin()) + 1);
        b.delta().bytes(one.key), b.delta().bytes(one.delta);
        return true;
    }));
    encoder out;
    b.finish(read.stamp_step, out);
    return out.take();
}

series check_series(std::string const& bytes) {
    decoder in(bytes);
    series s;
    EXPECT_TRUE(s.read(in) && in.finished());
    series again = s;
    again.count = 0, again.bodies.clear();
    series_cursor c(s);
    while (c.next()) again.add(body_again(c.entry().body, s.writer));
    encoder out;
    again.write(out);
    EXPECT_EQ(hex(out.view()), hex(bytes));
    return s;
}

object* find(golden_space& s, std::string const& type, std::string const& key) {
    auto t = s.body->find_type(type);
    return t ? s.body->find(*t, key) : nullptr;
}

std::string state_again(golden_space& s, object_type& type, std::string const& bytes) {
    std::shared_ptr<object> o(object::make(*s.body, type, "k"), object::destroy);
    EXPECT_TRUE(decode_object(*o, bytes, full_names(s.body->table()), s.body->self(), s.body->kinds()));
    return s.state(*o);
}

struct kept {
    std::string type, key, state, digest;
};

} // namespace

TEST(golden, has_deltas_and_states_of_every_type) {
    golden::file file("objects.txt");
    golden_space a(1), b(2), fresh(3), stranger(4); // the stranger's program has none of the types
    a.get<roster_entry>("00").name = "A", a.get<roster_entry>("00").address = "10.0.0.1:7700";
    a.get<roster_entry>("00").member = true;
    fresh.know_types();

    auto keep = [&](std::vector<named_series> const& all) {
        for (auto& x : all) {
            encoder out;
            x.series.write(out);
            auto bytes = file.bytes("entry_" + x.name, out.view(), x.what);
            auto read = check_series(bytes);
            fresh.absorb(read), stranger.absorb(read);
            series_cursor c(read);
            entry_body body;
            ASSERT_TRUE(c.next() && body.read(c.entry().body));
            each_object_delta(body.delta, [&](object_delta const& one) {
                if (!one.type.starts_with("golden.")) return true;
                std::string type(one.type.substr(7));
                file.bytes("delta_" + x.name + "_" + type, one.delta, "what that says of " + type);
                return true;
            });
        }
    };
    auto states = [&](std::string const& when, std::string const& what) {
        for (std::string type : {"sums", "flags", "registers", "sets", "maps", "whole"}) {
            auto o = find(a, "golden." + type, "k");
            ASSERT_TRUE(o);
            auto bytes = file.bytes("state_" + when + "_" + type, a.state(*o), "the state of " + type + " " + what);
            for (auto s : {&b, &fresh, &stranger}) {
                auto there = find(*s, "golden." + type, "k");
                auto& t = *s->body->find_type("golden." + type);
                EXPECT_EQ(hex(there ? s->state(*there) : std::string("\0\0", 2)), hex(bytes)) << type;
                EXPECT_EQ(hex(state_again(*s, t, bytes)), hex(bytes)) << type;
            }
            auto digest = digest_object(*o, a.body->table());
            file.bytes("digest_" + when + "_" + type, view_of(digest), "its digest");
        }
        for (auto s : {&a, &b, &fresh, &stranger}) EXPECT_EQ(s->digest(), a.digest());
        file.bytes("digest_" + when, from_hex(a.digest()), "the digest of the space");
    };
    keep(history(a, b));
    states("both", "after a1, a2 and b1");
    keep(take_away_history(a, b));
    states("end", "after a4");

    auto schema = find(a, "dunlin.schema", "schema"), member = find(a, "dunlin.node", "00");
    ASSERT_TRUE(schema && member);
    auto lines = file.bytes("state_schema", a.state(*schema), "the state of the schema object");
    EXPECT_EQ(hex(state_again(fresh, *schema->type, lines)), hex(lines));
    auto entry = file.bytes("state_roster", a.state(*member), "the state of a roster entry");
    EXPECT_EQ(hex(state_again(fresh, *member->type, entry)), hex(entry));
    auto heads_bytes = file.bytes("heads", a.heads(), "the heads of the space");
    EXPECT_EQ(hex(fresh.heads()), hex(heads_bytes));
    EXPECT_EQ(stranger.alarms, std::vector<std::string>());
}

// A space as state, piece by piece, into a space that has nothing; which gives it on in the same bytes.
TEST(golden, has_the_pieces_of_a_space_as_state) {
    golden::file file("pieces.txt");
    golden_space a(1), b(2), fresh(3), stranger(4);
    history(a, b);
    auto pieces = a.pieces();
    ASSERT_EQ(pieces.size(), 3u);
    char const* names[] = {"heads", "objects", "entries"};
    for (std::size_t k = 0; k < 3; ++k) {
        auto bytes = file.bytes(names[k], pieces[k], "piece " + std::to_string(k) + ": " + names[k]);
        fresh.body->stage_state(bytes), fresh.io.restart(), fresh.io.poll();
        // The other one gets it as if it were larger than a message.
        auto half = bytes.size() / 2;
        for (bool more : {true, false}) {
            dunlin::encoder out;
            out.u8(3), out.u(more), out.bytes(more ? bytes.substr(0, half) : bytes.substr(half));
            auto name = std::string(names[k]) + (more ? "_part_1" : "_part_2");
            stranger.body->stage_state(file.bytes(name, out.take(), "the same piece in two parts"));
            stranger.io.restart(), stranger.io.poll();
        }
        pieces[k] = bytes;
    }
    for (auto s : {&fresh, &stranger}) {
        s->body->finish_state();
        s->io.restart(), s->io.poll();
        EXPECT_EQ(s->digest(), a.digest());
        EXPECT_EQ(s->heads(), a.heads());
        auto again = s->pieces();
        ASSERT_EQ(again.size(), 3u);
        for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(hex(again[k]), hex(pieces[k])) << names[k];
    }
}
