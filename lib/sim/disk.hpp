// A simulated disk: an SQLite VFS in memory that knows what was synced, and fails as disks do.
//
//   sim::disk disk("n1", seed);
//   sqlite3_open_v2("game.db", &db, flags, disk.vfs_name());
//
//   fault            the n-th write, sync, truncate or read fails, once or from then on; full, short, lying, dropping
//   room             bytes there are: more is SQLITE_FULL, and nothing was written
//   flips            a bit turned at rest, or in what a read returns
//   cut_power_after  from the n-th change on every call fails and changes nothing: so a live node loses power in the
//   midst lose_power       the present files become what platter::cut leaves of them; handles still open are dead leave
//   a process was killed: its handles are dead, the kernel keeps every byte record           every change as an event:
//   cut after each of them without running anything again
//
// Time is not slept but counted: take_time() gives what the calls since the last asking took, and the job that made
// them is completed so much later. The world's seed decides everything, provided that disk_registration makes one disk
// the default VFS for the run: SQLite draws the seed of its own generator from there, once a process otherwise.
//
// For one connection a file, in locking_mode=EXCLUSIVE if in WAL mode (no shared memory here: CANTOPEN without).
// Size     two copies of each file, plus what is not synced.  Threads  one at a time.
// Errors   SQLite's codes; no exception leaves. The disk outlives connections on it.
#pragma once
#include "platter.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace dunlin::sim {

enum disk_call : std::uint8_t { on_write = 1, on_sync = 2, on_truncate = 4, on_read = 8 };

struct disk_fault {
    std::uint8_t calls = 0;     ///< of disk_call, or-ed: what is counted
    std::uint64_t at = 1;       ///< the n-th from now, 1 the next one
    bool for_ever = false;      ///< from then on
    std::uint64_t every = 0;    ///< and each n-th after it
    bool full = false;          ///< SQLITE_FULL instead of the call's own I/O error
    std::size_t part_bytes = 0; ///< a write that fails has written so much
    bool drops = false;         ///< a sync that fails drops the dirty pages: they are read, and never written
    bool lies = false;          ///< the call says it succeeded, and did nothing

    disk_fault() {}
    disk_fault(std::uint8_t what, std::uint64_t n) : calls(what), at(n) {}
    disk_fault& for_good() { return for_ever = true, *this; }
    disk_fault& again_every(std::uint64_t n) { return every = n, *this; }
    disk_fault& no_room() { return full = true, *this; }
    disk_fault& short_by_all_but(std::size_t bytes) { return part_bytes = bytes, *this; }
    disk_fault& dropping() { return drops = true, *this; }
    disk_fault& lying() { return lies = true, *this; }
};

struct disk_timing {
    std::chrono::nanoseconds read = std::chrono::microseconds(1);
    std::chrono::nanoseconds write = std::chrono::microseconds(2);
    std::chrono::nanoseconds per_kib = std::chrono::nanoseconds(500);
    std::chrono::nanoseconds sync = std::chrono::microseconds(100);
    std::chrono::nanoseconds sync_mean = std::chrono::nanoseconds(0); ///< and an exponential part
};

struct disk_counts {
    std::uint64_t reads = 0, writes = 0, syncs = 0, truncates = 0, written_bytes = 0;
    std::uint64_t changes = 0; ///< writes, syncs, truncates, creates and removes that were asked for
    std::uint64_t fired = 0;   ///< faults and flips that struck
};

class disk {
    friend struct disk_vfs;
    struct armed {
        disk_fault fault;
        std::uint64_t seen = 0;
    };
    struct registered;

    std::string name_;
    generator chance_;
    clock const* clock_;
    platter platter_;
    std::unique_ptr<registered> vfs_;
    std::uint64_t generation_ = 1;
    recording* recording_ = nullptr;
    std::vector<armed> faults_;
    std::uint64_t room_bytes_ = std::uint64_t(-1), dies_at_ = 0, flip_at_read_ = 0;
    double read_flips_ = 0;
    std::chrono::nanoseconds spent_{};

    void change(disk_event e);
    disk_fault const* struck(disk_call call);

public:
    disk_timing timing;
    disk_counts counts;

    /// The clock, if any, is what SQLite reads the time from; it outlives the disk.
    disk(std::string name, std::uint64_t seed, clock const* time = nullptr);
    ~disk();
    disk(disk const&) = delete;

    char const* vfs_name() const;

    void add(disk_fault f) { faults_.push_back({f}); }
    void clear_faults();
    void set_room(std::uint64_t bytes) { room_bytes_ = bytes; }
    std::uint64_t used_bytes() const { return platter_.used_bytes(); }
    void flip_at_rest(std::string_view file, std::uint64_t bit);
    /// One bit of what the n-th read from now returns; and of each read with this probability.
    void flip_read(std::uint64_t n) { flip_at_read_ = counts.reads + n; }
    void set_read_flips(double probability) { read_flips_ = probability; }

    /// 1: before the next change. Every call fails from there on, until lose_power() or load().
    void cut_power_after(std::uint64_t changes) { dies_at_ = counts.changes + changes; }
    bool dead() const { return dies_at_ && counts.changes >= dies_at_; }
    void lose_power(cut_style style = {}) { load(platter_.cut(chance_, style)); }
    void leave() { ++generation_; }

    /// What a process reads; what a cut would leave; both as copies.
    image contents() const { return platter_.contents(); }
    image cut(generator& chance, cut_style style = {}) const { return platter_.cut(chance, style); }
    /// Replaces everything; handles still open are dead, faults stay.
    void load(image const& files);

    /// Until record(nullptr) or load(). Starts with what is there now.
    void record(recording* into);
    /// "attempted 7", "confirmed 7": a number of the workload, among the events.
    void mark(std::uint64_t n) { change({disk_op::mark, false, 0, n}); }

    std::chrono::nanoseconds take_time() { return std::exchange(spent_, std::chrono::nanoseconds(0)); }
};

/// Makes a disk SQLite's default for its lifetime and starts SQLite's own generator anew from it: equal seeds, equal
/// runs.
class disk_registration {
    void* before_;

public:
    explicit disk_registration(disk& d);
    ~disk_registration();
    disk_registration(disk_registration const&) = delete;
};

} // namespace dunlin::sim
