// A tenant supervisor with its real runs, queries and accumulator, over a store that the test
// plays.
#pragma once

#include "actors/tenant_supervisor.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/catch.hpp"

namespace ares::tests {

class supervisor_bench : public actor_fixture {
public:
  supervisor_bench() {
    owner = keep_alive(system.spawn([this]() -> tenant_supervisor_owner::behavior_type {
      return {[this](const tenant_idle& i) { idle.push_back(i); },
              [this](const tenant_stays& s) { stays.push_back(s); }};
    }));
    on_command = [this](const store_command& c) { return reply_to(c); };
    on_operation = usual_reply;
  }
  ~supervisor_bench() {
    table->remove(caf::actor_cast<request_receiver>(supervisor));
    stop();
  }

  void start(bool after_crash = false) {
    supervisor =
        keep_alive(spawn_tenant_supervisor(system, {node, table, owner, tenant, after_crash}));
    run();
  }

  // -- the store --------------------------------------------------------------------

  std::optional<store::answer> reply_to(const store_command& c) {
    if (is_script(c, "tenant_read")) {
      ++loads;
      return answered(tenant_reply());
    }
    if (is_script(c, "node_enlist"))
      return answered(text_reply("OK"));
    if (is_batch(c)) {
      for (const auto& o : operations_of(c))
        operations.push_back(o);
      return batch_answer(c, on_operation);
    }
    return std::nullopt;
  }
  store::reply tenant_reply() const {
    std::vector<std::string> fields{"v",   std::to_string(version), "state", "active", "tier",
                                    "free"};
    fields.insert(fields.end(),
                  {"k:" + secret.hash().hex(), R"(0|{"id":")" + key.text() + R"(","name":"k"})"});
    if (max_in_flight > 0)
      fields.insert(fields.end(), {"q_flight", std::to_string(max_in_flight)});
    return array_reply(
        {words(fields),
         words({"worker", R"({"id":")" + agent.text() + R"(","agent_type":"t","status":")" +
                              status + R"(","config":{"model":"m"},"created_at":1})"})});
  }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(std::count_if(operations.begin(), operations.end(),
                                                  [&](const auto& o) { return o[0] == name; }));
  }
  [[nodiscard]] std::vector<std::string> last(const std::string& name) const {
    auto it = std::find_if(operations.rbegin(), operations.rend(),
                           [&](const auto& o) { return o[0] == name; });
    return it == operations.rend() ? std::vector<std::string>{} : *it;
  }

  // -- requests ---------------------------------------------------------------------

  std::shared_ptr<test_client> ask(api_call call) {
    auto from = std::make_shared<test_client>();
    auto r = std::make_shared<api_request>();
    r->key = secret.hash();
    r->call = std::move(call);
    r->from = from;
    caf::anon_send(supervisor, api_request_ptr(r));
    run();
    return from;
  }
  std::shared_ptr<test_client> ask_run(std::string name = "worker") {
    start_run call;
    call.agent = std::move(name);
    call.input_json = R"({"message":"hi"})";
    call.user_message = "hi";
    return ask(call);
  }
  std::shared_ptr<test_client> ask_chat() {
    start_chat call;
    call.messages = {{chat_message::role::user, "hi", {}, {}}};
    return ask(call);
  }
  /// Ends the run that has the provider's call, as if it had thrown.
  void crash_run(std::size_t call = 0) {
    const auto& c = call == 0 ? provider.calls.back() : provider.calls[call - 1];
    caf::anon_send_exit(c.listener, caf::exit_reason::unhandled_exception);
    run();
  }

  tenant_supervisor_owner owner;
  tenant_supervisor_actor supervisor;
  std::shared_ptr<tenant_table> table = std::make_shared<tenant_table>();
  api_key_secret secret = api_key_secret::generate();
  key_id key = node->ids->make<key_id>();
  agent_id agent = node->ids->make<agent_id>();
  int version = 1, max_in_flight = 0, loads = 0;
  std::string status = "active";
  std::function<store::reply(const std::vector<std::string>&)> on_operation;
  std::vector<std::vector<std::string>> operations;
  std::vector<tenant_idle> idle;
  std::vector<tenant_stays> stays;
};

} // namespace ares::tests
