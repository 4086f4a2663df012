#include "actors/run.hpp"

#include "actors/run_state.hpp"
#include "actors/tools/tool.hpp"
#include "conf/limits.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace ares {

namespace {

constexpr std::uint32_t credit_unbounded = 1u << 30;
// What a model says beside its tool calls in a stream, as the next round tells it again.
constexpr std::size_t text_beside_tool_calls_bytes_max = 32u << 10;

} // namespace

bool run_state::streams_to_primary() const {
  const auto* chat = std::get_if<start_chat>(&birth.request->call);
  return chat && chat->stream;
}

// One that crashes is not live any more either: a drain does not wait for it.
run_state::~run_state() {
  if (phase_ == phase::running || phase_ == phase::ending)
    --birth.node->counters->operations_live;
}

void run_state::request_store(std::uint64_t tag, store::operation what, bool persistent) {
  self->send(birth.accumulator, store_request{tag, std::move(what), persistent,
                                              caf::actor_cast<store_listener>(self)});
}

outcome run_state::store_away() const {
  auto o = outcome::of(errc::store_unavailable, "The store cannot take the request now");
  o.retry_after = std::chrono::seconds(1);
  return o;
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
  // What a stream's client has been sent is needed again only beside tool calls, for the model.
  const auto kept = !streams_to_primary()      ? SIZE_MAX
                    : c.request->tools.empty() ? std::size_t{0}
                                               : text_beside_tool_calls_bytes_max;
  asked_ = provider->second;
  self->send(*asked_,
             provider_call{c.call, std::move(c.request), caf::actor_cast<completion_listener>(self),
                           c.deadline, credit, kept});
}

void run_state::carry_out(run_machine::drop_call& c) {
  if (asked_)
    self->send(*asked_, provider_cancel{self->address(), c.call});
  wake_at(drop_due_ = now() + limits::drop_wait);
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

// Somebody ended the run through the store: no more is spent on it.
void run_state::checkpointed(const store::answer& a) {
  if (store::has_ended(a.value) && phase_ == phase::running)
    carry_out(machine.cancel());
}

// -- events of the provider ---------------------------------------------------

void run_state::said(const completion_delta& d) {
  if (d.call != call_ || phase_ != phase::running || machine.ended())
    return;
  ++uncredited_;
  if (streams_to_primary() && !primary_streaming_ && !d.text.empty())
    start_primary_stream();
  if (!audience.empty() && !d.text.empty()) {
    machine.delta_delivered();
    keep_alive_due_ = now() + limits::keep_alive_pause; // an alarm before that finds it later
  }
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
  if (asked_)
    self->send(*asked_, provider_credit{self->address(), call_, std::exchange(uncredited_, 0)});
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
    if (keep_alive_due_ == time_point::max())
      wake_at(keep_alive_due_ = now() + limits::keep_alive_pause);
    if (audience.length() > said_before_call_)
      machine.delta_delivered();
    return;
  }
  joined_.push_back(std::move(j));
  cancel_if_asked();
}

void run_state::cancel_if_asked() {
  const auto cancels = [](const join_run& j) { return j.why == join_run::purpose::cancel; };
  if (phase_ == phase::running && std::any_of(joined_.begin(), joined_.end(), cancels))
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
  if (j.why == join_run::purpose::cancel)
    return j.from->answer(outcome::of(errc::run_ended, "The run has ended already"));
  auto o = outcome::of(record_);
  o.replayed = j.replayed;
  j.from->answer(std::move(o));
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
  if (due(drop_due_) && phase_ == phase::running)
    carry_out(machine.drop_overdue());
  if (due(end_due_) && phase_ == phase::ending)
    end_overdue();
  if (due(keep_alive_due_))
    keep_streams_alive();
  if (phase_ == phase::over)
    return;
  auto next = std::min({admission_due_, settle_due_, deadline_due_, retry_due_, drop_due_, end_due_,
                        keep_alive_due_});
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

namespace {

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
