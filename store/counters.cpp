#include "store/counters.hpp"

#include "conf/clock.hpp"

#include <charconv>

namespace ares::store {

namespace {

/// Figures in a row, by the first letter of its field.
std::size_t width_of(char kind) {
  switch (kind) {
  case 'd': return 4; // runs, tokens, API calls, executing requests: a limit's business, no usage
  case 'm': return 3; // runs, tokens, API calls
  case 'a': return 7; // runs, completed, failed, cancelled, tokens, duration, last run
  default: return 0;
  }
}

} // namespace

std::string day_field(std::string_view date) {
  return std::string("d").append(date);
}

std::string month_field(std::string_view month) {
  return std::string("m").append(month);
}

std::string agent_field(std::string_view agent_id) {
  return std::string("a").append(agent_id);
}

std::optional<std::vector<std::int64_t>> read_row(std::string_view field, std::string_view row) {
  const auto width = field.empty() ? 0 : width_of(field.front());
  std::vector<std::int64_t> figures;
  const char* at = row.data();
  const char* const end = at + row.size();
  while (figures.size() < width) {
    std::int64_t n = 0;
    const auto [behind, bad] = std::from_chars(at, end, n);
    if (bad != std::errc{} || n < 0)
      return std::nullopt;
    figures.push_back(n);
    at = behind;
    if (figures.size() < width && (at == end || *at++ != '|'))
      return std::nullopt;
  }
  return width > 0 && at == end ? std::optional(std::move(figures)) : std::nullopt;
}

agent_statistics read_agent_statistics(const reply& row) {
  agent_statistics s;
  const auto f = read_row("a", row.text);
  if (!f)
    return s;
  s.runs = (*f)[0];
  s.completed = (*f)[1];
  s.failed = (*f)[2];
  s.cancelled = (*f)[3];
  s.tokens = (*f)[4];
  s.duration_ms = (*f)[5];
  if ((*f)[6] > 0)
    s.last_run_ms = (*f)[6];
  return s;
}

tenant_usage read_tenant_usage(const reply& hash, std::int64_t now_ms) {
  tenant_usage u;
  u.now_ms = now_ms;
  const auto month = month_field(utc_day(now_ms).substr(0, 7));
  for (std::size_t i = 0; i + 1 < hash.items.size(); i += 2) {
    const auto& field = hash.items[i].text;
    const auto f = read_row(field, hash.items[i + 1].text);
    if (!f || (field.front() != 'd' && field != month))
      continue;
    auto& counters = field == month ? u.month : u.days[field.substr(1)];
    counters = {(*f)[0], (*f)[1], (*f)[2]};
  }
  return u;
}

} // namespace ares::store
