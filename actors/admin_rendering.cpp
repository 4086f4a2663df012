#include "actors/admin_rendering.hpp"

#include "conf/clock.hpp"

#include <algorithm>
#include <cmath>

namespace ares::admin {

namespace {

constexpr std::int64_t alert_percent = 80;
constexpr std::int64_t day_ms = 86'400'000;

template <class T> ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json date_or_null(const std::optional<std::int64_t>& unix_ms) {
  return unix_ms ? ordered_json(rfc3339(*unix_ms)) : ordered_json(nullptr);
}

std::optional<std::int64_t> to_ms(const std::optional<std::int64_t>& unix_s) {
  if (!unix_s)
    return std::nullopt;
  return *unix_s * 1000;
}

/// Two decimals; 0 of nothing.
double average(std::int64_t sum, std::int64_t count) {
  if (count == 0)
    return 0;
  return std::round(static_cast<double>(sum) * 100 / static_cast<double>(count)) / 100;
}

ordered_json averages(const store::usage_counters& sum, std::int64_t days) {
  return {{"runs_per_day", average(sum.runs, days)},
          {"tokens_per_day", average(sum.tokens, days)},
          {"api_calls_per_day", average(sum.api_calls, days)},
          {"tokens_per_run", average(sum.tokens, sum.runs)}};
}

/// The days from `first` on that have any usage, newest first; `sum` gets what they add up to.
ordered_json daily(const store::tenant_usage& u, const std::string& first,
                   store::usage_counters& sum) {
  auto list = ordered_json::array();
  for (auto day = u.days.rbegin(); day != u.days.rend() && day->first >= first; ++day) {
    const auto& c = day->second;
    if (c.runs == 0 && c.tokens == 0 && c.api_calls == 0)
      continue;
    list.push_back(
        {{"date", day->first}, {"runs", c.runs}, {"tokens", c.tokens}, {"api_calls", c.api_calls}});
    sum.runs += c.runs;
    sum.tokens += c.tokens;
    sum.api_calls += c.api_calls;
  }
  return list;
}

void alert(const store::tenant_record& t, const char* quota, std::int64_t used,
           const std::optional<std::int64_t>& limit, ordered_json& into) {
  if (!limit || static_cast<double>(used) * 100 < static_cast<double>(*limit) * alert_percent)
    return;
  into.push_back({{"kind", quota},
                  {"tenant_id", t.id.text()},
                  {"tenant_name", t.name},
                  {"used", used},
                  {"limit", *limit},
                  {"percent", *limit == 0 ? 100.0 : average(used * 100, *limit)}});
}

} // namespace

ordered_json render(const store::tenant_record& t, const config& conf) {
  const auto limits = t.limits(conf);
  return {{"id", t.id.text()},
          {"name", t.name},
          {"tier", t.tier},
          {"quota_runs", or_null(limits.quota_runs)},
          {"quota_tokens", or_null(limits.quota_tokens)},
          {"requests_per_day", or_null(limits.requests_per_day)},
          {"agent_count", t.agent_count},
          {"created_at", rfc3339(t.created_ms)}};
}

ordered_json render(const store::key_record& k) {
  return {{"id", k.id},
          {"name", k.name},
          {"prefix", k.prefix},
          {"created_at", rfc3339(k.created_s * 1000)},
          {"expires_at", date_or_null(to_ms(k.expires_s))},
          {"last_used", date_or_null(to_ms(k.last_used_s))}};
}

ordered_json render(const store::agent_row& row) {
  const auto& a = row.agent;
  return {{"id", a.id},
          {"name", a.name},
          {"agent_type", a.fields.agent_type},
          {"status", a.fields.active ? "active" : "disabled"},
          {"config", a.fields.config},
          {"created_at", rfc3339(a.created_ms)},
          {"last_run", date_or_null(row.statistics.last_run_ms)},
          {"total_runs", row.statistics.runs},
          {"success_rate", row.statistics.success_rate()}};
}

ordered_json render(const store::node_row& n) {
  auto described = ordered_json::parse(n.description, nullptr, false);
  const bool alive = described.is_object();
  return {{"id", n.incarnation},
          {"status", alive ? "alive" : "dead"},
          {"beats", n.beats},
          {"description", alive ? described : ordered_json(nullptr)}};
}

ordered_json render(const store::platform_counts& c, std::int64_t now_ms) {
  const auto period = billing_period_of(now_ms);
  return {{"total_tenants", c.tenants},
          {"total_agents", c.agents},
          {"period_start", rfc3339(period.start_ms)},
          {"period_end", rfc3339(period.end_ms)},
          {"total_runs", c.month.runs},
          {"total_tokens", c.month.tokens},
          {"total_api_calls", c.month.api_calls},
          {"open_operations", c.open_operations}};
}

ordered_json render_statistics(const store::agent_row& row) {
  const auto& s = row.statistics;
  const auto ended = s.completed + s.failed + s.cancelled;
  return {{"agent_id", row.agent.id},
          {"name", row.agent.name},
          {"total_runs", s.runs},
          {"completed", s.completed},
          {"failed", s.failed},
          {"cancelled", s.cancelled},
          {"running", std::max<std::int64_t>(s.runs - ended, 0)},
          {"success_rate", s.success_rate()},
          {"last_run", date_or_null(s.last_run_ms)},
          {"total_tokens", s.tokens},
          {"average_tokens", average(s.tokens, ended)},
          {"average_duration_ms", average(s.duration_ms, ended)}};
}

ordered_json render_usage(const store::tenant_usage& u, const tier_config& limits) {
  const auto period = billing_period_of(u.now_ms);
  store::usage_counters sum;
  auto days = daily(u, utc_day(period.start_ms), sum);
  const auto days_so_far = (u.now_ms - period.start_ms) / day_ms + 1;
  return {{"period_start", rfc3339(period.start_ms)},
          {"period_end", rfc3339(period.end_ms)},
          {"total_runs", u.month.runs},
          {"total_tokens", u.month.tokens},
          {"total_api_calls", u.month.api_calls},
          {"quota_runs", or_null(limits.quota_runs)},
          {"quota_tokens", or_null(limits.quota_tokens)},
          {"daily_usage", std::move(days)},
          {"averages", averages(u.month, days_so_far)}};
}

ordered_json render_daily(const store::tenant_usage& u, int days) {
  store::usage_counters sum;
  auto list = daily(u, utc_day(u.now_ms - (days - 1) * day_ms), sum);
  return {{"days", days}, {"daily_usage", std::move(list)}, {"averages", averages(sum, days)}};
}

ordered_json render_templates(const config& conf, const std::optional<std::string>& product_type) {
  auto list = ordered_json::array();
  for (const auto& [product, agents] : conf.templates) {
    if (product_type && product != *product_type)
      continue;
    for (const auto& a : agents)
      list.push_back({{"product_type", product},
                      {"name", a.name},
                      {"agent_type", a.agent_type},
                      {"config", ordered_json(a.config)}});
  }
  return list;
}

ordered_json render_models(const config& conf) {
  static constexpr const char* kinds[] = {"openai", "anthropic", "simulated"};
  auto list = ordered_json::array();
  for (const auto& [name, m] : conf.models) {
    const auto provider = conf.providers.find(m.provider);
    list.push_back({{"name", name},
                    {"provider", m.provider},
                    {"provider_type", provider == conf.providers.end()
                                          ? ordered_json(nullptr)
                                          : kinds[static_cast<int>(provider->second.type)]},
                    {"upstream_model", m.upstream_name},
                    {"temperature", or_null(m.temperature)},
                    {"max_tokens", or_null(m.max_tokens)},
                    {"fallbacks", m.fallbacks},
                    {"default", name == conf.server.default_model}});
  }
  return list;
}

void render_alerts(const store::tenant_record& t, const store::tenant_usage& u, const config& conf,
                   ordered_json& into) {
  const auto limits = t.limits(conf);
  alert(t, "quota_runs", u.month.runs, limits.quota_runs, into);
  alert(t, "quota_tokens", u.month.tokens, limits.quota_tokens, into);
}

ordered_json render_list(const char* name, ordered_json items,
                         const std::optional<std::string>& next) {
  ordered_json list;
  list[name] = std::move(items);
  list["next"] = or_null(next);
  return list;
}

std::string render_texts(const char* name, const std::vector<std::string>& items,
                         const std::optional<std::string>& next, const std::string& more) {
  std::string text = "{\"" + std::string(name) + "\":[";
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += i == 0 ? "" : ",";
    text += items[i];
  }
  text += "],\"next\":" + (next ? quote_json(*next) : "null") + more + "}";
  return text;
}

std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

} // namespace ares::admin
