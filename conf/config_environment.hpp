// Overrides of the configuration by environment variables. Internal to conf/.
#pragma once

#include "conf/config.hpp"
#include "conf/config_source.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ares {

/// Writes every ARES_SECTION__KEY and ARES_SECTION__NAME__KEY among `variables` into the tree of
/// `source`, as if the file had said it. A name that the file does not have is a new one, in lower
/// case. Variables without a double underscore or of no section are somebody else's.
[[nodiscard]] std::optional<error> apply_environment(config_source& source, const environment& env,
                                                     const std::vector<std::string>& variables);

} // namespace ares
