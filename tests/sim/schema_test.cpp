// Two builds of one service in one cluster: fields that came, went, were renamed, or mean something else.
#include "cluster_fixture.hpp"
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <dunlin/lib/node_body.hpp>

namespace {
namespace old_build {
struct slot {
    dunlin::counter uses;
    dunlin::latest<std::string> label;
};
DUNLIN_OBJECT_AS("schema.slot", slot, uses, label)
struct basket {
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::counter score;
    dunlin::set<std::string> tags;
    dunlin::map<std::string, slot> slots;
};
DUNLIN_OBJECT_AS("schema.basket", basket, bag, score, tags, slots)
struct ticket {
    dunlin::counter uses;
    dunlin::expiry ends;
};
DUNLIN_OBJECT_AS("schema.ticket", ticket, uses, ends)
} // namespace old_build

namespace new_build {
struct slot { // label went, weight came
    dunlin::counter uses;
    dunlin::latest<std::int64_t> weight;
};
DUNLIN_OBJECT_AS("schema.slot", slot, uses, weight)
struct basket {                                          // tags went, note came, score is called points,
    dunlin::map<std::string, dunlin::latest<long>> bag; // and bag means something else
    dunlin::counter points;
    dunlin::latest<std::string> note;
    dunlin::map<std::string, slot> slots;
};
struct ticket { // note came
    dunlin::counter uses;
    dunlin::latest<std::string> note;
    dunlin::expiry ends;
};
DUNLIN_OBJECT_AS("schema.ticket", ticket, uses, note, ends)
} // namespace new_build
} // namespace

template <> inline constexpr auto dunlin::fields_of<new_build::basket> =
    dunlin::fields("schema.basket", dunlin::named("bag", &new_build::basket::bag), dunlin::named("score", &new_build::basket::points),
                   dunlin::named("note", &new_build::basket::note), dunlin::named("slots", &new_build::basket::slots));

using namespace clusters;

namespace {
template <class T, class F> void edit(cluster& c, std::size_t i, F f) {
    c.run(i, [f](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<T> b = co_await n.open<T>("b");
        f(*b);
        co_await n.seal().saved();
    });
}
template <class T> std::string text(cluster& c, std::size_t i) {
    return c.run(i, [](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<T> b = co_await n.open<T>("b");
        co_return b.json();
    });
}
void edit_old(cluster& c, std::size_t i, int n) {
    edit<old_build::basket>(c, i, [n](old_build::basket& b) {
        b.bag["pen"] += n, b.score += n, b.tags.insert("t" + std::to_string(n));
        b.slots["s"]->uses += n, b.slots["s"]->label = "l" + std::to_string(n);
    });
}
void edit_new(cluster& c, std::size_t i, int n) {
    edit<new_build::basket>(c, i, [n](new_build::basket& b) {
        b.bag["pen"] = n, b.points += n, b.note = "n" + std::to_string(n);
        b.slots["s"]->uses += n, b.slots["s"]->weight = n;
    });
}
/// What a node said of kinds, since it began.
std::vector<std::string> told(cluster& c, std::size_t i) {
    std::vector<std::string> all;
    for (auto& a : c.alarms(i))
        if (a.find("another kind") != a.npos) all.push_back(a);
    return all;
}
/// What the space's schema says at a node, as tools are told it.
boost::json::object schema(cluster& c, std::size_t i) {
    std::string answer;
    c.node(i).body()->schema([&](std::string text) { answer = std::move(text); });
    c.advance(1s);
    return boost::json::parse(answer).as_object();
}
std::string id(cluster& c, std::size_t i) { return dunlin::to_hex(dunlin::view_of(c.node(i).id())); }
constexpr char all_of_it[] = R"({"bag":{"pen":3},"score":7,"tags":["t3"],"slots":{"s":{"uses":7,"label":"l3","weight":4}},"bag:MsRi":{"pen":4},"note":"n4"})";

/// Objects compare whatever the order of their members.
void expect_all_of_it(cluster& c, std::size_t i, bool knows_old) {
    auto seen = boost::json::parse(knows_old ? text<old_build::basket>(c, i) : text<new_build::basket>(c, i)).as_object();
    auto want = boost::json::parse(all_of_it).as_object();
    if (!knows_old) { // to who has it, its own kind is the field, and the other is shown with its kind
        want["bag:MsC"] = want["bag"], want["bag"] = want["bag:MsRi"];
        want.erase("bag:MsRi");
    }
    EXPECT_EQ(seen, want) << boost::json::serialize(seen);
}
} // namespace

TEST(kinds, of_one_name_are_kept_apart_and_told_with_both_nodes) {
    cluster c(3, seed(701));
    edit_old(c, 0, 3);
    ASSERT_SETTLES(c);
    edit_new(c, 1, 4);
    ASSERT_SETTLES(c);
    expect_all_of_it(c, 0, true), expect_all_of_it(c, 1, false);
    for (std::size_t i : {0, 1, 2}) {
        ASSERT_EQ(told(c, i).size(), 1u) << "node " << i;
        auto said = told(c, i)[0];
        for (auto& part : {std::string("bag"), std::string("schema.basket"), std::string("MsC"), std::string("MsRi"), id(c, 0), id(c, 1)})
            EXPECT_NE(said.find(part), said.npos) << part << " is not in: " << said;
    }
    edit_old(c, 0, 0), edit_new(c, 1, 0);
    ASSERT_SETTLES(c);
    for (std::size_t i : {0, 1, 2}) EXPECT_EQ(told(c, i).size(), 1u) << "once is enough";
}

// What a program does not have is no part of its copies, and takes nothing else away from them.
TEST(schema, of_another_build_leaves_snapshots_whole) {
    cluster c(2, seed(81));
    edit<old_build::basket>(c, 0, [](old_build::basket& b) {
        for (auto name : {"a", "b", "c"}) b.slots[name]->uses += 2, b.slots[name]->label = name;
        b.slots["only a label"]->label = "x", b.tags.insert("t"), b.score += 5;
    });
    ASSERT_SETTLES(c);
    auto copied = c.run(1, [](dunlin::node& n) -> awaitable<std::string> {
        dunlin::ref<new_build::basket> b = co_await n.open<new_build::basket>("b");
        auto copy = b.snapshot();
        std::string text = std::to_string(long(copy.points));
        for (auto [name, slot] : copy.slots.ordered()) text += " " + std::string(name) + std::to_string(long(slot.uses));
        co_return text;
    });
    EXPECT_EQ(copied, "5 a2 b2 c2");
}

TEST(kinds, of_a_space_are_told_to_tools) {
    cluster c(2, seed(702));
    edit_old(c, 0, 3), edit_new(c, 1, 4);
    ASSERT_SETTLES(c);
    auto all = schema(c, 1);
    auto& basket = all.at("main").at("schema.basket").as_object();
    EXPECT_EQ(basket.at("bag").as_object().size(), 2u);
    EXPECT_EQ(basket.at("bag").at("MsC").as_string(), id(c, 0));
    EXPECT_EQ(basket.at("bag").at("MsRi").as_string(), id(c, 1));
    EXPECT_EQ(basket.at("note").at("Rs").as_string(), id(c, 1));
    EXPECT_TRUE(basket.contains("score"));
    EXPECT_FALSE(basket.contains("points")) << "the wire's name stays";
    EXPECT_EQ(all.at("main").at("schema.slot").as_object().size(), 3u);
    EXPECT_TRUE(all.contains("dunlin"));
}

// Both orders of upgrade; who is away meanwhile comes back to a log that was cut, and gets a state.
TEST(kinds, survive_an_upgrade_in_either_order_with_a_cut_log) {
    for (bool old_first : {true, false})
        for (bool cut : {false, true}) {
            SCOPED_TRACE((old_first ? "old first" : "new first") + std::string(cut ? ", cut" : ""));
            cluster c(2, seed(703), [](std::size_t, dunlin::options& o) { o.log_budget(64 << 10); });
            auto first = [&](std::size_t i) { old_first ? edit_old(c, i, 3) : edit_new(c, i, 4); };
            auto second = [&](std::size_t i) { old_first ? edit_new(c, i, 4) : edit_old(c, i, 3); };
            first(0);
            ASSERT_SETTLES(c);
            if (cut) {
                c.crash(1);
                c.stop(0);
                c.restart(0); // upgraded
                second(0);
                fill_log(c, 0);
                c.advance(10s);
                ASSERT_GT(cut_entries(c, 0), 100u);
                c.restart(1);
            } else {
                c.stop(1);
                c.restart(1);
                second(1);
            }
            ASSERT_SETTLES(c);
            auto runs_old = [&](std::size_t i) { return (i == (cut ? 1u : 0u)) == old_first; };
            for (std::size_t i : {0, 1}) expect_all_of_it(c, i, runs_old(i));
            c.stop(0), c.stop(1);
            c.restart(1), c.restart(0);
            ASSERT_SETTLES(c);
            for (std::size_t i : {0, 1}) expect_all_of_it(c, i, !runs_old(i));
        }
}

// What is over is empty to who uses it, which is a change only if something is written.
TEST(kinds, are_not_said_by_an_atomic_that_only_looks) {
    cluster c(2, seed(704));
    c.run(0, [](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<old_build::ticket> t = co_await n.open<old_build::ticket>("t");
        t->uses += 3, t->ends(10s);
        co_await n.seal().saved();
    });
    ASSERT_SETTLES(c);
    c.advance(11s);
    auto made = entries(c, 1);
    auto use = [&](bool writes) {
        c.run(1, [writes](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<new_build::ticket> t = co_await n.open<new_build::ticket>("t");
            n.atomic([&] {
                EXPECT_EQ(long(t->uses), 0);
                if (writes) t->uses += 1;
            });
        });
        c.advance(1s);
    };
    auto notes = [&] { return schema(c, 1).at("main").at("schema.ticket").as_object().contains("note"); };
    use(false);
    EXPECT_EQ(entries(c, 1), made);
    EXPECT_FALSE(notes());
    use(true);
    EXPECT_EQ(entries(c, 1), made + 1);
    EXPECT_TRUE(notes());
}
