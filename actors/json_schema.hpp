// JSON Schema validation of a model's output and of tool arguments (valijson).
#pragma once

#include "conf/json.hpp"

#include <optional>
#include <string>

namespace ares {

/// Nothing if `value` satisfies `schema`, else the first complaint as a sentence with the path,
/// e.g.
/// `/risk_score: expected a number`. A schema that cannot be understood is a complaint too. Never
/// throws. References to other documents are refused; depth and regular expressions are bounded.
[[nodiscard]] std::optional<std::string> schema_violation(const json& schema, const json& value);

/// Nothing if `schema` can be used, else why not: what agent configuration is checked with.
[[nodiscard]] std::optional<std::string> schema_defect(const json& schema);

} // namespace ares
