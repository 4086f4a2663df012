// The tool `calculator`: arithmetic that a language model should not do in its head.
#pragma once

#include "actors/tools/tool.hpp"

namespace ares {

[[nodiscard]] tool calculator_tool();

} // namespace ares
