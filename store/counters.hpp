// The counters of a tenant: fields of {T}:u, each a row of figures `N|N|...` (docs/store.md).
// Scripts write them (store/scripts/parts/counters.lua); here they are named and read.
#pragma once

#include "store/tenant_records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares::store {

/// `2026-03-13`, or of a month `2026-03`.
[[nodiscard]] std::string day_field(std::string_view date);
[[nodiscard]] std::string month_field(std::string_view month);
[[nodiscard]] std::string agent_field(std::string_view agent_id);

/// The figures of a row; nothing if the field names none, or its row is not one.
[[nodiscard]] std::optional<std::vector<std::int64_t>> read_row(std::string_view field,
                                                                std::string_view row);

/// Of an agent's row; zeros where nothing is stored.
[[nodiscard]] agent_statistics read_agent_statistics(const reply& row);
/// Of all of {T}:u.
[[nodiscard]] tenant_usage read_tenant_usage(const reply& hash, std::int64_t now_ms);

} // namespace ares::store
