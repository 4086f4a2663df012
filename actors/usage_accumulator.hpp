// USAGE ACCUMULATOR: one per active tenant. What arrives while its batch is out forms the next
// batch: one script call with one result for each operation. It never holds a counter increment
// apart from the operation that it counts.
#pragma once

#include "actors/services.hpp"
#include "store/operations.hpp"

#include <caf/all.hpp>

namespace ares {

struct store_request {
  std::uint64_t tag;
  store::operation what;
  /// An end: kept and sent again until the store has answered it. Others are answered `unavailable`
  /// or `unknown`.
  bool persistent = false;
  store_listener listener;
  bool sent_before = false; // and no answer came
};

using usage_accumulator_actor = caf::typed_actor<
    // joins the next batch; exactly one store_result follows, `value.value` being the operation's
    // own result
    caf::reacts_to<store_request>,
    // the answer to the batch that is out
    caf::reacts_to<store_result>>;

[[nodiscard]] usage_accumulator_actor spawn_usage_accumulator(caf::actor_system& system,
                                                              services node, tenant_id tenant);

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::store_request)
