// What a tenant may change of its own keys; the administrator does it.
#pragma once

#include "actors/api_request.hpp"
#include "conf/ids.hpp"

#include <caf/all.hpp>

#include <string>

namespace ares {

/// `request->call` is a create_key or a revoke_key, from a key that proved good.
struct key_change {
  tenant_id tenant;
  key_id acting; // for the audit log
  api_request_ptr request;
};
using key_keeper_actor = caf::typed_actor<
    // answers the client of the request
    caf::reacts_to<key_change>>;

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::key_change)
