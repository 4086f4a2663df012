// node_beat, node_bury, node_enlist, fence: how nodes see each other, and clean up after each
// other.
#include "store/tenant_snapshot.hpp"
#include "tests/store/slot_bench.hpp"

using namespace ares;
using namespace ares::tests;
using verdict = admission_result::verdict;

namespace {

struct node_bench : slot_bench {
  using slot_bench::slot_bench;

  std::vector<std::string> texts(const reply& r) {
    std::vector<std::string> all;
    for (const auto& item : r.items)
      all.push_back(item.text);
    return all;
  }
  std::vector<std::string> beat(const incarnation_id& n, bool known_before = false) {
    return texts(store.run("node_beat", {keys::nodes(), keys::beats()},
                           {n.text(), R"({"host":"h"})", known_before ? "1" : "0"}));
  }
  std::string enlist(const incarnation_id& n, const std::string& t = "a tenant") {
    return store.run("node_enlist", {keys::nodes(), keys::node_tenants(n)}, {n.text(), t}).text;
  }
  std::vector<std::string> bury(const incarnation_id& n, const std::string& beat_seen) {
    return texts(store.run("node_bury", {keys::nodes(), keys::beats(), keys::node_tenants(n)},
                           {n.text(), beat_seen}));
  }
  std::vector<std::string> fence(const incarnation_id& n) {
    return texts(store.run("fence", {keys::tenant(tenant), keys::open(tenant)}, {n.text()}));
  }

  incarnation_id other = ids.make<incarnation_id>();
};

using words = std::vector<std::string>;

} // namespace

TEST_CASE("a beat registers a node and shows the beats of all") {
  node_bench b;
  CHECK(b.beat(b.node) == words{"OK", b.node.text(), "1"});
  CHECK(b.beat(b.node) == words{"OK", b.node.text(), "2"});
  const auto seen = b.beat(b.other);
  CHECK(seen.size() == 5);
  CHECK(b.ask({"HGET", keys::nodes(), b.other.text()}).text == R"({"host":"h"})");
}

TEST_CASE("a node enlists in a tenant once it is registered, and not once it was given up") {
  node_bench b;
  CHECK(b.enlist(b.node) == "DEAD");
  b.beat(b.node);
  CHECK(b.enlist(b.node) == "OK");
  CHECK(b.enlist(b.node) == "OK");
  CHECK(b.bury(b.node, "1") == words{"DEAD", "a tenant"});
  CHECK(b.enlist(b.node, "another tenant") == "DEAD");
  CHECK(b.ask({"SMEMBERS", keys::node_tenants(b.node)}).items.size() == 1);
}

TEST_CASE("a node whose beat went on is not buried") {
  node_bench b;
  b.beat(b.node);
  b.beat(b.node);
  CHECK(b.bury(b.node, "1") == words{"ALIVE"});
  CHECK(b.beat(b.node)[0] == "OK");
}

TEST_CASE("a node that was given up learns it at its next beat, for as long as it left tenants") {
  node_bench b;
  b.beat(b.node);
  b.enlist(b.node);
  b.bury(b.node, "1");
  CHECK(b.beat(b.node) == words{"DEAD"});
  CHECK(b.bury(b.node, "1") == words{"DEAD", "a tenant"}); // another observer, or again
  b.ask({"SREM", keys::node_tenants(b.node), "a tenant"});
  CHECK(b.bury(b.node, "1") == words{"DEAD"});
  CHECK(b.store.everything() ==
        stored_state{{keys::tenant(b.tenant), b.store.everything().at(keys::tenant(b.tenant))}});
}

TEST_CASE("a node that was given up and forgotten does not come back as it was") {
  node_bench b;
  b.beat(b.node);
  CHECK(b.bury(b.node, "1") == words{"DEAD"});
  CHECK(b.beat(b.node, true) == words{"DEAD"});
  CHECK(b.enlist(b.node) == "DEAD");
  CHECK(b.beat(b.other).at(0) == "OK");
}

TEST_CASE("the tenants of a dead node are told a thousand at a time") {
  node_bench b;
  b.beat(b.node);
  std::vector<std::string> command{"SADD", keys::node_tenants(b.node)};
  for (int i = 0; i < 1500; ++i)
    command.push_back(std::to_string(i));
  b.ask(command);
  CHECK(b.bury(b.node, "1").size() == 1001);
}

TEST_CASE(
    "a fence names what an incarnation left open, and refuses it from then on, in this tenant "
    "only") {
  node_bench b;
  auto mine = b.new_run();
  auto chat = b.new_chat();
  b.admit_now(mine);
  b.admit_now(chat);
  const auto left = b.fence(b.node);
  CHECK(left.size() == 4);
  for (std::size_t i = 0; i < left.size(); i += 2) {
    const auto entry = read_open_entry(left.at(i + 1));
    REQUIRE(entry);
    CHECK(left[i] == (entry->is_run ? mine : chat).operation.text());
  }
  CHECK(b.admit_now(b.new_run()).what == verdict::fenced);
  CHECK(b.admit_now(b.new_chat()).what == verdict::fenced);
  CHECK(b.fence(b.other).empty());

  // What it drove to its end before it was settled is still its own end.
  const auto end = b.end_now(finish(b.tenant, chat.operation, "", {ending::completed, 9, 1}, ""));
  CHECK(end.what == end_result::verdict::ended_now);
  CHECK(b.fence(b.node).size() == 2);
}

TEST_CASE("a chat's end that comes too late says whether somebody was given up meanwhile") {
  node_bench b;
  const auto end_of = [&](const admission& a) {
    return b.end_now(finish(b.tenant, a.operation, "", {ending::completed, 9, 1}, ""));
  };
  b.ask({"HSET", keys::tenant(b.tenant), "f:before",
         std::to_string(b.store.clock.now_ms() - 60'000)});
  auto own = b.new_chat(), lost = b.new_chat();
  b.admit_now(own);
  b.admit_now(lost);
  CHECK(end_of(own).what == end_result::verdict::ended_now);
  CHECK(end_of(own).what == end_result::verdict::ended_before);
  CHECK_FALSE(end_of(own).fenced);
  b.fence(b.node);
  b.end_now(settle(b.tenant, lost.operation, "", {ending::failed, "null"}));
  CHECK(end_of(lost).what == end_result::verdict::ended_before);
  CHECK(end_of(lost).fenced);
}

TEST_CASE("other incarnations go on behind a fence") {
  node_bench b;
  b.fence(b.other);
  CHECK(b.admit_now(b.new_run()).what == verdict::admitted);
}

TEST_CASE("a fence in a tenant that is gone leaves nothing there") {
  node_bench b;
  b.ask({"FLUSHALL"});
  CHECK(b.fence(b.node).empty());
  CHECK(b.store.everything().empty());
}

TEST_CASE("a fence says since when it stands, and those of long ago are taken down") {
  node_bench b;
  const auto tenant = keys::tenant(b.tenant);
  const auto before = b.store.clock.now_ms();
  b.ask({"HSET", tenant, "f:old", std::to_string(before - 31LL * 86'400'000)});
  b.ask({"HSET", tenant, "f:recent", std::to_string(before - 29LL * 86'400'000)});
  b.fence(b.node);
  const auto since = std::stoll(b.ask({"HGET", tenant, "f:" + b.node.text()}).text);
  CHECK(since > 1'700'000'000'000);
  CHECK(b.ask({"HEXISTS", tenant, "f:old"}).integer == 0);
  CHECK(b.ask({"HEXISTS", tenant, "f:recent"}).integer == 1);
  CHECK(b.ask({"HEXISTS", tenant, "v"}).integer == 1);
}

TEST_CASE("what works on a slot and between nodes works on Redis Cluster") {
  test_server_options options;
  options.cluster = true;
  node_bench b(options);
  CHECK(b.beat(b.node).at(0) == "OK");
  CHECK(b.enlist(b.node, b.tenant.text()) == "OK");

  auto a = b.new_run();
  a.idempotency_key = "key";
  a.body_hash = sha256("body").hex();
  a.key.stamp = "the key";
  a.limits = {100, 100, 100};
  const auto chat = b.new_chat();
  const auto r = b.new_reading();
  const auto results = b.send({admit(b.tenant, a), admit(b.tenant, chat), progress(a.operation, 3),
                               check(b.tenant, r), check_usage(b.tenant, r),
                               check_keys(b.tenant, r), check_run(b.tenant, r, a.operation),
                               check_runs(b.tenant, r, b.agent, 0, 9), count_call(b.tenant)});
  for (const auto& result : results)
    CHECK(result.items.at(0).text == "OK");
  CHECK(b.end_now(finish(b.tenant, chat.operation, "", {ending::completed, 1, 1}, "")).what ==
        end_result::verdict::ended_now);

  CHECK(b.store.call(tenant_read(b.tenant)).value.items.size() == 2);
  b.store.run("records_read", {keys::open(b.tenant), keys::record(b.tenant, a.operation.text())},
              {a.operation.text()});

  CHECK(b.bury(b.node, "1") == words{"DEAD", b.tenant.text()});
  CHECK(b.fence(b.node).at(0) == a.operation.text());
  CHECK(b.end_now(settle(b.tenant, a.operation, b.agent, {ending::failed, "null"})).what ==
        end_result::verdict::ended_now);
}
