// The admin API's way from HTTP to the administrators and back, and a tenant's own changes of its
// keys.
#pragma once

#include "actors/client.hpp"
#include "actors/key_keeper.hpp"
#include "actors/services.hpp"
#include "http/server.hpp"

#include <caf/all.hpp>

#include <functional>
#include <memory>
#include <string>

namespace ares::http {

struct admin_service {
  /// Checks the secret, parses, asks an administrator, answers. `path` is what stands below
  /// /api/admin.
  std::function<void(const request& r, const std::string& path, const std::string& request_id,
                     client_ptr from)>
      serve;
  key_keeper_actor keys;
  std::function<void()> stop;
};

[[nodiscard]] admin_service start_administration(caf::actor_system& system,
                                                 std::shared_ptr<const node_services> node,
                                                 std::shared_ptr<store::redis> connection);

} // namespace ares::http
