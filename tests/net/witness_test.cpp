// Witnesses: who had an entry of ours on disk, and of other runs of our node no more than we had seen.
#include "toy_replica.hpp"

namespace dunlin {
namespace {

using namespace toys;
using namespace std::chrono_literals;

struct witnesses : testing::Test {
    instant now = 1s;
    writer_id const own{node_named(0), 2, 2}, before{node_named(0), 1, 1}, copy{node_named(0), 3, 3};
    toy t{own, &now};
    std::uint32_t slot = t.table.intern(before);

    void SetUp() override {
        violations().clear();
        for (peer_number n : {1, 2, 3}) {
            t.machine.count(node_named(n), true, t.out);
            t.machine.peer_up(n, node_named(n), true, now, t.out);
        }
        t.write("a move");
    }
    void durable(peer_number from, id_vector v) { t.machine.receive(from, word::durable{std::move(v)}, now, t.out); }
    std::size_t of(std::uint64_t number, std::uint64_t seen) const {
        return t.machine.witnesses(number, {{slot, seen}});
    }
};

TEST_F(witnesses, are_counted_nodes_that_have_the_entry_on_disk) {
    EXPECT_EQ(of(1, 0), 0u);
    durable(1, {{own, 1}});
    EXPECT_EQ(of(1, 0), 1u);
    EXPECT_EQ(of(2, 0), 0u);
    durable(2, {{own, 1}});
    EXPECT_EQ(of(1, 0), 2u);
    t.machine.count(node_named(2), false, t.out);
    EXPECT_EQ(of(1, 0), 1u);
}

TEST_F(witnesses, are_none_who_had_more_of_another_run_than_was_seen) {
    durable(1, {{before, 3}, {own, 1}});
    durable(2, {{before, 2}, {own, 1}});
    EXPECT_EQ(of(1, 3), 2u);
    EXPECT_EQ(of(1, 2), 1u);
    EXPECT_EQ(t.machine.witnesses(1, {}), 0u);
}

TEST_F(witnesses, are_none_who_had_a_run_that_is_not_known_here) {
    durable(1, {{own, 1}, {copy, 1}});
    EXPECT_EQ(of(1, 0), 0u);
    t.table.intern(copy);
    EXPECT_EQ(of(1, 0), 0u);
    EXPECT_EQ(t.machine.witnesses(1, {{t.table.find(copy), 1}}), 1u) << "now it is known, and was seen";
    word::heads all;
    all.complete = true, all.durable = {{own, 1}, {copy, 2}};
    t.machine.receive(1, std::move(all), now, t.out);
    EXPECT_EQ(t.machine.witnesses(1, {{t.table.find(copy), 1}}), 0u);
    EXPECT_EQ(t.machine.witnesses(1, {{t.table.find(copy), 2}}), 1u);
}

// What a witness says of one node is as of one moment: the entry, and all that it had of the node's other runs then.
TEST_F(witnesses, tell_of_all_runs_of_a_node_at_once) {
    toy witness{{node_named(1), 1, 1}, &now}, old{before, &now}, present{own, &now};
    witness.machine.peer_up(2, node_named(2), true, now, witness.out);
    old.write("of the run before"), present.write("of this run");
    witness.machine.peer_up(1, node_named(0), true, now, witness.out);
    witness.machine.receive(2, word::push{old.log.back()}, now, witness.out);
    witness.machine.receive(1, word::push{present.log.back()}, now, witness.out);
    witness.out.clear();
    witness.commit();
    std::vector<id_vector> told;
    for (auto& a : witness.out)
        if (auto s = std::get_if<event::send>(&a); s && s->to == 1)
            if (auto w = std::get_if<word::durable>(&s->said)) told.push_back(w->vector);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0], (id_vector{{before, 1}, {own, 1}}));
}

} // namespace
} // namespace dunlin
