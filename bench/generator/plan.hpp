#pragma once

#include "bench/generator/request_source.hpp"
#include "bench/generator/schedule.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ares::bench {

/// Processes whose CPU time and memory are measured together, under one name.
struct watched {
  std::string name;
  std::vector<pid_t> pids;
};

/// One measurement, checked. Made by read_options() from the command line.
struct plan {
  std::string address; ///< numeric
  std::uint16_t port = 0;
  request_template request;
  std::vector<std::string> keys;
  std::uint64_t first_number = 0;

  unsigned connections = 64; ///< at least 1; all are opened before the start
  unsigned threads = 1;
  double warmup_s = 0.5; ///< not counted
  double duration_s = 2;
  std::optional<double> per_second; ///< open loop; else closed: each connection asks again at once
  schedule::kind arrivals = schedule::kind::uniform;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> requests_max; ///< ends earlier, after so many were sent

  bool stream = false;   ///< the answers are event streams: count events
  std::string expect;    ///< an answer's body must hold this, else it is counted as unexpected
  double timeout_s = 10; ///< an answer that takes longer is an error, its connection is closed
  double drain_s = 2;    ///< so long is waited for answers after the end

  std::vector<watched> processes;
  std::string
      json_path;      ///< where the result goes as JSON: a file, "-" for standard output, or empty
  bool quiet = false; ///< no progress line, no summary
};

/// Reads the command line. Where it asks for help or is wrong, says so and gives an exit status.
struct options_result {
  std::optional<plan> measurement;
  int exit_status = 0;
};
options_result read_options(int argc, char** argv);

} // namespace ares::bench
