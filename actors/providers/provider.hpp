// A PROVIDER actor stands for one configured back end: queue, concurrency limit, deadlines, circuit
// breaker. Retries and fallbacks are the run's (run_machine): it knows whether a delta has reached
// a client.
#pragma once

#include "actors/providers/completion.hpp"
#include "conf/config.hpp"
#include "conf/ids.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <memory>

namespace ares {

// -- to whoever asked ---------------------------------------------------------

/// A piece of the answer's text. Costs one credit.
struct completion_delta {
  std::uint64_t call; // as in provider_call
  std::string text;
};
/// Exactly one of these two ends a call.
struct completion_done {
  std::uint64_t call;
  completion value;
};
struct completion_failed {
  std::uint64_t call;
  completion_failure why;
};

using completion_listener =
    caf::typed_actor<caf::reacts_to<completion_delta>, caf::reacts_to<completion_done>,
                     caf::reacts_to<completion_failed>>;

// -- to the provider ----------------------------------------------------------

struct provider_call {
  std::uint64_t call; // unique per listener
  std::shared_ptr<const completion_request> request;
  completion_listener listener;
  std::chrono::milliseconds deadline; // of the whole call, from now
  std::uint32_t
      credit; // deltas that may be sent before more credit comes; ignored if !request->stream
  /// So much of what went out as deltas is repeated in completion_done: the rest need not be held.
  std::size_t kept_text_bytes_max = SIZE_MAX;
};
/// `more` further deltas may be sent. Without credit the provider stops reading from its upstream,
/// and that time is not the upstream's silence.
struct provider_credit {
  caf::actor_addr listener;
  std::uint64_t call;
  std::uint32_t more;
};
/// The upstream request is dropped at once; completion_failed{cancelled} follows, with what was
/// consumed.
struct provider_cancel {
  caf::actor_addr listener;
  std::uint64_t call;
};

using provider_actor = caf::typed_actor<
    // queues or starts a call
    caf::reacts_to<provider_call>,
    // lets a paused stream go on
    caf::reacts_to<provider_credit>,
    // ends a call early
    caf::reacts_to<provider_cancel>>;

/// The provider monitors its listeners: a call whose listener died is cancelled.
class transport;

/// Calls over HTTP, in the format that `config.type` names.
[[nodiscard]] provider_actor spawn_http_provider(caf::actor_system& system, provider_config config,
                                                 std::shared_ptr<transport> wire);
/// Answers inside the process: deterministic, with configurable latency, rate and failures.
[[nodiscard]] provider_actor spawn_simulated_provider(caf::actor_system& system,
                                                      provider_config config);

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::completion_delta)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::completion_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::completion_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::provider_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::provider_credit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::provider_cancel)
