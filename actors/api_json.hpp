// The JSON that clients of /v1 get, but for the run object (store/record.hpp).
#pragma once

#include "actors/api_request.hpp"
#include "store/redis.hpp"
#include "store/tenant_records.hpp"
#include "store/tenant_snapshot.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ares {

/// `whole`: the details, with the whole config; else model and tools only.
[[nodiscard]] std::string agent_json(const store::agent_snapshot& a,
                                     const store::agent_statistics& s, bool whole);

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
