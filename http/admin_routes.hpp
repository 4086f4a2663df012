// The admin API as a table: which requests there are, and what each means. Bytes in, values out;
// the secret, request ids and error bodies are the gateway's.
#pragma once

#include "actors/admin_request.hpp"
#include "conf/result.hpp"

#include <string>
#include <string_view>

namespace ares::http {

/// The methods of a path below `/api/admin`, as `Allow` says them: `GET, HEAD, POST`. Empty: there
/// is no such path.
[[nodiscard]] std::string admin_methods(std::string_view path);

struct admin_call {
  std::string_view method;
  std::string_view path;  // below `/api/admin`, still percent-encoded: `/tenants`
  std::string_view query; // still percent-encoded
  std::string_view body;
};

/// Errors: not_found, method_not_allowed, invalid_json, invalid_request (the message names the
/// field). HEAD is read as GET.
[[nodiscard]] result<admin_request> parse_admin_request(const admin_call& call);

} // namespace ares::http
