// The state of a QUERY actor, in two parts: query.cpp, and query_run.cpp for what concerns one run.
// Private to them; whoever deals with queries includes actors/query.hpp.
#pragma once

#include "actors/query.hpp"
#include "conf/limits.hpp"
#include "store/operations.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ares {

using query_itself = query_actor::extend<caf::reacts_to<alarm_rang>, caf::reacts_to<event_written>,
                                         caf::reacts_to<client_gone>>;

class query_state {
public:
  query_state(query_itself::pointer itself, query_birth&& b) : self(itself), birth(std::move(b)) {}

  void begin();
  void store_answered(store_result& r);
  void run_is_elsewhere();
  void alarm();
  void client_left() { over(); }

  // What it was born with.
  query_itself::pointer self;
  query_birth birth;

private:
  using step = void (query_state::*)(const store::reply&);

  // -- one function a call: what to ask the store first --------------------------
  void start(const list_agents& c);
  void start(const show_agent& c);
  void start(const list_runs& c);
  void start(const show_run& c);
  void start(const cancel_run& c);
  void start(const attach_run& c);
  void start(const replay_run& c);
  void start(const show_usage&);
  void start(const list_keys&);
  void start(const create_key&) { ask(check(), &query_state::change_key); }
  void start(const revoke_key&) { ask(check(), &query_state::change_key); }
  void start(const refused_call&) { ask(check(), &query_state::refuse); }
  // The supervisor spawns a run for these.
  void start(const start_run&) {}
  void start(const start_chat&) {}

  // -- the steps behind the check ------------------------------------------------
  void read_agents(const store::reply&);
  void agents_read(const store::reply& r);
  void read_agent(const store::reply&);
  void agent_read(const store::reply& r);
  void read_records(const store::reply& r);
  void records_read(const store::reply& r);
  void run_read(const store::reply& r);
  void run_for_cancel(const store::reply& r);
  void run_for_attach(const store::reply& r);
  void run_for_replay(const store::reply& r);
  void usage_read(const store::reply& r);
  void keys_read(const store::reply& r);
  void change_key(const store::reply&);
  void refuse(const store::reply&);
  void settled(const store::reply& r);

  // -- a run that goes on ----------------------------------------------------------
  void join(join_run::purpose why, bool replayed = false);
  void poll();
  void polled(const store::reply& r);
  void run_has_vanished();
  void run_has_ended(const std::string& record);
  void cancelled_elsewhere(const std::string& record);
  void patience_over();

  [[nodiscard]] store::operation check() const {
    return store::check(birth.tenant->id, birth.reading);
  }
  void ask(store::operation what, step then, bool persistent = false);
  void ask(store::command what, step then);
  void answer(outcome o);
  void answer_away();
  void over();
  [[nodiscard]] client& from() const { return *birth.request->from; }
  [[nodiscard]] std::chrono::steady_clock::time_point now() const { return self->clock().now(); }

  step then_ = nullptr;
  bool own_command_ =
      false; // the answer that is awaited is of a command, not of a batch's operation

  std::vector<std::shared_ptr<const store::agent_snapshot>> agents_;
  std::int64_t total_ = 0;
  page page_;
  operation_id run_;
  store::reply run_reply_;
  std::optional<join_run> joining_;
  std::chrono::steady_clock::time_point patient_until_{}, keep_alive_due_{};
  std::optional<alarms::ticket> ticket_;
};

/// A stored record with what its open entry, if there is one, says of its tokens.
[[nodiscard]] std::string current_record(const std::string& record, const std::string& entry);

} // namespace ares
