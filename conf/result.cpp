#include "conf/result.hpp"

namespace ares {

const char* to_string(errc code) noexcept {
  switch (code) {
  case errc::malformed_request:
    return "malformed_request";
  case errc::invalid_json:
    return "invalid_json";
  case errc::invalid_request:
    return "invalid_request";
  case errc::unauthorized:
    return "unauthorized";
  case errc::not_found:
    return "not_found";
  case errc::method_not_allowed:
    return "method_not_allowed";
  case errc::request_timeout:
    return "request_timeout";
  case errc::already_exists:
    return "already_exists";
  case errc::agent_disabled:
    return "agent_disabled";
  case errc::run_ended:
    return "run_ended";
  case errc::payload_too_large:
    return "payload_too_large";
  case errc::uri_too_long:
    return "uri_too_long";
  case errc::unsupported_media_type:
    return "unsupported_media_type";
  case errc::expectation_failed:
    return "expectation_failed";
  case errc::unknown_model:
    return "unknown_model";
  case errc::unknown_tier:
    return "unknown_tier";
  case errc::unknown_tool:
    return "unknown_tool";
  case errc::unknown_product_type:
    return "unknown_product_type";
  case errc::idempotency_key_reused:
    return "idempotency_key_reused";
  case errc::daily_limit:
    return "daily_limit";
  case errc::run_quota:
    return "run_quota";
  case errc::token_quota:
    return "token_quota";
  case errc::rate_limited:
    return "rate_limited";
  case errc::header_too_large:
    return "header_too_large";
  case errc::internal:
    return "internal";
  case errc::not_implemented:
    return "not_implemented";
  case errc::upstream_error:
    return "upstream_error";
  case errc::store_unavailable:
    return "store_unavailable";
  case errc::store_full:
    return "store_full";
  case errc::overloaded:
    return "overloaded";
  case errc::draining:
    return "draining";
  case errc::upstream_timeout:
    return "upstream_timeout";
  case errc::version_not_supported:
    return "version_not_supported";
  }
  return "internal";
}

} // namespace ares
