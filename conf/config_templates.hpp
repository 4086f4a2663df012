// `[[templates.PRODUCT_TYPE]]`: the agents that a new tenant of a product type gets. Internal to conf/.
#pragma once

#include "conf/config.hpp"
#include "conf/config_source.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ares {

/// Reads the templates into `out`, whose models are complete by now.
[[nodiscard]] std::optional<error> read_templates(const config_source& source, config& out,
                                                  const std::vector<std::string>& tool_names);

} // namespace ares
