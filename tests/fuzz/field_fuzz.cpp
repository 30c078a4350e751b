// Fields of every kind, type-erased: deltas and states.
//
//   input := kind u8 | delta or state u8 | bytes
//
// A delta that passes check() joins into any value; a state that is read, and what a delta makes of a value, is
// written as bytes that are read and written the same again. A join with oneself changes nothing.
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

std::vector<std::vector<std::uint8_t>> fuzz_samples() {
    std::vector<std::vector<std::uint8_t>> out;
    for (std::uint8_t kind = 0; kind < std::size(kinds); ++kind)
        for (std::uint8_t what : {0, 1}) out.push_back({kind, what, 0, 1, 1, 5, 1, 0x81, 1, 'a', 1, 1, 0, 0, 0});
    return out;
}
