#include "conf/config.hpp"

#include "conf/config_checks.hpp"
#include "conf/config_environment.hpp"
#include "conf/config_rules.hpp"
#include "conf/config_source.hpp"
#include "conf/config_templates.hpp"

#include <algorithm>

namespace ares {
namespace {

using wrong = std::optional<error>;

/// The tiers that are always there (CONTRACT section 6); `enterprise` is unlimited.
std::map<std::string, tier_config> default_tiers() {
  return {
      {"free", {1'000, 100'000, 100, {}}},
      {"dev", {10'000, 1'000'000, 1'000, {}}},
      {"pro", {100'000, 10'000'000, 10'000, {}}},
      {"enterprise", {}},
  };
}

class loader {
public:
  loader(const config_source& source, secret_reader secrets) : source_(source), secrets_(secrets) {}

  wrong load(config& out) {
    out.tiers = default_tiers();
    // All of them run, in this order; the first complaint is the one that counts.
    for (auto& step : {
             check_sections(),
             read("server", server_rules(), out.server),
             read("store", store_rules(), out.store),
             read("cluster", cluster_rules(), out.cluster),
             read("log", log_rules(), out),
             read("runs", runs_rules(), out),
             read("tenants", tenants_rules(), out),
             read_named("providers", checks::name, provider_rules(), out.providers),
             read_named("models", checks::model_name, model_rules(), out.models),
             read_named("tiers", checks::name, tier_rules(), out.tiers),
             complete_providers(out.providers),
             complete_models(out),
             complete_server(out),
             check_cluster(out.cluster),
         })
      if (step)
        return step;
    return std::nullopt;
  }

private:
  wrong check_sections() {
    const auto names = section_names();
    for (const auto& [key, node] : source_.root())
      if (std::find(names.begin(), names.end(), key.str()) == names.end())
        return source_.fault({std::string(key.str())},
                             "unknown section" + suggestion(key.str(), names));
    return std::nullopt;
  }

  template <class Into>
  wrong read(const std::string& section, const std::vector<rule<Into>>& rules, Into& into) {
    const auto* node = source_.root().get(section);
    return node == nullptr ? std::nullopt : read_table({section}, *node, rules, into);
  }

  template <class Into>
  wrong read_named(const std::string& section, text_check check_name,
                   const std::vector<rule<Into>>& rules, std::map<std::string, Into>& into) {
    const auto* node = source_.root().get(section);
    if (node == nullptr)
      return std::nullopt;
    const auto* table = node->as_table();
    if (table == nullptr)
      return source_.fault({section}, "must be tables: [" + section + ".NAME]");
    for (const auto& [key, entry] : *table) {
      const std::string name{key.str()};
      const key_path path{section, name};
      if (auto bad = check_name(name); !bad.empty())
        return source_.fault(path, bad);
      if (auto bad = read_table(path, entry, rules, into[name]))
        return bad;
    }
    return std::nullopt;
  }

  template <class Into>
  wrong read_table(const key_path& path, const toml::node& node,
                   const std::vector<rule<Into>>& rules, Into& into) {
    const auto* table = node.as_table();
    if (table == nullptr)
      return source_.fault(path, "must be a table");
    for (const auto& [key, value] : *table) {
      const std::string_view name = key.str();
      const auto found = std::find_if(rules.begin(), rules.end(),
                                      [name](const auto& r) { return r.name == name; });
      if (found == rules.end())
        return source_.fault(path / name, "unknown key" + suggest(name, rules));
      if (auto bad = found->read(value, into, secrets_); !bad.empty())
        return source_.fault(path / name, bad);
    }
    return std::nullopt;
  }

  template <class Into>
  static std::string suggest(std::string_view key, const std::vector<rule<Into>>& rules) {
    std::vector<std::string_view> names;
    names.reserve(rules.size());
    for (const auto& r : rules)
      names.push_back(r.name);
    return suggestion(key, names);
  }

  wrong complete_providers(std::map<std::string, provider_config>& providers) {
    for (auto& [name, provider] : providers) {
      const key_path path{"providers", name};
      provider.name = name;
      if (!given(path / "type"))
        return source_.fault(path / "type", "is required");
      if (provider.type == provider_config::kind::simulated)
        continue;
      if (provider.base_url.empty())
        return source_.fault(path / "base_url", "is required");
      while (provider.base_url.ends_with('/'))
        provider.base_url.pop_back();
    }
    return std::nullopt;
  }

  wrong complete_models(config& out) {
    for (auto& [name, model] : out.models) {
      const key_path path{"models", name};
      model.name = name;
      if (model.upstream_name.empty())
        model.upstream_name = name;
      if (model.provider.empty())
        return source_.fault(path / "provider", "is required");
      if (!out.providers.contains(model.provider))
        return source_.fault(path / "provider", "there is no provider \"" + model.provider + "\"");
      for (const auto& fallback : model.fallbacks)
        if (fallback == name || !out.models.contains(fallback))
          return source_.fault(path / "fallbacks", fallback == name
                                                       ? "must not name the model itself"
                                                       : "there is no model \"" + fallback + "\"");
    }
    return std::nullopt;
  }

  wrong complete_server(config& out) {
    const auto& model = out.server.default_model;
    if (!model.empty() && !out.models.contains(model))
      return source_.fault({"server", "default_model"}, "there is no model \"" + model + "\"");
    if (auto bad = check_key_pair("server", out.server.tls_cert, out.server.tls_key))
      return bad;
    return load_tls(out.server);
  }

  wrong load_tls(server_config& server) {
    if (server.tls_cert.empty())
      return std::nullopt;
    auto loaded = load_tls_context(server.tls_cert, server.tls_key);
    if (const auto* bad = std::get_if<tls_fault>(&loaded))
      return source_.fault(
          {"server", bad->at == tls_fault::file::certificate ? "tls_cert" : "tls_key"}, bad->what);
    server.tls = std::move(std::get<tls_context>(loaded));
    return std::nullopt;
  }

  wrong check_cluster(const cluster_config& cluster) {
    return check_key_pair("cluster", cluster.tls_cert, cluster.tls_key);
  }

  wrong check_key_pair(const std::string& section, const std::string& cert,
                       const std::string& key) {
    if (cert.empty() == key.empty())
      return std::nullopt;
    return source_.fault({section, cert.empty() ? "tls_key" : "tls_cert"},
                         cert.empty() ? "needs tls_cert too" : "needs tls_key too");
  }

  [[nodiscard]] bool given(const key_path& path) const {
    const toml::node* node = &source_.root();
    for (const auto& part : path) {
      const auto* table = node->as_table();
      node = table != nullptr ? table->get(part) : nullptr;
      if (node == nullptr)
        return false;
    }
    return true;
  }

  const config_source& source_;
  secret_reader secrets_;
};

} // namespace

result<config> load_config(const std::string& file, const environment& env,
                           const std::vector<std::string>& known_environment,
                           const std::vector<std::string>& tool_names, secrets need) {
  auto source = config_source::read(file);
  if (!source)
    return std::move(source).failure();
  if (auto bad = apply_environment(*source, env, known_environment))
    return std::move(*bad);
  config out;
  out.file = file;
  if (auto bad = loader(*source, {env, need, out.secret_env_names}).load(out))
    return std::move(*bad);
  if (auto bad = read_templates(*source, out, tool_names))
    return std::move(*bad);
  return out;
}

} // namespace ares
