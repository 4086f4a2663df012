// The JSON of what administration answers. Pure.
#pragma once

#include "conf/config.hpp"
#include "store/tenants.hpp"

#include <string>
#include <vector>

namespace ares::admin {

[[nodiscard]] ordered_json render(const store::tenant_record& t, const config& conf);
[[nodiscard]] ordered_json render(const store::key_record& k);
/// As the V1 API shows an agent, its whole configuration in it.
[[nodiscard]] ordered_json render(const store::agent_row& a);
[[nodiscard]] ordered_json render(const store::node_row& n);
[[nodiscard]] ordered_json render(const store::platform_counts& c, std::int64_t now_ms);

/// What a tenant sees of its agent's runs, and averages over those that ended.
[[nodiscard]] ordered_json render_statistics(const store::agent_row& a);
/// The V1 API's shape, and averages.
[[nodiscard]] ordered_json render_usage(const store::tenant_usage& u, const tier_config& limits);
/// The last `days` days up to today that have any usage, newest first, and averages over `days`.
[[nodiscard]] ordered_json render_daily(const store::tenant_usage& u, int days);
[[nodiscard]] ordered_json render_templates(const config& conf,
                                            const std::optional<std::string>& product_type);
[[nodiscard]] ordered_json render_models(const config& conf);
/// Every quota of the tenant that is used up to 80 % or more.
void render_alerts(const store::tenant_record& t, const store::tenant_usage& u, const config& conf,
                   ordered_json& into);

/// `{"NAME": [...], "next": ...}`
[[nodiscard]] ordered_json render_list(const char* name, ordered_json items,
                                       const std::optional<std::string>& next);
/// The same with items that are JSON texts already; `more` goes behind them, e.g. `,"total":3`.
[[nodiscard]] std::string render_texts(const char* name, const std::vector<std::string>& items,
                                       const std::optional<std::string>& next,
                                       const std::string& more = {});
[[nodiscard]] std::string dump(const ordered_json& value);

} // namespace ares::admin
