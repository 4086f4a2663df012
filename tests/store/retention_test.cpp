#include "store/counters.hpp"
#include "store/record.hpp"
#include "tests/store/tenant_bench.hpp"

#include <map>

using namespace ares;
using namespace ares::tests;

namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr int days_kept = 40;

/// A tenant with two agents, whose runs can be as old as a test wants them.
struct aged_bench : tenant_bench {
  tenant_id tenant = make_tenant("acme");

  tenant_id make_tenant(const std::string& name) {
    auto t =
        tenants.create({name, "free", {}, {agent_named("one"), agent_named("two")}, {}}, admin);
    REQUIRE(t);
    return t->tenant.id;
  }

  std::string agent_id_of(const tenant_id& t, const std::string& name) {
    auto a = tenants.get_agent(t, name);
    REQUIRE(a);
    return a->agent.id;
  }

  /// An ended run, with everything that counts it.
  std::string run_of(const tenant_id& t, const std::string& agent, std::int64_t age_ms) {
    const auto made_ms = clock.now_ms() - age_ms;
    const auto id = id_generator([made_ms] { return made_ms; }).make<operation_id>();
    const auto head = record_head(id, agent, R"({"message":"hi"})");
    ask({"SET", keys::record(t, id.text()),
         ended_record(head, made_ms, {{ending::completed, 7, 5}, "{}", "null"})});
    ask({"ZADD", keys::history(t, agent), "0", id.text()});
    const auto day = utc_day(made_ms);
    ask({"HSET", keys::usage(t), agent_field(agent), "3|3|0|0|21|15|1", day_field(day), "3|21|3|3",
         month_field(day.substr(0, 7)), "3|21|3"});
    return id.text();
  }

  bool has_record(const tenant_id& t, const std::string& run) {
    return ask({"EXISTS", keys::record(t, run)}).integer == 1;
  }
  std::int64_t history_size(const tenant_id& t, const std::string& agent) {
    return ask({"ZCARD", keys::history(t, agent)}).integer;
  }
};

} // namespace

TEST_CASE("runs leave once they are older than the days they are kept") {
  aged_bench b;
  const auto agent = b.agent_id_of(b.tenant, "one");
  const auto old = b.run_of(b.tenant, agent, (days_kept + 1) * day_ms);
  const auto just_old = b.run_of(b.tenant, agent, days_kept * day_ms + 60'000);
  const auto almost = b.run_of(b.tenant, agent, days_kept * day_ms - 60'000);
  const auto fresh = b.run_of(b.tenant, agent, 0);

  auto gone = b.tenants.trim(days_kept);
  REQUIRE(gone);
  CHECK(*gone == 2);
  CHECK_FALSE(b.has_record(b.tenant, old));
  CHECK_FALSE(b.has_record(b.tenant, just_old));
  CHECK(b.has_record(b.tenant, almost));
  CHECK(b.has_record(b.tenant, fresh));
  auto runs = b.tenants.list_runs(b.tenant, "one", {});
  REQUIRE(runs);
  CHECK(runs->total == 2);
  CHECK(runs->records.size() == 2);
}

TEST_CASE("what counts runs still counts those that left") {
  aged_bench b;
  const auto agent = b.agent_id_of(b.tenant, "one");
  for (int i = 0; i < 3; ++i)
    b.run_of(b.tenant, agent, (days_kept + i) * day_ms + 1000);
  const auto usage = b.ask({"HGETALL", keys::usage(b.tenant)});
  REQUIRE(b.tenants.trim(days_kept));
  CHECK(b.history_size(b.tenant, agent) == 0);
  const auto left = b.ask({"HGETALL", keys::usage(b.tenant)});
  REQUIRE(left.items.size() == usage.items.size());
  for (std::size_t i = 0; i < left.items.size(); ++i)
    CHECK(left.items[i].text == usage.items[i].text);
}

TEST_CASE("a run that is open stays, however old, and those behind it leave") {
  aged_bench b;
  const auto agent = b.agent_id_of(b.tenant, "one");
  std::vector<std::string> open;
  for (int i = 0; i < 450; ++i) { // more than a script call looks at
    open.push_back(b.run_of(b.tenant, agent, 90 * day_ms - i));
    b.ask({"HSET", keys::open(b.tenant), open.back(), "r|node|2026-01-01|0|1|" + agent});
  }
  const auto behind = b.run_of(b.tenant, agent, 80 * day_ms);
  auto gone = b.tenants.trim(days_kept);
  REQUIRE(gone);
  CHECK(*gone == 1);
  CHECK_FALSE(b.has_record(b.tenant, behind));
  CHECK(b.history_size(b.tenant, agent) == 450);
  for (const auto& run : open)
    CHECK(b.has_record(b.tenant, run));
}

TEST_CASE("runs of deleted agents leave too") {
  aged_bench b;
  const auto agent = b.agent_id_of(b.tenant, "two");
  const auto old = b.run_of(b.tenant, agent, 50 * day_ms);
  const auto fresh = b.run_of(b.tenant, agent, day_ms);
  REQUIRE(b.tenants.delete_agent(b.tenant, "two", admin));
  REQUIRE(b.tenants.trim(days_kept));
  CHECK_FALSE(b.has_record(b.tenant, old));
  CHECK(b.has_record(b.tenant, fresh));
}

TEST_CASE("a turn is bounded, and the next goes on where it stopped") {
  aged_bench b;
  const std::vector<tenant_id> all{b.tenant, b.make_tenant("second"), b.make_tenant("third")};
  for (const auto& t : all)
    for (const char* name : {"one", "two"})
      for (int i = 0; i < 5; ++i)
        b.run_of(t, b.agent_id_of(t, name), 50 * day_ms);
  std::int64_t gone = 0;
  for (int turn = 0; turn < 12; ++turn) {
    auto now = b.tenants.trim(days_kept, {2, 7});
    REQUIRE(now);
    CHECK(*now <= 7);
    gone += *now;
  }
  CHECK(gone == 30);
  for (const auto& t : all)
    for (const char* name : {"one", "two"})
      CHECK(b.history_size(t, b.agent_id_of(t, name)) == 0);
}

TEST_CASE("counters of days leave after a good year, those of months never") {
  aged_bench b;
  const auto today = day_field(utc_day(b.clock.now_ms()));
  const auto a_year_ago = day_field(utc_day(b.clock.now_ms() - 366 * day_ms));
  const auto agent = agent_field("d2019-03-13");
  b.ask({"HSET", keys::usage(b.tenant), "d2019-03-13", "1|0|1|1", "m2019-03", "1|0|1", today,
         "2|0|2|2", a_year_ago, "0|3|0|0", agent, "1|1|0|0|0|0|1"});
  REQUIRE(b.tenants.trim(days_kept));
  std::set<std::string> fields;
  for (const auto& f : b.ask({"HKEYS", keys::usage(b.tenant)}).items)
    fields.insert(f.text);
  CHECK(fields == std::set<std::string>{"m2019-03", today, a_year_ago, agent});
}

TEST_CASE("a run is as old as the store says, whatever the node's clock says") {
  aged_bench b;
  const auto agent = b.agent_id_of(b.tenant, "one");
  const auto run = b.run_of(b.tenant, agent, 10 * day_ms);
  b.clock.learn(b.clock.now_ms() + 365 * day_ms);
  auto gone = b.tenants.trim(days_kept);
  REQUIRE(gone);
  CHECK(*gone == 0);
  CHECK(b.has_record(b.tenant, run));
}
