// Errors as values: a code, a sentence for the client, and where it helps a field.
// Codes are mapped to HTTP statuses in one table only, http/response.cpp.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ares {

/// What went wrong. The snake_case name (`to_string`) is the `code` of the JSON error body.
enum class errc {
  malformed_request,      // 400: HTTP that cannot be parsed
  invalid_json,           // 400: a body that is not JSON, with the byte position
  invalid_request,        // 400: a wrong, missing or out-of-range field or parameter
  unauthorized,           // 401
  not_found,              // 404
  method_not_allowed,     // 405
  request_timeout,        // 408
  already_exists,         // 409
  agent_disabled,         // 409
  run_ended,              // 409
  payload_too_large,      // 413
  uri_too_long,           // 414
  unsupported_media_type, // 415
  expectation_failed,     // 417
  unknown_model,          // 422
  unknown_tier,           // 422
  unknown_tool,           // 422
  unknown_product_type,   // 422
  idempotency_key_reused, // 422
  daily_limit,            // 429
  run_quota,              // 429
  token_quota,            // 429
  rate_limited,           // 429
  header_too_large,       // 431
  internal,               // 500
  not_implemented,        // 501
  upstream_error,         // 502
  store_unavailable,      // 503
  store_full,             // 503
  overloaded,             // 503
  draining,               // 503
  upstream_timeout,       // 504
  version_not_supported,  // 505
};

/// The snake_case name, a static string.
[[nodiscard]] const char* to_string(errc code) noexcept;

/// `message` is a sentence fit for a client: nothing internal (host, key, stack, store text) in it.
struct error {
  errc code = errc::internal;
  std::string message;
};

/// A value or an error. Ask before you take: `if (!r) return r.failure();`
template <class T> class [[nodiscard]] result {
public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(error e) : state_(std::in_place_index<1>, std::move(e)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }

  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  [[nodiscard]] const error& failure() const& { return std::get<1>(state_); }
  error&& failure() && { return std::get<1>(std::move(state_)); }

private:
  std::variant<T, error> state_;
};

} // namespace ares
