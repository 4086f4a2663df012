// What an operator reads of the whole platform.
#include "store/counters.hpp"
#include "store/keys.hpp"
#include "store/tenants.hpp"

#include <algorithm>
#include <cstdlib>

namespace ares::store {

result<std::vector<tenant_usage>>
tenant_store::usage_of(const std::vector<tenant_record>& tenants) {
  std::vector<std::vector<std::string>> questions;
  questions.reserve(tenants.size());
  for (const auto& t : tenants)
    questions.push_back({"HGETALL", keys::usage(t.id)});
  auto replies = calls_.call_all(std::move(questions));
  if (!replies)
    return replies.failure();
  std::vector<tenant_usage> all;
  for (const auto& r : *replies)
    all.push_back(read_tenant_usage(r, clock_.now_ms()));
  return all;
}

result<tenant_usage> tenant_store::usage(const tenant_id& t) {
  auto tenant = get(t);
  if (!tenant)
    return tenant.failure();
  auto usage = usage_of({*tenant});
  if (!usage)
    return usage.failure();
  return std::move(usage->front());
}

result<platform_counts> tenant_store::counts() {
  platform_counts counts;
  page p{500, {}};
  for (;;) {
    auto tenants = list(p);
    if (!tenants)
      return tenants.failure();
    auto usage = usage_of(tenants->items);
    if (!usage)
      return usage.failure();
    std::vector<std::vector<std::string>> questions;
    for (std::size_t i = 0; i < tenants->items.size(); ++i) {
      const auto& month = (*usage)[i].month;
      counts.tenants += 1;
      counts.agents += tenants->items[i].agent_count;
      counts.month.runs += month.runs;
      counts.month.tokens += month.tokens;
      counts.month.api_calls += month.api_calls;
      questions.push_back({"HLEN", keys::open(tenants->items[i].id)});
    }
    auto open = calls_.call_all(std::move(questions));
    if (!open)
      return open.failure();
    for (const auto& length : *open)
      counts.open_operations += length.integer;
    if (!tenants->next)
      return counts;
    p.after = *tenants->next;
  }
}

result<std::vector<node_row>> tenant_store::nodes() {
  auto stored = calls_.call_all({{"HGETALL", keys::nodes()}, {"HGETALL", keys::beats()}});
  if (!stored)
    return stored.failure();
  const auto& described = (*stored)[0].items;
  const auto& beats = (*stored)[1].items;
  std::vector<node_row> rows;
  for (std::size_t i = 0; i + 1 < described.size(); i += 2) {
    node_row row{described[i].text, described[i + 1].text, 0};
    for (std::size_t b = 0; b + 1 < beats.size(); b += 2)
      if (beats[b].text == row.incarnation)
        row.beats = std::strtoll(beats[b + 1].text.c_str(), nullptr, 10);
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.incarnation > b.incarnation; });
  return rows;
}

} // namespace ares::store
