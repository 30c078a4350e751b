// Dot sets and removals: which changes keep a thing alive, and which a change takes away.
//
//   dot_set   at most one dot a writer; one dot stands inline, more in a sorted array; 8 bytes
//   removal   for each writer concerned the greatest dot removed ("up to")
//
// Why "up to" is exact: a live dot d = (w, s) with s at most the removal's number of w was seen by the remover, since
// a vector has no gaps; either it was live there and is rightly removed, or an earlier entry removed it and causal
// order applied that entry here too. What the remover had not seen has a greater number and survives: add wins.
// Source: optimised observed-remove set, Bieniusa et al. 2012 (arXiv 1210.3368); the context is the space's vector.
#pragma once
#include "dot.hpp"
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <utility>
#include <vector>

namespace dunlin {

class removal {
    boost::container::small_vector<dot, 4> upto_; // one a slot, unsorted: few

public:
    void add(dot d) {
        for (auto& u : upto_)
            if (u.slot() == d.slot()) return void(u = std::max(u, d));
        upto_.push_back(d);
    }
    bool covers(dot d) const {
        for (auto u : upto_)
            if (u.slot() == d.slot()) return d.number() <= u.number();
        return false;
    }
    bool empty() const { return upto_.empty(); }
    std::size_t size() const { return upto_.size(); }
    auto begin() const { return upto_.begin(); }
    auto end() const { return upto_.end(); }
};

class dot_set {
    using many = std::vector<dot>; // sorted by slot
    std::uint64_t word_ = 0;       // 0, or a dot shifted left by one, or a pointer with the low bit set

    bool is_many() const { return word_ & 1; }
    many& array() const { return *reinterpret_cast<many*>(word_ & ~std::uint64_t(1)); }
    dot one() const { return dot(std::uint32_t(word_ >> 45), word_ >> 1 & dot::number_max); }
    static std::uint64_t word(dot d) { return (std::uint64_t(d.slot()) << 44 | d.number()) << 1; }
    void shrink();

public:
    dot_set() = default;
    dot_set(dot_set&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
    dot_set& operator=(dot_set&& other) noexcept {
        std::swap(word_, other.word_);
        return *this;
    }
    ~dot_set() {
        if (is_many()) delete &array();
    }

    bool empty() const { return word_ == 0; }
    std::size_t size() const { return is_many() ? array().size() : word_ ? 1 : 0; }
    /// The writer's dot, or none.
    dot find(std::uint32_t slot) const;
    /// Replaces an earlier dot of the same writer; a later one stays.
    void put(dot d);
    /// All gone but this one.
    void assign(dot d);
    void clear() { dot_set gone(std::move(*this)); }
    void drop(removal const& r);
    void collect(removal& r) const {
        each([&](dot d) { r.add(d); });
    }
    /// Join of two pairs (set, vector): a dot that one side lacks stays if that side's vector does not cover it.
    void join(dot_set const* theirs, version_vector const& my_vector, version_vector const& their_vector);
    std::size_t heap_bytes() const { return is_many() ? sizeof(many) + array().capacity() * sizeof(dot) + 32 : 0; }

    template <class F> void each(F f) const {
        if (is_many())
            for (auto d : array()) f(d);
        else if (word_)
            f(one());
    }
};
static_assert(sizeof(dot_set) == 8);

} // namespace dunlin
