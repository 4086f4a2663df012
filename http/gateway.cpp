#include "http/gateway.hpp"

#include "conf/log.hpp"
#include "http/admin_routes.hpp"
#include "http/api_parse.hpp"
#include "http/auth_limiter.hpp"
#include "http/http_client.hpp"
#include "http/metrics.hpp"
#include "http/openapi.hpp"
#include "http/response.hpp"
#include "http/routes.hpp"

#include <algorithm>
#include <utility>

namespace ares::http {

namespace {

using clock = std::chrono::steady_clock;

bool is_request_id(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), allowed);
}

/// The key in `Authorization: Bearer ares_...`: nothing if the header is not of that form.
std::optional<std::string_view> bearer_token(const request& r) {
  auto value = r.find("authorization");
  if (!value || value->size() < 8)
    return std::nullopt;
  constexpr std::string_view scheme = "bearer ";
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if ((scheme[i] | 0x20) != ((*value)[i] | 0x20))
      return std::nullopt;
  auto token = value->substr(scheme.size());
  while (!token.empty() && token.front() == ' ')
    token.remove_prefix(1);
  if (token.empty() || token.find_first_of(" \t") != std::string_view::npos)
    return std::nullopt;
  return token;
}

void log_answer(const std::string& request_id, std::string_view where, int status,
                clock::duration took) {
  const auto level = status == 500 ? log::level::error : log::level::debug;
  if (!log::is_on(level))
    return;
  log::write(
      level, "answered",
      {{"request_id", request_id},
       {"endpoint", where},
       {"status", std::to_string(status)},
       {"duration_ms",
        std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count())}});
}

class gateway {
public:
  explicit gateway(gateway_wiring w)
      : wiring_(std::move(w)), metrics_(wiring_.node->counters, wiring_.node->gate) {}

  void handle(request r, std::shared_ptr<exchange> x);
  std::optional<response> refuse_early(const request& r);

private:
  struct context {
    request& r;
    std::shared_ptr<exchange> x;
    std::string request_id;
    std::shared_ptr<const node_settings> settings;
    match m;
  };

  client_birth birth_of(context& c);
  void answer(context& c, response r);
  void answer(context& c, const error& e) { answer(c, render(e, c.request_id)); }
  void not_routed(context& c);
  void preflight(context& c);
  static bool is_admin_preflight(context& c);
  void serve(context& c);
  bool refuse_guesser(context& c);
  auth_limiter& failures_of(endpoint where) {
    return where == endpoint::admin ? admin_failures_ : failures_;
  }
  void serve_api(context& c);
  std::shared_ptr<admission_place> let_in(context& c, const secret_hash& key);
  void serve_operations(context& c);
  std::string listed_origin(const request& r, const node_settings& settings) const;
  std::string listed_origin(const context& c) const { return listed_origin(c.r, *c.settings); }
  std::string request_id_of(const request& r) const;

  gateway_wiring wiring_;
  metrics metrics_;
  auth_limiter failures_, admin_failures_; // apart: a client's stale key locks no operator out
};

std::string gateway::request_id_of(const request& r) const {
  auto given = r.find("x-request-id");
  return given && is_request_id(*given) ? std::string(*given) : wiring_.node->ids->next().text();
}

std::string gateway::listed_origin(const request& r, const node_settings& settings) const {
  const auto& listed = settings.conf.server.cors_origins;
  auto origin = r.find("origin");
  if (listed.empty() || !origin)
    return {};
  return std::find(listed.begin(), listed.end(), *origin) != listed.end() ? std::string(*origin)
                                                                          : std::string{};
}

void gateway::handle(request r, std::shared_ptr<exchange> x) {
  context c{r, std::move(x), request_id_of(r), wiring_.node->settings->get(), {}};
  if (r.refused) {
    auto refused = render(error{code_of(r.refused->status), r.refused->message}, c.request_id);
    refused.status = r.refused->status;
    refused.close = true;
    metrics_.refused(refused.status);
    log_answer(c.request_id, "none", refused.status, {});
    return c.x->respond(std::move(refused));
  }
  c.m = find_route(r.method, r.path);
  if (c.m.malformed)
    return answer(c, {errc::malformed_request, "The path has a malformed percent-encoding"});
  if (!c.m.found)
    return not_routed(c);
  serve(c);
}

void gateway::answer(context& c, response r) {
  add_cors_headers(r.headers, listed_origin(c));
  if (c.m.found)
    metrics_.answered(c.m.found->where, r.status, {});
  else
    metrics_.refused(r.status);
  log_answer(c.request_id, c.m.found ? to_string(c.m.found->where) : "none", r.status, {});
  c.x->respond(std::move(r));
}

void gateway::not_routed(context& c) {
  if (c.r.method == "OPTIONS" && (!c.m.allowed.empty() || c.r.path == "*"))
    return preflight(c);
  if (c.m.allowed.empty())
    return answer(c, {errc::not_found, "No such path"});
  auto o = outcome::of(errc::method_not_allowed, "The path does not support this method");
  for (const auto& method : c.m.allowed)
    o.allow += (o.allow.empty() ? "" : ", ") + method;
  answer(c, render(std::move(o), c.request_id));
}

// What a browser asks before it sends a request of another origin's page.
void gateway::preflight(context& c) {
  response r;
  r.status = 204;
  r.headers = {{"X-Request-Id", c.request_id}};
  std::string methods = "OPTIONS";
  for (const auto& method : c.m.allowed)
    methods += ", " + method;
  r.headers.push_back({"Allow", methods});
  if (!listed_origin(c).empty() && c.r.count("access-control-request-method") > 0) {
    r.headers.push_back({"Access-Control-Allow-Methods", methods});
    r.headers.push_back(
        {"Access-Control-Allow-Headers",
         "Authorization, Content-Type, Idempotency-Key, Prefer, X-Request-Id, X-Admin-Secret"});
    r.headers.push_back({"Access-Control-Max-Age", "600"});
  }
  answer(c, std::move(r));
}

// The route table has the tree as one; which paths and methods there are in it, the tree knows.
bool gateway::is_admin_preflight(context& c) {
  if (c.r.method != "OPTIONS" || !c.settings->conf.server.admin_secret)
    return false;
  auto methods = admin_methods(c.m.rest);
  if (methods.empty())
    return false;
  c.m.allowed = {std::move(methods)};
  return true;
}

void gateway::serve(context& c) {
  switch (c.m.found->where) {
  case endpoint::health:
  case endpoint::ready:
  case endpoint::metrics:
  case endpoint::openapi: return serve_operations(c);
  case endpoint::admin:
    if (is_admin_preflight(c))
      return preflight(c);
    if (refuse_guesser(c))
      return;
    return wiring_.admin(c.r, c.m.rest, c.request_id, make_client(birth_of(c)));
  default: serve_api(c);
  }
}

client_birth gateway::birth_of(context& c) {
  const auto where = c.m.found->where;
  std::string address;
  const auto limit = c.settings->conf.server.auth_failures_per_minute;
  if (limit > 0)
    address = client_address(c.r, c.settings->conf.server.trusted_proxies);
  return {c.x, c.request_id, listed_origin(c),
          [this, where, address = std::move(address), request_id = c.request_id,
           since = clock::now()](int status) {
            const auto now = clock::now();
            metrics_.answered(where, status, now - since);
            log_answer(request_id, to_string(where), status, now - since);
            if (status == 401 && !address.empty())
              failures_of(where).failed(address, now);
          }};
}

/// An address that failed to authenticate too often is answered here, whatever it brings now.
bool gateway::refuse_guesser(context& c) {
  const auto& conf = c.settings->conf.server;
  const auto limit = conf.auth_failures_per_minute;
  if (limit <= 0 || !failures_of(c.m.found->where)
                         .is_over(client_address(c.r, conf.trusted_proxies), limit, clock::now()))
    return false;
  auto o = outcome::of(errc::rate_limited, "Rate limit exceeded");
  o.retry_after = std::chrono::seconds(60);
  answer(c, render(std::move(o), c.request_id));
  return true;
}

void gateway::serve_api(context& c) {
  if (refuse_guesser(c))
    return;
  const auto where = c.m.found->where;
  const bool chats = where == endpoint::chat || where == endpoint::chat_stream;
  auto token = bearer_token(c.r);
  auto secret = token ? api_key_secret::parse(*token) : std::nullopt;
  if (!secret) {
    auto from = make_client(birth_of(c));
    return from->answer(outcome::of(errc::unauthorized,
                                    token ? "Invalid API key"
                                          : "The Authorization header must be: Bearer ares_..."));
  }
  auto api = std::make_shared<api_request>();
  api->key = secret->hash();
  api->place = let_in(c, api->key);
  if (!api->place)
    return;
  auto call = parse_api_call(c.r, c.m);
  api->call = call ? std::move(*call) : api_call(refused_call{call.failure(), is_executing(where)});
  if (chats)
    api->from = make_watched_client(birth_of(c), exchange::half_close::means_gone);
  else if (where == endpoint::attach_run)
    api->from = make_watched_client(birth_of(c), exchange::half_close::gets_its_answer);
  else
    api->from = make_client(birth_of(c));
  api->request_id = std::move(c.request_id);
  if (api_request_ptr message = std::move(api); !wiring_.table->forward(message))
    caf::anon_send(wiring_.directory, std::move(message));
}

namespace {

work_kind kind_of(endpoint where) noexcept {
  return is_executing(where)             ? work_kind::executing
         : where == endpoint::cancel_run ? work_kind::cancelling
                                         : work_kind::reading;
}

} // namespace

/// Null if the request was refused: its tenant has too much in flight, or the node has. Its body
/// has not been looked at then.
std::shared_ptr<admission_place> gateway::let_in(context& c, const secret_hash& key) {
  const auto kind = kind_of(c.m.found->where);
  const auto load = wiring_.table->load_of(key);
  if (kind == work_kind::executing && load && load->is_full(c.settings.get())) {
    answer(c, render(outcome::of(errc::rate_limited, "Rate limit exceeded"), c.request_id));
    return nullptr;
  }
  auto place = wiring_.node->gate->enter(kind, load ? load->number : 0);
  if (!place)
    answer(c, render(outcome::of(errc::overloaded, "The node is overloaded"), c.request_id));
  return place;
}

// While there is room this costs a look at a flag; in an overload it is all that most requests
// cost.
std::optional<response> gateway::refuse_early(const request& r) {
  if (!wiring_.node->gate->crowded() || r.method != "POST")
    return std::nullopt;
  const auto m = find_route(r.method, r.path);
  if (!m.found || m.malformed || !is_executing(m.found->where))
    return std::nullopt;
  const auto token = bearer_token(r);
  const auto secret = token ? api_key_secret::parse(*token) : std::nullopt;
  if (!secret)
    return std::nullopt;
  const auto load = wiring_.table->load_of(secret->hash());
  if (!wiring_.node->gate->refuses(work_kind::executing, load ? load->number : 0))
    return std::nullopt;
  const auto settings = wiring_.node->settings->get();
  auto refused = render(outcome::of(errc::overloaded, "The node is overloaded"), request_id_of(r));
  add_cors_headers(refused.headers, listed_origin(r, *settings));
  metrics_.answered(m.found->where, refused.status, {});
  return refused;
}

void gateway::serve_operations(context& c) {
  response r;
  r.headers = {{"Content-Type", "application/json"}, {"X-Request-Id", c.request_id}};
  switch (c.m.found->where) {
  case endpoint::health: r.body = R"({"status":"ok"})"; break;
  case endpoint::ready:
    if (auto why = wiring_.why_not_ready(); !why.empty())
      r = render(outcome::of(errc::store_unavailable, std::move(why)), c.request_id);
    else
      r.body = R"({"status":"ready","store":)" + *wiring_.durability() + '}';
    break;
  case endpoint::metrics:
    r.headers[0].value = "text/plain; version=0.0.4; charset=utf-8";
    r.body = metrics_.text(c.settings->conf.server.tls);
    break;
  default: r.body = openapi_document();
  }
  answer(c, std::move(r));
}

} // namespace

gateway_handlers make_gateway(gateway_wiring wiring) {
  auto g = std::make_shared<gateway>(std::move(wiring));
  return {[g](request r, std::shared_ptr<exchange> x) { g->handle(std::move(r), std::move(x)); },
          [g](const request& r) { return g->refuse_early(r); }};
}

} // namespace ares::http
