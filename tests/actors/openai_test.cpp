#include "actors/providers/openai.hpp"
#include "actors/providers/upstream_failure.hpp"
#include "tests/actors/decoder_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace std::chrono_literals;
using failure_kind = completion_failure::kind;

namespace {

decoded plain(const std::string& body, int status = 200, const http_headers& headers = document,
              bool asked_for_stream = false) {
  return decoded_document<openai_decoder>(body, status, headers, asked_for_stream);
}

decoded stream(const std::vector<std::string>& pieces,
               transfer_end::kind end = transfer_end::kind::complete) {
  return decoded_stream<openai_decoder>(pieces, end);
}

std::string delta(const std::string& inner, const char* finish = "null") {
  return "data: {\"choices\":[{\"index\":0,\"delta\":{" + inner + "},\"finish_reason\":" + finish +
         "}]}\n\n";
}
const std::string ends_with_stop = delta("", "\"stop\"");
const std::string usage_chunk = "data: "
                                "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_"
                                "tokens\":3,\"total_tokens\":10}}\n\n";
const std::string done = "data: [DONE]\n\n";

} // namespace

// -- requests -----------------------------------------------------------------

TEST_CASE("a request says only what is set") {
  completion_request request;
  request.model = "m";
  request.messages.push_back({chat_message::role::user, "hi", {}, {}});
  CHECK(json::parse(encode_openai_request(request)) ==
        json::parse(R"({"model":"m","messages":[{"role":"user","content":"hi"}]})"));
}

TEST_CASE("a request says everything that is set") {
  completion_request request;
  request.model = "m";
  request.messages = {
      {chat_message::role::system, "be brief", {}, {}},
      {chat_message::role::assistant,
       "",
       {{"call_9", "calculator", "{\"expression\":\"1+1\"}"}},
       {}},
      {chat_message::role::tool, "{\"result\": 2}", {}, "call_9"},
  };
  request.tools = {{"calculator", "counts", {{"type", "object"}}}};
  request.max_tokens = 5;
  request.temperature = 0.7;
  request.top_p = 0.5;
  request.stop = {"END"};
  request.response_schema = json::parse(R"({"type":"object"})");
  request.stream = true;
  CHECK(json::parse(encode_openai_request(request)) == json::parse(R"({
    "model":"m","max_tokens":5,"temperature":0.7,"top_p":0.5,"stop":["END"],
    "stream":true,"stream_options":{"include_usage":true},
    "messages":[{"role":"system","content":"be brief"},
      {"role":"assistant","content":null,"tool_calls":[{"id":"call_9","type":"function",
        "function":{"name":"calculator","arguments":"{\"expression\":\"1+1\"}"}}]},
      {"role":"tool","content":"{\"result\": 2}","tool_call_id":"call_9"}],
    "tools":[{"type":"function","function":{"name":"calculator","description":"counts","parameters":{"type":"object"}}}],
    "response_format":{"type":"json_schema","json_schema":{"name":"output","schema":{"type":"object"}}}})"));
}

// -- streams ------------------------------------------------------------------

TEST_CASE("a stream gives its deltas, then the answer with the reported tokens") {
  const auto got = stream(
      {delta(R"("role":"assistant","content":null)"), ":\n\n", delta(R"("content":"Hel")"),
       delta(R"("content":"lo","reasoning_content":"hm")"), ends_with_stop, usage_chunk, done});
  CHECK(got.deltas == std::vector<std::string>{"Hel", "lo"});
  CHECK(got.answer.content == "Hello");
  CHECK(got.answer.finish == finish_reason::stop);
  CHECK(got.answer.tokens == 10);
  CHECK(got.settled);
}

TEST_CASE("deltas of one network read are joined") {
  const auto got = stream({delta(R"("content":"a")") + delta(R"("content":"b")") + ends_with_stop});
  CHECK(got.deltas == std::vector<std::string>{"ab"});
}

TEST_CASE("a stream cut at every byte gives the same answer") {
  const std::string whole = delta("\"content\":\"a\xC3\"") +
                            delta("\"content\":\"\xA4 \xF0\x9F\"") +
                            delta("\"content\":\"\x98\x80\"") + ends_with_stop + usage_chunk + done;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto got = stream({whole.substr(0, cut), whole.substr(cut)});
    std::string said;
    for (const auto& piece : got.deltas)
      said += piece;
    CHECK(said == "a\xC3\xA4 \xF0\x9F\x98\x80");
    CHECK(got.answer.content == said);
  }
}

TEST_CASE("bytes that never become a character are replaced") {
  auto got = stream(
      {delta("\"content\":\"a\xFFz\""), delta("\"content\":\"\xC3\""), ends_with_stop, done});
  CHECK(got.answer.content == "a\xEF\xBF\xBDz\xEF\xBF\xBD");
  got = stream({delta(R"("content":"a\ud83dz \ud83d\ude00")"), ends_with_stop});
  CHECK(got.answer.content == "a\xEF\xBF\xBDz \xF0\x9F\x98\x80");
}

TEST_CASE("tool calls are put together by index") {
  const auto got = stream(
      {delta(
           R"("tool_calls":[{"index":0,"id":"abc","type":"function","function":{"name":"calculator","arguments":""}}])"),
       delta(
           R"("tool_calls":[{"index":1,"id":"def","function":{"name":"search","arguments":"{\n"}}])"),
       delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"expression\": "}}])"),
       delta(
           R"("tool_calls":[{"index":0,"function":{"arguments":"\"1+1\"}"}},{"index":1,"function":{"arguments":"}"}}])"),
       ends_with_stop, done});
  REQUIRE(got.answer.tool_calls.size() == 2);
  CHECK(got.answer.tool_calls[0].id == "abc");
  CHECK(got.answer.tool_calls[0].name == "calculator");
  CHECK(got.answer.tool_calls[0].arguments == R"({"expression": "1+1"})");
  CHECK(got.answer.tool_calls[1].arguments == "{\n}");
  CHECK(got.answer.finish == finish_reason::tool_calls);
}

TEST_CASE("tool calls of careless servers are told apart") {
  SECTION("without index") {
    const auto got = stream(
        {delta(
             R"("tool_calls":[{"id":"a","function":{"name":"x","arguments":{"n":1}}},{"id":"b","function":{"name":"y","arguments":"{}"}}])"),
         ends_with_stop});
    REQUIRE(got.answer.tool_calls.size() == 2);
    CHECK(got.answer.tool_calls[0].arguments == R"({"n":1})");
  }
  SECTION("index 0 for all") {
    const auto got = stream(
        {delta(R"("tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{}"}}])"),
         delta(R"("tool_calls":[{"index":0,"id":"b","function":{"name":"y","arguments":"{}"}}])"),
         ends_with_stop});
    CHECK(got.answer.tool_calls.size() == 2);
  }
  SECTION("without ids") {
    const auto got = stream(
        {delta(
             R"("tool_calls":[{"index":0,"function":{"name":"x","arguments":"{}"}},{"index":1,"function":{"name":"y","arguments":"{}"}}])"),
         ends_with_stop});
    REQUIRE(got.answer.tool_calls.size() == 2);
    CHECK(got.answer.tool_calls[0].id == "call_1");
    CHECK(got.answer.tool_calls[1].id == "call_2");
  }
  SECTION("in the old form") {
    const auto got =
        stream({delta(R"("function_call":{"name":"x","arguments":"{"})"),
                delta(R"("function_call":{"arguments":"}"})"), delta("", "\"function_call\"")});
    REQUIRE(got.answer.tool_calls.size() == 1);
    CHECK(got.answer.tool_calls[0].arguments == "{}");
    CHECK(got.answer.finish == finish_reason::tool_calls);
  }
}

TEST_CASE("finish reasons are mapped") {
  const auto finish = [](const char* reason) {
    return stream({delta(R"("content":"x")"), delta("", reason)}).answer.finish;
  };
  CHECK(finish("\"stop\"") == finish_reason::stop);
  CHECK(finish("\"length\"") == finish_reason::length);
  CHECK(finish("\"content_filter\"") == finish_reason::content_filter);
  CHECK(finish("\"tool_calls\"") == finish_reason::tool_calls);
  CHECK(finish("\"eos_token\"") == finish_reason::stop);
}

TEST_CASE("a stream without finish reason is cut, with or without [DONE]") {
  for (const auto& pieces : {std::vector<std::string>{delta(R"("content":"12345")")},
                             std::vector<std::string>{delta(R"("content":"12345")"), done}}) {
    const auto got = stream(pieces);
    REQUIRE(got.failure);
    CHECK(got.failure->what == failure_kind::cut);
    CHECK(got.failure->tokens == 102);
    CHECK(got.failure->retriable());
  }
}

TEST_CASE("a document is one, whatever its content type says") {
  const std::string body = R"( {"choices":[{"message":{"content":"x"}}]})";
  for (const auto& headers :
       {http_headers{}, http_headers{{"content-type", "text/plain"}}, event_stream}) {
    const auto got = plain(body, 200, headers, true);
    CHECK_FALSE(got.failure);
    CHECK(got.answer.content == "x");
  }
}

TEST_CASE("a stream with finish reason is whole, however its connection ended") {
  for (auto end :
       {transfer_end::kind::complete, transfer_end::kind::cut, transfer_end::kind::timed_out}) {
    const auto got = stream({delta(R"("content":"x")"), ends_with_stop}, end);
    CHECK_FALSE(got.failure);
    CHECK(got.answer.tokens == 101);
  }
}

TEST_CASE("an error inside a stream ends it") {
  auto got = stream({delta(R"("content":"x")"),
                     "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n",
                     delta(R"("content":"y")")});
  REQUIRE(got.failure);
  CHECK(got.failure->what == failure_kind::status);
  CHECK(got.failure->status == 503);
  CHECK(got.failure->message == "The model provider reported an error: overloaded");
  CHECK(got.failure->tokens == 101);
  CHECK(got.settled);
  got = stream(
      {"event: error\ndata: {\"error\":{\"message\":\"bad\",\"code\":\"server_error\"}}\n\n"});
  CHECK(got.failure->what == failure_kind::cut);
}

TEST_CASE("events that are no JSON objects end the stream") {
  for (const char* event : {"data: {\"choices\":\n\n", "data: 5\n\n", "data: \n\n"})
    CHECK(stream({event, ends_with_stop}).failure->what == failure_kind::invalid);
}

TEST_CASE("members of the wrong type are taken for missing") {
  for (const char* event :
       {R"({"choices":5})", R"({"choices":[5]})", R"({"choices":[{"delta":[]}]})",
        R"({"choices":[{"delta":{"content":5,"tool_calls":7}}]})", R"({"choices":null,"usage":[]})",
        R"({"choices":[{"delta":{"tool_calls":[5,{"function":7}]}}]})",
        R"({"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":1e300}})"}) {
    INFO(event);
    const auto got =
        stream({std::string("data: ") + event + "\n\n", delta(R"("content":"x")"), ends_with_stop});
    CHECK_FALSE(got.failure);
    CHECK(got.answer.content == "x");
    CHECK(got.answer.tokens == 101);
  }
}

TEST_CASE("an answer over its bounds is invalid") {
  const auto bounded = [](const std::vector<std::string>& pieces) {
    auto context = context_for(true);
    context.limits = {10, 500, 1000, 100, 2, 10};
    return decoded_stream<openai_decoder>(pieces, transfer_end::kind::complete, context);
  };
  CHECK_FALSE(bounded({delta(R"("content":"0123456789")"), ends_with_stop}).failure);
  CHECK(bounded({delta(R"("content":"0123456789a")"), ends_with_stop}).failure->what ==
        failure_kind::invalid);
  CHECK(bounded({"data: " + std::string(600, ' ')}).failure->what == failure_kind::invalid);
  CHECK(bounded({delta(R"("tool_calls":[{"index":0},{"index":1},{"index":2}])"), ends_with_stop})
            .failure->what == failure_kind::invalid);
  CHECK(bounded({delta(R"("tool_calls":[{"index":0,"function":{"arguments":"0123456789a"}}])"),
                 ends_with_stop})
            .failure->what == failure_kind::invalid);
}

TEST_CASE("JSON that is nested deeply is refused") {
  const auto got =
      stream({"data: {\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}\n\n"});
  CHECK(got.failure->what == failure_kind::invalid);
}

// -- documents ----------------------------------------------------------------

TEST_CASE("a plain answer is decoded") {
  const auto got = plain(
      R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"42","tool_calls":null},
    "finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6},"timings":{}})");
  CHECK(got.answer.content == "42");
  CHECK(got.answer.tokens == 6);
  CHECK(got.deltas.empty());
}

TEST_CASE("a plain answer may have parts, tool calls, no usage and no finish reason") {
  auto got = plain(
      R"({"choices":[{"message":{"content":[{"type":"text","text":"ab"},{"type":"text","text":"cde"}]}}]})");
  CHECK(got.answer.content == "abcde");
  CHECK(got.answer.tokens == 102);
  got = plain(R"({"choices":[{"message":{"content":"","tool_calls":[{"id":"1","type":"function",
    "function":{"name":"calculator","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})");
  CHECK(got.answer.tool_calls.size() == 1);
  CHECK(got.answer.finish == finish_reason::tool_calls);
}

TEST_CASE("a plain answer to a request for a stream is taken as it is, and the other way round") {
  auto got = plain(R"({"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]})", 200,
                   document, true);
  CHECK(got.answer.content == "hi");
  got = plain(delta(R"("content":"hi")") + ends_with_stop, 200, event_stream, false);
  CHECK(got.answer.content == "hi");
}

TEST_CASE("a plain answer that makes no sense is invalid") {
  for (const char* body :
       {"", "{", "[]", "{}", R"({"choices":[]})", R"({"choices":[{"text":"x"}]})", "<html></html>"})
    CHECK(plain(body).failure->what == failure_kind::invalid);
}

// -- failures -----------------------------------------------------------------

TEST_CASE("an error status gives the upstream's words, bounded and without secrets") {
  auto got = plain(
      R"({"error":{"code":400,"message":"the request exceeds the context size","type":"exceed_context_size_error"}})",
      400);
  CHECK(got.failure->what == failure_kind::status);
  CHECK(got.failure->status == 400);
  CHECK(got.failure->message ==
        "The model provider answered 400: the request exceeds the context size");
  CHECK(got.failure->tokens == 100); // the prompt: it was sent, and nothing was reported
  CHECK_FALSE(got.failure->retriable());
  got = plain(
      R"({"error":{"message":"Incorrect key topsecret or \"sk-abc\" (risk-free) at\nllm.example.com:8080, see https://llm.example.com/keys."}})",
      401);
  CHECK(got.failure->message == "The model provider answered 401: Incorrect key [hidden] or [key] "
                                "(risk-free) at [hidden], see [link]");
  got = plain(json{{"error", std::string(1000, 'x')}}.dump(), 500);
  CHECK(got.failure->message == "The model provider answered 500: " + std::string(300, 'x'));
  CHECK(plain("<html>", 502).failure->message == "The model provider answered 502");
  CHECK(plain(R"({"usage":{"total_tokens":4}})", 500).failure->tokens == 4);
  CHECK(plain("", 204).failure->what == failure_kind::invalid);
  CHECK(plain("", 302).failure->status == 302);
  CHECK(plain(R"({"error":{"message":"no"}})").failure->message ==
        "The model provider reported an error: no");
}

TEST_CASE("Retry-After is read as seconds, milliseconds or a date") {
  CHECK(retry_after({{"retry-after", "2"}}, 0) == 2000ms);
  CHECK(retry_after({{"retry-after", "0"}}, 0) == 0ms);
  CHECK(retry_after({{"retry-after", "-5"}}, 0) == 0ms);
  CHECK(retry_after({{"retry-after-ms", "150"}, {"retry-after", "1"}}, 0) == 150ms);
  CHECK(retry_after({{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}, 784111770) == 7000ms);
  CHECK(retry_after({{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}, 1784111770) == 0ms);
  CHECK_FALSE(retry_after({{"retry-after", "soon"}}, 0));
  CHECK_FALSE(retry_after({{"retry-after", "nan"}}, 0));
  CHECK_FALSE(retry_after({}, 0));
  CHECK(retry_after({{"retry-after", "1e99"}}, 0) == 24h);
}

TEST_CASE(
    "the end of a transfer without an answer says what happened and counts what was accepted") {
  const auto end = [](transfer_end::kind kind, bool with_head) {
    openai_decoder decoder(context_for(true));
    if (with_head)
      decoder.head(200, event_stream);
    return *decode(decoder, {}, kind).failure;
  };
  using kind = transfer_end::kind;
  CHECK(end(kind::connect_failed, false).what == failure_kind::connect);
  CHECK(end(kind::connect_failed, false).tokens == 0);
  CHECK(end(kind::timed_out, false).what == failure_kind::timeout);
  CHECK(end(kind::timed_out, false).tokens == 100);
  CHECK(end(kind::cut, false).what == failure_kind::cut);
  CHECK(end(kind::cut, false).tokens == 0);
  CHECK(end(kind::cut, true).tokens == 100);
  CHECK(end(kind::cancelled, true).what == failure_kind::cancelled);
  CHECK(end(kind::too_large, true).what == failure_kind::invalid);
}

TEST_CASE("of a stream no more text is kept than asked for, and every token of it is counted") {
  for (const std::size_t kept : {0, 7, 100}) {
    auto context = context_for(true);
    context.kept_text_bytes_max = kept;
    openai_decoder decoder(std::move(context));
    decoder.head(200, event_stream);
    std::string heard;
    for (const auto* text : {"four", "five!", "äöü"})
      heard += decoder.feed("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
                            std::string(text) + "\"}}]}\n\n");
    heard += decoder.feed("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                          "\"stop\"}]}\n\ndata: [DONE]\n\n");
    CHECK(heard == "fourfive!äöü");
    const auto outcome = decoder.finish(transfer_end::kind::complete);
    REQUIRE(std::holds_alternative<completion>(outcome));
    const auto& answer = std::get<completion>(outcome);
    CHECK(answer.tokens == 100 + 3);
    CHECK(answer.content == (kept == 0 ? "" : kept == 7 ? "four" : "fourfive!äöü"));
    CHECK(decoder.last_text().empty());
  }
}
