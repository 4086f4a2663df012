// Tools a model may call. A tool is one file and one line in tools/registry.cpp.
#pragma once

#include "actors/providers/completion.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares {

/// A pure, bounded function of its arguments; runs on a scheduler thread for well under a
/// millisecond.
struct tool {
  tool_description description;
  /// `arguments` were checked against the schema. Returns the text for the model, errors included:
  /// a tool's failure is an answer to the model, never of the run.
  std::function<std::string(const json& arguments)> call;
};

/// All tools by name, in a fixed order.
[[nodiscard]] const std::vector<tool>& tools();
[[nodiscard]] const tool* find_tool(std::string_view name);
[[nodiscard]] std::vector<std::string> tool_names();

/// Executes a model's call: unknown tool, arguments that are no JSON or break the schema, and
/// failures become the text `{"error": "..."}`. At most 16 KiB of result. Never throws.
[[nodiscard]] std::string execute_tool(const tool_call& call);

} // namespace ares
