#include "actors/run_audience.hpp"
#include "tests/actors/run_bench.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;
using fault = completion_failure::kind;

// -- runs -----------------------------------------------------------------------

TEST_CASE("a run's end is in the store before its client is answered") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.completes("hello", 12);
  b.run();
  CHECK(b.client->answers.empty());
  CHECK(b.requests.back().persistent);
  const auto record = json::parse(b.stored_record());
  CHECK(record["status"] == "completed");
  CHECK(record["output"] == json({{"message", "hello"}}));
  CHECK(record["tokens_used"] == 12);
  b.store_says("finish", {"OK"});
  REQUIRE(b.client->answers.size() == 1);
  CHECK(b.client->answers[0].body == b.stored_record());
  CHECK(b.client->answers[0].limits->tokens_left == 999);
  CHECK(b.over.size() == 1);
  CHECK(b.node->counters->operations_live == 0);
  CHECK(b.node->counters->runs_completed == 1);
  CHECK(b.wake_ups->waiting.empty());
}

TEST_CASE("a run that fails is answered like any other, with a sentence") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.fails(fault::invalid, 3);
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(b.client->body()["status"] == "failed");
  CHECK(b.client->body()["error"] == "It failed");
  CHECK(b.client->body()["output"].is_null());
  CHECK(b.client->body()["tokens_used"] == 3);
}

TEST_CASE("a failed attempt is repeated after its pause") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.fails(fault::connect);
  b.run();
  b.pass(90ms);
  CHECK(b.provider.calls.size() == 1);
  b.pass(10ms);
  REQUIRE(b.provider.calls.size() == 2);
  CHECK(b.provider.calls[1].call == 2);
}

TEST_CASE("tools are executed and what was consumed so far is checkpointed") {
  run_bench b;
  agent_config agent;
  agent.tools = {"calculator"};
  b.start_run(agent);
  b.admit();
  completion c;
  c.tool_calls = {{"a", "calculator", R"({"expression":"6*7"})"}, {"b", "shell", "{}"}};
  c.finish = finish_reason::tool_calls;
  c.tokens = 8;
  b.provider.completes(c);
  b.run();
  CHECK(b.last("progress").at(2) == "8");
  REQUIRE(b.provider.calls.size() == 2);
  const auto& messages = b.provider.calls[1].request->messages;
  REQUIRE(messages.size() == 4);
  CHECK(messages[2].content.find("42") != std::string::npos);
  CHECK(messages[3].content == R"({"error": "There is no such tool"})");
}

TEST_CASE(
    "a checkpoint that finds the run ended drops the call, and the stored record is answered") {
  run_bench b;
  agent_config agent;
  agent.tools = {"calculator"};
  b.start_run(agent);
  b.admit();
  completion c;
  c.tool_calls = {{"a", "calculator", "{}"}};
  b.provider.completes(c);
  b.run();
  b.store_says("progress", {"ENDED"});
  CHECK(b.provider.cancels.size() == 1);
  b.store_says("finish", {"ENDED", R"({"status":"failed","error":"node lost"})"});
  CHECK(b.client->body()["error"] == "node lost");
}

TEST_CASE(
    "an end that is not stored in 10 s is a 503 that says where it will be, and is still stored") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.completes("hello");
  auto waiting = b.join(join_run::purpose::wait);
  auto attached = b.join(join_run::purpose::attach);
  b.pass(9990ms);
  CHECK(b.client->answers.empty());
  b.pass(20ms);
  const auto location = "/v1/runs/" + b.birth.admission.operation.text();
  for (const auto& c : {b.client, waiting}) {
    CHECK(c->refusal() == errc::store_unavailable);
    CHECK(c->answers[0].location == location);
    CHECK(c->answers[0].retry_after);
  }
  CHECK_FALSE(attached->ended);
  CHECK(b.over.empty());
  b.store_says("finish", {"OK"});
  CHECK(b.over.size() == 1);
  CHECK(b.client->answers.size() == 1);
  CHECK(attached->ended);
  CHECK(attached->events.back() == b.stored_record());
}

TEST_CASE("a finish that finds the run ended answers the stored record") {
  run_bench b;
  b.start_run();
  b.admit();
  auto cancelling = std::shared_ptr<test_client>();
  b.provider.completes("hello");
  b.run();
  std::string status = "failed";
  SECTION("ended as lost") {}
  SECTION("cancelled through the store") {
    status = "cancelled";
    cancelling = b.join(join_run::purpose::cancel);
  }
  auto record = store::ended_record(
      b.birth.admission.record_head, 0,
      {{status == "failed" ? store::ending::failed : store::ending::cancelled, 1, 2},
       "null",
       "null"});
  b.store_says("finish", {"ENDED", record});
  CHECK(b.client->answers.at(0).body == record);
  CHECK(b.node->counters->runs_cancelled == (status == "cancelled"));
  if (cancelling)
    CHECK(cancelling->body()["status"] == "cancelled");
}

TEST_CASE("a cancel drops the call at once and ends with what was checkpointed") {
  run_bench b;
  b.start_run();
  b.admit();
  auto first = b.join(join_run::purpose::cancel);
  auto second = b.join(join_run::purpose::cancel);
  REQUIRE(b.provider.cancels.size() == 1);
  CHECK(b.provider.cancels[0].call == 1);
  CHECK(b.last("finish")[2] == "cancelled");
  b.store_says("finish", {"OK"});
  CHECK(first->body()["status"] == "cancelled");
  CHECK(second->body()["status"] == "cancelled");
  CHECK(b.client->body()["status"] == "cancelled");
  auto late = b.join(join_run::purpose::cancel);
  CHECK(late->refusal() == errc::run_ended);
  auto late_wait = b.join(join_run::purpose::wait);
  CHECK(late_wait->body()["status"] == "cancelled");
}

TEST_CASE("a cancel that loses against the end is a 409") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.completes("hello");
  b.run();
  auto cancelling = b.join(join_run::purpose::cancel);
  b.store_says("finish", {"OK"});
  CHECK(cancelling->refusal() == errc::run_ended);
}

TEST_CASE("the owner hears that a run is over before its client hears of the end") {
  // Else a client at its max_in_flight that asks again at once finds its own run in the way.
  struct watching : test_client {
    std::function<bool()> owner_knows;
    bool knew = false;
    void answer(outcome o) override {
      knew = owner_knows();
      test_client::answer(std::move(o));
    }
  };
  run_bench b;
  auto client = std::make_shared<watching>();
  client->owner_knows = [&b] { return b.scheduler.has_job(); }; // it has mail
  b.client = client;
  b.start_run();
  b.admit();
  b.provider.completes("hello");
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(client->answers.size() == 1);
  CHECK(client->knew);
}

TEST_CASE("the time limit of a run drops its call and counts what it consumed") {
  run_bench b;
  agent_config agent;
  agent.timeout = 1s;
  b.start_run(agent);
  b.admit();
  b.pass(1s);
  REQUIRE(b.provider.cancels.size() == 1);
  b.provider.fails(fault::cancelled, 6);
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(b.client->body()["status"] == "failed");
  CHECK(b.client->body()["tokens_used"] == 6);
  CHECK(b.client->body()["error"] == "The time limit of 1000 ms was reached");
}

TEST_CASE("a provider that is gone for good does not keep a run for ever") {
  run_bench b;
  agent_config agent;
  agent.timeout = 1s;
  b.start_run(agent);
  b.admit();
  b.pass(1s);
  CHECK(b.last("finish").empty());
  b.pass(2100ms);
  REQUIRE_FALSE(b.last("finish").empty());
  CHECK(b.last("finish")[2] == "failed");
}

TEST_CASE("a run goes on when its client leaves") {
  run_bench b;
  b.start_run();
  b.admit();
  CHECK_FALSE(b.client->listener);
  b.provider.completes("hello");
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(b.over.size() == 1);
}

TEST_CASE("a run that crashes is not live any more") {
  run_bench b;
  b.start_run();
  b.admit();
  CHECK(b.node->counters->operations_live == 1);
  caf::anon_send_exit(b.actor, caf::exit_reason::kill);
  b.wake_ups->waiting.clear();
  b.run();
  CHECK(b.node->counters->operations_live == 0);
}

// -- attached -------------------------------------------------------------------

TEST_CASE("who attaches gets what was said first, then the deltas, at last the record") {
  run_bench b;
  b.start_run();
  b.admit();
  auto early = b.join(join_run::purpose::attach);
  CHECK(early->comments == 1); // so that the head leaves
  b.provider.says("one ");
  b.provider.says("two ");
  b.run();
  CHECK(early->events == std::vector<std::string>{delta_event("one ")});
  auto late = b.join(join_run::purpose::attach);
  CHECK(late->events == std::vector<std::string>{delta_event("one two ")});
  early->takes_event();
  late->takes_event();
  b.provider.says("three");
  b.run();
  CHECK(early->events.at(1) == delta_event("two "));
  CHECK(late->events.at(1) == delta_event("three"));
  b.provider.completes("one two three");
  b.run();
  CHECK_FALSE(early->ended);
  b.store_says("finish", {"OK"});
  CHECK(early->events.at(2) == delta_event("three"));
  CHECK(early->events.at(3) == b.stored_record());
  CHECK(late->events.back() == b.stored_record());
  CHECK((early->ended && late->ended));
}

TEST_CASE("who attaches slows nobody, and a follower that leaves is forgotten") {
  run_bench b;
  b.start_run();
  b.admit();
  auto attached = b.join(join_run::purpose::attach);
  CHECK(b.provider.calls[0].credit > 1000000);
  for (int i = 0; i < 10; ++i)
    b.provider.says("x");
  b.run();
  CHECK(attached->events.size() == 1);
  CHECK(b.provider.credits.empty());
  attached->leaves();
  b.run();
  b.provider.completes("xxxxxxxxxx");
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(attached->events.size() == 1);
  CHECK(b.client->body()["status"] == "completed");
}

TEST_CASE("after an attached client heard of it, an attempt is not repeated") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.says("hel");
  b.run();
  auto attached = b.join(join_run::purpose::attach);
  b.provider.fails(fault::cut);
  b.run();
  CHECK(b.last("finish").at(2) == "failed");
}

TEST_CASE("what an attached client heard of an earlier call does not keep a later one from being "
          "repeated") {
  run_bench b;
  agent_config agent;
  agent.tools = {"calculator"};
  b.start_run(agent);
  b.admit();
  b.provider.says("Let me see. ");
  completion c;
  c.tool_calls = {{"a", "calculator", "{}"}};
  b.provider.completes(c);
  b.run();
  auto attached = b.join(join_run::purpose::attach);
  CHECK(attached->events.size() == 1);
  b.provider.fails(fault::connect);
  b.run();
  b.pass(100ms);
  CHECK(b.provider.calls.size() == 3);
}

TEST_CASE("a repeated attempt says nothing twice") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.says("hel");
  b.provider.fails(fault::cut);
  b.run();
  b.pass(100ms);
  b.provider.says("hello");
  b.run();
  auto attached = b.join(join_run::purpose::attach);
  CHECK(attached->events == std::vector<std::string>{delta_event("hello")});
}

TEST_CASE("who attaches while it waits hears a comment every 15 s of silence") {
  run_bench b;
  b.start_run();
  b.admit();
  auto attached = b.join(join_run::purpose::attach);
  b.pass(10s, 100ms);
  b.provider.says("hello");
  b.run();
  attached->takes_event();
  b.pass(14s, 100ms);
  CHECK(attached->comments == 1);
  b.pass(1100ms, 100ms);
  CHECK(attached->comments == 2);
  b.pass(15s, 100ms);
  CHECK(attached->comments == 3);
}

TEST_CASE("who attaches after the end gets the record at once") {
  run_bench b;
  b.start_run();
  b.admit();
  b.provider.completes("hello");
  b.run();
  b.store_says("finish", {"OK"});
  auto late = b.join(join_run::purpose::attach);
  CHECK(late->events == std::vector<std::string>{b.stored_record()});
  CHECK(late->ended);
}
