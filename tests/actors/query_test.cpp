#include "actors/query.hpp"
#include "store/record.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

class bench : public actor_fixture {
public:
  bench() {
    accumulator = keep_alive(system.spawn([this]() -> usage_accumulator_actor::behavior_type {
      return {[this](store_request& r) { requests.push_back(std::move(r)); }, [](store_result&) {}};
    }));
    owner = keep_alive(system.spawn([this]() -> query_owner::behavior_type {
      return {[this](const request_returned& r) { returned.push_back(r); },
              [this](const find_run& f) { searches.push_back(f); }};
    }));
    auto t = std::make_shared<store::tenant_snapshot>();
    t->id = tenant;
    t->version = 3;
    auto agent = std::make_shared<store::agent_snapshot>();
    agent->id = node->ids->make<agent_id>();
    agent->name = "worker";
    agent->config_json = R"({"model":"m"})";
    agent->config.model = "m";
    t->agents["worker"] = agent;
    snapshot = t;
    running = store::running_record(
        store::record_head(run_id, agent->id.text(), R"({"message":"hi"})"), 1773411720000);
    ended = store::ended_record(store::record_head(run_id, agent->id.text(), R"({"message":"hi"})"),
                                1773411720000, {{store::ending::completed, 5, 6}, "{}", "null"});
  }
  ~bench() {
    searches.clear();
    stop();
  }

  void ask(api_call call) {
    auto r = std::make_shared<api_request>();
    r->call = std::move(call);
    r->from = client;
    auto as_sent = std::make_shared<api_request>(*r);
    sent = as_sent;
    actor = keep_alive(spawn_query(
        system,
        {node, snapshot, accumulator, owner, r, as_sent, {{sha256("key"), "stamp"}, 3, true}}));
    run();
  }
  void store_says(store::answer a) {
    REQUIRE_FALSE(requests.empty());
    caf::anon_send(requests.back().listener, store_result{requests.back().tag, std::move(a)});
    run();
  }
  void store_says(std::vector<store::reply> items) {
    items.insert(items.begin(), text_reply("OK"));
    store_says(answered(array_reply(std::move(items))));
  }
  void store_shows(const std::string& record) {
    store_says(
        {text_reply(record), text_reply(record == running ? "r|i|2026-03-13|42|1|the-agent" : "")});
  }
  void nobody_has_it() {
    REQUIRE(searches.size() == 1);
    caf::anon_send(searches[0].asker, run_not_here{});
    run();
  }
  [[nodiscard]] const std::vector<std::string>& asked() const {
    return requests.back().what.arguments;
  }

  usage_accumulator_actor accumulator;
  query_owner owner;
  query_actor actor;
  std::vector<store_request> requests;
  std::vector<request_returned> returned;
  std::vector<find_run> searches;
  std::shared_ptr<const store::tenant_snapshot> snapshot;
  std::shared_ptr<test_client> client = std::make_shared<test_client>();
  api_request_ptr sent;
  operation_id run_id = node->ids->make<operation_id>();
  std::string running, ended;
};

} // namespace

TEST_CASE("a query checks its key in the store and counts as a call") {
  bench b;
  b.ask(show_run{b.run_id});
  CHECK(b.asked()[0] == "check");
  CHECK(b.asked()[1] == sha256("key").hex());
  CHECK(b.asked()[2] == "stamp");
  CHECK(b.asked()[3] == "3");
  CHECK(b.asked()[4] == "1");
  b.store_shows(b.ended);
  CHECK(b.client->answers.at(0).body == b.ended);
}

TEST_CASE("a running run shows what is known of its tokens") {
  bench b;
  b.ask(show_run{b.run_id});
  b.store_shows(b.running);
  CHECK(b.client->body()["status"] == "running");
  CHECK(b.client->body()["tokens_used"] == 42);
}

TEST_CASE("a query that the store finds stale or without key goes back as it was sent") {
  for (auto [word, why] : {std::pair("STALE", request_returned::reason::stale),
                           std::pair("NOKEY", request_returned::reason::no_key)}) {
    bench b;
    b.ask(show_usage{});
    b.store_says(answered(words({word})));
    REQUIRE(b.returned.size() == 1);
    CHECK(b.returned[0].why == why);
    CHECK(b.returned[0].request == b.sent);
    CHECK(b.client->answers.empty());
  }
}

TEST_CASE("what cannot be read now is a 503, what is not there a 404") {
  bench b;
  SECTION("away") {
    b.ask(show_run{b.run_id});
    b.store_says(lost(store::fate::unavailable));
    CHECK(b.client->refusal() == errc::store_unavailable);
  }
  SECTION("no run") {
    b.ask(show_run{b.run_id});
    b.store_shows("");
    CHECK(b.client->refusal() == errc::not_found);
  }
  SECTION("no agent") {
    b.ask(show_agent{"gone"});
    b.store_says(std::vector<store::reply>{});
    CHECK(b.client->refusal() == errc::not_found);
  }
  SECTION("no agent's runs") {
    b.ask(list_runs{"gone", {}});
    b.store_says(std::vector<store::reply>{});
    CHECK(b.client->refusal() == errc::not_found);
  }
}

TEST_CASE("a page past the end is an empty list with the true total") {
  bench b;
  b.ask(list_agents{{5, 20}});
  b.store_says(std::vector<store::reply>{});
  CHECK(b.client->body() ==
        json({{"agents", json::array()}, {"total", 1}, {"page", 5}, {"per_page", 20}}));
}

// -- cancel ---------------------------------------------------------------------

TEST_CASE("a cancel goes to the run if it lives here") {
  bench b;
  b.ask(cancel_run{b.run_id});
  b.store_shows(b.running);
  REQUIRE(b.searches.size() == 1);
  CHECK(b.searches[0].operation == b.run_id);
  CHECK(b.searches[0].join.why == join_run::purpose::cancel);
  CHECK(b.searches[0].join.from == b.client);
  CHECK(b.client->answers.empty());
}

TEST_CASE("a run that has ended cannot be cancelled") {
  bench b;
  b.ask(cancel_run{b.run_id});
  b.store_shows(b.ended);
  CHECK(b.client->refusal() == errc::run_ended);
}

TEST_CASE("a run that another node has is cancelled through the store after 2 s") {
  bench b;
  b.ask(cancel_run{b.run_id});
  b.store_shows(b.running);
  b.nobody_has_it();
  for (int i = 0; i < 9; ++i) {
    b.pass(200ms);
    CHECK(b.asked()[0] == "check");
    b.store_shows(b.running);
  }
  b.pass(200ms);
  b.store_shows(b.running);
  REQUIRE(b.asked()[0] == "settle");
  CHECK(b.asked()[2] == "cancelled");
  CHECK(b.requests.back().what.keys[0].find(b.run_id.text()) != std::string::npos);
  SECTION("and that is what the client is told") {
    b.store_says({text_reply(R"({"status":"cancelled"})")});
    CHECK(b.client->body()["status"] == "cancelled");
  }
  SECTION("also where the first answer was lost, or another cancelled it") {
    auto cancelled = b.running;
    cancelled.replace(cancelled.find("running"), 7, "cancelled");
    b.store_says(answered(words({"ENDED", cancelled})));
    CHECK(b.client->body()["status"] == "cancelled");
  }
  SECTION("but not where it came to its own end just then") {
    b.store_says(answered(words({"ENDED", b.ended})));
    CHECK(b.client->refusal() == errc::run_ended);
  }
}

TEST_CASE("the looks at a run of another node check no key and count no call") {
  bench b;
  b.ask(cancel_run{b.run_id});
  b.store_shows(b.running);
  b.nobody_has_it();
  b.pass(200ms);
  CHECK(b.asked()[1].empty());
  CHECK(b.asked()[4].empty());
  b.store_shows(b.ended);
  CHECK(b.client->refusal() == errc::run_ended);
}

// -- attach ---------------------------------------------------------------------

TEST_CASE("who attaches to a run that has ended gets its record as the only event") {
  bench b;
  b.ask(attach_run{b.run_id});
  b.store_shows(b.ended);
  CHECK(b.client->events == std::vector<std::string>{b.ended});
  CHECK(b.client->ended);
}

TEST_CASE("who attaches to a run of another node gets comments, then its record") {
  bench b;
  b.ask(attach_run{b.run_id});
  b.store_shows(b.running);
  b.nobody_has_it();
  CHECK(b.client->streams == 1);
  CHECK(b.client->comments == 1);
  for (int i = 0; i < 80; ++i) {
    b.pass(200ms);
    b.store_shows(b.running);
  }
  CHECK(b.client->comments == 2);
  SECTION("which ends") {
    b.pass(200ms);
    b.store_shows(b.ended);
    CHECK(b.client->events == std::vector<std::string>{b.ended});
    CHECK(b.client->ended);
  }
  SECTION("also when the store was away for a while") {
    b.pass(200ms);
    b.store_says(lost(store::fate::unavailable));
    CHECK_FALSE(b.client->ended);
    CHECK(b.client->answers.empty());
    b.pass(200ms);
    b.store_shows(b.ended);
    CHECK(b.client->events == std::vector<std::string>{b.ended});
  }
  SECTION("unless it is removed with its tenant") {
    b.pass(200ms);
    b.store_shows("");
    CHECK(b.client->ended);
    CHECK(b.client->answers.empty());
  }
  SECTION("unless the client leaves") {
    b.client->leaves();
    b.run();
    CHECK(b.wake_ups->waiting.empty());
  }
}

// -- replay ---------------------------------------------------------------------

TEST_CASE("a repeat gets the ended run, marked") {
  bench b;
  b.ask(replay_run{b.run_id, true, 1s});
  b.store_shows(b.ended);
  CHECK(b.client->answers.at(0).replayed);
  CHECK(b.client->answers[0].how == outcome::success::ok);
  CHECK(b.client->answers[0].body == b.ended);
}

TEST_CASE("a repeat that does not wait gets the running run as a 202") {
  bench b;
  b.ask(replay_run{b.run_id, true, 1s});
  b.store_shows(b.running);
  CHECK(b.client->answers.at(0).replayed);
  CHECK(b.client->answers[0].how == outcome::success::accepted);
  CHECK(b.client->answers[0].location == "/v1/runs/" + b.run_id.text());
  CHECK(b.client->body()["tokens_used"] == 42);
}

TEST_CASE("a repeat waits for a run of another node as long as the agent's time limit") {
  bench b;
  b.ask(replay_run{b.run_id, false, 500ms});
  b.store_shows(b.running);
  CHECK(b.searches.at(0).join.replayed);
  b.nobody_has_it();
  b.pass(200ms);
  b.store_shows(b.running);
  SECTION("and gets it") {
    b.pass(200ms);
    b.store_shows(b.ended);
    CHECK(b.client->answers.at(0).body == b.ended);
    CHECK(b.client->answers[0].replayed);
  }
  SECTION("or a 503") {
    b.pass(200ms);
    b.store_shows(b.running);
    b.pass(200ms);
    b.store_shows(b.running);
    CHECK(b.client->refusal() == errc::store_unavailable);
  }
}

TEST_CASE("what the edge refused is answered once the key proved good") {
  bench b;
  b.ask(refused_call{{errc::invalid_request, "input.message is required"}, true});
  CHECK(b.client->answers.empty());
  b.store_says(std::vector<store::reply>{});
  CHECK(b.client->refusal() == errc::invalid_request);
}
