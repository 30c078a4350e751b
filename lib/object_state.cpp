#include "object_state.hpp"
#include "../net/entry.hpp"

namespace dunlin {

namespace {
struct used_writers {
    std::vector<std::uint32_t> slots; // by id
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;

    used_writers(object const& o, writers const& table) {
        slot_set used;
        o.fields().each_slot(o.value(), used);
        used.each([&](std::uint32_t s) { slots.push_back(s); });
        std::sort(slots.begin(), slots.end(), [&](auto a, auto b) { return table.id(a) < table.id(b); });
        for (std::uint32_t k = 0; k < slots.size(); ++k) indices.emplace(slots[k], k);
    }
};

bool read_table(decoder& in, writer_names const& names, std::vector<std::uint32_t>& slots) {
    for (auto n = in.count(); n && in.ok(); --n) {
        slots.push_back(names.read(in));
        if (slots.back() == writers::none) return false;
    }
    return in.ok();
}
} // namespace

writer_names full_names(writers& table) {
    return {[&table](encoder& out, std::uint32_t slot) { write_writer(out, table.id(slot)); },
            [&table](decoder& in) { return table.intern_foreign(read_writer(in)); }};
}

std::string encode_object(object const& o, writers const& table, writer_names const& names) {
    used_writers used(o, table);
    encoder out;
    out.u(used.slots.size());
    for (auto s : used.slots) names.write(out, s);
    saving s{out, used.indices};
    o.fields().encode(o.value(), s);
    return out.take();
}

bool decode_object(object& o, bytes_view state, writer_names const& names, std::uint32_t self, shapes const& kinds) {
    decoder in(state);
    std::vector<std::uint32_t> slots;
    if (!read_table(in, names, slots)) return false;
    loading l{in, slots, self, &kinds};
    o.fields().decode(o.value(), l);
    return in.finished();
}

bool rename_writers(bytes_view state, writer_names const& from, writer_names const& to, std::string& out) {
    decoder in(state);
    std::vector<std::uint32_t> slots;
    if (!read_table(in, from, slots)) return false;
    encoder made;
    made.u(slots.size());
    for (auto s : slots) to.write(made, s);
    made.raw(in.raw(in.left()));
    out = made.take();
    return true;
}

octets<32> digest_object(object const& o, writers const& table) {
    if (!o.live()) return {};
    used_writers used(o, table);
    encoder out;
    out.bytes(o.type->name), out.bytes(o.key);
    saving s{out, used.indices, &table};
    o.fields().encode(o.value(), s);
    return hash256(out.view());
}

void digest_sum::add(octets<32> const& d) {
    if (d == octets<32>{}) return;
    unsigned carry = 0;
    for (std::size_t k = 32; k--;) {
        carry += unsigned(sum_[k]) + d[k];
        sum_[k] = std::uint8_t(carry);
        carry >>= 8;
    }
    ++count_;
}

octets<32> digest_sum::finish() const {
    encoder out;
    out.raw(view_of(sum_)), out.u64(count_);
    return hash256(out.view());
}

std::string to_hex(bytes_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char c : bytes) out.push_back(digits[std::uint8_t(c) >> 4]), out.push_back(digits[std::uint8_t(c) & 15]);
    return out;
}

} // namespace dunlin
