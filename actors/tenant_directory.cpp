#include "actors/tenant_directory.hpp"

#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/keys.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ares {

namespace {

using directory = tenant_directory_actor::extend<caf::reacts_to<store_result>>;

class directory_state {
public:
  directory_state(directory::pointer itself, services n, std::shared_ptr<tenant_table> t)
      : self(itself), node(std::move(n)), table(std::move(t)) {
    self->set_down_handler([this](caf::down_msg& d) { went_down(d); });
  }

  void find(const api_request_ptr& r);
  void found(store_result& r);
  void idle(const tenant_idle& i);
  void stays(tenant_stays& s);

  // What it was born with.
  directory::pointer self;
  services node;
  std::shared_ptr<tenant_table> table;

private:
  /// `held` is of one that was told that it may go: what comes for it meanwhile.
  struct known_supervisor {
    tenant_supervisor_actor actor;
    std::optional<std::vector<api_request_ptr>> held;
  };

  void forward(const tenant_id& tenant, const api_request_ptr& r);
  known_supervisor& supervisor_of(const tenant_id& tenant, bool after_crash = false);
  void crashed(const tenant_id& tenant);
  void went_down(const caf::down_msg& d);

  std::unordered_map<tenant_id, known_supervisor> supervisors_; // one a tenant at any time
  std::unordered_map<std::uint64_t, api_request_ptr> lookups_;
  std::unordered_map<tenant_id, std::chrono::steady_clock::time_point> crashes_; // the last of each
  std::uint64_t next_tag_ = 0;
};

outcome away() {
  auto o = outcome::of(errc::store_unavailable, "The store cannot take the request now");
  o.retry_after = std::chrono::seconds(1);
  return o;
}

void directory_state::find(const api_request_ptr& r) {
  // A supervisor may have published the key meanwhile.
  if (table->forward(r))
    return;
  if (lookups_.size() >= limits::directory_lookups_max)
    return r->from->answer(away());
  const auto tag = next_tag_++;
  lookups_.emplace(tag, r);
  store::command c;
  c.arguments = {"GET", store::keys::key_hint(r->key)};
  self->send(node->recorder,
             store_command{tag, std::move(c), caf::actor_cast<store_listener>(self)});
}

void directory_state::found(store_result& r) {
  auto lookup = lookups_.extract(r.tag);
  if (lookup.empty())
    return;
  const auto& request = lookup.mapped();
  if (r.value.what != store::fate::done || r.value.value.type == store::reply::kind::error)
    return request->from->answer(away());
  auto tenant = tenant_id::parse(r.value.value.text);
  if (!tenant)
    return request->from->answer(outcome::of(errc::unauthorized, "Invalid API key"));
  forward(*tenant, request);
}

void directory_state::forward(const tenant_id& tenant, const api_request_ptr& r) {
  auto& known = supervisor_of(tenant);
  if (!known.held)
    self->send(known.actor, r);
  else if (known.held->size() < limits::directory_lookups_max)
    known.held->push_back(r);
  else
    r->from->answer(away());
}

directory_state::known_supervisor& directory_state::supervisor_of(const tenant_id& tenant,
                                                                  bool after_crash) {
  auto it = supervisors_.find(tenant);
  if (it != supervisors_.end())
    return it->second;
  auto supervisor = spawn_tenant_supervisor(
      self->system(),
      {node, table, caf::actor_cast<tenant_supervisor_owner>(self), tenant, after_crash});
  self->monitor(supervisor);
  return supervisors_.emplace(tenant, known_supervisor{supervisor, std::nullopt}).first->second;
}

void directory_state::idle(const tenant_idle& i) {
  auto it = supervisors_.find(i.tenant);
  if (it == supervisors_.end() || it->second.actor != i.supervisor)
    return;
  self->send(it->second.actor, leave_now{});
  it->second.held.emplace();
}

void directory_state::stays(tenant_stays& s) {
  auto it = supervisors_.find(s.tenant);
  if (it == supervisors_.end() || it->second.actor != s.supervisor || !it->second.held)
    return;
  const auto held = std::exchange(it->second.held, std::nullopt);
  for (const auto& r : *held)
    self->send(it->second.actor, r);
}

// It left, as it was told, or it crashed. Whom it was kept from serving its successor serves.
void directory_state::went_down(const caf::down_msg& d) {
  const auto it = std::find_if(supervisors_.begin(), supervisors_.end(), [&](const auto& entry) {
    return entry.second.actor.address() == d.source;
  });
  if (it == supervisors_.end())
    return;
  const auto tenant = it->first;
  const auto gone = std::move(it->second);
  supervisors_.erase(it);
  if (!gone.held || d.reason) { // one that leaves has no reason and no keys in the table
    table->remove(caf::actor_cast<request_receiver>(gone.actor));
    crashed(tenant);
  }
  if (gone.held)
    for (const auto& r : *gone.held)
      forward(tenant, r);
}

// A supervisor that crashed is made anew, so that what it left open is ended; one that crashes
// again and again, only once in a while. Its keys in the table would lead nowhere.
void directory_state::crashed(const tenant_id& tenant) {
  log::error("a tenant supervisor crashed", {{"tenant_id", tenant.text()}});
  const auto now = self->clock().now();
  auto& last = crashes_[tenant];
  if (last == std::chrono::steady_clock::time_point{} ||
      now - last > limits::supervisor_restart_pause)
    supervisor_of(tenant, true);
  last = now;
}

directory::behavior_type
tenant_directory(directory::stateful_pointer<std::optional<directory_state>> self, services node,
                 std::shared_ptr<tenant_table> table) {
  self->state.emplace(self, std::move(node), std::move(table));
  return {
      [self](const api_request_ptr& r) { self->state->find(r); },
      [self](const tenant_idle& i) { self->state->idle(i); },
      [self](tenant_stays& s) { self->state->stays(s); },
      [self](store_result& r) { self->state->found(r); },
  };
}

} // namespace

tenant_directory_actor spawn_tenant_directory(caf::actor_system& system, services node,
                                              std::shared_ptr<tenant_table> table) {
  return system.spawn(tenant_directory, std::move(node), std::move(table));
}

} // namespace ares
