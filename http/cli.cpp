#include "http/cli.hpp"

#include "http/cli_client.hpp"
#include "http/cli_table.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <vector>

namespace ares::http {

namespace {

// Of a list without --limit.
constexpr std::size_t rows_max = 10000;
constexpr std::size_t runs_max = 20;

/// What the leaves of the command tree fill in; each uses a few.
struct words {
  std::string tenant, name, tier, product_type, key_name, key_id, agent;
  std::string agent_type, model, system_prompt, config, status;
  std::string quota_runs, quota_tokens, requests_per_day;
  std::vector<std::string> tools, unset;
  int max_tokens = 0, expires_in_days = 0, days = 0;
  std::size_t limit = 0; // 0: not given
};

/// A limit that is null is none; other nulls are what is not known yet.
ordered_json with_limits_said(ordered_json row) {
  for (const char* limit : {"quota_runs", "quota_tokens", "requests_per_day"})
    if (row.contains(limit) && row[limit].is_null())
      row[limit] = "unlimited";
  return row;
}

/// What a command works with: its words, and how its result is shown.
struct task {
  const words& w;
  const operator_context& context;
  operator_client& client;

  void show(const ordered_json& result, const std::string& for_people) const {
    std::cout << (context.json
                      ? result.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n"
                      : for_people);
  }
  void show_sheet(const ordered_json& result) const {
    show(result, sheet_of(with_limits_said(result)));
  }
  void show_rows(const std::string& path, const std::string& name,
                 const std::vector<table_column>& columns, std::size_t most = rows_max) const {
    const auto rows = client.list(path, name, w.limit > 0 ? w.limit : most);
    auto said = rows[name];
    for (auto& row : said)
      row = with_limits_said(std::move(row));
    show(rows, table_of(columns, said));
  }
  void say(const std::string& sentence) const {
    if (!context.json)
      std::cout << sentence << "\n";
  }
};

[[noreturn]] void wrong_usage(const std::string& why) {
  throw operator_failure(operator_failure::usage, why);
}

/// A text, or the content of FILE for `@FILE`.
std::string text_or_file(const std::string& given) {
  if (!given.starts_with('@'))
    return given;
  std::ifstream file(given.substr(1), std::ios::binary);
  if (!file)
    wrong_usage("cannot read " + given.substr(1));
  return {std::istreambuf_iterator<char>(file), {}};
}

// -- tenants ------------------------------------------------------------------

void list_tenants(const task& t) {
  t.show_rows("/tenants", "tenants",
              {{"NAME", "name"},
               {"TIER", "tier"},
               {"RUNS/MONTH", "quota_runs"},
               {"TOKENS/MONTH", "quota_tokens"},
               {"REQUESTS/DAY", "requests_per_day"},
               {"AGENTS", "agent_count"},
               {"CREATED", "created_at"},
               {"ID", "id"}});
}

void create_tenant(const task& t) {
  ordered_json body{{"name", t.w.name}, {"tier", t.w.tier.empty() ? "free" : t.w.tier}};
  if (t.w.product_type.empty())
    return t.show_sheet(t.client.post("/tenants", body));
  body["product_type"] = t.w.product_type;
  body["api_key_name"] = t.w.key_name.empty() ? "default" : t.w.key_name;
  t.show_sheet(t.client.post("/provision-client", body));
  t.say("\nThe key is shown this once only.");
}

void show_tenant(const task& t) {
  t.show_sheet(t.client.get(t.client.tenant_path(t.w.tenant)));
}

void put_figure(ordered_json& body, const char* field, const std::string& given) {
  if (given == "unlimited")
    body[field] = nullptr;
  else if (given == "tier")
    body[field] = "tier";
  else if (!given.empty())
    body[field] = ordered_json::parse(given, nullptr, false);
}

void change_quota(const task& t) {
  auto body = ordered_json::object();
  if (!t.w.tier.empty())
    body["tier"] = t.w.tier;
  put_figure(body, "quota_runs", t.w.quota_runs);
  put_figure(body, "quota_tokens", t.w.quota_tokens);
  put_figure(body, "requests_per_day", t.w.requests_per_day);
  if (body.empty())
    wrong_usage("nothing to change: give --tier or one of the figures");
  t.show_sheet(t.client.put(t.client.tenant_path(t.w.tenant) + "/quota", body));
}

void delete_tenant(const task& t) {
  t.client.remove(t.client.tenant_path(t.w.tenant));
  t.say("Deleted tenant " + t.w.tenant);
}

// -- agents -------------------------------------------------------------------

void list_agents(const task& t) {
  const auto path = t.client.tenant_path(t.w.tenant) + "/agents";
  const auto found = t.client.list(path, "agents", t.w.limit > 0 ? t.w.limit : rows_max);
  auto rows = found["agents"];
  for (auto& row : rows)
    row["model"] = row.value("config", ordered_json::object()).value("model", "");
  t.show(found, table_of({{"NAME", "name"},
                          {"TYPE", "agent_type"},
                          {"STATUS", "status"},
                          {"MODEL", "model"},
                          {"RUNS", "total_runs"},
                          {"SUCCESS", "success_rate"},
                          {"LAST RUN", "last_run"},
                          {"ID", "id"}},
                         rows));
}

/// The configuration that --config and the single options make together.
ordered_json config_of(const words& w) {
  auto config = ordered_json::object();
  if (!w.config.empty())
    config = ordered_json::parse(text_or_file(w.config), nullptr, false);
  if (!config.is_object())
    wrong_usage("--config: must be a JSON object");
  if (!w.model.empty())
    config["model"] = w.model;
  if (!w.system_prompt.empty())
    config["system_prompt"] = text_or_file(w.system_prompt);
  if (!w.tools.empty())
    config["tools"] = w.tools;
  if (w.max_tokens > 0)
    config["max_tokens"] = w.max_tokens;
  for (const auto& key : w.unset)
    config[key] = nullptr;
  return config;
}

ordered_json agent_of(const words& w) {
  auto body = ordered_json::object();
  if (!w.agent_type.empty())
    body["agent_type"] = w.agent_type;
  if (!w.status.empty())
    body["status"] = w.status;
  if (auto config = config_of(w); !config.empty())
    body["config"] = std::move(config);
  return body;
}

std::string agent_path(const task& t) {
  return t.client.tenant_path(t.w.tenant) + "/agents/" + percent_encoded(t.w.agent);
}

void create_agent(const task& t) {
  auto body = agent_of(t.w);
  body["name"] = t.w.agent;
  t.show_sheet(t.client.post(t.client.tenant_path(t.w.tenant) + "/agents", body));
}

void update_agent(const task& t) {
  const auto body = agent_of(t.w);
  if (body.empty())
    wrong_usage("nothing to change: give --type, --status or something of the configuration");
  t.show_sheet(t.client.put(agent_path(t), body));
}

void delete_agent(const task& t) {
  t.client.remove(agent_path(t));
  t.say("Deleted agent " + t.w.agent);
}

// -- keys ---------------------------------------------------------------------

void list_keys(const task& t) {
  t.show_rows(t.client.tenant_path(t.w.tenant) + "/api-keys", "keys",
              {{"NAME", "name"},
               {"PREFIX", "prefix"},
               {"CREATED", "created_at"},
               {"EXPIRES", "expires_at"},
               {"LAST USED", "last_used"},
               {"ID", "id"}});
}

void create_key(const task& t) {
  ordered_json body{{"name", t.w.key_name}};
  if (t.w.expires_in_days > 0)
    body["expires_in_days"] = t.w.expires_in_days;
  t.show_sheet(t.client.post(t.client.tenant_path(t.w.tenant) + "/api-keys", body));
  t.say("\nThe key is shown this once only.");
}

void revoke_key(const task& t) {
  t.client.remove(t.client.tenant_path(t.w.tenant) + "/api-keys/" + percent_encoded(t.w.key_id));
  t.say("Revoked key " + t.w.key_id);
}

// -- figures ------------------------------------------------------------------

void show_usage(const task& t) {
  auto path = t.client.tenant_path(t.w.tenant) + "/usage";
  if (t.w.days > 0)
    path += "/daily?days=" + std::to_string(t.w.days);
  const auto usage = t.client.get(path);
  auto head = with_limits_said(usage);
  const auto averages = usage.value("averages", ordered_json::object());
  head.erase("averages");
  head.erase("daily_usage");
  for (const auto& [name, value] : averages.items())
    head["average " + name] = value;
  t.show(usage, sheet_of(head) + "\n" +
                    table_of({{"DATE", "date"},
                              {"RUNS", "runs"},
                              {"TOKENS", "tokens"},
                              {"API CALLS", "api_calls"}},
                             usage.value("daily_usage", ordered_json::array())));
}

void list_runs(const task& t) {
  t.show_rows(agent_path(t) + "/runs", "runs",
              {{"STARTED", "started_at"},
               {"STATUS", "status"},
               {"MS", "duration_ms"},
               {"TOKENS", "tokens_used"},
               {"ID", "id"},
               {"ERROR", "error"}},
              runs_max);
}

// -- the command tree ---------------------------------------------------------

using work = void (*)(const task&);

/// Where commands hang, and what they read into; `w` lives as long as what is called.
struct branch {
  CLI::App& parent;
  operator_context& context;
  std::shared_ptr<words> w;
};

/// What every command takes, wherever in the line it stands. Listed in the help of those who `show`
/// it.
void want_connection(CLI::App* command, operator_context& context, bool show) {
  for (auto* option :
       {command->add_option("--url", context.url, "Where a node answers")->capture_default_str(),
        command->add_flag("--json", context.json, "Print JSON, for programs"),
        command->add_option(
            "--cacert", context.ca_file,
            "Authorities to trust behind https:// (PEM file); also CURL_CA_BUNDLE")})
    if (!show)
      option->group("");
}

/// A command without children.
CLI::App* leaf(const branch& on, const char* name, const char* what, work carry_out) {
  auto& context = on.context;
  auto* command = on.parent.add_subcommand(name, what);
  want_connection(command, context, true);
  command->callback([&context, w = on.w, carry_out] {
    context.command = [&context, w, carry_out](operator_client& client) {
      carry_out({*w, context, client});
    };
  });
  return command;
}

branch group_of(const branch& on, const char* name, const char* what) {
  auto* group = on.parent.add_subcommand(name, what);
  group->require_subcommand(1);
  want_connection(group, on.context, false);
  return {*group, on.context, on.w};
}

void want_tenant(CLI::App* command, words& w) {
  command->add_option("TENANT", w.tenant, "Name or id of the tenant")->required();
}

void want_figure(CLI::App* command, const char* option, std::string& into) {
  command->add_option(option, into, "A number, 'unlimited', or 'tier' for the tier's figure")
      ->check([](const std::string& given) {
        const bool good = given == "unlimited" || given == "tier" ||
                          given.find_first_not_of("0123456789") == std::string::npos;
        return good && !given.empty() ? "" : "must be a number, 'unlimited' or 'tier'";
      });
}

void want_agent_fields(CLI::App* command, words& w) {
  command->add_option("--model", w.model, "Name of a configured model");
  command->add_option("--system-prompt", w.system_prompt, "Text, or @FILE");
  command->add_option("--tool", w.tools, "Name of a tool; may be given again");
  command->add_option("--max-tokens", w.max_tokens)->check(CLI::PositiveNumber);
  command->add_option("--config", w.config, "The configuration as a JSON object, or @FILE");
  command->add_option("--status", w.status)->check(CLI::IsMember({"active", "disabled"}));
}

void add_tenant_commands(const branch& root) {
  const auto group = group_of(root, "tenant", "List, create, show, limit and delete tenants");
  auto& w = *root.w;
  auto* list = leaf(group, "list", "All tenants, newest first", list_tenants);
  list->add_option("--limit", w.limit, "At most so many")->check(CLI::PositiveNumber);
  auto* create = leaf(group, "create", "A tenant; with --product-type also its agents and a key",
                      create_tenant);
  create->add_option("NAME", w.name)->required();
  create->add_option("--tier", w.tier, "free without it");
  create->add_option("--product-type", w.product_type, "Whose templates become its agents");
  create->add_option("--key-name", w.key_name, "Of its first key; 'default' without it");
  want_tenant(leaf(group, "show", "One tenant", show_tenant), w);
  auto* quota = leaf(group, "quota", "Change a tenant's tier and limits", change_quota);
  want_tenant(quota, w);
  quota->add_option("--tier", w.tier, "Another tier");
  want_figure(quota, "--quota-runs", w.quota_runs);
  want_figure(quota, "--quota-tokens", w.quota_tokens);
  want_figure(quota, "--requests-per-day", w.requests_per_day);
  want_tenant(leaf(group, "delete", "A tenant and all that is its own", delete_tenant), w);
}

void add_agent_commands(const branch& root) {
  const auto group = group_of(root, "agent", "List, create, update and delete a tenant's agents");
  auto& w = *root.w;
  auto* list = leaf(group, "list", "A tenant's agents, by name", list_agents);
  want_tenant(list, w);
  list->add_option("--limit", w.limit, "At most so many")->check(CLI::PositiveNumber);
  auto* create = leaf(group, "create", "An agent", create_agent);
  auto* update = leaf(group, "update", "Change what is given, keep the rest", update_agent);
  auto* drop = leaf(group, "delete", "An agent; its runs stay", delete_agent);
  for (auto* command : {create, update, drop}) {
    want_tenant(command, w);
    command->add_option("NAME", w.agent, "Name of the agent")->required();
  }
  create->add_option("--type", w.agent_type, "Its agent_type")->required();
  update->add_option("--type", w.agent_type, "Its agent_type");
  update->add_option("--unset", w.unset,
                     "A key of the configuration to remove; may be given again");
  want_agent_fields(create, w);
  want_agent_fields(update, w);
}

void add_key_commands(const branch& root) {
  const auto group = group_of(root, "key", "List, create and revoke a tenant's API keys");
  auto& w = *root.w;
  auto* list = leaf(group, "list", "A tenant's keys, newest first", list_keys);
  want_tenant(list, w);
  list->add_option("--limit", w.limit, "At most so many")->check(CLI::PositiveNumber);
  auto* create = leaf(group, "create", "A key; its secret is shown once", create_key);
  want_tenant(create, w);
  create->add_option("--name", w.key_name, "What it is for")->required();
  create->add_option("--expires-in-days", w.expires_in_days)->check(CLI::Range(1, 3650));
  auto* revoke = leaf(group, "revoke", "Refuse a key from now on", revoke_key);
  want_tenant(revoke, w);
  revoke->add_option("KEY_ID", w.key_id, "Id of the key")->required();
}

void add_figure_commands(const branch& root) {
  auto& w = *root.w;
  auto* usage = leaf(root, "usage", "What a tenant used this month", show_usage);
  want_tenant(usage, w);
  usage->add_option("--days", w.days, "The last days instead")->check(CLI::Range(1, 366));
  auto* runs = leaf(root, "runs", "An agent's runs, newest first", list_runs);
  want_tenant(runs, w);
  runs->add_option("AGENT", w.agent, "Name of the agent")->required();
  runs->add_option("--limit", w.limit, "At most so many")->check(CLI::PositiveNumber);
}

} // namespace

void add_operator_commands(CLI::App& app, operator_context& context) {
  // One set of words for all: a command line has one leaf.
  const branch root{app, context, std::make_shared<words>()};
  want_connection(&app, context, false);
  add_tenant_commands(root);
  add_agent_commands(root);
  add_key_commands(root);
  add_figure_commands(root);
}

int operator_context::run() {
  try {
    if (!admin_secret)
      if (const char* given = std::getenv("ARES_ADMIN_SECRET"))
        admin_secret = given;
    if (!command || !admin_secret || admin_secret->empty())
      wrong_usage("ARES_ADMIN_SECRET is not set: it must hold the node's admin secret");
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"})
      if (const char* given = std::getenv(name); ca_file.empty() && given != nullptr)
        ca_file = given;
    operator_client client(url, *admin_secret, ca_file);
    command(client);
    std::cout.flush();
    return 0;
  } catch (const operator_failure& e) {
    std::cerr << "ares: " << e.what() << "\n";
    return e.exit;
  } catch (const std::exception& e) {
    std::cerr << "ares: the answer cannot be understood (" << e.what() << ")\n";
    return operator_failure::unreachable;
  }
}

} // namespace ares::http
