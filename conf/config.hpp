// The configuration, checked: what `ares serve` runs with. See docs/configuration.md for every key.
#pragma once

#include "conf/json.hpp"
#include "conf/log.hpp"
#include "conf/result.hpp"
#include "conf/tls_context.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares {

/// An agent as its `config` says it; a field that was not given is empty. The raw object as it was
/// given is kept for the details of an agent (without defaults); `resolve` fills the defaults in.
struct agent_config {
  std::string model; // required
  std::string system_prompt;
  std::vector<std::string> tools;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::vector<std::string> stop;
  std::optional<json> output_schema;
  int max_tool_iterations = 5;
  std::chrono::milliseconds timeout{120000};
  int max_retries = 2;
  std::vector<std::string> fallback_models;
};

/// Checks types and ranges of an agent's `config` object and that `model` is there; an unknown key
/// is an error. Names (models, tools) are not looked up. The error names the field by its path
/// below `path`, e.g. `config.max_tokens`.
[[nodiscard]] result<agent_config> parse_agent_config(const json& config,
                                                      const std::string& path = "config");

/// [a-z0-9][a-z0-9_-]{0,63}
[[nodiscard]] bool is_agent_name(std::string_view text) noexcept;

struct provider_config {
  enum class kind { openai, anthropic, simulated };
  std::string name;
  kind type = kind::simulated;
  std::string base_url;                     // openai, anthropic
  std::string api_key;                      // resolved from api_key_env; empty: none
  std::chrono::milliseconds timeout{60000}; // the longest silence, and the wait for the first byte
  int max_concurrency = 256;
  // simulated
  std::chrono::milliseconds latency{0}; // before the first token
  double tokens_per_second = 0;         // 0: at once
  double failure_rate = 0;              // 0..1

  friend bool operator==(const provider_config&, const provider_config&) = default;
};

struct model_config {
  std::string name;
  std::string provider;
  std::string upstream_name; // what the provider is asked for
  std::optional<double> temperature;
  std::optional<int> max_tokens;
  std::vector<std::string> fallbacks;
};

/// Figures without a value are unlimited.
struct tier_config {
  std::optional<std::int64_t> quota_runs;
  std::optional<std::int64_t> quota_tokens;
  std::optional<std::int64_t> requests_per_day;
  std::optional<std::int64_t> max_in_flight;
};

struct agent_template {
  std::string name;
  std::string agent_type;
  json config; // as given: an object that parse_agent_config accepts
};

struct server_config {
  std::string host = "127.0.0.1";
  std::uint16_t port = 3000; // 0 picks one
  std::string default_model; // empty: none
  std::size_t max_body_bytes = 1 << 20;
  int max_connections = 10000;
  std::chrono::milliseconds request_timeout{30000}; // to receive a whole request
  std::chrono::milliseconds drain_grace{0};         // still serving, no longer ready; a part of:
  std::chrono::milliseconds drain_timeout{30000};
  std::optional<std::string> admin_secret; // resolved from admin_secret_env; none: no admin API
  std::vector<std::string> cors_origins;
  std::string tls_cert, tls_key;
  tls_context tls;                  // made of the two; none: plain HTTP
  int auth_failures_per_minute = 0; // 0: off
  std::vector<std::string> trusted_proxies;
  int threads = 1; // HTTP threads
};

struct store_config {
  enum class fsync_policy { always, everysec };
  std::string url; // redis://, unix://; empty: a private server
  std::string data_dir = "data";
  fsync_policy fsync = fsync_policy::always;
  std::int64_t max_memory_mb = 0; // 0: no bound
};

struct cluster_config {
  std::string name = "ares";
  std::string listen, advertise, secret, tls_cert, tls_key, tls_ca;
};

struct config {
  server_config server;
  store_config store;
  cluster_config cluster;
  std::map<std::string, provider_config> providers;
  std::map<std::string, model_config> models;
  std::map<std::string, std::vector<agent_template>> templates; // by product type
  std::map<std::string, tier_config> tiers; // the four defaults, then what is set
  log::level log_level = log::level::info;
  log::format log_format = log::format::text;
  int retention_days = 90;
  std::chrono::milliseconds tenant_idle{300000}; // [tenants] idle_ms: passivation
  /// Names of the environment variables that hold secrets: kept from child processes.
  std::vector<std::string> secret_env_names;
  std::string file; // where it came from, for SIGHUP
};

/// Reads the environment; only main passes the real one.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

enum class secrets { required, optional }; // optional: `ares check-config`

/// Reads and checks a TOML file, then the overrides ARES_SECTION__KEY (`known_environment` lists
/// the names of all variables that are set). Also checked: that providers, models, fallbacks and
/// tools named somewhere exist (`tool_names`). The error is one line: `FILE:LINE: key: what is
/// wrong`. An empty `file` means defaults only.
[[nodiscard]] result<config> load_config(const std::string& file, const environment& env,
                                         const std::vector<std::string>& known_environment,
                                         const std::vector<std::string>& tool_names,
                                         secrets need = secrets::required);

} // namespace ares
