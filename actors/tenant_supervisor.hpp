// TENANT SUPERVISOR: one per active tenant. Holds the tenant's agents and keys as of one version,
// plans and spawns its runs, watches them, and limits how many are in flight. It runs nothing
// itself.
//
// Runs, queries and the accumulator end with it, and a successor ends what they left open. A run
// that crashes ends alone.
#pragma once

#include "actors/api_request.hpp"
#include "actors/query.hpp"
#include "actors/run.hpp"
#include "actors/services.hpp"
#include "actors/tenant_table.hpp"

#include <caf/all.hpp>

namespace ares {

/// The directory sends it nothing more for now: it may go, unless someone came just then.
struct leave_now {};

using tenant_supervisor_actor = caf::typed_actor<
    // a client's request, with a key that seemed to be this tenant's
    caf::reacts_to<api_request_ptr>,
    // a run or query could not serve it as planned
    caf::reacts_to<request_returned>,
    // a run is over
    caf::reacts_to<run_over>,
    // a query looks for a live run
    caf::reacts_to<find_run>,
    // the directory lets it go
    caf::reacts_to<leave_now>>;

/// It was idle for `[tenants] idle_ms` and wants to go: `leave_now` is awaited.
struct tenant_idle {
  tenant_id tenant;
  tenant_supervisor_actor supervisor;
};
/// It had asked to go, but a request came just then.
struct tenant_stays {
  tenant_id tenant;
  tenant_supervisor_actor supervisor;
};
using tenant_supervisor_owner =
    caf::typed_actor<caf::reacts_to<tenant_idle>, caf::reacts_to<tenant_stays>>;

struct supervisor_birth {
  services node;
  std::shared_ptr<tenant_table> table;
  tenant_supervisor_owner owner;
  tenant_id tenant;
  bool after_crash = false; // its predecessor may have left runs that nobody drives: they are ended
};
[[nodiscard]] tenant_supervisor_actor spawn_tenant_supervisor(caf::actor_system& system,
                                                              supervisor_birth birth);

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::leave_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::tenant_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::tenant_stays)
