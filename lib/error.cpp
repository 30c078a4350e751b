#include "error.hpp"
#include <string>

namespace dunlin {

namespace {
class category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "dunlin.node"; }
    std::string message(int code) const override {
        switch (node_errc(code)) {
        case node_errc::overloaded:
            return "dunlin.node.overloaded: changes come faster than the disk takes them; this one was not made; "
                   "co_await node.ready() and try again";
        case node_errc::memory_full:
            return "dunlin.node.memory_full: all memory of the setting is used by objects that refs pin, or an index needs more than "
                   "half of it; drop refs that are not needed (key<T> names an object without pinning it) or raise options.memory";
        case node_errc::timed_out:
            return "dunlin.node.timed_out: not confirmed before the deadline; nothing was undone: the change is kept and "
                   "will still be saved and spread";
        case node_errc::stopped: return "dunlin.node.stopped: the node was stopped; open a new one";
        case node_errc::object_unknown:
            return "dunlin.node.object_unknown: the object's row in the file is damaged and set aside; it is being fetched from "
                   "peers; try again when one is linked";
        case node_errc::bad_name:
            return "dunlin.node.bad_name: names and keys are 1 to 512 bytes of UTF-8, and names that begin with 'dunlin' "
                   "are reserved; choose another";
        case node_errc::turn_too_large:
            return "dunlin.node.turn_too_large: the changes of one atomic exceed 3 MiB, or touch what more than 32,768 writers "
                   "wrote; they were undone; split them";
        case node_errc::refused_listen:
            return "dunlin.node.refused_listen: listening beyond loopback needs a key; make one with `dunlin key new > FILE` and "
                   "give it as options.key_file, or listen on 127.0.0.1";
        case node_errc::unsaved:
            return "dunlin.node.unsaved: the file failed while this was being saved and its fate on disk is unknown; the change "
                   "is kept in memory and spreads; look at the disk, the node reopens its file by itself";
        case node_errc::rights_elsewhere:
            return "dunlin.node.rights_elsewhere: a bounded counter of the object has rights that are not in the pocket of this node, "
                   "so others may spend them; nothing was erased; spend what is left (co_await ref.spend) and erase it then";
        case node_errc::bad_option: return "dunlin.node.bad_option: an option cannot be understood; see the text before";
        }
        return "dunlin.node: unknown code " + std::to_string(code);
    }
};
} // namespace

boost::system::error_category const& node_category() {
    static category const one;
    return one;
}

} // namespace dunlin
