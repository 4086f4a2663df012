#include "bench/generator/report.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ares::bench {

namespace {

using json = nlohmann::ordered_json;

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}
double ms(std::uint64_t nanoseconds) {
  return rounded(static_cast<double>(nanoseconds) / 1e6);
}
double megabytes(std::uint64_t bytes) {
  return rounded(static_cast<double>(bytes) / 1048576);
}

// Nothing for a process that is gone by the end.
double used_us(std::uint64_t first, std::uint64_t last) {
  return first < last ? static_cast<double>(last - first) / 1e3 : 0;
}

json latency_of(const histogram& from) {
  return {{"count", from.count()},
          {"mean", rounded(from.mean() / 1e6)},
          {"min", ms(from.min())},
          {"p50", ms(from.quantile(0.5))},
          {"p90", ms(from.quantile(0.9))},
          {"p99", ms(from.quantile(0.99))},
          {"p99.9", ms(from.quantile(0.999))},
          {"max", ms(from.max())}};
}

json processes_of(const measured& result) {
  json all = json::object();
  for (const auto& row : result.processes.rows()) {
    auto cpu_us = used_us(row.first.cpu_ns, row.last.cpu_ns);
    auto system_us = used_us(row.first.system_ns, row.last.system_ns);
    auto each = [&](std::uint64_t count) {
      return rounded(cpu_us / static_cast<double>(std::max<std::uint64_t>(count, 1)));
    };
    json one{{"cpu_s", rounded(cpu_us / 1e6)},
             {"cpu_percent", rounded(cpu_us / 1e4 / result.seconds)},
             {"system_percent", rounded(system_us / 1e4 / result.seconds)},
             {"us_per_answer", each(result.counts.answered)},
             {"rss_mb_first", megabytes(row.first.rss_bytes)},
             {"rss_mb_last", megabytes(row.last.rss_bytes)},
             {"rss_mb_max", megabytes(row.rss_max)}};
    if (result.what.stream)
      one["us_per_event"] = each(result.counts.events);
    all[row.name] = one;
  }
  return all;
}

json seconds_of(const tally& counts) {
  json all = json::array();
  for (const auto& second : counts.seconds)
    all.push_back({{"ok", second.ok},
                   {"other", second.other},
                   {"p50_ms", ms(second.ok_latency.quantile(0.5))},
                   {"p99_ms", ms(second.ok_latency.quantile(0.99))}});
  return all;
}

json statuses_of(const tally& counts) {
  json all = json::object();
  for (std::size_t status = 0; status < counts.statuses.size(); ++status)
    if (counts.statuses[status] > 0)
      all[std::to_string(status)] = counts.statuses[status];
  return all;
}

template <class... Values> std::string text(const char* format, Values... values) {
  std::array<char, 512> line{};
  std::snprintf(line.data(), line.size(), format, values...);
  return line.data();
}

std::string line_of(const char* name, const histogram& from) {
  return text("  %-9s p50 %.3f  p90 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms\n", name,
              ms(from.quantile(0.5)), ms(from.quantile(0.9)), ms(from.quantile(0.99)),
              ms(from.quantile(0.999)), ms(from.max()));
}

} // namespace

json json_of(const measured& result) {
  const auto& what = result.what;
  const auto& counts = result.counts;
  json all{{"host", what.request.host},
           {"request", what.request.method + " " + what.request.path},
           {"loop", what.per_second ? "open" : "closed"},
           {"connections", what.connections},
           {"seconds", rounded(result.seconds)}};
  if (what.per_second) {
    all["rate"] = *what.per_second;
    all["due"] = counts.due;
    all["unfinished"] = counts.unfinished;
  }
  all["answered"] = counts.answered;
  all["per_second"] = rounded(static_cast<double>(counts.answered) / result.seconds);
  all["ok_per_second"] = rounded(static_cast<double>(counts.ok) / result.seconds);
  all["statuses"] = statuses_of(counts);
  all["failures"] = {{"connect", counts.failed.connect},
                     {"closed", counts.failed.closed},
                     {"timeout", counts.failed.timeout},
                     {"malformed", counts.failed.malformed},
                     {"unexpected", counts.failed.unexpected}};
  all["reconnects"] = counts.reconnects;
  all["latency_ms"] = latency_of(counts.ok_latency);
  if (counts.other_latency.count() > 0)
    all["latency_not_ok_ms"] = latency_of(counts.other_latency);
  if (what.stream)
    all["events"] = {{"count", counts.events},
                     {"per_second", rounded(static_cast<double>(counts.events) / result.seconds)},
                     {"comments", counts.comments},
                     {"first_ms", latency_of(counts.first_event)},
                     {"gap_ms", latency_of(counts.event_gap)},
                     {"age_ms", latency_of(counts.event_age)}};
  all["processes"] = processes_of(result);
  all["by_second"] = seconds_of(counts);
  if (!counts.bad_answer.empty())
    all["bad_answer"] = counts.bad_answer;
  return all;
}

std::string summary_of(const measured& result) {
  const auto& counts = result.counts;
  auto out = text("%.0f answers/s (%.0f ok/s) over %.2f s, %u connections",
                  static_cast<double>(counts.answered) / result.seconds,
                  static_cast<double>(counts.ok) / result.seconds, result.seconds,
                  result.what.connections);
  if (result.what.per_second)
    out += text(", %.0f/s due, %llu unfinished", *result.what.per_second,
                static_cast<unsigned long long>(counts.unfinished));
  out += "\n" + line_of("ok", counts.ok_latency);
  if (counts.other_latency.count() > 0)
    out += line_of("not ok", counts.other_latency);
  if (result.what.stream) {
    out += text("  %.0f events/s\n", static_cast<double>(counts.events) / result.seconds);
    out += line_of("first", counts.first_event) + line_of("gap", counts.event_gap);
    if (counts.event_age.count() > 0)
      out += line_of("age", counts.event_age);
  }
  auto statuses = statuses_of(counts).dump();
  const auto& failed = counts.failed;
  auto sum = failed.connect + failed.closed + failed.timeout + failed.malformed + failed.unexpected;
  out += "  statuses " + statuses;
  if (sum > 0)
    out += text("; connect %llu, closed %llu, timeout %llu, malformed %llu, unexpected %llu",
                static_cast<unsigned long long>(failed.connect),
                static_cast<unsigned long long>(failed.closed),
                static_cast<unsigned long long>(failed.timeout),
                static_cast<unsigned long long>(failed.malformed),
                static_cast<unsigned long long>(failed.unexpected));
  out += "\n";
  const auto processes = processes_of(result);
  for (const auto& [name, row] : processes.items())
    out += text("  %-9s %.1f %% CPU, %.1f us an answer, %.1f MB\n", name.c_str(),
                row["cpu_percent"].get<double>(), row["us_per_answer"].get<double>(),
                row["rss_mb_max"].get<double>());
  if (!counts.bad_answer.empty())
    out += "  a bad answer: " + counts.bad_answer + "\n";
  return out;
}

} // namespace ares::bench
