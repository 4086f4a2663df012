// What concerns one run: shown, cancelled, attached to, replayed, and followed while it goes on.
#include "actors/query_state.hpp"
#include "conf/limits.hpp"
#include "store/record.hpp"

#include <algorithm>
#include <utility>

namespace ares {

using std::chrono::milliseconds;

namespace {

/// Of a `check_run` reply; empty if there is no such run.
std::string record_of(const store::reply& r) {
  if (r.items.size() < 3)
    return {};
  return current_record(r.items[1].text, r.items[2].text);
}

outcome no_such_run() {
  return outcome::of(errc::not_found, "No such run");
}

} // namespace

void query_state::start(const show_run& c) {
  run_ = c.run;
  ask(store::check_run(birth.tenant->id, birth.reading, run_), &query_state::run_read);
}

void query_state::run_read(const store::reply& r) {
  auto record = record_of(r);
  answer(record.empty() ? no_such_run() : outcome::of(std::move(record)));
}

void query_state::start(const cancel_run& c) {
  run_ = c.run;
  ask(store::check_run(birth.tenant->id, birth.reading, run_), &query_state::run_for_cancel);
}

void query_state::run_for_cancel(const store::reply& r) {
  auto record = record_of(r);
  if (record.empty())
    return answer(no_such_run());
  if (!store::is_running(record))
    return answer(outcome::of(errc::run_ended, "The run has ended already"));
  run_reply_ = r;
  patient_until_ = now() + limits::cancel_wait;
  join(join_run::purpose::cancel);
}

void query_state::start(const attach_run& c) {
  run_ = c.run;
  ask(store::check_run(birth.tenant->id, birth.reading, run_), &query_state::run_for_attach);
}

void query_state::run_for_attach(const store::reply& r) {
  auto record = record_of(r);
  if (record.empty())
    return answer(no_such_run());
  if (!store::is_running(record)) {
    from().begin_stream(std::nullopt);
    from().event(std::move(record));
    from().end_stream();
    return over();
  }
  patient_until_ = std::chrono::steady_clock::time_point::max();
  join(join_run::purpose::attach);
}

void query_state::start(const replay_run& c) {
  run_ = c.run;
  patient_until_ = now() + c.patience;
  ask(store::check_run(birth.tenant->id, birth.reading, run_), &query_state::run_for_replay);
}

void query_state::run_for_replay(const store::reply& r) {
  auto record = record_of(r);
  if (record.empty())
    return answer_away();
  const bool running = store::is_running(record);
  if (running && !std::get<replay_run>(birth.request->call).respond_async)
    return join(join_run::purpose::wait, true);
  auto o = outcome::of(std::move(record));
  o.replayed = true;
  if (running) {
    o.how = outcome::success::accepted;
    o.location = "/v1/runs/" + run_.text();
  }
  answer(std::move(o));
}

// -- a run that goes on ---------------------------------------------------------

void query_state::join(join_run::purpose why, bool replayed) {
  joining_ = join_run{why, birth.request->from, replayed};
  self->send(birth.owner,
             find_run{run_, *joining_,
                      caf::actor_cast<caf::typed_actor<caf::reacts_to<run_not_here>>>(self)});
}

// Another node has it, or nobody any more: the store tells when it has ended.
void query_state::run_is_elsewhere() {
  if (joining_->why == join_run::purpose::attach) {
    from().begin_stream(std::nullopt);
    from().bind(caf::actor_cast<client_listener>(self));
    from().keep_alive();
    keep_alive_due_ = now() + limits::keep_alive_pause;
  }
  poll();
}

void query_state::poll() {
  if (now() >= patient_until_)
    return patience_over();
  ticket_ =
      birth.node->wake_ups->set(now() + limits::poll_pause, caf::actor_cast<alarm_listener>(self));
}

void query_state::alarm() {
  ticket_.reset();
  if (joining_->why == join_run::purpose::attach && now() >= keep_alive_due_) {
    from().keep_alive();
    keep_alive_due_ = now() + limits::keep_alive_pause;
  }
  ask(store::check_run(birth.tenant->id, store::reading::unchecked(), run_), &query_state::polled);
}

void query_state::polled(const store::reply& r) {
  auto record = record_of(r);
  if (record.empty())
    return run_has_vanished();
  if (store::is_running(record))
    return poll();
  run_has_ended(record);
}

// With its tenant.
void query_state::run_has_vanished() {
  if (joining_->why != join_run::purpose::attach)
    return answer(no_such_run());
  from().end_stream();
  over();
}

void query_state::run_has_ended(const std::string& record) {
  switch (joining_->why) {
  case join_run::purpose::attach:
    from().event(record);
    from().end_stream();
    return over();
  case join_run::purpose::cancel: return cancelled_elsewhere(record);
  case join_run::purpose::wait: break;
  }
  auto o = outcome::of(record);
  o.replayed = joining_->replayed;
  answer(std::move(o));
}

void query_state::patience_over() {
  if (joining_->why != join_run::purpose::cancel)
    return answer_away();
  auto entry = store::read_open_entry(run_reply_.items[2].text);
  ask(store::settle(birth.tenant->id, run_, entry ? entry->agent : "",
                    {store::ending::cancelled, "null"}),
      &query_state::settled, true);
}

void query_state::settled(const store::reply& r) {
  auto end = store::read_end(r);
  if (end && end->what == store::end_result::verdict::ended_now)
    return answer(outcome::of(std::move(end->record)));
  end ? cancelled_elsewhere(end->record) : answer_away();
}

// Since this cancel began: perhaps by it, its first answer lost. All cancels are told the same.
void query_state::cancelled_elsewhere(const std::string& record) {
  answer(store::is_cancelled(record) ? outcome::of(record)
                                     : outcome::of(errc::run_ended, "The run has ended already"));
}

} // namespace ares
