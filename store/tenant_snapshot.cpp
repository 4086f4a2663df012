#include "store/tenant_snapshot.hpp"

#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/scripts.hpp"

#include <cstdlib>

namespace ares::store {

namespace {

std::int64_t number(const std::string& text) {
  return std::strtoll(text.c_str(), nullptr, 10);
}

std::string text_of(const json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::int64_t number_of(const json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_number() ? it->get<std::int64_t>() : 0;
}

quota_override override_of(const std::string& text) {
  if (text == "none")
    return {true, std::nullopt};
  return {true, number(text)};
}

bool read_key(tenant_snapshot& t, const std::string& hash, const std::string& stored) {
  auto bar = stored.find('|');
  auto object = json::parse(stored.substr(bar == std::string::npos ? 0 : bar + 1), nullptr, false);
  auto id = key_id::parse(object.is_object() ? text_of(object, "id") : "");
  if (!id)
    return false;
  t.keys.emplace(hash, key_snapshot{*id, text_of(object, "name"), text_of(object, "prefix"),
                                    number_of(object, "created_at"), number(stored)});
  return true;
}

bool read_agent(tenant_snapshot& t, const std::string& name, const std::string& stored) {
  auto object = ordered_json::parse(stored, nullptr, false);
  if (!object.is_object() || !object.contains("config"))
    return false;
  auto config = parse_agent_config(json::parse(object["config"].dump(), nullptr, false));
  json plain = json::parse(stored, nullptr, false);
  auto id = agent_id::parse(text_of(plain, "id"));
  if (!config || !id)
    return false;
  auto agent = std::make_shared<agent_snapshot>();
  agent->id = *id;
  agent->name = name;
  agent->agent_type = text_of(plain, "agent_type");
  agent->active = text_of(plain, "status") == "active";
  agent->config_json = object["config"].dump();
  agent->config = std::move(*config);
  agent->created_ms = number_of(plain, "created_at");
  t.agents.emplace(name, std::move(agent));
  return true;
}

void read_field(tenant_snapshot& t, const std::string& field, const std::string& value) {
  if (field == "v")
    t.version = number(value);
  else if (field == "name")
    t.name = value;
  else if (field == "tier")
    t.tier = value;
  else if (field == "created_at")
    t.created_ms = number(value);
  else if (field == "q_runs")
    t.quota_runs = override_of(value);
  else if (field == "q_tokens")
    t.quota_tokens = override_of(value);
  else if (field == "q_day")
    t.requests_per_day = override_of(value);
  else if (field == "q_flight")
    t.max_in_flight = override_of(value);
}

} // namespace

tier_config tenant_snapshot::limits(const config& conf) const {
  tier_config all;
  if (auto it = conf.tiers.find(tier); it != conf.tiers.end())
    all = it->second;
  if (quota_runs.given)
    all.quota_runs = quota_runs.figure;
  if (quota_tokens.given)
    all.quota_tokens = quota_tokens.figure;
  if (requests_per_day.given)
    all.requests_per_day = requests_per_day.figure;
  if (max_in_flight.given)
    all.max_in_flight = max_in_flight.figure;
  return all;
}

std::shared_ptr<const tenant_snapshot> read_tenant(const tenant_id& id, const reply& r) {
  if (r.type != reply::kind::array || r.items.size() != 2)
    return nullptr;
  auto t = std::make_shared<tenant_snapshot>();
  t->id = id;
  bool active = false;
  const auto& fields = r.items[0].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const auto& field = fields[i].text;
    const auto& value = fields[i + 1].text;
    if (field == "state")
      active = value == "active";
    else if (field.starts_with("k:")) {
      if (!read_key(*t, field.substr(2), value))
        log::error("a stored key cannot be read", {{"tenant_id", id.text()}});
    } else
      read_field(*t, field, value);
  }
  const auto& agents = r.items[1].items;
  for (std::size_t i = 0; i + 1 < agents.size(); i += 2)
    if (!read_agent(*t, agents[i].text, agents[i + 1].text))
      log::error("a stored agent cannot be read", {{"tenant_id", id.text()}});
  return active ? t : nullptr;
}

command tenant_read(const tenant_id& id) {
  static const script& read = script_named("tenant_read");
  command c;
  c.run = &read;
  c.keys = 2;
  c.arguments = {keys::tenant(id), keys::agents(id)};
  return c;
}

} // namespace ares::store
