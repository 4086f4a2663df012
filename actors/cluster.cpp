#include "actors/cluster.hpp"

#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/operations.hpp"
#include "store/scripts.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>

namespace ares {

namespace {

using clock_time = std::chrono::steady_clock::time_point;
using handler = std::function<void(const store::answer&)>;

class cluster_state {
public:
  cluster_state(cluster_actor::pointer itself, services n, cluster_options o)
      : self(itself), node(std::move(n)), options(std::move(o)) {}

  void beat();
  void answered(store_result& r);

  // What it was born with.
  cluster_actor::pointer self;
  services node;
  cluster_options options;

private:
  /// How another incarnation's heartbeat looked when it last changed.
  struct seen {
    std::string beat;
    clock_time since;
  };

  void send_beat();
  void probe();
  void probed(store::fate what);
  void beaten(const store::answer& a);
  void observe(const std::vector<store::reply>& beats);
  void bury(const std::string& incarnation, const std::string& beat);
  void buried(const std::string& incarnation, const store::answer& a);
  void fence(const std::string& incarnation, const std::string& tenant);
  void fenced(const std::string& incarnation, const tenant_id& tenant, const store::answer& a);
  void settled(const std::string& incarnation, const tenant_id& tenant, const store::answer& a);
  void forget(const std::string& incarnation, const tenant_id& tenant);
  void step_done(const std::string& incarnation);
  void ask(store::command c, handler then);

  std::map<std::uint64_t, handler> waiting_;
  std::uint64_t next_tag_ = 0;
  std::map<std::string, seen> others_;
  std::map<std::string, std::size_t>
      burying_;             // steps of its reaping that are under way; one reaping at a time
  clock_time last_beat_{};  // that the store took
  bool registered_ = false; // under the incarnation of now
};

store::command call_script(const char* name, std::size_t keys, std::vector<std::string> arguments) {
  store::command c;
  c.run = &store::script_named(name);
  c.keys = keys;
  c.arguments = std::move(arguments);
  return c;
}

void cluster_state::ask(store::command c, handler then) {
  const auto tag = next_tag_++;
  waiting_.emplace(tag, std::move(then));
  self->send(node->recorder,
             store_command{tag, std::move(c), caf::actor_cast<store_listener>(self)});
}

void cluster_state::answered(store_result& r) {
  auto waiting = waiting_.extract(r.tag);
  if (!waiting.empty())
    waiting.mapped()(r.value);
}

void cluster_state::beat() {
  send_beat();
  probe();
  node->wake_ups->set(self->clock().now() + limits::beat_pause,
                      caf::actor_cast<alarm_listener>(self));
}

void cluster_state::send_beat() {
  ask(call_script("node_beat", 2,
                  {store::keys::nodes(), store::keys::beats(), node->incarnation->get()->text(),
                   options.description, registered_ ? "1" : "0"}),
      [this](const store::answer& a) { beaten(a); });
}

// A beat passes a full memory, as everything that ends work does; new work does not.
void cluster_state::probe() {
  ask(call_script("write_probe", 1, {store::keys::nodes()}),
      [this](const store::answer& a) { probed(a.what); });
}

void cluster_state::probed(store::fate what) {
  if (what == store::fate::unknown)
    return; // the connection knows better
  node->status->store_full = what == store::fate::full;
  node->status->store_refuses = what == store::fate::unavailable;
}

void cluster_state::beaten(const store::answer& a) {
  if (a.what != store::fate::done || a.value.items.empty()) {
    others_.clear(); // who cannot see the store cannot say that another stands still
    return;
  }
  if (a.value.items[0].text == "DEAD") {
    log::warn("this node was given up by another; it goes on under a new incarnation");
    node->status->registered = registered_ = false;
    node->incarnation->set(std::make_shared<incarnation_id>(node->ids->make<incarnation_id>()));
    return send_beat();
  }
  node->status->registered = registered_ = true;
  const auto now = self->clock().now();
  if (now - last_beat_ > limits::beat_gap_max)
    others_.clear(); // this node stood still itself
  last_beat_ = now;
  observe(a.value.items);
}

void cluster_state::observe(const std::vector<store::reply>& beats) {
  const auto own = node->incarnation->get()->text();
  const auto now = self->clock().now();
  std::map<std::string, seen> others; // who is not listed any more is forgotten
  for (std::size_t i = 1; i + 1 < beats.size(); i += 2) {
    const auto& incarnation = beats[i].text;
    const auto& beat = beats[i + 1].text;
    if (incarnation == own)
      continue;
    auto before = others_.find(incarnation);
    const bool stands = before != others_.end() && before->second.beat == beat;
    const auto since = stands ? before->second.since : now;
    others.emplace(incarnation, seen{beat, since});
    if (options.store_is_private || now - since >= limits::node_silence_max)
      bury(incarnation, beat);
  }
  others_ = std::move(others);
}

// -- the reaper: mark dead, fence in each tenant, end what is open there ---------

void cluster_state::bury(const std::string& incarnation, const std::string& beat) {
  auto id = incarnation_id::parse(incarnation);
  if (!id || !burying_.emplace(incarnation, 1).second)
    return;
  log::warn("a node is dead: what it left open is ended", {{"incarnation", incarnation}});
  ask(call_script("node_bury", 3,
                  {store::keys::nodes(), store::keys::beats(), store::keys::node_tenants(*id),
                   incarnation, beat}),
      [=, this](const store::answer& a) { buried(incarnation, a); });
}

// Whatever fails on the way is tried again at the next beat, for the tenants that are then left.
void cluster_state::buried(const std::string& incarnation, const store::answer& a) {
  const bool dead =
      a.what == store::fate::done && !a.value.items.empty() && a.value.items[0].text == "DEAD";
  for (std::size_t i = 1; dead && i < a.value.items.size(); ++i) {
    ++burying_[incarnation];
    fence(incarnation, a.value.items[i].text);
  }
  step_done(incarnation);
}

void cluster_state::step_done(const std::string& incarnation) {
  if (--burying_[incarnation] == 0)
    burying_.erase(incarnation);
}

void cluster_state::fence(const std::string& incarnation, const std::string& tenant) {
  auto id = tenant_id::parse(tenant);
  if (!id)
    return step_done(incarnation);
  ask(call_script("fence", 2, {store::keys::tenant(*id), store::keys::open(*id), incarnation}),
      [=, this, t = *id](const store::answer& a) { fenced(incarnation, t, a); });
}

void cluster_state::fenced(const std::string& incarnation, const tenant_id& tenant,
                           const store::answer& a) {
  if (a.what != store::fate::done || a.value.type != store::reply::kind::array)
    return step_done(incarnation);
  std::vector<store::operation> ends;
  const auto& left = a.value.items;
  for (std::size_t i = 0; i + 1 < left.size() && ends.size() < limits::batch_operations_max;
       i += 2) {
    auto operation = operation_id::parse(left[i].text);
    auto entry = store::read_open_entry(left[i + 1].text);
    if (operation && entry)
      ends.push_back(store::settle(tenant, *operation, entry->agent,
                                   {store::ending::failed, R"("node lost")"}));
  }
  if (ends.empty())
    return forget(incarnation, tenant);
  ask(store::batch(tenant, *node->incarnation->get(), ends),
      [=, this](const store::answer& b) { settled(incarnation, tenant, b); });
}

// There may be more than one batch of them.
void cluster_state::settled(const std::string& incarnation, const tenant_id& tenant,
                            const store::answer& a) {
  if (a.what == store::fate::done && a.value.type == store::reply::kind::array)
    fence(incarnation, tenant.text());
  else
    step_done(incarnation);
}

void cluster_state::forget(const std::string& incarnation, const tenant_id& tenant) {
  auto id = incarnation_id::parse(incarnation);
  store::command c;
  c.arguments = {"SREM", store::keys::node_tenants(*id), tenant.text()};
  ask(std::move(c), [=, this](const store::answer&) { step_done(incarnation); });
}

cluster_actor::behavior_type
cluster(cluster_actor::stateful_pointer<std::optional<cluster_state>> self, services node,
        cluster_options options) {
  self->state.emplace(self, std::move(node), std::move(options));
  self->state->beat();
  return {
      [self](store_result& r) { self->state->answered(r); },
      [self](alarm_rang) { self->state->beat(); },
  };
}

} // namespace

cluster_actor spawn_cluster(caf::actor_system& system, services node, cluster_options options) {
  return system.spawn(cluster, std::move(node), std::move(options));
}

} // namespace ares
