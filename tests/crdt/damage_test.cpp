// Damage: bytes from an enemy. What check or decode lets through must join, be stored and be read again.
#include "backpack.hpp"
#include <array>
#include <gtest/gtest.h>

namespace {
using namespace rig;

auto const& type() { return dunlin::struct_of<backpack>(); }

/// Deltas and states of a few random histories, with the tables they name.
struct material {
    std::vector<entry> entries;
    std::vector<state> states;
};
material const& corpus() {
    static material const all = [] {
        material m;
        for (unsigned seed = 0; seed < 12; ++seed) {
            chance r(seed);
            replica a(writer(1), {&type()}), b(writer(2), {&type()}, 2), c(writer(3), {&type()});
            spec::history h;
            spec::moment seen;
            notes note{h, seen, 0, 0};
            for (int step = 0; step < 30; ++step) {
                auto& x = *std::array{&a, &b, &c}[draw(r, 3)];
                for (auto n = 1 + draw(r, 5); n; --n) change_backpack(x, note, r);
                if (auto e = x.seal()) m.entries.push_back(*e);
                x.join((draw(r, 2) ? a : b).save());
                if (step % 3 == 0 && !x.save().objects[0].empty()) m.states.push_back(x.save());
            }
        }
        return m;
    }();
    return all;
}

std::string damaged(std::string bytes, chance& r) {
    for (auto n = 1 + draw(r, 8) / 6; n && !bytes.empty(); --n) {
        auto at = draw(r, unsigned(bytes.size()));
        switch (draw(r, 8)) {
        case 0:
            bytes.resize(at);
            break;
        case 1:
            bytes.erase(at, 1 + draw(r, 4));
            break;
        case 2:
            bytes.insert(at, 1, char(r()));
            break;
        case 3:
            bytes.insert(at, bytes.substr(at / 2, draw(r, 20)));
            break;
        case 4:
            bytes[at] = char(bytes[at] + (draw(r, 2) ? 1 : -1));
            break;
        case 5:
            bytes[at] = char(draw(r, 2) ? 0xFF : 0);
            break;
        case 6:
            bytes[at] = char(bytes[at] ^ (1 << draw(r, 8)));
            break;
        default:
            bytes[at] = char(r());
        }
    }
    return bytes;
}

/// The state of a replica that has taken in anything at all can be stored, read and joined, and it can be written to.
void still_works(replica& r) {
    auto s = r.save();
    replica fresh(writer(60), {&type()}, 1);
    fresh.join(s); // throws if decode refuses it, or reads anything else
    must(fresh.save() == s, "a state is not what was stored");
    show(r.get<backpack>());
    boost::json::serialize(r.json());
    r.turn([&] {
        auto& x = r.get<backpack>();
        x.bag["a"] += 1, x.deep["a"]["b"]->insert("x"), x.items["a"]->label = "l", x.best.bound = true;
    });
    r.turn([&] { r.erase(); });
    must(show(r.get<backpack>()).empty(), "an erase of everything left something");
}

TEST(damage, a_delta_that_passes_its_check_joins_and_what_comes_of_it_can_be_stored) {
    chance r(1);
    auto& all = corpus().entries;
    unsigned passed = 0;
    std::unique_ptr<replica> to;
    for (int n = 0; n < 100'000; ++n) {
        if (!to) {
            to = std::make_unique<replica>(writer(9), std::vector{&type()}, draw(r, 3));
            to->join(corpus().states[draw(r, unsigned(corpus().states.size()))]);
        }
        auto& e = all[draw(r, unsigned(all.size()))];
        auto bytes = damaged(e.deltas[0].second, r);
        dunlin::decoder in(bytes);
        auto seen = to->seen(); // as if it were the next of its author
        entry hostile{e.author, seen[e.author] + 1, e.stamp, e.table, {}, {{0, bytes}}};
        dunlin::checking c{in, e.table.size(), hostile.number};
        type().check(c);
        if (!in.finished()) continue;
        ASSERT_EQ(to->absorb(hostile), absorbed::yes);
        ++passed;
        if (passed % 8 == 0) {
            ASSERT_NO_THROW(still_works(*to)) << n;
            to.reset();
        }
    }
    EXPECT_GT(passed, 5000u) << "the damage is too coarse to say anything";
}

TEST(damage, a_state_that_is_accepted_is_the_one_that_would_be_written) {
    chance r(2);
    auto& all = corpus().states;
    unsigned accepted = 0;
    for (int n = 0; n < 60'000; ++n) {
        auto s = all[draw(r, unsigned(all.size()))];
        auto bytes = damaged(s.objects[0], r);
        std::vector<std::uint32_t> slots;
        boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
        for (std::uint32_t k = 0; k < s.table.size(); ++k) slots.push_back(k), indices.emplace(k, k);
        object fresh(type(), nullptr, nullptr);
        dunlin::decoder in(bytes);
        dunlin::loading l{in, slots, 0};
        type().decode(fresh.value(), l);
        if (!in.finished()) continue;
        ++accepted;
        dunlin::encoder again;
        dunlin::saving out{again, indices};
        type().encode(fresh.value(), out);
        ASSERT_EQ(again.view(), bytes) << n;
        if (accepted % 16 == 0) {
            s.objects[0] = bytes;
            replica to(writer(9), {&type()}, draw(r, 3));
            to.join(all[draw(r, unsigned(all.size()))]);
            ASSERT_NO_THROW(to.join(s)) << n;
            ASSERT_NO_THROW(still_works(to)) << n;
        }
    }
    EXPECT_GT(accepted, 1000u) << "the damage is too coarse to say anything";
}

TEST(damage, what_is_cut_short_is_refused_at_each_byte) {
    for (std::size_t n = 0; n < 40; ++n) {
        auto& e = corpus().entries[n];
        auto& delta = e.deltas[0].second;
        for (std::size_t size = 0; size < delta.size(); ++size) {
            dunlin::decoder in(dunlin::bytes_view(delta).substr(0, size));
            dunlin::checking c{in, e.table.size(), e.number};
            type().check(c);
            ASSERT_FALSE(in.finished());
        }
        auto& s = corpus().states[n];
        std::vector<std::uint32_t> slots;
        for (std::uint32_t k = 0; k < s.table.size(); ++k) slots.push_back(k);
        for (std::size_t size = 0; size < s.objects[0].size(); ++size) {
            object fresh(type(), nullptr, nullptr);
            dunlin::decoder in(dunlin::bytes_view(s.objects[0]).substr(0, size));
            dunlin::loading l{in, slots, 0};
            type().decode(fresh.value(), l);
            ASSERT_FALSE(in.finished());
        }
    }
}
} // namespace
