// The provider actor of a back end over HTTP: who may go now, who waits, who is told to come back.
#include "actors/providers/anthropic.hpp"
#include "actors/providers/circuit_breaker.hpp"
#include "actors/providers/http_call.hpp"
#include "actors/providers/openai.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <unordered_map>

namespace ares {
namespace {

constexpr std::size_t waiting_max = 1024;
constexpr std::size_t stream_bytes_max = 512u << 20; // an event is some sixty times the text in it
constexpr std::chrono::milliseconds connect_timeout_max{5000};
constexpr std::chrono::milliseconds queue_full_pause{1000};

using overdue_atom = caf::atom_constant<caf::atom("overdue")>;
using http_actor =
    provider_actor::extend<caf::reacts_to<provider_call_over>, caf::reacts_to<provider_call_broken>,
                           // a call has waited until its deadline
                           caf::reacts_to<overdue_atom, provider_call_key>>;

const provider_codec& codec_for(provider_config::kind type) {
  return type == provider_config::kind::anthropic ? anthropic_codec : openai_codec;
}

/// `https://host:1/v1` -> `host:1` and `host`: what no message may show.
std::vector<std::string> names_of_host(const std::string& url) {
  const auto scheme = url.find("://");
  auto host = scheme == std::string::npos ? url : url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  host = host.substr(host.find('@') + 1);
  return {host, host.substr(0, host.rfind(':'))};
}

std::int64_t wall_clock_s() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

class http_state {
public:
  using pointer = http_actor::stateful_pointer<http_state>;
  using time_point = caf::actor_clock::time_point;
  const char* name = "http_provider";

  explicit http_state(pointer self) : self_(self) {}

  ~http_state() {
    for (const auto& [key, call] : running_)
      wire_->cancel(call.transfer);
    for (const auto& call : waiting_)
      caf::anon_send(call.ask.listener, cancelled(call.ask));
  }

  void configure(provider_config config, std::shared_ptr<transport> wire) {
    config_ = std::move(config);
    wire_ = std::move(wire);
    codec_ = &codec_for(config_.type);
    while (config_.base_url.ends_with('/'))
      config_.base_url.pop_back();
    hidden_ = names_of_host(config_.base_url);
    hidden_.insert(hidden_.begin(), config_.api_key);
    self_->set_down_handler([this](const caf::down_msg& down) { abandon(down.source.id()); });
  }

  // -- messages ---------------------------------------------------------------

  void ask(const provider_call& ask) {
    const auto now = self_->clock().now();
    waiting_call call{ask, now + ask.deadline};
    if (has_room() && waiting_.empty()) {
      watch(ask.listener);
      return start(call, now);
    }
    if (waiting_.size() >= waiting_max)
      return fail(ask, busy("The model provider is overloaded", queue_full_pause));
    watch(ask.listener);
    self_->delayed_send(self_, ask.deadline, overdue_atom::value, key_of(ask));
    waiting_.push_back(std::move(call));
  }

  void credit(const provider_credit& grant) {
    auto found = running_.find({grant.listener.id(), grant.call});
    if (found != running_.end()) {
      if (found->second.call->add_credit(grant.more))
        wire_->resume(found->second.transfer);
    } else if (auto at = waiting({grant.listener.id(), grant.call}); at != waiting_.end()) {
      at->ask.credit += std::min(grant.more, UINT32_MAX - at->ask.credit);
    }
  }

  void cancel(const provider_cancel& stop) {
    cancel(provider_call_key{stop.listener.id(), stop.call});
  }
  void cancel(const provider_call_key& key) {
    auto found = running_.find(key);
    if (found != running_.end())
      return wire_->cancel(found->second.transfer); // the call hears of it and tells its listener
    auto at = waiting(key);
    if (at == waiting_.end())
      return;
    self_->send(at->ask.listener, cancelled(at->ask));
    leave_queue(at);
  }

  void over(const provider_call_over& end) {
    auto found = running_.find(end.key);
    if (found == running_.end())
      return;
    judge(end.is);
    unwatch(found->second.listener);
    running_.erase(found);
    let_waiting_go();
  }

  void overdue(const provider_call_key& key) {
    auto at = waiting(key);
    if (at == waiting_.end())
      return;
    fail(at->ask, out_of_time());
    leave_queue(at);
  }

private:
  struct waiting_call {
    provider_call ask;
    time_point deadline;
  };
  struct running_call {
    std::shared_ptr<http_call> call;
    transport::transfer transfer;
    caf::actor_addr listener;
  };

  // -- starting ---------------------------------------------------------------

  bool has_room() const {
    return running_.size() < static_cast<std::size_t>(std::max(config_.max_concurrency, 1));
  }

  void let_waiting_go() {
    const auto now = self_->clock().now();
    while (has_room() && !waiting_.empty()) {
      const auto next = std::move(waiting_.front());
      waiting_.pop_front();
      start(next, now);
    }
  }

  /// For a listener that is watched; if the call does not start it is no longer.
  void start(const waiting_call& next, time_point now) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(next.deadline - now);
    if (left.count() <= 0)
      return refuse(next.ask, out_of_time());
    if (!breaker_.admit(now))
      return refuse(next.ask, busy("The model provider has failed repeatedly and is given a pause",
                                   breaker_.retry_after(now)));
    provider_call ask = next.ask;
    ask.deadline = left;
    auto call = std::make_shared<http_call>(ask, codec_->decoder(context_of(ask)), self_);
    const auto transfer = wire_->start(wire_request(ask), call);
    running_.emplace(key_of(ask), running_call{std::move(call), transfer, ask.listener.address()});
  }

  answer_context context_of(const provider_call& ask) const {
    answer_context context;
    context.stream = ask.request->stream;
    context.prompt_tokens = estimate_prompt_tokens(ask.request->messages);
    context.kept_text_bytes_max = ask.kept_text_bytes_max;
    context.now_unix_s = wall_clock_s();
    context.hidden = hidden_;
    return context;
  }

  transfer_request wire_request(const provider_call& ask) const {
    transfer_request request;
    request.url = codec_->url(config_.base_url);
    request.headers = {{"Content-Type", "application/json"},
                       {"Accept", ask.request->stream ? "text/event-stream" : "application/json"}};
    for (auto& header : codec_->headers(config_.api_key))
      request.headers.push_back(std::move(header));
    request.body = codec_->encode(*ask.request);
    request.connect_timeout = std::min(connect_timeout_max, config_.timeout);
    request.silence_max = config_.timeout;
    request.deadline = ask.deadline;
    if (ask.request->stream)
      request.answer_bytes_max = stream_bytes_max;
    return request;
  }

  // -- ending -----------------------------------------------------------------

  void judge(provider_call_over::upstream upstream) {
    switch (upstream) {
    case provider_call_over::upstream::healthy: return breaker_.succeeded();
    case provider_call_over::upstream::failing: return breaker_.failed(self_->clock().now());
    case provider_call_over::upstream::unknown: return breaker_.abandoned();
    }
  }

  void refuse(const provider_call& ask, completion_failure why) {
    fail(ask, std::move(why));
    unwatch(ask.listener.address());
  }

  void fail(const provider_call& ask, completion_failure why) {
    self_->send(ask.listener, completion_failed{ask.call, std::move(why)});
  }

  static completion_failure out_of_time() {
    completion_failure why;
    why.what = completion_failure::kind::timeout;
    why.message = "The model provider did not answer in time";
    return why;
  }

  static completion_failure busy(const char* message, std::chrono::milliseconds retry_after) {
    completion_failure why;
    why.what = completion_failure::kind::busy;
    why.message = message;
    why.retry_after = retry_after;
    return why;
  }

  static completion_failed cancelled(const provider_call& ask) {
    completion_failure why;
    why.what = completion_failure::kind::cancelled;
    why.message = "The request was cancelled";
    return {ask.call, std::move(why)};
  }

  // -- listeners --------------------------------------------------------------

  static provider_call_key key_of(const provider_call& ask) {
    return {ask.listener.id(), ask.call};
  }

  std::deque<waiting_call>::iterator waiting(const provider_call_key& key) {
    return std::find_if(waiting_.begin(), waiting_.end(),
                        [&](const waiting_call& call) { return key_of(call.ask) == key; });
  }

  void leave_queue(std::deque<waiting_call>::iterator at) {
    const auto listener = at->ask.listener.address();
    waiting_.erase(at);
    unwatch(listener);
  }

  void watch(const completion_listener& listener) {
    if (watched_[listener.id()]++ == 0)
      self_->monitor(listener);
  }

  void unwatch(const caf::actor_addr& listener) {
    auto found = watched_.find(listener.id());
    if (found == watched_.end() || --found->second > 0)
      return;
    watched_.erase(found);
    self_->demonitor(listener);
  }

  /// Everything of a listener that died.
  void abandon(caf::actor_id listener) {
    watched_.erase(listener);
    std::erase_if(waiting_,
                  [&](const waiting_call& call) { return call.ask.listener.id() == listener; });
    for (auto at = running_.lower_bound({listener, 0});
         at != running_.end() && at->first.listener == listener; ++at)
      wire_->cancel(at->second.transfer);
  }

  pointer self_;
  provider_config config_;
  const provider_codec* codec_ = nullptr;
  std::shared_ptr<transport> wire_;
  std::vector<std::string> hidden_;
  circuit_breaker breaker_;
  std::map<provider_call_key, running_call> running_;
  std::deque<waiting_call> waiting_;
  std::unordered_map<caf::actor_id, std::size_t> watched_; // number of calls
};

http_actor::behavior_type http_provider(http_state::pointer self, const provider_config& config,
                                        const std::shared_ptr<transport>& wire) {
  auto* state = &self->state;
  state->configure(config, wire);
  return {
      [state](const provider_call& ask) { state->ask(ask); },
      [state](const provider_credit& grant) { state->credit(grant); },
      [state](const provider_cancel& stop) { state->cancel(stop); },
      [state](const provider_call_over& end) { state->over(end); },
      [state](const provider_call_broken& broken) { state->cancel(broken.key); },
      [state](overdue_atom, const provider_call_key& key) { state->overdue(key); },
  };
}

} // namespace

provider_actor spawn_http_provider(caf::actor_system& system, provider_config config,
                                   std::shared_ptr<transport> wire) {
  return system.spawn(http_provider, config, wire);
}

} // namespace ares
