#include "actors/tenant_supervisor.hpp"

#include "actors/planning.hpp"
#include "actors/tenant_supervisor_state.hpp"
#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/record.hpp"
#include "store/tenant_snapshot.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace ares {

namespace {

using std::chrono::milliseconds;
using clock_time = supervisor_state::clock_time;

constexpr std::uint64_t tag_tenant = 0;
constexpr std::uint64_t tag_orphans = 1; // above: settlements

} // namespace

// Whoever works for the tenant ends with its supervisor; a successor ends what they leave open.
// They are monitored, and not linked: each link is found among all links of this actor when it is
// cut, and there can be ten thousand.
supervisor_state::~supervisor_state() {
  --birth.node->counters->tenants_active;
  for (const auto& [operation, run] : runs_)
    caf::anon_send_exit(run.actor, caf::exit_reason::kill);
  for (const auto& [address, query] : queries_)
    caf::anon_send_exit(query, caf::exit_reason::kill);
}

// -- the tenant as known --------------------------------------------------------

void supervisor_state::begin() {
  self->set_exit_handler([this](caf::exit_msg& e) { ended(e); });
  self->set_down_handler([this](caf::down_msg& d) { went_down(d); });
  self->link_to(accumulator);
  last_used_ = self->clock().now();
  alarm();
  reload();
  if (birth.after_crash)
    find_orphans();
}

void supervisor_state::reload() {
  if (std::exchange(reloading_, true))
    return;
  self->send(birth.node->recorder, store_command{tag_tenant, store::tenant_read(birth.tenant),
                                                 caf::actor_cast<store_listener>(self)});
}

void supervisor_state::loaded(const store::answer& a) {
  reloading_ = false;
  auto waiting = std::exchange(waiting_, {});
  if (a.what != store::fate::done || a.value.type == store::reply::kind::error) {
    for (const auto& r : waiting) {
      auto o = outcome::of(errc::store_unavailable, "The store cannot take the request now");
      o.retry_after = std::chrono::seconds(1);
      r->from->answer(std::move(o));
    }
    return;
  }
  tenant_ = store::read_tenant(birth.tenant, a.value);
  publish_keys();
  for (const auto& r : waiting) {
    if (tenant_ && tenant_->keys.contains(r->key.hex()))
      serve(r);
    else
      unauthorized(r);
  }
}

void supervisor_state::publish_keys() {
  withdraw_keys();
  if (!tenant_)
    return;
  for (const auto& [hex, key] : tenant_->keys)
    if (auto h = secret_hash::parse(hex))
      published_.push_back(*h);
  birth.table->add(published_, caf::actor_cast<request_receiver>(self), load_);
}

void supervisor_state::withdraw_keys() {
  birth.table->remove(published_);
  published_.clear();
}

// -- requests -------------------------------------------------------------------

void supervisor_state::take(const api_request_ptr& r) {
  last_used_ = self->clock().now();
  if (leaving_) {
    leaving_ = false; // someone came just then: stay
    publish_keys();
  }
  if (!tenant_ || !tenant_->keys.contains(r->key.hex())) {
    waiting_.push_back(r);
    return reload();
  }
  serve(r);
}

void supervisor_state::serve(const api_request_ptr& r) {
  std::visit([&](const auto& call) { serve(r, call); }, r->call);
}

void supervisor_state::serve(const api_request_ptr& r, const start_run& call) {
  if (over_in_flight(*r))
    return;
  auto agent = tenant_->agents.find(call.agent);
  if (agent == tenant_->agents.end())
    return refuse(r, {errc::not_found, "No such agent"});
  auto plan = plan_run(birth.node->settings->get()->conf, agent->second->config, call);
  if (!agent->second->active)
    plan = error{errc::agent_disabled, "The agent is disabled"};
  start(r, std::move(plan), agent->second.get());
}

void supervisor_state::serve(const api_request_ptr& r, const start_chat& call) {
  if (over_in_flight(*r))
    return;
  const auto* agent = call.agent_type.empty() ? nullptr : agent_for_chat(*tenant_, call.agent_type);
  if (!call.agent_type.empty() && !agent)
    return refuse(r, {errc::not_found, "No active agent of that type"});
  start(r, plan_chat(birth.node->settings->get()->conf, agent, call), nullptr);
}

bool supervisor_state::over_in_flight(const api_request& r) {
  const auto settings = birth.node->settings->get();
  const auto limit = tenant_->limits(settings->conf).max_in_flight;
  load_->in_flight_max = limit.value_or(0);
  load_->limited_by = settings.get();
  if (!limit || runs_.size() < static_cast<std::size_t>(*limit))
    return false;
  auto o = outcome::of(errc::rate_limited, "Rate limit exceeded");
  o.retry_after = std::chrono::seconds(1);
  r.from->answer(std::move(o));
  return true;
}

void supervisor_state::query(const api_request_ptr& r, const api_request_ptr& as_sent) {
  const auto* refused = std::get_if<refused_call>(&r->call);
  if (refused && refused->executing && over_in_flight(*r))
    return;
  store::reading reading{acting_key(*r), tenant_->version, true};
  auto query = spawn_query(self->system(),
                           {birth.node, tenant_, accumulator, caf::actor_cast<query_owner>(self), r,
                            as_sent, std::move(reading)});
  self->monitor(query);
  queries_.emplace(query.address(), std::move(query));
}

void supervisor_state::refuse(const api_request_ptr& r, error why) {
  auto refused = std::make_shared<api_request>(*r);
  refused->call = refused_call{std::move(why), true};
  query(refused, r);
}

store::acting_key supervisor_state::acting_key(const api_request& r) {
  store::acting_key key{r.key, {}};
  auto it = tenant_->keys.find(r.key.hex());
  if (it == tenant_->keys.end())
    return key;
  auto id = it->second.id.text();
  const auto now = self->clock().now();
  auto& last = stamped_[id];
  if (last == clock_time{} || now - last >= limits::key_stamp_pause) {
    last = now;
    key.stamp = std::move(id);
  }
  return key;
}

store::admission supervisor_state::admission_of(const api_request_ptr& r,
                                                const store::agent_snapshot* agent) {
  store::admission a;
  a.operation = birth.node->ids->make<operation_id>();
  a.key = acting_key(*r);
  a.version = tenant_->version;
  a.not_after_ms = birth.node->clock->now_ms() + limits::admission_wait.count();
  const auto limits_now = tenant_->limits(birth.node->settings->get()->conf);
  a.limits = {limits_now.requests_per_day, limits_now.quota_runs, limits_now.quota_tokens};
  a.is_run = agent != nullptr;
  if (const auto* call = std::get_if<start_run>(&r->call); call && agent) {
    a.agent = agent->id.text();
    a.idempotency_key = call->idempotency_key;
    a.body_hash = call->body_hash;
    a.record_head = store::record_head(a.operation, a.agent, call->input_json);
  }
  return a;
}

void supervisor_state::start(const api_request_ptr& r, result<run_plan> plan,
                             const store::agent_snapshot* agent) {
  if (!plan && !agent) // a chat has no idempotency key to look up first
    return refuse(r, std::move(plan).failure());
  run_birth b{birth.node,
              birth.tenant,
              accumulator,
              caf::actor_cast<run_owner>(self),
              r,
              {},
              admission_of(r, agent),
              std::nullopt,
              tenant_->limits(birth.node->settings->get()->conf).requests_per_day,
              std::make_shared<flight>(load_)};
  if (plan) {
    b.plan = std::move(*plan);
    if (!agent)
      b.admission.tokens = estimate_prompt_tokens(b.plan.messages);
  } else {
    b.refusal = std::move(plan).failure();
    b.admission.refuse = true;
  }
  const auto operation = b.admission.operation;
  auto agent_text = b.admission.agent;
  const auto not_after_ms = b.admission.not_after_ms;
  auto actor = spawn_run(self->system(), std::move(b));
  self->monitor(actor);
  run_of_.emplace(actor.address(), operation);
  runs_.emplace(operation, live_run{std::move(actor), r, std::move(agent_text), not_after_ms});
}

void supervisor_state::returned(request_returned& r) {
  using reason = request_returned::reason;
  switch (r.why) {
  case reason::stale: waiting_.push_back(r.request); return reload();
  case reason::no_key: unauthorized(r.request); return reload();
  case reason::fenced: {
    auto o = outcome::of(errc::store_unavailable, "The node cannot take the request now");
    o.retry_after = std::chrono::seconds(1);
    return r.request->from->answer(std::move(o));
  }
  case reason::replay: break;
  }
  auto run = operation_id::parse(r.earlier);
  const auto* call = std::get_if<start_run>(&r.request->call);
  if (!run || !call || !tenant_)
    return;
  auto agent = tenant_->agents.find(call->agent);
  auto again = std::make_shared<api_request>(*r.request);
  again->call = replay_run{*run, call->respond_async,
                           agent != tenant_->agents.end() ? agent->second->config.timeout
                                                          : milliseconds(120000)};
  query(again, r.request);
}

// -- runs -----------------------------------------------------------------------

void supervisor_state::run_is_over(const run_over& o) {
  auto it = runs_.find(o.operation);
  if (it == runs_.end())
    return;
  run_of_.erase(it->second.actor.address());
  self->demonitor(it->second.actor.address());
  self->send(it->second.actor, run_released{});
  runs_.erase(it);
  last_used_ = self->clock().now();
}

void supervisor_state::find(find_run& f) {
  auto it = runs_.find(f.operation);
  if (it == runs_.end())
    return self->send(f.asker, run_not_here{});
  self->send(it->second.actor, std::move(f.join));
}

// Without its accumulator nothing can go on here: a successor begins anew.
void supervisor_state::ended(caf::exit_msg& e) {
  if (e.source == accumulator.address() || e.reason == caf::exit_reason::user_shutdown)
    self->quit(std::move(e.reason));
}

// A run that is still in the map did not say that it is over: it crashed.
void supervisor_state::went_down(const caf::down_msg& d) {
  auto known = run_of_.find(d.source);
  if (known == run_of_.end()) {
    queries_.erase(d.source);
    return;
  }
  settle_crashed(known->second);
  run_of_.erase(known);
}

void supervisor_state::settle_crashed(const operation_id& operation) {
  auto it = runs_.find(operation);
  if (it == runs_.end())
    return;
  log::error("a run crashed", {{"tenant_id", birth.tenant.text()}, {"run_id", operation.text()}});
  settle(operation, it->second.agent, it->second.not_after_ms);
  crashed_.insert(runs_.extract(it));
}

void supervisor_state::settle(const operation_id& operation, const std::string& agent,
                              std::optional<std::int64_t> not_after_ms) {
  const auto tag = next_tag_++;
  settling_.emplace(tag, operation);
  auto op =
      store::settle(birth.tenant, operation, agent,
                    {store::ending::failed, R"("The run failed inside the server")", not_after_ms});
  self->send(accumulator,
             store_request{tag, std::move(op), true, caf::actor_cast<store_listener>(self)});
}

void supervisor_state::settle_again_crashed(const operation_id& operation) {
  if (auto it = crashed_.find(operation); it != crashed_.end())
    settle(operation, it->second.agent, it->second.not_after_ms);
}

void supervisor_state::find_orphans() {
  store::command c;
  c.arguments = {"HGETALL", store::keys::open(birth.tenant)};
  self->send(birth.node->recorder,
             store_command{tag_orphans, std::move(c), caf::actor_cast<store_listener>(self)});
}

void supervisor_state::end_orphans(const store::answer& a) {
  if (a.what != store::fate::done)
    return self->delayed_send(self, limits::store_retry_pause, look_again{});
  // An admission that the predecessor had sent may be executed until its time is over.
  if (!std::exchange(looked_, true))
    self->delayed_send(self, 2 * limits::admission_wait, look_again{});
  const auto own = birth.node->incarnation->get()->text();
  for (std::size_t i = 0; i + 1 < a.value.items.size(); i += 2) {
    auto operation = operation_id::parse(a.value.items[i].text);
    auto entry = store::read_open_entry(a.value.items[i + 1].text);
    if (operation && entry && entry->incarnation == own && !runs_.contains(*operation))
      settle(*operation, entry->agent);
  }
}

void supervisor_state::store_answered(store_result& r) {
  if (r.tag == tag_tenant)
    return loaded(r.value);
  if (r.tag == tag_orphans)
    return end_orphans(r.value);
  auto settling = settling_.extract(r.tag);
  if (settling.empty())
    return;
  const auto operation = settling.mapped();
  auto end = store::read_end(r.value.value);
  if (end && end->what == store::end_result::verdict::early)
    return self->delayed_send(self, limits::store_retry_pause, settle_again{operation});
  auto crashed = crashed_.extract(operation);
  if (crashed.empty())
    return;
  crashed.mapped().request->from->answer(
      end && !end->record.empty()
          ? outcome::of(std::move(end->record))
          : outcome::of(errc::internal, "The request failed inside the server"));
}

// -- passivation ------------------------------------------------------------------

void supervisor_state::alarm() {
  const auto idle_after = birth.node->settings->get()->conf.tenant_idle;
  const auto now = self->clock().now();
  const bool idle = runs_.empty() && settling_.empty() && crashed_.empty() && queries_.empty() &&
                    waiting_.empty() && !reloading_;
  if (idle && now - last_used_ >= idle_after) {
    leaving_ = true;
    withdraw_keys();
    self->send(birth.owner, tenant_idle{birth.tenant, self});
    return;
  }
  const auto next =
      idle ? std::max(last_used_ + idle_after, now + limits::poll_pause) : now + idle_after;
  birth.node->wake_ups->set(next, caf::actor_cast<alarm_listener>(self));
}

// What the directory forwarded before came in front of this message; what follows, it keeps.
void supervisor_state::leave() {
  if (leaving_)
    return self->quit();
  self->send(birth.owner, tenant_stays{birth.tenant, self});
  alarm();
}

namespace {

supervisor::behavior_type
tenant_supervisor(supervisor::stateful_pointer<std::optional<supervisor_state>> self,
                  std::shared_ptr<supervisor_birth> birth) {
  self->state.emplace(self, std::move(*birth));
  self->state->begin();
  return {
      [self](const api_request_ptr& r) { self->state->take(r); },
      [self](request_returned& r) { self->state->returned(r); },
      [self](const run_over& o) { self->state->run_is_over(o); },
      [self](find_run& f) { self->state->find(f); },
      [self](store_result& r) { self->state->store_answered(r); },
      [self](alarm_rang) { self->state->alarm(); },
      [self](leave_now) { self->state->leave(); },
      [self](look_again) { self->state->find_orphans(); },
      [self](const settle_again& s) { self->state->settle_again_crashed(s.operation); },
  };
}

} // namespace

tenant_supervisor_actor spawn_tenant_supervisor(caf::actor_system& system, supervisor_birth birth) {
  return system.spawn(tenant_supervisor, std::make_shared<supervisor_birth>(std::move(birth)));
}

} // namespace ares
