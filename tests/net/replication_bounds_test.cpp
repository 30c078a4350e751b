// Clones, bounds, states in chains, and peers that say anything at all.
#include "gossip_world.hpp"
#include <cstdlib>

namespace dunlin {
namespace {

using namespace toys;

/// Four nodes; the last is a running copy of the first, made after three entries that all have.
struct cloned : world {
    cloned() : world(1, 4, {}) {
        for (std::size_t b = 1; b < 3; ++b) up(0, b);
        for (int i = 0; i < 3; ++i) nodes[0]->write("before"), rest();
        clone_of[3] = 0;
        auto& original = *nodes[0];
        nodes[3] = std::make_unique<toy>(original.own, &now);
        auto& copy = *nodes[3];
        copy.contents = original.contents;
        rebuild(copy);
        copy.durable_ = copy.known_.applied();
        copy.log = original.log, copy.was_first = false;
    }
    std::uint64_t has(std::size_t i) { return nodes[i]->known_.of(nodes[0]->own).number; }
};

TEST(fork, two_heads_heard_from_the_writers_own_node_prove_it_and_freeze_the_writer_alone) {
    cloned w;
    w.nodes[0]->write("original"), w.nodes[3]->write("copy");
    w.pass(2s);
    EXPECT_EQ(w.has(1), 4u);
    w.down(0, 1);
    w.up(1, 3);
    w.pass(2s);
    EXPECT_EQ(w.proofs, 1u);
    EXPECT_TRUE(w.nodes[1]->machine.frozen(w.nodes[0]->own));
    w.nodes[3]->write("more of the copy");
    w.nodes[2]->write("somebody else");
    w.up(1, 2);
    w.pass(3s);
    EXPECT_EQ(w.has(1), 4u) << "nothing more of a frozen writer";
    EXPECT_EQ(w.nodes[1]->known_.of(w.nodes[2]->own).number, 1u);
    EXPECT_EQ(violations(), std::set<std::string>());
}

TEST(fork, another_hash_from_a_third_party_is_an_alarm_is_not_applied_and_freezes_nobody) {
    cloned w;
    w.down(0, 2);
    w.nodes[0]->write("original"), w.nodes[3]->write("copy");
    w.pass(2s);
    w.up(2, 3);
    w.pass(2s);
    ASSERT_EQ(w.has(1), 4u);
    ASSERT_EQ(w.has(2), 4u);
    auto theirs = w.nodes[2]->contents, ours = w.nodes[1]->contents;
    ASSERT_NE(theirs, ours);
    w.up(1, 2);
    w.pass(3s);
    EXPECT_EQ(w.proofs, 0u);
    EXPECT_GE(w.alarms, 2u) << "both sides hear of it";
    EXPECT_EQ(w.nodes[1]->contents, ours);
    w.nodes[0]->write("goes on");
    w.nodes[2]->write("somebody else");
    w.pass(3s);
    EXPECT_EQ(w.has(1), 5u) << "nobody is frozen";
    EXPECT_EQ(w.nodes[1]->known_.of(w.nodes[2]->own).number, 1u);
    EXPECT_EQ(w.has(2), 4u);
}

TEST(fork, a_branch_is_never_spliced_onto_another) {
    cloned w;
    w.down(0, 2);
    w.nodes[0]->write("original"), w.nodes[3]->write("copy"), w.nodes[3]->write("copy goes on");
    w.pass(2s);
    w.up(2, 3);
    w.pass(2s);
    ASSERT_EQ(w.has(1), 4u);
    ASSERT_EQ(w.has(2), 5u);
    w.up(1, 2); // the log of 2 goes on where 1 has another entry
    w.pass(3s);
    EXPECT_EQ(w.has(1), 4u);
    EXPECT_GE(w.alarms, 1u);
}

struct bound : testing::Test {
    instant now = 1s;
    toy t{writer_id{node_named(0), 1, 1}, &now};
    std::size_t busy = 0, chunks = 0, pulls = 0;
    void SetUp() override { violations().clear(); }
    void peer(peer_number n, bool counted = true) { t.machine.peer_up(n, node_named(n), counted, now, t.out); }
    void hear(peer_number from, space_message m) { t.machine.receive(from, std::move(m), now, t.out); }
    void sort_out() {
        for (auto& a : std::exchange(t.out, {}))
            if (auto s = std::get_if<event::send>(&a)) {
                busy += std::holds_alternative<word::busy>(s->said);
                chunks += std::holds_alternative<word::state_chunk>(s->said);
                pulls += std::holds_alternative<word::pull>(s->said);
            }
    }
    static series alone(writer_id const& w, std::uint64_t first, std::size_t size) {
        series s;
        s.writer = w, s.first = first, s.first_stamp = first, s.prior = first;
        encoder body;
        body.u8(0), body.u(1), body.u8(0), body.raw(std::string(size, 'x'));
        s.add(body.view());
        return s;
    }
};

TEST_F(bound, what_waits_is_bounded_in_number_and_bytes_and_is_dropped_in_the_end) {
    peer(1);
    for (std::uint64_t i = 0; i < 3000; ++i) hear(1, word::push{alone({node_named(1), 1, 1}, 2 + 2 * i, 10)});
    EXPECT_LE(t.machine.waiting_entries(), 1024u);
    EXPECT_GT(t.machine.waiting_entries(), 1000u);
    seeded luck(1);
    now += 11s;
    t.machine.tick(now, luck, t.out);
    EXPECT_EQ(t.machine.waiting_entries(), 0u);
    for (std::uint64_t i = 0; i < 100; ++i) hear(1, word::push{alone({node_named(1), 1, 1}, 2 + 2 * i, 50'000)});
    EXPECT_LE(t.machine.waiting_bytes(), 1u << 20);
    sort_out();
    EXPECT_LE(pulls, 3u) << "one pull at a time";
}

TEST_F(bound, three_states_are_given_at_a_time_and_one_place_is_kept_for_counted_members) {
    t.write("something"), t.commit();
    for (peer_number n = 1; n <= 6; ++n) peer(n, n >= 4);
    t.out.clear();
    for (peer_number n = 1; n <= 3; ++n) hear(n, word::state_pull{});
    sort_out();
    EXPECT_EQ(busy, 1u) << "guests have two places";
    hear(4, word::state_pull{}), hear(5, word::state_pull{});
    sort_out();
    EXPECT_EQ(busy, 2u);
    while (!t.pending.empty()) t.complete();
    sort_out();
    EXPECT_EQ(chunks, 3u);
}

TEST_F(bound, a_pull_below_the_floor_is_answered_with_it_and_a_peer_has_one_read_at_a_time) {
    for (int i = 0; i < 5; ++i) t.write("entry");
    t.commit();
    peer(1);
    hear(1, word::pull{1, {}, 1000}), hear(1, word::pull{2, {}, 1000});
    sort_out();
    EXPECT_EQ(busy, 1u);
    EXPECT_EQ(t.pending.size(), 1u);
    t.complete();
    t.out.clear();
    t.cut_log(2);
    hear(1, word::pull{3, {}, 1000});
    ASSERT_EQ(t.out.size(), 1u);
    auto& answer = std::get<word::behind>(std::get<event::send>(t.out[0]).said);
    EXPECT_EQ(answer.floor, (id_vector{{t.own, 2}}));
    EXPECT_EQ(answer.ticket, 3u);
}

TEST_F(bound, a_range_for_another_state_or_that_nobody_asked_for_does_no_harm) {
    peer(1);
    writer_id w{node_named(1), 1, 1};
    auto first = alone(w, 1, 5);
    first.prior = 0;
    hear(1, word::range{77, {{w, 5}}, {first}, true});
    EXPECT_EQ(t.known_.of(w).number, 0u) << "its basis is not ours";
    hear(1, word::range{78, {}, {first}, true});
    EXPECT_EQ(t.known_.of(w).number, 1u) << "it connects";
    hear(1, word::range{78, {}, {first}, true});
    sort_out();
    EXPECT_EQ(pulls, 0u);
    EXPECT_EQ(violations(), std::set<std::string>());
}

TEST_F(bound, an_entry_that_the_space_refuses_is_not_asked_for_again) {
    peer(1);
    writer_id w{node_named(1), 1, 1};
    series s;
    s.writer = w;
    encoder body;
    body.u8(0), body.u(0), body.raw("poison");
    s.add(body.view());
    for (int i = 0; i < 5; ++i) hear(1, word::push{s}), hear(1, word::heads{true, false, false, {{w, 1, 5}}, {}});
    auto refused = std::count_if(t.out.begin(), t.out.end(),
                                 [](auto& a) { return std::holds_alternative<event::entry_refused>(a); });
    EXPECT_EQ(refused, 1);
    sort_out();
    EXPECT_LE(pulls, 1u);
}

TEST(hostile_peer, says_anything_at_all_and_stops_nothing) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        world w(seed, 4, {});
        for (std::size_t b = 1; b < 3; ++b) w.up(0, b);
        std::mt19937_64 r(seed);
        auto number = [&] { return 1 + r() % (r() % 2 ? 5 : dot::number_max - 1); };
        auto someone = [&]() -> writer_id {
            if (r() % 2) return w.nodes[r() % 3]->own;
            return {node_named(50 + r() % 5), std::uint32_t(r() % 3), 7};
        };
        auto vector = [&] {
            std::map<writer_id, std::uint64_t> m;
            for (auto n = r() % 5; n--;) m[someone()] = number();
            id_vector v;
            for (auto& [x, k] : m) v.push_back({x, k});
            return v;
        };
        auto stranger_series = [&] { return bound::alone({node_named(60 + r() % 3), 1, 7}, 1 + r() % 4, r() % 20); };
        w.nodes[0]->machine.peer_up(9, node_named(9), false, w.now, w.nodes[0]->out);
        for (int i = 0; i < 400; ++i) {
            space_message m;
            switch (r() % 11) {
            case 0:
                m = word::digest{r(), r(), false};
                break;
            case 1:
                m = word::same{r(), false};
                break;
            case 2: {
                word::heads h{bool(r() % 2), bool(r() % 2), false, {}, vector()};
                for (auto& x : vector()) h.list.push_back({x.writer, x.number, r()});
                m = h;
                break;
            }
            case 3:
                m = word::pull{r(), vector(), r()};
                break;
            case 4:
                m = word::range{r() % 20, vector(), {stranger_series(), stranger_series()}, true};
                break;
            case 5:
                m = word::push{stranger_series()};
                break;
            case 6:
                m = word::durable{vector()};
                break;
            case 7:
                m = word::behind{r() % 20, vector()};
                break;
            case 8:
                m = word::state_pull{r() % 3, std::to_string(r() % 3)};
                break;
            case 9:
                m = word::state_chunk{1 + r() % 2, "", "junk", "1", false};
                break;
            default:
                m = word::busy{r() % 20, std::chrono::milliseconds(r() % 3'600'000)};
            }
            w.nodes[0]->machine.receive(9, std::move(m), w.now, w.nodes[0]->out);
            if (r() % 4 == 0) w.nodes[r() % 3]->write("text"), w.rest();
            if (r() % 20 == 0) w.now += 200ms, w.tick_all();
            w.collect();
        }
        w.nodes[0]->machine.peer_down(9, w.now, w.nodes[0]->out);
        w.pass(10s);
        w.check_bounds();
        ASSERT_EQ(violations(), std::set<std::string>()) << seed;
        for (std::size_t i = 1; i < 3; ++i)
            ASSERT_EQ(w.nodes[i]->known_.digest(), w.nodes[0]->known_.digest()) << "seed " << seed << " node " << i;
    }
}

TEST(chain, a_state_goes_from_a_to_b_and_the_log_from_b_to_c_while_a_is_away) {
    world w(3, 3, {});
    for (int i = 0; i < 20; ++i) w.nodes[0]->write("old");
    w.nodes[0]->commit();
    w.up(1, 2);
    w.nodes[2]->write("of c"), w.nodes[1]->write("of b");
    w.pass(2s);
    w.nodes[0]->cut_log(15);
    w.up(0, 1);
    w.nodes[0]->write("while it goes on");
    w.pass(3s);
    EXPECT_GT(w.nodes[0]->chunks_served, 1u);
    w.down(0, 1);
    w.nodes[1]->write("after");
    w.pass(3s);
    EXPECT_EQ(w.nodes[1]->contents, w.nodes[2]->contents);
    EXPECT_GT(w.nodes[1]->chunks_served, 1u) << "c was below the floor that b's own transfer left";
    w.down(1, 2);
    for (int i = 0; i < 5; ++i) w.nodes[1]->write("by log");
    auto chunks = w.nodes[1]->chunks_served;
    w.up(1, 2);
    w.pass(3s);
    EXPECT_EQ(w.nodes[1]->contents, w.nodes[2]->contents);
    EXPECT_EQ(w.nodes[1]->chunks_served, chunks) << "above the floor the log is enough";
    w.up(0, 1);
    w.pass(3s);
    EXPECT_TRUE(w.converged());
    EXPECT_EQ(violations(), std::set<std::string>());
}

TEST(hold, keeps_a_first_entry_out_of_a_state_that_is_being_given) {
    world w(11, 2, {});
    for (int i = 0; i < 30; ++i) w.nodes[0]->write("old");
    w.nodes[0]->commit(), w.nodes[0]->cut_log(25);
    w.restart(0); // the next entry is the first of a run
    auto& giver = *w.nodes[0];
    auto go_on = [&](int steps, std::size_t chunks) {
        for (; steps-- && giver.chunks_served < chunks; w.now += 1ms) {
            w.deliver_some();
            for (auto& n : w.nodes)
                if (!n->pending.empty()) n->complete();
            w.tick_all();
        }
    };
    w.up(0, 1);
    go_on(5000, 1);
    ASSERT_EQ(giver.chunks_served, 1u);
    giver.write("held");
    w.collect();
    go_on(300, 1000);
    EXPECT_EQ(violations(), std::set<std::string>());
    EXPECT_EQ(w.nodes[1]->known_.of(giver.own).number, 0u);
    giver.commit();
    w.pass(5s);
    EXPECT_TRUE(w.converged());
    EXPECT_EQ(violations(), std::set<std::string>());
}

TEST(full, takes_in_nothing_asks_for_nothing_and_pulls_when_there_is_room) {
    world w(7, 3, {});
    w.up(0, 1), w.up(1, 2);
    w.nodes[0]->write("before");
    w.pass(2s);
    auto& middle = *w.nodes[1];
    middle.is_full = true; // the toy says if anything is absorbed nevertheless
    for (int i = 0; i < 5; ++i) w.nodes[0]->write("pushed"), w.nodes[2]->write("pushed");
    auto pulls = [&] { return w.said_beside_digests; };
    w.pass(5s);
    auto said = pulls();
    w.pass(5s);
    EXPECT_LE(pulls() - said, 40u) << "no loop of questions";
    EXPECT_EQ(middle.known_.of(w.nodes[0]->own).number, 1u);
    middle.is_full = false;
    middle.machine.room(w.now, middle.out);
    w.collect();
    w.pass(100ms);
    EXPECT_EQ(middle.known_.of(w.nodes[0]->own).number, 6u) << "at once, without waiting for the second's question";
    w.pass(3s);
    EXPECT_TRUE(w.converged());
    EXPECT_EQ(violations(), std::set<std::string>());
}

} // namespace
} // namespace dunlin
