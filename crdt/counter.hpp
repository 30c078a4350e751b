// type: kind C
// Counter: a number that concurrent additions all reach (positive-negative counter, resettable, exact).
//
// Concurrent  additions add up; a reset or an erase cancels exactly the additions it has seen, a concurrent one counts.
//
//   slot of a writer := epoch, number, sum, base number, base sum          value = sum over slots of (sum - base sum)
//     the later number wins for (number, sum); the later base number for the base; a later epoch wins over both;
//     a reset sets the base to what it saw; the owner opens a new epoch only if base number equals number.
//   delta := u 4 * bases + 2 * new epoch + added | [i sum] | bases x {u writer, u number, u number - epoch, i sum}
//   state := u slots x {u 2 * writer + based, u number, u number - epoch, i sum, [u number - base number, i base sum]}
//
// State   one slot inline; several in an array. A cancelled slot (a residue) stays: to forget it before everybody has
//         seen the reset would bring the additions back; it is no life and no part of digests.
// Size    40 bytes; from the second writer on 56 a writer more.
// Cost    += and reading O(1), no allocation, no call; delta 2 to 4 bytes.
// Errors  out_of_bound when this writer's own sum would leave 64 bits: nothing is changed. The total is kept in 128
//         bits and read saturating, the same on every node.
// Source  embedded counters: Baquero, Almeida, Lerche 2016 (PaPoC); the rule by sets of operations is ours, tested as
// such.
#pragma once
#include "part.hpp"
#include <limits>

namespace dunlin {

__extension__ using wide_int = __int128;
/// The nearest that 64 bits can hold.
constexpr std::int64_t saturated(wide_int n) {
    constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
    return n < least ? least : n > most ? most : std::int64_t(n);
}

class counter : public field {
public:
    struct slot {
        dot at;                  // number: the entry that last changed the sum
        std::uint64_t epoch = 0; // number of the entry that opened it
        std::int64_t sum = 0;
        std::uint64_t base_number = 0; // 0: no base
        std::int64_t base_sum = 0;
        bool cancelled() const { return base_number == at.number(); }
    };

    counter() = default;
    counter(counter&& other) noexcept;
    ~counter() {
        if (many_) delete body_;
    }

    counter& operator+=(std::int64_t n) {
        touch();
        std::int64_t sum;
        if (!wide_ && !__builtin_add_overflow(total_, n, &sum) && sum < near_max && sum > -near_max) [[likely]]
            total_ = sum;
        else
            add_wide(n);
        return *this;
    }
    counter& operator-=(std::int64_t n);
    counter& operator++() { return *this += 1; }
    counter& operator--() { return *this += -1; }
    /// Cancels every addition seen here. O(writers) when sealed.
    void reset();

    /// Saturates at the ends of 64 bits. O(1).
    std::int64_t value() const { return total_; }
    operator std::int64_t() const { return total_; }
    /// A counter has no assignment: a value set here would undo what others add meanwhile. Use += or reset().
    counter& operator=(std::int64_t) = delete;

    static part const& of();

private:
    friend class counter_part;
    static constexpr std::int64_t near_max = std::int64_t(1) << 61;
    struct body {
        std::vector<slot> slots; // sorted by writer
        wide_int pending = 0;    // this turn's additions, while wide
    };
    struct single {
        dot at;
        std::uint64_t epoch;
        std::int64_t sum;
    };

    static constexpr std::uint32_t nobody = (1u << 19) - 1;
    std::uint32_t many_ : 1 = 0;       // slots in body_, not inline
    std::uint32_t wide_ : 1 = 0;       // near the ends of 64 bits: exact arithmetic, pending kept apart in body_
    std::uint32_t erased_ : 1 = 0;     // reset in this turn
    std::uint32_t self_ : 19 = nobody; // this node's writer, once known
    std::int64_t total_ = 0;           // what is read; saturated
    union {
        single one_{}; // one_.at is none: no slot
        body* body_;
    };

    template <class F> void each(F f) const;
    slot find(std::uint32_t writer) const;
    void put(slot const& s);
    void own(std::uint32_t writer) { self_ = writer & nobody; }
    void own_body();
    void add_wide(wide_int n);
    void recount();
    wide_int settled() const;
    wide_int pending() const;
    void settle_turn();
};
static_assert(sizeof(counter) == 40);

} // namespace dunlin
