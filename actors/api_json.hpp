// The JSON that clients of /v1 get, but for the run object (store/record.hpp).
#pragma once

#include "actors/api_request.hpp"
#include "store/redis.hpp"
#include "store/tenant_snapshot.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ares {

/// Statistics of one agent, of the hash {T}:s:AGENT.
struct agent_statistics {
  std::int64_t runs = 0, completed = 0, failed = 0, last_run_ms = 0;
};
[[nodiscard]] agent_statistics read_statistics(const store::reply& hash);

/// `whole`: the details, with the whole config; else model and tools only.
[[nodiscard]] std::string agent_json(const store::agent_snapshot& a, const agent_statistics& s,
                                     bool whole);

/// `{"NAME": [items], "total": ..., "page": ..., "per_page": ...}`
[[nodiscard]] std::string page_json(const char* name, const std::vector<std::string>& items,
                                    std::int64_t total, const page& which);

/// Of a `check_usage` reply: the month and its figures.
[[nodiscard]] std::string usage_json(const std::string& month,
                                     const std::vector<store::reply>& figures,
                                     const tier_config& limits);

/// Of a `check_keys` reply: when keys were used last.
[[nodiscard]] std::string keys_json(const store::tenant_snapshot& t, const store::reply& last_used);

} // namespace ares
