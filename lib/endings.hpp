// Endings: what becomes of objects, and of elements of maps, whose deadline (crdt/expiry.hpp) has passed.
//
//   deadline ─▶ over: nobody shows it, watches are told ─▶ a minute and 5 s later: goes, by an ordinary erase ─▶ nothing
//
// It goes by the node that set the deadline, in whatever run: the others leave it to that node, and take it away in its
// place only after a while that differs from node to node (ten seconds, and up to a second a member; ten minutes more
// where they are linked to it), so that about one of them does. Nobody does while a member is not reached that may have
// put the end off, for an hour in which somebody was heard all the time; nor before five seconds after a link has changed.
// Concurrent  a deadline that was put off where nobody who takes it away could hear of it, for that hour: what had been
//             seen is gone, what was said meanwhile stays.
// In memory   each object with a deadline, by when it is to be looked at next. Elements of a map are walked over: not
//             before a second, and 20 µs an element, after the last time.
// In the file rows say their first deadline; those that are over are loaded, 64 at a time. What waits in memory for a row
//             is looked at an hour after it came.
// Bounds      256 objects, 1,024 elements of one, an entry.   Size about 120 bytes an object with a deadline.
// Source      suppression by random delays: Floyd et al. 1997 (SRM); the rest is crdt/expiry.hpp's lattice.
#pragma once
#include "../net/seams.hpp"
#include "object.hpp"
#include "store_rows.hpp"
#include <boost/unordered/unordered_flat_map.hpp>
#include <set>
#include <tuple>

namespace dunlin {

class endings {
public:
    static constexpr std::int64_t blind_ms = 3'600'000; // then it is looked at to what deltas went unread

    explicit endings(space_body& space);
    ~endings();

    /// Its deadlines may be others than before; also of an object that has come into memory.
    void changed(object& o);
    void forget(object& o);
    /// It was loaded because its row says that it is over.
    void look_at(object& o);
    /// Elements that go by leases are over since that time, before it was said they would be; or some are there again.
    void leases_changed(std::int64_t ended_ms, bool came_back);
    /// A link came or went: what is beyond it may have to be heard first.
    void contact_changed();
    /// A row was queued that says this.
    void row_ends(std::int64_t ends_ms);
    /// Something waits for an object that is not in memory, and may say anything of when it ends.
    void cold_waits();
    /// `waits`: entries of earlier runs wait for objects that are not in memory.
    void start(bool waits);
    /// The program has come to know a type: what of it lies in no memory may have ended long ago.
    void type_known();
    void stop();
    std::size_t size() const { return all_.size(); }

private:
    struct one {
        std::int64_t due_ms = never_ms;  // to be visited; as in due_
        std::int64_t scan_ms = never_ms; // the elements of its maps
        std::int64_t scanned_ms = 0, pause_ms = 0;
        bool over = false; // told
    };
    using place = std::tuple<std::int64_t, std::uint64_t, object*>; // by time, then by hash: equal runs in equal order

    space_body& space_;
    boost::unordered_flat_map<object*, one> all_;
    std::set<place> due_;
    std::unique_ptr<timer> timer_;
    std::chrono::nanoseconds rings_ = std::chrono::nanoseconds::max(), contact_{}, deaf_{}; // when it does; the last link came or went; nobody was heard
    std::int64_t sweep_ms_ = never_ms, cold_ms_ = never_ms;
    std::vector<type_and_key> cold_names_; // to be loaded by this pass
    due_place swept_; // how far this pass has come
    std::chrono::nanoseconds pass_began_{};
    bool sweeping_ = false, pass_has_loaded_ = false, stopped_ = false;

    std::int64_t now_ms() const;
    void set_due(object& o, one& x, std::int64_t at_ms);
    void wake_at(std::int64_t at_ms);
    void step();
    void visit(object& o, std::int64_t now);
    void scan(object& o, one& x, std::int64_t now);
    bool take_away(object& o);
    writer_id const& whose(deadline_setters const& set_by) const;
    std::int64_t free_at(object const& o, std::int64_t deadline, bool by_lease, std::int64_t now) const;
    std::int64_t goes_at(object const& o, std::int64_t deadline, deadline_setters const& set_by, bool by_lease,
                         std::int64_t now) const;
    void note_who_is_heard();
    void sweep();
    void load_cold();
    void one_loaded(std::size_t& waiting);
    void swept(std::vector<due_item> const& page);
    void end_pass(std::int64_t next_ms);
};

} // namespace dunlin
