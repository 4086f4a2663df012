// TENANT DIRECTORY: one per node. Finds the tenant of a key that the table does not know, activates
// tenants on first use and forgets the idle ones. Not on the hot path.
#pragma once

#include "actors/services.hpp"
#include "actors/tenant_supervisor.hpp"
#include "actors/tenant_table.hpp"

#include <caf/all.hpp>

namespace ares {

using tenant_directory_actor = caf::typed_actor<
    // a request whose key is not in the table
    caf::reacts_to<api_request_ptr>,
    // a supervisor wants to go, or stays after all
    caf::reacts_to<tenant_idle>, caf::reacts_to<tenant_stays>>;

[[nodiscard]] tenant_directory_actor spawn_tenant_directory(caf::actor_system& system,
                                                            services node,
                                                            std::shared_ptr<tenant_table> table);

} // namespace ares
