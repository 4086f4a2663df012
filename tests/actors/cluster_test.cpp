#include "actors/cluster.hpp"
#include "conf/limits.hpp"
#include "store/keys.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/catch.hpp"

using namespace ares;
using namespace ares::tests;

namespace {

/// A store with one other node, as the reaper's scripts show it.
class bench : public actor_fixture {
public:
  bench() {
    other = node->ids->make<incarnation_id>().text();
    on_command = [this](const store_command& c) { return reply_to(c); };
  }
  ~bench() { stop(); }

  void start(bool store_is_private = false) {
    keep_alive(spawn_cluster(system, node, {R"({"host":"h"})", store_is_private}));
    run();
  }

  std::optional<store::answer> reply_to(const store_command& c) {
    if (is_script(c, "node_beat"))
      return reply_to_beat(c);
    if (is_script(c, "write_probe"))
      return probe_fate == store::fate::done ? answered(text_reply("OK")) : lost(probe_fate);
    if (is_script(c, "node_bury")) {
      auto reply = std::vector<std::string>{"DEAD"};
      for (const auto& [t, operations] : left_open)
        reply.push_back(t.text());
      if (left_open.empty())
        listed_other = false;
      return answered(words(reply));
    }
    if (is_script(c, "fence")) {
      if (fence_fails)
        return lost(store::fate::unknown);
      return answered(words(entries_of(c.what.arguments[0])));
    }
    if (is_batch(c)) {
      for (const auto& o : operations_of(c))
        settled.push_back(o);
      for (auto& [t, operations] : left_open)
        if (store::keys::tenant(t) == c.what.arguments[0])
          operations.erase(operations.begin(), operations.begin() + static_cast<std::ptrdiff_t>(
                                                                        operations_of(c).size()));
      return batch_answer(c);
    }
    REQUIRE(c.what.arguments[0] == "SREM");
    std::erase_if(left_open, [&](const auto& t) { return t.first.text() == c.what.arguments[2]; });
    store::reply one;
    one.type = store::reply::kind::integer;
    return answered(one);
  }

  store::answer reply_to_beat(const store_command& c) {
    const auto& of = c.what.arguments[2];
    if (away)
      return lost(store::fate::unavailable);
    if (given_up == of)
      return answered(words({"DEAD"}));
    if (beating)
      ++beat;
    known_before.push_back(c.what.arguments.at(4));
    auto listed = std::vector<std::string>{"OK", of, "1"};
    if (listed_other)
      listed.insert(listed.end(), {other, std::to_string(beat)});
    return answered(words(listed));
  }

  std::vector<std::string> entries_of(const std::string& tenant_key) {
    std::vector<std::string> all;
    for (const auto& [t, operations] : left_open)
      if (store::keys::tenant(t) == tenant_key)
        for (const auto& o : operations) {
          all.push_back(o.text());
          all.push_back("r|" + other + "|2026-03-13|7|1773411720000|some-agent");
        }
    return all;
  }
  void leave_open(std::size_t count) {
    std::vector<operation_id> operations;
    for (std::size_t i = 0; i < count; ++i)
      operations.push_back(node->ids->make<operation_id>());
    left_open.emplace(node->ids->make<tenant_id>(), operations);
  }
  [[nodiscard]] std::size_t sent(const char* script) const {
    return static_cast<std::size_t>(std::count_if(
        commands.begin(), commands.end(), [&](const auto& c) { return is_script(c, script); }));
  }

  std::string other, given_up;
  bool away = false, beating = true, listed_other = true, fence_fails = false;
  store::fate probe_fate = store::fate::done;
  int beat = 0;
  std::vector<std::string> known_before; // what each beat that was taken said of that
  std::map<tenant_id, std::vector<operation_id>> left_open; // by the other node
  std::vector<std::vector<std::string>> settled;
};

} // namespace

TEST_CASE("a node beats twice a second and is registered once the store took a beat") {
  bench b;
  b.away = true;
  b.start();
  CHECK_FALSE(b.node->status->registered);
  b.away = false;
  b.pass(500ms);
  CHECK(b.node->status->registered);
  CHECK(b.sent("node_beat") == 2);
  CHECK(b.commands[0].what.arguments.at(2) == b.node->incarnation->get()->text());
  CHECK(b.commands[0].what.arguments.at(3) == R"({"host":"h"})");
}

TEST_CASE("a beat says whether the store knew this incarnation before") {
  bench b;
  b.start();
  b.pass(500ms);
  CHECK(b.known_before == std::vector<std::string>{"0", "1"});
  b.given_up = b.node->incarnation->get()->text();
  b.pass(500ms);
  CHECK(b.known_before.back() == "0");
  b.pass(500ms);
  CHECK(b.known_before.back() == "1");
}

TEST_CASE("a node asks twice a second whether the store takes new work") {
  bench b;
  b.start();
  CHECK_FALSE(b.node->status->store_refuses);
  b.probe_fate = store::fate::full;
  b.pass(500ms);
  CHECK(b.node->status->store_full);
  b.probe_fate = store::fate::unavailable;
  b.pass(500ms);
  CHECK_FALSE(b.node->status->store_full);
  CHECK(b.node->status->store_refuses);
  b.probe_fate = store::fate::done;
  b.pass(500ms);
  CHECK_FALSE(b.node->status->store_refuses);
}

TEST_CASE("a node whose beat moves is left alone") {
  bench b;
  b.start();
  b.pass(20s, 100ms);
  CHECK(b.sent("node_bury") == 0);
}

TEST_CASE("a node whose beat stood still for 5 s is dead, and what it left open is ended once") {
  bench b;
  b.leave_open(2);
  b.leave_open(1);
  b.start();
  b.beating = false;
  b.pass(4900ms, 100ms);
  CHECK(b.sent("node_bury") == 0);
  b.pass(1s, 100ms);
  CHECK(b.sent("node_bury") >= 1);
  REQUIRE(b.settled.size() == 3);
  CHECK(b.settled[0][0] == "settle");
  CHECK(b.settled[0][2] == "failed");
  CHECK(b.settled[0][3] == R"("node lost")");
  CHECK(b.left_open.empty());
  b.pass(2s, 100ms);
  CHECK_FALSE(b.listed_other);
  const auto burials = b.sent("node_bury");
  b.pass(2s, 100ms);
  CHECK(b.sent("node_bury") == burials);
}

TEST_CASE("more than a batch of open entries is ended batch by batch") {
  bench b;
  b.leave_open(limits::batch_operations_max * 2 + 3);
  b.beating = false;
  b.start();
  b.pass(6s, 100ms);
  CHECK(b.settled.size() == limits::batch_operations_max * 2 + 3);
}

TEST_CASE("an outage of the store kills nobody") {
  bench b;
  b.start();
  b.beating = false;
  b.pass(4s, 100ms);
  b.away = true;
  b.pass(10s, 100ms);
  b.away = false;
  b.pass(4900ms, 100ms);
  CHECK(b.sent("node_bury") == 0);
  b.pass(1s, 100ms);
  CHECK(b.sent("node_bury") > 0);
}

TEST_CASE("a node that stood still itself has no opinion on others") {
  bench b;
  b.start();
  b.beating = false;
  b.pass(4s, 100ms);
  b.scheduler.advance_time(20s);
  b.pass(500ms, 100ms);
  CHECK(b.sent("node_bury") == 0);
}

TEST_CASE("with a private store an older incarnation is ended at once") {
  bench b;
  b.leave_open(1);
  b.start(true);
  CHECK(b.settled.size() == 1);
}

TEST_CASE("what the reaper could not do is tried again at a later beat") {
  bench b;
  b.leave_open(1);
  b.beating = false;
  b.fence_fails = true;
  b.start();
  b.pass(6s, 100ms);
  CHECK(b.sent("fence") >= 1);
  CHECK(b.settled.empty());
  b.fence_fails = false;
  b.pass(600ms, 100ms);
  CHECK(b.settled.size() == 1);
}

TEST_CASE("one reaping of a node at a time") {
  bench b;
  b.leave_open(1);
  b.beating = false;
  b.on_command = [&b](const store_command& c) -> std::optional<store::answer> {
    return is_script(c, "fence") ? std::nullopt : b.reply_to(c);
  };
  b.start();
  b.pass(8s, 100ms);
  REQUIRE(b.held.size() == 1);
  CHECK(b.sent("node_bury") == 1);
}

TEST_CASE("a node that was given up goes on under a new incarnation at once") {
  bench b;
  b.start();
  b.given_up = b.node->incarnation->get()->text();
  b.pass(500ms);
  CHECK(b.node->incarnation->get()->text() != b.given_up);
  CHECK(b.node->status->registered);
  CHECK(b.commands.back().what.arguments.at(2) == b.node->incarnation->get()->text());
}
