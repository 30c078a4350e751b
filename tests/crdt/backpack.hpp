// Backpack: a struct of everything nested, one random operation on it, and what is shown of it by place.
#pragma once
#include "play.hpp"

namespace rig {

struct item {
    dunlin::latest<std::string> label;
    dunlin::counter uses;
    dunlin::set<std::string> tags;
    dunlin::flag bound;
};
DUNLIN_OBJECT(item, label, uses, tags, bound)

struct backpack {
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::map<std::string, dunlin::map<std::string, dunlin::set<std::string>>> deep;
    dunlin::map<std::string, item> items;
    dunlin::map<std::int64_t, dunlin::latest<std::string>> slots;
    item best; // a struct in a struct: its members are the outer one's
};
DUNLIN_OBJECT(backpack, bag, deep, items, slots, best)

inline std::string any_key(chance& c) { return pick(c, "a", "b", "a key that is too long to stand inline"); }

/// One operation on the fields of an item at a place: through a method of a struct, as users write it.
inline void change_item(item& x, spec::path at, notes& note, chance& c) {
    auto field = [&](char const* name) {
        auto p = at;
        p.emplace_back(name);
        return p;
    };
    auto in = [&](char const* name, std::string element) {
        auto p = field(name);
        p.push_back(std::move(element));
        return p;
    };
    using spec::operation;
    auto value = pick(c, "x", "y", "z");
    auto by = std::int64_t(draw(c, 7)) - 3;
    switch (draw(c, 10)) {
    case 0:
        return x.label.reset(), note({operation::erase, field("label")});
    case 1:
    case 2:
        return x.label = value, note({operation::write, field("label"), 0, value});
    case 3:
        return x.uses.reset(), note({operation::erase, field("uses")});
    case 4:
    case 5:
        return x.uses += by, note({operation::add, field("uses"), by});
    case 6:
        return x.tags.erase(value), note({operation::erase, in("tags", value)});
    case 7:
        return x.tags.insert(value), note({operation::insert, in("tags", value)});
    case 8:
        return x.tags.clear(), note({operation::erase, field("tags")});
    default:
        bool on = draw(c, 2);
        x.bound = on;
        return note({on ? operation::enable : operation::erase, field("bound")});
    }
}

inline void change_deep(backpack& x, notes& note, chance& c) {
    using spec::operation;
    auto a = any_key(c), b = any_key(c), element = pick(c, "x", "y", "z");
    switch (draw(c, 8)) {
    case 0:
        return x.deep.erase(a), note({operation::erase, {"deep", a}});
    case 1:
        return x.deep[a]->erase(b), note({operation::erase, {"deep", a, b}});
    case 2:
        return x.deep[a][b]->clear(), note({operation::erase, {"deep", a, b}});
    case 3:
        return void(x.deep[a][b]->erase(element)), note({operation::erase, {"deep", a, b, element}});
    case 4:
        return x.deep[a]->clear(), note({operation::erase, {"deep", a}});
    default:
        return void(x.deep[a][b]->insert(element)), note({operation::insert, {"deep", a, b, element}});
    }
}

inline void change_backpack(replica& r, notes& note, chance& c) {
    using spec::operation;
    auto& x = r.get<backpack>();
    auto k = any_key(c);
    auto by = std::int64_t(draw(c, 7)) - 3;
    auto slot = std::int64_t(draw(c, 3)) * 100 - 100;
    switch (draw(c, 24)) {
    case 0:
        return x.bag.clear(), note({operation::erase, {"bag"}});
    case 1:
        return x.deep.clear(), note({operation::erase, {"deep"}});
    case 2:
        return x.items.clear(), note({operation::erase, {"items"}});
    case 3:
        return r.erase(), note({operation::erase, {}});
    case 4:
        return void(x.bag.find(k)), void(bool(x.items[k].exists())); // reading makes nothing
    case 5:
    case 6:
        return x.bag.erase(k), note({operation::erase, {"bag", k}});
    case 7:
    case 8:
    case 9:
    case 10:
        return x.bag[k] += by, note({operation::add, {"bag", k}, by});
    case 11:
    case 12:
        return x.items.erase(k), note({operation::erase, {"items", k}});
    case 13:
    case 14:
    case 15:
        return change_item(*x.items[k].operator->(), {"items", k}, note, c);
    case 16:
        return x.slots.erase(slot), note({operation::erase, {"slots", std::to_string(slot)}});
    case 17:
    case 18:
        return x.slots[slot] = k, note({operation::write, {"slots", std::to_string(slot)}, 0, k});
    case 19:
        return change_item(x.best, {"best"}, note, c);
    default:
        return change_deep(x, note, c);
    }
}

using shown = std::map<spec::path, std::string>;

inline void show_item(shown& out, item const& x, spec::path at, bool there) {
    auto put = [&](std::vector<std::string> below, std::string what) {
        auto p = at;
        p.insert(p.end(), below.begin(), below.end());
        out[p] = std::move(what);
    };
    if (dunlin::part_of<dunlin::latest<std::string>>().live(&x.label)) put({"label"}, x.label);
    if (dunlin::part_of<dunlin::counter>().live(&x.uses)) put({"uses"}, std::to_string(x.uses));
    for (auto t : x.tags) put({"tags", std::string(t)}, "in");
    if (x.bound) put({"bound"}, "on");
    auto first = out.lower_bound(at);
    must(!there || (first != out.end() && spec::begins(first->first, at)), "a key is there and nothing below it");
}

/// All that can be read, by iterating; sizes, find and contains must agree with it.
inline shown show(backpack const& x) {
    shown out;
    std::size_t n = 0;
    for (auto [k, v] : x.bag) {
        ++n, out[{"bag", std::string(k)}] = std::to_string(v);
        must(x.bag.contains(k) && x.bag.find(k) == &v, "bag: iterated and not found");
    }
    must(n == x.bag.size(), "bag: its size is not the number of keys");
    n = 0;
    for (auto [a, inner] : x.deep) {
        ++n;
        must(!inner.empty(), "deep: a key is there and nothing below it");
        std::size_t m = 0;
        for (auto [b, elements] : inner) {
            ++m;
            must(!elements.empty(), "deep: an inner key is there and nothing below it");
            for (auto e : elements) out[{"deep", std::string(a), std::string(b), std::string(e)}] = "in";
        }
        must(m == inner.size(), "deep: an inner size is not the number of keys");
    }
    must(n == x.deep.size(), "deep: its size is not the number of keys");
    n = 0;
    for (auto [k, v] : x.items) ++n, show_item(out, v, {"items", std::string(k)}, true);
    must(n == x.items.size(), "items: its size is not the number of keys");
    for (auto [k, v] : x.slots) out[{"slots", std::to_string(k)}] = v;
    show_item(out, x.best, {"best"}, false);
    return out;
}

inline std::string told(shown const& all) {
    std::string out;
    for (auto& [place, what] : all) {
        for (auto& k : place) out += k + "/";
        out += "=" + what + " ";
    }
    return out;
}

inline player backpacks() {
    return {{&dunlin::struct_of<backpack>()},
            change_backpack,
            [](replica& r, spec::history const& h, spec::moment const& seen) {
                auto is = show(r.get<backpack>()), should = spec::map(h, seen);
                must(is == should, "shown:    " + told(is) + "\ninstead: " + told(should));
            }};
}

} // namespace rig
