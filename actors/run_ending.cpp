// A run's end: stored first, then told to everyone who waits for it.
#include "actors/run_state.hpp"
#include "conf/json.hpp"
#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/record.hpp"

#include <utility>

namespace ares {

void run_state::carry_out(run_machine::end& e) {
  phase_ = phase::ending;
  deadline_due_ = retry_due_ = drop_due_ = time_point::max();
  end_due_ = now() + limits::end_wait;
  wake_at(end_due_);
  const auto duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(now() - started_).count();
  store::run_end end{{e.how, e.tokens, duration}, std::move(e.output_json), "null"};
  if (e.how == store::ending::failed && e.why)
    end.error_json = quote_json(e.why->message);
  if (is_run())
    record_ = store::ended_record(birth.admission.record_head, started_ms_, end);
  end_ = std::move(e);
  request_store(tag_end,
                store::finish(birth.tenant, birth.admission.operation, birth.admission.agent,
                              end.figures, record_),
                true);
}

// Someone else ended a run first: what stands is what everyone is told. A chat leaves nothing that
// could be looked at: unless its end certainly was this one, sent before, its tokens may have been
// counted as someone else knew them, and it is not answered.
void run_state::ended_before(const store::end_result& stored, bool sent_before) {
  if (!stored.record.empty())
    record_ = stored.record;
  else
    unrecorded_ = is_run() || stored.fenced || !sent_before;
  if (unrecorded_ && end_->how == store::ending::completed) {
    end_->how = store::ending::failed;
    end_->why = error{errc::store_unavailable, "The end could not be recorded"};
  }
}

void run_state::end_stored(const store_result& r) {
  auto stored = store::read_end(r.value.value);
  if (stored && stored->what == store::end_result::verdict::ended_before)
    ended_before(*stored, r.sent_before);
  auto how = end_->how;
  if (is_run() && store::is_cancelled(record_))
    how = store::ending::cancelled;
  count_end(how);
  log_end(how);
  if (unrecorded_)
    record_.clear();
  over(); // before anyone hears of it: who asks again at once does not find this run in the way
  answer_primary();
  answer_joined(how);
  audience.end(is_run() && !unrecorded_ ? record_ : last_chat_event());
  --birth.node->counters->operations_live;
}

void run_state::count_end(store::ending how) {
  auto& counters = *birth.node->counters;
  counters.tokens += end_->tokens;
  if (!is_run())
    return;
  switch (how) {
  case store::ending::completed: ++counters.runs_completed; break;
  case store::ending::failed: ++counters.runs_failed; break;
  case store::ending::cancelled: ++counters.runs_cancelled;
  }
}

// Without words of the provider or the model: they may repeat a prompt.
void run_state::log_end(store::ending how) const {
  if (!log::is_on(log::level::debug))
    return;
  const char* status = how == store::ending::completed ? "completed"
                       : how == store::ending::failed  ? "failed"
                                                       : "cancelled";
  log::debug(is_run() ? "a run ended" : "a chat ended",
             {{"request_id", birth.request->request_id},
              {"tenant_id", birth.tenant.text()},
              {is_run() ? "run_id" : "chat_id", birth.admission.operation.text()},
              {"status", status},
              {"code", end_->why ? to_string(end_->why->code) : "-"},
              {"tokens", std::to_string(end_->tokens)}});
}

void run_state::answer_primary() {
  if (std::exchange(primary_answered_, true))
    return;
  if (!is_run())
    return answer_chat();
  auto o = unrecorded_ ? store_away() : outcome::of(record_);
  o.limits = limits_;
  primary().answer(std::move(o));
}

void run_state::answer_chat() {
  if (primary_streaming_)
    return; // the audience's last event
  if (end_->how != store::ending::completed) {
    auto o = outcome::of(
        end_->why.value_or(error{errc::store_unavailable, "The chat was ended elsewhere"}));
    if (unrecorded_)
      o.retry_after = std::chrono::seconds(1);
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
    auto o = unrecorded_ ? store_away() : outcome::of(record_);
    o.replayed = j.replayed && !unrecorded_;
    if (j.why == join_run::purpose::cancel && how != store::ending::cancelled)
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
      audience.end(
          R"({"delta": "", "finish_reason": "error", "error": "The store cannot take the end of the answer now"})");
  }
  for (auto& j : joined_)
    j.from->answer(late);
  joined_.clear();
}

void run_state::over() {
  phase_ = phase::over;
  birth.in_flight.reset();
  if (ticket_)
    birth.node->wake_ups->cancel(*ticket_);
  ticket_.reset();
  self->send(birth.owner, run_over{birth.admission.operation});
}

} // namespace ares
