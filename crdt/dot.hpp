// Dots and vectors: which change, and which changes were seen.
//
//   dot     (writer, number of the entry), one 64-bit word: 19 bits of slot, 44 of number; 0 is none; the
//           top bit is free, so that a word shifted left by one can carry a tag in its low bit
//   vector  per writer, the highest contiguous number: everything up to it was seen
//
// Vectors have no gaps, since entries apply in order: so one number a writer says all that was seen (version vector,
// Parker et al. 1983). A removal has the same shape, restricted to the writers concerned.
// Size: 8 bytes a writer. 2^44 entries a writer (five centuries at a thousand a second).
#pragma once
#include <algorithm>
#include <compare>
#include <cstdint>
#include <vector>

namespace dunlin {

class dot {
    std::uint64_t word_ = 0;

public:
    static constexpr std::uint64_t number_max = (std::uint64_t(1) << 44) - 1;

    constexpr dot() = default;
    constexpr dot(std::uint32_t slot, std::uint64_t number) : word_(std::uint64_t(slot) << 44 | number) {}
    constexpr std::uint32_t slot() const { return std::uint32_t(word_ >> 44); }
    constexpr std::uint64_t number() const { return word_ & number_max; }
    constexpr explicit operator bool() const { return word_ != 0; }
    constexpr auto operator<=>(dot const&) const = default;
};

class version_vector {
    std::vector<std::uint64_t> numbers_;

public:
    std::uint64_t operator[](std::uint32_t slot) const { return slot < numbers_.size() ? numbers_[slot] : 0; }
    bool covers(dot d) const { return d.number() <= (*this)[d.slot()]; }
    bool covers(version_vector const& other) const {
        for (std::uint32_t s = 0; s < other.size(); ++s)
            if (other[s] > (*this)[s]) return false;
        return true;
    }
    /// Everything of the dot's writer up to the dot.
    void see(dot d) { raise(d.slot(), d.number()); }
    void raise(std::uint32_t slot, std::uint64_t number) {
        if (slot >= numbers_.size()) numbers_.resize(slot + 1);
        numbers_[slot] = std::max(numbers_[slot], number);
    }
    void join(version_vector const& other) {
        for (std::uint32_t s = 0; s < other.size(); ++s)
            if (other[s]) raise(s, other[s]);
    }
    /// One past the greatest slot that may have a number.
    std::uint32_t size() const { return std::uint32_t(numbers_.size()); }
    bool operator==(version_vector const& other) const { return covers(other) && other.covers(*this); }
};

} // namespace dunlin
