#include "store/tenant_records.hpp"

#include "conf/clock.hpp"
#include "conf/log.hpp"

#include <charconv>
#include <cmath>

namespace ares::store {

namespace {

std::int64_t number(std::string_view text) {
  std::int64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

template <class Json> std::string text_in(const Json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->template get<std::string>() : std::string{};
}

template <class Json> std::optional<std::int64_t> number_in(const Json& object, const char* name) {
  auto it = object.find(name);
  if (it == object.end() || !it->is_number_integer())
    return std::nullopt;
  return it->template get<std::int64_t>();
}

void overlay(std::optional<std::int64_t>& limit, const own_figure& own) {
  if (own.given)
    limit = own.value;
}

} // namespace

tier_config tenant_record::limits(const config& conf) const {
  tier_config all;
  if (auto it = conf.tiers.find(tier); it != conf.tiers.end())
    all = it->second;
  overlay(all.quota_runs, figures.runs);
  overlay(all.quota_tokens, figures.tokens);
  overlay(all.requests_per_day, figures.requests_per_day);
  return all;
}

double agent_statistics::success_rate() const noexcept {
  const auto ended = completed + failed;
  if (ended == 0)
    return 0;
  return std::round(static_cast<double>(completed) * 1000 / static_cast<double>(ended)) / 1000;
}

std::optional<agent_record> read_agent_record(std::string_view stored) {
  auto object = ordered_json::parse(stored, nullptr, false);
  if (!object.is_object() || !object.contains("config")) {
    log::error("a stored agent cannot be read");
    return std::nullopt;
  }
  agent_record a;
  a.id = text_in(object, "id");
  a.name = text_in(object, "name");
  a.fields.agent_type = text_in(object, "agent_type");
  a.fields.active = text_in(object, "status") == "active";
  a.fields.config = object["config"];
  a.created_ms = number_in(object, "created_at").value_or(0);
  return a;
}

std::optional<key_record> read_key_record(std::string_view stored) {
  const auto bar = stored.find('|');
  auto object =
      json::parse(stored.substr(bar == std::string_view::npos ? 0 : bar + 1), nullptr, false);
  if (!object.is_object()) {
    log::error("a stored key cannot be read");
    return std::nullopt;
  }
  key_record k;
  k.id = text_in(object, "id");
  k.name = text_in(object, "name");
  k.prefix = text_in(object, "prefix");
  k.created_s = number_in(object, "created_at").value_or(0);
  k.expires_s = number_in(object, "expires_at");
  return k;
}

own_figure read_own_figure(const reply& field) {
  if (field.type == reply::kind::nil)
    return {};
  if (field.text == "none")
    return {true, std::nullopt};
  return {true, number(field.text)};
}

std::string own_figure_text(const own_figure& f) {
  if (!f.given)
    return {};
  return f.value ? std::to_string(*f.value) : "none";
}

std::string agent_head(const std::string& id, const std::string& name, const agent_fields& fields) {
  return R"({"id":")" + id + R"(","name":)" + quote_json(name) + R"(,"agent_type":)" +
         quote_json(fields.agent_type) + R"(,"status":")" +
         (fields.active ? "active" : "disabled") + R"(","config":)" +
         fields.config.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string agent_text(const agent_record& a) {
  return agent_head(a.id, a.name, a.fields) + R"(,"created_at":)" + std::to_string(a.created_ms) +
         "}";
}

std::string key_head(const key_id& id, const std::string& name, const std::string& prefix) {
  return R"({"id":")" + id.text() + R"(","name":)" + quote_json(name) + R"(,"prefix":")" + prefix +
         R"(")";
}

} // namespace ares::store
