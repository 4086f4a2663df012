#include "actors/json_schema.hpp"
#include "actors/providers/schema_instance.hpp"
#include "actors/providers/simulated_answer.hpp"
#include "tests/actors/provider_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace std::chrono_literals;

namespace {

struct simulated_fixture : provider_fixture {
  provider_actor start(std::chrono::milliseconds latency = 0ms, double tokens_per_second = 0,
                       double failure_rate = 0) {
    provider_config settings;
    settings.latency = latency;
    settings.tokens_per_second = tokens_per_second;
    settings.failure_rate = failure_rate;
    return provider = keep(spawn_simulated_provider(system, settings));
  }

  void ask(completion_request request, std::uint64_t call = 1, std::uint32_t credit = 100,
           std::chrono::milliseconds deadline = 60s) {
    caf::anon_send(provider, provider_call{call, std::make_shared<completion_request>(request),
                                           listener, deadline, credit});
    run();
  }
  void grant(std::uint32_t more, std::uint64_t call = 1) {
    caf::anon_send(provider, provider_credit{listener.address(), call, more});
    run();
  }
  void cancel(std::uint64_t call = 1) {
    caf::anon_send(provider, provider_cancel{listener.address(), call});
    run();
  }

  heard got;
  completion_listener listener = listen(got);
  provider_actor provider;
};

} // namespace

TEST_CASE(
    "the simulated provider repeats the last user message and counts four characters a token") {
  simulated_fixture fixture;
  fixture.start();
  auto request = user_says("first");
  request.messages.push_back({chat_message::role::assistant, "yes?", {}, {}});
  request.messages.push_back({chat_message::role::user, "h\xC3\xA4llo", {}, {}});
  fixture.ask(request);
  REQUIRE(fixture.got.done.size() == 1);
  const auto& answer = fixture.got.done[0].value;
  CHECK(answer.content == "[simulated] h\xC3\xA4llo");
  CHECK(answer.finish == finish_reason::stop);
  CHECK(answer.tokens == (5 + 4 + 5 + 3) / 4 + (17 + 3) / 4);
  CHECK(fixture.got.deltas.empty());
}

TEST_CASE("without latency and rate a stream is one delta and its end, in the same turn") {
  simulated_fixture fixture;
  fixture.start();
  fixture.ask(user_says("hi", true), 7);
  REQUIRE(fixture.got.deltas.size() == 1);
  CHECK(fixture.got.deltas[0].call == 7);
  CHECK(fixture.got.text() == "[simulated] hi");
  REQUIRE(fixture.got.done.size() == 1);
  CHECK(fixture.got.done[0].value.content == "[simulated] hi");
  CHECK_FALSE(fixture.scheduler.has_pending_timeout());
}

TEST_CASE("the first token comes after the latency and the others at the rate") {
  simulated_fixture fixture;
  fixture.start(100ms, 50);
  fixture.ask(
      user_says("\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80 end", true));
  fixture.pass(99ms);
  CHECK(fixture.got.deltas.empty());
  fixture.pass(1ms);
  CHECK(fixture.got.text() == "[sim");
  fixture.pass(60ms);
  CHECK(fixture.got.deltas.size() == 4);
  CHECK(fixture.got.deltas[3].text ==
        "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80");
  CHECK(fixture.got.ends() == 0);
  fixture.pass(20ms);
  CHECK(fixture.got.text() ==
        "[simulated] \xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80 end");
  CHECK(fixture.got.done.size() == 1);
}

TEST_CASE("a plain answer comes when its last token would have been said") {
  simulated_fixture fixture;
  fixture.start(100ms, 10);
  fixture.ask(user_says("1234"));
  fixture.pass(399ms);
  CHECK(fixture.got.ends() == 0);
  fixture.pass(1ms);
  CHECK(fixture.got.done.size() == 1);
}

TEST_CASE("a stream that is late catches up with a larger delta") {
  simulated_fixture fixture;
  fixture.start(0ms, 100);
  fixture.ask(user_says(std::string(100, 'x'), true));
  CHECK(fixture.got.text() == "[sim");
  fixture.pass(100ms, 100ms);
  CHECK(fixture.got.deltas.size() == 2);
  CHECK(fixture.got.text().size() == 44);
}

TEST_CASE("a stream without credit waits for it") {
  simulated_fixture fixture;
  SECTION("at a rate") {
    fixture.start(0ms, 100);
    fixture.ask(user_says("12345678", true), 1, 2);
    fixture.pass(1s);
    CHECK(fixture.got.deltas.size() == 2);
    CHECK(fixture.got.ends() == 0);
    fixture.grant(1);
    CHECK(fixture.got.text() == "[simulated] 12345678");
    CHECK(fixture.got.done.size() == 1);
  }
  SECTION("at once") {
    fixture.start();
    fixture.ask(user_says("1234", true), 1, 0);
    CHECK(fixture.got.deltas.empty());
    CHECK(fixture.got.ends() == 0);
    fixture.grant(1);
    CHECK(fixture.got.deltas.size() == 1);
    CHECK(fixture.got.done.size() == 1);
  }
}

TEST_CASE("a cancelled call ends with what was said so far, and only once") {
  simulated_fixture fixture;
  fixture.start(0ms, 10);
  fixture.ask(user_says("12345678", true));
  fixture.pass(100ms, 100ms);
  fixture.cancel();
  fixture.cancel();
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].why.what == completion_failure::kind::cancelled);
  CHECK(fixture.got.failed[0].why.tokens == 2 + 2);
  fixture.pass(10s, 1s);
  CHECK(fixture.got.ends() == 1);
}

TEST_CASE("the deadline ends a call as a time-out") {
  simulated_fixture fixture;
  fixture.start(500ms, 0);
  fixture.ask(user_says("1234"), 1, 0, 200ms);
  fixture.pass(199ms);
  CHECK(fixture.got.ends() == 0);
  fixture.pass(1ms);
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].why.what == completion_failure::kind::timeout);
  CHECK_FALSE(fixture.got.failed[0].why.retriable());
}

TEST_CASE("the failure rate is met, the same way every time") {
  CHECK_FALSE(simulated_failure(3, 0));
  CHECK(simulated_failure(3, 1));
  int failures = 0;
  for (std::uint64_t n = 0; n < 10000; ++n)
    failures += simulated_failure(n, 0.25);
  CHECK(failures > 2300);
  CHECK(failures < 2700);

  simulated_fixture fixture;
  fixture.start(0ms, 0, 1);
  fixture.ask(user_says("x"));
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].why.what == completion_failure::kind::injected);
  CHECK(fixture.got.failed[0].why.message == "The simulated provider failed as configured");
  CHECK(fixture.got.failed[0].why.retriable());
}

TEST_CASE("max_tokens cuts the simulated answer with finish length") {
  auto request = user_says("\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4 more");
  request.max_tokens = 4;
  const auto answer = simulated_completion(request);
  CHECK(answer.content == "[simulated] \xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4");
  CHECK(answer.finish == finish_reason::length);
  CHECK(answer.tokens == 3 + 4);
}

TEST_CASE("calls of a listener that died are forgotten") {
  simulated_fixture fixture;
  fixture.start(100ms);
  heard other;
  auto dying = fixture.listen(other);
  auto request = std::make_shared<const completion_request>(user_says("x"));
  for (std::uint64_t call = 1; call <= 3; ++call)
    caf::anon_send(fixture.provider, provider_call{call, request, dying, 1s, 0});
  fixture.run();
  CHECK(request.use_count() == 4);
  caf::anon_send_exit(dying, caf::exit_reason::user_shutdown);
  fixture.run();
  CHECK(request.use_count() == 1);
}

TEST_CASE("the tokens due at a time agree with the times at which tokens are due") {
  for (double rate : {0.3, 3.0, 7.0, 33.3, 1000.0, 999999.0}) {
    token_pace pace(5ms, rate);
    for (std::int64_t index = 0; index < 500; ++index) {
      CHECK(pace.tokens_by(pace.due(index), 1000) >= index + 1);
      CHECK(pace.tokens_by(pace.due(index) - 1ns, 1000) <= index);
    }
  }
}

TEST_CASE("an instance of a schema satisfies it") {
  const char* schemas[] = {
      R"({"type":"object","properties":{"a":{"type":"string","minLength":20},"b":{"type":"integer","minimum":3},
          "c":{"enum":["x","y"]},"d":{"const":{"k":1}},"e":{"type":"array","minItems":2,"items":{"type":"boolean"}}},
          "required":["a","b","c","d","e"]})",
      R"({"type":"object","required":["risk_score","risk_level"],"properties":{
          "risk_score":{"type":"number","minimum":0.1,"maximum":0.2},"risk_level":{"type":"string","maxLength":3}}})",
      R"({"anyOf":[{"type":"null"},{"type":"string"}]})",
      R"({"allOf":[{"required":["a"],"properties":{"a":{"type":"integer","exclusiveMaximum":-5}}},
          {"required":["b"],"properties":{"b":{"type":["string","null"]}}}],"type":"object"})",
      R"({"$defs":{"p":{"type":"object","required":["x"],"properties":{"x":{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.25}}}},
          "$ref":"#/$defs/p"})",
      R"({"type":"integer","multipleOf":7,"minimum":10})",
      "{}",
  };
  for (const char* text : schemas) {
    INFO(text);
    const auto schema = json::parse(text);
    const auto value = schema_instance(schema);
    INFO(value.dump());
    CHECK_FALSE(schema_violation(schema, value));
  }
}

TEST_CASE("a schema that goes in circles or multiplies ends in a small instance") {
  auto loop = json::parse(R"({"$ref":"#"})");
  CHECK(schema_instance(loop).is_object());
  auto many = json::parse(
      R"({"type":"array","minItems":1000000,"items":{"type":"array","minItems":1000000}})");
  CHECK(schema_instance(many).dump().size() < 100000);
}

TEST_CASE("with a response schema the simulated answer is an instance of it") {
  auto request = user_says("x");
  request.response_schema =
      json::parse(R"({"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}})");
  CHECK(simulated_completion(request).content == R"({"n":0})");
}
