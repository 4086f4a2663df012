// Provider, codec and transport against a real llama.cpp server, hidden unless asked for:
//   ARES_LLAMA_URL=http://127.0.0.1:PORT/v1 test_http "[.llama]"
#include "actors/providers/provider.hpp"
#include "actors/tools/tool.hpp"
#include "http/curl_transport.hpp"
#include "tests/catch.hpp"

#include <cstdlib>
#include <future>
#include <iostream>
#include <string>

using namespace ares;
using namespace std::chrono_literals;

namespace {

struct outcome {
  int deltas = 0;
  std::string text;
  std::optional<completion> answer;
  std::optional<completion_failure> failure;
};

struct one_call_state {
  outcome result;
  std::promise<outcome>* promise = nullptr;
};

class llama {
public:
  llama() {
    const char* url = std::getenv("ARES_LLAMA_URL");
    settings.type = provider_config::kind::openai;
    settings.base_url = url ? url : "http://127.0.0.1:8080/v1";
    settings.timeout = 20s;
    provider = spawn_http_provider(system, settings, wire);
  }
  ~llama() { caf::anon_send_exit(provider, caf::exit_reason::user_shutdown); }

  /// The outcome of one call; after `cancel_after` deltas it is cancelled, each delta gives new
  /// credit.
  outcome ask(completion_request request, int cancel_after = 0) {
    std::promise<outcome> promise;
    auto value = promise.get_future();
    auto ask = std::make_shared<completion_request>(std::move(request));
    completion_listener listener =
        system.spawn([&](completion_listener::stateful_pointer<one_call_state> self)
                         -> completion_listener::behavior_type {
          self->state.promise = &promise;
          const auto end = [self] {
            self->state.promise->set_value(self->state.result);
            self->quit();
          };
          return {
              [=, this](const completion_delta& delta) {
                self->state.result.text += delta.text;
                if (++self->state.result.deltas == cancel_after)
                  self->send(provider, provider_cancel{self->address(), 1});
                self->send(provider, provider_credit{self->address(), 1, 1});
              },
              [=](const completion_done& done) {
                self->state.result.answer = done.value;
                end();
              },
              [=](const completion_failed& failed) {
                self->state.result.failure = failed.why;
                end();
              },
          };
        });
    caf::anon_send(provider, provider_call{1, ask, listener, 30s, 1});
    return value.get();
  }

  static completion_request request(std::string text, bool stream) {
    completion_request r;
    r.model = "bigram";
    r.messages = {{chat_message::role::user, std::move(text), {}, {}}};
    r.max_tokens = 40;
    r.stream = stream;
    return r;
  }

  caf::actor_system_config config;
  caf::actor_system system{config};
  std::shared_ptr<curl_transport> wire = std::make_shared<curl_transport>();
  provider_config settings;
  provider_actor provider;
};

void report(const char* what, const outcome& o) {
  std::cout << what << ": deltas " << o.deltas;
  if (o.answer)
    std::cout << ", finish " << to_string(o.answer->finish) << ", tokens " << o.answer->tokens
              << ", tool calls " << o.answer->tool_calls.size() << ", text "
              << o.answer->content.substr(0, 60);
  if (o.failure)
    std::cout << ", failure " << static_cast<int>(o.failure->what) << ", tokens "
              << o.failure->tokens << ", " << o.failure->message;
  std::cout << std::endl;
}

} // namespace

TEST_CASE("a real upstream answers plain and streamed alike", "[.llama]") {
  llama upstream;
  const auto plain = upstream.ask(upstream.request("Tell me about risk.", false));
  report("plain", plain);
  REQUIRE(plain.answer);
  CHECK(plain.deltas == 0);
  CHECK(plain.answer->tokens > 0);
  const auto streamed = upstream.ask(upstream.request("Tell me about risk.", true));
  report("streamed", streamed);
  REQUIRE(streamed.answer);
  CHECK(streamed.text == streamed.answer->content);
  CHECK(streamed.answer->tokens > 0);
}

TEST_CASE("a real upstream calls a tool", "[.llama]") {
  llama upstream;
  for (bool stream : {false, true}) {
    auto request = upstream.request("What is 6 times 7? Use the calculator.", stream);
    request.tools.push_back(find_tool("calculator")->description);
    request.max_tokens = 200;
    const auto got = upstream.ask(request);
    report(stream ? "tools streamed" : "tools", got);
    REQUIRE(got.answer);
    for (const auto& call : got.answer->tool_calls)
      std::cout << "  " << call.id << " " << call.name << " " << call.arguments << " -> "
                << execute_tool(call) << std::endl;
  }
}

TEST_CASE("a real upstream answers in the form of a schema", "[.llama]") {
  llama upstream;
  auto request = upstream.request("Rate the risk.", false);
  request.response_schema = json::parse(
      R"({"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false})");
  const auto got = upstream.ask(request);
  report("schema", got);
  CHECK((got.answer || got.failure));
}

TEST_CASE("a real upstream's refusal keeps its words", "[.llama]") {
  llama upstream;
  std::string endless;
  for (int i = 0; i < 20000; ++i)
    endless += "word ";
  for (bool stream : {false, true}) {
    const auto got = upstream.ask(upstream.request(endless, stream));
    report("too long", got);
    REQUIRE(got.failure);
    CHECK(got.failure->what == completion_failure::kind::status);
    CHECK(got.failure->status == 400);
  }
}

TEST_CASE("a real upstream is cancelled in the middle of a stream", "[.llama]") {
  llama upstream;
  auto request = upstream.request("Go on and on.", true);
  request.max_tokens = 4000;
  const auto got = upstream.ask(request, 3);
  report("cancelled", got);
  REQUIRE(got.failure);
  CHECK(got.failure->what == completion_failure::kind::cancelled);
  CHECK(got.failure->tokens > 0);
  const auto next = upstream.ask(upstream.request("And now?", false));
  CHECK(next.answer);
}
