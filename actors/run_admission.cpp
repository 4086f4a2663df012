// A run before it runs: admitted, refused, returned, or in doubt.
#include "actors/run_state.hpp"
#include "conf/clock.hpp"
#include "conf/limits.hpp"
#include "store/record.hpp"

#include <algorithm>

namespace ares {

void run_state::begin() {
  request_store(tag_admission, store::admit(birth.tenant, birth.admission), false);
  wake_at(admission_due_ = now() + limits::admission_wait);
}

void run_state::store_answered(store_result& r) {
  if (r.tag == tag_admission)
    admission_answered(r.value);
  else if (r.tag == tag_checkpoint)
    checkpointed(r.value);
  else if (r.tag == tag_end)
    end_stored(r);
  else if (r.tag == tag_settle)
    settled(r.value);
}

void run_state::admission_answered(const store::answer& a) {
  admission_due_ = time_point::max();
  auto result = a.what == store::fate::done ? store::read_admission(a.value) : std::nullopt;
  if (result && result->what != store::admission_result::verdict::stale)
    birth.request->got_through();
  if (phase_ == phase::in_doubt) {
    // The client had its 503 already.
    if (a.what == store::fate::unknown ||
        (result && result->what == store::admission_result::verdict::admitted))
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
    wake_at(keep_alive_due_ = started_ + limits::keep_alive_pause);
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
  cancel_if_asked(); // whoever found the run in the store before its node heard of it
}

void run_state::not_admitted(const store::admission_result& r) {
  using verdict = store::admission_result::verdict;
  switch (r.what) {
  case verdict::stale: return return_request(request_returned::reason::stale);
  case verdict::no_key: return return_request(request_returned::reason::no_key);
  case verdict::fenced: return return_request(request_returned::reason::fenced);
  case verdict::replay: return return_request(request_returned::reason::replay, r.run);
  case verdict::conflict:
    primary().answer(outcome::of(errc::idempotency_key_reused,
                                 "The Idempotency-Key was used with another body"));
    break;
  case verdict::refused: primary().answer(outcome::of(birth.refusal.value_or(error{}))); break;
  case verdict::daily_limit:
  case verdict::run_quota:
  case verdict::token_quota: limit_reached(r); break;
  case verdict::late:
  case verdict::admitted: primary().answer(store_away());
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
  request_store(
      tag_settle,
      store::settle(birth.tenant, birth.admission.operation, birth.admission.agent,
                    {store::ending::failed, R"("The store did not confirm the admission in time")",
                     birth.admission.not_after_ms}),
      true);
}

void run_state::settled(const store::answer& a) {
  auto end = store::read_end(a.value);
  if (end && end->what == store::end_result::verdict::early)
    return wake_at(settle_due_ = now() + limits::store_retry_pause);
  if (end)
    record_ = std::move(end->record);
  over();
  for (auto& j : std::exchange(joined_, {}))
    join_late(j);
  if (!record_.empty())
    audience.end(record_);
}

} // namespace ares
