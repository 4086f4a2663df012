// What can be asked of the administration: requests as values, checked in form (CONTRACT.md,
// section 7). Names in them (tiers, models, tools, product types) are looked up when they are
// carried out.
#pragma once

#include "conf/ids.hpp"
#include "conf/json.hpp"
#include "store/tenant_records.hpp"

#include <optional>
#include <string>
#include <variant>

namespace ares::admin {

// -- tenants ------------------------------------------------------------------

struct provision_client {
  std::string name, tier, product_type, api_key_name;
};
struct create_tenant {
  std::string name, tier;
  store::own_figures figures;
};
struct list_tenants {
  store::page part;
  std::optional<std::string> name; // the one of that name only
};
struct show_tenant {
  tenant_id tenant;
};
struct delete_tenant {
  tenant_id tenant;
};
struct change_quota {
  tenant_id tenant;
  store::quota_change change;
};

// -- keys ---------------------------------------------------------------------

struct create_key {
  tenant_id tenant;
  store::new_key key;
  enum class answer_shape { admin, v1 } shape = answer_shape::admin;
};
struct list_keys {
  tenant_id tenant;
  store::page part;
};
struct revoke_key {
  tenant_id tenant;
  key_id key;
};

// -- agents -------------------------------------------------------------------

struct create_agent {
  tenant_id tenant;
  store::new_agent agent;
};
/// What is empty stays as it is; `config` is merged key by key, null removes one.
struct update_agent {
  tenant_id tenant;
  std::string name;
  std::optional<std::string> agent_type;
  std::optional<bool> active;
  std::optional<ordered_json> config;
};
struct delete_agent {
  tenant_id tenant;
  std::string name;
};
struct show_agent {
  tenant_id tenant;
  std::string name;
};
struct list_agents {
  tenant_id tenant;
  store::page part;
};
struct list_runs {
  tenant_id tenant;
  std::string agent;
  store::page part;
};
struct show_agent_statistics {
  tenant_id tenant;
  std::string agent;
};

// -- figures and platform -----------------------------------------------------

struct show_usage {
  tenant_id tenant;
};
struct show_daily_usage {
  tenant_id tenant;
  int days = 30;
};
struct list_templates {
  std::optional<std::string> product_type;
};
struct list_models {};
struct list_all_agents {
  store::page part;
};
struct show_platform {};
struct list_nodes {};
struct read_audit_log {
  store::page part;
};
struct list_alerts {};

} // namespace ares::admin

namespace ares {

using admin_request =
    std::variant<admin::provision_client, admin::create_tenant, admin::list_tenants,
                 admin::show_tenant, admin::delete_tenant, admin::change_quota, admin::create_key,
                 admin::list_keys, admin::revoke_key, admin::create_agent, admin::update_agent,
                 admin::delete_agent, admin::show_agent, admin::list_agents, admin::list_runs,
                 admin::show_agent_statistics, admin::show_usage, admin::show_daily_usage,
                 admin::list_templates, admin::list_models, admin::list_all_agents,
                 admin::show_platform, admin::list_nodes, admin::read_audit_log,
                 admin::list_alerts>;

/// A refusal, or a status and a body.
struct admin_answer {
  int status = 500;
  std::string json;             // empty where there is no body (204)
  std::optional<error> refused; // then the status and the body are made from this one

  static admin_answer ok(int status, std::string json) { return {status, std::move(json), {}}; }
  static admin_answer refusal(error e) { return {500, {}, std::move(e)}; }
};

} // namespace ares
