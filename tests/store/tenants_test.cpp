#include "store/counters.hpp"
#include "store/tenants.hpp"
#include "tests/store/tenant_bench.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>
#include <thread>

using namespace ares;
using namespace ares::tests;
using namespace std::chrono_literals;

// -- creation -----------------------------------------------------------------

TEST_CASE("a tenant appears with its agents, its key and its audit entry") {
  tenant_bench b;
  auto made = b.tenants.create({"acme",
                                "pro",
                                {{true, 7}, {true, std::nullopt}, {}},
                                {agent_named("one"), agent_named("two")},
                                new_key{"first", 30}},
                               admin);
  REQUIRE(made);
  const auto t = made->tenant.id;

  auto seen = b.tenants.get(t);
  REQUIRE(seen);
  CHECK(seen->name == "acme");
  CHECK(seen->tier == "pro");
  CHECK(seen->agent_count == 2);
  CHECK(seen->figures.runs == own_figure{true, 7});
  CHECK(seen->figures.tokens == own_figure{true, std::nullopt});
  CHECK_FALSE(seen->figures.requests_per_day.given);
  CHECK(seen->created_ms == made->tenant.created_ms);

  REQUIRE(made->key);
  CHECK(b.ask({"GET", keys::key_hint(made->key->secret.hash())}).text == t.text());
  auto keys_now = b.tenants.list_keys(t, {});
  REQUIRE(keys_now);
  REQUIRE(keys_now->items.size() == 1);
  CHECK(keys_now->items[0].id == made->key->id.text());
  CHECK(keys_now->items[0].name == "first");
  CHECK(keys_now->items[0].created_s == made->key->created_s);
  CHECK(keys_now->items[0].expires_s == made->key->created_s + 30 * 86400);
  CHECK_FALSE(keys_now->items[0].last_used_s);

  CHECK(b.actions() == std::vector<std::string>{"tenant.create"});
  auto found = b.tenants.find("acme");
  REQUIRE(found);
  CHECK(found->id == t);
}

TEST_CASE("a name belongs to one tenant until it is deleted") {
  tenant_bench b;
  auto first = b.make("acme");
  auto before = b.all_keys();
  CHECK(refusal(b.tenants.create({"acme", "free", {}, {agent_named("x")}, new_key{"k", {}}},
                                 admin)) == errc::already_exists);
  CHECK(b.all_keys() == before);
  REQUIRE(b.tenants.remove(first, admin));
  CHECK(b.make("acme") != first);
}

TEST_CASE("of many creations with one name exactly one wins, and nothing else stays") {
  tenant_bench b;
  constexpr int threads = 6, names = 12;
  std::vector<std::vector<std::optional<tenant_id>>> won(
      threads, std::vector<std::optional<tenant_id>>(names));
  std::atomic<int> strange = 0;
  std::vector<std::thread> crowd;
  for (int who = 0; who < threads; ++who)
    crowd.emplace_back([&, who] {
      std::minstd_rand random(who);
      std::vector<int> order(names);
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      for (int n : order) {
        auto r = b.tenants.create(
            {"name " + std::to_string(n), "free", {}, {agent_named("a")}, new_key{"k", {}}}, admin);
        if (r)
          won[who][n] = r->tenant.id;
        else if (r.failure().code != errc::already_exists)
          ++strange;
      }
    });
  for (auto& t : crowd)
    t.join();

  CHECK(strange == 0);
  REQUIRE(b.tenants.sweep(0ms));
  std::set<tenant_id> winners;
  for (int n = 0; n < names; ++n) {
    int count = 0;
    for (int who = 0; who < threads; ++who)
      if (won[who][n]) {
        ++count;
        winners.insert(*won[who][n]);
      }
    CHECK(count == 1);
  }
  auto all = b.tenants.list({1000, {}});
  REQUIRE(all);
  CHECK(all->items.size() == names);
  std::set<std::string> expected{keys::tenants(), keys::audit()};
  for (const auto& t : all->items) {
    CHECK(winners.count(t.id) == 1);
    expected.insert({keys::tenant(t.id), keys::agents(t.id), keys::name_claim(t.name)});
  }
  std::set<std::string> others;
  for (const auto& key : b.all_keys())
    if (!expected.count(key) && !key.starts_with("ares:key:"))
      others.insert(key);
  CHECK(others.empty());
  CHECK(b.all_keys().size() == expected.size() + names); // a hint each
}

TEST_CASE("tenants that come and go under few names leave nothing in the end") {
  tenant_bench b;
  std::atomic<int> strange = 0;
  std::vector<std::thread> crowd;
  for (int who = 0; who < 4; ++who)
    crowd.emplace_back([&, who] {
      std::minstd_rand random(who + 1);
      for (int i = 0; i < 40; ++i) {
        const auto name = "name " + std::to_string(random() % 3);
        if (random() % 2 == 0) {
          auto r =
              b.tenants.create({name, "free", {}, {agent_named("a")}, new_key{"k", {}}}, admin);
          strange += !r && r.failure().code != errc::already_exists ? 1 : 0;
        } else if (auto found = b.tenants.find(name)) {
          auto r = b.tenants.remove(found->id, admin);
          strange += !r && r.failure().code != errc::not_found ? 1 : 0;
        }
      }
    });
  for (auto& t : crowd)
    t.join();
  CHECK(strange == 0);
  REQUIRE(b.tenants.sweep(0ms));
  auto left = b.tenants.list({1000, {}});
  REQUIRE(left);
  std::set<std::string> names;
  for (const auto& t : left->items) {
    CHECK(names.insert(t.name).second);
    REQUIRE(b.tenants.remove(t.id, admin));
  }
  CHECK(b.all_keys() == std::set<std::string>{keys::audit()});
}

// -- interruption -------------------------------------------------------------

namespace {

/// A creation that ended after `steps` of its scripts.
tenant_id half_created(tenant_bench& b, const std::string& name, int steps) {
  const auto t = b.ids.make<tenant_id>();
  const auto change = b.ids.next().text();
  b.ask({"ZADD", keys::tenants(), "0", t.text()});
  if (steps > 0)
    REQUIRE(b.raw.run("tenant_name_claim", {keys::name_claim(name)}, {t.text(), "600"}));
  b.ask({"SET", keys::key_hint_of("hash of " + name), t.text()});
  if (steps > 1)
    REQUIRE(b.raw.run("tenant_create", {keys::tenant(t), keys::outbox(t), keys::agents(t)},
                      {change, audit_entry(b.ids.next(), admin, {"tenant.create", t, name}),
                       std::to_string(b.clock.now_ms() + 5000), t.text(), name, "free", "", "", "",
                       "hash of " + name, "", R"({"id":"1","name":"k","prefix":"ares_1234")", "a",
                       R"({"id":"2","name":"a","config":{})"}));
  if (steps > 2)
    REQUIRE(b.raw.run("tenant_name_finalize", {keys::name_claim(name)}, {t.text()}));
  return t;
}

} // namespace

TEST_CASE("a creation that was interrupted before its claim was final leaves nothing") {
  tenant_bench b;
  half_created(b, "zero", 0);
  half_created(b, "one", 1);
  half_created(b, "two", 2);
  CHECK(b.tenants.list({})->items.empty());
  REQUIRE(b.tenants.sweep(0ms));
  // What has no tenant yet leaves hints only: the claim forgets itself, the key's leads nowhere.
  CHECK(b.ask({"TTL", keys::name_claim("one")}).integer > 0);
  CHECK(b.all_keys() == std::set<std::string>{keys::name_claim("one"), "ares:key:hash of zero",
                                              "ares:key:hash of one"});
  CHECK(b.make("one") != tenant_id{});
  CHECK(b.make("two") != tenant_id{});
}

TEST_CASE("a creation that was interrupted after its claim was final is completed") {
  tenant_bench b;
  auto swept = half_created(b, "swept", 3);
  auto helped = half_created(b, "helped", 3);
  CHECK(refusal(b.tenants.get(swept)) == errc::not_found);

  SECTION("by the sweep") {
    REQUIRE(b.tenants.sweep(0ms));
    CHECK(b.tenants.get(swept));
    CHECK(b.tenants.get(helped));
    CHECK(b.actions().size() == 2);
  }
  SECTION("by whoever wants the name") {
    CHECK(refusal(b.tenants.create({"helped", "free", {}, {}, {}}, admin)) == errc::already_exists);
    CHECK(b.tenants.get(helped));
  }
}

TEST_CASE("a young creation is none of the sweep's business") {
  tenant_bench b;
  auto t = half_created(b, "young", 2);
  REQUIRE(b.tenants.sweep(1h));
  CHECK(b.ask({"HGET", keys::tenant(t), "state"}).text == "pending");
}

TEST_CASE("a claim that was taken over cannot become final, and its tenant can be swept") {
  tenant_bench b;
  auto loser = half_created(b, "acme", 2);
  auto winner = b.make("acme");
  auto late = b.raw.run("tenant_name_finalize", {keys::name_claim("acme")}, {loser.text()});
  CHECK(word_of_script(*late) == "LOST");
  REQUIRE(b.tenants.sweep(0ms));
  CHECK(b.ask({"EXISTS", keys::tenant(loser)}).integer == 0);
  CHECK(b.tenants.find("acme")->id == winner);
}

TEST_CASE("a change that comes twice is made once, and one that comes late not at all") {
  tenant_bench b;
  auto t = b.make("acme");
  auto v = b.version(t);
  auto send = [&](std::int64_t not_after) {
    auto r = b.raw.run("tenant_quota", {keys::tenant(t), keys::outbox(t)},
                       {"change-1", "{}", std::to_string(not_after), "q_runs", "5"});
    REQUIRE(r);
    return std::string(word_of_script(*r));
  };
  CHECK(send(b.clock.now_ms() - 60000) == "LATE");
  CHECK(b.version(t) == v);
  CHECK(send(b.clock.now_ms() + 60000) == "OK");
  CHECK(send(b.clock.now_ms() + 60000) == "OK");
  CHECK(std::stoll(b.version(t)) == std::stoll(v) + 1);
  CHECK(b.ask({"LLEN", keys::outbox(t)}).integer == 1);
}

// -- lists --------------------------------------------------------------------

TEST_CASE("tenants are listed newest first, page by page") {
  tenant_bench b;
  std::vector<tenant_id> made;
  for (int i = 0; i < 7; ++i)
    made.push_back(b.make("t" + std::to_string(i)));
  half_created(b, "pending", 2);
  std::reverse(made.begin(), made.end());

  std::vector<tenant_id> seen;
  page p{3, {}};
  for (int pages = 0; pages < 10; ++pages) {
    auto part = b.tenants.list(p);
    REQUIRE(part);
    for (const auto& t : part->items)
      seen.push_back(t.id);
    if (!part->next)
      break;
    p.after = *part->next;
  }
  CHECK(seen == made);
  CHECK_FALSE(b.tenants.list({7, {}})->next);
}

// -- quota --------------------------------------------------------------------

TEST_CASE("a figure is overridden, unlimited, the tier's again, or left alone") {
  tenant_bench b;
  auto t = b.make("acme");
  auto v = b.version(t);
  auto now = b.tenants.change_quota(
      t, {std::nullopt, own_figure{true, 5}, own_figure{true, std::nullopt}, std::nullopt}, admin);
  REQUIRE(now);
  CHECK(b.version(t) != v);
  config conf;
  conf.tiers["free"] = {1, 2, 3, {}};
  conf.tiers["pro"] = {10, 20, 30, {}};
  CHECK(now->limits(conf).quota_runs == 5);
  CHECK_FALSE(now->limits(conf).quota_tokens);
  CHECK(now->limits(conf).requests_per_day == 3);

  now = b.tenants.change_quota(t, {"pro", std::nullopt, own_figure{}, own_figure{true, 0}}, admin);
  REQUIRE(now);
  CHECK(now->tier == "pro");
  CHECK(now->limits(conf).quota_runs == 5);
  CHECK(now->limits(conf).quota_tokens == 20);
  CHECK(now->limits(conf).requests_per_day == 0);
  CHECK(refusal(b.tenants.change_quota(b.ids.make<tenant_id>(), {}, admin)) == errc::not_found);
}

// -- removal ------------------------------------------------------------------

namespace {

void fill(tenant_bench& b, const tenant_id& t, const std::string& agent, int runs) {
  std::vector<std::string> records{"MSET"}, history{"ZADD", keys::history(t, agent)};
  for (int i = 0; i < runs; ++i) {
    auto run = b.ids.make<operation_id>().text();
    records.insert(records.end(), {keys::record(t, run), "{}"});
    history.insert(history.end(), {"0", run});
  }
  b.ask(std::move(records));
  b.ask(std::move(history));
  b.ask({"HSET", keys::usage(t), agent_field(agent), std::to_string(runs) + "|0|0|0|0|0|1"});
}

} // namespace

TEST_CASE("a removed tenant leaves nothing but its audit entries") {
  tenant_bench b;
  auto t = b.make("acme");
  REQUIRE(b.tenants.create_key(t, {"k", std::nullopt}, admin));
  auto kept = b.tenants.create_agent(t, agent_named("kept"), admin);
  auto gone = b.tenants.create_agent(t, agent_named("gone"), admin);
  fill(b, t, kept->agent.id, 1203);
  fill(b, t, gone->agent.id, 40);
  REQUIRE(b.tenants.delete_agent(t, "gone", admin));
  b.ask({"HSET", keys::usage(t), "d2026-03-13", "1|0|1|1"});
  b.ask({"HSET", keys::last_used(t), "k", "1"});
  const auto open_run = b.ids.make<operation_id>().text();
  b.ask({"HSET", keys::open(t), open_run, "r|i|2026-03-13|0|0|" + kept->agent.id});
  b.ask({"SET", keys::record(t, open_run), "{}"});

  SECTION("at once") {
    REQUIRE(b.tenants.remove(t, admin));
  }
  SECTION("when the sweep finishes what was interrupted") {
    REQUIRE(b.raw.run("tenant_close", {keys::tenant(t), keys::outbox(t)},
                      {"change", audit_entry(b.ids.next(), admin, {"tenant.delete", t, t.text()}),
                       std::to_string(b.clock.now_ms() + 5000)}));
    CHECK(refusal(b.tenants.get(t)) == errc::not_found);
    CHECK(refusal(b.tenants.list_keys(t, {})) == errc::not_found);
    REQUIRE(b.tenants.sweep());
  }
  CHECK(b.all_keys() == std::set<std::string>{keys::audit()});
  CHECK(b.actions().front() == "tenant.delete");
  CHECK(b.actions().size() == 6);
  CHECK(refusal(b.tenants.remove(t, admin)) == errc::not_found);
}

// -- the audit log ------------------------------------------------------------

TEST_CASE("the audit log is read newest first, page by page, and holds no secret") {
  tenant_bench b;
  auto t = b.make("acme");
  auto key = b.tenants.create_key(t, {"k", std::nullopt}, {"key:abc", "request-2"});
  REQUIRE(b.tenants.revoke_key(t, key->id, admin));
  CHECK(b.actions() == std::vector<std::string>{"key.revoke", "key.create", "tenant.create"});
  auto first = b.tenants.audit().read({2, {}});
  REQUIRE(first->next);
  auto entry = json::parse(first->items[1]);
  CHECK(entry["actor"] == "key:abc");
  CHECK(entry["request_id"] == "request-2");
  CHECK(entry["tenant_id"] == t.text());
  CHECK(entry["target"] == key->id.text());
  CHECK(first->items[1].find(key->secret.reveal()) == std::string::npos);
  CHECK(first->items[1].find(key->secret.hash().hex()) == std::string::npos);
  auto second = b.tenants.audit().read({2, *first->next});
  CHECK(second->items.size() == 1);
  CHECK_FALSE(second->next);
}

TEST_CASE("an audit entry that several collect arrives once") {
  tenant_bench b;
  auto t = b.make("acme");
  for (int i = 0; i < 250; ++i)
    b.ask({"RPUSH", keys::outbox(t), audit_entry(b.ids.next(), admin, {"test", t, "x"})});
  std::vector<std::thread> crowd;
  for (int who = 0; who < 3; ++who)
    crowd.emplace_back([&] { (void)b.tenants.audit().collect(t); });
  for (auto& c : crowd)
    c.join();
  CHECK(b.ask({"LLEN", keys::outbox(t)}).integer == 0);
  CHECK(b.ask({"ZCARD", keys::audit()}).integer == 251);
}

// -- figures ------------------------------------------------------------------

TEST_CASE("usage and platform counts are those of the current month") {
  tenant_bench b;
  auto t = b.make("acme");
  REQUIRE(b.tenants.create_agent(t, agent_named("a"), admin));
  const auto day = utc_day(b.clock.now_ms());
  b.ask({"HSET", keys::usage(t), month_field(day.substr(0, 7)), "3|70|5", month_field("2020-01"),
         "9|8|9", day_field(day), "3|70|5|4", day_field("2020-01-01"), "9|8|9|9", agent_field("x"),
         "3|3|0|0|70|1|1"});
  b.ask({"HSET", keys::open(t), "x", "c|i|d|0|0|"});
  auto usage = b.tenants.usage(t);
  REQUIRE(usage);
  CHECK(usage->month.runs == 3);
  CHECK(usage->days.size() == 2);
  CHECK(usage->days[day].tokens == 70);
  CHECK(usage->days[day].api_calls == 5);
  auto counts = b.tenants.counts();
  REQUIRE(counts);
  CHECK(counts->tenants == 1);
  CHECK(counts->agents == 1);
  CHECK(counts->open_operations == 1);
  CHECK(counts->month.runs == 3);
}

TEST_CASE("without a store every call ends in time with store_unavailable") {
  tenant_bench b;
  auto t = b.make("acme");
  b.server.suspend();
  CHECK(refusal(b.tenants.get(t)) == errc::store_unavailable);
  CHECK(refusal(b.tenants.create_key(t, {"k", {}}, admin)) == errc::store_unavailable);
  b.server.resume();
}
