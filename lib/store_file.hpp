// The file of a node: one SQLite database as log of entries, states of objects and disk of everything else.
// Synchronous.
//
//   log       id, at, heads, sum, bytes               one row for all entries of a commit, at most 256 KiB unless one
//   write is larger object    h, type, key, upto, sum, parts, tail, state, ends   rowid h = space | hash | slot; index
//   (type) gives listings by type in hash order part      id, h, sum, bytes                       bases above 16 KiB in
//   pieces of 1 MiB; deltas of large objects space     n, at, sum, vector, heads               as of log row `at` name
//   k = kind << 32 | number, sum, bytes     spaces, types, writers meta      k, sum, v                               1:
//   floor quarantine id, h, at, bytes                       rows that failed their checksum
//
// Rules, each with its reason:
//   - `upto` of a state is the last log row written at its point of the queue: a log row never spans a state, so upto
//   is exact.
//   - log ids go on from max(last id, floor) + 1 and never start again, or `upto` would lie after a full cut.
//   - the log is never cut above the floor.
//   - a failed COMMIT closes the connection without writing (no checkpoint): its outcome is unknown. Disk full rolls
//   back and goes on.
//   - damaged rows stop nothing else: object rows go to quarantine, log rows at or below the floor are dropped, above
//   it reported.
// One connection and locking_mode=EXCLUSIVE: SQLite 3.40.1 has a WAL-reset bug that needs two, and no second process
// may open the file. Listings by type use an index on `type` alone: SQLite appends the rowid h, so (type, h > x) is one
// descent and a page costs the page.
//   It costs about 12 bytes and one more leaf per *created* object, nothing on later writes (UPDATE leaves it alone).
//
// Use      begin, add ..., commit; reads only outside of a batch. After `broken()` only close() and destruction.
// Threads  one at a time. Size: cache_bytes, and 256 KiB. Errors: store_errc.
// Source   group commit (DeWitt et al. 1984), fuzzy checkpoint with log sequence numbers (ARIES).
#pragma once
#include "store_error.hpp"
#include "store_rows.hpp"
#include <map>
#include <memory>
#include <span>

namespace dunlin {

struct store_connection;
struct object_row;
struct object_copy;
struct part_directory;

class store_file {
public:
    static constexpr std::size_t log_row_bytes_max = 256 << 10;
    static constexpr std::size_t inline_state_bytes_max = 16 << 10;
    static constexpr std::size_t tail_bytes_max = 2 << 10;
    static constexpr std::size_t part_bytes_max = 1 << 20;
    static constexpr std::size_t cut_rows_max = 100;
    static constexpr std::size_t quarantine_rows_max = 1024;
    static constexpr std::size_t quarantine_bytes_max = 1 << 20;

    store_file();
    ~store_file();
    store_file(store_file const&) = delete;
    store_file& operator=(store_file const&) = delete;

    /// Opens or makes the file. After an error the object is closed, and a file of another program is as it was.
    boost::system::error_code open(store_options const& options);
    /// With a WAL checkpoint, unless broken: then nothing is written.
    void close();
    bool is_open() const { return connection_ != nullptr; }
    /// A read, a checkpoint or a commit failed in a way that only reopening mends; with its reason.
    bool broken() const { return bool(broken_); }
    boost::system::error_code broken_reason() const { return broken_; }
    /// What SQLite said last, for a log line.
    std::string const& last_message() const { return message_; }

    /// Tells the sink everything but the objects, once after open(). An error means broken.
    boost::system::error_code scan(store_sink& sink, store_summary& summary);

    // ---- writing
    void begin(std::int64_t now_ms);
    /// Views and strings of `write` are used during the call only. Results hold once commit() said ok.
    write_result add(store_write const& write);
    /// Cuts at most 100 rows if the log is above its budget, then commits.
    commit_result commit();
    /// Frees room in a full file: cuts down to the floor, at most `rows_max` rows.
    commit_result cut_to_floor(std::size_t rows_max);
    /// begin, add all, commit.
    commit_result write_batch(std::int64_t now_ms, std::span<store_write const> writes,
                              std::vector<write_result>* results = nullptr);

    /// Frames of the WAL to be copied into the database, as of the last commit; 0 after check_in().
    int wal_frames() const;
    /// PASSIVE. False: nothing lost, try later (disk full) or broken().
    bool checkpoint();
    /// The same for a file that will rest, and the WAL is begun anew: nothing old in it is played back at the next start.
    bool check_in();
    /// The same for a file that was opened again after a failure, where the next commit may fail too: the WAL is cut off.
    bool empty_wal();

    // ---- reading
    object_state load(std::uint32_t space, std::uint32_t type, std::uint64_t hash, bytes_view key);
    list_page list(list_query const& query);
    std::vector<due_item> due(due_query const& query);
    /// row == 0 in the answer: there is no such row.
    log_row read_row(std::uint64_t row);
    /// Rows from `row` on, at least one if there is one, together at most bytes_max unless the first is larger.
    std::vector<log_row> read_rows(std::uint64_t row, std::size_t bytes_max);

    std::uint64_t floor() const { return now_.floor; }
    std::uint64_t last_row() const { return now_.next_row - 1; }
    std::uint64_t first_row() const { return now_.first_row; }
    std::uint64_t log_bytes() const { return now_.log_bytes; }
    /// SQLite's integrity_check, for tools and tests. Reads the whole file. "ok" or what is wrong.
    std::string integrity_check();

    // ---- pages that are damaged; the file is closed (store_aside.cpp)
    /// Whether they are so when they are read again, by quick_check: none if not. To be closed afterwards.
    boost::system::error_code look_again(store_options const& options);
    /// Moves the file and its WAL to path + ".damaged-N", for a fresh start.
    static boost::system::error_code move_aside(store_options const& options, std::string& moved_to);

private:
    struct space_floor {
        std::uint32_t space;
        std::uint64_t floor; // as it said last
        std::uint64_t last;  // the last row with entries of it, of those above the file's floor
    };
    struct position { // what a rollback puts back
        std::uint64_t next_row = 1;
        std::uint64_t next_part = 1;
        std::uint64_t floor = 0;
        std::vector<space_floor> spaces; // few
        std::uint64_t first_row = 1;
        std::int64_t first_at_ms = 0;
        std::uint64_t log_bytes = 0;
    };

    boost::system::error_code check_file();
    boost::system::error_code set_up();
    boost::system::error_code read_positions();
    bool scan_small_tables(store_sink& sink, store_summary& summary);
    bool scan_log(store_sink& sink, store_summary& summary);

    write_result apply(log_write const& w);
    write_result apply(state_write const& w);
    write_result apply(delta_write const& w);
    write_result apply(erase_write const& w);
    write_result apply(space_write const& w);
    write_result apply(name_write const& w);
    write_result apply(meta_write const& w);
    write_result apply(floor_write const& w);
    space_floor& floor_of(std::uint32_t space);
    void put_floor();
    void end_row();
    bool find_slot(object_name const& object, std::int64_t& h, bool& exists);
    void erase_parts(std::int64_t h, bytes_view directory);
    std::uint64_t insert_part(std::int64_t h, bytes_view bytes);
    void put_object(object_row const& row, bool exists, std::int64_t ends_ms);
    void must_have_changed();
    void make_sure_of_none(object_name const& object);
    void find_unsound(std::int64_t window, std::vector<object_copy>& damaged);
    bool append_deltas(object_row& row, part_directory& directory, bytes_view deltas, std::string& tail);
    void cut(std::uint64_t budget_bytes, std::int64_t oldest_ms, std::size_t rows_max);

    bool list_row(list_query const& query, object_row const& row, bool sound, list_page& page,
                  std::vector<object_copy>& damaged);
    void find_lost(std::int64_t window, std::uint32_t type, unsigned seen, std::vector<object_copy>& damaged,
                   bytes_view key);
    bool read_parts(object_row const& row, object_state& into);
    bool checks_in_whole();
    bool quarantine(std::vector<object_copy> const& rows);
    void lift_quarantine(object_name const& object, bool existed);
    bool read_quarantine();
    void drop_log_rows(std::vector<std::uint64_t> const& rows);
    void add_marks(list_query const& query, std::uint64_t last_hash, list_page& page) const;

    int checked(int rc);
    /// A step of the batch; none is made once one has failed.
    template <class Use> int step(Use&& use) { return in_batch_ && failed_ ? failed_ : checked(use.step()); }
    boost::system::error_code break_with(int rc);

    struct mark { // a row in quarantine
        std::int64_t id = 0;
        std::uint32_t type = 0;
        std::string key; // as far as the row could be read
    };

    std::unique_ptr<store_connection> connection_;
    store_options options_;
    position now_, before_;
    std::map<std::int64_t, std::vector<mark>> quarantined_; // by window: (space, hash) without slot
    bool quarantine_changed_ = false;
    std::int64_t next_mark_ = 1;
    std::int64_t now_ms_ = 0;
    bool in_batch_ = false, scanned_ = false, fresh_ = false;
    // Through all openings: frames of the WAL that a confirmed commit is in, and whether an opening found fewer.
    int sure_frames_ = 0;
    bool is_short_ = false;
    int failed_ = 0; // first error inside the batch
    boost::system::error_code broken_;
    std::string message_;
    std::string row_bytes_; // the row being filled
    unsigned taken_ = 0;    // slots of the window that find_slot looked at
    std::string row_parts_; // directory of the object that find_slot found
    std::int64_t row_ends_ms_ = 0; // its first deadline; 0: none
    std::vector<log_run> row_runs_;
};

} // namespace dunlin
