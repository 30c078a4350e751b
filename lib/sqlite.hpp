// The one place that includes SQLite. Only lib/store_connection.hpp and the simulated disk (lib/sim) include this file,
// and no public header does: so no type of SQLite shows in dunlin's interface.
#pragma once
#include <sqlite3.h>
