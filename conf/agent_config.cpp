#include "conf/agent_config.hpp"

#include "conf/limits.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>

namespace ares {
namespace {

constexpr std::size_t name_bytes_max = 64;

/// What is wrong with a value; empty if nothing is.
using complaint = std::string;

complaint read_integer(const json& value, std::int64_t low, std::int64_t high, std::int64_t& out) {
  const bool small =
      value.is_number_unsigned()
          ? value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}
          : value.is_number_integer();
  if (small) {
    out = value.get<std::int64_t>();
    if (out >= low && out <= high)
      return {};
  }
  if (high == std::numeric_limits<int>::max())
    return "must be an integer of at least " + std::to_string(low);
  return "must be an integer from " + std::to_string(low) + " to " + std::to_string(high);
}

template <class Integer>
complaint read_int(const json& value, std::int64_t low, std::int64_t high, Integer& out) {
  std::int64_t read = 0;
  auto wrong = read_integer(value, low, high, read);
  if (wrong.empty())
    out = Integer(static_cast<int>(read));
  return wrong;
}

complaint read_name(const json& value, std::string& out) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return "must be a non-empty string";
  out = value.get<std::string>();
  return {};
}

/// An array of different, non-empty strings.
complaint read_names(const json& value, std::vector<std::string>& out) {
  if (!value.is_array())
    return "must be an array of strings";
  for (const auto& item : value) {
    std::string name;
    if (!read_name(item, name).empty())
      return "must be an array of non-empty strings";
    if (std::find(out.begin(), out.end(), name) != out.end())
      return "must not name anything twice";
    out.push_back(std::move(name));
  }
  return {};
}

complaint read_system_prompt(const json& value, std::string& out) {
  if (!value.is_string())
    return "must be a string";
  out = value.get<std::string>();
  if (out.size() > limits::system_prompt_bytes_max)
    return "must not be longer than " + std::to_string(limits::system_prompt_bytes_max) + " bytes";
  return {};
}

complaint read_stop(const json& value, std::vector<std::string>& out) {
  constexpr auto rule = "must be a non-empty string or an array of one to four of them";
  static_assert(limits::stop_sequences_max == 4);
  const json list = value.is_string() ? json::array({value}) : value;
  if (!list.is_array() || list.empty() || list.size() > limits::stop_sequences_max)
    return rule;
  for (const auto& item : list) {
    if (!read_name(item, out.emplace_back()).empty())
      return rule;
  }
  return {};
}

complaint read_temperature(const json& value, std::optional<double>& out) {
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= 2))
    return "must be a number from 0 to 2";
  out = value.get<double>();
  return {};
}

complaint read_top_p(const json& value, std::optional<double>& out) {
  if (!value.is_number() || !(value.get<double>() > 0 && value.get<double>() <= 1))
    return "must be a number above 0 and up to 1";
  out = value.get<double>();
  return {};
}

complaint read_output_schema(const json& value, std::optional<json>& out) {
  if (!value.is_object())
    return "must be an object";
  out = value;
  return {};
}

struct key {
  std::string_view name;
  complaint (*read)(const json& value, agent_config& out);
};

constexpr std::int64_t no_upper_bound = std::numeric_limits<int>::max();

constexpr key keys[] = {
    {"model", [](const json& v, agent_config& out) { return read_name(v, out.model); }},
    {"system_prompt",
     [](const json& v, agent_config& out) { return read_system_prompt(v, out.system_prompt); }},
    {"tools", [](const json& v, agent_config& out) { return read_names(v, out.tools); }},
    {"max_tokens",
     [](const json& v, agent_config& out) {
       return read_int(v, 1, no_upper_bound, out.max_tokens);
     }},
    {"temperature",
     [](const json& v, agent_config& out) { return read_temperature(v, out.temperature); }},
    {"top_p", [](const json& v, agent_config& out) { return read_top_p(v, out.top_p); }},
    {"stop", [](const json& v, agent_config& out) { return read_stop(v, out.stop); }},
    {"output_schema",
     [](const json& v, agent_config& out) { return read_output_schema(v, out.output_schema); }},
    {"max_tool_iterations",
     [](const json& v, agent_config& out) {
       return read_int(v, 0, limits::tool_iterations_max, out.max_tool_iterations);
     }},
    {"timeout_ms",
     [](const json& v, agent_config& out) {
       return read_int(v, 1, limits::agent_timeout_max.count(), out.timeout);
     }},
    {"max_retries",
     [](const json& v, agent_config& out) {
       return read_int(v, 0, limits::provider_retries_max, out.max_retries);
     }},
    {"fallback_models",
     [](const json& v, agent_config& out) { return read_names(v, out.fallback_models); }},
};

} // namespace

std::optional<agent_config_fault> read_agent_config(const json& config, agent_config& out) {
  if (!config.is_object())
    return agent_config_fault{"", "must be an object"};
  for (const auto& item : config.items()) {
    const auto& name = item.key();
    const auto* known = std::find_if(std::begin(keys), std::end(keys),
                                     [&name](const key& k) { return k.name == name; });
    if (known == std::end(keys))
      return agent_config_fault{name.substr(0, name_bytes_max), "is not a known key"};
    if (auto wrong = known->read(item.value(), out); !wrong.empty())
      return agent_config_fault{name, std::move(wrong)};
  }
  if (out.model.empty())
    return agent_config_fault{"model", "is required"};
  return std::nullopt;
}

bool is_agent_name(std::string_view text) noexcept {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= name_bytes_max && plain(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return plain(c) || c == '_' || c == '-'; });
}

result<agent_config> parse_agent_config(const json& config, const std::string& path) {
  agent_config out;
  if (const auto fault = read_agent_config(config, out)) {
    const auto field = fault->field.empty() ? path : path + "." + fault->field;
    return error{errc::invalid_request, field + " " + fault->what};
  }
  return out;
}

} // namespace ares
