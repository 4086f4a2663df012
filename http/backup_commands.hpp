// `ares export` and `ares import`: tenants to lines of JSON and back. They work on the store
// itself, so a node may run or not.
#pragma once

#include "conf/config.hpp"

#include <string>
#include <vector>

namespace ares::http {

struct export_task {
  std::vector<std::string> tenants; // names or ids; none: all, and the audit log
  std::string output; // a file, which appears once it is complete; empty: standard output
};

struct import_task {
  std::string input; // a file; empty or "-": standard input
  bool skip_existing = false;
};

/// Both give the exit status, 0 or 1; what is wrong stands in one line on standard error, as does
/// their progress on a terminal and a summary.
[[nodiscard]] int run_export(const config& conf, const export_task& task);
[[nodiscard]] int run_import(const config& conf, const import_task& task);

} // namespace ares::http
