#include "http/admin_gateway.hpp"

#include "actors/administrator.hpp"
#include "actors/json_schema.hpp"
#include "actors/tools/tool.hpp"
#include "conf/secret.hpp"
#include "http/admin_routes.hpp"
#include "http/api_parse.hpp"

#include <utility>

namespace ares::http {

namespace {

outcome outcome_of(admin_answer a) {
  if (a.refused)
    return outcome::of(std::move(*a.refused));
  auto o = outcome::of(std::move(a.json));
  o.how = a.status == 201   ? outcome::success::created
          : a.status == 204 ? outcome::success::no_content
                            : outcome::success::ok;
  return o;
}

std::shared_ptr<reply_duty<admin_answer>> duty_to(client_ptr from) {
  return std::make_shared<reply_duty<admin_answer>>(
      [from = std::move(from)](admin_answer a) { from->answer(outcome_of(std::move(a))); },
      admin_answer::refusal({errc::internal, "The request failed inside the server"}));
}

/// Refused before or behind the check of the secret: who may not ask learns only which paths there
/// are.
bool before_the_secret(errc code) {
  return code == errc::not_found || code == errc::method_not_allowed;
}

class admin_gateway {
public:
  admin_gateway(std::shared_ptr<const node_services> node, std::shared_ptr<administrators> workers)
      : node_(std::move(node)), workers_(std::move(workers)) {}

  void serve(const request& r, const std::string& path, const std::string& request_id,
             const client_ptr& from);

private:
  [[nodiscard]] bool knows_secret(const request& r, const std::string& secret) const;

  std::shared_ptr<const node_services> node_;
  std::shared_ptr<administrators> workers_;
};

bool admin_gateway::knows_secret(const request& r, const std::string& secret) const {
  auto given = r.find("x-admin-secret");
  // Hashes are compared: their length tells nothing of the secret's.
  return given && equal_constant_time(sha256(*given).hex(), sha256(secret).hex());
}

void admin_gateway::serve(const request& r, const std::string& path, const std::string& request_id,
                          const client_ptr& from) {
  const auto settings = node_->settings->get();
  const auto& secret = settings->conf.server.admin_secret;
  if (!secret)
    return from->answer(outcome::of(errc::not_found, "No such path"));
  auto call = parse_admin_request({r.method, path, r.query, r.body});
  if (!call && before_the_secret(call.failure().code)) {
    auto o = outcome::of(call.failure());
    o.allow = call.failure().code == errc::method_not_allowed ? admin_methods(path) : "";
    return from->answer(std::move(o));
  }
  if (!knows_secret(r, *secret))
    return from->answer(
        outcome::of(errc::unauthorized, "The X-Admin-Secret header is missing or wrong"));
  if (r.method == "POST" || r.method == "PUT")
    if (auto type = check_media_type(r); !type)
      return from->answer(outcome::of(std::move(type).failure()));
  if (!call)
    return from->answer(outcome::of(std::move(call).failure()));
  workers_->ask({std::move(*call), "admin", request_id, duty_to(from)});
}

// -- a tenant's own keys ----------------------------------------------------------

void change_key(administrators& workers, const key_change& c) {
  admin_request what;
  if (const auto* create = std::get_if<create_key>(&c.request->call))
    what = admin::create_key{
        c.tenant, {create->name, create->expires_in_days}, admin::create_key::answer_shape::v1};
  else
    what = admin::revoke_key{c.tenant, std::get<revoke_key>(c.request->call).key};
  workers.ask(
      {std::move(what), "key:" + c.acting.text(), c.request->request_id, duty_to(c.request->from)});
}

key_keeper_actor::behavior_type key_keeper(key_keeper_actor::pointer,
                                           std::shared_ptr<administrators> workers) {
  return {[workers](const key_change& c) { change_key(*workers, c); }};
}

} // namespace

admin_service start_administration(caf::actor_system& system,
                                   std::shared_ptr<const node_services> node,
                                   std::shared_ptr<store::redis> connection) {
  administration_parts parts;
  // The store of tenants holds references: what they refer to lives as long as it does.
  parts.tenants = std::shared_ptr<store::tenant_store>(
      new store::tenant_store(*connection, *node->clock, *node->ids),
      [connection, clock = node->clock, ids = node->ids](store::tenant_store* s) { delete s; });
  parts.current_config = [settings = node->settings] {
    auto now = settings->get();
    return std::shared_ptr<const config>(now, &now->conf);
  };
  parts.tool_exists = [](std::string_view name) { return find_tool(name) != nullptr; };
  parts.schema_defect = schema_defect;
  auto workers = std::make_shared<administrators>(system, std::move(parts));
  auto gateway = std::make_shared<admin_gateway>(node, workers);
  return {[gateway](const request& r, const std::string& path, const std::string& request_id,
                    const client_ptr& from) { gateway->serve(r, path, request_id, from); },
          system.spawn(key_keeper, workers), [workers] { workers->stop(); }};
}

} // namespace ares::http
