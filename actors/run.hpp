// RUN: one actor for one run or chat. Admits it, drives its run_machine, stores its end, answers.
#pragma once

#include "actors/api_request.hpp"
#include "actors/run_machine.hpp"
#include "actors/services.hpp"
#include "actors/usage_accumulator.hpp"
#include "store/operations.hpp"

#include <caf/all.hpp>

#include <memory>
#include <optional>
#include <string>

namespace ares {

/// Somebody else's interest in a live run.
struct join_run {
  enum class purpose { cancel, attach, wait };
  purpose why;
  client_ptr from;
  bool replayed = false; // wait: as the repeat of an idempotency key
};

/// The owner has forgotten the run: nothing more will be asked of it.
struct run_released {};

using run_actor = caf::typed_actor<
    // the admission's, the checkpoints' and the end's results
    caf::reacts_to<store_result>,
    // the provider's
    caf::reacts_to<completion_delta>, caf::reacts_to<completion_done>,
    caf::reacts_to<completion_failed>,
    // the clients'
    caf::reacts_to<event_written>, caf::reacts_to<client_gone>,
    // another client cancels it, attaches to it, or waits for it
    caf::reacts_to<join_run>,
    // it is over, and may go
    caf::reacts_to<run_released>>;

/// A request that could not be served as planned.
struct request_returned {
  enum class reason {
    stale,  // plan it again with a newer tenant
    no_key, // the key is good no more
    replay, // it is the repeat of the run `earlier`
    fenced, // this incarnation was given up
  };
  reason why;
  api_request_ptr request;
  std::string earlier;
};
/// The run ended, or was never admitted; `run_released` is awaited.
struct run_over {
  operation_id operation;
};
using run_owner = caf::typed_actor<caf::reacts_to<request_returned>, caf::reacts_to<run_over>>;

/// Everything a run is born with.
struct run_birth {
  services node;
  tenant_id tenant;
  usage_accumulator_actor accumulator;
  run_owner owner;
  api_request_ptr request;
  run_plan plan;
  store::admission admission;
  /// What to answer if the admission comes back REFUSED.
  std::optional<error> refusal;
  std::optional<std::int64_t> day_limit; // for the headers
  std::shared_ptr<flight> in_flight = {};
};

/// The supervisor monitors it; a crash is settled there.
[[nodiscard]] run_actor spawn_run(caf::actor_system& system, run_birth birth);

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::join_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::request_returned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::run_released)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::run_over)
