// A node: everything `ares serve` starts, in order, and stops, in order.
#pragma once

#include "conf/config.hpp"

#include <functional>

namespace ares::http {

/// What a node takes from its process.
struct node_environment {
  config conf;
  /// Reads and checks the configuration again (SIGHUP).
  std::function<result<config>()> reload;
};

/// Runs until SIGTERM or SIGINT, drains, and returns the exit status: 0, or 1 if it could not start
/// (said in one line on standard error). SIGTERM, SIGINT and SIGHUP must be blocked in the calling
/// thread. A second SIGTERM or SIGINT ends the process at once.
[[nodiscard]] int run_node(node_environment env);

} // namespace ares::http
