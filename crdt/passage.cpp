#include "passage.hpp"

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

void saving::dots(dot_set const& d) {
    out.u(d.size());
    if (d.size() == 1) return d.each([&](dot x) { out.u(index(x.slot())), out.u(x.number()); });
    std::vector<std::pair<std::uint32_t, std::uint64_t>> sorted;
    d.each([&](dot x) { sorted.emplace_back(index(x.slot()), x.number()); });
    std::sort(sorted.begin(), sorted.end());
    for (auto [i, n] : sorted) out.u(i), out.u(n);
}

dot_set loading::dots() {
    dot_set d;
    auto n = in.count(2);
    std::uint64_t last = 0;
    for (std::uint64_t k = 0; k < n && in.ok(); ++k) {
        decoder before = in;
        auto index = before.u() + 1;
        auto x = one();
        if (index <= last) in.fail(); // canonical: ascending
        last = index;
        if (in.ok()) d.put(x);
    }
    return d;
}

} // namespace dunlin
