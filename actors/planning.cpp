#include "actors/planning.hpp"

#include "actors/tools/tool.hpp"

#include <algorithm>

namespace ares {

namespace {

// The model, then the agent's fallbacks, then the model's own; each once, unknown fallbacks left
// out.
result<std::vector<model_choice>> choices(const config& conf, const std::string& model,
                                          const std::vector<std::string>& fallbacks) {
  auto first = conf.models.find(model);
  if (first == conf.models.end())
    return error{errc::unknown_model, "Unknown model: " + model};
  std::vector<std::string> names{model};
  names.insert(names.end(), fallbacks.begin(), fallbacks.end());
  names.insert(names.end(), first->second.fallbacks.begin(), first->second.fallbacks.end());
  std::vector<model_choice> all;
  for (const auto& name : names) {
    const bool again =
        std::any_of(all.begin(), all.end(), [&](const auto& c) { return c.name == name; });
    auto it = conf.models.find(name);
    if (again || it == conf.models.end())
      continue;
    const auto& m = it->second;
    all.push_back({name, m.provider, m.upstream_name.empty() ? name : m.upstream_name, m.max_tokens,
                   m.temperature});
  }
  return all;
}

result<run_plan> plan(const config& conf, const agent_config& agent) {
  auto models = choices(conf, agent.model, agent.fallback_models);
  if (!models)
    return std::move(models).failure();
  run_plan p;
  p.models = std::move(*models);
  for (const auto& name : agent.tools) {
    const auto* t = find_tool(name);
    if (!t)
      return error{errc::unknown_tool, "Unknown tool: " + name};
    p.tools.push_back(t->description);
  }
  p.max_tokens = agent.max_tokens;
  p.temperature = agent.temperature;
  p.top_p = agent.top_p;
  p.stop = agent.stop;
  p.max_tool_iterations = agent.max_tool_iterations;
  p.max_retries = agent.max_retries;
  p.timeout = agent.timeout;
  if (!agent.system_prompt.empty())
    p.messages.push_back({chat_message::role::system, agent.system_prompt, {}, {}});
  return p;
}

} // namespace

result<run_plan> plan_run(const config& conf, const agent_config& agent, const start_run& request) {
  auto p = plan(conf, agent);
  if (!p)
    return p;
  p->output_schema = agent.output_schema;
  p->messages.push_back({chat_message::role::user, request.user_message, {}, {}});
  return p;
}

result<run_plan> plan_chat(const config& conf, const store::agent_snapshot* agent,
                           const start_chat& request) {
  agent_config chosen;
  if (agent)
    chosen = agent->config;
  if (!request.model.empty())
    chosen.model = request.model;
  if (chosen.model.empty())
    chosen.model = !conf.server.default_model.empty() ? conf.server.default_model
                   : conf.models.empty()              ? std::string{}
                                                      : conf.models.begin()->first;
  auto p = plan(conf, chosen);
  if (!p)
    return p;
  p->is_run = false;
  p->stream = request.stream;
  p->messages.insert(p->messages.end(), request.messages.begin(), request.messages.end());
  return p;
}

const store::agent_snapshot* agent_for_chat(const store::tenant_snapshot& t,
                                            const std::string& agent_type) {
  for (const auto& [name, agent] : t.agents)
    if (agent->active && agent->agent_type == agent_type)
      return agent.get();
  auto it = t.agents.find(agent_type);
  return it != t.agents.end() && it->second->active ? it->second.get() : nullptr;
}

} // namespace ares
