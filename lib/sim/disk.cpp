#include "disk.hpp"

#include "../sqlite.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

namespace dunlin::sim {

using std::chrono::nanoseconds;

struct disk::registered {
    std::string name;
    sqlite3_vfs vfs{};
};

namespace {

struct handle {
    sqlite3_file file;
    disk* of;
    std::size_t inode;
    std::uint64_t generation;
    bool syncs_folder, temporary;
};

handle& at(sqlite3_file* f) { return *reinterpret_cast<handle*>(f); }

/// No exception through SQLite.
template <class F> int guarded(F&& f) noexcept {
    try {
        return f();
    } catch (std::bad_alloc const&) { return SQLITE_IOERR_NOMEM; } catch (...) {
        return SQLITE_IOERR;
    }
}

std::atomic<std::uint64_t> disks_made{0};

} // namespace

/// SQLite's calls. Each begins with the question whether there still is a disk.
struct disk_vfs {
    static disk& of(sqlite3_vfs* v) { return *static_cast<disk*>(v->pAppData); }
    static bool gone(handle const& h) { return h.generation != h.of->generation_ || h.of->dead(); }
    /// A change is counted before it is made: the n-th is the first that fails.
    static bool gone_for_change(handle const& h) {
        if (h.generation != h.of->generation_) return true;
        ++h.of->counts.changes;
        return h.of->dead();
    }

    static std::string temporary_name(std::size_t inode) { return "temporary-" + std::to_string(inode); }

    static int close(sqlite3_file* f) {
        f->pMethods = nullptr;
        return guarded([&] {
            handle& h = at(f);
            if (h.temporary && !gone(h)) h.of->change({disk_op::remove, false, h.inode, 0, temporary_name(h.inode)});
            return SQLITE_OK;
        });
    }

    static int read(sqlite3_file* f, void* into, int n, sqlite3_int64 from) {
        handle& h = at(f);
        disk& d = *h.of;
        if (gone(h)) return SQLITE_IOERR_READ;
        ++d.counts.reads;
        d.spent_ += d.timing.read + d.timing.per_kib * n / 1024;
        if (d.struck(on_read)) return SQLITE_IOERR_READ;
        auto const& bytes = d.platter_.read(h.inode);
        auto const have = std::clamp<sqlite3_int64>(sqlite3_int64(bytes.size()) - from, 0, n);
        auto* out = static_cast<char*>(into);
        if (have > 0) {
            std::memcpy(out, bytes.data() + from, std::size_t(have));
            if (d.counts.reads == d.flip_at_read_ || d.chance_.happens(d.read_flips_)) {
                auto const bit = d.chance_() % (std::uint64_t(have) * 8);
                out[bit / 8] = char(out[bit / 8] ^ 1 << bit % 8);
                ++d.counts.fired;
            }
        }
        if (have == n) return SQLITE_OK;
        std::memset(out + have, 0, std::size_t(n - have));
        return SQLITE_IOERR_SHORT_READ;
    }

    static int write(sqlite3_file* f, void const* from, int n, sqlite3_int64 to) {
        return guarded([&] {
            handle& h = at(f);
            disk& d = *h.of;
            if (gone_for_change(h)) return SQLITE_IOERR_WRITE;
            ++d.counts.writes;
            d.spent_ += d.timing.write + d.timing.per_kib * n / 1024;
            std::size_t size = std::size_t(n);
            int result = SQLITE_OK;
            if (auto const* fault = d.struck(on_write)) {
                if (fault->lies) return SQLITE_OK;
                size = std::min(size, fault->part_bytes);
                result = fault->full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
            }
            auto const have = d.platter_.read(h.inode).size();
            auto const end = std::uint64_t(to) + size;
            if (size && end > have && d.platter_.used_bytes() + (end - have) > d.room_bytes_) return SQLITE_FULL;
            d.counts.written_bytes += size;
            if (size)
                d.change({disk_op::write, false, h.inode, std::uint64_t(to), {static_cast<char const*>(from), size}});
            return result;
        });
    }

    static int truncate(sqlite3_file* f, sqlite3_int64 size) {
        return guarded([&] {
            handle& h = at(f);
            disk& d = *h.of;
            if (gone_for_change(h)) return SQLITE_IOERR_TRUNCATE;
            ++d.counts.truncates;
            if (auto const* fault = d.struck(on_truncate)) return fault->lies ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
            d.change({disk_op::truncate, false, h.inode, std::uint64_t(size), {}});
            return SQLITE_OK;
        });
    }

    static int sync(sqlite3_file* f, int) {
        return guarded([&] {
            handle& h = at(f);
            disk& d = *h.of;
            if (gone_for_change(h)) return SQLITE_IOERR_FSYNC;
            ++d.counts.syncs;
            d.spent_ += d.timing.sync;
            d.spent_ += nanoseconds(std::int64_t(d.chance_.exponential(double(d.timing.sync_mean.count()))));
            if (auto const* fault = d.struck(on_sync)) {
                if (fault->lies) return SQLITE_OK;
                if (fault->drops) d.change({disk_op::lose, false, h.inode, 0, {}});
                return fault->full ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
            }
            d.change({disk_op::sync, std::exchange(h.syncs_folder, false), h.inode, 0, {}});
            return SQLITE_OK;
        });
    }

    static int size(sqlite3_file* f, sqlite3_int64* bytes) {
        handle& h = at(f);
        if (gone(h)) return SQLITE_IOERR_FSTAT;
        *bytes = sqlite3_int64(h.of->platter_.read(h.inode).size());
        return SQLITE_OK;
    }

    static int lock(sqlite3_file*, int) { return SQLITE_OK; }
    static int reserved(sqlite3_file*, int* answer) { return *answer = 0, SQLITE_OK; }
    // Never SQLITE_OK to what is not known: it would swallow every PRAGMA.
    static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
    static int sector(sqlite3_file*) { return int(platter::sector_bytes); }
    static int traits(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

    static sqlite3_io_methods const* methods() {
        static sqlite3_io_methods const all = {1,       close,   read,     write,   truncate, sync,   size,
                                               lock,    lock,    reserved, control, sector,   traits, nullptr,
                                               nullptr, nullptr, nullptr,  nullptr, nullptr};
        return &all;
    }

    static int open(sqlite3_vfs* v, char const* path, sqlite3_file* f, int flags, int* out) {
        f->pMethods = nullptr;
        return guarded([&] {
            disk& d = of(v);
            if (d.dead()) return SQLITE_CANTOPEN;
            std::string const name = path ? path : temporary_name(d.platter_.next_file());
            auto inode = d.platter_.find(name);
            if (inode == platter::none) {
                if (!(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
                ++d.counts.changes;
                if (d.dead()) return SQLITE_CANTOPEN;
                inode = d.platter_.next_file();
                d.change({disk_op::create, false, inode, 0, name});
            }
            // As on unix: the first sync of a journal or WAL that this handle may have created syncs the folder too.
            int const journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
            bool const folder = (flags & SQLITE_OPEN_CREATE) && (flags & journals);
            ::new (static_cast<void*>(f)) handle{{methods()}, &d, inode, d.generation_, folder, !path};
            if (out) *out = flags;
            return SQLITE_OK;
        });
    }

    static int remove(sqlite3_vfs* v, char const* path, int folder) {
        return guarded([&] {
            disk& d = of(v);
            ++d.counts.changes;
            if (d.dead()) return SQLITE_IOERR_DELETE;
            auto const inode = d.platter_.find(path);
            if (inode == platter::none) return SQLITE_IOERR_DELETE_NOENT;
            d.change({disk_op::remove, folder != 0, inode, 0, path});
            return SQLITE_OK;
        });
    }

    static int access(sqlite3_vfs* v, char const* path, int what, int* answer) {
        disk& d = of(v);
        if (d.dead()) return SQLITE_IOERR_ACCESS;
        auto const inode = d.platter_.find(path);
        // An empty journal counts as none, as on unix.
        *answer = inode != platter::none && (what != SQLITE_ACCESS_EXISTS || !d.platter_.read(inode).empty());
        return SQLITE_OK;
    }

    static int full_path(sqlite3_vfs*, char const* path, int n, char* out) {
        int const length = std::snprintf(out, std::size_t(n), "%s", path);
        return length < n ? SQLITE_OK : SQLITE_CANTOPEN;
    }

    static int randomness(sqlite3_vfs* v, int n, char* out) {
        of(v).chance_.fill({reinterpret_cast<std::uint8_t*>(out), std::size_t(n)});
        return n;
    }

    static int sleep(sqlite3_vfs* v, int us) {
        of(v).spent_ += std::chrono::microseconds(us);
        return us;
    }

    static int time_ms(sqlite3_vfs* v, sqlite3_int64* out) {
        constexpr sqlite3_int64 epoch_ms = 210'866'760'000'000; // 1970 in Julian milliseconds
        disk& d = of(v);
        auto const wall = d.clock_ ? d.clock_->wall_now().count() : 1'767'225'600'000;
        *out = epoch_ms + wall + std::chrono::duration_cast<std::chrono::milliseconds>(d.spent_).count();
        return SQLITE_OK;
    }

    static int time_days(sqlite3_vfs* v, double* out) {
        sqlite3_int64 ms = 0;
        time_ms(v, &ms);
        *out = double(ms) / 86'400'000;
        return SQLITE_OK;
    }

    static int last_error(sqlite3_vfs*, int, char*) { return 0; }
};

disk::disk(std::string name, std::uint64_t seed, clock const* time)
    : name_(std::move(name)), chance_(seed, "disk " + name_), clock_(time), vfs_(std::make_unique<registered>()) {
    vfs_->name = "sim-" + std::to_string(disks_made++) + "-" + name_;
    sqlite3_vfs& v = vfs_->vfs;
    v.iVersion = 2;
    v.szOsFile = sizeof(handle);
    v.mxPathname = 512;
    v.zName = vfs_->name.c_str();
    v.pAppData = this;
    v.xOpen = disk_vfs::open;
    v.xDelete = disk_vfs::remove;
    v.xAccess = disk_vfs::access;
    v.xFullPathname = disk_vfs::full_path;
    v.xRandomness = disk_vfs::randomness;
    v.xSleep = disk_vfs::sleep;
    v.xCurrentTime = disk_vfs::time_days;
    v.xGetLastError = disk_vfs::last_error;
    v.xCurrentTimeInt64 = disk_vfs::time_ms;
    if (sqlite3_vfs_register(&v, 0) != SQLITE_OK) throw std::runtime_error("SQLite takes no more VFS");
}

disk::~disk() { sqlite3_vfs_unregister(&vfs_->vfs); }

char const* disk::vfs_name() const { return vfs_->name.c_str(); }

void disk::change(disk_event e) {
    platter_.apply(e);
    if (recording_) recording_->events.push_back(std::move(e));
}

disk_fault const* disk::struck(disk_call call) {
    disk_fault const* found = nullptr;
    for (auto& a : faults_) {
        auto const& f = a.fault;
        if (!(f.calls & call)) continue;
        std::uint64_t const n = ++a.seen;
        bool const again = f.every && n > f.at && (n - f.at) % f.every == 0;
        if (!found && (n == f.at || (f.for_ever && n > f.at) || again)) found = &f;
    }
    if (found) ++counts.fired;
    return found;
}

void disk::clear_faults() {
    faults_.clear();
    flip_at_read_ = 0;
    read_flips_ = 0;
    room_bytes_ = std::uint64_t(-1);
    dies_at_ = 0;
}

void disk::flip_at_rest(std::string_view file, std::uint64_t bit) {
    auto const inode = platter_.find(file);
    if (inode == platter::none) throw std::logic_error("no file is named " + std::string(file));
    platter_.flip(inode, bit);
}

void disk::load(image const& files) {
    platter_ = platter(files);
    ++generation_;
    dies_at_ = 0;
    recording_ = nullptr;
}

void disk::record(recording* into) {
    recording_ = into;
    if (into) *into = {platter_, {}};
}

disk_registration::disk_registration(disk& d) : before_(sqlite3_vfs_find(nullptr)) {
    sqlite3_vfs_register(sqlite3_vfs_find(d.vfs_name()), 1);
    sqlite3_randomness(0, nullptr);
}

disk_registration::~disk_registration() {
    sqlite3_vfs_register(static_cast<sqlite3_vfs*>(before_), 1);
    sqlite3_randomness(0, nullptr);
}

} // namespace dunlin::sim
