#include "http/api_parse.hpp"
#include "tests/catch.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace ares;
using namespace ares::http;

namespace {

constexpr auto some_id = "018f9a3e-7c21-7b4d-8e5f-2a6c9d1b3e70";

result<api_call> parse(const std::string& method, const std::string& target, std::string body = {},
                       std::vector<header> headers = {}) {
  request r;
  r.method = method;
  r.path = target.substr(0, target.find('?'));
  r.query = target.find('?') == std::string::npos ? "" : target.substr(target.find('?') + 1);
  r.headers = std::move(headers);
  r.body = std::move(body);
  const auto m = find_route(r.method, r.path);
  REQUIRE(m.found);
  return parse_api_call(r, m);
}

template <class Call>
Call parsed(const std::string& method, const std::string& target, std::string body = {},
            std::vector<header> headers = {}) {
  auto call = parse(method, target, std::move(body), std::move(headers));
  INFO((call ? "" : call.failure().message));
  REQUIRE(call);
  REQUIRE(std::holds_alternative<Call>(*call));
  return std::get<Call>(*call);
}

start_run run(std::string body, std::vector<header> headers = {}) {
  return parsed<start_run>("POST", "/v1/agents/a/run", std::move(body), std::move(headers));
}

void check_refused(const result<api_call>& call, errc code, const std::string& message) {
  REQUIRE_FALSE(call);
  CHECK(call.failure().code == code);
  CHECK(call.failure().message == message);
}

/// Both the field by its path and the complaint.
void check_invalid(const std::string& target, const std::string& body, const std::string& message) {
  INFO(target << ' ' << body);
  check_refused(parse("POST", target, body), errc::invalid_request, message);
}

} // namespace

// -- any body -----------------------------------------------------------------

TEST_CASE("a body's media type is JSON, with any parameter, or not given") {
  const std::string body = R"({"name":"k"})";
  for (const auto* type : {"application/json", "Application/JSON",
                           "application/json; charset=utf-8", " application/json ;x"}) {
    INFO(type);
    CHECK(parse("POST", "/v1/api-keys", body, {{"content-type", type}}));
  }
  CHECK(parse("POST", "/v1/api-keys", body));
  for (const auto* type :
       {"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", "json"}) {
    INFO(type);
    check_refused(parse("POST", "/v1/api-keys", body, {{"Content-Type", type}}),
                  errc::unsupported_media_type, "The Content-Type must be application/json");
  }
  CHECK_FALSE(parse("POST", "/v1/api-keys", body,
                    {{"Content-Type", "application/json"}, {"Content-Type", "text/plain"}}));
}

TEST_CASE("the media type counts where no body is read, and before all else that is wrong") {
  const std::vector<header> text{{"Content-Type", "text/plain"}};
  const auto cancel = parse("POST", std::string("/v1/runs/") + some_id + "/cancel", "", text);
  REQUIRE_FALSE(cancel);
  CHECK(cancel.failure().code == errc::unsupported_media_type);
  const auto twice = parse("POST", "/v1/chat?a=1&a=2", "{", text);
  REQUIRE_FALSE(twice);
  CHECK(twice.failure().code == errc::unsupported_media_type);
  CHECK(parse("GET", "/v1/usage", "", text));
}

TEST_CASE("a body is one JSON object") {
  for (const auto* body : {"", "{", "{}{}", "{\"input\":{},\"input\":{}}", "\xEF\xBB\xBF{}",
                           "{\"a\":\"\\ud800\"}", "{\"a\":\"\xFF\"}"}) {
    INFO(body);
    const auto call = parse("POST", "/v1/chat", body);
    REQUIRE_FALSE(call);
    CHECK(call.failure().code == errc::invalid_json);
  }
  for (const auto* body : {"[]", "null", "1", "\"x\""})
    check_invalid("/v1/chat", body, "The body must be a JSON object");
}

// -- run ----------------------------------------------------------------------

TEST_CASE("a run has the agent's name, the input as it was sent, and a message for the model") {
  const auto r = run(
      R"({ "input" : { "message" : "Evaluate", "context" : { "amount": 15000.00, "b": [1, 2] } } })");
  CHECK(r.agent == "a");
  CHECK(r.input_json == R"({"message":"Evaluate","context":{"amount":15000.00,"b":[1,2]}})");
  CHECK(r.user_message == "Evaluate\n\nContext:\n{\"amount\":15000.00,\"b\":[1,2]}");
  CHECK(r.idempotency_key.empty());
  CHECK_FALSE(r.respond_async);
}

TEST_CASE("without a context the model gets the bare message") {
  CHECK(run(R"({"input":{"message":"\u0041 \"b\"\n"}})").user_message == "A \"b\"\n");
}

TEST_CASE("a context may be any JSON") {
  CHECK(run(R"({"input":{"message":"m","context":[1]}})").user_message == "m\n\nContext:\n[1]");
  CHECK(run(R"({"input":{"message":"m","context":"c"}})").user_message == "m\n\nContext:\n\"c\"");
  CHECK(run(R"({"input":{"context":false,"message":"m"}})").user_message == "m\n\nContext:\nfalse");
}

TEST_CASE("further fields of the input are kept and passed on as context") {
  const auto r = run(R"({"input":{"z":1,"message":"m","context":{"b":2},"a":"x"}})");
  CHECK(r.input_json == R"({"z":1,"message":"m","context":{"b":2},"a":"x"})");
  CHECK(r.user_message == "m\n\nContext:\n{\"z\":1,\"context\":{\"b\":2},\"a\":\"x\"}");
  CHECK(run(R"({"input":{"message":"m","priority":1}})").user_message ==
        "m\n\nContext:\n{\"priority\":1}");
}

TEST_CASE("names that are written with escapes are the same names") {
  const auto r = run(R"({"\u0069nput":{"m\u0065ssage":"m","c\u006fntext":7}})");
  CHECK(r.user_message == "m\n\nContext:\n7");
  CHECK(r.input_json == R"({"m\u0065ssage":"m","c\u006fntext":7})");
}

TEST_CASE("unknown fields of a body are ignored") {
  CHECK(run(R"({"x":{"input":1},"input":{"message":"m"},"y":null})").input_json ==
        R"({"message":"m"})");
}

TEST_CASE("what is wrong with a run's body is told by the field's path") {
  const auto* target = "/v1/agents/a/run";
  check_invalid(target, "{}", "input is missing");
  check_invalid(target, R"({"input":null})", "input must be an object");
  check_invalid(target, R"({"input":"m"})", "input must be an object");
  check_invalid(target, R"({"input":{}})", "input.message is missing");
  check_invalid(target, R"({"input":{"context":1}})", "input.message is missing");
  check_invalid(target, R"({"input":{"message":1}})", "input.message must be a non-empty string");
  check_invalid(target, R"({"input":{"message":null}})",
                "input.message must be a non-empty string");
  check_invalid(target, R"({"input":{"message":""}})", "input.message must be a non-empty string");
}

TEST_CASE("an idempotency key comes with the hash of the body, byte for byte") {
  const std::string body = R"({"input":{"message":"m"}})";
  const auto r = run(body, {{"idempotency-key", "k-1"}});
  CHECK(r.idempotency_key == "k-1");
  CHECK(r.body_hash == run(body, {{"Idempotency-Key", "other"}}).body_hash);
  CHECK(r.body_hash != run(body + " ", {{"Idempotency-Key", "k-1"}}).body_hash);
  CHECK(run(body, {{"Idempotency-Key", std::string(255, '~')}}).idempotency_key.size() == 255);
}

TEST_CASE("an idempotency key of another form is refused") {
  const std::string body = R"({"input":{"message":"m"}})";
  const std::vector<std::vector<header>> wrong{
      {{"Idempotency-Key", ""}},     {{"Idempotency-Key", std::string(256, 'k')}},
      {{"Idempotency-Key", "a b"}},  {{"Idempotency-Key", "caf\xC3\xA9"}},
      {{"Idempotency-Key", "\x7F"}}, {{"Idempotency-Key", "k"}, {"Idempotency-Key", "k"}}};
  for (const auto& headers : wrong) {
    INFO(headers[0].value);
    check_refused(parse("POST", "/v1/agents/a/run", body, headers), errc::invalid_request,
                  "The Idempotency-Key must be 1 to 255 visible ASCII characters, given once");
  }
}

TEST_CASE("respond-async is found among other preferences") {
  const std::string body = R"({"input":{"message":"m"}})";
  for (const auto* value : {"respond-async", "Respond-Async", "return=minimal, respond-async",
                            "respond-async;x=1, wait=10", ",, respond-async ,"}) {
    INFO(value);
    CHECK(run(body, {{"prefer", value}}).respond_async);
  }
  CHECK(run(body, {{"Prefer", "wait=5"}, {"Prefer", "respond-async"}}).respond_async);
  for (const auto* value : {"", "respond", "respond-asynchronously", "wait=respond-async"}) {
    INFO(value);
    CHECK_FALSE(run(body, {{"Prefer", value}}).respond_async);
  }
}

// -- chat ---------------------------------------------------------------------

TEST_CASE("a chat has its messages in order, and what it names") {
  const std::string body =
      R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":""},
      {"role":"assistant","content":"a"},{"role":"tool","content":"t","tool_call_id":"c1"}],
      "model":"llama-3.3-70b","agent_type":"analyst","other":1})";
  const auto c = parsed<start_chat>("POST", "/v1/chat", body);
  REQUIRE(c.messages.size() == 4);
  CHECK(c.messages[0].from == chat_message::role::system);
  CHECK(c.messages[1].from == chat_message::role::user);
  CHECK(c.messages[2].from == chat_message::role::assistant);
  CHECK(c.messages[3].from == chat_message::role::tool);
  CHECK(c.messages[3].content == "t");
  CHECK(c.messages[3].tool_call_id == "c1");
  CHECK(c.model == "llama-3.3-70b");
  CHECK(c.agent_type == "analyst");
  CHECK_FALSE(c.stream);
  CHECK(parsed<start_chat>("POST", "/v1/chat/stream", body).stream);
}

TEST_CASE("a chat need not name a model or an agent type; null is none") {
  const std::string messages = R"("messages":[{"role":"user","content":"u"}])";
  CHECK(parsed<start_chat>("POST", "/v1/chat", "{" + messages + "}").model.empty());
  const auto c = parsed<start_chat>("POST", "/v1/chat",
                                    "{" + messages + R"(,"model":null,"agent_type":null})");
  CHECK(c.model.empty());
  CHECK(c.agent_type.empty());
  check_invalid("/v1/chat", "{" + messages + R"(,"model":""})", "model must be a non-empty string");
  check_invalid("/v1/chat", "{" + messages + R"(,"model":1})", "model must be a non-empty string");
  check_invalid("/v1/chat", "{" + messages + R"(,"agent_type":[]})",
                "agent_type must be a non-empty string");
}

TEST_CASE("what is wrong with a chat's body is told by the field's path") {
  for (const auto* target : {"/v1/chat", "/v1/chat/stream"}) {
    check_invalid(target, "{}", "messages is missing");
    check_invalid(target, R"({"messages":[]})", "messages must be a non-empty array");
    check_invalid(target, R"({"messages":{"role":"user"}})", "messages must be a non-empty array");
    check_invalid(target, R"({"messages":["hi"]})", "messages[0] must be an object");
    check_invalid(target, R"({"messages":[{"content":"x"}]})", "messages[0].role is missing");
    check_invalid(target, R"({"messages":[{"role":"user"}]})", "messages[0].content is missing");
    check_invalid(target, R"({"messages":[{"role":"user","content":null}]})",
                  "messages[0].content must be a string");
    check_invalid(target,
                  R"({"messages":[{"role":"user","content":"x"},{"role":"User","content":"x"}]})",
                  "messages[1].role must be one of system, user, assistant, tool");
    check_invalid(target, R"({"messages":[{"role":1,"content":"x"}]})",
                  "messages[0].role must be one of system, user, assistant, tool");
    check_invalid(target, R"({"messages":[{"role":"system","content":"x"}]})",
                  "messages must have at least one message of role user");
  }
}

// -- keys ---------------------------------------------------------------------

TEST_CASE("a key has a name, and days if it expires") {
  const auto k = parsed<create_key>("POST", "/v1/api-keys",
                                    R"({"name":"mobile-app-key","expires_in_days":365})");
  CHECK(k.name == "mobile-app-key");
  CHECK(k.expires_in_days == 365);
  CHECK_FALSE(parsed<create_key>("POST", "/v1/api-keys", R"({"name":"k"})").expires_in_days);
  CHECK_FALSE(parsed<create_key>("POST", "/v1/api-keys", R"({"name":"k","expires_in_days":null})")
                  .expires_in_days);
  CHECK(parsed<create_key>("POST", "/v1/api-keys", R"({"name":"k","expires_in_days":1})")
            .expires_in_days == 1);
  CHECK(parsed<create_key>("POST", "/v1/api-keys", R"({"name":"k","expires_in_days":3650})")
            .expires_in_days == 3650);
}

TEST_CASE("a key's name is counted in characters, not in bytes") {
  std::string name;
  for (int i = 0; i < 100; ++i)
    name += "\xC3\xA9";
  CHECK(parsed<create_key>("POST", "/v1/api-keys", "{\"name\":\"" + name + "\"}").name == name);
  check_invalid("/v1/api-keys", "{\"name\":\"" + name + "x\"}",
                "name must have 1 to 100 characters");
}

TEST_CASE("what is wrong with a key's body is told") {
  const auto* target = "/v1/api-keys";
  check_invalid(target, "{}", "name is missing");
  check_invalid(target, R"({"name":null})", "name must be a string");
  check_invalid(target, R"({"name":""})", "name must have 1 to 100 characters");
  for (const auto* days : {"0", "-1", "3651", "1.0", "1e2", "\"365\"", "true",
                           "18446744073709551615", "9223372036854775808"})
    check_invalid(target, std::string(R"({"name":"k","expires_in_days":)") + days + "}",
                  "expires_in_days must be an integer from 1 to 3650");
}

// -- paths and queries --------------------------------------------------------

TEST_CASE("a page has defaults, and a bound on its size") {
  const auto first = parsed<list_agents>("GET", "/v1/agents");
  CHECK(first.which.number == 1);
  CHECK(first.which.size == 20);
  const auto runs =
      parsed<list_runs>("GET", "/v1/agents/risk-analyzer/runs?page=3&per_page=500&other=x");
  CHECK(runs.agent == "risk-analyzer");
  CHECK(runs.which.number == 3);
  CHECK(runs.which.size == 100);
}

TEST_CASE("a page that is no integer of at least 1 is refused") {
  for (const auto* query : {"page=0", "page=-1", "page=", "page=x", "page=1.5", "per_page=0",
                            "per_page=%2B1", "page=1&page=2", "page=%zz"}) {
    INFO(query);
    for (const auto* path : {"/v1/agents?", "/v1/agents/a/runs?"}) {
      const auto call = parse("GET", std::string(path) + query);
      REQUIRE_FALSE(call);
      CHECK(call.failure().code == errc::invalid_request);
    }
  }
}

TEST_CASE("a repeated parameter is refused where none is read, too") {
  check_refused(parse("GET", "/v1/usage?a=1&a=1"), errc::invalid_request,
                "The query parameter a is repeated");
  CHECK(parse("GET", "/v1/usage?a=1&b=1"));
}

TEST_CASE("ids in paths are taken as they are") {
  const std::string path = std::string("/v1/runs/") + some_id;
  CHECK(parsed<show_run>("GET", path).run.text() == some_id);
  CHECK(parsed<show_run>("HEAD", path).run.text() == some_id);
  CHECK(parsed<cancel_run>("POST", path + "/cancel").run.text() == some_id);
  CHECK(parsed<attach_run>("GET", path + "/stream").run.text() == some_id);
  CHECK(parsed<revoke_key>("DELETE", std::string("/v1/api-keys/") + some_id).key.text() == some_id);
  CHECK(parsed<show_agent>("GET", "/v1/agents/risk-analyzer").name == "risk-analyzer");
}

TEST_CASE("what is no id names nothing") {
  for (const auto* segment :
       {"x", "018F9A3E-7C21-7B4D-8E5F-2A6C9D1B3E70", "018f9a3e7c217b4d8e5f2a6c9d1b3e70",
        "018f9a3e-7c21-7b4d-8e5f-2a6c9d1b3e701", "..%2f"}) {
    INFO(segment);
    check_refused(parse("GET", std::string("/v1/runs/") + segment), errc::not_found, "No such run");
    check_refused(parse("POST", std::string("/v1/runs/") + segment + "/cancel"), errc::not_found,
                  "No such run");
    check_refused(parse("DELETE", std::string("/v1/api-keys/") + segment), errc::not_found,
                  "No such API key");
  }
}

TEST_CASE("three endpoints execute") {
  int executing = 0;
  for (const auto& r : routes())
    executing += is_executing(r.where);
  CHECK(executing == 3);
  CHECK(is_executing(endpoint::run_agent));
  CHECK(is_executing(endpoint::chat));
  CHECK(is_executing(endpoint::chat_stream));
}
