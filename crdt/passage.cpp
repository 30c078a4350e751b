#include "passage.hpp"
#include "mutant.hpp"

namespace dunlin {

std::uint32_t entry_writers::index(std::uint32_t slot) {
    constexpr std::size_t few = 8;
    if (indices_.empty()) {
        for (std::size_t i = 0; i < slots_.size(); ++i)
            if (slots_[i] == slot) return std::uint32_t(i);
        if (slots_.size() >= few)
            for (std::size_t i = 0; i < slots_.size(); ++i) indices_.emplace(slots_[i], std::uint32_t(i));
    }
    if (!indices_.empty()) {
        auto [it, fresh] = indices_.emplace(slot, std::uint32_t(slots_.size()));
        if (!fresh) return it->second;
    }
    slots_.push_back(slot);
    return std::uint32_t(slots_.size() - 1);
}

void saving::name(std::uint32_t slot) {
    if (!full) return out.u(index(slot));
    auto& w = full->id(slot);
    out.raw({reinterpret_cast<char const*>(w.node.data()), w.node.size()});
    out.u32(w.run), out.u32(w.nonce);
}

void saving::dots(dot_set const& d) {
    out.u(d.size());
    if (d.size() == 1) return d.each([&](dot x) { name(x.slot()), out.u(x.number()); });
    std::vector<std::pair<std::uint32_t, dot>> sorted;
    d.each([&](dot x) { sorted.emplace_back(index(x.slot()), x); });
    if (!mutant("state_in_the_order_of_slots")) std::sort(sorted.begin(), sorted.end());
    for (auto& [i, x] : sorted) name(x.slot()), out.u(x.number());
}

dot_set loading::dots() {
    dot_set d;
    auto n = in.count(2);
    std::uint64_t last = 0;
    for (std::uint64_t k = 0; k < n && in.ok(); ++k) {
        decoder before = in;
        auto index = before.u() + 1;
        auto x = one();
        if (index <= last && !mutant("codec_takes_dots_in_any_order")) in.fail(); // canonical: ascending
        last = index;
        if (in.ok()) d.put(x);
    }
    return d;
}

} // namespace dunlin
