#include "conf/config_rules.hpp"

#include "conf/config_checks.hpp"

#include <algorithm>
#include <limits>

namespace ares {
namespace rules {

complaint read_text(const toml::node& value, text_check check, std::string& out) {
  const auto* text = value.as_string();
  if (text == nullptr)
    return "must be a string";
  out = text->get();
  return check(out);
}

complaint read_list(const toml::node& value, text_check check, std::vector<std::string>& out) {
  const auto* array = value.as_array();
  if (array == nullptr)
    return "must be an array of strings";
  out.clear();
  for (const auto& item : *array) {
    if (auto wrong = read_text(item, check, out.emplace_back()); !wrong.empty())
      return "each " + wrong;
    if (std::find(out.begin(), out.end() - 1, out.back()) != out.end() - 1)
      return "must not say anything twice";
  }
  return {};
}

complaint read_integer(const toml::node& value, std::int64_t low, std::int64_t high,
                       std::int64_t& out) {
  if (const auto* integer = value.as_integer()) {
    out = integer->get();
    if (out >= low && out <= high)
      return {};
  }
  return "must be an integer from " + std::to_string(low) + " to " + std::to_string(high);
}

complaint read_number(const toml::node& value, double low, double high, double& out) {
  if (const auto* integer = value.as_integer())
    out = static_cast<double>(integer->get());
  else if (const auto* floating = value.as_floating_point())
    out = floating->get();
  else
    out = std::numeric_limits<double>::quiet_NaN();
  if (out >= low && out <= high) // never true of NaN
    return {};
  return "must be a number from " + std::to_string(static_cast<std::int64_t>(low)) + " to " +
         std::to_string(static_cast<std::int64_t>(high));
}

complaint read_count(const toml::node& value, std::int64_t low, std::optional<std::int64_t>& out) {
  if (const auto* text = value.as_string(); text != nullptr && text->get() == "unlimited") {
    out.reset();
    return {};
  }
  if (const auto* integer = value.as_integer(); integer != nullptr && integer->get() >= low) {
    out = integer->get();
    return {};
  }
  return "must be an integer of at least " + std::to_string(low) + " or \"unlimited\"";
}

complaint read_secret(const toml::node& value, secret_reader& secrets, std::string& out) {
  std::string variable;
  if (auto wrong = read_text(value, checks::variable_name, variable); !wrong.empty())
    return wrong;
  secrets.names.push_back(variable);
  if (auto found = secrets.env(variable); found && !found->empty())
    out = std::move(*found);
  else if (secrets.need == secrets::required)
    return "the environment variable " + variable + " is not set or empty";
  return {};
}

} // namespace rules

namespace {

constexpr std::int64_t int_max = std::numeric_limits<int>::max();
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_ms = 24 * hour_ms;

template <class Into>
section_outline outline(std::string_view name, section_outline::kind shape,
                        const std::vector<rule<Into>>& rules) {
  section_outline out{name, shape, {}};
  for (const auto& r : rules)
    out.keys.push_back({r.name, r.textual});
  return out;
}

} // namespace

using namespace rules;

const std::vector<rule<server_config>>& server_rules() {
  using s = server_config;
  static const std::vector<rule<s>> all{
      text("host", &s::host, checks::host),
      integer("port", &s::port, 0, 65535),
      text("default_model", &s::default_model, checks::any),
      integer("max_body_bytes", &s::max_body_bytes, 1024, 1 << 30),
      integer("max_connections", &s::max_connections, 1, 1'000'000),
      integer("request_timeout_ms", &s::request_timeout, 1, hour_ms),
      integer("drain_grace_ms", &s::drain_grace, 0, hour_ms),
      integer("drain_timeout_ms", &s::drain_timeout, 0, hour_ms),
      secret("admin_secret_env", &s::admin_secret),
      list("cors_origins", &s::cors_origins, checks::origin),
      text("tls_cert", &s::tls_cert, checks::not_empty),
      text("tls_key", &s::tls_key, checks::not_empty),
      integer("auth_failures_per_minute", &s::auth_failures_per_minute, 0, 1'000'000),
      list("trusted_proxies", &s::trusted_proxies, checks::address),
      integer("threads", &s::threads, 1, 256),
  };
  return all;
}

const std::vector<rule<store_config>>& store_rules() {
  using s = store_config;
  using fsync = s::fsync_policy;
  static const std::vector<rule<s>> all{
      text("url", &s::url, checks::store_url),
      text("data_dir", &s::data_dir, checks::not_empty),
      choice("fsync", &s::fsync, {{"always", fsync::always}, {"everysec", fsync::everysec}}),
      integer("max_memory_mb", &s::max_memory_mb, 0, 1 << 24),
  };
  return all;
}

const std::vector<rule<cluster_config>>& cluster_rules() {
  using s = cluster_config;
  static const std::vector<rule<s>> all{
      text("name", &s::name, checks::name),
      text("listen", &s::listen, checks::host_port),
      text("advertise", &s::advertise, checks::host_optional_port),
      secret("secret_env", &s::secret),
      text("tls_cert", &s::tls_cert, checks::not_empty),
      text("tls_key", &s::tls_key, checks::not_empty),
      text("tls_ca", &s::tls_ca, checks::not_empty),
  };
  return all;
}

const std::vector<rule<config>>& log_rules() {
  using log::format;
  using log::level;
  static const std::vector<rule<config>> all{
      choice("level", &config::log_level,
             {{"debug", level::debug},
              {"info", level::info},
              {"warn", level::warn},
              {"error", level::error}}),
      choice("format", &config::log_format, {{"text", format::text}, {"json", format::json}}),
  };
  return all;
}

const std::vector<rule<config>>& runs_rules() {
  static const std::vector<rule<config>> all{
      // At least a month and a day: what usage counts must still be in the history.
      integer("retention_days", &config::retention_days, 32, 36500),
  };
  return all;
}

const std::vector<rule<config>>& tenants_rules() {
  static const std::vector<rule<config>> all{
      integer("idle_ms", &config::tenant_idle, 1, 7 * day_ms),
  };
  return all;
}

const std::vector<rule<provider_config>>& provider_rules() {
  using s = provider_config;
  using kind = s::kind;
  static const std::vector<rule<s>> all{
      choice("type", &s::type,
             {{"openai", kind::openai},
              {"anthropic", kind::anthropic},
              {"simulated", kind::simulated}}),
      text("base_url", &s::base_url, checks::http_url),
      secret("api_key_env", &s::api_key),
      integer("timeout_ms", &s::timeout, 1, hour_ms),
      integer("max_concurrency", &s::max_concurrency, 1, 100'000),
      integer("latency_ms", &s::latency, 0, hour_ms),
      number("tokens_per_second", &s::tokens_per_second, 0, 1e9),
      number("failure_rate", &s::failure_rate, 0, 1),
  };
  return all;
}

const std::vector<rule<model_config>>& model_rules() {
  using s = model_config;
  static const std::vector<rule<s>> all{
      text("provider", &s::provider, checks::not_empty),
      text("model", &s::upstream_name, checks::not_empty),
      number("temperature", &s::temperature, 0, 2),
      integer("max_tokens", &s::max_tokens, 1, int_max),
      list("fallbacks", &s::fallbacks, checks::not_empty),
  };
  return all;
}

const std::vector<rule<tier_config>>& tier_rules() {
  using s = tier_config;
  static const std::vector<rule<s>> all{
      count("quota_runs", &s::quota_runs, 0),
      count("quota_tokens", &s::quota_tokens, 0),
      count("requests_per_day", &s::requests_per_day, 0),
      count("max_in_flight", &s::max_in_flight, 1),
  };
  return all;
}

const section_outline::key* section_outline::find(std::string_view wanted) const {
  for (const auto& k : keys)
    if (k.name == wanted)
      return &k;
  return nullptr;
}

std::vector<std::string_view> section_outline::key_names() const {
  std::vector<std::string_view> out;
  for (const auto& k : keys)
    out.push_back(k.name);
  return out;
}

const std::vector<section_outline>& sections() {
  using kind = section_outline::kind;
  static const std::vector<section_outline> all{
      outline("server", kind::plain, server_rules()),
      outline("store", kind::plain, store_rules()),
      outline("providers", kind::named, provider_rules()),
      outline("models", kind::named, model_rules()),
      outline("tiers", kind::named, tier_rules()),
      outline("cluster", kind::plain, cluster_rules()),
      outline("log", kind::plain, log_rules()),
      outline("runs", kind::plain, runs_rules()),
      outline("tenants", kind::plain, tenants_rules()),
      {"templates", kind::templates, {{"name", true}, {"agent_type", true}, {"config", false}}},
  };
  return all;
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> out;
  for (const auto& s : sections())
    out.push_back(s.name);
  return out;
}

} // namespace ares
