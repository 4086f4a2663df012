#include "actors/query.hpp"

#include "actors/api_json.hpp"
#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/record.hpp"
#include "store/scripts.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <variant>

namespace ares {

namespace {

using query_itself = query_actor::extend<caf::reacts_to<alarm_rang>, caf::reacts_to<event_written>,
                                         caf::reacts_to<client_gone>>;
using std::chrono::milliseconds;

class query_state {
public:
  query_state(query_itself::pointer itself, query_birth&& b) : self(itself), birth(std::move(b)) {}

  void begin();
  void store_answered(store_result& r);
  void run_is_elsewhere();
  void alarm();
  void client_left() { over(); }

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
  void patience_over();

  store::operation check() const { return store::check(birth.tenant->id, birth.reading); }
  void ask(store::operation what, step then, bool persistent = false);
  void ask(store::command what, step then);
  void answer(outcome o);
  void answer_away();
  void over();
  client& from() const { return *birth.request->from; }
  std::chrono::steady_clock::time_point now() const { return self->clock().now(); }

  query_itself::pointer self;
  query_birth birth;
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

constexpr std::uint64_t tag_any = 1;

// -- machinery ----------------------------------------------------------------

void query_state::begin() {
  std::visit([this](const auto& call) { start(call); }, birth.request->call);
}

void query_state::ask(store::operation what, step then, bool persistent) {
  then_ = then;
  own_command_ = false;
  self->send(birth.accumulator, store_request{tag_any, std::move(what), persistent,
                                              caf::actor_cast<store_listener>(self)});
}

void query_state::ask(store::command what, step then) {
  then_ = then;
  own_command_ = true;
  self->send(birth.node->recorder,
             store_command{tag_any, std::move(what), caf::actor_cast<store_listener>(self)});
}

void query_state::store_answered(store_result& r) {
  if (r.value.what != store::fate::done || r.value.value.type == store::reply::kind::error)
    return then_ == &query_state::polled ? poll() : answer_away(); // whoever is patient stays so
  const bool checked = !own_command_ && then_ != &query_state::settled;
  const auto verdict = checked ? store::read_check(r.value.value) : store::check_verdict::ok;
  if (!verdict)
    return answer_away();
  if (*verdict != store::check_verdict::stale)
    birth.request->got_through();
  if (*verdict == store::check_verdict::ok)
    return (this->*then_)(r.value.value);
  const auto why = *verdict == store::check_verdict::stale ? request_returned::reason::stale
                                                           : request_returned::reason::no_key;
  self->send(birth.owner, request_returned{why, birth.as_sent, {}});
  over();
}

void query_state::answer(outcome o) {
  from().answer(std::move(o));
  over();
}

void query_state::answer_away() {
  auto o = outcome::of(errc::store_unavailable, "The store cannot take the request now");
  o.retry_after = std::chrono::seconds(1);
  answer(std::move(o));
}

void query_state::over() {
  if (ticket_)
    birth.node->wake_ups->cancel(*ticket_);
  ticket_.reset();
  self->quit();
}

// -- agents -------------------------------------------------------------------

void query_state::start(const list_agents& c) {
  page_ = c.which;
  const auto& all = birth.tenant->agents;
  total_ = static_cast<std::int64_t>(all.size());
  const auto first = std::min((page_.number - 1) * page_.size, total_);
  const auto last = std::min(first + page_.size, total_);
  std::int64_t i = 0;
  for (const auto& [name, agent] : all) {
    if (i >= first && i < last)
      agents_.push_back(agent);
    ++i;
  }
  ask(check(), &query_state::read_agents);
}

void query_state::start(const show_agent& c) {
  auto it = birth.tenant->agents.find(c.name);
  if (it != birth.tenant->agents.end())
    agents_.push_back(it->second);
  ask(check(), &query_state::read_agent);
}

namespace {

store::command
statistics_read(const tenant_id& t,
                const std::vector<std::shared_ptr<const store::agent_snapshot>>& of) {
  static const store::script& script = store::script_named("statistics_read");
  store::command c;
  c.run = &script;
  for (const auto& agent : of)
    c.arguments.push_back(store::keys::statistics(t, agent->id.text()));
  c.keys = c.arguments.size();
  return c;
}

} // namespace

void query_state::read_agents(const store::reply&) {
  if (agents_.empty())
    return answer(outcome::of(page_json("agents", {}, total_, page_)));
  ask(statistics_read(birth.tenant->id, agents_), &query_state::agents_read);
}

void query_state::agents_read(const store::reply& r) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < agents_.size(); ++i)
    items.push_back(agent_json(
        *agents_[i], i < r.items.size() ? read_statistics(r.items[i]) : agent_statistics{}, false));
  answer(outcome::of(page_json("agents", items, total_, page_)));
}

void query_state::read_agent(const store::reply&) {
  if (agents_.empty())
    return answer(outcome::of(errc::not_found, "No such agent"));
  ask(statistics_read(birth.tenant->id, agents_), &query_state::agent_read);
}

void query_state::agent_read(const store::reply& r) {
  answer(outcome::of(agent_json(
      *agents_[0], r.items.empty() ? agent_statistics{} : read_statistics(r.items[0]), true)));
}

// -- runs ---------------------------------------------------------------------

void query_state::start(const list_runs& c) {
  page_ = c.which;
  auto it = birth.tenant->agents.find(c.agent);
  if (it == birth.tenant->agents.end())
    return ask(check(), &query_state::read_agent);
  agents_.push_back(it->second);
  const auto first = (page_.number - 1) * page_.size;
  ask(store::check_runs(birth.tenant->id, birth.reading, it->second->id.text(), first,
                        first + page_.size - 1),
      &query_state::read_records);
}

void query_state::read_records(const store::reply& r) {
  static const store::script& script = store::script_named("records_read");
  if (r.items.size() < 3)
    return answer_away();
  total_ = r.items[1].integer;
  const auto& ids = r.items[2].items;
  if (ids.empty())
    return answer(outcome::of(page_json("runs", {}, total_, page_)));
  store::command c;
  c.run = &script;
  c.arguments.push_back(store::keys::open(birth.tenant->id));
  for (const auto& id : ids)
    c.arguments.push_back(store::keys::record(birth.tenant->id, id.text));
  c.keys = c.arguments.size();
  for (const auto& id : ids)
    c.arguments.push_back(id.text);
  ask(std::move(c), &query_state::records_read);
}

namespace {

std::string current_record(const std::string& record, const std::string& entry) {
  if (auto open = store::read_open_entry(entry))
    return store::with_tokens(record, open->tokens);
  return record;
}

} // namespace

void query_state::records_read(const store::reply& r) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i + 1 < r.items.size(); i += 2)
    if (!r.items[i].text.empty())
      items.push_back(current_record(r.items[i].text, r.items[i + 1].text));
  answer(outcome::of(page_json("runs", items, total_, page_)));
}

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
  case join_run::purpose::cancel:
    return answer(outcome::of(errc::run_ended, "The run has ended already"));
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
  ask(store::settle(birth.tenant->id, run_, entry ? entry->agent : "", store::ending::cancelled,
                    "null"),
      &query_state::settled, true);
}

void query_state::settled(const store::reply& r) {
  auto end = store::read_end(r);
  if (!end || end->what != store::end_result::verdict::ended_now)
    return answer(outcome::of(errc::run_ended, "The run has ended already"));
  answer(outcome::of(std::move(end->record)));
}

// -- usage and keys -------------------------------------------------------------

void query_state::start(const show_usage&) {
  ask(store::check_usage(birth.tenant->id, birth.reading), &query_state::usage_read);
}

void query_state::usage_read(const store::reply& r) {
  if (r.items.size() < 3)
    return answer_away();
  const auto limits = birth.tenant->limits(birth.node->settings->get()->conf);
  answer(outcome::of(usage_json(r.items[1].text, r.items[2].items, limits)));
}

void query_state::start(const list_keys&) {
  ask(store::check_keys(birth.tenant->id, birth.reading), &query_state::keys_read);
}

void query_state::keys_read(const store::reply& r) {
  if (r.items.size() < 2)
    return answer_away();
  answer(outcome::of(keys_json(*birth.tenant, r.items[1])));
}

void query_state::change_key(const store::reply&) {
  auto acting = birth.tenant->keys.find(birth.request->key.hex());
  if (acting != birth.tenant->keys.end())
    self->send(birth.node->keys, key_change{birth.tenant->id, acting->second.id, birth.request});
  over();
}

void query_state::refuse(const store::reply&) {
  answer(outcome::of(std::get<refused_call>(birth.request->call).why));
}

query_itself::behavior_type query(query_itself::stateful_pointer<std::optional<query_state>> self,
                                  std::shared_ptr<query_birth> birth) {
  self->state.emplace(self, std::move(*birth));
  self->state->begin();
  return {
      [self](store_result& r) { self->state->store_answered(r); },
      [self](run_not_here) { self->state->run_is_elsewhere(); },
      [self](alarm_rang) { self->state->alarm(); },
      [](event_written) {},
      [self](client_gone) { self->state->client_left(); },
  };
}

} // namespace

query_actor spawn_query(caf::actor_system& system, query_birth birth) {
  return system.spawn(query, std::make_shared<query_birth>(std::move(birth)));
}

} // namespace ares
