// The gateway's side of one request: turns an actor's outcome into a response, or its events into
// Server-Sent Events.
#pragma once

#include "actors/client.hpp"
#include "http/server.hpp"

#include <functional>
#include <memory>
#include <string>

namespace ares::http {

struct client_birth {
  std::shared_ptr<exchange> answer_to;
  std::string request_id;
  std::string cors_origin; // of the client's page, if it is one of the listed
  /// Told the status of the answer once; 200 when a stream begins.
  std::function<void(int status)> on_answer;
};

/// Dropped without an answer, it answers 500.
[[nodiscard]] client_ptr make_client(client_birth birth);
/// The same, and watches whether the client leaves: for chats and streams.
[[nodiscard]] client_ptr make_watched_client(client_birth birth, exchange::half_close meaning);

/// `Access-Control-*` of an answer to a listed origin; nothing without one.
void add_cors_headers(std::vector<header>& headers, const std::string& origin);

} // namespace ares::http
