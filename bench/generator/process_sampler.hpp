#pragma once

#include "bench/generator/plan.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ares::bench {

/// What processes of one name have used so far, and hold now.
struct process_sample {
  std::uint64_t cpu_ns = 0;    ///< of all threads, those that are gone too; user and system
  std::uint64_t system_ns = 0; ///< of it in the kernel; to within the kernel's tick, 10 ms
  std::uint64_t rss_bytes = 0; ///< resident; without kernel buffers
};

/// Reads the processes' CPU clocks, and /proc/PID/stat and statm (proc(5)). A process that is gone
/// counts nothing.
process_sample sample_of(const std::vector<pid_t>& pids);

/// System time out of a line of /proc/PID/stat, in ticks. The name in it may hold blanks and
/// brackets.
std::optional<std::uint64_t> system_ticks_in(std::string_view stat_line);

/// CPU and memory of some processes over a span of time.
class process_sampler {
public:
  struct row {
    std::string name;
    process_sample first;
    process_sample last;
    std::uint64_t rss_max = 0; // of all samples
  };

  explicit process_sampler(const std::vector<watched>& processes);
  /// The span begins.
  void start();
  /// Looks; call it at the end, and now and then before.
  void take();
  [[nodiscard]] const std::vector<row>& rows() const { return rows_; }

private:
  std::vector<watched> processes_;
  std::vector<row> rows_;
};

} // namespace ares::bench
