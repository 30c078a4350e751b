// A turn that is larger than an entry: its parts are entries like others, and say together what one would.
#include "backpack.hpp"
#include <gtest/gtest.h>

using namespace rig;

namespace {

/// Two write at once, seal in parts that are full after 1 to 60 bytes, and hear of each other. Empty, or what broke.
std::string histories(unsigned seed) {
    chance c(seed);
    std::vector<dunlin::struct_part const*> types = {&dunlin::struct_of<backpack>()};
    replica a(writer(1), types, draw(c, 3)), b(writer(2), types, draw(c, 3)), shadow(writer(3), types);
    spec::history history;
    spec::moment seen;
    try {
        for (unsigned round = 1; round < 8; ++round) {
            std::vector<entry> said;
            for (auto r : {&a, &b}) {
                r->clock = round;
                notes note{history, seen, round, round};
                for (auto n = draw(c, 30); n; --n) change_backpack(*r, note, c);
                auto before = told(show(r->get<backpack>()));
                auto weight = types[0]->weigh(r->at().value());
                std::size_t bytes = 0;
                for (auto& e : r->seal_in_parts(1 + draw(c, 60))) bytes += e.deltas[0].second.size(), said.push_back(e);
                must(said.size() > 1 || bytes <= weight, "a change is heavier than it was weighed");
                must(told(show(r->get<backpack>())) == before, "sealing has changed what is seen");
            }
            for (auto& e : said)
                for (auto r : {&a, &b, &shadow}) r->absorb(e);
            must(a.save() == b.save(), "two replicas differ");
            must(a.save() == shadow.save(), "who has only the bytes differs");
        }
    } catch (broken const& x) { return "DUNLIN_SEED=" + std::to_string(seed) + " " + x.what(); }
    return {};
}

} // namespace

TEST(parts, of_a_turn_say_together_what_one_entry_would) {
    auto chosen = std::getenv("DUNLIN_SEED");
    for (unsigned seed = chosen ? unsigned(std::atoi(chosen)) : 1, end = chosen ? seed + 1 : 1500; seed < end; ++seed)
        ASSERT_EQ(histories(seed), "");
}
