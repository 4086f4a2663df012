#include "tests/actors/run_bench.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;

TEST_CASE("nothing is asked of the provider before the run is admitted") {
  run_bench b;
  b.start_run();
  CHECK(b.asked() == "admit");
  CHECK(b.provider.calls.empty());
  b.admit();
  CHECK(b.provider.calls.size() == 1);
  CHECK(b.node->counters->operations_live == 1);
}

TEST_CASE("each limit is answered with its sentence, its code and when to come back") {
  const std::vector<std::tuple<std::string, errc, std::string>> table{
      {"DAY", errc::daily_limit, "Daily request limit reached for your tier"},
      {"RUNS", errc::run_quota, "Monthly request quota exceeded"},
      {"TOKENS", errc::token_quota, "Monthly token quota exceeded"},
  };
  for (const auto& [word, code, sentence] : table) {
    run_bench b;
    b.birth.day_limit = 100;
    b.start_run();
    b.store_says("admit",
                 answered(array_reply({text_reply(word), number_reply(0), number_reply(42)})));
    CHECK(b.client->refusal() == code);
    CHECK(b.client->answers[0].failure->message == sentence);
    CHECK(b.client->answers[0].retry_after >= 1s);
    REQUIRE(b.client->answers[0].limits);
    CHECK(b.client->answers[0].limits->day_limit == 100);
    CHECK(b.client->answers[0].limits->day_left == 0);
    CHECK(b.client->answers[0].limits->tokens_left == 42);
    CHECK(b.over.size() == 1);
    CHECK(b.provider.calls.empty());
  }
}

TEST_CASE("what the node cannot serve as planned goes back to its owner unanswered") {
  using reason = request_returned::reason;
  const std::vector<std::pair<std::vector<std::string>, reason>> table{
      {{"STALE", "", ""}, reason::stale},
      {{"NOKEY", "", ""}, reason::no_key},
      {{"FENCED", "", ""}, reason::fenced},
      {{"REPLAY", "some-run"}, reason::replay},
  };
  for (const auto& [reply, why] : table) {
    run_bench b;
    b.start_run();
    b.store_says("admit", reply);
    REQUIRE(b.returned.size() == 1);
    CHECK(b.returned[0].why == why);
    CHECK(b.returned[0].request == b.birth.request);
    CHECK(b.returned[0].earlier == (why == reason::replay ? "some-run" : ""));
    CHECK(b.client->answers.empty());
    CHECK(b.over.size() == 1);
  }
}

TEST_CASE("a refusal of the node is answered only once the store has looked for a repeat") {
  run_bench b;
  b.birth.refusal = error{errc::agent_disabled, "The agent is disabled"};
  b.start_run();
  CHECK(b.client->answers.empty());
  b.store_says("admit", {"REFUSED", "", ""});
  CHECK(b.client->refusal() == errc::agent_disabled);
}

TEST_CASE("a key used again with another body is a 422, a late or impossible admission a 503") {
  const std::vector<std::pair<store::answer, errc>> table{
      {answered(words({"CONFLICT"})), errc::idempotency_key_reused},
      {answered(words({"LATE"})), errc::store_unavailable},
      {lost(store::fate::unavailable), errc::store_unavailable},
      {lost(store::fate::full), errc::store_full},
  };
  for (const auto& [answer, code] : table) {
    run_bench b;
    b.start_run();
    b.store_says("admit", answer);
    CHECK(b.client->refusal() == code);
    CHECK(b.over.size() == 1);
    CHECK(b.node->counters->operations_live == 0);
  }
}

// -- in doubt -------------------------------------------------------------------

TEST_CASE("an admission whose outcome is unknown is a 503, and settled until it can come no more") {
  run_bench b;
  b.birth.admission.not_after_ms = 77;
  b.start_run();
  b.store_says("admit", lost(store::fate::unknown));
  CHECK(b.client->refusal() == errc::store_unavailable);
  REQUIRE(b.asked() == "settle");
  CHECK(b.last("settle")[2] == "failed");
  CHECK(b.last("settle")[4] == "77");
  CHECK(b.requests.back().persistent);
  b.store_says("settle", {"EARLY"});
  CHECK(b.over.empty());
  const auto before = b.requests.size();
  b.pass(200ms);
  REQUIRE(b.requests.size() == before + 1);
  CHECK(b.asked() == "settle");
  b.store_says("settle", {"ENDED", ""});
  CHECK(b.over.size() == 1);
  CHECK(b.client->answers.size() == 1);
  CHECK(b.provider.calls.empty());
}

TEST_CASE("an overdue admission is a 503 at once, and ended if it comes all the same") {
  run_bench b;
  b.start_run();
  b.pass(500ms);
  CHECK(b.client->refusal() == errc::store_unavailable);
  CHECK(b.asked() == "admit");
  SECTION("it was admitted") {
    b.admit();
    CHECK(b.asked() == "settle");
    CHECK(b.provider.calls.empty());
    b.store_says("settle", {"OK", "{}"});
  }
  SECTION("it was refused") {
    b.store_says("admit", {"DAY"});
  }
  SECTION("it certainly never came") {
    b.store_says("admit", lost(store::fate::unavailable));
  }
  SECTION("nobody knows") {
    b.store_says("admit", lost(store::fate::unknown));
    CHECK(b.asked() == "settle");
    b.store_says("settle", {"ENDED", ""});
  }
  CHECK(b.over.size() == 1);
  CHECK(b.client->answers.size() == 1);
}

TEST_CASE("whoever joined a run whose admission was in doubt is told its record") {
  run_bench b;
  b.start_run();
  b.pass(500ms);
  auto waiting = b.join(join_run::purpose::wait);
  auto attached = b.join(join_run::purpose::attach);
  auto cancelling = b.join(join_run::purpose::cancel);
  b.admit();
  b.store_says("settle", {"OK", R"({"settled":true})"});
  CHECK(waiting->body() == json({{"settled", true}}));
  CHECK(attached->events == std::vector<std::string>{R"({"settled":true})"});
  CHECK(attached->ended);
  CHECK(cancelling->refusal() == errc::run_ended);
}

TEST_CASE("a cancel that comes before the node heard of the admission is carried out after it") {
  run_bench b;
  b.start_run();
  auto cancelling = b.join(join_run::purpose::cancel);
  b.admit();
  CHECK(b.last("finish")[2] == "cancelled");
  b.store_says("finish", {"OK"});
  CHECK(cancelling->body()["status"] == "cancelled");
  CHECK(b.client->body()["status"] == "cancelled");
}

TEST_CASE("with respond-async the running record is answered on admission, and nothing after it") {
  run_bench b;
  b.start_run({}, true);
  b.admit();
  REQUIRE(b.client->answers.size() == 1);
  const auto& first = b.client->answers[0];
  CHECK(first.how == outcome::success::accepted);
  CHECK(first.location == "/v1/runs/" + b.birth.admission.operation.text());
  CHECK(first.limits->day_left == 9);
  const auto record = json::parse(first.body);
  CHECK(record["status"] == "running");
  CHECK(record["duration_ms"].is_null());
  CHECK(record["tokens_used"] == 0);
  b.provider.completes("done");
  b.run();
  b.store_says("finish", {"OK"});
  CHECK(b.client->answers.size() == 1);
  CHECK(b.node->counters->operations_live == 0);
}
