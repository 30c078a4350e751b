// Parts: one value of any kind as raw memory, what must hold of it, and what replicas that use every kind say and keep.
#pragma once
#include "../crdt/rig.hpp"
#include "driver.hpp"
#include <dunlin/crdt/part.hpp>
#include <dunlin/crdt/shape.hpp>

namespace fuzz {

using namespace dunlin;

constexpr std::uint32_t writers_here = 4;
inline std::uint32_t const slots[writers_here] = {0, 1, 2, 3};
/// A struct stands only below a header: here a map's.
inline char const* const kinds[] = {"C",  "F",  "Ri",  "Ru",   "Rb",    "Rd",   "Rs",    "Ry",   "Rv",
                                    "Si", "Ss", "Sv",  "MsC",  "MuSs",  "MsMiF", "MsRv", "Ms{T}",
                                    "D",  "Ra", "Xi",  "Ns",   "Vs",    "Gi",    "Ws",   "MsWi",  "B",
                                    "Ei", "MsEi", "MsPs"};

inline shapes& known() {
    static shapes s;
    static bool const made =
        s.add("T", "a", "C") && s.add("T", "b", "Rs") && s.add("T", "c", "MsC") && s.add("T", "d", "Su");
    must(made, "the kinds of T");
    return s;
}

/// One value of a part.
class held {
    part const& part_;
    std::unique_ptr<std::uint64_t[]> memory_;

public:
    explicit held(part const& p) : part_(p), memory_(new std::uint64_t[p.size() / 8 + 2]) { part_.make(get()); }
    ~held() { part_.destroy(get()); }
    held(held const&) = delete;
    held& operator=(held const&) = delete;
    void* get() const { return memory_.get(); }

    std::string bytes() const {
        boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
        for (auto slot : slots) indices.emplace(slot, slot);
        encoder out;
        saving s{out, indices};
        part_.encode(get(), s);
        return out.take();
    }
    bool load(bytes_view bytes, shapes const& kinds_known) {
        decoder in(bytes);
        loading l{in, slots, 0, &kinds_known};
        part_.decode(get(), l);
        return in.finished();
    }
    boost::json::value json() const {
        boost::json::value out;
        part_.to_json(get(), out);
        return out;
    }
    std::string json_text() const { return boost::json::serialize(json()); }
};

/// What is there is read and written again as the same bytes; a join with oneself changes nothing.
inline void stays(part const& p, held& value, shapes const& kinds_known) {
    auto once = value.bytes();
    held again(p);
    must(again.load(once, kinds_known), "what was written is refused");
    must(again.bytes() == once, "what was read is written otherwise");
    version_vector everything;
    for (auto slot : slots) everything.raise(slot, dot::number_max);
    p.join(value.get(), again.get(), joining{everything, everything, 0});
    must(value.bytes() == once, "a join with itself changed it");
}

/// 0: accepted.
inline int state_of_part(part const& p, bytes_view bytes, shapes const& kinds_known) {
    held value(p);
    if (!value.load(bytes, kinds_known)) return -1;
    must(value.bytes() == bytes, "a state is accepted that would be written otherwise");
    stays(p, value, kinds_known);
    return 0;
}

/// Checked, joined to nothing and then again to what is there: a later entry of the same author.
inline int delta_of_part(part const& p, bytes_view bytes, shapes const& kinds_known) {
    held value(p);
    for (std::uint64_t number : {100u, 200u}) {
        decoder in(bytes);
        checking c{in, writers_here, number, 0, &kinds_known};
        p.check(c);
        if (!in.finished()) return -1;
        decoder again(bytes);
        absorbing a{again, slots, dot(0, number), number, 0, &kinds_known};
        p.join_delta(value.get(), a);
        must(again.finished(), "join_delta does not read what check read");
        stays(p, value, kinds_known);
    }
    return 0;
}

// ---- what two replicas that use every kind say and keep -------------------------------------------------------------

namespace sampled {
struct inner {
    dunlin::counter a;
    dunlin::latest<std::string> b;
    dunlin::map<std::string, dunlin::counter> c;
    dunlin::set<std::uint64_t> d;
};
DUNLIN_OBJECT_AS("T", inner, a, b, c, d)

struct point {
    int x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct every {
    dunlin::counter sum;
    dunlin::flag on;
    dunlin::latest<std::int64_t> number;
    dunlin::latest<std::uint64_t> size;
    dunlin::latest<bool> yes;
    dunlin::latest<double> real;
    dunlin::latest<std::string> name;
    dunlin::latest<std::vector<std::uint8_t>> raw;
    dunlin::latest<point> at;
    dunlin::set<std::int64_t> numbers;
    dunlin::set<std::string> names;
    dunlin::set<point> points;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::map<std::uint64_t, dunlin::set<std::string>> groups;
    dunlin::map<std::string, dunlin::map<std::int64_t, dunlin::flag>> deep;
    dunlin::map<std::string, dunlin::latest<point>> places;
    dunlin::map<std::string, inner> inners;
    dunlin::disable_wins_flag off;
    dunlin::latest<std::optional<point>> perhaps;
    dunlin::maximum<std::int64_t> high;
    dunlin::minimum<std::string> low;
    dunlin::siblings<std::string> all;
    dunlin::set<std::int64_t, dunlin::grow_only> ever;
    dunlin::set<std::string, dunlin::remove_wins> allowed;
    dunlin::map<std::string, dunlin::set<std::int64_t, dunlin::remove_wins>> allowed_by;
    dunlin::bounded_counter purse;
    dunlin::ephemeral<point> seen;
    dunlin::ephemeral<std::string> typed;
};
DUNLIN_OBJECT(every, sum, on, number, size, yes, real, name, raw, at, numbers, names, points, bag, groups, deep, places,
              inners, off, perhaps, high, low, all, ever, allowed, allowed_by, purse, seen, typed)

inline void change(every& x, int n) {
    auto key = n % 2 ? std::string("sword") : std::string("a key too long for a row");
    x.sum += n - 2, x.on = n % 3 != 0, x.number = n * 100, x.size = std::uint64_t(n) << 40, x.yes = n % 2 == 0;
    x.real = n / 3.0, x.name = key, x.raw = std::vector<std::uint8_t>(std::size_t(n), 0xFF), x.at = point{n, -n};
    x.numbers.insert(n), x.names.insert(key), x.points.insert(point{n, 0});
    x.bag[key] += n, x.groups[std::uint64_t(n % 2)]->insert(key), x.deep[key][n] = true;
    x.places[key] = point{n, n};
    auto& in = *x.inners[key].operator->();
    in.a += n, in.b = key, in.c[key] += 1, in.d.insert(std::uint64_t(n));
    x.off = n % 2 == 0, x.perhaps = n % 2 ? std::optional(point{n, 1}) : std::nullopt;
    x.high.raise(n), x.low.lower(key), x.all = key, x.ever.insert(n), x.allowed.insert(key);
    x.allowed_by[key]->erase(n);
    if (x.purse.deposited() < std::int64_t(1) << 60) x.purse.deposit(n + 2);
    x.purse.try_spend(n), x.purse.want(n % 2);
    if (n != 3) return;
    x.sum.reset(), x.names.clear(), x.bag.erase(key), x.inners.erase(key), x.number.reset(), x.allowed.clear();
}
} // namespace sampled

/// The members of a struct's delta or state: calls f(kind, bytes).
template <class F> void each_member(struct_part const& type, decoder in, std::uint64_t count, F f) {
    for (; count && in.ok(); --count) {
        auto id = in.u32();
        auto bytes = in.bytes();
        for (auto& m : type.members())
            if (m.id == id) f(m.type->kind(), bytes);
    }
}

/// f(kind number, whether it is a state, bytes) for deltas and states of a short history.
template <class F> void each_sample(F f) {
    auto named = [&](std::string const& kind, bool is_state, bytes_view bytes) {
        for (std::size_t k = 0; k < std::size(kinds); ++k)
            if (kind == kinds[k]) f(k, is_state, bytes);
    };
    auto& type = struct_of<sampled::every>();
    rig::replica a(rig::writer(1), {&type}), b(rig::writer(2), {&type});
    auto said = [&](std::optional<rig::entry> const& e, rig::replica& other) {
        if (!e) return;
        other.absorb(*e);
        decoder in(e->deltas[0].second);
        if (auto head = in.u(); head % 2 == 0)
            each_member(type, in, head / 2, [&](auto& kind, bytes_view bytes) { named(kind, false, bytes); });
    };
    for (int n = 0; n < 5; ++n) {
        auto one = a.turn([&] { sampled::change(a.get<sampled::every>(), n); });
        auto two = b.turn([&] { sampled::change(b.get<sampled::every>(), n + 1); });
        said(one, b), said(two, a);
        auto state = a.save();
        decoder in(state.objects[0]);
        auto count = in.u();
        each_member(type, in, count, [&](auto& kind, bytes_view bytes) { named(kind, true, bytes); });
    }
}

} // namespace fuzz
