#include "actors/providers/anthropic.hpp"
#include "tests/actors/decoder_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace std::chrono_literals;
using failure_kind = completion_failure::kind;

namespace {

decoded plain(const std::string& body, int status = 200, const http_headers& headers = document,
              bool asked_for_stream = false) {
  return decoded_document<anthropic_decoder>(body, status, headers, asked_for_stream);
}

decoded stream(const std::vector<std::string>& pieces,
               transfer_end::kind end = transfer_end::kind::complete) {
  return decoded_stream<anthropic_decoder>(pieces, end);
}

std::string event(const std::string& type, const std::string& rest = "") {
  return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + rest + "}\n\n";
}
std::string begins(int index, const std::string& block) {
  return event("content_block_start",
               ",\"index\":" + std::to_string(index) + ",\"content_block\":" + block);
}
std::string delta(int index, const std::string& inner) {
  return event("content_block_delta",
               ",\"index\":" + std::to_string(index) + ",\"delta\":{" + inner + "}");
}
std::string text(const std::string& piece) {
  return delta(0, "\"type\":\"text_delta\",\"text\":\"" + piece + "\"");
}
std::string arguments(int index, const std::string& piece) {
  return delta(index, "\"type\":\"input_json_delta\",\"partial_json\":" + json(piece).dump());
}
std::string ends(int index) {
  return event("content_block_stop", ",\"index\":" + std::to_string(index));
}
std::string message_delta(const std::string& stop_reason, const std::string& usage) {
  return event("message_delta",
               ",\"delta\":{\"stop_reason\":\"" + stop_reason + "\"},\"usage\":" + usage);
}

const std::string start = event(
    "message_start",
    R"(,"message":{"id":"msg_1","role":"assistant","content":[],"usage":{"input_tokens":7,"output_tokens":1}})");
const std::string text_begins = begins(0, R"({"type":"text","text":""})");
const std::string stops =
    message_delta("end_turn", R"({"output_tokens":3})") + event("message_stop");

completion_request request_of(std::vector<chat_message> messages) {
  completion_request request;
  request.model = "m";
  request.messages = std::move(messages);
  return request;
}

json messages_of(std::vector<chat_message> messages) {
  return json::parse(encode_anthropic_request(request_of(std::move(messages))))["messages"];
}

} // namespace

// -- requests -----------------------------------------------------------------

TEST_CASE("Anthropic is asked below /v1, with key and version") {
  CHECK(anthropic_codec.url("https://api.anthropic.com") ==
        "https://api.anthropic.com/v1/messages");
  CHECK(anthropic_codec.url("http://127.0.0.1:1/v1") == "http://127.0.0.1:1/v1/messages");
  CHECK(anthropic_codec.headers("topsecret") ==
        http_headers{{"anthropic-version", "2023-06-01"}, {"x-api-key", "topsecret"}});
  CHECK(anthropic_codec.headers("") == http_headers{{"anthropic-version", "2023-06-01"}});
}

TEST_CASE("a request to Anthropic says what is set, and a bound of tokens") {
  CHECK(json::parse(encode_anthropic_request(
            request_of({{chat_message::role::user, "hi", {}, {}}}))) == json::parse(R"({
    "model":"m","max_tokens":4096,
    "messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]})"));
}

TEST_CASE("a request to Anthropic says everything that is set") {
  auto request = request_of({
      {chat_message::role::system, "be brief", {}, {}},
      {chat_message::role::user, "1+1 and 2+2?", {}, {}},
      {chat_message::role::assistant,
       "I count.",
       {{"call_1", "calculator", "{\"expression\":\"1+1\"}"}, {"call_2", "calculator", "{\"exp"}},
       {}},
      {chat_message::role::tool, "2", {}, "call_1"},
      {chat_message::role::tool, "not JSON", {}, "call_2"},
  });
  request.tools = {{"calculator", "counts", {{"type", "object"}}}};
  request.max_tokens = 5;
  request.temperature = 1.5;
  request.top_p = 0.5;
  request.stop = {"END"};
  request.stream = true;
  CHECK(json::parse(encode_anthropic_request(request)) == json::parse(R"({
    "model":"m","max_tokens":5,"temperature":1.0,"top_p":0.5,"stop_sequences":["END"],"stream":true,
    "system":"be brief",
    "messages":[
      {"role":"user","content":[{"type":"text","text":"1+1 and 2+2?"}]},
      {"role":"assistant","content":[{"type":"text","text":"I count."},
        {"type":"tool_use","id":"call_1","name":"calculator","input":{"expression":"1+1"}},
        {"type":"tool_use","id":"call_2","name":"calculator","input":{}}]},
      {"role":"user","content":[
        {"type":"tool_result","tool_use_id":"call_1","content":"2"},
        {"type":"tool_result","tool_use_id":"call_2","content":"not JSON"}]}],
    "tools":[{"name":"calculator","description":"counts","input_schema":{"type":"object"}}]})"));
}

TEST_CASE("a schema of the answer is an instruction to Anthropic, after all system messages") {
  auto request = request_of({{chat_message::role::system, "be brief", {}, {}},
                             {chat_message::role::user, "hi", {}, {}},
                             {chat_message::role::system, "be kind", {}, {}}});
  request.response_schema = json::parse(R"({"type":"object","required":["x"]})");
  const auto body = json::parse(encode_anthropic_request(request));
  const auto system = body["system"].get<std::string>();
  CHECK(system.starts_with("be brief\n\nbe kind\n\nAnswer with one JSON value"));
  CHECK(system.ends_with(R"({"required":["x"],"type":"object"})"));
  CHECK(body["messages"].size() == 1);
  CHECK_FALSE(body.contains("response_format"));
}

TEST_CASE("messages are put into the order and form that Anthropic accepts") {
  using role = chat_message::role;
  CHECK(messages_of({{role::user, "a", {}, {}}, {role::user, "b", {}, {}}}) ==
        json::parse(R"([{"role":"user","content":[{"type":"text","text":"a"},
                                                  {"type":"text","text":"b"}]}])"));
  // Empty text is refused by the API; what is left are neighbours of one role.
  CHECK(
      messages_of(
          {{role::user, "a", {}, {}}, {role::assistant, " \n", {}, {}}, {role::user, "b", {}, {}}})
          .size() == 1);
  // A tool's message in a client's own history belongs to no call.
  CHECK(messages_of({{role::tool, "42", {}, {}}}) ==
        json::parse(R"([{"role":"user","content":[{"type":"text","text":"42"}]}])"));
  CHECK(
      messages_of({{role::assistant, "", {{"1", "x", ""}}, {}}}) ==
      json::parse(
          R"([{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"x","input":{}}]}])"));
}

// -- streams ------------------------------------------------------------------

TEST_CASE("a stream of Anthropic gives its deltas, then the answer with the reported tokens") {
  const auto got =
      stream({start, text_begins, event("ping"), text("Hel"), text("lo"), ends(0), stops});
  CHECK(got.deltas == std::vector<std::string>{"Hel", "lo"});
  CHECK(got.answer.content == "Hello");
  CHECK(got.answer.finish == finish_reason::stop);
  CHECK(got.answer.tokens == 10);
  CHECK(got.settled);
}

TEST_CASE("a stream of Anthropic cut at every byte gives the same answer") {
  const std::string whole = start + text_begins + text("a\xC3") + text("\xA4 \xF0\x9F") +
                            text("\x98\x80") + ends(0) + stops;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto got = stream({whole.substr(0, cut), whole.substr(cut)});
    std::string said;
    for (const auto& piece : got.deltas)
      said += piece;
    CHECK(said == "a\xC3\xA4 \xF0\x9F\x98\x80");
    CHECK(got.answer.content == said);
    CHECK(got.answer.tokens == 10);
  }
}

TEST_CASE("tool uses are put together by block") {
  const auto got =
      stream({start, text_begins, text("Let me see."), ends(0),
              begins(1, R"({"type":"tool_use","id":"toolu_1","name":"calculator","input":{}})"),
              arguments(1, ""), arguments(1, "{\"expression\": "), arguments(1, "\"1+1\"}"),
              ends(1), begins(2, R"({"type":"tool_use","id":"toolu_2","name":"clock","input":{}})"),
              arguments(2, ""), ends(2), message_delta("tool_use", R"({"output_tokens":9})"),
              event("message_stop")});
  CHECK(got.answer.content == "Let me see.");
  CHECK(got.answer.finish == finish_reason::tool_calls);
  CHECK(got.answer.tokens == 16);
  REQUIRE(got.answer.tool_calls.size() == 2);
  CHECK(got.answer.tool_calls[0].id == "toolu_1");
  CHECK(got.answer.tool_calls[0].name == "calculator");
  CHECK(got.answer.tool_calls[0].arguments == R"({"expression": "1+1"})");
  CHECK(got.answer.tool_calls[1].arguments == "{}");
}

TEST_CASE("a tool use that is whole from its beginning needs no deltas") {
  const auto got =
      stream({start, begins(0, R"({"type":"tool_use","id":"a","name":"x","input":{"n":1}})"),
              ends(0), stops});
  REQUIRE(got.answer.tool_calls.size() == 1);
  CHECK(got.answer.tool_calls[0].arguments == R"({"n":1})");
}

TEST_CASE("thoughts and events of later versions are left out") {
  const auto got = stream({start, begins(0, R"({"type":"thinking","thinking":"hm"})"),
                           delta(0, R"("type":"thinking_delta","thinking":"hmm")"),
                           delta(0, R"("type":"signature_delta","signature":"abc")"), ends(0),
                           begins(1, R"({"type":"text","text":"4"})"),
                           delta(1, R"("type":"text_delta","text":"2")"), ends(1),
                           event("something_new"), stops});
  CHECK(got.answer.content == "42");
  CHECK(got.answer.tool_calls.empty());
}

TEST_CASE("stop reasons of Anthropic are mapped") {
  const auto finish = [](const char* reason) {
    return stream({start, text("x"), message_delta(reason, "{}"), event("message_stop")})
        .answer.finish;
  };
  CHECK(finish("end_turn") == finish_reason::stop);
  CHECK(finish("stop_sequence") == finish_reason::stop);
  CHECK(finish("max_tokens") == finish_reason::length);
  CHECK(finish("model_context_window_exceeded") == finish_reason::length);
  CHECK(finish("refusal") == finish_reason::content_filter);
  CHECK(finish("something_new") == finish_reason::stop);
}

TEST_CASE("tokens of Anthropic count what the cache saved, and each figure once") {
  const auto cached = event(
      "message_start",
      R"(,"message":{"usage":{"input_tokens":7,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"output_tokens":1}})");
  CHECK(stream({cached, text("x"), stops}).answer.tokens == 330);
  CHECK(stream({cached, text("x"),
                message_delta("end_turn", R"({"input_tokens":7,"cache_creation_input_tokens":20,)"
                                          R"("cache_read_input_tokens":300,"output_tokens":3})")})
            .answer.tokens == 330);
  CHECK(stream({text("x"), stops}).answer.tokens == 103); // no figure for the prompt: the estimate
  CHECK(stream({start, text("12345"), message_delta("end_turn", "null")}).answer.tokens == 7 + 2);
}

TEST_CASE("a stream of Anthropic without its stop reason is cut") {
  for (const auto& pieces :
       {std::vector<std::string>{start, text("12345")},
        std::vector<std::string>{start, text("12345"), event("message_stop")}}) {
    const auto got = stream(pieces);
    REQUIRE(got.failure);
    CHECK(got.failure->what == failure_kind::cut);
    CHECK(got.failure->tokens == 7 + 2);
  }
}

TEST_CASE("an error inside a stream of Anthropic has the status of its type") {
  auto got =
      stream({start, text("x"),
              event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})"),
              text("y")});
  REQUIRE(got.failure);
  CHECK(got.failure->what == failure_kind::status);
  CHECK(got.failure->status == 529);
  CHECK(got.failure->retriable());
  CHECK(got.failure->message == "The model provider reported an error: Overloaded");
  CHECK(got.failure->tokens == 8);
  CHECK(got.settled);
  got = stream(
      {start, event("error", R"(,"error":{"type":"invalid_request_error","message":"no"})")});
  CHECK_FALSE(got.failure->retriable());
  CHECK(got.failure->tokens == 7);
  got = stream({start, event("error", R"(,"error":{"type":"new_error","message":"no"})")});
  CHECK(got.failure->what == failure_kind::cut);
  got = stream({event("error")});
  CHECK(got.failure->what == failure_kind::cut);
}

TEST_CASE("members of the wrong type in an event of Anthropic are taken for missing") {
  for (
      const char* data :
      {R"({"type":5})", R"({"type":"message_start","message":7})",
       R"({"type":"content_block_start"})",
       R"({"type":"content_block_start","index":"a","content_block":{"type":"thinking"}})",
       R"({"type":"content_block_delta","index":9,"delta":{"type":"input_json_delta","partial_json":"{"}})",
       R"({"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":5}})",
       R"({"type":"content_block_delta","delta":{"type":"text_delta","text":[]}})",
       R"({"type":"content_block_stop"})", R"({"type":"message_delta","delta":[],"usage":7})",
       R"({"type":"message_delta","usage":{"input_tokens":-1,"output_tokens":1e300}})"}) {
    INFO(data);
    const auto got = stream({start, std::string("data: ") + data + "\n\n", text("x"), stops});
    CHECK_FALSE(got.failure);
    CHECK(got.answer.content == "x");
    CHECK(got.answer.tool_calls.empty());
    CHECK(got.answer.tokens == 10);
  }
  for (const char* data : {"data: {\"type\":\n\n", "data: 5\n\n"})
    CHECK(stream({start, data, stops}).failure->what == failure_kind::invalid);
}

TEST_CASE("an answer of Anthropic over its bounds is invalid") {
  const auto bounded = [](const std::vector<std::string>& pieces) {
    auto context = context_for(true);
    context.limits = {10, 500, 1000, 100, 2, 10};
    return decoded_stream<anthropic_decoder>(pieces, transfer_end::kind::complete, context);
  };
  const auto tool = [](int index) {
    return begins(index, R"({"type":"tool_use","id":"a","name":"x","input":{}})");
  };
  CHECK_FALSE(bounded({text("0123456789"), tool(1), tool(2), stops}).failure);
  CHECK(bounded({text("0123456789a"), stops}).failure->what == failure_kind::invalid);
  CHECK(bounded({tool(1), tool(2), tool(3), stops}).failure->what == failure_kind::invalid);
  CHECK(bounded({tool(1), arguments(1, "0123456789a"), stops}).failure->what ==
        failure_kind::invalid);
}

// -- documents ----------------------------------------------------------------

TEST_CASE("a plain answer of Anthropic is decoded") {
  const auto got = plain(R"({"id":"msg_1","type":"message","role":"assistant","content":[
      {"type":"text","text":"4"},{"type":"text","text":"2"},
      {"type":"tool_use","id":"toolu_1","name":"calculator","input":{"expression":"1+1"}},
      {"type":"tool_use","id":"toolu_2","name":"clock","input":{}}],
    "stop_reason":"tool_use","usage":{"input_tokens":5,"output_tokens":1}})");
  CHECK(got.answer.content == "42");
  REQUIRE(got.answer.tool_calls.size() == 2);
  CHECK(got.answer.tool_calls[0].id == "toolu_1");
  CHECK(got.answer.tool_calls[0].arguments == R"({"expression":"1+1"})");
  CHECK(got.answer.tool_calls[1].arguments == "{}");
  CHECK(got.answer.finish == finish_reason::tool_calls);
  CHECK(got.answer.tokens == 6);
  CHECK(got.deltas.empty());
}

TEST_CASE("a plain answer of Anthropic may be empty, and answer a request for a stream") {
  auto got = plain(R"({"content":[],"stop_reason":"end_turn"})");
  CHECK_FALSE(got.failure);
  CHECK(got.answer.content.empty());
  CHECK(got.answer.tokens == 100);
  got = plain(R"({"content":[{"type":"text","text":"hi"}],"stop_reason":"max_tokens"})", 200,
              document, true);
  CHECK(got.answer.content == "hi");
  CHECK(got.answer.finish == finish_reason::length);
}

TEST_CASE("a plain answer of Anthropic that makes no sense is invalid") {
  for (const char* body : {"", "{", "[]", "{}", R"({"content":"hi"})", "<html></html>"})
    CHECK(plain(body).failure->what == failure_kind::invalid);
}

// -- failures -----------------------------------------------------------------

TEST_CASE("an error status of Anthropic gives its words, and when to come back") {
  auto got = plain(
      R"({"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too large for topsecret"}})",
      400);
  CHECK(got.failure->what == failure_kind::status);
  CHECK(got.failure->status == 400);
  CHECK(got.failure->message ==
        "The model provider answered 400: max_tokens: too large for [hidden]");
  CHECK(got.failure->tokens == 100);
  CHECK_FALSE(got.failure->retriable());
  for (int status : {429, 529}) {
    got = plain(R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
                status, {{"content-type", "application/json"}, {"retry-after", "2"}});
    CHECK(got.failure->status == status);
    CHECK(got.failure->retriable());
    CHECK(got.failure->retry_after == 2000ms);
  }
}
