// A run actor among collaborators that the test plays.
#pragma once

#include "actors/planning.hpp"
#include "actors/run.hpp"
#include "store/record.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/catch.hpp"

namespace ares::tests {

class run_bench : public actor_fixture {
public:
  run_bench() {
    accumulator = keep_alive(system.spawn([this]() -> usage_accumulator_actor::behavior_type {
      return {[this](store_request& r) { requests.push_back(std::move(r)); }, [](store_result&) {}};
    }));
    owner = keep_alive(system.spawn([this]() -> run_owner::behavior_type {
      return {[this](const request_returned& r) { returned.push_back(r); },
              [this](const run_over& o) { over.push_back(o); }};
    }));
  }
  ~run_bench() { stop(); }

  // -- births -------------------------------------------------------------------

  void start_run(agent_config agent = {}, bool respond_async = false) {
    agent.model = "m";
    ares::start_run call{"worker", R"({"message":"12345678"})", "12345678", {}, {}, respond_async};
    auto plan = plan_run(settings->conf, agent, call);
    REQUIRE(plan);
    birth.admission.is_run = true;
    birth.admission.agent = node->ids->make<agent_id>().text();
    start(call, std::move(*plan));
  }
  void start_chat(bool stream, agent_config agent = {}) {
    ares::start_chat call;
    call.messages = {{chat_message::role::user, "12345678", {}, {}}};
    call.stream = stream;
    store::agent_snapshot snapshot;
    agent.model = "m";
    snapshot.config = std::move(agent);
    auto plan = plan_chat(settings->conf, &snapshot, call);
    REQUIRE(plan);
    birth.admission.is_run = false;
    start(call, std::move(*plan));
  }
  void start(api_call call, run_plan plan) {
    auto request = std::make_shared<api_request>();
    request->call = std::move(call);
    request->from = client;
    birth.node = node;
    birth.tenant = tenant;
    birth.accumulator = accumulator;
    birth.owner = owner;
    birth.request = request;
    birth.plan = std::move(plan);
    birth.admission.operation = node->ids->make<operation_id>();
    birth.admission.record_head = store::record_head(
        birth.admission.operation, birth.admission.agent, R"({"message":"12345678"})");
    actor = keep_alive(spawn_run(system, birth));
    run();
  }

  // -- the store ------------------------------------------------------------------

  /// The name of the newest operation that waits for its answer.
  [[nodiscard]] std::string asked() const {
    return requests.empty() ? "" : requests.back().what.arguments[0];
  }
  /// Answers the newest operation of that name.
  void store_says(const std::string& name, store::answer a, bool sent_before = false) {
    for (auto it = requests.rbegin(); it != requests.rend(); ++it)
      if (it->what.arguments[0] == name) {
        caf::anon_send(it->listener, store_result{it->tag, std::move(a), sent_before});
        return run();
      }
    FAIL("the store was not asked to " + name);
  }
  void store_says(const std::string& name, std::vector<std::string> reply) {
    store_says(name, answered(words(reply)));
  }
  void admit() { store_says("admit", answered(admitted_reply())); }
  [[nodiscard]] std::vector<std::string> last(const std::string& name) const {
    for (auto it = requests.rbegin(); it != requests.rend(); ++it)
      if (it->what.arguments[0] == name)
        return it->what.arguments;
    return {};
  }
  [[nodiscard]] std::string stored_record() const { return last("finish").at(5); }

  std::shared_ptr<test_client> join(join_run::purpose why) {
    auto joining = std::make_shared<test_client>();
    caf::anon_send(actor, join_run{why, joining, false});
    run();
    return joining;
  }

  usage_accumulator_actor accumulator;
  run_owner owner;
  std::vector<store_request> requests;
  std::vector<request_returned> returned;
  std::vector<run_over> over;
  std::shared_ptr<test_client> client = std::make_shared<test_client>();
  run_birth birth;
  run_actor actor;
};

} // namespace ares::tests
