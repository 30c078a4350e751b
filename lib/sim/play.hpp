// Play: random causal histories of 2 to 5 replicas of a type, checked after every step; of one that fails, the shortest found.
//
//   step := a turn of 1 to 4 operations | an atomic, undone or not | an entry absorbed | a whole-state join | an erase
//
// Checked after every step: the value, by the subject; the shadow of the replica against the replica; equal vectors, equal
// bytes (against every state met so far); the bounds of bytes. Checked now and then: the laws of join over three pairs (state,
// vector); an erase against changes that it has not seen. In the end everything reaches everybody. Replicas intern writers
// in different orders; their clocks are wild.
//
// A step draws from a seed of its own: one that is left out shifts no other, and so a history is made shorter.
// Bounds  60 steps and 300 attempts at a shorter history, if nothing else is said.
#pragma once
#include "random.hpp"
#include "rig.hpp"
#include <functional>

namespace dunlin::sim::rig {

using chance = sim::generator;

/// Some operations, as bits.
class moment {
    std::vector<std::uint64_t> bits_;

public:
    bool has(std::size_t n) const { return n / 64 < bits_.size() && (bits_[n / 64] >> n % 64 & 1); }
    void add(std::size_t n) {
        if (n / 64 >= bits_.size()) bits_.resize(n / 64 + 1);
        bits_[n / 64] |= std::uint64_t(1) << n % 64;
    }
    void add(moment const& m) {
        if (m.bits_.size() > bits_.size()) bits_.resize(m.bits_.size());
        for (std::size_t k = 0; k < m.bits_.size(); ++k) bits_[k] |= m.bits_[k];
    }
};

/// Where an operation is done. The subject numbers those that are to be known: seen.add(count++).
struct doing {
    moment& seen;
    std::size_t& count;
    unsigned turn;
    std::uint64_t clock;
    std::vector<std::string>& told; // what was done, in words
};

struct subject {
    std::vector<struct_part const*> types;
    /// One random operation.
    std::function<void(replica&, doing&, chance&)> act;
    /// Throws `broken` if what is read is not what it must be.
    std::function<void(replica&, moment const&)> compare;
    /// Nothing has been done yet.
    std::function<void()> begin = [] {};
    /// The first object is erased, as an operation. None: `act` does it where it wants to.
    std::function<void(replica&, doing&)> erase{};
    shapes const* kinds = nullptr;
    bool clocks = true; // wild ones
    unsigned steps = 60, shorter = 300;
    std::size_t state_bytes = ~std::size_t(0), delta_bytes = ~std::size_t(0); // at most
};

struct failure {
    std::string law, detail;
    std::uint64_t seed = 0;
    std::vector<std::string> history; // what was done, and what was shown then
    friend std::ostream& operator<<(std::ostream& out, failure const& f);
};

/// Histories of so many seeds; the first that fails.
std::optional<failure> play(subject const& p, std::uint64_t first_seed, std::uint64_t count);

} // namespace dunlin::sim::rig
