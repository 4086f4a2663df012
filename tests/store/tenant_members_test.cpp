// The keys and agents of a tenant.
#include "store/counters.hpp"
#include "store/tenants.hpp"
#include "tests/store/tenant_bench.hpp"

#include <atomic>
#include <thread>

using namespace ares;
using namespace ares::tests;

// -- keys ---------------------------------------------------------------------

TEST_CASE("a key is listed until it is revoked, and revoked once") {
  tenant_bench b;
  auto t = b.make("acme");
  auto first = b.tenants.create_key(t, {"first", std::nullopt}, admin);
  auto second = b.tenants.create_key(t, {R"(se"co|nd)", 1}, admin);
  REQUIRE(first);
  REQUIRE(second);
  b.ask({"HSET", keys::last_used(t), first->id.text(), "1773411720"});

  auto listed = b.tenants.list_keys(t, {});
  REQUIRE(listed);
  REQUIRE(listed->items.size() == 2);
  CHECK(listed->items[0].name == R"(se"co|nd)");
  CHECK(listed->items[1].last_used_s == 1773411720);
  auto part = b.tenants.list_keys(t, {1, {}});
  REQUIRE(part->next);
  CHECK(b.tenants.list_keys(t, {1, *part->next})->items[0].id == first->id.text());

  auto other = b.make("other");
  CHECK(refusal(b.tenants.revoke_key(other, first->id, admin)) == errc::not_found);
  auto v = b.version(t);
  REQUIRE(b.tenants.revoke_key(t, first->id, {"key:" + first->id.text(), "r"}));
  CHECK(b.version(t) != v);
  CHECK(b.ask({"EXISTS", keys::key_hint(first->secret.hash())}).integer == 0);
  CHECK(b.ask({"HEXISTS", keys::tenant(t), "k:" + first->secret.hash().hex()}).integer == 0);
  CHECK(b.ask({"HLEN", keys::last_used(t)}).integer == 0);
  CHECK(refusal(b.tenants.revoke_key(t, first->id, admin)) == errc::not_found);
  CHECK(b.tenants.list_keys(t, {})->items.size() == 1);
  CHECK(refusal(b.tenants.create_key(b.ids.make<tenant_id>(), {"k", {}}, admin)) ==
        errc::not_found);
}

// -- agents -------------------------------------------------------------------

TEST_CASE("an agent is made, changed and removed, and keeps its runs") {
  tenant_bench b;
  auto t = b.make("acme");
  auto made = b.tenants.create_agent(t, agent_named("risk"), admin);
  REQUIRE(made);
  CHECK(refusal(b.tenants.create_agent(t, agent_named("risk"), admin)) == errc::already_exists);

  auto changed = b.tenants.update_agent(
      t, "risk",
      [](const agent_record& now) -> result<agent_fields> {
        auto fields = now.fields;
        fields.active = false;
        fields.config["max_tokens"] = 9;
        return fields;
      },
      admin);
  REQUIRE(changed);
  CHECK(changed->agent.id == made->agent.id);
  CHECK(changed->agent.created_ms == made->agent.created_ms);
  auto seen = b.tenants.get_agent(t, "risk");
  REQUIRE(seen);
  CHECK_FALSE(seen->agent.fields.active);
  CHECK(seen->agent.fields.config.dump() ==
        R"({"model":"m","max_tokens":9,"system_prompt":"be"})"); // in the order given

  auto v = b.version(t);
  auto refuse = [](const agent_record&) -> result<agent_fields> {
    return error{errc::unknown_model, "no"};
  };
  auto refused = b.tenants.update_agent(t, "risk", refuse, admin);
  CHECK(refusal(refused) == errc::unknown_model);
  CHECK(b.version(t) == v);

  const auto run = b.ids.make<operation_id>().text();
  b.ask({"ZADD", keys::history(t, made->agent.id), "0", run});
  b.ask({"SET", keys::record(t, run), R"({"id":"x"})"});
  auto runs = b.tenants.list_runs(t, "risk", {});
  REQUIRE(runs);
  CHECK(runs->records == std::vector<std::string>{R"({"id":"x"})"});
  CHECK(runs->total == 1);
  REQUIRE(b.tenants.delete_agent(t, "risk", admin));
  CHECK(refusal(b.tenants.delete_agent(t, "risk", admin)) == errc::not_found);
  CHECK(refusal(b.tenants.list_runs(t, "risk", {})) == errc::not_found);
  CHECK(b.ask({"EXISTS", keys::record(t, run)}).integer == 1);
}

TEST_CASE("changes of one agent by several at once all count") {
  tenant_bench b;
  auto t = b.make("acme");
  REQUIRE(b.tenants.create_agent(t, agent_named("busy"), admin));
  std::atomic<int> done = 0;
  std::vector<std::thread> crowd;
  for (int who = 0; who < 3; ++who)
    crowd.emplace_back([&, who] {
      auto r = b.tenants.update_agent(
          t, "busy",
          [who](const agent_record& now) -> result<agent_fields> {
            auto fields = now.fields;
            fields.config["of" + std::to_string(who)] = who;
            return fields;
          },
          admin);
      done += r ? 1 : 0;
    });
  for (auto& c : crowd)
    c.join();
  CHECK(done == 3);
  CHECK(b.tenants.get_agent(t, "busy")->agent.fields.config.size() == 6);
}

TEST_CASE("agents are listed by name with their statistics") {
  tenant_bench b;
  auto t = b.make("acme");
  for (const char* name : {"c", "a", "b"})
    REQUIRE(b.tenants.create_agent(t, agent_named(name), admin));
  auto first = b.tenants.list_agents(t, {2, {}});
  REQUIRE(first);
  REQUIRE(first->items.size() == 2);
  CHECK(first->items[0].agent.name == "a");
  b.ask({"HSET", keys::usage(t), agent_field(first->items[1].agent.id),
         "4|2|1|1|7|40|1773411720123"});
  REQUIRE(first->next);
  auto second = b.tenants.list_agents(t, {2, *first->next});
  REQUIRE(second->items.size() == 1);
  CHECK_FALSE(second->next);
  auto counted = b.tenants.get_agent(t, "b");
  CHECK(counted->statistics.runs == 4);
  CHECK(counted->statistics.tokens == 7);
  CHECK(counted->statistics.duration_ms == 40);
  CHECK(counted->statistics.success_rate() == Approx(0.667));
  CHECK(counted->statistics.last_run_ms == 1773411720123);
}
