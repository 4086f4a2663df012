// What administration reads and writes of a tenant, as values. The layout is in docs/store.md.
#pragma once

#include "conf/config.hpp"
#include "conf/ids.hpp"
#include "conf/json.hpp"
#include "conf/secret.hpp"
#include "store/redis.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares::store {

// -- bounds -------------------------------------------------------------------

/// A tenant's keys are read and listed as a whole.
constexpr std::size_t keys_per_tenant_max = 1000;
/// A node keeps all agents of an active tenant in memory.
constexpr std::size_t agents_per_tenant_max = 1000;

// -- lists --------------------------------------------------------------------

/// Which part of a list is wanted: at most `limit` items behind the one with the id `after`.
struct page {
  std::size_t limit = 100;
  std::string after; // empty: from the start
};

template <class T> struct page_of {
  std::vector<T> items;
  std::optional<std::string> next; // the `after` of the next page; nothing at the end
};

// -- tenants ------------------------------------------------------------------

/// A tenant's own figure in place of its tier's.
struct own_figure {
  bool given = false;                // false: the tier's figure holds
  std::optional<std::int64_t> value; // nothing: unlimited

  friend bool operator==(const own_figure&, const own_figure&) = default;
};

struct own_figures {
  own_figure runs, tokens, requests_per_day;
};

struct tenant_record {
  tenant_id id;
  std::string name;
  std::string tier;
  own_figures figures;
  std::int64_t agent_count = 0;
  std::int64_t created_ms = 0;

  /// What holds now: its own figures over those of its tier in `conf`.
  [[nodiscard]] tier_config limits(const config& conf) const;
};

/// What stays empty does not change.
struct quota_change {
  std::optional<std::string> tier;
  std::optional<own_figure> runs, tokens, requests_per_day;
};

// -- keys ---------------------------------------------------------------------

struct new_key {
  std::string name;
  std::optional<int> expires_in_days;
};

/// A key at the only moment when its secret is known.
struct issued_key {
  key_id id;
  api_key_secret secret;
  std::int64_t created_s = 0;
};

struct key_record {
  std::string id;
  std::string name;
  std::string prefix;
  std::int64_t created_s = 0;
  std::optional<std::int64_t> expires_s;
  std::optional<std::int64_t> last_used_s;
};

// -- agents -------------------------------------------------------------------

struct agent_fields {
  std::string agent_type;
  bool active = true;
  ordered_json config; // as it was given
};

struct new_agent {
  std::string name;
  agent_fields fields;
};

struct agent_record {
  std::string id;
  std::string name;
  agent_fields fields;
  std::int64_t created_ms = 0;
};

struct agent_statistics {
  std::int64_t runs = 0, completed = 0, failed = 0, cancelled = 0;
  std::int64_t tokens = 0;
  std::int64_t duration_ms = 0; // sum
  std::optional<std::int64_t> last_run_ms;

  /// completed / (completed + failed), three decimals; 0 before the first run.
  [[nodiscard]] double success_rate() const noexcept;
};

struct agent_row {
  agent_record agent;
  agent_statistics statistics;
};

// -- figures ------------------------------------------------------------------

struct usage_counters {
  std::int64_t runs = 0, tokens = 0, api_calls = 0;
};

struct tenant_usage {
  usage_counters month;                       // of the current billing period
  std::map<std::string, usage_counters> days; // `2026-03-13` -> counters, all that are stored
  std::int64_t now_ms = 0;
};

// -- reading ------------------------------------------------------------------

/// Nothing if the text is no such record (which is logged).
[[nodiscard]] std::optional<agent_record> read_agent_record(std::string_view stored);
[[nodiscard]] std::optional<key_record> read_key_record(std::string_view stored);
/// `N` or `none`, as stored; nothing stored: the tier's.
[[nodiscard]] own_figure read_own_figure(const reply& field);
[[nodiscard]] std::string own_figure_text(const own_figure& f);

/// The JSON of a new agent up to where a script adds `,"created_at":...}`, and of one that stands.
[[nodiscard]] std::string agent_head(const std::string& id, const std::string& name,
                                     const agent_fields& fields);
[[nodiscard]] std::string agent_text(const agent_record& a);
/// The JSON of a new key up to where a script adds its times.
[[nodiscard]] std::string key_head(const key_id& id, const std::string& name,
                                   const std::string& prefix);

} // namespace ares::store
