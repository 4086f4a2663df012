// What a run or chat will do, decided from the tenant, the configuration and the request. Pure.
#pragma once

#include "actors/api_request.hpp"
#include "actors/run_machine.hpp"
#include "conf/config.hpp"
#include "store/tenant_snapshot.hpp"

namespace ares {

/// Errors: unknown_model, unknown_tool (both 422).
[[nodiscard]] result<run_plan> plan_run(const config& conf, const agent_config& agent,
                                        const start_run& request);

/// `agent` is null where the request names none. Errors: unknown_model, unknown_tool.
[[nodiscard]] result<run_plan> plan_chat(const config& conf, const store::agent_snapshot* agent,
                                         const start_chat& request);

/// The active agent a chat's `agent_type` picks: by agent_type, the lowest name first, else by
/// name; null if none.
[[nodiscard]] const store::agent_snapshot* agent_for_chat(const store::tenant_snapshot& t,
                                                          const std::string& agent_type);

} // namespace ares
