#include "actors/administration.hpp"

#include "actors/admin_rendering.hpp"
#include "conf/clock.hpp"
#include "conf/log.hpp"

#include <algorithm>
#include <exception>
#include <span>
#include <tuple>

namespace ares {

namespace {

using namespace admin;

constexpr std::size_t whole_list_step = 500;
/// GET /agents sorts the agents of all tenants by name, and so holds them all for a moment.
constexpr std::size_t all_agents_max = 100000;

using answer = result<admin_answer>;

admin_answer ok(const ordered_json& body) {
  return admin_answer::ok(200, dump(body));
}
admin_answer created(const ordered_json& body) {
  return admin_answer::ok(201, dump(body));
}
admin_answer no_content() {
  return admin_answer::ok(204, {});
}

template <class Row, class... More>
answer list_answer(const char* name, const result<store::page_of<Row>>& rows, const More&... more) {
  if (!rows)
    return rows.failure();
  auto items = ordered_json::array();
  for (const auto& row : rows->items)
    items.push_back(render(row, more...));
  return ok(render_list(name, std::move(items), rows->next));
}

template <class Row, class... More>
answer row_answer(int status, const result<Row>& row, const More&... more) {
  if (!row)
    return row.failure();
  return admin_answer::ok(status, dump(render(*row, more...)));
}

answer done_answer(const result<std::monostate>& done) {
  return done ? answer(no_content()) : answer(done.failure());
}

/// One request on its way: a member for each kind.
class execution {
public:
  execution(const administration_parts& parts, const store::author& by)
      : tenants_(*parts.tenants), parts_(parts), conf_(parts.current_config()), by_(by) {}

  // -- tenants ------------------------------------------------------------------

  answer operator()(const provision_client& r) {
    const auto agents = conf_->templates.find(r.product_type);
    auto wrong = check_tier(r.tier);
    if (!wrong && agents == conf_->templates.end())
      wrong = error{errc::unknown_product_type, "Unknown product type '" + r.product_type + "'"};
    if (wrong)
      return unless_taken(r.name, std::move(*wrong));
    store::new_tenant wanted{r.name, r.tier, {}, {}, store::new_key{r.api_key_name, std::nullopt}};
    auto names = ordered_json::array();
    for (const auto& a : agents->second) {
      wanted.agents.push_back({a.name, {a.agent_type, true, ordered_json(a.config)}});
      names.push_back(a.name);
    }
    auto made = tenants_.create(wanted, by_);
    if (!made)
      return made.failure();
    return created({{"tenant_id", made->tenant.id.text()},
                    {"tenant_name", r.name},
                    {"tier", r.tier},
                    {"product_type", r.product_type},
                    {"api_key_id", made->key->id.text()},
                    {"api_key_prefix", made->key->secret.prefix()},
                    {"raw_api_key", made->key->secret.reveal()},
                    {"agents_created", std::move(names)}});
  }

  answer operator()(const create_tenant& r) {
    if (auto wrong = check_tier(r.tier))
      return unless_taken(r.name, std::move(*wrong));
    auto made = tenants_.create({r.name, r.tier, r.figures, {}, {}}, by_);
    if (!made)
      return made.failure();
    return created(render(made->tenant, *conf_));
  }

  answer operator()(const list_tenants& r) {
    if (!r.name)
      return list_answer("tenants", tenants_.list(r.part), *conf_);
    auto items = ordered_json::array();
    auto found = tenants_.find(*r.name);
    if (found)
      items.push_back(render(*found, *conf_));
    else if (found.failure().code != errc::not_found)
      return found.failure();
    return ok(render_list("tenants", std::move(items), std::nullopt));
  }

  answer operator()(const show_tenant& r) {
    return row_answer(200, tenants_.get(r.tenant), *conf_);
  }

  answer operator()(const delete_tenant& r) { return done_answer(tenants_.remove(r.tenant, by_)); }

  answer operator()(const change_quota& r) {
    if (r.change.tier)
      if (auto wrong = check_tier(*r.change.tier)) {
        if (auto tenant = tenants_.get(r.tenant); !tenant)
          return tenant.failure();
        return std::move(*wrong);
      }
    return row_answer(200, tenants_.change_quota(r.tenant, r.change, by_), *conf_);
  }

  // -- keys ---------------------------------------------------------------------

  answer operator()(const create_key& r) {
    auto key = tenants_.create_key(r.tenant, r.key, by_);
    if (!key)
      return key.failure();
    if (r.shape == create_key::answer_shape::v1)
      return created({{"key", key->id.text()}, {"secret", key->secret.reveal()}});
    return created({{"id", key->id.text()},
                    {"prefix", key->secret.prefix()},
                    {"raw_key", key->secret.reveal()},
                    {"created_at", rfc3339(key->created_s * 1000)}});
  }

  answer operator()(const list_keys& r) {
    return list_answer("keys", tenants_.list_keys(r.tenant, r.part));
  }

  answer operator()(const revoke_key& r) {
    return done_answer(tenants_.revoke_key(r.tenant, r.key, by_));
  }

  // -- agents -------------------------------------------------------------------

  answer operator()(const create_agent& r) {
    if (auto wrong = check_config(r.agent.fields.config)) {
      auto tenant = tenants_.get(r.tenant);
      if (!tenant)
        return tenant.failure();
      if (tenants_.get_agent(r.tenant, r.agent.name))
        return error{errc::already_exists, "An agent named '" + r.agent.name + "' exists already"};
      return std::move(*wrong);
    }
    return row_answer(201, tenants_.create_agent(r.tenant, r.agent, by_));
  }

  answer operator()(const update_agent& r) {
    const auto revise = [&](const store::agent_record& now) -> result<store::agent_fields> {
      auto fields = now.fields;
      fields.agent_type = r.agent_type.value_or(fields.agent_type);
      fields.active = r.active.value_or(fields.active);
      if (!r.config)
        return fields;
      for (const auto& [key, value] : r.config->items())
        if (value.is_null())
          fields.config.erase(key);
        else
          fields.config[key] = value;
      if (auto wrong = check_config(fields.config))
        return std::move(*wrong);
      return fields;
    };
    return row_answer(200, tenants_.update_agent(r.tenant, r.name, revise, by_));
  }

  answer operator()(const delete_agent& r) {
    return done_answer(tenants_.delete_agent(r.tenant, r.name, by_));
  }

  answer operator()(const show_agent& r) {
    return row_answer(200, tenants_.get_agent(r.tenant, r.name));
  }

  answer operator()(const list_agents& r) {
    return list_answer("agents", tenants_.list_agents(r.tenant, r.part));
  }

  answer operator()(const list_runs& r) {
    auto runs = tenants_.list_runs(r.tenant, r.agent, r.part);
    if (!runs)
      return runs.failure();
    return admin_answer::ok(200, render_texts("runs", runs->records, runs->next,
                                              ",\"total\":" + std::to_string(runs->total)));
  }

  answer operator()(const show_agent_statistics& r) {
    auto row = tenants_.get_agent(r.tenant, r.agent);
    if (!row)
      return row.failure();
    return ok(render_statistics(*row));
  }

  // -- figures ------------------------------------------------------------------

  answer operator()(const show_usage& r) {
    auto tenant = tenants_.get(r.tenant);
    if (!tenant)
      return tenant.failure();
    auto usage = tenants_.usage(r.tenant);
    if (!usage)
      return usage.failure();
    return ok(render_usage(*usage, tenant->limits(*conf_)));
  }

  answer operator()(const show_daily_usage& r) {
    auto usage = tenants_.usage(r.tenant);
    if (!usage)
      return usage.failure();
    return ok(render_daily(*usage, r.days));
  }

  answer operator()(const show_platform&) {
    auto counts = tenants_.counts();
    if (!counts)
      return counts.failure();
    return ok(render(*counts, tenants_.now_ms()));
  }

  // -- platform -----------------------------------------------------------------

  answer operator()(const list_templates& r) {
    return ok(render_list("templates", render_templates(*conf_, r.product_type), std::nullopt));
  }

  answer operator()(const list_models&) {
    return ok(render_list("models", render_models(*conf_), std::nullopt));
  }

  answer operator()(const list_nodes&) {
    auto nodes = tenants_.nodes();
    if (!nodes)
      return nodes.failure();
    return list_answer("nodes", result(store::page_of<store::node_row>{std::move(*nodes), {}}));
  }

  answer operator()(const read_audit_log& r) {
    auto entries = tenants_.audit().read(r.part);
    if (!entries)
      return entries.failure();
    return admin_answer::ok(200, render_texts("entries", entries->items, entries->next));
  }

  answer operator()(const list_alerts&) {
    auto alerts = ordered_json::array();
    auto walked = each_step([&](const std::vector<store::tenant_record>& some) -> answer {
      auto usage = tenants_.usage_of(some);
      if (!usage)
        return usage.failure();
      for (std::size_t i = 0; i < some.size(); ++i)
        render_alerts(some[i], (*usage)[i], *conf_, alerts);
      return no_content();
    });
    if (!walked)
      return walked;
    return ok(render_list("alerts", std::move(alerts), std::nullopt));
  }

  answer operator()(const list_all_agents& r) {
    std::vector<owned_agent> all;
    auto walked = each_step(
        [&](const std::vector<store::tenant_record>& some) { return add_agents(some, all); });
    if (!walked)
      return walked;
    std::sort(all.begin(), all.end());
    auto first = all.begin();
    if (!r.part.after.empty()) {
      first = std::find_if(all.begin(), all.end(),
                           [&](const owned_agent& a) { return a.agent.id == r.part.after; });
      if (first == all.end())
        return error{errc::invalid_request, "after: no such agent"};
      ++first;
    }
    return agents_answer(first, all.end(), r.part.limit);
  }

private:
  struct owned_agent {
    tenant_id tenant;
    std::string tenant_name;
    store::agent_record agent;

    bool operator<(const owned_agent& other) const {
      return std::tie(agent.name, agent.id) < std::tie(other.agent.name, other.agent.id);
    }
  };

  /// Calls `visit` with all tenants, some at a time.
  template <class Visit> answer each_step(const Visit& visit) {
    store::page p{whole_list_step, {}};
    for (;;) {
      auto some = tenants_.list(p);
      if (!some)
        return some.failure();
      if (auto visited = visit(some->items); !visited)
        return visited;
      if (!some->next)
        return no_content();
      p.after = *some->next;
    }
  }

  answer add_agents(const std::vector<store::tenant_record>& some, std::vector<owned_agent>& all) {
    auto lists = tenants_.agents_of(some);
    if (!lists)
      return lists.failure();
    for (std::size_t i = 0; i < some.size(); ++i)
      for (auto& a : (*lists)[i])
        all.push_back({some[i].id, some[i].name, std::move(a)});
    if (all.size() > all_agents_max)
      return error{errc::invalid_request, "There are too many agents; list them by tenant"};
    return no_content();
  }

  using owned_agents = std::vector<owned_agent>::iterator;
  answer agents_answer(owned_agents first, owned_agents last, std::size_t limit) {
    const std::span rest(first, last);
    const auto shown = rest.first(std::min(limit, rest.size()));
    std::vector<std::pair<tenant_id, std::string>> asked;
    asked.reserve(shown.size());
    for (const auto& a : shown)
      asked.emplace_back(a.tenant, a.agent.id);
    auto statistics = tenants_.statistics_of(asked);
    if (!statistics)
      return statistics.failure();
    auto items = ordered_json::array();
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const auto& a = shown[i];
      auto item = render(store::agent_row{a.agent, (*statistics)[i]});
      item["tenant_id"] = a.tenant.text();
      item["tenant_name"] = a.tenant_name;
      items.push_back(std::move(item));
    }
    std::optional<std::string> next;
    if (!shown.empty() && shown.size() < rest.size())
      next = shown.back().agent.id;
    return ok(render_list("agents", std::move(items), next));
  }

  // -- names --------------------------------------------------------------------

  [[nodiscard]] std::optional<error> check_tier(const std::string& tier) const {
    if (conf_->tiers.count(tier))
      return std::nullopt;
    return error{errc::unknown_tier, "Unknown tier '" + tier + "'"};
  }

  /// A name that is taken is complained about before one that does not exist.
  answer unless_taken(const std::string& name, error wrong) {
    if (tenants_.find(name))
      return error{errc::already_exists, "A tenant named '" + name + "' exists already"};
    return wrong;
  }

  [[nodiscard]] std::optional<error> check_model(const std::string& name) const {
    if (conf_->models.count(name))
      return std::nullopt;
    return error{errc::unknown_model, "Unknown model '" + name + "'"};
  }

  /// An agent's whole configuration: its form, its schema, the names in it.
  [[nodiscard]] std::optional<error> check_config(const ordered_json& config) const {
    auto parsed = parse_agent_config(json(config));
    if (!parsed)
      return parsed.failure();
    if (parsed->output_schema)
      if (auto defect = parts_.schema_defect(*parsed->output_schema))
        return error{errc::invalid_request, "config.output_schema: " + *defect};
    if (auto wrong = check_model(parsed->model))
      return wrong;
    for (const auto& name : parsed->fallback_models)
      if (auto wrong = check_model(name))
        return wrong;
    for (const auto& name : parsed->tools)
      if (!parts_.tool_exists(name))
        return error{errc::unknown_tool, "Unknown tool '" + name + "'"};
    return std::nullopt;
  }

  store::tenant_store& tenants_;
  const administration_parts& parts_;
  const std::shared_ptr<const config> conf_;
  const store::author& by_;
};

} // namespace

admin_answer administration::execute(const admin_request& request, const store::author& by) {
  try {
    auto r = std::visit(execution(parts_, by), request);
    return r ? std::move(*r) : admin_answer::refusal(r.failure());
  } catch (const std::exception& e) {
    log::error("an administrative request failed",
               {{"request_id", by.request_id}, {"reason", e.what()}});
    return admin_answer::refusal({errc::internal, "Internal error"});
  }
}

void administration::sweep(std::chrono::milliseconds interval) {
  try {
    auto mine = parts_.tenants->take_turn(interval);
    if (!mine || !*mine)
      return;
    if (auto swept = parts_.tenants->sweep(); !swept)
      log::warn("the upkeep of tenants goes on later", {{"reason", swept.failure().message}});
    const int days = parts_.current_config()->retention_days;
    if (auto trimmed = parts_.tenants->trim(days); !trimmed)
      log::warn("old runs are removed later", {{"reason", trimmed.failure().message}});
  } catch (const std::exception& e) {
    log::error("the upkeep of tenants failed", {{"reason", e.what()}});
  }
}

} // namespace ares
