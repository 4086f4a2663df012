#include "actors/query.hpp"

#include "actors/api_json.hpp"
#include "actors/query_state.hpp"
#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/counters.hpp"
#include "store/keys.hpp"
#include "store/record.hpp"
#include "store/scripts.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <variant>

namespace ares {

namespace {

constexpr std::uint64_t tag_any = 1;

} // namespace

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
  store::command c;
  c.arguments = {"HMGET", store::keys::usage(t)};
  for (const auto& agent : of)
    c.arguments.push_back(store::agent_field(agent->id.text()));
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
    items.push_back(agent_json(*agents_[i],
                               i < r.items.size() ? store::read_agent_statistics(r.items[i])
                                                  : store::agent_statistics{},
                               false));
  answer(outcome::of(page_json("agents", items, total_, page_)));
}

void query_state::read_agent(const store::reply&) {
  if (agents_.empty())
    return answer(outcome::of(errc::not_found, "No such agent"));
  ask(statistics_read(birth.tenant->id, agents_), &query_state::agent_read);
}

void query_state::agent_read(const store::reply& r) {
  answer(outcome::of(agent_json(*agents_[0],
                                r.items.empty() ? store::agent_statistics{}
                                                : store::read_agent_statistics(r.items[0]),
                                true)));
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

std::string current_record(const std::string& record, const std::string& entry) {
  if (auto open = store::read_open_entry(entry))
    return store::with_tokens(record, open->tokens);
  return record;
}

void query_state::records_read(const store::reply& r) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i + 1 < r.items.size(); i += 2)
    if (!r.items[i].text.empty())
      items.push_back(current_record(r.items[i].text, r.items[i + 1].text));
  answer(outcome::of(page_json("runs", items, total_, page_)));
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

namespace {

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
