// A tenant as a node keeps it in memory: immutable, of one version, good until the store says
// STALE.
#pragma once

#include "conf/config.hpp"
#include "conf/ids.hpp"
#include "conf/secret.hpp"
#include "store/redis.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace ares::store {

struct agent_snapshot {
  agent_id id;
  std::string name;
  std::string agent_type;
  bool active = true;
  std::string config_json; // as it was given
  agent_config config;
  std::int64_t created_ms = 0;
};

struct key_snapshot {
  key_id id;
  std::string name;
  std::string prefix;
  std::int64_t created_s = 0;
  std::int64_t expires_s = 0; // 0: never
};

/// Of a tenant's own; a figure without a value here is its tier's.
struct quota_override {
  bool given = false;
  std::optional<std::int64_t> figure; // nothing: unlimited
};

struct tenant_snapshot {
  tenant_id id;
  std::string name;
  std::string tier;
  std::int64_t version = 0;
  std::int64_t created_ms = 0;
  quota_override quota_runs, quota_tokens, requests_per_day, max_in_flight;
  std::unordered_map<std::string, key_snapshot> keys;                  // by hash, hexadecimal
  std::map<std::string, std::shared_ptr<const agent_snapshot>> agents; // by name

  /// What holds now: the overrides over the tier's figures in `conf`. An unknown tier has no limits
  /// of its own.
  [[nodiscard]] tier_config limits(const config& conf) const;
};

/// Of the script tenant_read. Nothing if there is no active tenant, or if a record cannot be read
/// (logged).
[[nodiscard]] std::shared_ptr<const tenant_snapshot> read_tenant(const tenant_id& id,
                                                                 const reply& r);
[[nodiscard]] command tenant_read(const tenant_id& id);

} // namespace ares::store
