#include "http/routes.hpp"
#include "tests/catch.hpp"

#include <string>
#include <vector>

using namespace ares::http;
using names = std::vector<std::string>;

namespace {

endpoint found(std::string_view method, std::string_view path) {
  const auto m = find_route(method, path);
  REQUIRE(m.found);
  return m.found->where;
}

} // namespace

TEST_CASE("every path of the API leads to its endpoint") {
  CHECK(found("GET", "/v1/agents") == endpoint::agents);
  CHECK(found("GET", "/v1/agents/risk-analyzer") == endpoint::agent);
  CHECK(found("POST", "/v1/agents/risk-analyzer/run") == endpoint::run_agent);
  CHECK(found("GET", "/v1/agents/risk-analyzer/runs") == endpoint::agent_runs);
  CHECK(found("GET", "/v1/runs/x") == endpoint::run);
  CHECK(found("POST", "/v1/runs/x/cancel") == endpoint::cancel_run);
  CHECK(found("GET", "/v1/runs/x/stream") == endpoint::attach_run);
  CHECK(found("POST", "/v1/chat") == endpoint::chat);
  CHECK(found("POST", "/v1/chat/stream") == endpoint::chat_stream);
  CHECK(found("GET", "/v1/usage") == endpoint::usage);
  CHECK(found("GET", "/v1/api-keys") == endpoint::keys);
  CHECK(found("POST", "/v1/api-keys") == endpoint::create_key);
  CHECK(found("DELETE", "/v1/api-keys/x") == endpoint::key);
  CHECK(found("GET", "/health") == endpoint::health);
  CHECK(found("GET", "/ready") == endpoint::ready);
  CHECK(found("GET", "/metrics") == endpoint::metrics);
  CHECK(found("GET", "/openapi.json") == endpoint::openapi);
}

TEST_CASE("a segment is handed on decoded") {
  CHECK(find_route("GET", "/v1/agents/risk-analyzer").segments == names{"risk-analyzer"});
  CHECK(find_route("GET", "/v1/agents/a%20b/runs").segments == names{"a b"});
  CHECK(find_route("GET", "/v1/agents/a%2Fb").segments == names{"a/b"});
  CHECK(find_route("GET", "/v1/agents").segments.empty());
}

TEST_CASE("a broken escape in a segment is told") {
  for (const auto* path :
       {"/v1/agents/%", "/v1/agents/%zz", "/v1/agents/a%00", "/v1/agents/%FF/runs"}) {
    INFO(path);
    const auto m = find_route("GET", path);
    CHECK(m.malformed);
  }
  CHECK_FALSE(find_route("GET", "/v1/agents/a%20b").malformed);
}

TEST_CASE("HEAD goes where GET goes, and nowhere else") {
  CHECK(found("HEAD", "/v1/agents") == endpoint::agents);
  CHECK(found("HEAD", "/v1/api-keys") == endpoint::keys);
  CHECK(found("HEAD", "/health") == endpoint::health);
  CHECK_FALSE(find_route("HEAD", "/v1/chat").found);
}

TEST_CASE("a wrong method is told which ones there are") {
  const auto check = [](const char* method, const char* path, const names& allowed) {
    INFO(method << ' ' << path);
    const auto m = find_route(method, path);
    CHECK_FALSE(m.found);
    CHECK(m.allowed == allowed);
  };
  check("DELETE", "/v1/agents", {"HEAD", "GET"});
  check("GET", "/v1/agents/a/run", {"POST"});
  check("PUT", "/v1/api-keys", {"HEAD", "GET", "POST"});
  check("GET", "/v1/api-keys/x", {"DELETE"});
  check("POST", "/metrics", {"HEAD", "GET"});
  check("OPTIONS", "/v1/chat", {"POST"});
  check("get", "/v1/usage", {"HEAD", "GET"});
}

TEST_CASE("what is not in the table is no path") {
  for (const auto* path : {"",
                           "*",
                           "/",
                           "v1/agents",
                           "/v1",
                           "/v1/",
                           "/v1/agents/",
                           "//v1/agents",
                           "/v1//agents",
                           "/v1/agents/a/",
                           "/V1/agents",
                           "/v1/agents/a/run/",
                           "/v1/agents/a/runs/b",
                           "/v1/agentsx",
                           "/v1/runs",
                           "/v1/chat/",
                           "/v1/chat/other",
                           "/healthy",
                           "/health/",
                           "/api",
                           "/api/admin",
                           "/api/adminx/tenants",
                           "/v1/%61gents"}) {
    INFO(path);
    const auto m = find_route("GET", path);
    CHECK_FALSE(m.found);
    CHECK(m.allowed.empty());
  }
}

TEST_CASE("an empty segment names nothing") {
  for (const auto* path : {"/v1/agents//run", "/v1/runs//cancel"}) {
    INFO(path);
    CHECK_FALSE(find_route("POST", path).found);
  }
  CHECK_FALSE(find_route("DELETE", "/v1/api-keys/").found);
}

TEST_CASE("administration gets every method and the rest of the path as it came") {
  for (const auto* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}) {
    INFO(method);
    const auto m = find_route(method, "/api/admin/tenants/a%20b/quota");
    REQUIRE(m.found);
    CHECK(m.found->where == endpoint::admin);
    CHECK(m.rest == "/tenants/a%20b/quota");
  }
  CHECK(find_route("GET", "/api/admin/").rest == "/");
}
