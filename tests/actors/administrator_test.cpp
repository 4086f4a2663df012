#include "actors/administrator.hpp"
#include "store/counters.hpp"
#include "store/keys.hpp"
#include "tests/catch.hpp"
#include "tests/store/test_server.hpp"

#include <future>

using namespace ares;

namespace {

std::shared_ptr<config> some_config() {
  auto conf = std::make_shared<config>();
  conf->tiers["free"] = {1000, 100000, 100, {}};
  conf->tiers["pro"] = {100000, 10000000, 10000, {}};
  conf->tiers["enterprise"] = {};
  conf->providers["sim"].name = "sim";
  conf->models["m"] = {"m", "sim", "m", {}, {}, {}};
  conf->templates["generic"] = {{"risk-analyzer", "classifier", json{{"model", "m"}}},
                                {"writer", "author", json{{"model", "m"}, {"max_tokens", 9}}}};
  return conf;
}

struct bench {
  tests::test_server server;
  store_clock clock;
  store::redis connection{{server.url()}, clock};
  id_generator ids{[this] { return clock.now_ms(); }};
  std::shared_ptr<store::tenant_store> tenants =
      std::make_shared<store::tenant_store>(connection, clock, ids);
  std::shared_ptr<config> conf = some_config();

  administration_parts parts() {
    return {tenants, [this] { return conf; },
            [](std::string_view name) { return name == "calculator"; },
            [](const json& schema) -> std::optional<std::string> {
              if (schema.contains("bad"))
                return "bad schema";
              return std::nullopt;
            }};
  }
  administration admin{parts()};

  admin_answer ask(const admin_request& r) { return admin.execute(r, {"admin", "request-1"}); }

  ordered_json body(const admin_request& r, int status) {
    auto a = ask(r);
    INFO((a.refused ? a.refused->message : a.json));
    REQUIRE_FALSE(a.refused);
    CHECK(a.status == status);
    return a.json.empty() ? ordered_json() : ordered_json::parse(a.json);
  }

  errc refusal(const admin_request& r) {
    auto a = ask(r);
    REQUIRE(a.refused);
    return a.refused->code;
  }

  tenant_id tenant(const std::string& name) {
    return *tenant_id::parse(
        body(admin::create_tenant{name, "free", {}}, 201)["id"].get<std::string>());
  }
};

std::vector<std::string> names_of(const ordered_json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items())
    names.push_back(name);
  return names;
}

admin::create_agent agent(const tenant_id& t, const std::string& name, ordered_json config) {
  return {t, {name, {"classifier", true, std::move(config)}}};
}

} // namespace

// -- provisioning -------------------------------------------------------------

TEST_CASE("provisioning gives a client everything it needs, or nothing") {
  bench b;
  auto made = b.body(admin::provision_client{"acme", "pro", "generic", "first"}, 201);
  CHECK(names_of(made) == std::vector<std::string>{"tenant_id", "tenant_name", "tier",
                                                   "product_type", "api_key_id", "api_key_prefix",
                                                   "raw_api_key", "agents_created"});
  CHECK(made["agents_created"] == ordered_json({"risk-analyzer", "writer"}));
  auto secret = api_key_secret::parse(made["raw_api_key"].get<std::string>());
  REQUIRE(secret);
  CHECK(made["api_key_prefix"] == secret->prefix());
  const auto t = *tenant_id::parse(made["tenant_id"].get<std::string>());
  CHECK(b.body(admin::show_agent{t, "writer"}, 200)["config"] ==
        ordered_json({{"max_tokens", 9}, {"model", "m"}}));

  using admin::provision_client;
  CHECK(b.refusal(provision_client{"new", "gold", "generic", "k"}) == errc::unknown_tier);
  CHECK(b.refusal(provision_client{"new", "pro", "none", "k"}) == errc::unknown_product_type);
  CHECK(b.refusal(provision_client{"acme", "pro", "none", "k"}) == errc::already_exists);
  CHECK(b.refusal(provision_client{"acme", "pro", "generic", "k"}) == errc::already_exists);
  CHECK(b.body(admin::list_tenants{}, 200)["tenants"].size() == 1);
}

// -- tenants ------------------------------------------------------------------

TEST_CASE("a tenant shows the figures that hold now") {
  bench b;
  auto t = b.tenant("acme");
  auto seen = b.body(admin::show_tenant{t}, 200);
  CHECK(names_of(seen) == std::vector<std::string>{"id", "name", "tier", "quota_runs",
                                                   "quota_tokens", "requests_per_day",
                                                   "agent_count", "created_at"});
  CHECK(seen["quota_runs"] == 1000);
  auto changed = b.body(
      admin::change_quota{t, {{}, store::own_figure{true, 5}, store::own_figure{true, {}}, {}}},
      200);
  CHECK(changed["quota_runs"] == 5);
  CHECK(changed["quota_tokens"].is_null());
  b.conf->tiers["free"].requests_per_day = 77;
  CHECK(b.body(admin::show_tenant{t}, 200)["requests_per_day"] == 77);
  CHECK(b.refusal(admin::change_quota{t, {"gold", {}, {}, {}}}) == errc::unknown_tier);
  const auto nobody = b.ids.make<tenant_id>();
  CHECK(b.refusal(admin::change_quota{nobody, {"gold", {}, {}, {}}}) == errc::not_found);
  CHECK(b.refusal(admin::show_tenant{nobody}) == errc::not_found);
  CHECK(b.body(admin::list_tenants{{}, "acme"}, 200)["tenants"][0]["id"] == t.text());
  CHECK(b.body(admin::list_tenants{{}, "other"}, 200)["tenants"].empty());
  CHECK(b.body(admin::delete_tenant{t}, 204).is_null());
  CHECK(b.refusal(admin::delete_tenant{t}) == errc::not_found);
}

// -- agents -------------------------------------------------------------------

TEST_CASE("an agent's names are looked up and its schema checked") {
  bench b;
  auto t = b.tenant("acme");
  auto made = b.body(agent(t, "a", {{"model", "m"}, {"tools", {"calculator"}}}), 201);
  CHECK(names_of(made) == std::vector<std::string>{"id", "name", "agent_type", "status", "config",
                                                   "created_at", "last_run", "total_runs",
                                                   "success_rate"});
  CHECK(made["last_run"].is_null());
  CHECK(made["success_rate"] == 0);
  CHECK(b.refusal(agent(t, "b", {{"model", "x"}})) == errc::unknown_model);
  CHECK(b.refusal(agent(t, "b", {{"model", "m"}, {"fallback_models", {"x"}}})) ==
        errc::unknown_model);
  CHECK(b.refusal(agent(t, "b", {{"model", "m"}, {"tools", {"hammer"}}})) == errc::unknown_tool);
  CHECK(b.refusal(agent(t, "b", {{"model", "m"}, {"output_schema", {{"bad", 1}}}})) ==
        errc::invalid_request);
  CHECK(b.refusal(agent(t, "a", {{"model", "x"}})) == errc::already_exists);
  CHECK(b.refusal(agent(b.ids.make<tenant_id>(), "a", {{"model", "x"}})) == errc::not_found);
}

TEST_CASE("an update merges, null removes, and what is invalid changes nothing") {
  bench b;
  auto t = b.tenant("acme");
  b.body(agent(t, "a", {{"model", "m"}, {"max_tokens", 5}, {"temperature", 0.5}}), 201);
  auto changed =
      b.body(admin::update_agent{t, "a", "other", false,
                                 ordered_json{{"max_tokens", 6}, {"temperature", nullptr}}},
             200);
  CHECK(changed["agent_type"] == "other");
  CHECK(changed["status"] == "disabled");
  CHECK(changed["config"] == ordered_json({{"model", "m"}, {"max_tokens", 6}}));

  const auto update = [&](ordered_json config) {
    return admin::update_agent{t, "a", {}, true, std::move(config)};
  };
  CHECK(b.refusal(update({{"model", nullptr}})) == errc::invalid_request);
  CHECK(b.refusal(update({{"max_tokens", "many"}})) == errc::invalid_request);
  CHECK(b.refusal(update({{"model", "x"}})) == errc::unknown_model);
  CHECK(b.body(admin::show_agent{t, "a"}, 200)["status"] == "disabled");
  CHECK(b.refusal(admin::update_agent{t, "none", {}, {}, {}}) == errc::not_found);
}

// -- keys ---------------------------------------------------------------------

TEST_CASE("a tenant's own new key is answered as the V1 API says") {
  bench b;
  auto t = b.tenant("acme");
  auto made = b.body(admin::create_key{t, {"k", 365}, admin::create_key::answer_shape::v1}, 201);
  CHECK(names_of(made) == std::vector<std::string>{"key", "secret"});
  auto other = b.body(admin::create_key{t, {"k", {}}}, 201);
  CHECK(names_of(other) == std::vector<std::string>{"id", "prefix", "raw_key", "created_at"});
  auto listed = b.body(admin::list_keys{t, {}}, 200)["keys"];
  REQUIRE(listed.size() == 2);
  CHECK(listed[0]["expires_at"].is_null());
  CHECK(listed[1]["expires_at"].is_string());
  CHECK(
      b.body(admin::revoke_key{t, *key_id::parse(made["key"].get<std::string>())}, 204).is_null());
}

// -- platform -----------------------------------------------------------------

TEST_CASE("the platform's agents are listed by name over all tenants") {
  bench b;
  auto one = b.tenant("one"), two = b.tenant("two");
  b.body(agent(one, "a", {{"model", "m"}}), 201);
  b.body(agent(two, "b", {{"model", "m"}}), 201);
  b.body(agent(one, "c", {{"model", "m"}}), 201);
  auto first = b.body(admin::list_all_agents{{2, {}}}, 200);
  REQUIRE(first["agents"].size() == 2);
  CHECK(first["agents"][1]["tenant_name"] == "two");
  auto second = b.body(admin::list_all_agents{{2, first["next"].get<std::string>()}}, 200);
  CHECK(second["agents"][0]["name"] == "c");
  CHECK(second["next"].is_null());
  CHECK(b.body(admin::show_platform{}, 200)["total_agents"] == 3);
  CHECK(b.body(admin::list_models{}, 200)["models"][0]["name"] == "m");
  CHECK(b.body(admin::list_templates{"generic"}, 200)["templates"].size() == 2);
  CHECK(b.body(admin::list_templates{"none"}, 200)["templates"].empty());
  CHECK(b.body(admin::list_nodes{}, 200)["nodes"].empty());
}

TEST_CASE("who used most of a quota is reported") {
  bench b;
  auto t = b.tenant("acme");
  b.tenant("idle");
  store::blocking_calls raw(b.connection);
  const auto month = store::month_field(utc_day(b.clock.now_ms()).substr(0, 7));
  REQUIRE(raw.call({"HSET", store::keys::usage(t), month, "800|79999|0"}));
  auto alerts = b.body(admin::list_alerts{}, 200)["alerts"];
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0]["kind"] == "quota_runs");
  CHECK(alerts[0]["percent"] == 80.0);
  auto usage = b.body(admin::show_usage{t}, 200);
  CHECK(usage["total_runs"] == 800);
  CHECK(usage["quota_runs"] == 1000);
  CHECK(usage["daily_usage"].empty());
  CHECK(b.body(admin::show_daily_usage{t, 7}, 200)["averages"]["runs_per_day"] == 0.0);
}

TEST_CASE("every change is in the audit log as soon as it is answered") {
  bench b;
  auto t = b.tenant("acme");
  b.body(agent(t, "a", {{"model", "m"}}), 201);
  auto entries = b.body(admin::read_audit_log{}, 200)["entries"];
  REQUIRE(entries.size() == 2);
  CHECK(entries[0]["action"] == "agent.create");
  CHECK(entries[0]["request_id"] == "request-1");
  CHECK(entries[0]["actor"] == "admin");
}

// -- the actor ----------------------------------------------------------------

namespace {

struct mailbox {
  std::shared_ptr<std::promise<admin_answer>> promise =
      std::make_shared<std::promise<admin_answer>>();
  std::future<admin_answer> answer = promise->get_future();

  admin_message message(admin_request r) {
    auto to = [p = promise](admin_answer a) { p->set_value(std::move(a)); };
    return {std::move(r), "admin", "request-1",
            std::make_shared<reply_duty<admin_answer>>(
                std::move(to), admin_answer::refusal({errc::draining, "gone"}))};
  }
};

} // namespace

TEST_CASE("administrators answer through the reply duty") {
  bench b;
  caf::actor_system_config settings;
  caf::actor_system system(settings);
  administrators all(system, b.parts());
  std::vector<mailbox> boxes(20);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    all.ask(boxes[i].message(admin::create_tenant{"same name", "free", {}}));
  int made = 0;
  for (auto& box : boxes)
    made += box.answer.get().status == 201 ? 1 : 0;
  CHECK(made == 1);
}

TEST_CASE("a request that reaches nobody is answered all the same") {
  bench b;
  caf::actor_system_config settings;
  caf::actor_system system(settings);
  mailbox late;
  {
    administrators all(system, b.parts());
    all.stop();
    all.ask(late.message(admin::list_models{}));
  }
  system.await_all_actors_done();
  CHECK(late.answer.get().refused->code == errc::draining);
}

TEST_CASE("more requests than can wait are refused at once") {
  bench b;
  caf::actor_system_config settings;
  caf::actor_system system(settings);
  administrators all(system, b.parts(), {1, 2, std::chrono::milliseconds(0)});
  b.server.suspend();
  std::vector<mailbox> boxes(6);
  for (auto& box : boxes)
    all.ask(box.message(admin::list_tenants{}));
  int refused = 0;
  for (auto& box : boxes)
    refused += box.answer.get().refused->code == errc::overloaded ? 1 : 0;
  CHECK(refused == 4);
  b.server.resume();
}

TEST_CASE("a reply duty answers once, and its fallback if nobody did") {
  std::vector<int> answers;
  {
    reply_duty<int> duty([&](int n) { answers.push_back(n); }, -1);
    duty.answer(1);
    duty.answer(2);
  }
  {
    reply_duty<int> dropped([&](int n) { answers.push_back(n); }, -1);
  }
  CHECK(answers == std::vector<int>{1, -1});
}
