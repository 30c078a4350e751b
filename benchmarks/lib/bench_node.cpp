#include "bench_node.hpp"
#include <dunlin/net/key.hpp>
#include <dunlin/net/system.hpp>
#include <fstream>

namespace bench {

std::string make_key(folder const& in) {
    dunlin::machine_chance chance;
    auto path = in.file("key");
    std::ofstream(path) << dunlin::cluster_key::make(chance).text() << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return path;
}

} // namespace bench
