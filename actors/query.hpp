// QUERY: one actor for one request that reads, or that changes a run or key: checks the key in the
// store, reads, answers.
#pragma once

#include "actors/api_request.hpp"
#include "actors/run.hpp"
#include "actors/services.hpp"
#include "actors/usage_accumulator.hpp"
#include "store/operations.hpp"
#include "store/tenant_snapshot.hpp"

#include <caf/all.hpp>

namespace ares {

/// Passes a join on to the run if it lives on this node, else `run_not_here` comes back.
struct find_run {
  operation_id operation;
  join_run join;
  caf::typed_actor<caf::reacts_to<struct run_not_here>> asker;
};
struct run_not_here {};

using query_owner = caf::typed_actor<caf::reacts_to<request_returned>, caf::reacts_to<find_run>>;

struct query_birth {
  services node;
  std::shared_ptr<const store::tenant_snapshot> tenant;
  usage_accumulator_actor accumulator;
  query_owner owner;
  api_request_ptr request;
  api_request_ptr
      as_sent; // what goes back if it has to be planned again: `request` may be made from it
  store::reading reading;
};

/// Ends by itself. The supervisor monitors it, to know when its tenant is idle.
using query_actor = caf::typed_actor<caf::reacts_to<store_result>, caf::reacts_to<run_not_here>>;
[[nodiscard]] query_actor spawn_query(caf::actor_system& system, query_birth birth);

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::find_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::run_not_here)
