#include "http/routes.hpp"

#include "http/url.hpp"

#include <algorithm>
#include <iterator>

namespace ares::http {

const char* to_string(endpoint e) noexcept {
  static constexpr const char* names[] = {
      "agents",     "agent",  "run_agent",  "agent_runs", "chat",    "chat_stream",
      "usage",      "keys",   "create_key", "key",        "run",     "cancel_run",
      "attach_run", "health", "ready",      "metrics",    "openapi", "admin"};
  static_assert(std::size(names) == static_cast<std::size_t>(endpoint::admin) + 1);
  return names[static_cast<std::size_t>(e)];
}

const std::vector<route>& routes() {
  static const std::vector<route> table{
      {endpoint::agents, "GET", "/v1/agents"},
      {endpoint::agent, "GET", "/v1/agents/{}"},
      {endpoint::run_agent, "POST", "/v1/agents/{}/run"},
      {endpoint::agent_runs, "GET", "/v1/agents/{}/runs"},
      {endpoint::run, "GET", "/v1/runs/{}"},
      {endpoint::cancel_run, "POST", "/v1/runs/{}/cancel"},
      {endpoint::attach_run, "GET", "/v1/runs/{}/stream"},
      {endpoint::chat, "POST", "/v1/chat"},
      {endpoint::chat_stream, "POST", "/v1/chat/stream"},
      {endpoint::usage, "GET", "/v1/usage"},
      {endpoint::keys, "GET", "/v1/api-keys"},
      {endpoint::create_key, "POST", "/v1/api-keys"},
      {endpoint::key, "DELETE", "/v1/api-keys/{}"},
      {endpoint::health, "GET", "/health"},
      {endpoint::ready, "GET", "/ready"},
      {endpoint::metrics, "GET", "/metrics"},
      {endpoint::openapi, "GET", "/openapi.json"},
      {endpoint::admin, "*", "/api/admin/*"},
  };
  return table;
}

namespace {

// Takes the next `/segment` off the path.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  auto segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string_view>& taken,
             std::string_view& rest) {
  taken.clear();
  while (!pattern.empty() && !path.empty()) {
    if (pattern == "/*") {
      rest = path;
      return true;
    }
    const auto expected = next_segment(pattern), actual = next_segment(path);
    if (expected == "{}" && !actual.empty())
      taken.push_back(actual);
    else if (expected != actual)
      return false;
  }
  return pattern.empty() && path.empty();
}

void allow(std::vector<std::string>& methods, std::string method) {
  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    methods.push_back(std::move(method));
}

} // namespace

match find_route(std::string_view method, std::string_view path) {
  match m;
  if (!path.starts_with('/'))
    return m;
  std::vector<std::string_view> taken;
  std::string_view rest;
  for (const auto& r : routes()) {
    if (!matches(r.pattern, path, taken, rest))
      continue;
    const std::string_view own = r.method;
    if (own == "GET")
      allow(m.allowed, "HEAD");
    allow(m.allowed, std::string(own));
    if (own != method && own != "*" && !(own == "GET" && method == "HEAD"))
      continue;
    m.found = &r;
    m.rest = rest;
    for (auto segment : taken) {
      auto decoded = percent_decode(segment);
      m.malformed = m.malformed || !decoded;
      m.segments.push_back(decoded.value_or(""));
    }
    return m;
  }
  return m;
}

} // namespace ares::http
