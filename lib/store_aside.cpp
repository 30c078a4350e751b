// A file whose pages are damaged, or whose names are: is it so when it is read again, and where it goes then. It is
// never deleted.
#include "store_connection.hpp"
#include "store_core.hpp"
#include "store_file.hpp"
#include <algorithm>
#include <cstdio>
#include <memory>
#include <sys/stat.h>

namespace dunlin {
namespace {

/// One file of a VFS that cannot rename: that of a simulated disk.
class vfs_file {
    struct released {
        void operator()(sqlite3_file* f) const { ::operator delete(f); }
    };
    std::unique_ptr<sqlite3_file, released> file_;

public:
    vfs_file(sqlite3_vfs* vfs, std::string const& path, int flags)
        : file_(static_cast<sqlite3_file*>(::operator new(std::size_t(vfs->szOsFile)))) {
        file_->pMethods = nullptr;
        int rc = vfs->xOpen(vfs, path.c_str(), file_.get(), flags | SQLITE_OPEN_MAIN_DB, nullptr);
        if (rc && !file_->pMethods) file_.reset();
    }
    ~vfs_file() {
        if (file_) file_->pMethods->xClose(file_.get());
    }
    explicit operator bool() const { return bool(file_); }

    bool copy_to(vfs_file& to) {
        sqlite3_int64 size = 0;
        char page[4096];
        if (file_->pMethods->xFileSize(file_.get(), &size)) return false;
        for (sqlite3_int64 at = 0; at < size; at += sqlite3_int64(sizeof page)) {
            int n = int(std::min<sqlite3_int64>(size - at, sizeof page));
            if (file_->pMethods->xRead(file_.get(), page, n, at)) return false;
            if (to.file_->pMethods->xWrite(to.file_.get(), page, n, at)) return false;
        }
        return !to.file_->pMethods->xSync(to.file_.get(), SQLITE_SYNC_NORMAL);
    }
};

bool exists(sqlite3_vfs* vfs, std::string const& path) {
    if (!vfs) {
        struct stat there;
        return ::stat(path.c_str(), &there) == 0;
    }
    int is = 0;
    return vfs->xAccess(vfs, path.c_str(), SQLITE_ACCESS_READWRITE, &is) || is;
}

/// True also if there is none.
bool move(sqlite3_vfs* vfs, std::string const& from, std::string const& to) {
    if (!exists(vfs, from)) return true;
    if (!vfs) return ::rename(from.c_str(), to.c_str()) == 0;
    {
        vfs_file in(vfs, from, SQLITE_OPEN_READONLY), out(vfs, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        if (!in || !out || !in.copy_to(out)) return false;
    }
    return !vfs->xDelete(vfs, from.c_str(), 1);
}

} // namespace

boost::system::error_code store_file::move_aside(store_options const& options, std::string& moved_to) {
    auto vfs = options.vfs.empty() ? nullptr : sqlite3_vfs_find(options.vfs.c_str());
    for (int n = 1; n < 1000; ++n) {
        auto to = options.path + ".damaged-" + std::to_string(n);
        if (exists(vfs, to) || exists(vfs, to + "-wal")) continue;
        // The WAL first: a database without its WAL is older but whole, a WAL of another database would be replayed
        // into a new one.
        if (!move(vfs, options.path + "-wal", to + "-wal") || !move(vfs, options.path, to)) return store_errc::unwritable;
        moved_to = to;
        return {};
    }
    return store_errc::unwritable;
}

boost::system::error_code store_file::look_again(store_options const& options) {
    if (auto error = open(options)) return error;
    store_statement check;
    int rc = check.prepare(connection_->db, "PRAGMA quick_check(1)");
    bool whole = false;
    if (!rc) {
        store_statement::use q(check);
        rc = q.step();
        whole = rc == SQLITE_ROW && q.blob(0) == "ok";
    }
    bool damaged = rc == SQLITE_ROW ? !whole : (rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB;
    broken_ = damaged ? store_errc::damaged_file : store_errc::reopen_needed; // so that closing writes nothing
    auto error = whole ? boost::system::error_code() : broken_;
    return error;
}

/// Rows whose type has lost its name are read as absent, and absent is removed: such a file is as good as its pages.
boost::system::error_code store::core::without_names(store_options const& options, store_summary& summary) {
    struct second_look : store_sink {
        bool lost = false;
        void on_damage(store_damage const& d) override {
            lost |= d.where == store_damage::place::name || d.where == store_damage::place::space;
        }
    } again;
    file_.close();
    error_code error = file_.open(options);
    if (!error) error = file_.scan(again, summary);
    file_.close();
    if (error) return error;
    if (!again.lost) return store_errc::reopen_needed; // it was read wrongly
    if (auto failed = store_file::move_aside(options, summary.moved_to)) return failed;
    return store_errc::damaged_file;
}

} // namespace dunlin
