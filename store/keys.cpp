#include "store/keys.hpp"

namespace ares::store::keys {

namespace {

std::string in_slot(const tenant_id& t, std::string_view rest) {
  std::string key;
  key.reserve(39 + rest.size());
  key += '{';
  key += t.text();
  key += "}:";
  key += rest;
  return key;
}

std::string in_slot(const tenant_id& t, std::string_view kind, std::string_view name) {
  auto key = in_slot(t, kind);
  key += name;
  return key;
}

} // namespace

std::string tenant(const tenant_id& t) {
  return in_slot(t, "t");
}
std::string agents(const tenant_id& t) {
  return in_slot(t, "a");
}
std::string gone_agents(const tenant_id& t) {
  return in_slot(t, "g");
}
std::string last_used(const tenant_id& t) {
  return in_slot(t, "l");
}
std::string usage(const tenant_id& t) {
  return in_slot(t, "u");
}
std::string open(const tenant_id& t) {
  return in_slot(t, "open");
}
std::string outbox(const tenant_id& t) {
  return in_slot(t, "o");
}
std::string record(const tenant_id& t, std::string_view run) {
  return in_slot(t, "r:", run);
}
std::string history(const tenant_id& t, std::string_view agent) {
  return in_slot(t, "h:", agent);
}

std::string idempotency(const tenant_id& t, std::string_view agent, std::string_view key) {
  auto name = in_slot(t, "i:", agent);
  name += ':';
  name += key;
  return name;
}

std::string name_claim(std::string_view tenant_name) {
  return "ares:name:" + std::string(tenant_name);
}
std::string key_hint(const secret_hash& h) {
  return key_hint_of(h.hex());
}
std::string key_hint_of(std::string_view hex) {
  return "ares:key:" + std::string(hex);
}
std::string upkeep() {
  return "ares:upkeep";
}
std::string trimmed() {
  return "ares:trimmed";
}
std::string tenants() {
  return "ares:tenants";
}
std::string schema() {
  return "ares:schema";
}
std::string audit() {
  return "ares:audit";
}
std::string nodes() {
  return "{ares}:nodes";
}
std::string beats() {
  return "{ares}:beats";
}
std::string node_tenants(const incarnation_id& n) {
  return "{ares}:node:" + n.text() + ":tenants";
}

} // namespace ares::store::keys
