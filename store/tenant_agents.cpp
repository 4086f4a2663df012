// The agents of a tenant, and their runs.
#include "store/counters.hpp"
#include "store/keys.hpp"
#include "store/tenants.hpp"

#include <algorithm>
#include <span>

namespace ares::store {

namespace {

/// How often a change is worked out anew because somebody else was faster.
constexpr int revisions_max = 8;

error no_agent() {
  return {errc::not_found, "No such agent"};
}

std::vector<std::string> slot_keys(const tenant_id& t) {
  return {keys::tenant(t), keys::outbox(t), keys::agents(t)};
}

/// What of an agent changed, for the audit log: names of fields, no prompts.
ordered_json changed_fields(const agent_fields& before, const agent_fields& after) {
  auto changed = ordered_json::array();
  if (before.agent_type != after.agent_type)
    changed.push_back("agent_type");
  if (before.active != after.active)
    changed.push_back("status");
  const auto compare = [&](const ordered_json& a, const ordered_json& b, bool values) {
    for (const auto& [key, value] : a.items())
      if (!b.contains(key) || (values && b[key] != value))
        changed.push_back("config." + key);
  };
  compare(after.config, before.config, true);
  compare(before.config, after.config, false);
  return changed;
}

} // namespace

result<agent_row> tenant_store::create_agent(const tenant_id& t, const new_agent& a,
                                             const author& by) {
  const auto id = ids_.make<agent_id>().text();
  ordered_json details{{"id", id}, {"agent_type", a.fields.agent_type}};
  auto r = apply(
      "tenant_agent_put", slot_keys(t), begin(by, {"agent.create", t, a.name, std::move(details)}),
      {a.name, "", agent_head(id, a.name, a.fields), std::to_string(agents_per_tenant_max)});
  if (!r)
    return r.failure();
  if (word_of_script(*r) == "EXISTS")
    return error{errc::already_exists, "An agent named '" + a.name + "' exists already"};
  if (word_of_script(*r) == "FULL")
    return error{errc::invalid_request,
                 "A tenant can have at most " + std::to_string(agents_per_tenant_max) + " agents"};
  collect_quietly(t);
  return agent_row{{id, a.name, a.fields, std::stoll(text_of_script(*r, 1))}, {}};
}

result<agent_row> tenant_store::update_agent(const tenant_id& t, const std::string& name,
                                             const revision& revise, const author& by) {
  for (int attempt = 0; attempt < revisions_max; ++attempt) {
    if (auto tenant = get(t); !tenant)
      return tenant.failure();
    auto stored = calls_.call({"HGET", keys::agents(t), name});
    if (!stored)
      return stored.failure();
    if (stored->type == reply::kind::nil)
      return no_agent();
    auto agent = read_agent_record(stored->text);
    if (!agent)
      return no_agent();
    auto fields = revise(*agent);
    if (!fields)
      return fields.failure();
    ordered_json details{{"id", agent->id}, {"changed", changed_fields(agent->fields, *fields)}};
    agent->fields = std::move(*fields);
    auto r = apply("tenant_agent_put", slot_keys(t),
                   begin(by, {"agent.update", t, name, std::move(details)}),
                   {name, stored->text, agent_text(*agent), "0"});
    if (!r)
      return r.failure();
    if (word_of_script(*r) == "MOVED")
      continue;
    collect_quietly(t);
    return with_statistics(t, std::move(*agent));
  }
  return error{errc::store_unavailable, "The agent is being changed by others; try again"};
}

result<std::monostate> tenant_store::delete_agent(const tenant_id& t, const std::string& name,
                                                  const author& by) {
  auto in = slot_keys(t);
  in.push_back(keys::gone_agents(t));
  auto r = apply("tenant_agent_drop", std::move(in), begin(by, {"agent.delete", t, name}), {name});
  if (!r)
    return r.failure();
  if (word_of_script(*r) == "NONE")
    return no_agent();
  collect_quietly(t);
  return std::monostate{};
}

// -- reading ------------------------------------------------------------------

result<std::vector<agent_statistics>>
tenant_store::statistics_of(const std::vector<std::pair<tenant_id, std::string>>& agents) {
  std::vector<std::vector<std::string>> questions;
  questions.reserve(agents.size());
  for (const auto& [t, agent] : agents)
    questions.push_back({"HGET", keys::usage(t), agent_field(agent)});
  auto replies = calls_.call_all(std::move(questions));
  if (!replies)
    return replies.failure();
  std::vector<agent_statistics> all;
  for (const auto& r : *replies)
    all.push_back(read_agent_statistics(r));
  return all;
}

result<agent_row> tenant_store::with_statistics(const tenant_id& t, agent_record a) {
  auto statistics = statistics_of({{t, a.id}});
  if (!statistics)
    return statistics.failure();
  return agent_row{std::move(a), statistics->front()};
}

result<agent_row> tenant_store::get_agent(const tenant_id& t, const std::string& name) {
  if (auto tenant = get(t); !tenant)
    return tenant.failure();
  auto stored = calls_.call({"HGET", keys::agents(t), name});
  if (!stored)
    return stored.failure();
  if (stored->type == reply::kind::nil)
    return no_agent();
  auto agent = read_agent_record(stored->text);
  if (!agent)
    return no_agent();
  return with_statistics(t, std::move(*agent));
}

result<std::vector<std::vector<agent_record>>>
tenant_store::agents_of(const std::vector<tenant_record>& tenants) {
  std::vector<std::vector<std::string>> questions;
  questions.reserve(tenants.size());
  for (const auto& t : tenants)
    questions.push_back({"HVALS", keys::agents(t.id)});
  auto replies = calls_.call_all(std::move(questions));
  if (!replies)
    return replies.failure();
  std::vector<std::vector<agent_record>> all(tenants.size());
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    for (const auto& stored : (*replies)[i].items)
      if (auto a = read_agent_record(stored.text))
        all[i].push_back(std::move(*a));
    std::sort(all[i].begin(), all[i].end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
  }
  return all;
}

result<page_of<agent_row>> tenant_store::list_agents(const tenant_id& t, const page& p) {
  auto tenant = get(t);
  if (!tenant)
    return tenant.failure();
  auto lists = agents_of({*tenant});
  if (!lists)
    return lists.failure();
  auto& agents = lists->front();
  auto first = agents.begin();
  if (!p.after.empty()) {
    first = std::find_if(agents.begin(), agents.end(),
                         [&](const agent_record& a) { return a.id == p.after; });
    if (first == agents.end())
      return error{errc::invalid_request, "after: no such agent"};
    ++first;
  }
  const std::span rest(first, agents.end());
  const auto shown = rest.first(std::min(p.limit, rest.size()));
  page_of<agent_row> found;
  if (!shown.empty() && shown.size() < rest.size())
    found.next = shown.back().id;
  std::vector<std::pair<tenant_id, std::string>> asked;
  asked.reserve(shown.size());
  for (const auto& a : shown)
    asked.emplace_back(t, a.id);
  auto statistics = statistics_of(asked);
  if (!statistics)
    return statistics.failure();
  for (std::size_t i = 0; i < shown.size(); ++i)
    found.items.push_back({std::move(shown[i]), (*statistics)[i]});
  return found;
}

result<runs_page> tenant_store::list_runs(const tenant_id& t, const std::string& agent,
                                          const page& p) {
  auto row = get_agent(t, agent);
  if (!row)
    return row.failure();
  const auto history = keys::history(t, row->agent.id);
  const auto below = p.after.empty() ? std::string("+") : "(" + p.after;
  auto found = calls_.call_all(
      {{"ZCARD", history},
       {"ZRANGE", history, below, "-", "BYLEX", "REV", "LIMIT", "0", std::to_string(p.limit + 1)}});
  if (!found)
    return found.failure();
  runs_page runs;
  runs.total = (*found)[0].integer;
  auto& ids = (*found)[1].items;
  if (ids.size() > p.limit) {
    ids.resize(p.limit);
    runs.next = ids.back().text;
  }
  std::vector<std::vector<std::string>> questions;
  questions.reserve(ids.size());
  for (const auto& id : ids)
    questions.push_back({"GET", keys::record(t, id.text)});
  auto records = calls_.call_all(std::move(questions));
  if (!records)
    return records.failure();
  for (auto& record : *records)
    if (!record.text.empty())
      runs.records.push_back(std::move(record.text));
  return runs;
}

} // namespace ares::store
