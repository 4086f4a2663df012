// What the administration does with a request: looks its names up in the configuration of the
// moment, lets the store carry it out, renders the answer. Blocks while the store works.
#pragma once

#include "actors/admin_request.hpp"
#include "conf/config.hpp"
#include "store/tenants.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace ares {

/// Everything in it is thread-safe.
struct administration_parts {
  std::shared_ptr<store::tenant_store> tenants;
  /// The configuration that holds now (SIGHUP changes it).
  std::function<std::shared_ptr<const config>()> current_config;
  std::function<bool(std::string_view name)> tool_exists; // actors/tools/tool.hpp
  std::function<std::optional<std::string>(const json& schema)>
      schema_defect; // actors/json_schema.hpp
};

/// Thread-safe. Never throws.
class administration {
public:
  explicit administration(administration_parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] admin_answer execute(const admin_request& request, const store::author& by);
  /// Finishes what was interrupted (store::tenant_store::sweep) and removes what is older than the
  /// configuration keeps, if no other node has done so within `interval`.
  void sweep(std::chrono::milliseconds interval);

private:
  administration_parts parts_;
};

} // namespace ares
