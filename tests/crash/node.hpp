// The node of the crash test, as a process of its own and as one that only looks.
#pragma once
#include <string>

namespace crash {

struct holding;

/// The program `dunlin_crash node ...`: its exit status.
int run_node(int argc, char** argv);
/// What a node says that is opened on this file, and linked to nobody. Writes to the file. Throws.
holding look_alone(std::string const& data);

} // namespace crash
