#include "actors/api_json.hpp"

#include "conf/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace ares {

namespace {

std::int64_t number(const std::string& text) {
  return std::strtoll(text.c_str(), nullptr, 10);
}

std::string joined(const std::vector<std::string>& items) {
  std::string all = "[";
  for (const auto& i : items) {
    if (all.size() > 1)
      all += ',';
    all += i;
  }
  all += ']';
  return all;
}

std::string limit_json(const std::optional<std::int64_t>& limit) {
  return limit ? std::to_string(*limit) : "null";
}

std::string time_json(std::int64_t unix_ms) {
  return unix_ms == 0 ? "null" : '"' + rfc3339(unix_ms) + '"';
}

std::string success_rate(const store::agent_statistics& s) {
  const auto ended = s.completed + s.failed;
  if (ended == 0)
    return "0";
  const auto rate = static_cast<double>(s.completed) / static_cast<double>(ended);
  return json(std::round(rate * 1000) / 1000).dump();
}

std::string short_config(const store::agent_snapshot& a) {
  std::vector<std::string> names;
  for (const auto& t : a.config.tools)
    names.push_back(quote_json(t));
  return "{\"model\":" + quote_json(a.config.model) + ",\"tools\":" + joined(names) + '}';
}

// `2026-03` as its first instant.
std::int64_t month_start_ms(const std::string& month) {
  using namespace std::chrono;
  const auto year_of = std::chrono::year(std::atoi(month.c_str()));
  const auto month_of = std::chrono::month(static_cast<unsigned>(std::atoi(month.c_str() + 5)));
  return duration_cast<milliseconds>(sys_days(year_of / month_of / 1).time_since_epoch()).count();
}

// Of the reply's figures: runs, tokens and calls of the month, then of each day.
struct figures {
  std::int64_t runs, tokens, calls;
};
figures figures_at(const std::vector<store::reply>& all, std::size_t i) {
  const auto at = [&](std::size_t k) { return k < all.size() ? all[k].integer : 0; };
  return {at(3 * i), at(3 * i + 1), at(3 * i + 2)};
}

} // namespace

std::string agent_json(const store::agent_snapshot& a, const store::agent_statistics& s,
                       bool whole) {
  return "{\"id\":\"" + a.id.text() + "\",\"name\":" + quote_json(a.name) +
         ",\"agent_type\":" + quote_json(a.agent_type) + ",\"status\":\"" +
         (a.active ? "active" : "disabled") +
         "\",\"config\":" + (whole ? a.config_json : short_config(a)) +
         ",\"created_at\":" + time_json(a.created_ms) +
         ",\"last_run\":" + time_json(s.last_run_ms.value_or(0)) +
         ",\"total_runs\":" + std::to_string(s.runs) + ",\"success_rate\":" + success_rate(s) + '}';
}

std::string page_json(const char* name, const std::vector<std::string>& items, std::int64_t total,
                      const page& which) {
  return std::string("{\"") + name + "\":" + joined(items) + ",\"total\":" + std::to_string(total) +
         ",\"page\":" + std::to_string(which.number) +
         ",\"per_page\":" + std::to_string(which.size) + '}';
}

std::string usage_json(const std::string& month, const std::vector<store::reply>& all,
                       const tier_config& limits) {
  std::vector<std::string> days;
  for (int day = 31; day >= 1; --day) {
    const auto f = figures_at(all, static_cast<std::size_t>(day));
    if (f.runs == 0 && f.tokens == 0 && f.calls == 0)
      continue;
    char date[4];
    std::snprintf(date, sizeof date, "-%02d", day);
    days.push_back("{\"date\":\"" + month + date + "\",\"runs\":" + std::to_string(f.runs) +
                   ",\"tokens\":" + std::to_string(f.tokens) +
                   ",\"api_calls\":" + std::to_string(f.calls) + '}');
  }
  const auto total = figures_at(all, 0);
  const auto period = billing_period_of(month_start_ms(month));
  return "{\"period_start\":" + time_json(period.start_ms) +
         ",\"period_end\":" + time_json(period.end_ms) +
         ",\"total_runs\":" + std::to_string(total.runs) +
         ",\"total_tokens\":" + std::to_string(total.tokens) +
         ",\"total_api_calls\":" + std::to_string(total.calls) +
         ",\"quota_runs\":" + limit_json(limits.quota_runs) +
         ",\"quota_tokens\":" + limit_json(limits.quota_tokens) +
         ",\"daily_usage\":" + joined(days) + '}';
}

std::string keys_json(const store::tenant_snapshot& t, const store::reply& last_used) {
  std::map<std::string, std::int64_t> used;
  for (std::size_t i = 0; i + 1 < last_used.items.size(); i += 2)
    used[last_used.items[i].text] = number(last_used.items[i + 1].text);

  std::vector<const store::key_snapshot*> newest_first;
  newest_first.reserve(t.keys.size());
  for (const auto& [hash, key] : t.keys)
    newest_first.push_back(&key);
  std::sort(newest_first.begin(), newest_first.end(),
            [](const auto* a, const auto* b) { return a->id > b->id; });

  std::vector<std::string> items;
  for (const auto* k : newest_first)
    items.push_back("{\"id\":\"" + k->id.text() + "\",\"name\":" + quote_json(k->name) +
                    ",\"prefix\":" + quote_json(k->prefix) +
                    ",\"created_at\":" + time_json(k->created_s * 1000) +
                    ",\"expires_at\":" + time_json(k->expires_s * 1000) +
                    ",\"last_used\":" + time_json(used[k->id.text()] * 1000) + '}');
  return "{\"keys\":" + joined(items) + '}';
}

} // namespace ares
