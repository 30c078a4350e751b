// Golden bytes of entries with their deltas, of object states and digests, of the schema, and of a space as state.
#include "golden_bytes.hpp"
#include "golden_space.hpp"

using namespace golden;

TEST(golden, has_deltas_and_states_of_every_type) {
    golden::file file("objects.txt");
    golden_space a(1), b(2), fresh(3), stranger(4); // the stranger's program has none of the types
    a.get<roster_entry>("00").name = "A", a.get<roster_entry>("00").address = "10.0.0.1:7700";
    a.get<roster_entry>("00").member = true;
    fresh.know_types();

    golden::record all(file, {"sums", "flags", "registers", "sets", "maps", "whole"}, a, b, fresh, stranger);
    all.said(history(a, b));
    all.came_of_it("both", "after a1, a2 and b1");
    all.said(take_away_history(a, b));
    all.came_of_it("end", "after a4");

    all.own("schema", "dunlin.schema", "schema", "the schema object");
    all.own("roster", "dunlin.node", "00", "a roster entry");
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
