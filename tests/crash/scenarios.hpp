// What is done to real processes, and what must hold. Each prints what it did, and throws crash::failure.
#pragma once
#include "cluster.hpp"

namespace crash {

void kill_at_random(std::filesystem::path const& folder, long rounds, std::size_t nodes, std::uint64_t seed);
void fail_calls(std::filesystem::path const& folder, long count, std::uint64_t seed);
/// Prints what is skipped, by name and with the reason.
void cut_networks(std::filesystem::path const& folder, std::uint64_t seed);

} // namespace crash
