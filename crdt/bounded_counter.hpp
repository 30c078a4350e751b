// type: kind B
// Bounded counter: a number that never falls below zero, whoever spends where, without asking anybody (escrow).
//
// Concurrent  deposits and spends all count. Nobody spends what he has no right to: each deposit is as many rights to
//             spend, and each right lies in one place.
//
//   deposit n --> pocket of this run --try_spend--> spent            value = deposited - spent >= 0, in every causal state
//                   |      ^    |
//          put back v      |    +--give--> reserve of another node
//              reserve of this node                                  confirmed moves only: lib/rights.hpp
//
//   share of a writer := number, deposited, spent, pocketed (net), wanted (ever), gifts {writer -> sum}
//     written by that writer alone, so the later number wins, whole. pocketed - spent - gifts is its pocket.
//     The reserve of a node: over its writers, deposited - pocketed, and what was given to any of them. A pocket is
//     the run's own and not inherited: what a run that died may have spent nobody knows before it is closed.
//   delta := u parts | [u deposited] [u spent] [u pocketed] [u wanted] [u n, n x {u writer, u sum}]     sums so far
//   state := u n, n x {u writer, u number, u deposited, u spent, u pocketed, u wanted, u m, m x {u writer, u sum}}
//
// A ceiling is the same read from the other side: deposit what there is to sell; spent() never exceeds it.
// Never below an erasable path: map<K, bounded_counter> does not compile, and its object can be erased only where all
// rights are in the pocket here.
// State   a share for each writer that ever changed it; the shares of runs that ended stay (until writers are closed).
// Size    40 bytes, with the first change 130, and 64 a writer more.
// Cost    deposit, try_spend, value: O(1), no allocation after the first change; delta 2 to 10 bytes.
// Errors  out_of_bound where this writer's deposits would leave 63 bits.
// Source  Balegas et al. 2015, Extending Eventually Consistent Cloud Databases for Enforcing Numeric Invariants (SRDS);
//         pockets, and rights by runs, are ours.
#pragma once
#include "counter.hpp"
#include <span>

namespace dunlin {

class bounded_counter : public field {
public:
    struct gift {
        std::uint32_t to; // slot of a writer: of its node, whichever run it has
        std::int64_t sum;
        bool operator==(gift const&) const = default;
    };
    struct share {
        dot at; // of the entry that last changed it
        std::int64_t deposited = 0, spent = 0, pocketed = 0, wanted = 0;
        std::vector<gift> gifts; // by slot

        wide_int given() const;
        std::int64_t given_to(std::uint32_t slot) const;
        wide_int pocket() const { return wide_int(pocketed) - spent - given(); }
    };

    bounded_counter() = default;
    bounded_counter(bounded_counter&& other) noexcept;
    ~bounded_counter() { delete body_; }

    /// n >= 0: so much more may be spent, and here at once.
    void deposit(std::int64_t n);
    /// n >= 0: all of it or nothing, from the rights that are here. False is no "never": others may hold rights, which
    /// ref::spend fetches; a miss is noted, so that they come nearer.
    bool try_spend(std::int64_t n) {
        require(n >= 0, "try_spend of less than nothing: use deposit");
        if (n > available_) [[unlikely]]
            return miss(n);
        if (n == 0) return true;
        touch();
        available_ -= n, total_ = saturated(wide_int(total_) - n), own_body().turn.spent += n;
        if (available_ < low_) [[unlikely]]
            tell();
        return true;
    }

    /// Deposited less spent, as far as this replica has seen. Saturates at the ends of 64 bits. O(1).
    std::int64_t value() const { return total_; }
    operator std::int64_t() const { return total_; }
    /// What try_spend spends here now. O(1).
    std::int64_t available() const { return available_; }
    /// O(writers); saturates.
    std::int64_t deposited() const;
    std::int64_t spent() const;
    bounded_counter& operator=(std::int64_t) = delete;

    static part const& of();

    // ---- how rights move: for the space (lib/rights.hpp). Slots are those of its table of writers.
    std::span<share const> shares() const { return body_ ? std::span<share const>(body_->shares) : std::span<share const>(); }
    /// Of the node whose writers `mine` accepts; below zero where a dead run's move came to light late.
    template <class F> wide_int reserve(F mine) const {
        wide_int sum = 0;
        for (auto& s : shares()) {
            if (mine(s.at.slot())) sum += wide_int(s.deposited) - s.pocketed;
            for (auto& g : s.gifts)
                if (mine(g.to)) sum += g.sum;
        }
        return body_ ? sum - (body_->turn.pocketed - body_->turn.deposited) : sum;
    }
    /// From the reserve: not to be spent before confirm. How much: there is a bound to what a writer ever pockets.
    std::int64_t pocket(std::int64_t n);
    void confirm(std::int64_t n);
    /// The move was not confirmed.
    void give_up(std::int64_t n);
    /// Out of the pocket into the reserve, at most what is available.
    void put_back(std::int64_t n);
    /// Out of the pocket to the node of that writer, at most what is available.
    void give(std::uint32_t to, std::int64_t n);
    void want(std::int64_t n);
    /// Whatever was wished for and has not come is not wished for any more.
    void want_no_more();
    /// The space was told of a miss, a deposit or a low pocket.
    bool is_told() const { return body_ && body_->told; }
    /// It has heard: the most that was asked for in vain since the last call.
    std::int64_t take_told();
    /// Below so much available the space is told.
    void set_low(std::int64_t n) { low_ = n; }
    /// What a delta begins with: does it wish for rights?
    static bool says_wish(std::uint64_t parts) { return parts & 8; }

private:
    friend class bounded_part;
    struct body {
        std::vector<share> shares; // by slot
        share turn;                // what this turn adds to the own share
        std::int64_t held = 0;     // in the pocket and not confirmed
        std::int64_t held_in_turn = 0;
        std::int64_t missed = 0;
        bool told = false;
    };
    static constexpr std::uint32_t nobody = ~std::uint32_t(0);
    std::uint32_t self_ = nobody; // this node's writer, once known
    std::int64_t available_ = 0, total_ = 0, low_ = 0;
    body* body_ = nullptr;

    body& own_body() { return body_ ? *body_ : *(body_ = new body); }
    share const* find(std::uint32_t writer) const;
    share& make(dot at);
    void put(share const& s);
    bool miss(std::int64_t n);
    void tell();
    void settle_turn();
    void recount();
};
static_assert(sizeof(bounded_counter) == 40);

} // namespace dunlin
