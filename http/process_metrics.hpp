// What Prometheus' own clients tell of their process, under the same names.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace ares::http {

/// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
/// process_open_fds, process_max_fds, process_start_time_seconds; read from /proc now. What cannot
/// be read is left out.
[[nodiscard]] std::vector<prometheus::MetricFamily> process_metrics();

} // namespace ares::http
