#include "actors/json_schema.hpp"
#include "conf/json.hpp"
#include "http/openapi.hpp"
#include "http/response.hpp"
#include "http/routes.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <regex>
#include <set>
#include <string>

using namespace ares;
using namespace ares::http;

namespace {

const json& document() {
  static const auto parsed = parse_json(openapi_document());
  REQUIRE(parsed);
  return *parsed;
}

/// Calls `visit` with every object in `value`.
void each_object(const json& value, const std::function<void(const json&)>& visit) {
  if (value.is_object())
    visit(value);
  if (value.is_structured())
    for (const auto& item : value)
      each_object(item, visit);
}

/// Calls `visit` with path, method (upper case) and operation.
void each_operation(
    const std::function<void(const std::string&, const std::string&, const json&)>& visit) {
  for (const auto& [path, item] : document()["paths"].items())
    for (auto [method, operation] : item.items()) {
      std::string upper = method;
      std::transform(upper.begin(), upper.end(), upper.begin(),
                     [](unsigned char c) { return std::toupper(c); });
      visit(path, upper, operation);
    }
}

/// `GET /v1/agents/{}`: what the route table and the description have in common.
std::string shape(const std::string& method, const std::string& path) {
  return method + ' ' + std::regex_replace(path, std::regex("\\{[^}]*\\}"), "{}");
}

bool is_administration(const std::string& path) {
  return path.rfind("/api/admin/", 0) == 0;
}

/// What a `$ref` stands for; `value` itself without one.
const json& resolved(const json& value) {
  const auto to = value.find("$ref");
  return to == value.end() ? value
                           : document().at(json::json_pointer(to->get<std::string>().substr(1)));
}

/// Without `format`: the validator holds a null to it, which JSON Schema does not.
json without_formats(json schema) {
  if (schema.is_object() && schema.contains("format") && schema["format"].is_string())
    schema.erase("format");
  if (schema.is_structured())
    for (auto& item : schema)
      item = without_formats(std::move(item));
  return schema;
}

} // namespace

TEST_CASE("the description is one line of OpenAPI 3.1") {
  CHECK(openapi_document().find('\n') == std::string::npos);
  CHECK(document()["openapi"].get<std::string>().rfind("3.1.", 0) == 0);
  CHECK(document()["info"]["title"].is_string());
  CHECK(document()["info"]["version"].is_string());
}

TEST_CASE("the description has the routes of the table, all of them and no others") {
  std::set<std::string> described, routed;
  each_operation([&](const auto& path, const auto& method, const json&) {
    const auto m = find_route(method, path);
    INFO(method << ' ' << path);
    REQUIRE(m.found);
    CHECK(is_administration(path) == (m.found->where == endpoint::admin));
    if (!is_administration(path))
      described.insert(shape(method, path));
  });
  for (const auto& r : routes())
    if (r.where != endpoint::admin)
      routed.insert(shape(r.method, r.pattern));
  CHECK(described == routed);
}

TEST_CASE("the description has all of administration") {
  std::set<std::string> described;
  each_operation([&](const auto& path, const auto& method, const json&) {
    if (is_administration(path))
      described.insert(shape(method, path.substr(10)));
  });
  const std::set<std::string> promised{"POST /provision-client",
                                       "POST /tenants",
                                       "GET /tenants",
                                       "GET /tenants/{}",
                                       "DELETE /tenants/{}",
                                       "PUT /tenants/{}/quota",
                                       "POST /tenants/{}/api-keys",
                                       "GET /tenants/{}/api-keys",
                                       "DELETE /tenants/{}/api-keys/{}",
                                       "POST /tenants/{}/agents",
                                       "GET /tenants/{}/agents",
                                       "GET /tenants/{}/agents/{}",
                                       "PUT /tenants/{}/agents/{}",
                                       "DELETE /tenants/{}/agents/{}",
                                       "GET /tenants/{}/agents/{}/runs",
                                       "GET /tenants/{}/agents/{}/stats",
                                       "GET /tenants/{}/usage",
                                       "GET /tenants/{}/usage/daily",
                                       "GET /agent-templates",
                                       "GET /models",
                                       "GET /agents",
                                       "GET /stats",
                                       "GET /nodes",
                                       "GET /audit-log",
                                       "GET /alerts"};
  CHECK(described == promised);
}

TEST_CASE("every reference leads somewhere, and every component is used") {
  std::set<std::string> used;
  each_object(document(), [&](const json& object) {
    const auto to = object.find("$ref");
    if (to == object.end())
      return;
    const auto target = to->get<std::string>();
    INFO(target);
    REQUIRE(target.rfind("#/components/", 0) == 0);
    CHECK(document().contains(json::json_pointer(target.substr(1))));
    used.insert(target);
  });
  for (const auto* kind : {"schemas", "responses", "parameters", "headers"})
    for (const auto& [name, value] : document()["components"][kind].items()) {
      INFO(kind << ' ' << name);
      CHECK(used.count("#/components/" + std::string(kind) + '/' + name) == 1);
    }
}

TEST_CASE("operations have ids of their own") {
  std::set<std::string> ids;
  each_operation([&](const auto& path, const auto& method, const json& operation) {
    INFO(method << ' ' << path);
    CHECK(ids.insert(operation.at("operationId")).second);
  });
}

TEST_CASE("the parameters of a path are described") {
  each_operation([&](const auto& path, const auto& method, const json& operation) {
    INFO(method << ' ' << path);
    std::set<std::string> named, described;
    const std::regex parameter("\\{([^}]*)\\}");
    for (std::sregex_iterator i(path.begin(), path.end(), parameter), end; i != end; ++i)
      named.insert((*i)[1]);
    for (const auto& p : operation["parameters"])
      if (const auto& whole = resolved(p); whole["in"] == "path") {
        CHECK(whole["required"] == true);
        described.insert(whole["name"]);
      }
    CHECK(named == described);
  });
}

TEST_CASE("every operation has a success, an error, and the security of its tree") {
  each_operation([&](const auto& path, const auto& method, const json& operation) {
    INFO(method << ' ' << path);
    const auto& responses = operation["responses"];
    CHECK(std::any_of(responses.items().begin(), responses.items().end(),
                      [](const auto& r) { return r.key()[0] == '2'; }));
    CHECK(responses.contains("default"));
    CHECK((method != "POST" || path.find("/cancel") != std::string::npos ||
           operation.contains("requestBody")));
    if (path.rfind("/v1/", 0) == 0)
      CHECK((!operation.contains("security") && responses.contains("401")));
    else
      CHECK(operation.at("security") ==
            (is_administration(path) ? json::parse(R"([{"adminSecret":[]}])") : json::array()));
  });
}

TEST_CASE("the description lists every code of an error") {
  std::set<std::string> listed, known;
  for (const auto& code :
       document()["components"]["schemas"]["Error"]["properties"]["code"]["enum"])
    listed.insert(code);
  for (int i = 0; i <= static_cast<int>(errc::version_not_supported); ++i)
    known.insert(to_string(static_cast<errc>(i)));
  CHECK(listed == known);
}

TEST_CASE("every example satisfies its schema") {
  const auto components = without_formats(document()["components"]); // where references lead
  int examples = 0;
  each_object(document(), [&](const json& media) {
    if (!media.contains("example") || !media.contains("schema"))
      return;
    auto schema = media["schema"];
    schema["components"] = components;
    INFO(media.dump());
    CHECK(schema_violation(schema, media["example"]).value_or("") == "");
    ++examples;
  });
  CHECK(examples > 20);
}
