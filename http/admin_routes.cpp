#include "http/admin_routes.hpp"

#include "conf/config.hpp"
#include "http/admin_fields.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace ares::http {

namespace {

using namespace admin;
using need = body_fields::need;
using parsed = result<admin_request>;

constexpr int expiry_days_max = 3650;
constexpr int usage_days_max = 366;

/// What a path named, and what came with it.
struct call {
  tenant_id tenant;
  key_id key;
  std::string agent;
  query_parameters query;
  std::string_view body;
};

/// The request, unless something was wrong with the fields it was made from.
template <class Request> parsed finished(body_fields& fields, Request r) {
  if (auto wrong = fields.finish())
    return std::move(*wrong);
  return admin_request(std::move(r));
}

template <class Make> parsed paged(const call& c, const Make& make) {
  auto p = c.query.page();
  if (!p)
    return p.failure();
  return admin_request(make(std::move(*p)));
}

// -- tenants ------------------------------------------------------------------

parsed provision(const call& c) {
  body_fields f(c.body);
  provision_client r;
  r.name = f.text("name", need::required);
  r.tier = f.text("tier", need::required);
  r.product_type = f.text("product_type", need::required);
  r.api_key_name = f.text("api_key_name", need::required);
  return finished(f, std::move(r));
}

parsed post_tenant(const call& c) {
  body_fields f(c.body);
  create_tenant r;
  r.name = f.text("name", need::required);
  r.tier = f.text("tier", need::optional);
  if (r.tier.empty())
    r.tier = "free";
  r.figures.runs = f.figure("quota_runs").value_or(store::own_figure{});
  r.figures.tokens = f.figure("quota_tokens").value_or(store::own_figure{});
  r.figures.requests_per_day = f.figure("requests_per_day").value_or(store::own_figure{});
  return finished(f, std::move(r));
}

parsed get_tenants(const call& c) {
  return paged(c, [&](store::page p) { return list_tenants{std::move(p), c.query.text("name")}; });
}

parsed get_tenant(const call& c) {
  return admin_request(show_tenant{c.tenant});
}
parsed drop_tenant(const call& c) {
  return admin_request(delete_tenant{c.tenant});
}

parsed put_quota(const call& c) {
  body_fields f(c.body);
  store::quota_change change;
  if (auto tier = f.text("tier", need::optional); !tier.empty())
    change.tier = std::move(tier);
  change.runs = f.figure("quota_runs");
  change.tokens = f.figure("quota_tokens");
  change.requests_per_day = f.figure("requests_per_day");
  return finished(f, change_quota{c.tenant, std::move(change)});
}

// -- keys ---------------------------------------------------------------------

parsed post_key(const call& c) {
  body_fields f(c.body);
  store::new_key key;
  key.name = f.text("name", need::required);
  if (auto days = f.integer("expires_in_days", 1, expiry_days_max))
    key.expires_in_days = static_cast<int>(*days);
  return finished(f, create_key{c.tenant, std::move(key)});
}

parsed get_keys(const call& c) {
  return paged(c, [&](store::page p) { return list_keys{c.tenant, std::move(p)}; });
}

parsed drop_key(const call& c) {
  return admin_request(revoke_key{c.tenant, c.key});
}

// -- agents -------------------------------------------------------------------

parsed post_agent(const call& c) {
  body_fields f(c.body);
  store::new_agent a;
  a.name = f.text("name", need::required, 64);
  if (!a.name.empty() && !is_agent_name(a.name))
    f.refuse("name: must match [a-z0-9][a-z0-9_-]{0,63}");
  a.fields.agent_type = f.text("agent_type", need::required);
  a.fields.active = f.status().value_or(true);
  a.fields.config = f.object("config", need::required).value_or(ordered_json::object());
  if (auto wrong = f.finish())
    return std::move(*wrong);
  if (auto config = parse_agent_config(json(a.fields.config)); !config)
    return config.failure();
  return admin_request(create_agent{c.tenant, std::move(a)});
}

parsed put_agent(const call& c) {
  body_fields f(c.body);
  update_agent r{c.tenant, c.agent, {}, {}, {}};
  if (auto name = f.text("name", need::optional); !name.empty() && name != c.agent)
    f.refuse("name: cannot be changed");
  if (auto type = f.text("agent_type", need::optional); !type.empty())
    r.agent_type = std::move(type);
  r.active = f.status();
  r.config = f.object("config", need::optional);
  return finished(f, std::move(r));
}

parsed get_agents(const call& c) {
  return paged(c, [&](store::page p) { return list_agents{c.tenant, std::move(p)}; });
}

parsed get_agent(const call& c) {
  return admin_request(show_agent{c.tenant, c.agent});
}
parsed drop_agent(const call& c) {
  return admin_request(delete_agent{c.tenant, c.agent});
}

parsed get_runs(const call& c) {
  return paged(c, [&](store::page p) { return list_runs{c.tenant, c.agent, std::move(p)}; });
}

parsed get_agent_statistics(const call& c) {
  return admin_request(show_agent_statistics{c.tenant, c.agent});
}

// -- figures and platform -----------------------------------------------------

parsed get_usage(const call& c) {
  return admin_request(show_usage{c.tenant});
}

parsed get_daily_usage(const call& c) {
  auto days = c.query.count("days", 30, usage_days_max);
  if (!days)
    return days.failure();
  return admin_request(show_daily_usage{c.tenant, *days});
}

parsed get_templates(const call& c) {
  return admin_request(list_templates{c.query.text("product_type")});
}

parsed get_models(const call&) {
  return admin_request(list_models{});
}

parsed get_all_agents(const call& c) {
  return paged(c, [](store::page p) { return list_all_agents{std::move(p)}; });
}

parsed get_platform(const call&) {
  return admin_request(show_platform{});
}
parsed get_nodes(const call&) {
  return admin_request(list_nodes{});
}

parsed get_audit_log(const call& c) {
  return paged(c, [](store::page p) { return read_audit_log{std::move(p)}; });
}

parsed get_alerts(const call&) {
  return admin_request(list_alerts{});
}

// -- the table ----------------------------------------------------------------

struct route {
  std::string_view method;
  std::string_view pattern; // TENANT and KEY stand for an id, AGENT for an agent's name
  parsed (*parse)(const call&);
};

constexpr std::array routes{
    route{"POST", "/provision-client", provision},
    route{"GET", "/tenants", get_tenants},
    route{"POST", "/tenants", post_tenant},
    route{"GET", "/tenants/TENANT", get_tenant},
    route{"DELETE", "/tenants/TENANT", drop_tenant},
    route{"PUT", "/tenants/TENANT/quota", put_quota},
    route{"GET", "/tenants/TENANT/api-keys", get_keys},
    route{"POST", "/tenants/TENANT/api-keys", post_key},
    route{"DELETE", "/tenants/TENANT/api-keys/KEY", drop_key},
    route{"GET", "/tenants/TENANT/agents", get_agents},
    route{"POST", "/tenants/TENANT/agents", post_agent},
    route{"GET", "/tenants/TENANT/agents/AGENT", get_agent},
    route{"PUT", "/tenants/TENANT/agents/AGENT", put_agent},
    route{"DELETE", "/tenants/TENANT/agents/AGENT", drop_agent},
    route{"GET", "/tenants/TENANT/agents/AGENT/runs", get_runs},
    route{"GET", "/tenants/TENANT/agents/AGENT/stats", get_agent_statistics},
    route{"GET", "/tenants/TENANT/usage", get_usage},
    route{"GET", "/tenants/TENANT/usage/daily", get_daily_usage},
    route{"GET", "/agent-templates", get_templates},
    route{"GET", "/models", get_models},
    route{"GET", "/agents", get_all_agents},
    route{"GET", "/stats", get_platform},
    route{"GET", "/nodes", get_nodes},
    route{"GET", "/audit-log", get_audit_log},
    route{"GET", "/alerts", get_alerts},
};

/// Cuts the first segment, `/x`, off a path; gives `x`.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool take_segment(std::string_view expected, std::string_view encoded, call& c) {
  auto segment = percent_decoded(encoded, false);
  if (!segment)
    return false;
  if (expected == "TENANT") {
    auto id = tenant_id::parse(*segment);
    c.tenant = id.value_or(tenant_id{});
    return id.has_value();
  }
  if (expected == "KEY") {
    auto id = key_id::parse(*segment);
    c.key = id.value_or(key_id{});
    return id.has_value();
  }
  if (expected == "AGENT") {
    c.agent = *segment;
    return is_agent_name(c.agent);
  }
  return *segment == expected;
}

bool matches(std::string_view pattern, std::string_view path, call& c) {
  while (path.starts_with('/') && !pattern.empty()) {
    const auto expected = next_segment(pattern);
    if (!take_segment(expected, next_segment(path), c))
      return false;
  }
  return path.empty() && pattern.empty();
}

} // namespace

std::string admin_methods(std::string_view path) {
  std::string allowed;
  for (const auto& r : routes) {
    call c;
    if (!matches(r.pattern, path, c))
      continue;
    allowed += allowed.empty() ? "" : ", ";
    allowed += r.method;
    if (r.method == "GET")
      allowed += ", HEAD";
  }
  return allowed;
}

result<admin_request> parse_admin_request(const admin_call& asked) {
  const auto method = asked.method == "HEAD" ? "GET" : asked.method;
  for (const auto& r : routes) {
    call c;
    if (r.method != method || !matches(r.pattern, asked.path, c))
      continue;
    auto query = query_parameters::read(asked.query);
    if (!query)
      return query.failure();
    c.query = std::move(*query);
    c.body = asked.body;
    return r.parse(c);
  }
  if (admin_methods(asked.path).empty())
    return error{errc::not_found, "Not found"};
  return error{errc::method_not_allowed, "Method not allowed"};
}

} // namespace ares::http
