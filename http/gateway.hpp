// GATEWAY: turns a parsed request into a message, and sees to its answer. Decides nothing.
#pragma once

#include "actors/services.hpp"
#include "actors/tenant_directory.hpp"
#include "actors/tenant_table.hpp"
#include "http/server.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace ares::http {

struct gateway_wiring {
  services node;
  std::shared_ptr<tenant_table> table;
  tenant_directory_actor directory;
  /// Why the node cannot take work now; empty if it can.
  std::function<std::string()> why_not_ready;
  /// What the store says of its durability, as JSON.
  std::function<std::shared_ptr<const std::string>()> durability;
  /// Serves what is below /api/admin; `path` is that rest, still encoded.
  std::function<void(const request& r, const std::string& path, const std::string& request_id,
                     client_ptr from)>
      admin;
};

/// The handlers of the HTTP server. Thread-safe.
struct gateway_handlers {
  handler serve;
  early_handler refuse_early;
};
[[nodiscard]] gateway_handlers make_gateway(gateway_wiring wiring);

} // namespace ares::http
