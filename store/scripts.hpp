// The Lua scripts of store/scripts/, embedded at build time. Each file states its keys, arguments,
// result and the invariant it keeps.
#pragma once

#include "store/redis.hpp"

#include <string_view>
#include <vector>

namespace ares::store {

[[nodiscard]] const std::vector<script>& scripts();
/// By file name without `.lua`. Throws std::logic_error: a name that does not exist is a bug.
[[nodiscard]] const script& script_named(std::string_view name);

} // namespace ares::store
