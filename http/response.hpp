// Outcomes as HTTP: the only table of statuses, and the error body.
#pragma once

#include "actors/client.hpp"
#include "conf/result.hpp"
#include "http/server.hpp"

#include <string>
#include <string_view>

namespace ares::http {

[[nodiscard]] int status_of(errc code) noexcept;
/// The code that stands for a status the front refused with; `malformed_request` for others.
[[nodiscard]] errc code_of(int status) noexcept;

/// `{"error": ..., "code": ..., "request_id": ...}`
[[nodiscard]] std::string error_body(const error& e, std::string_view request_id);

/// With Content-Type, X-Request-Id and, where they belong, WWW-Authenticate and Retry-After.
[[nodiscard]] response render(const error& e, std::string_view request_id);
[[nodiscard]] response render(outcome o, std::string_view request_id);

/// X-RateLimit-* and X-Quota-Tokens-Remaining; those of unlimited figures are left out.
void add_limit_headers(std::vector<header>& headers, const limit_state& limits);

} // namespace ares::http
