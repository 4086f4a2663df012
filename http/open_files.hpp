// Every connection is an open file, and the system bounds those of a process.
#pragma once

#include "conf/config.hpp"

#include <cstddef>

namespace ares::http {

/// Files that a node may need beside its clients' connections: one for each call to a provider that
/// may be under way, and those of the store, of logs, of libraries.
[[nodiscard]] std::size_t files_beside_clients(const config& conf);

/// Raises the process's bound of open files as far as the system lets it, and says how many clients
/// fit: `server.max_connections`, or as many as leave `files_beside_clients`. Those above the bound
/// are then answered 503 rather than left in the backlog; where that is less than was asked for,
/// one warning says so.
[[nodiscard]] int connections_that_fit(const config& conf);

} // namespace ares::http
