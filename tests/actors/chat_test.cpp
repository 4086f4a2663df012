#include "actors/run_audience.hpp"
#include "conf/limits.hpp"
#include "tests/actors/run_bench.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;
using fault = completion_failure::kind;

// -- plain ----------------------------------------------------------------------

TEST_CASE("a chat's answer has exactly its five fields, once it is counted") {
  run_bench b;
  b.start_chat(false);
  b.admit();
  CHECK_FALSE(b.provider.calls[0].request->stream);
  b.provider.completes("hello", 12);
  b.run();
  CHECK(b.client->answers.empty());
  CHECK(b.last("finish")[3] == "12");
  CHECK(b.last("finish")[5].empty());
  b.store_says("finish", {"OK"});
  CHECK(b.client->body() == json({{"id", b.birth.admission.operation.text()},
                                  {"content", "hello"},
                                  {"model", "m"},
                                  {"tokens_used", 12},
                                  {"finish_reason", "stop"}}));
  CHECK(b.client->answers[0].limits->day_left == 9);
  CHECK(b.over.size() == 1);
}

TEST_CASE("a provider that fails is a 502, one that is too slow a 504, both counted") {
  for (auto [what, code] : {std::pair(fault::invalid, errc::upstream_error),
                            std::pair(fault::timeout, errc::upstream_timeout)}) {
    run_bench b;
    b.start_chat(false);
    b.admit();
    b.provider.fails(what, 4);
    b.run();
    CHECK(b.last("finish")[2] == "failed");
    CHECK(b.last("finish")[3] == "4");
    b.store_says("finish", {"OK"});
    CHECK(b.client->refusal() == code);
    CHECK(b.client->answers[0].failure->message == "It failed");
    CHECK(b.client->answers[0].limits);
  }
}

TEST_CASE("a finish whose answer was lost is sent again, and a chat counted before is answered") {
  run_bench b;
  b.start_chat(false);
  b.admit();
  b.provider.completes("hello");
  b.run();
  b.store_says("finish", answered(words({"ENDED", "", ""})), true);
  CHECK(b.client->body()["content"] == "hello");
}

TEST_CASE("a chat that somebody else may have ended, and counted otherwise, is not answered") {
  const bool sent_before = GENERATE(false, true);
  const auto end = sent_before ? words({"ENDED", "", "fenced"}) : words({"ENDED", "", ""});
  SECTION("plain: a 503") {
    run_bench b;
    b.start_chat(false);
    b.admit();
    b.provider.completes("hello");
    b.run();
    b.store_says("finish", answered(end), sent_before);
    CHECK(b.client->refusal() == errc::store_unavailable);
    CHECK(b.client->answers[0].retry_after);
  }
  SECTION("stream: an error as its last event") {
    run_bench b;
    b.start_chat(true);
    b.admit();
    b.provider.says("hello");
    b.provider.completes("hello");
    b.run();
    b.client->takes_event();
    b.run();
    b.store_says("finish", answered(end), sent_before);
    CHECK(json::parse(b.client->events.back())["finish_reason"] == "error");
    CHECK(b.client->ended);
  }
}

TEST_CASE("a run of which the store knows nothing any more is not answered as if it did") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.completes("hello");
  b.run();
  const auto waiting = b.join(join_run::purpose::wait);
  b.store_says("finish", {"ENDED", ""});
  CHECK(b.client->refusal() == errc::store_unavailable);
  CHECK(waiting->refusal() == errc::store_unavailable);
}

TEST_CASE("a client that leaves cancels the provider's call, and what was consumed is counted") {
  run_bench b;
  const bool stream = GENERATE(false, true);
  b.start_chat(stream);
  b.admit();
  REQUIRE(b.client->listener);
  b.client->leaves();
  b.run();
  REQUIRE(b.provider.cancels.size() == 1);
  b.provider.fails(fault::cancelled, 6);
  b.run();
  CHECK(b.last("finish")[2] == "cancelled");
  CHECK(b.last("finish")[3] == "6");
  b.store_says("finish", {"OK"});
  CHECK(b.client->answers.empty());
  CHECK(b.over.size() == 1);
}

TEST_CASE("a chat whose end is not stored in 10 s is a 503 without a place to look") {
  run_bench b;
  b.start_chat(false);
  b.admit();
  b.provider.completes("hello");
  b.run();
  b.pass(10010ms);
  CHECK(b.client->refusal() == errc::store_unavailable);
  CHECK(b.client->answers[0].location.empty());
  b.store_says("finish", {"OK"});
  CHECK(b.client->answers.size() == 1);
}

// -- stream ---------------------------------------------------------------------

TEST_CASE("a stream begins with the first text and ends with reason and tokens") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  b.provider.says("");
  b.run();
  CHECK(b.client->streams == 0);
  b.provider.says("hello");
  b.run();
  CHECK(b.client->streams == 1);
  CHECK(b.client->events ==
        std::vector<std::string>{R"({"delta": "hello", "finish_reason": null})"});
  b.client->takes_event();
  b.provider.completes("hello", 12);
  b.run();
  CHECK_FALSE(b.client->ended); // not before it is counted
  b.store_says("finish", {"OK"});
  CHECK(b.client->events.at(1) == R"({"delta": "", "finish_reason": "stop", "tokens_used": 12})");
  CHECK(b.client->ended);
  CHECK(b.client->answers.empty());
}

TEST_CASE("an answer without any text is a stream of its last event") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  b.provider.completes("", 3);
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(b.client->events ==
        std::vector<std::string>{R"({"delta": "", "finish_reason": "stop", "tokens_used": 3})"});
  CHECK(b.client->ended);
}

TEST_CASE("an error before the first byte is an ordinary answer, after it an event") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  SECTION("before") {
    b.provider.fails(fault::invalid);
    b.run();
    b.store_says("finish", {"OK"});
    CHECK(b.client->refusal() == errc::upstream_error);
    CHECK(b.client->streams == 0);
  }
  SECTION("after a delta") {
    b.provider.says("hel");
    b.provider.fails(fault::cut);
    b.run();
    b.store_says("finish", {"OK"});
    CHECK(b.client->events.back() ==
          R"({"delta": "", "finish_reason": "error", "error": "It failed"})");
    CHECK(b.client->ended);
    CHECK(b.client->answers.empty());
  }
  SECTION("after a comment") {
    b.pass(15s, 100ms);
    CHECK(b.client->comments == 1);
    b.provider.fails(fault::invalid);
    b.run();
    b.store_says("finish", {"OK"});
    CHECK(b.client->events.size() == 1);
    CHECK(b.client->answers.empty());
  }
}

TEST_CASE("an attempt that failed before its first text is repeated unseen") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  b.provider.fails(fault::cut);
  b.run();
  b.pass(100ms);
  b.provider.says("hello");
  b.run();
  CHECK(b.client->events == std::vector<std::string>{delta_event("hello")});
}

TEST_CASE("a stream is silent for 15 s at most") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  b.pass(14900ms, 100ms);
  CHECK(b.client->streams == 0);
  b.pass(100ms, 100ms);
  CHECK(b.client->streams == 1);
  CHECK(b.client->comments == 1);
  b.provider.says("hello");
  b.run();
  b.client->takes_event();
  b.pass(15s, 100ms);
  CHECK(b.client->comments == 2);
}

TEST_CASE("a stream's end that is not stored in 10 s is an error event") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  b.provider.says("hello");
  b.provider.completes("hello");
  b.run();
  b.pass(10010ms);
  CHECK(b.client->ended);
  CHECK(b.client->events.back().find("\"error\"") != std::string::npos);
  b.store_says("finish", {"OK"});
  CHECK(b.client->events.size() == 2);
}

// -- back-pressure ----------------------------------------------------------------

TEST_CASE("the provider gets credit back as the client takes events") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  const auto credit = b.provider.calls[0].credit;
  CHECK(credit == limits::stream_credit);
  for (std::uint32_t i = 0; i < credit; ++i)
    b.provider.says("x");
  b.run();
  CHECK(b.client->events == std::vector<std::string>{delta_event("x")});
  CHECK(b.provider.credit() == 0);
  b.client->takes_event();
  b.run();
  CHECK(b.client->events.at(1) == delta_event("xxx"));
  CHECK(b.provider.credit() == credit);
  CHECK(b.provider.credits[0].call == 1);
  b.client->takes_event();
  b.run();
  CHECK(b.provider.credit() == credit); // nothing was used since
}

TEST_CASE("deltas without text cost no credit") {
  run_bench b;
  b.start_chat(true);
  b.admit();
  b.provider.says("");
  b.run();
  CHECK(b.provider.credit() == 1);
}

TEST_CASE("a chat keeps no text that its client has been told") {
  run_audience audience(0);
  auto client = std::make_shared<test_client>();
  audience.follow(client);
  for (int i = 0; i < 100; ++i) {
    audience.said(std::string(10000, 'x'));
    audience.written(client->id());
  }
  CHECK(audience.length() == 1000000);
  auto late = std::make_shared<test_client>();
  audience.follow(late);
  CHECK(late->events.at(0).size() < 100);
}
