#include "http/process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace ares::http {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

std::optional<double> cpu_seconds() {
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) != 0)
    return std::nullopt;
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Field `position` (from 0) of /proc/self/statm, which counts pages.
std::optional<double> memory_bytes(int position) {
  std::ifstream in("/proc/self/statm");
  double pages = 0;
  for (int i = 0; i <= position; ++i)
    in >> pages;
  if (!in)
    return std::nullopt;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::optional<double> open_files() {
  std::error_code failed;
  std::filesystem::directory_iterator entries("/proc/self/fd", failed);
  double open = 0;
  for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed))
    ++open;
  if (failed)
    return std::nullopt;
  return open - 1; // the one that reads the folder
}

std::optional<double> open_files_max() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return std::nullopt;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(limit.rlim_cur);
}

/// Unix time of the machine's start.
std::optional<double> boot_time() {
  std::ifstream in("/proc/stat");
  std::string word;
  while (in >> word)
    if (double at = 0; word == "btime" && in >> at)
      return at;
  return std::nullopt;
}

std::optional<double> start_time() {
  std::ifstream in("/proc/self/stat");
  std::string text(std::istreambuf_iterator<char>(in), {});
  const auto name_end = text.rfind(')'); // the name, field 2, may hold anything
  const auto boot = boot_time();
  if (name_end == std::string::npos || !boot)
    return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field)
    fields >> skipped;
  double ticks = 0; // since boot: field 22, proc(5)
  if (!(fields >> ticks))
    return std::nullopt;
  return *boot + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void add(std::vector<MetricFamily>& all, const char* name, const char* help, MetricType type,
         std::optional<double> value) {
  if (!value)
    return;
  ClientMetric m;
  (type == MetricType::Counter ? m.counter.value : m.gauge.value) = *value;
  all.push_back({name, help, type, {m}});
}

} // namespace

std::vector<MetricFamily> process_metrics() {
  static const auto started = start_time();
  std::vector<MetricFamily> all;
  add(all, "process_cpu_seconds_total", "User and system time spent, in seconds.",
      MetricType::Counter, cpu_seconds());
  add(all, "process_resident_memory_bytes", "Resident memory.", MetricType::Gauge, memory_bytes(1));
  add(all, "process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge, memory_bytes(0));
  add(all, "process_open_fds", "Open file descriptors.", MetricType::Gauge, open_files());
  add(all, "process_max_fds", "Most file descriptors that may be open.", MetricType::Gauge,
      open_files_max());
  add(all, "process_start_time_seconds", "Start of the process, Unix time.", MetricType::Gauge,
      started);
  return all;
}

} // namespace ares::http
