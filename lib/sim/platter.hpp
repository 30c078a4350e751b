// What a disk holds, what of it is sure, and what it may hold after the power was cut.
//
//   write, truncate   change what is read, and are pending until the file is synced
//   sync              makes the file's pending changes sure; `folder` makes all names sure
//   create, remove    bind a name or free it; sure only after a sync of the folder
//   lose              a failed sync dropped the dirty pages: they are still read, and will never be sure
//
// Power cut, the page cache's model: each 512-byte sector holds any content it had since the file's last sync, so
// writes are lost, reordered and torn in every combination; the size is any size it had; a name is bound to anything it
// was bound to since the folder's last sync. Optionally noise in the bytes that were in flight.
//
// recording  "record once, cut everywhere": apply its events one by one to a copy of its start, and cut after each.
// State    two copies of every file, and the pending changes: at most pending_max a file, then they count as written
// back.
#pragma once
#include "random.hpp"

#include <map>
#include <string>
#include <vector>

namespace dunlin::sim {

/// The files of a disk, all sure: a backup, or what is there after a power cut.
struct image {
    std::map<std::string, std::string> files;
    bool operator==(image const&) const = default;
};

enum class disk_op : std::uint8_t { create, remove, write, truncate, sync, lose, mark };

struct disk_event {
    disk_op what;
    bool folder = false;    ///< of a sync or remove: the folder too
    std::size_t file = 0;   ///< which; not for mark
    std::uint64_t at = 0;   ///< offset; size of a truncate; number of a mark
    std::string bytes = {}; ///< of a write; the name of a create or remove
};

struct cut_style {
    enum class keep : std::uint8_t { any, only_sure, everything } what = keep::any;
    double noise = 0;        ///< of sectors in flight: the bytes that were being written hold anything
    bool wide_noise = false; ///< all bytes of the sector
};

class platter {
    struct change {
        std::uint64_t at;
        std::string bytes;
        bool truncates;
    };
    struct inode {
        std::string current, sure;
        std::vector<change> pending;
        bool named = true;
    };

    std::vector<inode> inodes_;
    std::map<std::string, std::vector<std::size_t>, std::less<>>
        names_; ///< bindings since the folder's sync; last: now
    std::uint64_t used_ = 0;

    static void put(std::string& file, change const& c);
    std::string cut_file(inode const& n, generator& chance, cut_style style) const;
    void sure_names();
    void change_file(std::size_t file, change c);

public:
    static constexpr std::size_t none = std::size_t(-1), sector_bytes = 512, pending_max = 1 << 16;

    platter() = default;
    explicit platter(image const& start);

    std::size_t find(std::string_view name) const;
    std::size_t next_file() const { return inodes_.size(); }
    std::string const& read(std::size_t file) const { return inodes_[file].current; }
    /// Of all files that have a name now.
    std::uint64_t used_bytes() const { return used_; }

    void apply(disk_event const& e);
    void flip(std::size_t file, std::uint64_t bit);

    /// What is read now: what a process finds that starts after another was killed.
    image contents() const;
    image cut(generator& chance, cut_style style = {}) const;
};

struct recording {
    platter start;
    std::vector<disk_event> events;
};

} // namespace dunlin::sim
