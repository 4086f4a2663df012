// What holds of tenants, nodes and trimmed histories wherever the log of Redis ends: random changes
// of several tenants, and random cuts of the log of them.
#include "tests/store/saved_log.hpp"
#include "tests/store/slot_bench.hpp"
#include "tests/store/tenant_bench.hpp"

#include <random>
#include <set>

using namespace ares;
using namespace ares::tests;

namespace {

constexpr std::int64_t day_ms = 86'400'000;

/// Tenants that are changed at random, an old history that is trimmed, nodes that come and go.
class changes {
public:
  changes(tenant_bench& bench, std::uint64_t seed) : b_(bench), random_(seed) {
    for (int i = 0; i < 3; ++i)
      tenants_.push_back(b_.make("tenant-" + std::to_string(i)));
  }

  void step() {
    const auto& t = tenants_[random_() % tenants_.size()];
    const auto name = "agent-" + std::to_string(random_() % 4);
    switch (random_() % 9) {
    case 0: tenants_.push_back(b_.make("tenant-" + std::to_string(tenants_.size()))); break;
    case 1:
      if (auto k = b_.tenants.create_key(t, {"k", std::nullopt}, admin))
        issued_.emplace_back(t, k->id);
      break;
    case 2:
      if (!issued_.empty()) {
        const auto& [owner, key] = issued_[random_() % issued_.size()];
        (void)b_.tenants.revoke_key(owner, key, admin);
      }
      break;
    case 3: (void)b_.tenants.create_agent(t, agent_named(name), admin); break;
    case 4: (void)b_.tenants.delete_agent(t, name, admin); break;
    case 5: disable(t, name); break;
    case 6: (void)b_.tenants.change_quota(t, {}, admin); break;
    case 7: node_lives(t); break;
    case 8:
      if (random_() % 4 == 0)
        (void)b_.tenants.remove(t, admin);
    }
  }

private:
  void disable(const tenant_id& t, const std::string& name) {
    const auto off = [](const agent_record& now) -> result<agent_fields> {
      auto fields = now.fields;
      fields.active = !fields.active;
      return fields;
    };
    (void)b_.tenants.update_agent(t, name, off, admin);
  }

  void node_lives(const tenant_id& t) {
    const auto n = b_.ids.make<incarnation_id>();
    const auto run = [&](const char* script, std::vector<std::string> keys,
                         std::vector<std::string> arguments) {
      REQUIRE(b_.raw.run(script, std::move(keys), std::move(arguments)));
    };
    run("node_beat", {keys::nodes(), keys::beats()}, {n.text(), "{}", "0"});
    run("node_enlist", {keys::nodes(), keys::node_tenants(n)}, {n.text(), t.text()});
    run("node_bury", {keys::nodes(), keys::beats(), keys::node_tenants(n)}, {n.text(), "1"});
    run("fence", {keys::tenant(t), keys::open(t)}, {n.text()});
  }

  tenant_bench& b_;
  std::mt19937_64 random_;
  std::vector<tenant_id> tenants_;
  std::vector<std::pair<tenant_id, key_id>> issued_;
};

/// What does not hold of a tenant: its version counts its changes, each of which is in the audit
/// log, or on its way there.
std::vector<std::string> faults_of_tenant(const stored_state& state, const std::string& key) {
  std::vector<std::string> faults;
  auto fields = state.at(key).fields();
  if (!fields.contains("state")) {
    faults.push_back(key + " has no state");
    return faults;
  }
  if (fields["state"] == "deleting")
    return faults;            // its outbox is moved before the rest goes
  std::set<std::string> told; // one that is being moved may stand in both
  for (const auto& log : {key.substr(0, key.size() - 1) + "o", std::string("ares:audit")})
    if (const auto found = state.find(log); found != state.end())
      for (const auto& entry : found->second.items)
        if (entry.find(key.substr(1, 36)) != std::string::npos)
          told.insert(entry);
  const auto changes = told.size() + (fields["state"] == "pending" ? 0 : 1);
  if (std::stoul(fields["v"]) != changes)
    faults.push_back(key + " has version " + fields["v"] + " after " + std::to_string(changes) +
                     " changes");
  return faults;
}

std::vector<std::string> faults_of_tenants(const stored_state& state) {
  std::vector<std::string> faults;
  for (const auto& [key, value] : state) {
    if (key.ends_with("}:t"))
      for (auto& fault : faults_of_tenant(state, key))
        faults.push_back(std::move(fault));
    if (key.starts_with("ares:name:") && value.items.at(0).ends_with("|final") &&
        !state.contains("{" + value.items[0].substr(0, 36) + "}:t"))
      faults.push_back(key + " is final, and its tenant is not there");
  }
  return faults;
}

} // namespace

TEST_CASE("whatever Redis loses of its log, tenants are there as a whole, with every change told") {
  tenant_bench b({.append_only = true, .arguments = {"--appendfsync", "no"}});
  changes all(b, 4711);
  for (int i = 0; i < 150; ++i)
    all.step();
  const auto whole = patient_connection(b.server.url()).everything();
  CHECK(faults_of_tenants(whole) == std::vector<std::string>{});
  REQUIRE(whole.size() > 20);
  b.server.kill();
  const saved_log log(std::filesystem::path(b.server.socket()).parent_path());

  std::mt19937_64 random(4711);
  const auto cuts = times("ARES_TEST_CUTS", 50);
  for (int i = 0; i < cuts; ++i) {
    const auto kept = i == 0 ? log.size() : random() % (log.size() + 1);
    CAPTURE(kept);
    log.restore(kept);
    b.server.start();
    patient_connection after(b.server.url());
    CHECK(faults_of_tenants(after.everything()) == std::vector<std::string>{});
    b.server.kill();
  }
}

TEST_CASE("whatever Redis loses of its log, a history that is trimmed equals its records") {
  slot_bench b({.append_only = true, .arguments = {"--appendfsync", "no"}});
  const auto now = b.store.clock.now_ms();
  std::vector<std::string> ids;
  id_generator long_ago([&] { return now - 100 * day_ms; });
  for (int i = 0; i < 200; ++i) {
    ids.push_back(long_ago.make<operation_id>().text());
    b.ask({"SET", keys::record(b.tenant, ids.back()), "{}"});
    b.ask({"ZADD", keys::history(b.tenant, b.agent), "0", ids.back()});
  }
  for (int day = 1; day <= 28; ++day)
    b.ask({"HSET", keys::usage(b.tenant), "d2020-01-" + std::to_string(100 + day).substr(1),
           "7|0|7|7"});
  std::mt19937_64 random(4711);
  while (!ids.empty()) {
    const auto some = 1 + random() % 20;
    std::vector<std::string> of{keys::open(b.tenant), keys::history(b.tenant, b.agent)};
    std::vector<std::string> arguments{"90"};
    for (std::size_t i = 0; i < some && !ids.empty(); ++i, ids.pop_back()) {
      of.push_back(keys::record(b.tenant, ids.back()));
      arguments.push_back(ids.back());
    }
    for (auto times_sent = 1 + random() % 2; times_sent > 0; --times_sent)
      b.store.run("history_trim", of, arguments);
  }
  b.store.run("usage_trim", {keys::usage(b.tenant)}, {"400"});
  b.server.kill();
  const saved_log log(std::filesystem::path(b.server.socket()).parent_path());

  for (int i = 0, cuts = times("ARES_TEST_CUTS", 50); i < cuts; ++i) {
    // Behind the records, which are written one by one here.
    const auto kept = log.size() - random() % (log.size() / 4);
    CAPTURE(kept);
    log.restore(kept);
    b.server.start();
    const auto state = patient_connection(b.server.url()).everything();
    std::set<std::string> records;
    for (const auto& [key, value] : state)
      if (key.starts_with(keys::record(b.tenant, "")))
        records.insert(key.substr(keys::record(b.tenant, "").size()));
    const auto history = state.find(keys::history(b.tenant, b.agent));
    CHECK(records == (history == state.end() ? std::set<std::string>{}
                                             : std::set<std::string>(history->second.items.begin(),
                                                                     history->second.items.end())));
    const auto usage = state.find(keys::usage(b.tenant));
    CHECK((usage == state.end() || usage->second.fields().size() == 28));
    b.server.kill();
  }
}
