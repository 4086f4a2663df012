// The state of a RUN actor, in three parts: run_admission.cpp, run.cpp (while it goes on),
// run_ending.cpp. Private to them; whoever deals with runs includes actors/run.hpp.
#pragma once

#include "actors/run.hpp"
#include "actors/run_audience.hpp"
#include "conf/limits.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ares {

using run_itself = run_actor::extend<caf::reacts_to<alarm_rang>>;
// What the store answers to.
inline constexpr std::uint64_t tag_admission = 1;
inline constexpr std::uint64_t tag_checkpoint = 2;
inline constexpr std::uint64_t tag_end = 3;
inline constexpr std::uint64_t tag_settle = 4;

class run_state {
public:
  using time_point = std::chrono::steady_clock::time_point;

  run_state(run_itself::pointer itself, run_birth&& b)
      : self(itself), birth(std::move(b)), machine(std::move(birth.plan)),
        audience(birth.admission.is_run ? limits::stream_buffer_bytes_max : 0) {}

  ~run_state();
  run_state(const run_state&) = delete;
  run_state& operator=(const run_state&) = delete;

  void begin();
  void store_answered(store_result& r);
  void said(const completion_delta& d);
  void completed(completion_done& d);
  void failed(const completion_failed& f);
  void event_was_written(std::uint64_t client);
  void client_left(std::uint64_t client);
  void joined(join_run& j);
  void alarm();

  // What it was born with.
  run_itself::pointer self;
  run_birth birth;
  run_machine machine;
  run_audience audience;

private:
  // -- admission --------------------------------------------------------------
  void admission_answered(const store::answer& a);
  void admitted(const store::admission_result& r);
  void not_admitted(const store::admission_result& r);
  void limit_reached(const store::admission_result& r);
  void return_request(request_returned::reason why, std::string earlier = {});
  void in_doubt();
  void settle();
  void settled(const store::answer& a);

  // -- commands of the machine ------------------------------------------------
  void carry_out(run_machine::commands list);
  void carry_out(run_machine::call_model& c);
  void carry_out(run_machine::drop_call& c);
  void carry_out(run_machine::wait& w);
  void carry_out(run_machine::execute_tools& t);
  void carry_out(run_machine::checkpoint& c);
  void carry_out(run_machine::end& e);
  void checkpointed(const store::answer& a);

  // -- the end ----------------------------------------------------------------
  void end_stored(const store_result& r);
  void ended_before(const store::end_result& stored, bool sent_before);
  void answer_primary();
  void answer_chat();
  void join_late(join_run& j);
  void answer_joined(store::ending how);
  void count_end(store::ending how);
  void log_end(store::ending how) const;
  void end_overdue();
  void over();

  // -- streams and time -------------------------------------------------------
  void start_primary_stream();
  [[nodiscard]] std::string last_chat_event() const;
  void give_credit();
  void wake_at(time_point when);
  void keep_streams_alive();
  void cancel_if_asked();

  [[nodiscard]] time_point now() const { return self->clock().now(); }
  [[nodiscard]] bool is_run() const { return birth.admission.is_run; }
  [[nodiscard]] bool streams_to_primary() const;
  [[nodiscard]] client& primary() const { return *birth.request->from; }
  void request_store(std::uint64_t tag, store::operation what, bool persistent);
  [[nodiscard]] outcome store_away() const;

  enum class phase { admitting, in_doubt, running, ending, over } phase_ = phase::admitting;
  bool primary_answered_ = false;
  bool primary_streaming_ = false;
  std::optional<limit_state> limits_;
  std::int64_t started_ms_ = 0; // store time
  time_point started_{};

  std::uint64_t call_ = 0;
  std::optional<provider_actor> asked_; // who has the call
  std::uint32_t uncredited_ = 0;        // deltas taken since the provider got credit
  std::size_t said_before_call_ = 0;
  std::vector<join_run> joined_;
  std::optional<run_machine::end> end_;
  std::string record_;      // of a run that ended
  bool unrecorded_ = false; // the store knows nothing of the end: nobody is told one

  // what is due when; none of them at the clock's end
  std::optional<alarms::ticket> ticket_;
  time_point admission_due_ = time_point::max();
  time_point deadline_due_ = time_point::max();
  time_point retry_due_ = time_point::max();
  time_point settle_due_ = time_point::max();
  time_point end_due_ = time_point::max();
  time_point drop_due_ = time_point::max();
  time_point keep_alive_due_ = time_point::max();
};

} // namespace ares
