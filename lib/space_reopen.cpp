// The file has failed, and is open again.
//
//   failed      memory and gossip go on, up to the bound of what is not saved; saved() and cold objects fail
//   open again  file: rows ... | rows above the floor ........... | what it lacks
//                                -> wait for their objects again    <- the tail, with its old dots and the same bytes
//
// A failed commit may have reached the disk or not. What the file holds is read from it; memory still has every entry
// that it may lack, so none is made twice and none is lost, and the writer goes on: its numbers were never given away.
// What waits for objects that are not in memory is taken from the log anew, as at start; objects in memory are right.
// If rot has taken what was saved, memory and what is left do not fit: nothing more is saved, and the next start, which
// goes by the file alone, takes the rest from peers.
#include "../crdt/mutant.hpp"
#include "entry_delta.hpp"
#include "log_row.hpp"
#include "space_staging.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

/// The file as a whole failed, not one write.
bool space_body::lost(boost::system::error_code ec) {
    bool is = ec == store_errc::unknown_outcome || ec == store_errc::reopen_needed || ec == store_errc::damaged_file;
    if (is) file_lost(ec);
    return is;
}

void space_body::file_lost(boost::system::error_code why) {
    if (stopped_) return;
    bool known = bool(store_error_);
    store_error_ = why;
    if (known) return;
    if (std::exchange(turn_waits_, false)) boost::asio::post(setup_.executor, [self = weak_from_this()] {
        auto s = self.lock();
        if (s && !s->stopped_) s->seal();
    });
    auto savers = std::exchange(savers_, {});
    auto copiers = std::exchange(copiers_, {});
    for (auto& s : savers) answer_later(s.handler, node_errc::unsaved);
    for (auto& c : copiers) answer_later(c.handler, node_errc::unsaved);
    rows_moved();
}

void space_body::reopened(std::vector<entry_log::file_row> rows, std::uint64_t floor, bytes_view half_joined,
                          std::uint64_t as_of) {
    if (stopped_) return;
    seal(); // into the tail only: nothing is written yet
    if (!joining_) staged_.reset(); // its last rows may be lost
    rereading_ = true;
    store_error_ = store_errc::reopen_needed;
    auto from = log_.saved_position();
    log_.reopened(rows);
    for (; from < log_.saved_position(); ++from) durable_.see(log_.at(from).at);
    // The file says where the join ended, if the write that ends it is there; else no row of it is later.
    if (std::exchange(joined_unanswered_, false)) {
        auto end = joined_until(half_joined, as_of);
        joined_until_ = end == as_of && end > joined_until_ ? end : log_.last_row();
    }
    known_again_ = false;
    cold_ = {}, replayed_ = {}, cold_in_flight_.clear();
    written_floor_ = floor; // what was said above it may be lost
    read_again(floor + 1, rows.empty() ? 0 : rows.back().id);
}

/// As if the file were still closed.
void space_body::rows_are_lost() {
    setup_.alarm("the file has lost saved entries of space " + setup_.name + ": nothing more of it is saved; restart this node");
    joining_ = rereading_ = false;
    staged_.reset();
    end_rebuilding();
}

/// What stands above the floor waits for its objects, as at start.
void space_body::read_again(std::uint64_t row, std::uint64_t until) {
    if (row > until) return write_tail();
    store_->read_rows(row, 1 << 20, [this, self = weak_from_this(), until](auto ec, std::vector<log_row> rows) {
        auto shared = std::make_shared<std::vector<log_row>>(std::move(rows));
        back(self, [this, self, until, ec, shared] {
            auto alive = self.lock();
            if (!alive || stopped_ || !rereading_) return;
            if (ec) return void(lost(ec));
            for (auto& r : *shared) {
                bool ours = std::any_of(r.runs.begin(), r.runs.end(), [&](auto& x) { return x.space == store_space_; });
                if (r.damaged && (ours || r.runs.empty())) return rows_are_lost();
                if (r.damaged) continue;
                each_series(r.runs, r.bytes, [&](std::uint32_t space, series const& s) {
                    if (space == store_space_) replay(r.row, s);
                });
            }
            if (shared->empty()) return write_tail();
            read_again(shared->back().row + 1, until);
        })();
    });
}

/// Entries that the file lacks, in their order, with their old dots and bytes.
void space_body::write_tail() {
    store_error_ = {};
    entry_body body;
    for (auto p = log_.saved_position(); p < log_.next_position(); ++p) {
        auto& i = log_.at(p);
        entry e{table_.id(i.at.slot()), i.at.number(), i.stamp, i.body};
        require(body.read(e.body), "an entry that was checked could not be read");
        write_entry(e.writer, i, p);
        each_object_delta(body.delta, [&](object_delta const& one) {
            auto& type = make_type(one.type, nullptr, false);
            bool joined = p < joined_position_; // it is in every object
            if (!find(type, one.key) && !joined && !mutant("recovery_forgets_cold_objects_of_the_tail"))
                cold_.add(type_number(type), one.key, record_of(e, body, one.delta, 0), p);
            return true;
        });
    }
    // What came as state is in no entry: it stands in the file before the vector that says so.
    while (!unsaved_.empty() && unsaved_.front().since == 0) save_state(unsaved_.front(), {});
    write_known();
    rereading_ = false;
    joining_ ? join_again() : end_rebuilding();
    boost::asio::post(setup_.executor, [this, self = weak_from_this()] {
        auto alive = self.lock();
        if (alive && !stopped_) committed();
    });
}

} // namespace dunlin
