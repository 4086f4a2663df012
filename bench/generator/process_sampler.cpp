#include "bench/generator/process_sampler.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <string>

namespace ares::bench {

namespace {

std::string line_of(pid_t pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  std::string line;
  std::getline(file, line);
  return line;
}

// The field of that number, counted from 0, of words between single blanks.
std::optional<std::uint64_t> field(std::string_view line, int number) {
  for (; number > 0; --number) {
    auto blank = line.find(' ');
    if (blank == std::string_view::npos)
      return std::nullopt;
    line.remove_prefix(blank + 1);
  }
  std::uint64_t value = 0;
  if (std::from_chars(line.data(), line.data() + line.size(), value).ec != std::errc{})
    return std::nullopt;
  return value;
}

std::uint64_t cpu_clock_of(pid_t pid) {
  clockid_t clock{};
  timespec t{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
    return 0;
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec);
}

} // namespace

std::optional<std::uint64_t> system_ticks_in(std::string_view stat_line) {
  auto name_end = stat_line.rfind(") ");
  if (name_end == std::string_view::npos)
    return std::nullopt;
  return field(stat_line.substr(name_end + 2), 12); // "stime" is field 15 of proc(5), "state" 3
}

process_sample sample_of(const std::vector<pid_t>& pids) {
  static const auto tick_ns = 1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  static const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  process_sample sum;
  for (auto pid : pids) {
    sum.cpu_ns += cpu_clock_of(pid);
    sum.system_ns += system_ticks_in(line_of(pid, "stat")).value_or(0) * tick_ns;
    sum.rss_bytes += field(line_of(pid, "statm"), 1).value_or(0) * page_bytes;
  }
  return sum;
}

process_sampler::process_sampler(const std::vector<watched>& processes) : processes_(processes) {
  processes_.push_back({"self", {getpid()}});
  for (const auto& one : processes_)
    rows_.push_back({one.name, {}, {}, 0});
}

void process_sampler::start() {
  for (std::size_t i = 0; i < rows_.size(); ++i)
    rows_[i].first = sample_of(processes_[i].pids);
  take();
}

void process_sampler::take() {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].last = sample_of(processes_[i].pids);
    rows_[i].rss_max = std::max(rows_[i].rss_max, rows_[i].last.rss_bytes);
  }
}

} // namespace ares::bench
