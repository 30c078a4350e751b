// Golden bytes of the kinds that objects.txt has not: entries, deltas, states, rows; and what is to be seen in them.
#include "golden_kinds.hpp"
#include "golden_space.hpp"

using namespace golden;

namespace {

using namespace golden::kinds;
constexpr std::int64_t start_ms = 1'700'000'000'000, minute_ms = 60'000;

template <class Set> std::set<std::string> names_in(Set const& s) {
    std::set<std::string> all;
    for (auto x : s) all.emplace(x);
    return all;
}
template <class Points> std::set<int> columns(Points const& points) {
    std::set<int> all;
    for (auto p : points) all.insert(p.x);
    return all;
}
template <class T> std::set<std::string> keys(map<std::string, T> const& m) {
    std::set<std::string> all;
    for (auto [k, v] : m) all.emplace(k);
    return all;
}
using strings = std::set<std::string>;
using ends = std::pair<std::int64_t, std::int64_t>;

/// After a1, a2 and b1: writer 1 has said 1 and, at the same time as writer 2 said 2, 3.
template <class From> void see_both(From& s) {
    auto& money = s.template get<purse>().money;
    EXPECT_EQ(money.value(), 540);
    EXPECT_EQ(money.deposited(), 600);
    EXPECT_EQ(money.spent(), 60);
    auto& w = s.template get<switches>();
    EXPECT_TRUE(w.on && w.off && w.gone);
    auto& x = s.template get<extremes>();
    EXPECT_EQ(x.highest.value(), 3);
    EXPECT_EQ(x.last.value(), "3");
    EXPECT_EQ(x.lowest.value(), 97u);
    EXPECT_EQ(x.coldest.value(), -0.75);
    auto& v = s.template get<beside>();
    EXPECT_EQ(v.name.values(), (std::vector<std::string>{text(2), text(3)}));
    EXPECT_EQ(columns(v.at.values()), (std::set<int>{2, 3}));
    EXPECT_EQ(v.reach->ends(), ends(1, 3));
    EXPECT_EQ(v.extent.value(), (kinds::extent{30, 99}));
    auto& g = s.template get<guarded>();
    EXPECT_EQ(names_in(g.names), (strings{text(2), "kept", "odd"}));
    EXPECT_EQ(g.numbers.size(), 4u);
    auto& grown_to = s.template get<grown>();
    EXPECT_EQ(names_in(grown_to.names), (strings{text(2), "odd"}));
    EXPECT_EQ(columns(grown_to.points), (std::set<int>{1, 2, 3}));
    auto& e = s.template get<visit>();
    EXPECT_EQ(e.requests.value(), 6);
    EXPECT_EQ(e.user.value(), "odd");
    EXPECT_EQ(e.expires.deadline_ms(), start_ms + 90 * minute_ms) << "the later one";
    auto& l = s.template get<lobby>();
    EXPECT_EQ(keys(l.online), (strings{"ada", "guest 1", "guest 2", "guest 3"}));
    EXPECT_EQ(l.online.find("ada")->deadline_ms(), start_ms + 3 * minute_ms);
    EXPECT_EQ(l.stays.find("s")->requests.value(), 6);
    auto& r = s.template get<room>();
    EXPECT_EQ(keys(r.who), (strings{"ada", "guest 1", "guest 2", "guest 3"}));
    EXPECT_EQ(r.who.find("ada")->value(), "odd");
    EXPECT_EQ(r.seats.find("ada")->value().x, 3);
    auto& q = s.template get<asked>().requests;
    EXPECT_TRUE(q.contains("request 1") && q.contains("request 2") && q.contains("request 3"));
    EXPECT_EQ(q.size(), 4u);
    auto& c = s.template get<choices>();
    EXPECT_EQ(c.maybe.value(), std::optional<std::int64_t>(3));
    EXPECT_EQ(c.any.value(), number_or_text(kinds::point{3, 3}));
    EXPECT_EQ(c.how.value(), mood::cross);
    EXPECT_EQ(c.own->ends(), ends(3, 3));
    EXPECT_TRUE(c.some.contains(std::nullopt) && c.some.contains(1) && c.some.contains(2));
    EXPECT_EQ(c.some.size(), 4u);
    auto& m = s.template get<below>();
    EXPECT_EQ(names_in(*m.banned.find("x")), (strings{text(2), "odd"}));
    EXPECT_EQ(keys(m.doors), strings{"x"});
    EXPECT_EQ(m.best.find("x")->value(), 3);
    EXPECT_EQ(m.least.find("x")->value(), "6");
    EXPECT_TRUE(m.said.find("x")->conflict());
    EXPECT_EQ(m.seen.size(), 3u);
    EXPECT_EQ((*m.reaches.find("x"))->ends(), ends(1, 3));
}

/// After all: what was taken away is gone, but for what writer 2 said at the same time.
template <class From> void see_end(From& s, std::uint32_t second) {
    auto& money = s.template get<purse>().money;
    EXPECT_EQ(money.value(), 984);
    EXPECT_EQ(money.deposited(), 1100);
    EXPECT_EQ(money.spent(), 116);
    std::multiset<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>> shares;
    for (auto& x : money.shares()) shares.emplace(x.spent, x.pocketed, x.wanted, x.given_to(second));
    EXPECT_EQ(shares, (decltype(shares){{46, 380, 7, 20}, {70, 700, 0, 0}}));
    auto& w = s.template get<switches>();
    EXPECT_TRUE(w.on && w.gone);
    EXPECT_FALSE(w.off) << "a disable wins";
    auto& x = s.template get<extremes>();
    EXPECT_EQ(x.highest.value(), 7);
    EXPECT_EQ(x.last.value(), "last");
    EXPECT_EQ(x.lowest.value(), 95u);
    EXPECT_EQ(x.coldest.value(), -1.25);
    auto& v = s.template get<beside>();
    EXPECT_EQ(v.name.values(), std::vector<std::string>{"one again"});
    EXPECT_EQ(columns(v.at.values()), (std::set<int>{5, 9}));
    EXPECT_EQ(v.reach->ends(), ends(1, 5)) << "a join says again all that it has seen";
    EXPECT_EQ(v.extent.value(), (kinds::extent{1000, 99}));
    auto& g = s.template get<guarded>();
    EXPECT_EQ(names_in(g.names), (strings{text(2), "later", "never 2", "odd"})) << "an erase wins";
    EXPECT_TRUE(g.numbers.contains(5) && g.numbers.contains(1000));
    EXPECT_EQ(g.numbers.size(), 2u);
    auto& grown_to = s.template get<grown>();
    EXPECT_EQ(names_in(grown_to.names), strings()) << "to insert what is in says nothing";
    EXPECT_EQ(columns(grown_to.points), std::set<int>{5});
    auto& e = s.template get<visit>();
    EXPECT_EQ(e.requests.value(), 12);
    EXPECT_EQ(e.expires.deadline_ms(), start_ms + 150 * minute_ms);
    auto& l = s.template get<lobby>();
    EXPECT_EQ(l.online.find("ada")->deadline_ms(), start_ms + 5 * minute_ms);
    EXPECT_TRUE(l.online.contains("bob"));
    EXPECT_FALSE(l.online.find("bob")->is_set()) << "never";
    EXPECT_EQ(l.stays.find("s")->requests.value(), 11);
    EXPECT_EQ(l.stays.find("s")->expires.deadline_ms(), start_ms + 150 * minute_ms);
    auto& r = s.template get<room>();
    EXPECT_EQ(r.who.find("ada")->value(), "odd");
    EXPECT_EQ(r.seats.find("ada")->value().x, 5);
    auto& q = s.template get<asked>().requests;
    EXPECT_TRUE(q.contains("request 9") && q.contains("request 7"));
    EXPECT_EQ(q.size(), 2u) << "a slice is over";
    auto& c = s.template get<choices>();
    EXPECT_EQ(c.maybe.value(), std::optional<std::int64_t>(5));
    EXPECT_EQ(c.own->ends(), ends(5, 5));
    EXPECT_EQ(c.how.value(), mood::cross);
    EXPECT_TRUE(c.some.contains(std::nullopt));
    EXPECT_FALSE(c.some.contains(1));
    EXPECT_EQ(c.some.size(), 4u);
    auto& m = s.template get<below>();
    EXPECT_EQ(names_in(*m.banned.find("x")), strings{"odd"});
    EXPECT_EQ(keys(m.doors), strings{"x"});
    EXPECT_EQ(m.best.find("x")->value(), 5);
    EXPECT_EQ(m.least.find("x")->value(), "4");
    EXPECT_EQ(m.said.find("x")->values(), std::vector<std::string>{"odd"});
    EXPECT_FALSE(m.seen.contains(1));
    EXPECT_EQ(m.seen.size(), 3u);
    EXPECT_EQ((*m.reaches.find("x"))->ends(), ends(1, 5));
}

std::vector<std::string> type_names() {
    std::vector<std::string> all;
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, all_types>>(
        [&]<class T>(std::type_identity<T>) { all.push_back(std::string(public_name<T>()).substr(7)); });
    return all;
}

} // namespace

TEST(golden, has_deltas_states_and_rows_of_the_other_kinds) {
    golden::file file("kinds.txt");
    kinds::space a(1), b(2), fresh(3);
    lone::space stranger(4); // its program has none of the types
    fresh.know_types();
    golden::record all(file, type_names(), a, b, fresh, stranger);
    all.said(kinds::history(a, b));
    auto both = all.came_of_it("both", "after a1, a2 and b1");
    see_both(fresh), see_both(both);

    all.said(kinds::take_away_history(a, b));
    auto end = all.came_of_it("end", "after all");
    auto rows = all.rows("end");
    see_end(fresh, fresh.slot(2)), see_end(end, fresh.slot(2)), see_end(rows, fresh.slot(2));
    all.own("runs", "dunlin.runs", "runs", "the leases of presences");

    fresh.clock.wall += std::chrono::hours(3);
    EXPECT_FALSE(fresh.find("golden.visit")->shows());
    EXPECT_EQ(keys(fresh.get<lobby>().online), strings{"bob"});
    EXPECT_EQ(keys(fresh.get<room>().who), strings()) << "leases are over";
    for (auto& told : {fresh.alarms, stranger.alarms}) // of writer 1, thirty hours later
        EXPECT_EQ(told, std::vector<std::string>{"a peer's clock is more than a minute ahead"});
}

// Asked of the reader of kinds itself: a letter that it takes stands in objects.txt or kinds.txt.
TEST(golden, has_every_kind_and_every_kind_of_value) {
    std::set<char> fields, values, known_fields, known_values;
    auto sampled = [&]<class T>(std::type_identity<T>) {
        for (auto& text : schema_lines(struct_of<T>())) {
            schema_line line;
            ASSERT_TRUE(read_line(text, line));
            for (auto kind = line.kind; !kind.empty() && kind[0] != '{';) { // what is in braces has lines of its own
                fields.insert(kind[0]);
                if (kind.size() > 1) values.insert(kind[1]);
                kind.remove_prefix(kind[0] == 'M' ? 2 : kind.size());
            }
        }
    };
    using of_space = boost::mp11::mp_list<sums, flags, registers, sets, maps, whole>;
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, boost::mp11::mp_append<of_space, all_types>>>(sampled);
    shapes reader;
    for (int c = 33; c < 127; ++c) {
        std::string one(1, char(c));
        if (c != '{' && c != 'T' && (reader.kind(one) || reader.kind(one + "i") || reader.kind(one + "iC"))) known_fields.insert(one[0]);
        if (reader.kind("R" + one)) known_values.insert(one[0]);
    }
    EXPECT_EQ(fields, known_fields) << "a new kind needs a sample here; T, which is in no delta, is in messages.txt";
    EXPECT_EQ(values, known_values) << "a new kind of value needs a sample here";
}
