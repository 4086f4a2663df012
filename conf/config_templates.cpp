#include "conf/config_templates.hpp"

#include "conf/agent_config.hpp"
#include "conf/config_checks.hpp"
#include "conf/config_rules.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace ares {
namespace {

using wrong = std::optional<error>;

/// Nothing for what JSON does not have: dates and times, infinity, NaN.
std::optional<json> to_json(const toml::node& node) {
  if (const auto* text = node.as_string())
    return json(text->get());
  if (const auto* integer = node.as_integer())
    return json(integer->get());
  if (const auto* boolean = node.as_boolean())
    return json(boolean->get());
  if (const auto* number = node.as_floating_point(); number && std::isfinite(number->get()))
    return json(number->get());
  if (const auto* array = node.as_array()) {
    auto out = json::array();
    for (const auto& item : *array) {
      auto value = to_json(item);
      if (!value)
        return std::nullopt;
      out.push_back(std::move(*value));
    }
    return out;
  }
  if (const auto* table = node.as_table()) {
    auto out = json::object();
    for (const auto& [key, item] : *table) {
      auto value = to_json(item);
      if (!value)
        return std::nullopt;
      out[std::string(key.str())] = std::move(*value);
    }
    return out;
  }
  return std::nullopt;
}

class template_reader {
public:
  template_reader(const config_source& source, config& out,
                  const std::vector<std::string>& tool_names)
      : source_(source), out_(out), tool_names_(tool_names) {}

  wrong read_product_type(const std::string& product_type, const toml::node& node) {
    const key_path path{"templates", product_type};
    if (auto bad = checks::name(product_type); !bad.empty())
      return source_.fault(path, bad);
    const auto* array = node.as_array();
    if (array == nullptr)
      return source_.fault(path, "must be an array of tables: [[templates." + product_type + "]]");
    auto& agents = out_.templates[product_type];
    for (std::size_t i = 0; i < array->size(); ++i) {
      agent_template agent;
      const auto here = path / std::to_string(i);
      if (auto bad = read_agent(here, (*array)[i], agent))
        return bad;
      for (const auto& other : agents)
        if (other.name == agent.name)
          return source_.fault(here / "name", "is the name of another template of " + product_type);
      agents.push_back(std::move(agent));
    }
    return std::nullopt;
  }

private:
  wrong read_agent(const key_path& path, const toml::node& node, agent_template& out) {
    const auto* table = node.as_table();
    if (table == nullptr)
      return source_.fault(path, "must be a table");
    for (const auto& [key, value] : *table)
      if (auto bad = read_key(path / key.str(), value, out))
        return bad;
    if (out.name.empty())
      return source_.fault(path / "name", "is required");
    if (out.config.is_null())
      return source_.fault(path / "config", "is required");
    if (out.agent_type.empty())
      out.agent_type = out.name;
    return std::nullopt;
  }

  wrong read_key(const key_path& path, const toml::node& value, agent_template& out) {
    const auto& key = path.back();
    if (key == "config")
      return read_config(path, value, out.config);
    if (key != "name" && key != "agent_type")
      return source_.fault(path, "unknown key" + suggestion(key, {"name", "agent_type", "config"}));
    auto& text = key == "name" ? out.name : out.agent_type;
    if (auto bad = rules::read_text(value, checks::not_empty, text); !bad.empty())
      return source_.fault(path, bad);
    if (key == "name" && !is_agent_name(text))
      return source_.fault(path, "must be a name of the form [a-z0-9][a-z0-9_-]{0,63}");
    return std::nullopt;
  }

  wrong read_config(const key_path& path, const toml::node& value, json& out) {
    auto converted = to_json(value);
    if (!converted)
      return source_.fault(path, "must not hold dates, infinity or NaN");
    agent_config checked;
    if (const auto fault = read_agent_config(*converted, checked))
      return source_.fault(fault->field.empty() ? path : path / fault->field, fault->what);
    out = std::move(*converted);
    return check_names(path, checked);
  }

  wrong check_names(const key_path& path, const agent_config& agent) {
    const auto no_model = [&](const std::string& name) { return !out_.models.contains(name); };
    if (no_model(agent.model))
      return source_.fault(path / "model", "there is no model \"" + agent.model + "\"");
    for (const auto& name : agent.fallback_models)
      if (no_model(name))
        return source_.fault(path / "fallback_models", "there is no model \"" + name + "\"");
    for (const auto& name : agent.tools)
      if (std::find(tool_names_.begin(), tool_names_.end(), name) == tool_names_.end())
        return source_.fault(path / "tools", "there is no tool \"" + name + "\"");
    return std::nullopt;
  }

  const config_source& source_;
  config& out_;
  const std::vector<std::string>& tool_names_;
};

} // namespace

wrong read_templates(const config_source& source, config& out,
                     const std::vector<std::string>& tool_names) {
  const auto* node = source.root().get("templates");
  if (node == nullptr)
    return std::nullopt;
  const auto* table = node->as_table();
  if (table == nullptr)
    return source.fault({"templates"}, "must be tables: [[templates.PRODUCT_TYPE]]");
  template_reader reader(source, out, tool_names);
  for (const auto& [product_type, templates] : *table)
    if (auto bad = reader.read_product_type(std::string(product_type.str()), templates))
      return bad;
  return std::nullopt;
}

} // namespace ares
