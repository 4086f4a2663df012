#include "conf/json.hpp"
#include "http/response.hpp"
#include "tests/catch.hpp"

#include <optional>
#include <string>

using namespace ares;
using namespace ares::http;

namespace {

/// Of the only header of that name.
std::optional<std::string> value_of(const response& r, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& h : r.headers)
    if (h.name == name) {
      CHECK_FALSE(value);
      value = h.value;
    }
  return value;
}

outcome refused(errc code) {
  return outcome::of(code, "No.");
}

} // namespace

TEST_CASE("every code has its status") {
  CHECK(status_of(errc::malformed_request) == 400);
  CHECK(status_of(errc::unauthorized) == 401);
  CHECK(status_of(errc::not_found) == 404);
  CHECK(status_of(errc::run_ended) == 409);
  CHECK(status_of(errc::unsupported_media_type) == 415);
  CHECK(status_of(errc::idempotency_key_reused) == 422);
  CHECK(status_of(errc::daily_limit) == 429);
  CHECK(status_of(errc::internal) == 500);
  CHECK(status_of(errc::upstream_error) == 502);
  CHECK(status_of(errc::draining) == 503);
  CHECK(status_of(errc::upstream_timeout) == 504);
  // The list of codes ends with version_not_supported: none may be without a status of its own.
  for (int i = 0; i <= static_cast<int>(errc::version_not_supported); ++i) {
    const auto code = static_cast<errc>(i);
    INFO(to_string(code));
    CHECK((status_of(code) != 500 || code == errc::internal));
  }
}

TEST_CASE("what the front refuses with has a code of that status") {
  for (int status : {400, 405, 408, 413, 414, 417, 431, 501, 505}) {
    INFO(status);
    CHECK(status_of(code_of(status)) == status);
  }
  CHECK(code_of(400) == errc::malformed_request);
  CHECK(code_of(418) == errc::malformed_request);
}

TEST_CASE("an error is a sentence, a code and the request's id") {
  const auto r = render(error{errc::invalid_request, "\"a\\b\"\n\xFF is wrong"}, "r-1");
  CHECK(r.status == 400);
  CHECK(value_of(r, "Content-Type") == "application/json");
  CHECK(value_of(r, "X-Request-Id") == "r-1");
  CHECK_FALSE(value_of(r, "WWW-Authenticate"));
  CHECK_FALSE(value_of(r, "Retry-After"));
  const auto body = parse_json(r.body);
  REQUIRE(body);
  CHECK(body->size() == 3);
  CHECK((*body)["error"] == "\"a\\b\"\n\xEF\xBF\xBD is wrong");
  CHECK((*body)["code"] == "invalid_request");
  CHECK((*body)["request_id"] == "r-1");
}

TEST_CASE("a 401 says how to authenticate") {
  CHECK(value_of(render(error{errc::unauthorized, "Invalid API key"}, "r"), "WWW-Authenticate") ==
        "Bearer");
  CHECK(value_of(render(refused(errc::unauthorized), "r"), "WWW-Authenticate") == "Bearer");
}

TEST_CASE("a 429 and a 503 always say when to come back") {
  CHECK(value_of(render(refused(errc::store_unavailable), "r"), "Retry-After") == "1");
  CHECK(value_of(render(refused(errc::rate_limited), "r"), "Retry-After") == "1");
  CHECK_FALSE(value_of(render(refused(errc::upstream_error), "r"), "Retry-After"));
  auto o = refused(errc::daily_limit);
  o.retry_after = std::chrono::seconds(3600);
  const auto tomorrow = render(std::move(o), "r");
  CHECK(value_of(tomorrow, "Retry-After") == "3600");
}

TEST_CASE("a success is 200, 201, 202 or 204") {
  auto o = outcome::of("{}");
  CHECK(render(o, "r").status == 200);
  CHECK(render(o, "r").body == "{}");
  o.how = outcome::success::created;
  CHECK(render(o, "r").status == 201);
  o.how = outcome::success::accepted;
  CHECK(render(o, "r").status == 202);
  CHECK(value_of(render(o, "r"), "Content-Type") == "application/json");
  outcome none;
  none.how = outcome::success::no_content;
  const auto r = render(std::move(none), "r");
  CHECK(r.status == 204);
  CHECK(r.body.empty());
  CHECK_FALSE(value_of(r, "Content-Type"));
  CHECK(value_of(r, "X-Request-Id") == "r");
}

TEST_CASE("location, replay and limits become headers, of errors too") {
  auto o = refused(errc::store_unavailable);
  o.location = "/v1/runs/x";
  o.replayed = true;
  o.limits = limit_state{100, 0, 1'773'446'400'000, 5};
  const auto r = render(std::move(o), "r");
  CHECK(value_of(r, "Location") == "/v1/runs/x");
  CHECK(value_of(r, "Idempotent-Replayed") == "true");
  CHECK(value_of(r, "X-RateLimit-Limit") == "100");
  CHECK(value_of(r, "X-RateLimit-Remaining") == "0");
  CHECK(value_of(r, "X-RateLimit-Reset") == "2026-03-14T00:00:00Z");
  CHECK(value_of(r, "X-Quota-Tokens-Remaining") == "5");
  const auto plain = render(outcome::of("{}"), "r");
  CHECK_FALSE(value_of(plain, "Location"));
  CHECK_FALSE(value_of(plain, "Idempotent-Replayed"));
}

TEST_CASE("unlimited figures have no header") {
  std::vector<header> headers;
  add_limit_headers(headers, limit_state{});
  CHECK(headers.empty());
  add_limit_headers(headers, limit_state{{}, {}, 0, 7});
  REQUIRE(headers.size() == 1);
  CHECK(headers[0].name == "X-Quota-Tokens-Remaining");
}
