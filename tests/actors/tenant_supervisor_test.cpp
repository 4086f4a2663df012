#include "conf/limits.hpp"
#include "tests/actors/supervisor_bench.hpp"

using namespace ares;
using namespace ares::tests;

TEST_CASE("a run goes through admission, provider and store to its client") {
  supervisor_bench b;
  b.start();
  auto client = b.ask_run();
  REQUIRE(b.provider.calls.size() == 1);
  const auto admitted = b.last("admit");
  CHECK(admitted[1] == "r");
  CHECK(admitted[3] == b.secret.hash().hex());
  CHECK(admitted[4] == b.key.text());
  CHECK(admitted[5] == "1");
  CHECK(admitted[7] == b.agent.text());
  b.provider.completes("hello");
  b.run();
  CHECK(client->body()["status"] == "completed");
  CHECK(client->body()["agent_id"] == b.agent.text());
}

TEST_CASE("the last use of a key is noted once in a while") {
  supervisor_bench b;
  b.start();
  (void)b.ask_chat();
  (void)b.ask_chat();
  CHECK(b.last("admit")[4].empty());
  b.pass(4s, 100ms);
  (void)b.ask_chat();
  CHECK(b.last("admit")[4] == b.key.text());
}

TEST_CASE("a stale request is planned again with the newer tenant") {
  supervisor_bench b;
  b.start();
  b.version = 2;
  const auto known_version = [](const auto& o) { return o[0] == "admit" ? o[5] : o[3]; };
  b.on_operation = [&](const auto& o) {
    if (known_version(o) == "1")
      return words({"STALE", "", ""});
    return o[0] == "admit" && o[8] == "1" ? words({"REFUSED", "", ""}) : usual_reply(o);
  };
  SECTION("a run") {
    auto client = b.ask_run();
    CHECK(b.loads == 2);
    CHECK(b.provider.calls.size() == 1);
    CHECK(client->answers.empty());
  }
  SECTION("a run that is refused at first") {
    b.status = "disabled";
    CHECK(b.ask_run()->refusal() == errc::agent_disabled);
    CHECK(b.loads == 2);
  }
  SECTION("an unknown agent") {
    auto client = b.ask_run("gone");
    CHECK(client->refusal() == errc::not_found);
  }
  SECTION("a read") {
    auto client = b.ask(show_run{b.node->ids->make<operation_id>()});
    CHECK(client->refusal() == errc::not_found);
  }
  CHECK(known_version(b.operations.back()) == "2");
}

TEST_CASE("a key that the store does not know any more is a 401") {
  supervisor_bench b;
  b.start();
  b.on_operation = [](const auto&) { return words({"NOKEY", "", ""}); };
  CHECK(b.ask_run()->refusal() == errc::unauthorized);
  CHECK(b.ask(show_usage{})->refusal() == errc::unauthorized);
}

TEST_CASE("agents that are not there are a 404, disabled ones a 409, both behind the key check") {
  supervisor_bench b;
  b.start();
  CHECK(b.ask_run("gone")->refusal() == errc::not_found);
  CHECK(b.last("check")[4] == "1"); // and count as a call
  start_chat chat;
  chat.agent_type = "gone";
  CHECK(b.ask(chat)->refusal() == errc::not_found);
  chat.agent_type.clear();
  chat.model = "gone";
  CHECK(b.ask(chat)->refusal() == errc::unknown_model);

  supervisor_bench disabled;
  disabled.status = "disabled";
  disabled.on_operation = [](const auto& o) {
    return o[0] == "admit" ? words({"REFUSED", "", ""}) : usual_reply(o);
  };
  disabled.start();
  CHECK(disabled.ask_run()->refusal() == errc::agent_disabled);
}

TEST_CASE("above max_in_flight the three executing endpoints are a 429, reads are not") {
  supervisor_bench b;
  b.max_in_flight = 1;
  b.start();
  auto first = b.ask_run();
  for (const auto& client :
       {b.ask_run(), b.ask_chat(), b.ask_run("gone"), b.ask(refused_call{{}, true})}) {
    CHECK(client->refusal() == errc::rate_limited);
    CHECK(client->answers[0].failure->message == "Rate limit exceeded");
    CHECK(client->answers[0].retry_after);
  }
  CHECK(b.count("admit") == 1);
  CHECK(b.ask(show_run{b.node->ids->make<operation_id>()})->refusal() == errc::not_found);
  b.provider.completes("hello");
  b.run();
  CHECK(first->answers.size() == 1);
  CHECK(b.ask_chat()->answers.empty());
  CHECK(b.count("admit") == 2);
}

TEST_CASE("a repeat of an idempotency key waits for the live run, and is marked") {
  supervisor_bench b;
  b.start();
  auto first = b.ask_run();
  const auto run = b.last("admit")[2], head = b.last("admit")[15];
  b.on_operation = [&](const auto& o) {
    if (o[0] == "admit")
      return words({"REPLAY", run});
    if (o[0] == "check")
      return words({"OK", head + R"("output":null,"tokens_used":0})", "r|i|2026-03-13|0|1|a"});
    return usual_reply(o);
  };
  auto repeat = b.ask_run();
  CHECK(repeat->answers.empty());
  b.provider.completes("hello");
  b.run();
  REQUIRE(repeat->answers.size() == 1);
  CHECK(repeat->answers[0].replayed);
  CHECK(repeat->answers[0].body == first->answers.at(0).body);
  CHECK(b.provider.calls.size() == 1);
}

TEST_CASE("a crash of a run is settled as failed, and harms nobody else") {
  supervisor_bench b;
  b.start();
  auto unharmed = b.ask_run();
  auto crashed = b.ask_run();
  const auto run = b.last("admit")[2];
  b.on_operation = [](const auto& o) {
    return o[0] == "settle" ? words({"OK", R"({"status":"failed"})"}) : usual_reply(o);
  };
  b.crash_run();
  CHECK(b.last("settle").at(1) == run);
  CHECK(b.last("settle").at(2) == "failed");
  CHECK(crashed->body() == json({{"status", "failed"}}));
  CHECK(unharmed->answers.empty());
  CHECK(b.node->counters->operations_live == 1);
  completion c;
  c.content = "hello";
  caf::anon_send(b.provider.calls[0].listener, completion_done{1, c});
  b.run();
  CHECK(unharmed->body()["status"] == "completed");
}

TEST_CASE("a run that crashes during its admission is settled until that can come no more") {
  supervisor_bench b;
  b.start();
  b.on_command = [&](const store_command& c) -> std::optional<store::answer> {
    if (is_batch(c) && operations_of(c)[0][0] == "admit")
      return std::nullopt;
    return b.reply_to(c);
  };
  const auto before = b.wake_ups->waiting;
  auto client = b.ask_run();
  const auto sent = operations_of(b.held.at(0)).at(0);
  for (const auto& [ticket, who] : b.wake_ups->waiting)
    if (!before.contains(ticket))
      caf::anon_send_exit(who, caf::exit_reason::unhandled_exception);
  b.run();
  b.on_operation = [](const auto& o) {
    return o[0] == "settle" ? words({"EARLY"}) : usual_reply(o);
  };
  b.answer(b.held[0], lost(store::fate::unknown));
  b.pass(100ms);
  REQUIRE(b.count("settle") == 1);
  CHECK(b.last("settle")[1] == sent[2]);
  CHECK(b.last("settle")[4] == sent[6]); // not_after
  CHECK(client->answers.empty());
  b.on_operation = [](const auto& o) {
    return o[0] == "settle" ? words({"ENDED", ""}) : usual_reply(o);
  };
  b.pass(100ms);
  CHECK(b.count("settle") == 2);
  CHECK(client->refusal() == errc::internal);
}

TEST_CASE("a chat that crashes is a 500, and counted") {
  supervisor_bench b;
  b.start();
  auto client = b.ask_chat();
  b.on_operation = [](const auto& o) {
    return o[0] == "settle" ? words({"OK", ""}) : usual_reply(o);
  };
  b.crash_run();
  CHECK(b.count("settle") == 1);
  CHECK(client->refusal() == errc::internal);
}

TEST_CASE("the successor of a crashed supervisor ends what is open under this incarnation") {
  supervisor_bench b;
  const auto ours = b.node->ids->make<operation_id>().text(),
             theirs = b.node->ids->make<operation_id>().text();
  b.start(true);
  REQUIRE(b.held.size() == 1);
  const auto look = b.held[0];
  CHECK(look.what.arguments[0] == "HGETALL");
  SECTION("at once") {}
  SECTION("after the store was away, with a pause between two looks") {
    b.answer(look, lost(store::fate::unavailable));
    CHECK(b.held.size() == 1);
    b.pass(100ms);
    REQUIRE(b.held.size() == 2);
  }
  const auto own = b.node->incarnation->get()->text();
  b.answer(look, answered(words({ours, "r|" + own + "|2026-03-13|0|1|some-agent", theirs,
                                 "r|another|2026-03-13|0|1|some-agent"})));
  CHECK(b.count("settle") == 1);
  CHECK(b.last("settle")[1] == ours);
  // And once more, when no admission that was under way can come any more.
  const auto looks = b.held.size();
  b.pass(2 * limits::admission_wait, 10ms);
  CHECK(b.held.size() == looks + 1);
  b.answer(b.held.back(), answered(words({})));
  b.pass(2s, 100ms);
  CHECK(b.held.size() == looks + 1);
}

TEST_CASE("a tenant that cannot be read is a 503, one that is gone a 401") {
  supervisor_bench b;
  b.on_command = [](const store_command&) { return std::nullopt; };
  b.start();
  auto client = b.ask_run();
  CHECK(client->answers.empty());
  SECTION("away") {
    b.answer(b.held[0], lost(store::fate::unavailable));
    CHECK(client->refusal() == errc::store_unavailable);
  }
  SECTION("gone") {
    b.answer(b.held[0], answered(array_reply({words({}), words({})})));
    CHECK(client->refusal() == errc::unauthorized);
  }
}

// -- passivation ------------------------------------------------------------------

TEST_CASE("an idle tenant leaves, and takes its keys out of the table first") {
  supervisor_bench b;
  b.settings->conf.tenant_idle = 10s;
  b.start();
  auto probe = std::make_shared<api_request>();
  probe->key = b.secret.hash();
  probe->call = show_usage{};
  probe->from = std::make_shared<test_client>();
  CHECK(b.table->forward(probe));
  b.run();
  b.pass(9s, 100ms);
  CHECK(b.idle.empty());
  b.pass(2s, 100ms);
  REQUIRE(b.idle.size() == 1);
  CHECK_FALSE(b.table->forward(probe));
  SECTION("and goes when it is let go") {
    caf::anon_send(b.supervisor, leave_now{});
    b.run();
    CHECK(b.stays.empty());
    CHECK(b.node->counters->tenants_active == 0);
  }
  SECTION("but stays if someone came just then") {
    auto client = b.ask_run();
    CHECK(b.provider.calls.size() == 1);
    caf::anon_send(b.supervisor, leave_now{});
    b.run();
    CHECK(b.stays.size() == 1);
    CHECK(b.table->forward(probe));
    b.run();
  }
}

TEST_CASE("a tenant with a live run is not idle") {
  supervisor_bench b;
  b.settings->conf.tenant_idle = 10s;
  b.start();
  auto client = b.ask_run();
  b.pass(60s, 1s);
  CHECK(b.idle.empty());
  b.provider.completes("hello");
  b.run();
  b.pass(21s, 1s);
  CHECK(b.idle.size() == 1);
}
