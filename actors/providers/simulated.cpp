// The simulated provider: one actor and one ordered queue of wake-ups for all calls, so that ten
// thousand of them cost no delayed message each. It has no concurrency limit: a call costs nothing
// but its memory.
#include "actors/providers/provider.hpp"
#include "actors/providers/simulated_answer.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace ares {
namespace {

using wake_atom = caf::atom_constant<caf::atom("wake")>;
/// The wake-up carries the time it was set for, in nanoseconds of the clock: one that an earlier
/// wake-up has overtaken is recognised and ignored.
using simulated_actor = provider_actor::extend<caf::reacts_to<wake_atom, std::int64_t>>;

using time_point = caf::actor_clock::time_point;
using call_key = std::pair<caf::actor_id, std::uint64_t>; // listener, its number of the call

constexpr std::size_t calls_max = 100000;
constexpr std::size_t characters_per_token = 4;

struct simulated_call {
  provider_call ask;
  completion answer;
  std::int64_t answer_tokens;
  bool fails;
  time_point start, deadline;
  std::size_t said_bytes = 0;
  std::int64_t said_tokens = 0;
  time_point due{}; // its place in the queue of wake-ups
};

class simulated_state {
public:
  using pointer = simulated_actor::stateful_pointer<simulated_state>;
  const char* name = "simulated_provider";

  explicit simulated_state(pointer self) : self_(self) {}

  void configure(const provider_config& config) {
    pace_ = token_pace(config.latency, config.tokens_per_second);
    failure_rate_ = config.failure_rate;
    self_->set_down_handler([this](const caf::down_msg& down) { forget(down.source.id()); });
  }

  void start(const provider_call& ask) {
    if (calls_.size() >= calls_max)
      return fail(ask, completion_failure::kind::busy, "The model provider is overloaded", 0);
    const auto now = self_->clock().now();
    simulated_call call{ask, simulated_completion(*ask.request), 0, false, now, now + ask.deadline};
    call.answer_tokens = estimate_tokens(call.answer.content);
    call.fails = simulated_failure(sequence_++, failure_rate_);
    if (advance(call, now))
      return; // said at once: no wake-up, no monitor
    if (!has_calls(ask.listener.id()))
      self_->monitor(ask.listener);
    auto [place, is_new] = calls_.emplace(call_key{ask.listener.id(), ask.call}, std::move(call));
    if (is_new)
      schedule(place, now);
  }

  void credit(const provider_credit& grant) {
    auto place = calls_.find({grant.listener.id(), grant.call});
    if (place == calls_.end())
      return;
    auto& have = place->second.ask.credit;
    have += std::min(grant.more, UINT32_MAX - have);
    go_on(place, self_->clock().now());
  }

  void cancel(const provider_cancel& request) {
    auto place = calls_.find({request.listener.id(), request.call});
    if (place == calls_.end())
      return;
    fail(place->second.ask, completion_failure::kind::cancelled, "The request was cancelled",
         tokens_so_far(place->second));
    remove(place);
  }

  void wake(std::int64_t set_for) {
    if (set_for != armed_.time_since_epoch().count())
      return;
    armed_ = time_point::max();
    const auto now = self_->clock().now();
    while (!queue_.empty() && queue_.begin()->first <= now)
      go_on(calls_.find(queue_.begin()->second), now);
    arm(now);
  }

private:
  using place = std::map<call_key, simulated_call>::iterator;

  void go_on(place at, time_point now) {
    queue_.erase({at->second.due, at->first});
    if (advance(at->second, now))
      remove(at);
    else
      schedule(at, now);
  }

  /// Says what is due by `now`, or was due by the deadline. True if that was the end of the call.
  bool advance(simulated_call& call, time_point now) {
    const auto elapsed = std::min(now, call.deadline) - call.start;
    if (call.fails && elapsed >= pace_.due(0)) {
      fail(call.ask, completion_failure::kind::injected,
           "The simulated provider failed as configured", 0);
      return true;
    }
    const auto due = pace_.tokens_by(elapsed, call.answer_tokens);
    if (!call.ask.request->stream)
      call.said_tokens = due;
    else if (due > call.said_tokens && call.ask.credit > 0)
      say(call, due);
    if (elapsed >= pace_.due(0) && call.said_tokens == call.answer_tokens) {
      self_->send(call.ask.listener, completion_done{call.ask.call, std::move(call.answer)});
      return true;
    }
    if (now < call.deadline)
      return false;
    fail(call.ask, completion_failure::kind::timeout, "The model provider did not answer in time",
         tokens_so_far(call));
    return true;
  }

  void say(simulated_call& call, std::int64_t due) {
    const auto rest = std::string_view(call.answer.content).substr(call.said_bytes);
    const auto fresh = static_cast<std::size_t>(due - call.said_tokens) * characters_per_token;
    const auto bytes = code_points_length(rest, fresh);
    self_->send(call.ask.listener,
                completion_delta{call.ask.call, std::string(rest.substr(0, bytes))});
    call.said_bytes += bytes;
    call.said_tokens = due;
    --call.ask.credit;
  }

  /// Nothing to do before the next token; without credit, nothing before the deadline.
  [[nodiscard]] time_point next_due(const simulated_call& call) const {
    if (call.ask.request->stream && call.ask.credit == 0)
      return call.deadline;
    const auto last = std::max<std::int64_t>(call.answer_tokens - 1, 0);
    const auto next = call.fails ? 0 : call.ask.request->stream ? call.said_tokens : last;
    return std::min(call.deadline, call.start + pace_.due(next));
  }

  void schedule(place at, time_point now) {
    at->second.due = next_due(at->second);
    queue_.insert({at->second.due, at->first});
    arm(now);
  }

  void arm(time_point now) {
    if (queue_.empty() || queue_.begin()->first >= armed_)
      return;
    armed_ = queue_.begin()->first;
    self_->delayed_send(self_, std::max(armed_ - now, time_point::duration(0)), wake_atom::value,
                        static_cast<std::int64_t>(armed_.time_since_epoch().count()));
  }

  [[nodiscard]] std::int64_t tokens_so_far(const simulated_call& call) const {
    return call.answer.tokens - call.answer_tokens + call.said_tokens;
  }

  void fail(const provider_call& ask, completion_failure::kind what, const char* why,
            std::int64_t tokens) {
    completion_failure failure;
    failure.what = what;
    failure.message = why;
    failure.tokens = tokens;
    if (what == completion_failure::kind::busy)
      failure.retry_after = std::chrono::seconds(1);
    self_->send(ask.listener, completion_failed{ask.call, std::move(failure)});
  }

  void remove(place at) {
    const auto listener = at->second.ask.listener;
    queue_.erase({at->second.due, at->first});
    calls_.erase(at);
    if (!has_calls(listener.id()))
      self_->demonitor(listener.address());
  }

  [[nodiscard]] bool has_calls(caf::actor_id listener) const {
    auto first = calls_.lower_bound({listener, 0});
    return first != calls_.end() && first->first.first == listener;
  }

  void forget(caf::actor_id listener) {
    auto at = calls_.lower_bound({listener, 0});
    while (at != calls_.end() && at->first.first == listener) {
      queue_.erase({at->second.due, at->first});
      at = calls_.erase(at);
    }
  }

  pointer self_;
  token_pace pace_{std::chrono::nanoseconds(0), 0};
  double failure_rate_ = 0;
  std::uint64_t sequence_ = 0;
  std::map<call_key, simulated_call> calls_;
  std::set<std::pair<time_point, call_key>> queue_;
  time_point armed_ = time_point::max();
};

simulated_actor::behavior_type simulated_provider(simulated_state::pointer self,
                                                  const provider_config& config) {
  auto* state = &self->state;
  state->configure(config);
  return {
      [state](const provider_call& ask) { state->start(ask); },
      [state](const provider_credit& grant) { state->credit(grant); },
      [state](const provider_cancel& request) { state->cancel(request); },
      [state](wake_atom, std::int64_t set_for) { state->wake(set_for); },
  };
}

} // namespace

provider_actor spawn_simulated_provider(caf::actor_system& system, provider_config config) {
  return system.spawn(simulated_provider, config);
}

} // namespace ares
