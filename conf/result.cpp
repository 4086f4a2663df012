#include "conf/result.hpp"

#include <cstddef>
#include <iterator>

namespace ares {

namespace {

// In the order of `errc`.
constexpr const char* names[] = {"malformed_request",
                                 "invalid_json",
                                 "invalid_request",
                                 "unauthorized",
                                 "not_found",
                                 "method_not_allowed",
                                 "request_timeout",
                                 "already_exists",
                                 "agent_disabled",
                                 "run_ended",
                                 "payload_too_large",
                                 "uri_too_long",
                                 "unsupported_media_type",
                                 "expectation_failed",
                                 "unknown_model",
                                 "unknown_tier",
                                 "unknown_tool",
                                 "unknown_product_type",
                                 "idempotency_key_reused",
                                 "daily_limit",
                                 "run_quota",
                                 "token_quota",
                                 "rate_limited",
                                 "header_too_large",
                                 "internal",
                                 "not_implemented",
                                 "upstream_error",
                                 "store_unavailable",
                                 "store_full",
                                 "overloaded",
                                 "draining",
                                 "upstream_timeout",
                                 "version_not_supported"};
static_assert(std::size(names) == static_cast<std::size_t>(errc::version_not_supported) + 1);

} // namespace

const char* to_string(errc code) noexcept {
  return names[static_cast<std::size_t>(code)];
}

} // namespace ares
