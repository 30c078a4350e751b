// Maelstrom's workloads in short, and the checks of their histories: each must be seen to fail. `./run histories` runs
// them at length.
#include "../histories/workload.hpp"
#include <gtest/gtest.h>
#include <iostream>

using namespace histories;

namespace {

/// Events a millisecond apart; an add of a value, a read of a set or of a sum, by a client.
struct told {
    history h;
    event& put(type what, std::string f, std::size_t client) {
        event e;
        e.what = what, e.f = std::move(f), e.client = client, e.at = std::chrono::milliseconds(h.size());
        h.push_back(e);
        return h.back();
    }
    told& add(std::int64_t value, std::size_t client = 0) {
        put(type::invoke, "add", client).value = value;
        put(type::ok, "add", client).value = value;
        return *this;
    }
    told& read(std::vector<std::int64_t> values, std::size_t client = 0) {
        put(type::invoke, "read", client);
        put(type::ok, "read", client).values = std::move(values);
        return *this;
    }
    told& sum(std::int64_t value, bool final = false, std::size_t client = 0) {
        put(type::invoke, "read", client);
        auto& e = put(type::ok, "read", client);
        e.value = value, e.final = final;
        return *this;
    }
    told& unanswered_add(std::int64_t value, std::size_t client) {
        put(type::invoke, "add", client).value = value;
        return *this;
    }
};

void passes(std::string const& workload, std::size_t nodes, std::string const& topology = "total") {
    settings s;
    s.workload = workload, s.nodes = nodes, s.topology = topology;
    s.length = nodes > 10 ? 15s : 40s, s.rate = nodes > 10 ? 2 : 5;
    run r(s);
    auto& h = r.go();
    EXPECT_GT(h.size(), nodes * 20);
    EXPECT_GT(r.partitions(), 0u);
    for (auto& [name, v] : r.verdicts()) {
        EXPECT_TRUE(v.valid) << name << ": " << v.text;
        std::cout << workload << ", " << name << ": " << v.text << "\n";
    }
}
} // namespace

TEST(checked_set, that_keeps_everything_is_valid) {
    auto v = check_set(told().add(1).read({1}).add(2).read({1, 2}).h);
    EXPECT_TRUE(v.valid) << v.text;
    EXPECT_NE(v.text.find("2 stable, 0 lost"), std::string::npos) << v.text;
}
TEST(checked_set, that_shows_an_element_late_is_valid_and_its_staleness_told) {
    auto v = check_set(told().add(1).read({}, 1).read({}, 1).read({1}, 1).h);
    EXPECT_TRUE(v.valid) << v.text;
    EXPECT_NE(v.text.find("staleness 0/50/95/99/100 %: 3/3/3/3/3 ms"), std::string::npos) << v.text; // answered at 1, still absent from the read begun at 4
}
TEST(checked_set, that_lost_an_element_is_found) {
    EXPECT_FALSE(check_set(told().add(1).add(2).read({1, 2}).read({2}).h).valid) << "it was there and went";
    EXPECT_FALSE(check_set(told().add(1).add(2).read({2}).h).valid) << "it was confirmed and never there";
}
TEST(checked_set, that_was_read_by_another_before_its_add_was_answered_counts_from_then) {
    told t;
    t.put(type::invoke, "add", 0).value = 1;
    t.read({1}, 1);
    t.read({}, 2); // begun after somebody had seen it
    EXPECT_FALSE(check_set(t.h).valid);
}
TEST(checked_set, that_has_an_element_twice_or_from_nowhere_is_found) {
    EXPECT_FALSE(check_set(told().add(1).read({1, 1}).h).valid);
    EXPECT_FALSE(check_set(told().add(1).read({1, 7}).h).valid);
}
TEST(checked_set, in_which_nothing_was_seen_is_not_valid) { EXPECT_FALSE(check_set(told().add(1).h).valid); }
TEST(checked_set, may_lack_what_a_read_begun_before_it_could_not_see) {
    told t;
    t.put(type::invoke, "read", 1);
    t.add(1);
    t.put(type::ok, "read", 1).values = {};
    t.read({1});
    EXPECT_TRUE(check_set(t.h).valid) << check_set(t.h).text;
}

TEST(checked_counter, with_the_sum_of_all_adds_is_valid) {
    EXPECT_TRUE(check_counter(told().add(3).add(4).sum(3).sum(7, true).h, true).valid);
}
TEST(checked_counter, with_a_wrong_final_read_is_found) {
    EXPECT_FALSE(check_counter(told().add(3).add(4).sum(6, true).h, true).valid);
    EXPECT_FALSE(check_counter(told().add(3).add(4).sum(7, true).sum(3, true, 1).h, true).valid) << "by one client";
    EXPECT_FALSE(check_counter(told().add(3).sum(3).h, true).valid) << "none was final";
}
TEST(checked_counter, may_or_may_not_have_what_was_not_answered) {
    for (auto sum : {3, 5, -1, 1}) {
        told t;
        t.add(3).unanswered_add(2, 1).unanswered_add(-4, 2).sum(sum, true);
        EXPECT_TRUE(check_counter(t.h, false).valid) << sum;
    }
    EXPECT_FALSE(check_counter(told().add(3).unanswered_add(2, 1).sum(4, true).h, false).valid);
}
TEST(checked_counter, that_only_goes_up_is_found_to_go_back) {
    EXPECT_FALSE(check_counter(told().add(3).add(4).sum(7).sum(3).sum(7, true).h, true).valid);
    EXPECT_TRUE(check_counter(told().add(3).add(4).sum(7).sum(3, false, 1).sum(7, true).h, true).valid) << "another client";
}
TEST(checked_counter, that_shows_more_than_was_asked_for_is_found) {
    EXPECT_FALSE(check_counter(told().sum(1).add(1).sum(1, true).h, true).valid);
}

TEST(checked_availability, of_a_request_without_an_answer_is_found) {
    EXPECT_TRUE(check_availability(told().add(1).read({1}).h).valid);
    EXPECT_FALSE(check_availability(told().add(1).unanswered_add(2, 0).h).valid);
    told failed;
    failed.put(type::invoke, "add", 0).value = 1;
    failed.put(type::fail, "add", 0).value = 1;
    EXPECT_FALSE(check_availability(failed.h).valid);
    EXPECT_FALSE(check_availability({}).valid);
}

TEST(heavy_histories, of_broadcast_on_5_nodes_are_valid) { passes("broadcast", 5); }
TEST(heavy_histories, of_broadcast_on_a_line_of_5_nodes_are_valid) { passes("broadcast", 5, "line"); }
TEST(heavy_histories, of_a_g_set_on_5_nodes_are_valid) { passes("g-set", 5); }
TEST(heavy_histories, of_a_g_counter_on_5_nodes_are_valid) { passes("g-counter", 5); }
TEST(heavy_histories, of_a_pn_counter_on_5_nodes_are_valid) { passes("pn-counter", 5); }
TEST(heavy_histories, of_broadcast_on_25_nodes_are_valid) { passes("broadcast", 25); }
