#include "actors/json_schema.hpp"
#include "actors/tools/calculator.hpp"
#include "actors/tools/tool.hpp"
#include "conf/limits.hpp"

#include <algorithm>

namespace ares {
namespace {

std::string error_text(const std::string& what) {
  return R"({"error": )" + quote_json(what) + "}";
}

/// The arguments as an object; models leave them out where a tool has no required ones.
std::optional<json> parsed_arguments(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    return json::object();
  auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object())
    return std::nullopt;
  return *std::move(parsed);
}

} // namespace

const std::vector<tool>& tools() {
  static const std::vector<tool> all{
      calculator_tool(),
  };
  return all;
}

const tool* find_tool(std::string_view name) {
  auto found = std::find_if(tools().begin(), tools().end(),
                            [&](const tool& t) { return t.description.name == name; });
  return found == tools().end() ? nullptr : &*found;
}

std::vector<std::string> tool_names() {
  std::vector<std::string> names;
  for (const auto& t : tools())
    names.push_back(t.description.name);
  return names;
}

std::string execute_tool(const tool_call& call) {
  const tool* found = find_tool(call.name);
  if (!found)
    return error_text("There is no tool of this name");
  const auto arguments = parsed_arguments(call.arguments);
  if (!arguments)
    return error_text("The arguments are not a JSON object");
  if (auto complaint = schema_violation(found->description.parameters, *arguments))
    return error_text("The arguments do not fit: " + *complaint);
  try {
    auto text = found->call(*arguments);
    return text.size() <= limits::tool_result_bytes_max ? text
                                                        : error_text("The result is too large");
  } catch (const std::exception&) {
    return error_text("The tool failed");
  }
}

} // namespace ares
