#include "actors/run.hpp"

#include "actors/run_audience.hpp"
#include "actors/tools/tool.hpp"
#include "conf/clock.hpp"
#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/record.hpp"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

namespace ares {

namespace {

using run_itself = run_actor::extend<caf::reacts_to<alarm_rang>>;
using time_point = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

constexpr std::uint64_t tag_admission = 1;
constexpr std::uint64_t tag_checkpoint = 2;
constexpr std::uint64_t tag_end = 3;
constexpr std::uint64_t tag_settle = 4;

constexpr std::uint32_t credit_unbounded = 1u << 30;

const start_chat* chat_of(const api_request& r) { return std::get_if<start_chat>(&r.call); }

class run_state {
public:
  run_state(run_itself::pointer itself, run_birth&& b)
      : self(itself), birth(std::move(b)), machine(std::move(birth.plan)),
        audience(birth.admission.is_run ? limits::stream_buffer_bytes_max : 0) {}

  void begin();
  void store_answered(store_result& r);
  void said(const completion_delta& d);
  void completed(completion_done& d);
  void failed(const completion_failed& f);
  void event_was_written(std::uint64_t client);
  void client_left(std::uint64_t client);
  void joined(join_run& j);
  void alarm();

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

  // -- the end ----------------------------------------------------------------
  void end_stored(const store::answer& a);
  void answer_primary(store::ending how);
  void answer_chat();
  void join_late(join_run& j);
  void answer_joined(store::ending how);
  void count_end(store::ending how);
  void end_overdue();
  void over();

  // -- streams and time -------------------------------------------------------
  void start_primary_stream();
  std::string last_chat_event() const;
  void give_credit();
  void wake_at(time_point when);
  void keep_streams_alive();

  time_point now() const { return self->clock().now(); }
  bool is_run() const { return birth.admission.is_run; }
  bool streams_to_primary() const { return chat_of(*birth.request) && chat_of(*birth.request)->stream; }
  client& primary() const { return *birth.request->from; }
  void request_store(std::uint64_t tag, store::operation what, bool persistent);
  outcome store_away() const;

  run_itself::pointer self;
  run_birth birth;
  run_machine machine;
  run_audience audience;

  enum class phase { admitting, in_doubt, running, ending, over } phase_ = phase::admitting;
  bool primary_answered_ = false;
  bool primary_streaming_ = false;
  std::optional<limit_state> limits_;
  std::int64_t started_ms_ = 0; // store time
  time_point started_{};

  std::uint64_t call_ = 0;
  std::uint32_t uncredited_ = 0; // deltas taken since the provider got credit
  std::size_t said_before_call_ = 0;
  std::vector<join_run> joined_;
  std::optional<run_machine::end> end_;
  std::string record_; // of a run that ended

  // what is due when; none of them at the clock's end
  std::optional<alarms::ticket> ticket_;
  time_point admission_due_ = time_point::max();
  time_point deadline_due_ = time_point::max();
  time_point retry_due_ = time_point::max();
  time_point settle_due_ = time_point::max();
  time_point end_due_ = time_point::max();
  time_point keep_alive_due_ = time_point::max();
};

void run_state::request_store(std::uint64_t tag, store::operation what, bool persistent) {
  self->send(birth.accumulator,
             store_request{tag, std::move(what), persistent, caf::actor_cast<store_listener>(self)});
}

outcome run_state::store_away() const {
  auto o = outcome::of(errc::store_unavailable, "The store cannot take the request now");
  o.retry_after = std::chrono::seconds(1);
  return o;
}

// -- admission ----------------------------------------------------------------

void run_state::begin() {
  request_store(tag_admission, store::admit(birth.tenant, birth.admission), false);
  wake_at(admission_due_ = now() + limits::admission_wait);
}

void run_state::store_answered(store_result& r) {
  if (r.tag == tag_admission)
    admission_answered(r.value);
  else if (r.tag == tag_end)
    end_stored(r.value);
  else if (r.tag == tag_settle)
    settled(r.value);
}

void run_state::admission_answered(const store::answer& a) {
  admission_due_ = time_point::max();
  auto result = a.what == store::fate::done ? store::read_admission(a.value) : std::nullopt;
  if (phase_ == phase::in_doubt) {
    // The client had its 503 already.
    if (a.what == store::fate::unknown || (result && result->what == store::admission_result::verdict::admitted))
      settle();
    else
      over();
    return;
  }
  if (result && result->what == store::admission_result::verdict::admitted)
    return admitted(*result);
  if (result)
    return not_admitted(*result);
  if (a.what == store::fate::unknown) {
    in_doubt();
    return settle();
  }
  if (a.what == store::fate::full) {
    auto o = outcome::of(errc::store_full, "The store is full: no new work is taken now");
    o.retry_after = std::chrono::seconds(30);
    primary().answer(std::move(o));
  } else
    primary().answer(store_away());
  over();
}

void run_state::admitted(const store::admission_result& r) {
  phase_ = phase::running;
  started_ = now();
  started_ms_ = r.started_ms;
  limits_ = limit_state{birth.day_limit, r.day_left, next_utc_day_ms(r.started_ms), r.tokens_left};
  auto& counters = *birth.node->counters;
  ++counters.operations_live;
  ++(is_run() ? counters.runs_started : counters.chats_started);
  wake_at(deadline_due_ = started_ + machine.plan().timeout);
  if (!is_run())
    primary().bind(caf::actor_cast<client_listener>(self));
  if (streams_to_primary())
    keep_alive_due_ = started_ + limits::keep_alive_pause;
  const auto* run = std::get_if<start_run>(&birth.request->call);
  if (run && run->respond_async) {
    auto o = outcome::of(store::running_record(birth.admission.record_head, started_ms_));
    o.how = outcome::success::accepted;
    o.location = "/v1/runs/" + birth.admission.operation.text();
    o.limits = limits_;
    primary().answer(std::move(o));
    primary_answered_ = true;
  }
  carry_out(machine.admitted(started_));
}

void run_state::not_admitted(const store::admission_result& r) {
  using verdict = store::admission_result::verdict;
  switch (r.what) {
  case verdict::stale:
    return return_request(request_returned::reason::stale);
  case verdict::no_key:
    return return_request(request_returned::reason::no_key);
  case verdict::fenced:
    return return_request(request_returned::reason::fenced);
  case verdict::replay:
    return return_request(request_returned::reason::replay, r.run);
  case verdict::conflict:
    primary().answer(outcome::of(errc::idempotency_key_reused,
                                 "The Idempotency-Key was used with another body"));
    break;
  case verdict::refused:
    primary().answer(outcome::of(birth.refusal.value_or(error{})));
    break;
  case verdict::daily_limit:
  case verdict::run_quota:
  case verdict::token_quota:
    limit_reached(r);
    break;
  case verdict::late:
  case verdict::admitted:
    primary().answer(store_away());
  }
  over();
}

void run_state::limit_reached(const store::admission_result& r) {
  using verdict = store::admission_result::verdict;
  const auto now_ms = birth.node->clock->now_ms();
  auto reset_ms = next_utc_day_ms(now_ms);
  outcome o;
  if (r.what == verdict::daily_limit)
    o = outcome::of(errc::daily_limit, "Daily request limit reached for your tier");
  else {
    o = r.what == verdict::run_quota
            ? outcome::of(errc::run_quota, "Monthly request quota exceeded")
            : outcome::of(errc::token_quota, "Monthly token quota exceeded");
    reset_ms = billing_period_of(now_ms).end_ms + 1000;
  }
  o.retry_after = std::chrono::seconds(std::max<std::int64_t>((reset_ms - now_ms + 999) / 1000, 1));
  o.limits = limit_state{birth.day_limit, r.day_left, next_utc_day_ms(now_ms), r.tokens_left};
  primary().answer(std::move(o));
}

void run_state::return_request(request_returned::reason why, std::string earlier) {
  self->send(birth.owner, request_returned{why, birth.request, std::move(earlier)});
  over();
}

// The client is not kept waiting for an admission whose outcome is not known; the admission is
// resolved all the same.
void run_state::in_doubt() {
  phase_ = phase::in_doubt;
  primary().answer(store_away());
  primary_answered_ = true;
}

void run_state::settle() {
  settle_due_ = time_point::max();
  request_store(tag_settle,
                store::settle(birth.tenant, birth.admission.operation, birth.admission.agent,
                              store::ending::failed,
                              R"("The store did not confirm the admission in time")",
                              birth.admission.not_after_ms),
                true);
}

void run_state::settled(const store::answer& a) {
  auto end = store::read_end(a.value);
  if (end && end->what == store::end_result::verdict::early)
    return wake_at(settle_due_ = now() + limits::store_retry_pause);
  over();
}

// -- commands of the machine --------------------------------------------------

void run_state::carry_out(run_machine::commands list) {
  for (auto& c : list)
    std::visit([this](auto& command) { carry_out(command); }, c);
}

void run_state::carry_out(run_machine::call_model& c) {
  auto settings = birth.node->settings->get();
  auto provider = settings->providers.find(c.model->provider);
  call_ = c.call;
  uncredited_ = 0;
  said_before_call_ = audience.length();
  if (provider == settings->providers.end()) {
    completion_failure gone;
    gone.message = "The model's provider is not configured any more";
    return carry_out(machine.failed(c.call, gone, now()));
  }
  const auto credit = streams_to_primary() ? limits::stream_credit : credit_unbounded;
  self->send(provider->second, provider_call{c.call, std::move(c.request),
                                             caf::actor_cast<completion_listener>(self), c.deadline, credit});
}

void run_state::carry_out(run_machine::drop_call& c) {
  // Every provider of the plan may have it; those that do not ignore it.
  auto settings = birth.node->settings->get();
  for (const auto& model : machine.plan().models)
    if (auto it = settings->providers.find(model.provider); it != settings->providers.end())
      self->send(it->second, provider_cancel{self->address(), c.call});
}

void run_state::carry_out(run_machine::wait& w) {
  audience.rewind(said_before_call_);
  if (w.pause.count() == 0)
    return carry_out(machine.retry_due(now()));
  wake_at(retry_due_ = now() + w.pause);
}

void run_state::carry_out(run_machine::execute_tools& t) {
  const auto& offered = machine.plan().tools;
  std::vector<std::string> results;
  for (const auto& call : t.calls) {
    const bool known = std::any_of(offered.begin(), offered.end(),
                                   [&](const auto& tool) { return tool.name == call.name; });
    results.push_back(known ? execute_tool(call) : R"({"error": "There is no such tool"})");
  }
  carry_out(machine.tools_done(results, now()));
}

void run_state::carry_out(run_machine::checkpoint& c) {
  request_store(tag_checkpoint, store::progress(birth.admission.operation, c.tokens), false);
}

void run_state::carry_out(run_machine::end& e) {
  phase_ = phase::ending;
  deadline_due_ = retry_due_ = time_point::max();
  end_due_ = now() + limits::end_wait;
  wake_at(end_due_);
  const auto duration = std::chrono::duration_cast<milliseconds>(now() - started_).count();
  store::run_end end{{e.how, e.tokens, duration}, std::move(e.output_json), "null"};
  if (e.how == store::ending::failed && e.why)
    end.error_json = quote_json(e.why->message);
  if (is_run())
    record_ = store::ended_record(birth.admission.record_head, started_ms_, end);
  end_ = std::move(e);
  request_store(tag_end,
                store::finish(birth.tenant, birth.admission.operation, birth.admission.agent, end.figures,
                              record_),
                true);
}

// -- events of the provider ---------------------------------------------------

void run_state::said(const completion_delta& d) {
  if (d.call != call_ || phase_ != phase::running || machine.ended())
    return;
  ++uncredited_;
  if (streams_to_primary() && !primary_streaming_ && !d.text.empty())
    start_primary_stream();
  if (!audience.empty() && !d.text.empty())
    machine.delta_delivered();
  audience.said(d.text);
  if (d.text.empty())
    give_credit();
}

void run_state::completed(completion_done& d) {
  if (phase_ == phase::running)
    carry_out(machine.completed(d.call, std::move(d.value), now()));
}

void run_state::failed(const completion_failed& f) {
  if (phase_ == phase::running)
    carry_out(machine.failed(f.call, f.why, now()));
}

// Only a stream to its own client waits for that client; whoever attached to a run slows nobody.
void run_state::give_credit() {
  if (!streams_to_primary() || uncredited_ == 0 || phase_ != phase::running)
    return;
  auto settings = birth.node->settings->get();
  for (const auto& model : machine.plan().models)
    if (auto it = settings->providers.find(model.provider); it != settings->providers.end())
      self->send(it->second, provider_credit{self->address(), call_, uncredited_});
  uncredited_ = 0;
}

// -- clients ------------------------------------------------------------------

void run_state::start_primary_stream() {
  primary_streaming_ = true;
  primary().begin_stream(limits_);
  audience.follow(birth.request->from);
}

void run_state::event_was_written(std::uint64_t client) {
  audience.written(client);
  if (client == primary().id())
    give_credit();
}

void run_state::client_left(std::uint64_t client) {
  audience.left(client);
  if (client == primary().id() && !is_run() && phase_ == phase::running) {
    primary_answered_ = true;
    carry_out(machine.client_left());
  }
}

void run_state::joined(join_run& j) {
  if (phase_ == phase::over)
    return join_late(j);
  if (j.why == join_run::purpose::attach) {
    j.from->begin_stream(std::nullopt);
    j.from->bind(caf::actor_cast<client_listener>(self));
    audience.follow(j.from);
    if (audience.length() == 0)
      j.from->keep_alive(); // so that the head leaves at once
    wake_at(keep_alive_due_ = now() + limits::keep_alive_pause);
    if (audience.length() > 0)
      machine.delta_delivered();
    return;
  }
  const bool cancel = j.why == join_run::purpose::cancel;
  joined_.push_back(std::move(j));
  if (cancel && phase_ == phase::running)
    carry_out(machine.cancel());
}

// It crossed the news that the run is over.
void run_state::join_late(join_run& j) {
  if (record_.empty())
    return j.from->answer(store_away());
  if (j.why == join_run::purpose::attach) {
    j.from->begin_stream(std::nullopt);
    j.from->event(record_);
    return j.from->end_stream();
  }
  joined_.push_back(std::move(j));
  answer_joined(end_->how);
}

// -- the end ------------------------------------------------------------------

void run_state::end_stored(const store::answer& a) {
  auto stored = store::read_end(a.value);
  auto how = end_->how;
  if (stored && stored->what == store::end_result::verdict::ended_before && !stored->record.empty()) {
    record_ = stored->record; // someone else ended it first: that is what everyone is told
    how = record_.find("\"status\":\"cancelled\"") < 120 ? store::ending::cancelled : how;
  }
  count_end(how);
  answer_primary(how);
  answer_joined(how);
  audience.end(is_run() ? record_ : last_chat_event());
  --birth.node->counters->operations_live;
  over();
}

void run_state::count_end(store::ending how) {
  auto& counters = *birth.node->counters;
  counters.tokens += end_->tokens;
  if (!is_run())
    return;
  switch (how) {
  case store::ending::completed:
    ++counters.runs_completed;
    break;
  case store::ending::failed:
    ++counters.runs_failed;
    break;
  case store::ending::cancelled:
    ++counters.runs_cancelled;
  }
}

void run_state::answer_primary(store::ending) {
  if (std::exchange(primary_answered_, true))
    return;
  if (!is_run())
    return answer_chat();
  auto o = outcome::of(record_);
  o.limits = limits_;
  primary().answer(std::move(o));
}

void run_state::answer_chat() {
  if (primary_streaming_)
    return; // the audience's last event
  if (end_->how != store::ending::completed) {
    auto o = outcome::of(end_->why.value_or(error{}));
    o.limits = limits_;
    return primary().answer(std::move(o));
  }
  if (streams_to_primary())
    return start_primary_stream(); // an answer without any text
  std::string body = R"({"id":")" + birth.admission.operation.text() + R"(","content":)" +
                     quote_json(end_->content) + R"(,"model":)" + quote_json(end_->model->name) +
                     R"(,"tokens_used":)" + std::to_string(end_->tokens) + R"(,"finish_reason":")" +
                     to_string(end_->finish) + "\"}";
  auto o = outcome::of(std::move(body));
  o.limits = limits_;
  primary().answer(std::move(o));
}

std::string run_state::last_chat_event() const {
  if (end_->how == store::ending::completed)
    return std::string(R"({"delta": "", "finish_reason": ")") + to_string(end_->finish) +
           R"(", "tokens_used": )" + std::to_string(end_->tokens) + "}";
  return R"({"delta": "", "finish_reason": "error", "error": )" +
         quote_json(end_->why ? end_->why->message : "") + "}";
}

void run_state::answer_joined(store::ending how) {
  for (auto& j : joined_) {
    auto o = outcome::of(record_);
    o.replayed = j.replayed;
    if (j.why == join_run::purpose::cancel && (phase_ == phase::over || how != store::ending::cancelled))
      o = outcome::of(errc::run_ended, "The run has ended already");
    j.from->answer(std::move(o));
  }
  joined_.clear();
}

// The end is not in the store yet: it is kept and sent again, but nobody waits longer.
void run_state::end_overdue() {
  auto late = store_away();
  if (is_run())
    late.location = "/v1/runs/" + birth.admission.operation.text();
  if (!std::exchange(primary_answered_, true)) {
    if (!primary_streaming_)
      primary().answer(late);
    else
      audience.end(R"({"delta": "", "finish_reason": "error", "error": "The store cannot take the end of the answer now"})");
  }
  for (auto& j : joined_)
    j.from->answer(late);
  joined_.clear();
}

void run_state::over() {
  phase_ = phase::over;
  if (ticket_)
    birth.node->wake_ups->cancel(*ticket_);
  ticket_.reset();
  self->send(birth.owner, run_over{birth.admission.operation});
}

// -- time ---------------------------------------------------------------------

// One alarm at a time, for the earliest; a later one is set when that rings.
void run_state::wake_at(time_point when) {
  if (ticket_ && ticket_->first <= when)
    return;
  if (ticket_)
    birth.node->wake_ups->cancel(*ticket_);
  ticket_ = birth.node->wake_ups->set(when, caf::actor_cast<alarm_listener>(self));
}

void run_state::alarm() {
  ticket_.reset();
  const auto t = now();
  const auto due = [t](time_point& when) {
    return when <= t && std::exchange(when, time_point::max()) <= t;
  };
  if (due(admission_due_) && phase_ == phase::admitting)
    in_doubt();
  if (due(settle_due_))
    settle();
  if (due(deadline_due_) && phase_ == phase::running)
    carry_out(machine.deadline());
  if (due(retry_due_) && phase_ == phase::running)
    carry_out(machine.retry_due(t));
  if (due(end_due_) && phase_ == phase::ending)
    end_overdue();
  if (due(keep_alive_due_))
    keep_streams_alive();
  if (phase_ == phase::over)
    return;
  auto next = std::min({admission_due_, settle_due_, deadline_due_, retry_due_, end_due_, keep_alive_due_});
  if (next != time_point::max())
    wake_at(next);
}

void run_state::keep_streams_alive() {
  if (streams_to_primary() && !primary_streaming_ && !primary_answered_)
    start_primary_stream();
  audience.keep_alive();
  if (!audience.empty())
    keep_alive_due_ = now() + limits::keep_alive_pause;
}

run_itself::behavior_type run(run_itself::stateful_pointer<std::optional<run_state>> self,
                              std::shared_ptr<run_birth> birth) {
  self->state.emplace(self, std::move(*birth));
  self->state->begin();
  return {
      [self](store_result& r) { self->state->store_answered(r); },
      [self](const completion_delta& d) { self->state->said(d); },
      [self](completion_done& d) { self->state->completed(d); },
      [self](const completion_failed& f) { self->state->failed(f); },
      [self](const event_written& e) { self->state->event_was_written(e.client); },
      [self](const client_gone& g) { self->state->client_left(g.client); },
      [self](join_run& j) { self->state->joined(j); },
      [self](run_released) { self->quit(); },
      [self](alarm_rang) { self->state->alarm(); },
  };
}

} // namespace

run_actor spawn_run(caf::actor_system& system, run_birth birth) {
  return system.spawn(run, std::make_shared<run_birth>(std::move(birth)));
}

} // namespace ares
