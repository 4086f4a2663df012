// From a routed HTTP request to an api_call: query strings and JSON bodies, checked.
#pragma once

#include "actors/api_request.hpp"
#include "http/routes.hpp"
#include "http/server.hpp"

namespace ares::http {

/// What stands behind the key check: media type, JSON, fields. Errors: unsupported_media_type,
/// invalid_json, invalid_request (the field by its path), not_found (a segment that names nothing).
[[nodiscard]] result<api_call> parse_api_call(const request& r, const match& m);

/// A Content-Type that is there must be application/json, with or without parameters; a
/// Content-Encoding can only be `identity` (415).
[[nodiscard]] result<std::monostate> check_media_type(const request& r);

/// Whether the endpoint is one of the three that limits refuse.
[[nodiscard]] bool is_executing(endpoint e) noexcept;

} // namespace ares::http
