#include "http/admin_routes.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::http;

namespace {

const std::string tenant = "/tenants/01890a5d-ac96-774b-bcce-b302099a8057";
const std::string key = "01890a5d-ac96-774b-bcce-b302099a8058";

result<admin_request> parse(std::string_view method, const std::string& path,
                            std::string_view body = {}, std::string_view query = {}) {
  return parse_admin_request({method, path, query, body});
}

template <class Request>
Request parsed(std::string_view method, const std::string& path, std::string_view body = {},
               std::string_view query = {}) {
  auto r = parse(method, path, body, query);
  INFO((r ? "" : r.failure().message));
  REQUIRE(r);
  REQUIRE(std::holds_alternative<Request>(*r));
  return std::get<Request>(*r);
}

std::string complaint(std::string_view method, const std::string& path, std::string_view body = {},
                      std::string_view query = {}) {
  auto r = parse(method, path, body, query);
  REQUIRE_FALSE(r);
  CHECK(r.failure().code == errc::invalid_request);
  return r.failure().message;
}

errc refusal(std::string_view method, const std::string& path, std::string_view body = {}) {
  auto r = parse(method, path, body);
  REQUIRE_FALSE(r);
  return r.failure().code;
}

} // namespace

TEST_CASE("every path of the admin API says which methods it has") {
  CHECK(admin_methods("/tenants") == "GET, HEAD, POST");
  CHECK(admin_methods(tenant) == "GET, HEAD, DELETE");
  CHECK(admin_methods(tenant + "/quota") == "PUT");
  CHECK(admin_methods(tenant + "/agents/a-1") == "GET, HEAD, PUT, DELETE");
  CHECK(admin_methods(tenant + "/api-keys/" + key) == "DELETE");
  CHECK(admin_methods("/audit-log") == "GET, HEAD");
  for (const auto* path : {"", "/", "/tenants/", "/tenants/acme", "/nothing", "tenants", "//"})
    CHECK(admin_methods(path) == "");
  CHECK(admin_methods(tenant + "/agents/No") == "");
  CHECK(admin_methods(tenant + "/agents/a/") == "");
  CHECK(admin_methods(tenant + "/agents/%zz") == "");
  CHECK(admin_methods(tenant + "/agents/%61") == "GET, HEAD, PUT, DELETE");
}

TEST_CASE("an unknown path is not found, a known one with another method not allowed") {
  CHECK(refusal("GET", "/nothing") == errc::not_found);
  CHECK(refusal("PATCH", "/tenants") == errc::method_not_allowed);
  CHECK(refusal("POST", tenant + "/quota", "{}") == errc::method_not_allowed);
  parsed<admin::list_tenants>("HEAD", "/tenants");
}

TEST_CASE("a client is provisioned from four names") {
  auto r = parsed<admin::provision_client>(
      "POST", "/provision-client",
      R"({"name":"Acme","tier":"pro","product_type":"generic","api_key_name":"first"})");
  CHECK(r.name == "Acme");
  CHECK(r.tier == "pro");
  CHECK(r.product_type == "generic");
  CHECK(r.api_key_name == "first");
  CHECK(complaint("POST", "/provision-client", "{}") == "name: is required");
  CHECK(complaint("POST", "/provision-client",
                  R"({"name":"a","tier":"b","product_type":"c","api_key_name":"d","x":1})") ==
        "x: is not a field of this request");
}

TEST_CASE("a tenant's name is printable, trimmed and of bounded length") {
  const auto body = [](const std::string& name) { return R"({"name":")" + name + R"("})"; };
  std::string long_name;
  for (int i = 0; i < 100; ++i)
    long_name += "\xC3\xA9";
  CHECK(parsed<admin::create_tenant>("POST", "/tenants", body(long_name)).name == long_name);
  CHECK(complaint("POST", "/tenants", body(long_name + "x")).starts_with("name: must have 1 to"));
  for (const auto* name : {"", " a", "a ", "a\\u0007", "\\u0080", "a\\nb"})
    CHECK(complaint("POST", "/tenants", body(name)).starts_with("name: "));
  CHECK(complaint("POST", "/tenants", R"({"name":7})") == "name: must be a string");
  CHECK(complaint("POST", "/tenants", "[]") == "The body must be a JSON object");
  CHECK(refusal("POST", "/tenants", "{") == errc::invalid_json);
  CHECK(refusal("POST", "/tenants", "") == errc::invalid_json);
  CHECK(refusal("POST", "/tenants", R"({"name":"a","name":"b"})") == errc::invalid_json);
}

TEST_CASE("a figure is a number, unlimited, the tier's, or left alone") {
  auto r = parsed<admin::change_quota>("PUT", tenant + "/quota",
                                       R"({"tier":"pro","quota_runs":5,"quota_tokens":null})");
  CHECK(r.change.tier == "pro");
  CHECK(*r.change.runs == store::own_figure{true, 5});
  CHECK(*r.change.tokens == store::own_figure{true, std::nullopt});
  CHECK_FALSE(r.change.requests_per_day);
  r = parsed<admin::change_quota>("PUT", tenant + "/quota", R"({"requests_per_day":"tier"})");
  CHECK(*r.change.requests_per_day == store::own_figure{});
  for (const auto* wrong : {"-1", "1.5", "\"many\"", "true", "[]", "9007199254740992",
                            "18446744073709551615", "99999999999999999999"}) {
    INFO(wrong);
    CHECK(complaint("PUT", tenant + "/quota", R"({"quota_runs":)" + std::string(wrong) + "}")
              .starts_with("quota_runs: must be an integer"));
  }
}

TEST_CASE("a key has a name and may expire") {
  auto r = parsed<admin::create_key>("POST", tenant + "/api-keys", R"({"name":"k"})");
  CHECK_FALSE(r.key.expires_in_days);
  r = parsed<admin::create_key>("POST", tenant + "/api-keys",
                                R"({"name":"k","expires_in_days":3650})");
  CHECK(r.key.expires_in_days == 3650);
  for (const auto* wrong : {"0", "3651", "-1", "\"1\"", "1.0"})
    CHECK(complaint("POST", tenant + "/api-keys",
                    R"({"name":"k","expires_in_days":)" + std::string(wrong) + "}") ==
          "expires_in_days: must be an integer from 1 to 3650");
  CHECK(parsed<admin::revoke_key>("DELETE", tenant + "/api-keys/" + key).key.text() == key);
}

TEST_CASE("an agent is checked in form where it is made") {
  const auto path = tenant + "/agents";
  auto r = parsed<admin::create_agent>(
      "POST", path,
      R"({"name":"a","agent_type":"t","status":"disabled","config":{"model":"m","max_tokens":1}})");
  CHECK_FALSE(r.agent.fields.active);
  CHECK(r.agent.fields.config.dump() == R"({"model":"m","max_tokens":1})");
  CHECK(complaint("POST", path, R"({"name":"A","agent_type":"t","config":{"model":"m"}})")
            .starts_with("name: must match"));
  CHECK(complaint("POST", path, R"({"name":"a","agent_type":"t"})") == "config: is required");
  CHECK(complaint("POST", path, R"({"name":"a","agent_type":"t","config":[]})") ==
        "config: must be an object");
  CHECK(complaint("POST", path, R"({"name":"a","agent_type":"t","config":{}})")
            .starts_with("config.model"));
  CHECK(complaint("POST", path,
                  R"({"name":"a","agent_type":"t","config":{"model":"m"},"status":"on"})") ==
        "status: must be active or disabled");
}

TEST_CASE("an agent's update has only what changes") {
  auto r =
      parsed<admin::update_agent>("PUT", tenant + "/agents/a", R"({"config":{"max_tokens":null}})");
  CHECK(r.name == "a");
  CHECK_FALSE(r.agent_type);
  CHECK_FALSE(r.active);
  CHECK(r.config->dump() == R"({"max_tokens":null})");
  CHECK(complaint("PUT", tenant + "/agents/a", R"({"name":"b"})") == "name: cannot be changed");
}

TEST_CASE("a list is read page by page") {
  auto r = parsed<admin::list_tenants>("GET", "/tenants", {}, "limit=7&after=" + key);
  CHECK(r.part.limit == 7);
  CHECK(r.part.after == key);
  CHECK(parsed<admin::list_tenants>("GET", "/tenants").part.limit == 100);
  CHECK(parsed<admin::list_tenants>("GET", "/tenants", {}, "limit=5000").part.limit == 1000);
  CHECK(parsed<admin::list_tenants>("GET", "/tenants", {}, "name=a+b%20c&x=1").name == "a b c");
  for (const auto* wrong : {"limit=0", "limit=-1", "limit=", "limit=x", "limit=1&limit=1",
                            "after=x", "a=%zz", "a=%ff", "limit=%2B1"})
    CHECK_FALSE(complaint("GET", "/tenants", {}, wrong).empty());
  CHECK(parsed<admin::show_daily_usage>("GET", tenant + "/usage/daily", {}, "days=7").days == 7);
  CHECK(parsed<admin::show_daily_usage>("GET", tenant + "/usage/daily").days == 30);
}
