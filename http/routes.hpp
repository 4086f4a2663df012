// The routes of the API: a table. What is not in it is 404, what is in it with another method 405.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ares::http {

enum class endpoint {
  agents,
  agent,
  run_agent,
  agent_runs,
  chat,
  chat_stream,
  usage,
  keys,
  create_key,
  key,
  run,
  cancel_run,
  attach_run,
  health,
  ready,
  metrics,
  openapi,
  admin
};

/// For logs and metrics.
[[nodiscard]] const char* to_string(endpoint e) noexcept;

struct route {
  endpoint where;
  const char* method;  // of the endpoint
  const char* pattern; // `{}` stands for one segment; a final `*` for the rest
};

[[nodiscard]] const std::vector<route>& routes();

struct match {
  const route* found = nullptr;      // null: no such path, or a wrong method
  std::vector<std::string> segments; // percent-decoded, of the `{}`
  std::string rest;                  // of the `*`, still encoded
  std::vector<std::string> allowed;  // methods of the path, HEAD among them; empty: no such path
  bool malformed = false;            // a broken percent-encoding in the path
};
/// HEAD matches what GET does.
[[nodiscard]] match find_route(std::string_view method, std::string_view path);

} // namespace ares::http
