#include "actors/providers/circuit_breaker.hpp"
#include "actors/providers/transport.hpp"
#include "tests/actors/provider_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace std::chrono_literals;
using failure_kind = completion_failure::kind;

namespace {

/// A transport that the test plays.
class scripted_transport : public transport {
public:
  struct started {
    transfer_request request;
    std::shared_ptr<transfer_listener> listener;
    bool cancelled = false;
    int resumed = 0;
  };

  transfer start(transfer_request request, std::shared_ptr<transfer_listener> listener) override {
    transfers.push_back({std::move(request), std::move(listener)});
    return transfers.size() - 1;
  }
  void resume(transfer t) override { ++transfers[t].resumed; }
  void cancel(transfer t) override { transfers[t].cancelled = true; }

  std::vector<started> transfers;
};

struct http_fixture : provider_fixture {
  explicit http_fixture(int max_concurrency = 10,
                        provider_config::kind type = provider_config::kind::openai) {
    settings.type = type;
    settings.base_url = "http://llm.example.com:8099/v1/";
    settings.api_key = "topsecret";
    settings.timeout = 5s;
    settings.max_concurrency = max_concurrency;
    provider = keep(spawn_http_provider(system, settings, wire));
  }

  void ask(std::uint64_t call, bool stream = false, std::uint32_t credit = 100,
           std::chrono::milliseconds deadline = 60s) {
    auto request = std::make_shared<completion_request>(user_says("12345678", stream));
    caf::anon_send(provider, provider_call{call, request, listener, deadline, credit});
    run();
  }
  void grant(std::uint64_t call, std::uint32_t more) {
    caf::anon_send(provider, provider_credit{listener.address(), call, more});
    run();
  }
  void cancel(std::uint64_t call) {
    caf::anon_send(provider, provider_cancel{listener.address(), call});
    run();
  }

  // -- what the upstream does -------------------------------------------------

  void head(std::size_t transfer, int status = 200, const char* type = "application/json") {
    wire->transfers[transfer].listener->on_head(status, {{"content-type", type}});
  }
  bool data(std::size_t transfer, std::string_view bytes) {
    const bool go_on = wire->transfers[transfer].listener->on_data(bytes);
    run();
    return go_on;
  }
  void end(std::size_t transfer, transfer_end::kind kind = transfer_end::kind::complete) {
    wire->transfers[transfer].listener->on_end({kind});
    run();
  }
  void answer(std::size_t transfer, std::string_view text = "hi") {
    head(transfer);
    data(transfer, json{{"choices", {{{"message", {{"content", text}}}}}}}.dump());
    end(transfer);
  }

  provider_config settings;
  std::shared_ptr<scripted_transport> wire = std::make_shared<scripted_transport>();
  heard got;
  completion_listener listener = listen(got);
  provider_actor provider;
};

std::string delta(const std::string& text) {
  return "data: " + json{{"choices", {{{"delta", {{"content", text}}}}}}}.dump() + "\n\n";
}
const std::string stops =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

} // namespace

TEST_CASE("a call goes to the upstream with key, time-outs and body") {
  http_fixture fixture;
  fixture.ask(1, true, 1, 30s);
  REQUIRE(fixture.wire->transfers.size() == 1);
  const auto& request = fixture.wire->transfers[0].request;
  CHECK(request.url == "http://llm.example.com:8099/v1/chat/completions");
  CHECK(request.deadline == 30s);
  CHECK(request.silence_max == 5s);
  CHECK(json::parse(request.body)["stream"] == true);
  const std::pair<std::string, std::string> key{"Authorization", "Bearer topsecret"};
  CHECK(std::count(request.headers.begin(), request.headers.end(), key) == 1);
}

TEST_CASE("the type of a provider decides how it is asked and understood") {
  http_fixture fixture(10, provider_config::kind::anthropic);
  fixture.ask(1, true);
  REQUIRE(fixture.wire->transfers.size() == 1);
  const auto& request = fixture.wire->transfers[0].request;
  CHECK(request.url == "http://llm.example.com:8099/v1/messages");
  const std::pair<std::string, std::string> key{"x-api-key", "topsecret"};
  CHECK(std::count(request.headers.begin(), request.headers.end(), key) == 1);
  CHECK(json::parse(request.body)["max_tokens"] == 4096);
  fixture.head(0);
  fixture.data(0, R"({"content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"})");
  fixture.end(0);
  CHECK(fixture.got.text() == "Hello");
  CHECK(fixture.got.done.size() == 1);
}

TEST_CASE("a plain answer ends the call") {
  http_fixture fixture;
  fixture.ask(7);
  fixture.answer(0, "Hello");
  REQUIRE(fixture.got.done.size() == 1);
  CHECK(fixture.got.done[0].call == 7);
  CHECK(fixture.got.done[0].value.content == "Hello");
  CHECK(fixture.got.done[0].value.tokens == 2 + 2);
  CHECK(fixture.got.deltas.empty());
}

TEST_CASE("a stream goes on as long as there is credit, and on with more") {
  http_fixture fixture;
  fixture.ask(1, true, 2);
  fixture.head(0, 200, "text/event-stream");
  CHECK(fixture.data(0, delta("a") + delta("b")));
  CHECK_FALSE(fixture.data(0, delta("c")));
  CHECK(fixture.got.deltas.size() == 2);
  CHECK(fixture.wire->transfers[0].resumed == 0);
  fixture.grant(1, 1);
  CHECK(fixture.wire->transfers[0].resumed == 1);
  fixture.data(0, delta("d") + stops);
  CHECK(fixture.got.text() == "abcd");
  REQUIRE(fixture.got.done.size() == 1);
  CHECK(fixture.got.done[0].value.content == "abcd");
  fixture.end(0);
  CHECK(fixture.got.ends() == 1);
}

TEST_CASE("text that comes without credit is held back until there is some") {
  http_fixture fixture;
  fixture.ask(1, true, 0);
  fixture.head(0, 200, "text/event-stream");
  CHECK_FALSE(fixture.data(0, delta("a")));
  CHECK_FALSE(fixture.data(0, delta("b")));
  CHECK(fixture.got.deltas.empty());
  fixture.grant(1, 2);
  CHECK(fixture.got.text() == "ab");
  CHECK(fixture.data(0, ": ping\n"));
  CHECK_FALSE(fixture.data(0, delta("c")));
  CHECK(fixture.got.text() == "abc");
}

TEST_CASE("the end of an answer does not wait for credit") {
  http_fixture fixture;
  fixture.ask(1, true, 0);
  fixture.head(0, 200, "text/event-stream");
  fixture.data(0, delta("a") + stops);
  fixture.end(0);
  CHECK(fixture.got.text() == "a");
  CHECK(fixture.got.done.size() == 1);
}

TEST_CASE("a plain answer to a stream is one delta and the end") {
  http_fixture fixture;
  fixture.ask(1, true);
  fixture.answer(0, "all of it");
  CHECK(fixture.got.deltas.size() == 1);
  CHECK(fixture.got.text() == "all of it");
  CHECK(fixture.got.done.size() == 1);
}

TEST_CASE("an answer that breaks off ends the call at once and drops the transfer") {
  http_fixture fixture;
  fixture.ask(1, true);
  fixture.head(0, 200, "text/event-stream");
  fixture.data(0, "data: nonsense\n\n");
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].why.what == failure_kind::invalid);
  CHECK(fixture.wire->transfers[0].cancelled);
  fixture.end(0, transfer_end::kind::cancelled);
  CHECK(fixture.got.ends() == 1);
}

TEST_CASE("a running call is cancelled once, with what was consumed") {
  http_fixture fixture;
  fixture.ask(1, true);
  fixture.head(0, 200, "text/event-stream");
  fixture.data(0, delta("12345"));
  fixture.cancel(1);
  CHECK(fixture.wire->transfers[0].cancelled);
  CHECK(fixture.got.ends() == 0);
  fixture.end(0, transfer_end::kind::cancelled);
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].why.what == failure_kind::cancelled);
  CHECK(fixture.got.failed[0].why.tokens == 2 + 2);
  fixture.cancel(1);
  CHECK(fixture.got.ends() == 1);
}

TEST_CASE("calls over the concurrency limit wait in order") {
  http_fixture fixture(1);
  fixture.ask(1);
  fixture.ask(2);
  fixture.ask(3);
  CHECK(fixture.wire->transfers.size() == 1);
  fixture.answer(0);
  CHECK(fixture.wire->transfers.size() == 2);
  fixture.answer(1);
  fixture.answer(2);
  REQUIRE(fixture.got.done.size() == 3);
  CHECK(fixture.got.done[1].call == 2);
  CHECK(fixture.got.done[2].call == 3);
}

TEST_CASE("a waiting call can be cancelled, run out of time, or gain credit") {
  http_fixture fixture(1);
  fixture.ask(1);
  fixture.ask(2);
  fixture.ask(3, false, 0, 100ms);
  fixture.ask(4, true, 0, 1s);
  fixture.cancel(2);
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].call == 2);
  CHECK(fixture.got.failed[0].why.tokens == 0);
  fixture.pass(100ms);
  REQUIRE(fixture.got.failed.size() == 2);
  CHECK(fixture.got.failed[1].call == 3);
  CHECK(fixture.got.failed[1].why.what == failure_kind::timeout);
  fixture.grant(4, 5);
  fixture.answer(0);
  REQUIRE(fixture.wire->transfers.size() == 2);
  CHECK(fixture.wire->transfers[1].request.deadline == 900ms);
  fixture.head(1, 200, "text/event-stream");
  CHECK(fixture.data(1, delta("a")));
}

TEST_CASE("a full queue is busy") {
  http_fixture fixture(1);
  for (std::uint64_t call = 0; call < 1026; ++call)
    fixture.ask(call);
  REQUIRE(fixture.got.failed.size() == 1);
  CHECK(fixture.got.failed[0].call == 1025);
  CHECK(fixture.got.failed[0].why.what == failure_kind::busy);
  CHECK(fixture.got.failed[0].why.retry_after);
  CHECK(fixture.got.failed[0].why.retriable());
}

TEST_CASE("the calls of a listener that died are dropped, the others go on") {
  http_fixture fixture(2);
  heard other;
  auto dying = fixture.listen(other);
  auto request = std::make_shared<const completion_request>(user_says("x"));
  for (std::uint64_t call = 1; call <= 3; ++call)
    caf::anon_send(fixture.provider, provider_call{call, request, dying, 10s, 0});
  fixture.run();
  fixture.ask(1);
  caf::anon_send_exit(dying, caf::exit_reason::user_shutdown);
  fixture.run();
  CHECK(fixture.wire->transfers[0].cancelled);
  CHECK(fixture.wire->transfers[1].cancelled);
  fixture.end(0, transfer_end::kind::cancelled);
  REQUIRE(fixture.wire->transfers.size() == 3);
  fixture.answer(2);
  CHECK(fixture.got.done.size() == 1);
}

TEST_CASE("an upstream that keeps failing is given a pause, then a probe") {
  http_fixture fixture;
  const auto failures_max = static_cast<std::size_t>(circuit_limits{}.failures_max);
  for (std::size_t n = 0; n < failures_max; ++n) {
    fixture.ask(n);
    fixture.end(n, transfer_end::kind::connect_failed);
  }
  CHECK(fixture.got.failed.back().why.what == failure_kind::connect);
  fixture.ask(100);
  CHECK(fixture.got.failed.back().why.what == failure_kind::busy);
  CHECK(fixture.got.failed.back().why.retry_after == circuit_limits{}.pause);
  fixture.pass(circuit_limits{}.pause);
  fixture.ask(101);
  CHECK(fixture.wire->transfers.size() == failures_max + 1);
  fixture.ask(102);
  CHECK(fixture.wire->transfers.size() == failures_max + 1);
  fixture.answer(failures_max);
  fixture.ask(103);
  CHECK(fixture.wire->transfers.size() == failures_max + 2);
}

TEST_CASE("the end of the provider ends its calls") {
  http_fixture fixture(1);
  fixture.ask(1);
  fixture.ask(2);
  caf::anon_send_exit(fixture.provider, caf::exit_reason::user_shutdown);
  fixture.run();
  CHECK(fixture.wire->transfers[0].cancelled);
  fixture.end(0, transfer_end::kind::cancelled);
  CHECK(fixture.got.failed.size() == 2);
}

// -- the circuit breaker by itself --------------------------------------------

namespace {

struct breaker_fixture {
  circuit_breaker breaker{{3, 10s, 1s, 4s}};
  circuit_breaker::time_point now{1h};

  void fail(int times) {
    for (int i = 0; i < times; ++i)
      breaker.failed(now);
  }
};

} // namespace

TEST_CASE("only failures in a row and close together open the circuit") {
  breaker_fixture f;
  f.fail(2);
  f.breaker.succeeded();
  f.fail(2);
  CHECK(f.breaker.admit(f.now));
  f.now += 11s;
  f.fail(2);
  CHECK(f.breaker.admit(f.now));
  f.fail(1);
  CHECK_FALSE(f.breaker.admit(f.now));
  CHECK(f.breaker.retry_after(f.now) == 1s);
}

TEST_CASE(
    "a probe that fails doubles the pause up to its bound, one that succeeds closes the circuit") {
  breaker_fixture f;
  f.fail(3);
  for (auto pause : {1s, 2s, 4s, 4s}) {
    f.now += pause - 1ms;
    CHECK_FALSE(f.breaker.admit(f.now));
    f.now += 1ms;
    CHECK(f.breaker.admit(f.now));
    CHECK_FALSE(f.breaker.admit(f.now));
    f.breaker.failed(f.now);
  }
  f.now += 4s;
  CHECK(f.breaker.admit(f.now));
  f.breaker.succeeded();
  CHECK(f.breaker.admit(f.now));
  CHECK(f.breaker.admit(f.now));
  f.fail(3);
  CHECK(f.breaker.retry_after(f.now) == 1s);
}

TEST_CASE("a probe without a verdict makes room for another") {
  breaker_fixture f;
  f.fail(3);
  f.now += 1s;
  CHECK(f.breaker.admit(f.now));
  f.breaker.abandoned();
  CHECK(f.breaker.admit(f.now));
}
