#include "conf/json.hpp"
#include "store/tenant_snapshot.hpp"
#include "tests/store/tenant_bench.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

std::shared_ptr<const tenant_snapshot> read_now(tenant_bench& b, const tenant_id& t) {
  const auto a = b.connection.call(tenant_read(t));
  REQUIRE(a.what == fate::done);
  return read_tenant(t, a.value);
}

reply text(const std::string& s) {
  return {reply::kind::text, 0, s, {}};
}

reply tenant_reply(const std::vector<std::string>& fields,
                   const std::vector<std::string>& agents = {}) {
  reply r{reply::kind::array,
          0,
          "",
          {{reply::kind::array, 0, "", {}}, {reply::kind::array, 0, "", {}}}};
  for (const auto& f : fields)
    r.items[0].items.push_back(text(f));
  for (const auto& a : agents)
    r.items[1].items.push_back(text(a));
  return r;
}

const tenant_id some_tenant = *tenant_id::parse("01890a5d-ac96-774b-bcce-b302099a8057");

} // namespace

TEST_CASE("a tenant as administration made it is read whole") {
  tenant_bench b;
  auto created = b.tenants.create({"acme",
                                   "dev",
                                   {own_figure{true, 7}, own_figure{true, std::nullopt}, {}},
                                   {agent_named("b"), agent_named("a")},
                                   new_key{"first", 30}},
                                  admin);
  REQUIRE(created);
  const auto t = read_now(b, created->tenant.id);
  REQUIRE(t);
  CHECK(t->id == created->tenant.id);
  CHECK(t->name == "acme");
  CHECK(t->tier == "dev");
  CHECK(std::to_string(t->version) == b.version(t->id));
  CHECK(t->created_ms == created->tenant.created_ms);
  CHECK(t->quota_runs.given);
  CHECK(t->quota_runs.figure == 7);
  CHECK(t->quota_tokens.given);
  CHECK_FALSE(t->quota_tokens.figure);
  CHECK_FALSE(t->requests_per_day.given);

  REQUIRE(t->keys.size() == 1);
  const auto& [hash, key] = *t->keys.begin();
  CHECK(hash == created->key->secret.hash().hex());
  CHECK(key.id == created->key->id);
  CHECK(key.name == "first");
  CHECK(key.prefix == created->key->secret.prefix());
  CHECK(key.created_s == created->key->created_s);
  CHECK(key.expires_s == key.created_s + 30 * 86400);

  REQUIRE(t->agents.size() == 2);
  const auto& a = *t->agents.at("a");
  CHECK(a.name == "a");
  CHECK(a.agent_type == "classifier");
  CHECK(a.active);
  CHECK(a.config.model == "m");
  CHECK(a.config_json == R"({"model":"m","max_tokens":5,"system_prompt":"be"})"); // in its order
  CHECK(a.created_ms > 0);
}

TEST_CASE("a key without an end and a disabled agent are read as such") {
  tenant_bench b;
  const auto t = b.make("acme");
  REQUIRE(b.tenants.create_key(t, {"for ever", {}}, admin));
  auto agent = agent_named("a");
  agent.fields.active = false;
  REQUIRE(b.tenants.create_agent(t, agent, admin));
  const auto seen = read_now(b, t);
  REQUIRE(seen);
  CHECK(seen->keys.begin()->second.expires_s == 0);
  CHECK_FALSE(seen->agents.at("a")->active);
}

TEST_CASE("a tenant that is not active is none") {
  tenant_bench b;
  const auto t = b.make("acme");
  CHECK(read_now(b, t));
  for (const auto* state : {"pending", "deleting"}) {
    b.ask({"HSET", keys::tenant(t), "state", state});
    CHECK_FALSE(read_now(b, t));
  }
  CHECK_FALSE(read_now(b, b.ids.make<tenant_id>()));
  CHECK_FALSE(read_tenant(t, reply{}));
  CHECK_FALSE(read_tenant(t, text("OK")));
}

TEST_CASE("what cannot be read is left out, and the rest of the tenant stands") {
  const std::string id = "01890a5d-ac96-774b-bcce-b302099a8058";
  const auto t = read_tenant(
      some_tenant,
      tenant_reply({"state", "active", "v", "3", "k:one", "no record", "k:two", R"(0|{"id":7})",
                    "k:three", R"(5|{"id":")" + id + R"(","name":null,"created_at":"x"})",
                    "f:incarnation", "1", "unknown", "field", "q_flight", "4"},
                   {"a", "no record", "b", R"({"id":")" + id + R"("})", "c",
                    R"({"id":"?","config":{"model":"m"}})", "d",
                    R"({"id":")" + id + R"(","config":{"model":7}})", "e",
                    R"({"id":")" + id + R"(","status":"active","config":{"model":"m"}})"}));
  REQUIRE(t);
  CHECK(t->version == 3);
  CHECK(t->max_in_flight.figure == 4);
  REQUIRE(t->keys.size() == 1);
  CHECK(t->keys.at("three").expires_s == 5);
  REQUIRE(t->agents.size() == 1);
  CHECK(t->agents.at("e")->active);
}

TEST_CASE("a tenant's own figures hold before its tier's, unlimited among them") {
  config conf;
  conf.tiers["small"] = {10, 20, 30, 40};
  tenant_snapshot t;
  t.tier = "small";
  auto l = t.limits(conf);
  CHECK(l.quota_runs == 10);
  CHECK(l.quota_tokens == 20);
  CHECK(l.requests_per_day == 30);
  CHECK(l.max_in_flight == 40);
  t.quota_runs = {true, 0};
  t.quota_tokens = {true, std::nullopt};
  l = t.limits(conf);
  CHECK(l.quota_runs == 0);
  CHECK_FALSE(l.quota_tokens);
  CHECK(l.requests_per_day == 30);
  t.tier = "gone";
  CHECK(t.limits(conf).quota_runs == 0);
  CHECK_FALSE(t.limits(conf).requests_per_day);
}
