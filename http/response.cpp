#include "http/response.hpp"

#include "conf/clock.hpp"
#include "conf/json.hpp"

#include <array>
#include <utility>

namespace ares::http {

namespace {

constexpr std::array<std::pair<errc, int>, 33> statuses{{
    {errc::malformed_request, 400},
    {errc::invalid_json, 400},
    {errc::invalid_request, 400},
    {errc::unauthorized, 401},
    {errc::not_found, 404},
    {errc::method_not_allowed, 405},
    {errc::request_timeout, 408},
    {errc::already_exists, 409},
    {errc::agent_disabled, 409},
    {errc::run_ended, 409},
    {errc::payload_too_large, 413},
    {errc::uri_too_long, 414},
    {errc::unsupported_media_type, 415},
    {errc::expectation_failed, 417},
    {errc::unknown_model, 422},
    {errc::unknown_tier, 422},
    {errc::unknown_tool, 422},
    {errc::unknown_product_type, 422},
    {errc::idempotency_key_reused, 422},
    {errc::daily_limit, 429},
    {errc::run_quota, 429},
    {errc::token_quota, 429},
    {errc::rate_limited, 429},
    {errc::header_too_large, 431},
    {errc::internal, 500},
    {errc::not_implemented, 501},
    {errc::upstream_error, 502},
    {errc::store_unavailable, 503},
    {errc::store_full, 503},
    {errc::overloaded, 503},
    {errc::draining, 503},
    {errc::upstream_timeout, 504},
    {errc::version_not_supported, 505},
}};

} // namespace

int status_of(errc code) noexcept {
  for (const auto& [c, status] : statuses)
    if (c == code)
      return status;
  return 500;
}

errc code_of(int status) noexcept {
  for (const auto& [code, s] : statuses)
    if (s == status)
      return code;
  return errc::malformed_request;
}

std::string error_body(const error& e, std::string_view request_id) {
  return "{\"error\":" + quote_json(e.message) + ",\"code\":\"" + to_string(e.code) +
         "\",\"request_id\":" + quote_json(request_id) + '}';
}

response render(const error& e, std::string_view request_id) {
  response r;
  r.status = status_of(e.code);
  r.headers = {{"Content-Type", "application/json"}, {"X-Request-Id", std::string(request_id)}};
  if (r.status == 401)
    r.headers.push_back({"WWW-Authenticate", "Bearer"});
  r.body = error_body(e, request_id);
  return r;
}

response render(outcome o, std::string_view request_id) {
  using success = outcome::success;
  response r;
  if (o.failure) {
    r = render(*o.failure, request_id);
    if (!o.retry_after && (r.status == 503 || r.status == 429))
      o.retry_after = std::chrono::seconds(1);
  } else {
    r.status = o.how == success::ok         ? 200
               : o.how == success::accepted ? 202
               : o.how == success::created  ? 201
                                            : 204;
    if (o.how != success::no_content)
      r.headers.push_back({"Content-Type", "application/json"});
    r.headers.push_back({"X-Request-Id", std::string(request_id)});
    r.body = std::move(o.body);
  }
  if (o.retry_after)
    r.headers.push_back({"Retry-After", std::to_string(o.retry_after->count())});
  if (!o.location.empty())
    r.headers.push_back({"Location", std::move(o.location)});
  if (!o.allow.empty())
    r.headers.push_back({"Allow", std::move(o.allow)});
  if (o.replayed)
    r.headers.push_back({"Idempotent-Replayed", "true"});
  if (o.limits)
    add_limit_headers(r.headers, *o.limits);
  return r;
}

void add_limit_headers(std::vector<header>& headers, const limit_state& limits) {
  if (limits.day_limit) {
    headers.push_back({"X-RateLimit-Limit", std::to_string(*limits.day_limit)});
    headers.push_back({"X-RateLimit-Remaining", std::to_string(limits.day_left.value_or(0))});
    headers.push_back({"X-RateLimit-Reset", rfc3339(limits.day_reset_ms)});
  }
  if (limits.tokens_left)
    headers.push_back({"X-Quota-Tokens-Remaining", std::to_string(*limits.tokens_left)});
}

} // namespace ares::http
