// The state of a TENANT SUPERVISOR. Private to tenant_supervisor.cpp; whoever deals with
// supervisors includes actors/tenant_supervisor.hpp.
#pragma once

#include "actors/admission_gate.hpp"
#include "actors/query.hpp"
#include "actors/run.hpp"
#include "actors/tenant_supervisor.hpp"
#include "actors/usage_accumulator.hpp"
#include "store/tenant_snapshot.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace ares {

/// Time to look again for what a predecessor left open.
struct look_again {};
/// Time to ask again whether the admission of a run that crashed came.
struct settle_again {
  operation_id operation;
};

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::look_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::settle_again)

namespace ares {

using supervisor =
    tenant_supervisor_actor::extend<caf::reacts_to<store_result>, caf::reacts_to<alarm_rang>,
                                    caf::reacts_to<look_again>, caf::reacts_to<settle_again>>;
class supervisor_state {
public:
  using clock_time = std::chrono::steady_clock::time_point;

  supervisor_state(supervisor::pointer itself, supervisor_birth&& b)
      : self(itself), birth(std::move(b)),
        accumulator(spawn_usage_accumulator(self->system(), birth.node, birth.tenant)) {
    ++birth.node->counters->tenants_active;
  }
  ~supervisor_state();

  void begin();
  void take(const api_request_ptr& r);
  void returned(request_returned& r);
  void run_is_over(const run_over& o);
  void find(find_run& f);
  void store_answered(store_result& r);
  void ended(caf::exit_msg& e);
  void went_down(const caf::down_msg& d);
  void alarm();
  void leave();
  void find_orphans();
  void settle_again_crashed(const operation_id& operation);

  // What it was born with.
  supervisor::pointer self;
  supervisor_birth birth;
  usage_accumulator_actor accumulator;

private:
  struct live_run {
    run_actor actor;
    api_request_ptr request;
    std::string agent;         // id; empty for a chat
    std::int64_t not_after_ms; // of its admission, store time
  };

  // -- the tenant as known ----------------------------------------------------
  void reload();
  void loaded(const store::answer& a);
  void publish_keys();
  void withdraw_keys();

  // -- requests ---------------------------------------------------------------
  void serve(const api_request_ptr& r);
  void serve(const api_request_ptr& r, const start_run& call);
  void serve(const api_request_ptr& r, const start_chat& call);
  template <class Call> void serve(const api_request_ptr& r, const Call&) { query(r); }
  void query(const api_request_ptr& r) { query(r, r); }
  void query(const api_request_ptr& r, const api_request_ptr& as_sent);
  void refuse(const api_request_ptr& r, error why);
  void start(const api_request_ptr& r, result<run_plan> plan, const store::agent_snapshot* agent);
  store::admission admission_of(const api_request_ptr& r, const store::agent_snapshot* agent);
  bool over_in_flight(const api_request& r);
  store::acting_key acting_key(const api_request& r);
  void settle_crashed(const operation_id& operation);
  void settle(const operation_id& operation, const std::string& agent,
              std::optional<std::int64_t> not_after_ms = std::nullopt);
  void end_orphans(const store::answer& a);
  void unauthorized(const api_request_ptr& r) {
    r->from->answer(outcome::of(errc::unauthorized, "Invalid API key"));
  }

  std::shared_ptr<const store::tenant_snapshot> tenant_;
  std::vector<secret_hash> published_;
  bool reloading_ = false;
  std::vector<api_request_ptr> waiting_; // for the reload
  std::unordered_map<operation_id, live_run> runs_;
  std::unordered_map<caf::actor_addr, operation_id> run_of_;
  std::unordered_map<operation_id, live_run> crashed_;
  std::unordered_map<std::uint64_t, operation_id> settling_;
  std::uint64_t next_tag_ = 2;
  std::unordered_map<caf::actor_addr, query_actor> queries_;
  std::unordered_map<std::string, clock_time> stamped_; // key id -> when its last use was noted
  clock_time last_used_{};
  const std::shared_ptr<tenant_load> load_ = make_tenant_load();
  bool leaving_ = false;
  bool looked_ = false; // for what a predecessor left open
};

} // namespace ares
