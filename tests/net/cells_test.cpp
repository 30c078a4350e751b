// length: the table, its links and its words in one place
// Cells: the newest wins in whatever order it is heard, and a link has a set of what it is to hear, not a queue.
#include <deque>
#include <dunlin/net/cells.hpp>
#include <gtest/gtest.h>
#include <random>

namespace dunlin {
namespace {

writer_id cell_writer(std::uint8_t n) {
    writer_id w;
    w.node.fill(n), w.run = 1, w.nonce = n;
    return w;
}
node_id cell_node(std::uint8_t n) { return cell_writer(n).node; }

cell said(std::string key, std::uint32_t field, std::uint64_t stamp, std::uint8_t by, std::string value) {
    return {"avatar", std::move(key), field, stamp, cell_writer(by), true, std::move(value)};
}
cell taken_back(std::string key, std::uint32_t field, std::uint64_t stamp, std::uint8_t by) {
    return {"avatar", std::move(key), field, stamp, cell_writer(by), false, {}};
}
bool take(cells& t, cell c, peer_number from = cells::here) {
    std::vector<cells::place> dropped;
    return t.take(std::move(c), from, 1, dropped);
}
std::string shown(cells const& t, std::string_view key, std::uint32_t field = 1) {
    auto v = t.find("avatar", key, field);
    return v && v->held ? v->bytes : "-";
}
/// Everything, as text.
std::string content(cells const& t) {
    std::string all;
    for (std::string key : {"a", "b", "c"})
        t.each("avatar", key, [&](cells::place const& at, cells::value const& v) {
            all += key + std::to_string(at.field) + at.below + "=" + (v.held ? v.bytes : "-") + "@" + std::to_string(v.stamp) + "/" + std::to_string(v.writer.nonce) + " ";
        });
    return all;
}
/// Both know each other as speakers.
void speaks(cells& t, peer_number p, std::vector<node_id> links = {}) {
    word::cells hello;
    hello.tells_links = true, hello.links = std::move(links);
    t.heard_from(p, hello);
}
std::vector<cell> all_due(cells& t, peer_number p) {
    std::vector<cell> all;
    for (auto w = t.next(p); w; w = t.next(p)) all.insert(all.end(), w->list.begin(), w->list.end());
    return all;
}
} // namespace

TEST(cells, the_newest_wins_in_any_order_and_once_is_enough) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 300; ++round) {
        std::vector<cell> all;
        for (int k = 0; k < 12; ++k) {
            auto key = std::string(1, char('a' + random() % 3));
            auto field = std::uint32_t(random() % 3);
            auto stamp = random() % 5;
            auto by = std::uint8_t(1 + random() % 3);
            if (field == 0 || random() % 4 == 0)
                all.push_back(taken_back(key, field, stamp, by));
            else
                all.push_back(said(key, field, stamp, by, std::to_string(random() % 2)));
        }
        std::string one;
        for (int order = 0; order < 6; ++order) {
            std::shuffle(all.begin(), all.end(), random);
            cells t;
            for (auto& c : all) take(t, c);
            auto first = content(t);
            for (auto& c : all) EXPECT_FALSE(take(t, c)) << "known already";
            EXPECT_EQ(content(t), first);
            if (order == 0) one = first;
            ASSERT_EQ(first, one) << "round " << round << ", order " << order;
        }
    }
}

TEST(cells, of_equal_stamps_the_greater_writer_wins) {
    cells t;
    EXPECT_TRUE(take(t, said("a", 1, 5, 2, "two")));
    EXPECT_FALSE(take(t, said("a", 1, 5, 1, "one")));
    EXPECT_TRUE(take(t, said("a", 1, 5, 3, "three")));
    EXPECT_TRUE(take(t, said("a", 1, 6, 1, "later")));
    EXPECT_TRUE(take(t, taken_back("a", 1, 7, 1)));
    EXPECT_FALSE(take(t, said("a", 1, 6, 9, "earlier")));
    EXPECT_EQ(shown(t, "a"), "-");
}

TEST(cells, an_erase_drops_what_is_older_and_keeps_it_away) {
    cells t;
    take(t, said("a", 1, 5, 1, "x")), take(t, said("a", 2, 9, 1, "later")), take(t, said("b", 1, 5, 1, "other"));
    std::vector<cells::place> dropped;
    EXPECT_TRUE(t.erase("avatar", "a", 7, cell_writer(2), 0, dropped));
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(dropped[0].key + std::to_string(dropped[0].field), "a1");
    EXPECT_FALSE(take(t, said("a", 1, 6, 3, "old")));
    EXPECT_FALSE(take(t, said("a", 3, 6, 3, "never heard of")));
    EXPECT_FALSE(t.erase("avatar", "a", 7, cell_writer(2), 0, dropped)) << "known";
    EXPECT_TRUE(take(t, said("a", 1, 7, 2, "by the eraser, in the same turn")));
    EXPECT_EQ(shown(t, "a", 2), "later");
    EXPECT_EQ(shown(t, "b"), "other");
}

TEST(cells, a_newer_value_takes_the_place_of_one_that_waits) {
    cells t;
    t.peer_up(7, cell_node(7));
    speaks(t, 7);
    for (std::uint64_t k = 1; k <= 1000; ++k) {
        take(t, said("a", 1, k, 1, std::to_string(k)));
        EXPECT_EQ(t.due(7), 1u);
    }
    EXPECT_EQ(t.wanting(), std::vector<peer_number>{7});
    EXPECT_TRUE(t.wanting().empty()) << "asked once";
    auto w = t.next(7);
    ASSERT_TRUE(w);
    ASSERT_EQ(w->list.size(), 1u);
    EXPECT_EQ(w->list[0].value, "1000");
    EXPECT_EQ(t.due(7), 0u);
    EXPECT_FALSE(t.next(7));
    EXPECT_TRUE(t.wanting().empty());
}

// Some are written again before each frame; the others have their turn all the same, and so have they.
TEST(cells, all_fields_of_a_link_have_their_turn) {
    cells t({.frame_bytes = 100});
    t.peer_up(7, cell_node(7));
    speaks(t, 7);
    auto write = [&](int k, std::uint64_t stamp) { take(t, said("p" + std::to_string(k), 1, stamp, 1, "v")); };
    for (int k = 0; k < 100; ++k) write(k, 1);
    std::map<std::string, int> heard;
    for (std::uint64_t frame = 0; frame < 200; ++frame) {
        for (int hot : {3, 50, 97}) write(hot, 2 + frame);
        auto w = t.next(7);
        ASSERT_TRUE(w);
        for (auto& c : w->list) ++heard[c.key];
    }
    EXPECT_EQ(heard.size(), 100u);
    for (int hot : {3, 50, 97}) EXPECT_GE(heard["p" + std::to_string(hot)], 5) << hot;
}

TEST(cells, a_frame_has_a_bound) {
    cells t;
    t.peer_up(7, cell_node(7));
    speaks(t, 7);
    for (int k = 0; k < 40; ++k) take(t, said("p" + std::to_string(k), 1, 1, 1, std::string(16u << 10, 'x')));
    for (int k = 0; k < 5000; ++k) take(t, said("q" + std::to_string(k), 1, 1, 1, "x"));
    std::size_t all = 0;
    session s, there;
    for (auto w = t.next(7); w; w = t.next(7)) {
        all += w->list.size();
        ASSERT_LE(w->list.size(), wire_bounds::cells_max);
        encoder frame;
        s.write("main", *w, frame);
        EXPECT_LE(frame.size(), 64u << 10);
        decoder in(frame.view());
        message heard;
        refusal why;
        ASSERT_TRUE(there.read(in, heard, why)) << why.text();
        EXPECT_EQ(std::get<word::cells>(std::get<in_space>(heard).said), *w);
    }
    EXPECT_EQ(all, 5040u);
}

TEST(cells, who_is_linked_later_is_told_all_that_is_known) {
    cells t;
    for (int k = 0; k < 50; ++k) take(t, said("p" + std::to_string(k), 1, 1, 1, "v"));
    t.peer_up(7, cell_node(7));
    speaks(t, 7);
    EXPECT_EQ(all_due(t, 7).size(), 50u);
    t.peer_down(7);
    t.peer_up(8, cell_node(7));
    speaks(t, 8);
    EXPECT_EQ(all_due(t, 8).size(), 50u) << "what was on its way may be lost";
}

// An older build skips the word, and says none.
TEST(cells, who_never_says_the_word_hears_it_once) {
    cells t;
    t.peer_up(7, cell_node(7));
    EXPECT_TRUE(t.wanting().empty()) << "of what nobody uses nothing is said";
    std::size_t words = 0;
    for (std::uint64_t k = 1; k < 100; ++k) {
        take(t, said("a", 1, k, 1, "v"));
        for (auto p : t.wanting()) {
            auto w = t.next(p);
            ASSERT_TRUE(w);
            EXPECT_TRUE(w->list.empty());
            ++words;
        }
        t.tick();
    }
    EXPECT_EQ(words, 1u);
    t.peer_up(8, cell_node(8)), t.peer_up(9, cell_node(9)), t.peer_down(8);
    for (auto p : t.wanting()) {
        EXPECT_NE(p, 7u) << "nor when the links change";
        (void)t.next(p);
    }
    speaks(t, 7);
    EXPECT_TRUE(t.next(7)->tells_links) << "but when it speaks";
}

TEST(cells, what_came_from_a_node_that_another_hears_itself_is_told_it_later_if_it_is_still_the_newest) {
    cells t;
    t.peer_up(7, cell_node(7)), t.peer_up(8, cell_node(8)), t.peer_up(9, cell_node(9));
    speaks(t, 7), speaks(t, 8, {cell_node(7)}), speaks(t, 9);
    for (peer_number p : {7, 8, 9}) all_due(t, p);
    take(t, said("a", 1, 1, 7, "x"), 7);
    EXPECT_EQ(all_due(t, 7).size(), 0u) << "it has told it";
    EXPECT_EQ(all_due(t, 8).size(), 0u);
    EXPECT_EQ(all_due(t, 9).size(), 1u);
    t.tick();
    EXPECT_EQ(all_due(t, 8).size(), 1u) << "it repairs";
    take(t, said("a", 1, 2, 7, "y"), 7);
    EXPECT_FALSE(take(t, said("a", 1, 2, 7, "y"), 8)) << "it has heard it, and says so";
    t.tick();
    EXPECT_EQ(all_due(t, 8).size(), 0u);
}

TEST(cells, who_tells_what_is_old_is_told_what_is_new) {
    cells t;
    t.peer_up(7, cell_node(7));
    speaks(t, 7);
    take(t, said("a", 1, 5, 1, "new"));
    all_due(t, 7);
    EXPECT_FALSE(take(t, said("a", 1, 4, 1, "old"), 7));
    auto again = all_due(t, 7);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].value, "new");
}

TEST(cells, a_full_table_drops_the_oldest) {
    cells t({.count = 10});
    std::vector<cells::place> dropped;
    for (std::uint64_t k = 1; k <= 30; ++k) EXPECT_TRUE(t.take(said("p" + std::to_string(k), 1, k, 1, "v"), cells::here, 1, dropped));
    EXPECT_EQ(t.size(), 10u);
    EXPECT_EQ(dropped.size(), 20u);
    EXPECT_EQ(shown(t, "p30"), "v");
    EXPECT_EQ(shown(t, "p20"), "-");
    EXPECT_FALSE(t.take(said("late", 1, 3, 1, "v"), cells::here, 1, dropped)) << "older than all";
    for (std::uint64_t k = 1; k <= 50; ++k) t.take(taken_back("gone" + std::to_string(k), 0, 1000 + k, 1), cells::here, 1, dropped);
    EXPECT_EQ(shown(t, "p21"), "v") << "an erase costs nobody a value";
    cells busy({.count = 3}); // what is taken back has a minute to be told
    for (std::uint64_t k = 1; k <= 3; ++k) busy.take(said("p" + std::to_string(k), 1, k << 16, 1, "v"), cells::here, std::int64_t(k), dropped);
    busy.take(taken_back("p3", 1, 100'000 << 16, 1), cells::here, 100'000, dropped);
    busy.take(said("p4", 1, 100'000 << 16, 1, "v"), cells::here, 100'000, dropped);
    EXPECT_EQ(shown(busy, "p1"), "-") << "the oldest";
    EXPECT_TRUE(busy.find("avatar", "p3", 1));
    // A clock that is a day ahead has filled it: what is said now is kept all the same, and there it comes to an end.
    std::int64_t now_ms = 1'700'000'000'000, day_ms = 86'400'000;
    auto at = [](std::int64_t ms) { return std::uint64_t(ms) << 16; };
    cells wild({.count = 10});
    for (int k = 0; k < 10; ++k) EXPECT_TRUE(wild.take(said("w" + std::to_string(k), 1, at(now_ms + day_ms), 7, "wild"), 7, now_ms, dropped));
    EXPECT_FALSE(wild.take(said("w10", 1, at(now_ms + day_ms), 7, "wild"), 7, now_ms, dropped));
    EXPECT_TRUE(wild.take(said("w5", 1, at(now_ms + day_ms) + 1, 7, "goes on"), 7, now_ms, dropped));
    for (int k = 0; k < 3; ++k) EXPECT_TRUE(wild.take(said("mine" + std::to_string(k), 1, at(now_ms + 1000), 1, "v"), cells::here, now_ms + 1000, dropped));
    for (int k = 0; k < 3; ++k) EXPECT_EQ(shown(wild, "mine" + std::to_string(k)), "v");
    EXPECT_EQ(wild.size(), 10u);
    cells b({.bytes = 100'000});
    for (std::uint64_t k = 1; k <= 100; ++k) take(b, said("p" + std::to_string(k), 1, k, 1, std::string(10'000, 'v')));
    EXPECT_LE(b.bytes(), 100'000u);
    EXPECT_GE(b.size(), 8u);
    for (std::uint64_t k = 101; k <= 200; ++k) take(b, said("p100", 1, k, 1, std::string(k * 50, 'v')));
    EXPECT_LE(b.bytes(), 100'000u);
}

// ---- several of them, over links that deliver in order and no others

namespace {
struct flood {
    struct wire {
        std::size_t a, b;
        bool open = true;
    };
    std::vector<std::unique_ptr<cells>> all;
    std::vector<wire> wires;
    std::map<std::pair<std::size_t, std::size_t>, std::deque<word::cells>> on_way; // from, to
    std::size_t words = 0, carried = 0;

    explicit flood(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) all.push_back(std::make_unique<cells>());
    }
    static peer_number number(std::size_t i) { return peer_number(i + 1); }
    void link(std::size_t a, std::size_t b) {
        wires.push_back({a, b});
        all[a]->peer_up(number(b), cell_node(std::uint8_t(b + 1)));
        all[b]->peer_up(number(a), cell_node(std::uint8_t(a + 1)));
    }
    void cut(std::size_t w) {
        auto [a, b, open] = wires[w];
        wires.erase(wires.begin() + std::ptrdiff_t(w));
        all[a]->peer_down(number(b)), all[b]->peer_down(number(a));
        on_way.erase({a, b}), on_way.erase({b, a});
    }
    /// Everybody whose link is free says his next word.
    void speak() {
        for (std::size_t i = 0; i < all.size(); ++i)
            for (auto p : all[i]->wanting())
                if (auto w = all[i]->next(p)) ++words, carried += w->list.size(), on_way[{i, p - 1}].push_back(std::move(*w));
    }
    bool hear_one(std::mt19937_64& random) {
        std::vector<std::pair<std::size_t, std::size_t>> some;
        for (auto& [way, queue] : on_way)
            if (!queue.empty()) some.push_back(way);
        if (some.empty()) return false;
        auto way = some[random() % some.size()];
        auto w = std::move(on_way[way].front());
        on_way[way].pop_front();
        auto& t = *all[way.second];
        t.heard_from(number(way.first), w);
        for (auto& c : w.list) take(t, c, number(way.first));
        return true;
    }
    void settle(std::mt19937_64& random) {
        for (int quiet = 0; quiet < 3; ++quiet) {
            for (speak(); hear_one(random); speak()) ASSERT_LT(words, 100'000u) << "it does not come to an end";
            for (auto& t : all) t->tick();
        }
    }
};
} // namespace

TEST(cells, come_to_all_and_to_an_end_over_any_links) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        std::mt19937_64 random(seed);
        flood f(2 + random() % 5);
        auto n = f.all.size();
        for (std::size_t i = 1; i < n; ++i) f.link(random() % i, i); // a tree, and more
        std::uint64_t stamp = 0;
        for (int step = 0; step < 150; ++step) {
            switch (random() % 8) {
            case 0: f.speak(); break;
            case 1: {
                auto a = random() % n, b = random() % n;
                bool linked = a == b;
                for (auto& w : f.wires) linked |= (w.a == a && w.b == b) || (w.a == b && w.b == a);
                if (!linked) f.link(a, b);
                break;
            }
            case 2:
                if (f.wires.size() > n) f.cut(f.wires.size() - 1); // not of the tree
                break;
            case 3: f.all[random() % n]->tick(); break;
            case 4:
            case 5: f.speak(), f.hear_one(random); break;
            default: {
                auto i = random() % n;
                auto key = std::string(1, char('a' + random() % 3));
                auto field = std::uint32_t(random() % 6 ? 1 + random() % 2 : 0);
                ++stamp;
                if (field)
                    take(*f.all[i], said(key, field, stamp, std::uint8_t(i + 1), std::to_string(stamp)));
                else
                    take(*f.all[i], taken_back(key, 0, stamp, std::uint8_t(i + 1)));
            }
            }
        }
        f.settle(random);
        for (auto& t : f.all) ASSERT_EQ(content(*t), content(*f.all[0])) << "seed " << seed;
        auto before = f.words;
        f.settle(random);
        EXPECT_EQ(f.words, before) << "seed " << seed << ": then there is silence";
    }
}

TEST(cells, in_a_full_mesh_are_told_by_the_writer_alone) {
    std::mt19937_64 random(3);
    flood f(5);
    for (std::size_t i = 0; i < 5; ++i)
        for (std::size_t k = 0; k < i; ++k) f.link(i, k);
    take(*f.all[0], said("a", 1, 1, 1, "x"));
    f.settle(random);
    auto before = f.carried;
    for (std::uint64_t k = 2; k <= 61; ++k) {
        take(*f.all[0], said("a", 1, k, 1, "x"));
        for (f.speak(); f.hear_one(random); f.speak()) {}
    }
    EXPECT_EQ(f.carried - before, 4u * 60);
    f.settle(random);
    EXPECT_LE(f.carried - before, 4u * 60 + 12) << "and once more for whom it may have missed";
}

// ---- bytes

namespace {
refusal::fault read_fault(std::string const& payload) {
    session s;
    encoder frame, name;
    name.u8(1), name.u(0), name.bytes("main");
    frame.bytes(name.view());
    encoder who;
    who.u8(2), who.u(0), write_writer(who, cell_writer(1));
    frame.bytes(who.view());
    encoder word;
    word.u8(0x9B), word.u(0), word.raw(payload);
    frame.bytes(word.view());
    decoder in(frame.view());
    message m;
    refusal why;
    return s.read(in, m, why) ? refusal::fault::none : why.what;
}
std::string one_cell(std::uint64_t type, std::string const& key, std::uint32_t field, std::uint64_t writer, std::uint8_t flags, std::string const& value, std::string const& below = {}) {
    encoder e;
    e.u(type);
    if (!type) e.bytes("avatar");
    e.bytes(key), e.u32(field), e.u(writer), e.u(5), e.u8(flags);
    if (flags & 2) e.bytes(below);
    if (flags & 1) e.bytes(value);
    return e.take();
}
std::string list(std::uint64_t n, std::string const& bytes) {
    encoder e;
    e.u8(0), e.u(n), e.raw(bytes);
    return e.take();
}
} // namespace

TEST(cells, of_an_enemy_are_refused) {
    using fault = refusal::fault;
    auto good = one_cell(0, "k", 1, 0, 1, "v");
    EXPECT_EQ(read_fault(list(1, good)), fault::none);
    EXPECT_EQ(read_fault(list(2, good + one_cell(1, "k", 2, 0, 0, ""))), fault::none);
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 0, 0, 0, ""))), fault::none) << "an erase";
    EXPECT_EQ(read_fault(list(1, good + "x")), fault::malformed);
    EXPECT_EQ(read_fault(list(2, good)), fault::malformed);
    EXPECT_EQ(read_fault(list(1, one_cell(1, "k", 1, 0, 1, "v"))), fault::malformed) << "a type that was not named";
    EXPECT_EQ(read_fault(list(1, one_cell(0, "", 1, 0, 1, "v"))), fault::malformed);
    EXPECT_EQ(read_fault(list(1, one_cell(0, std::string(513, 'k'), 1, 0, 1, "v"))), fault::malformed);
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 0, 0, 1, "v"))), fault::malformed) << "an erase that holds something";
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 1, 0, 4, "v"))), fault::malformed);
    EXPECT_EQ(read_fault(list(2, one_cell(0, "k", 1, 0, 3, "v", "b") + one_cell(1, "k", 1, 0, 2, "", "b"))), fault::none) << "below a map";
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 1, 0, 3, "v"))), fault::malformed) << "below nothing";
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 0, 0, 2, "", "b"))), fault::malformed) << "an erase of a part";
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 1, 0, 3, "v", std::string((17u << 10) + 1, 'b')))), fault::malformed);
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 1, 0, 1, std::string((16u << 10) + 1, 'v')))), fault::malformed);
    EXPECT_EQ(read_fault(list(1, one_cell(0, "k", 1, 1, 1, "v"))), fault::unknown_number);
    EXPECT_EQ(read_fault(list(~std::uint64_t(0), good)), fault::malformed);
    std::string many;
    for (int k = 0; k < 1025; ++k) many += good;
    EXPECT_EQ(read_fault(list(1025, many)), fault::malformed);
    encoder links;
    links.u8(1), links.u(2), links.raw(std::string(16, 'b') + std::string(16, 'a')), links.u(0);
    EXPECT_EQ(read_fault(links.take()), fault::malformed) << "not in order";
    links = encoder();
    links.u8(1), links.u(2), links.raw(std::string(16, 'b')), links.u(0);
    EXPECT_EQ(read_fault(links.take()), fault::malformed);
    links = encoder();
    links.u8(1), links.u(~std::uint64_t(0));
    EXPECT_EQ(read_fault(links.take()), fault::malformed);
}

} // namespace dunlin
