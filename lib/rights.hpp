// Rights: moves what bounded counters may spend to where it is spent, and never twice.
//
//   a miss, a low pocket, a wish of another node, spend()  ->  account (pinned)  ->  step:
//     confirm or give up the move that is under way -> serve who waits -> move: reserve -> pocket -> wish -> give
//
// A move out of this node's reserve counts once it is on disk here and at more than half of the other members, each of
// whom, when it had it, had nothing of another run of this node that the move had not seen. So of two runs of one node
// that take from one reserve (a restart, an old copy of the file put back, two processes from one copy) one has seen
// the other's move: two majorities share a member, and what it tells of one node it tells as of one moment. Below that
// majority the pocket is what can be spent. A node without a file has an identity of its own for each run: its moves
// count at once. Gifts leave the pocket: they need no more care than a spend.
//
// Who wishes says so in an entry; whoever has most gives first, the others later, if it is still wished. In quiet a
// node with a file that reaches its witnesses puts back all but a quarter of what it has: so much a crash leaves in the
// pocket of a run that is gone. stop() and eviction put back all.
// Not covered  a copy of the memory of a running process; old copies put back at several members at once, one from when
//              its node was the only member, or from before the last but one change of the roster.
// Files    rights.cpp: accounts, moves, who waits; rights_given.cpp: wishes and gifts.
// Bounds   65,536 accounts; beyond them misses are not served, and spend() fails with overloaded. A wish that nobody
//          fulfils is said again after 0.1, 0.2, 0.4 s ... a minute, and taken back when nobody waits any more.
// Cost     a step: O(writers and gifts of the counters that it concerns); each tenth of a second O(accounts).
// Threads  the executor of the space.
#pragma once
#include "../crdt/bounded_counter.hpp"
#include "../net/seams.hpp"
#include "object.hpp"
#include <boost/asio/any_completion_handler.hpp>
#include <boost/system/error_code.hpp>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <tuple>

namespace dunlin {

/// The dot of the spend; none: there is not so much.
using spend_handler = boost::asio::any_completion_handler<void(boost::system::error_code, dot)>;

class rights {
public:
    explicit rights(space_body& space);
    ~rights();

    /// From the data path: only noted.
    void moved(object& o);
    /// Something of others was joined into it; perhaps a wish.
    void heard(object& o, bool wish);
    void spend(object& o, bounded_counter& c, std::int64_t n, std::chrono::nanoseconds deadline, spend_handler handler);
    /// Copies, the roster or the disk have changed: moves may be confirmed.
    void look_again();
    bool has_pocket(object& o) const;
    /// All of it, by the running turn.
    void put_back(object& o);
    /// Before stop(), if something may still be said.
    void give_up_moves();
    void stop();

    std::size_t accounts() const { return accounts_.size(); }
    /// In pockets of runs that another run of their node came after: counted by value(), and spent by nobody.
    std::int64_t stranded(bounded_counter const& c) const;
    /// Where they lie in a struct.
    static std::vector<std::size_t> counters_in(struct_part const& part);
    /// Of a cold object: somebody wishes for rights.
    static bool wishes(object_type const& type, shapes const& kinds, bytes_view delta);
    /// Its objects go, and others take their place: the program has come to know their struct.
    void forget(object_type& type);

private:
    using instant = std::chrono::nanoseconds;
    static constexpr std::chrono::milliseconds rank_pause{200}; // before the next one gives
    struct spender {
        std::int64_t amount;
        std::shared_ptr<spend_handler> handler;
        instant deadline;
    };
    struct move {
        std::int64_t amount = 0; // 0: none
        bool own = false;        // for what is asked for here, and not only for others
        std::uint64_t number = 0;
        std::vector<std::pair<std::uint32_t, std::uint64_t>> seen; // of our node's other runs, what it was reckoned by
    };
    struct counter_name { // ordered by names, never by address: equal runs in equal order
        object* of;
        std::uint64_t place; // in its struct, or among the fields that the program does not know
        friend bool operator<(counter_name const& a, counter_name const& b) {
            return std::tie(a.of->type->name, a.of->key, a.place) < std::tie(b.of->type->name, b.of->key, b.place);
        }
    };
    struct account {
        object* of = nullptr;
        bounded_counter* counter = nullptr;
        std::deque<spender> spenders;
        move under_way;
        std::int64_t level = 0;                            // what there was when the pocket was last filled
        std::int64_t missed = 0, asked = 0;
        bool busy = false;                                 // not only in quiet
        bool has_wished = false, early = false;
        instant touched{}, settled{}, wished{}, retry{}, wish_seen{}; // 0: not
        std::chrono::milliseconds pause{0};                // between two wishes
    };

    space_body& space_;
    std::map<counter_name, account> accounts_;
    std::vector<counter_name> busy_;   // to be settled by the next step
    std::set<counter_name> waiting_;   // a move is under way, or somebody waits
    std::unique_ptr<timer> timer_;
    instant rings_ = instant::max();   // when it does
    bool posted_ = false, stopped_ = false, stepping_ = false;

    static void mark(object& o, bounded_counter const& c);
    template <class F> static void each_counter(object& o, F f); // f(counter, place)
    account* find_or_make(object& o, bounded_counter& c, std::uint64_t place);
    void make_busy(account& a, counter_name const& name);
    void post_step();
    bool step();
    void settle_due();
    /// Settles it; what there is nothing more to do for goes.
    void visit(counter_name const& name);
    bool settle(account& a);
    void check_move(account& a);
    void serve(account& a);
    void begin_move(account& a, std::int64_t own, std::int64_t others);
    void wish(account& a, std::int64_t lacking);
    void give(account& a);
    bool is_ours(std::uint32_t slot) const;
    std::int64_t reserve(account const& a) const;
    bool is_wished(bounded_counter const& c, bounded_counter::share const& s) const;
    std::int64_t wished_by(bounded_counter const& c, bounded_counter::share const& s) const;
    unsigned rank(account const& a, std::uint32_t wisher) const;
    instant due(account const& a) const;
    void wake_at(instant at);
    void end(spender& s, boost::system::error_code ec, dot at);
    void give_up(std::shared_ptr<spend_handler> const& who);
};

} // namespace dunlin
