// Own types: a top-k and a histogram, as a service may write its own types of fields (docs/own_types.md).
#pragma once
#include <dunlin/dunlin.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

/// The K names with the greatest scores, each once, with its greatest: a lattice, held in joined<top_k<K>>.
template <std::size_t K> class top_k {
public:
    struct row {
        std::uint64_t score = 0;
        std::string name;
        bool operator==(row const&) const = default;
    };
    top_k() = default; // nobody has played yet
    top_k(std::uint64_t score, std::string name) : rows_{row{score, std::move(name)}} {}

    std::vector<row> const& rows() const { return rows_; } // the best first
    void join(top_k const& other) {
        for (row const& r : other.rows_) add(r);
    }
    bool operator==(top_k const&) const = default;

    void encode(dunlin::encoder& out) const {
        out.u(rows_.size());
        for (row const& r : rows_) out.u(r.score), out.bytes(r.name);
    }
    /// Takes only what encode writes: at most K, in order, each name once.
    void decode(dunlin::decoder& in) {
        auto n = in.count(2);
        if (n > K) return in.fail();
        for (; n && in.ok(); --n) {
            row r;
            r.score = in.u(), r.name = in.bytes();
            if (place_of(r.name) != rows_.end() || (!rows_.empty() && !above(rows_.back(), r))) return in.fail();
            rows_.push_back(std::move(r));
        }
    }

private:
    std::vector<row> rows_;

    static bool above(row const& a, row const& b) { return a.score != b.score ? a.score > b.score : a.name < b.name; }
    typename std::vector<row>::iterator place_of(std::string const& name) {
        return std::find_if(rows_.begin(), rows_.end(), [&](row const& r) { return r.name == name; });
    }
    void add(row const& r) {
        if (auto held = place_of(r.name); held != rows_.end()) {
            if (held->score >= r.score) return;
            rows_.erase(held);
        }
        rows_.insert(std::upper_bound(rows_.begin(), rows_.end(), r, above), r);
        if (rows_.size() > K) rows_.pop_back();
    }
};

/// How many took how long, by powers of two: a class over a field of the catalogue.
class histogram : public dunlin::map<std::uint32_t, dunlin::counter> {
    using buckets = dunlin::map<std::uint32_t, dunlin::counter>;

public:
    void add(std::uint64_t n) { buckets::operator[](std::uint32_t(std::bit_width(n))) += 1; }
    std::int64_t count() const {
        std::int64_t all = 0;
        for (auto [bucket, n] : *this)
            if (__builtin_add_overflow(all, n.value(), &all)) return std::numeric_limits<std::int64_t>::max();
        return all;
    }
    /// The greatest that may lie in the bucket where this part of all is reached: quantile(0.5), the median, nearly.
    std::uint64_t quantile(double part) const {
        auto wanted = std::int64_t(std::ceil(part * double(count())));
        for (auto [bucket, n] : ordered())
            if ((wanted -= n.value()) <= 0) return bucket > 63 ? ~std::uint64_t(0) : (std::uint64_t(1) << bucket) - 1;
        return 0;
    }

    // Written by add alone.
    void operator[](argument) = delete;
    void erase(argument) = delete;
};
