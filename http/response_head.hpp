// The bytes of a response's head: status line, headers, the empty line (RFC 9112, 4 to 6).
#pragma once

#include "http/server.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ares::http {

/// What the request says about how its response is to be framed.
struct framing {
  bool head_only = false; // a HEAD
  bool http_1_0 = false;
  bool close = false; // the connection ends behind the response
};

/// `content_length` is nothing for a stream: chunked, or to the end of the connection for HTTP/1.0.
/// A header with an invalid name or value, and one that is the server's to set, is left out:
/// nothing that a handler passes on can add a line.
[[nodiscard]] std::string render_head(int status, const std::vector<header>& headers,
                                      std::optional<std::size_t> content_length, framing how);

/// False for 1xx, 204 and 304, which never have a body.
[[nodiscard]] bool may_have_body(int status) noexcept;

} // namespace ares::http
