// Fields of every kind, type-erased: deltas and states.
//
//   input := kind u8 | delta or state u8 | bytes
//
// A delta that passes check() joins into any value; a state that is read, and what a delta makes of a value, is
// written as bytes that are read and written the same again. A join with oneself changes nothing.
#include "../crdt/rig.hpp"
#include "driver.hpp"
#include <boost/json/value.hpp>
#include <cstdlib>
#include <dunlin/crdt/part.hpp>
#include <dunlin/crdt/shape.hpp>
#include <memory>
#include <new>

namespace {
using namespace dunlin;

constexpr std::uint32_t writers_here = 4;
std::uint32_t const slots[writers_here] = {0, 1, 2, 3};
char const* const kinds[] = {"C", "F", "Ri", "Ru", "Rb", "Rd", "Rs", "Ry", "Rv", "Si", "Ss", "Sv", "MsC", "MuSs", "MsMiF", "MsRv", "Ms{T}"}; // a struct stands only below a header: here a map's;

shapes& known() {
    static shapes s;
    static bool const made = s.add("T", "a", "C") && s.add("T", "b", "Rs") && s.add("T", "c", "MsC") && s.add("T", "d", "Su");
    if (!made) std::abort();
    return s;
}

/// One value of a part, as raw memory.
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
    bool load(bytes_view bytes) {
        decoder in(bytes);
        loading l{in, slots, 0, &known()};
        part_.decode(get(), l);
        return in.finished();
    }
};

void check_stays(part const& p, held& value) {
    auto once = value.bytes();
    held again(p);
    if (!again.load(once)) std::abort();
    if (again.bytes() != once) std::abort();
    version_vector everything;
    for (auto slot : slots) everything.raise(slot, dot::number_max);
    p.join(value.get(), again.get(), joining{everything, everything, 0});
    if (value.bytes() != once) std::abort();
    boost::json::value json;
    p.to_json(value.get(), json);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2) return -1;
    auto& p = *known().kind(kinds[data[0] % std::size(kinds)]);
    bytes_view bytes(reinterpret_cast<char const*>(data) + 2, size - 2);
    held value(p);
    if (data[1] % 2) {
        if (!value.load(bytes)) return -1;
        if (value.bytes() != bytes) std::abort();
        check_stays(p, value);
        return 0;
    }
    for (std::uint64_t number : {100u, 200u}) {
        decoder in(bytes);
        checking c{in, writers_here, number, 0, &known()};
        p.check(c);
        if (!in.finished()) return -1;
        decoder again(bytes);
        absorbing a{again, slots, dot(0, number), number, 0, &known()};
        p.join_delta(value.get(), a);
        if (!again.finished()) std::abort();
        check_stays(p, value);
    }
    return 0;
}

// ---- samples: what two replicas that use every kind say and keep ----------------------------------------------------

namespace sampled {
struct inner {
    dunlin::counter a;
    dunlin::latest<std::string> b;
    dunlin::map<std::string, dunlin::counter> c;
    dunlin::set<std::uint64_t> d;
};
DUNLIN_OBJECT_AS("T", inner, a, b, c, d)

struct every {
    dunlin::counter sum;
    dunlin::flag on;
    dunlin::latest<std::int64_t> number;
    dunlin::latest<double> real;
    dunlin::latest<std::string> name;
    dunlin::set<std::int64_t> numbers;
    dunlin::set<std::string> names;
    dunlin::map<std::string, dunlin::counter> bag;
    dunlin::map<std::uint64_t, dunlin::set<std::string>> groups;
    dunlin::map<std::string, dunlin::map<std::int64_t, dunlin::flag>> deep;
    dunlin::map<std::string, inner> inners;
};
DUNLIN_OBJECT(every, sum, on, number, real, name, numbers, names, bag, groups, deep, inners)

void change(every& x, int n) {
    auto key = n % 2 ? std::string("sword") : std::string("a key that is too long to stand inline");
    x.sum += n - 2;
    x.on = n % 3 != 0;
    x.number = n * 100;
    x.real = n / 3.0;
    x.name = key;
    x.numbers.insert(n);
    x.names.insert(key);
    x.bag[key] += n;
    x.groups[std::uint64_t(n % 2)]->insert(key);
    x.deep[key][n] = true;
    x.inners[key]->a += n;
    x.inners[key]->b = key;
    x.inners[key]->c[key] += 1;
    x.inners[key]->d.insert(std::uint64_t(n));
    if (n == 3) {
        x.sum.reset();
        x.names.clear();
        x.bag.erase(key);
        x.inners.erase(key);
    }
}
} // namespace sampled

namespace {
/// The members of a struct's delta or state: calls f(kind, bytes).
template <class F> void each_member(struct_part const& type, decoder in, std::uint64_t count, F f) {
    for (; count && in.ok(); --count) {
        auto id = in.u32();
        auto bytes = in.bytes();
        for (auto& m : type.members())
            if (m.id == id) f(m.type->kind(), bytes);
    }
}
} // namespace

std::vector<std::vector<std::uint8_t>> fuzz_samples() {
    std::vector<std::vector<std::uint8_t>> out;
    auto add = [&](std::string const& kind, std::uint8_t what, bytes_view bytes) {
        for (std::size_t k = 0; k < std::size(kinds); ++k)
            if (kind == kinds[k]) {
                out.push_back({std::uint8_t(k), what});
                out.back().insert(out.back().end(), bytes.begin(), bytes.end());
            }
    };
    auto& type = static_cast<struct_part const&>(part_of<sampled::every>());
    rig::replica a(rig::writer(1), {&type}), b(rig::writer(2), {&type});
    auto said = [&](std::optional<rig::entry> const& e, rig::replica& other) {
        if (!e) return;
        other.absorb(*e);
        decoder in(e->deltas[0].second);
        auto head = in.u();
        if (head % 2 == 0)
            each_member(type, in, head / 2, [&](std::string const& kind, bytes_view bytes) { add(kind, 0, bytes); });
    };
    for (int n = 0; n < 6; ++n) {
        auto one = a.turn([&] { sampled::change(a.get<sampled::every>(), n); });
        auto two = b.turn([&] { sampled::change(b.get<sampled::every>(), n + 1); });
        said(one, b);
        said(two, a);
        auto state = a.save();
        decoder in(state.objects[0]);
        auto count = in.u();
        each_member(type, in, count, [&](std::string const& kind, bytes_view bytes) { add(kind, 1, bytes); });
    }
    return out;
}
