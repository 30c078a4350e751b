#include "store_error.hpp"
#include <string>

namespace dunlin {
namespace {

struct row {
    store_errc code;
    char const* name;
    char const* text;
};

constexpr row rows[] = {
    {store_errc::locked, "dunlin.store.locked",
     "the data file is open in another process; stop that one, or give this node a file of its own"},
    {store_errc::newer_file, "dunlin.store.newer_file",
     "the data file was written by a newer version of dunlin; run that version, or give this node another file"},
    {store_errc::foreign_file, "dunlin.store.foreign_file",
     "the data file is a database of another program and was not touched; name another file"},
    {store_errc::unwritable, "dunlin.store.unwritable",
     "the data file cannot be created or written; make its folder exist and writable for this user"},
    {store_errc::not_a_database, "dunlin.store.not_a_database",
     "the data file is no database and was not touched; name another file, or move this one away"},
    {store_errc::damaged_file, "dunlin.store.damaged_file",
     "the data file is damaged; move it aside and start again: peers refill the node"},
    {store_errc::disk_full, "dunlin.store.disk_full",
     "the disk or its budget is full: nothing was saved, everything is kept in memory and tried again every second; "
     "make room"},
    {store_errc::unknown_outcome, "dunlin.store.unknown_outcome",
     "the disk failed while saving: the change may or may not be on it; the store is reopened and what is missing is "
     "written again"},
    {store_errc::reopen_needed, "dunlin.store.reopen_needed",
     "the store is closed after a failure of the disk and waits to be reopened; try again later"},
    {store_errc::busy, "dunlin.store.busy", "too many bytes wait to be saved; wait until ready() before changing more"},
    {store_errc::too_large, "dunlin.store.too_large", "one record is larger than the store takes; split the value"},
    {store_errc::object_damaged, "dunlin.store.object_damaged",
     "the object's row was damaged and set aside; it comes back from peers, or by writing its whole state"},
    {store_errc::no_slot, "dunlin.store.no_slot",
     "five objects of one space share a hash; choose another key for this one"},
    {store_errc::stopped, "dunlin.store.stopped", "the store was stopped; start a new node to go on"},
};

row const* find(int code) {
    for (auto& r : rows)
        if (int(r.code) == code) return &r;
    return nullptr;
}

class store_category_type final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "dunlin.store"; }
    std::string message(int code) const override {
        auto r = find(code);
        return r ? std::string(r->name) + ": " + r->text : "dunlin.store: unknown error " + std::to_string(code);
    }
};

} // namespace

boost::system::error_category const& store_category() {
    static store_category_type const the_category;
    return the_category;
}

char const* stable_name(store_errc code) {
    auto r = find(int(code));
    return r ? r->name : "dunlin.store";
}

} // namespace dunlin
