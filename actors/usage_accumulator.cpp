#include "actors/usage_accumulator.hpp"

#include "conf/limits.hpp"
#include "conf/log.hpp"
#include "store/keys.hpp"
#include "store/scripts.hpp"

#include <algorithm>
#include <deque>

namespace ares {

namespace {

struct send_again {};

} // namespace

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::send_again)

namespace ares {

namespace {

using accumulator = usage_accumulator_actor::extend<caf::reacts_to<send_again>>;

constexpr std::uint64_t tag_batch = 1;
constexpr std::uint64_t tag_enlist = 2;

class accumulator_state {
public:
  accumulator::pointer self = nullptr;
  services node;
  tenant_id tenant;

  void take(store_request& r);
  void answered(store_result& r);
  void retry();

private:
  void send_next();
  void enlist();
  void enlisted(const store::answer& a);
  void distribute(store::answer& a);
  void batch_failed(store::fate what);
  void memory_full();
  void give(const store_request& r, store::fate what, store::reply value = {});

  std::deque<store_request> waiting_;
  std::vector<store_request> out_;
  bool busy_ = false; // a command of ours is out, or a retry is due
  std::size_t batch_size_max_ = limits::batch_operations_max;
  std::shared_ptr<const incarnation_id> enlisted_as_;
};

void accumulator_state::take(store_request& r) {
  // Ends are never refused: their number is bounded by what was admitted.
  if (!r.persistent && waiting_.size() >= limits::tenant_operations_waiting_max) {
    give(r, store::fate::unavailable);
    return;
  }
  if (r.persistent)
    ++node->counters->ends_waiting;
  waiting_.push_back(std::move(r));
  if (!busy_)
    send_next();
}

void accumulator_state::send_next() {
  if (waiting_.empty())
    return;
  auto incarnation = node->incarnation->get();
  if (incarnation != enlisted_as_) {
    enlist();
    return;
  }
  std::vector<store::operation> operations;
  std::size_t bytes = 0;
  out_.clear();
  while (!waiting_.empty() && out_.size() < batch_size_max_ && bytes < limits::batch_bytes_max) {
    bytes += waiting_.front().what.bytes();
    out_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    auto& what = out_.back().what;
    operations.push_back(what.is_admission() ? std::move(what) : what); // others may be sent again
  }
  batch_size_max_ = limits::batch_operations_max;
  busy_ = true;
  self->send(node->recorder,
             store_command{tag_batch, store::batch(tenant, *incarnation, operations),
                           caf::actor_cast<store_listener>(self)});
}

// Before its first admission here the node must be findable by whoever cleans up after it.
void accumulator_state::enlist() {
  static const store::script& script = store::script_named("node_enlist");
  auto incarnation = node->incarnation->get();
  store::command c;
  c.run = &script;
  c.keys = 2;
  c.arguments = {store::keys::nodes(), store::keys::node_tenants(*incarnation), incarnation->text(),
                 tenant.text()};
  enlisted_as_ = incarnation;
  busy_ = true;
  self->send(node->recorder,
             store_command{tag_enlist, std::move(c), caf::actor_cast<store_listener>(self)});
}

void accumulator_state::answered(store_result& r) {
  busy_ = false;
  if (r.tag == tag_enlist)
    enlisted(r.value);
  else if (r.value.what == store::fate::done)
    distribute(r.value);
  else if (r.value.what == store::fate::full)
    memory_full();
  else
    batch_failed(r.value.what);
  if (!busy_)
    send_next();
}

void accumulator_state::enlisted(const store::answer& a) {
  if (a.what == store::fate::done && a.value.text == "OK")
    return;
  enlisted_as_ = nullptr;
  out_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  batch_failed(store::fate::unavailable);
}

void accumulator_state::distribute(store::answer& a) {
  auto batch = store::read_batch(std::move(a.value), out_.size());
  if (!batch) {
    log::error("a batch was not understood by the store", {{"tenant_id", tenant.text()}});
    batch_failed(store::fate::unavailable);
    return;
  }
  if (batch->now_ms != 0)
    node->clock->learn(batch->now_ms);
  for (std::size_t i = 0; i < out_.size(); ++i) {
    if (out_[i].persistent)
      --node->counters->ends_waiting;
    give(out_[i], store::fate::done, std::move(batch->results[i]));
  }
  out_.clear();
}

// With a full memory a batch without admissions still passes: what else was in it is sent again at
// once.
void accumulator_state::memory_full() {
  std::deque<store_request> kept;
  for (auto& r : out_) {
    if (r.what.arguments.empty()) // an admission: it was moved into the batch
      give(r, store::fate::full);
    else
      kept.push_back(std::move(r));
  }
  out_.clear();
  batch_size_max_ = std::max<std::size_t>(kept.size(), 1);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(kept.begin()),
                  std::make_move_iterator(kept.end()));
}

// The store is away: only ends outlive that, and whoever waits behind them is told so now.
void accumulator_state::batch_failed(store::fate what) {
  std::deque<store_request> kept;
  const auto keep = [&](store_request& r, store::fate otherwise) {
    if (r.persistent)
      kept.push_back(std::move(r));
    else
      give(r, otherwise);
  };
  for (auto& r : out_) {
    r.sent_before = r.sent_before || what == store::fate::unknown;
    keep(r, what);
  }
  out_.clear();
  for (auto& r : waiting_)
    keep(r, store::fate::unavailable);
  waiting_ = std::move(kept);
  if (waiting_.empty())
    return;
  busy_ = true;
  self->delayed_send(self, limits::store_retry_pause, send_again{});
}

void accumulator_state::retry() {
  busy_ = false;
  send_next();
}

void accumulator_state::give(const store_request& r, store::fate what, store::reply value) {
  self->send(r.listener, store_result{r.tag, store::answer{what, std::move(value)}, r.sent_before});
}

accumulator::behavior_type usage_accumulator(accumulator::stateful_pointer<accumulator_state> self,
                                             services node, tenant_id tenant) {
  self->state.self = self;
  self->state.node = std::move(node);
  self->state.tenant = tenant;
  return {
      [self](store_request& r) { self->state.take(r); },
      [self](store_result& r) { self->state.answered(r); },
      [self](send_again) { self->state.retry(); },
  };
}

} // namespace

usage_accumulator_actor spawn_usage_accumulator(caf::actor_system& system, services node,
                                                tenant_id tenant) {
  return system.spawn(usage_accumulator, std::move(node), tenant);
}

} // namespace ares
