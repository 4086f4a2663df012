// An agent's `config` object, read key by key. Internal to conf/: others call parse_agent_config.
#pragma once

#include "conf/config.hpp"

#include <optional>
#include <string>

namespace ares {

/// `field` is empty where the object itself is wrong; `what` reads on from the field's name:
/// "must be an integer of at least 1".
struct agent_config_fault {
  std::string field;
  std::string what;
};

/// Fills `out` from `config`; the first thing that is wrong, if any.
[[nodiscard]] std::optional<agent_config_fault> read_agent_config(const json& config,
                                                                  agent_config& out);

} // namespace ares
