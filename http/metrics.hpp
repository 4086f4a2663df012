// What /metrics shows, in Prometheus' text format.
#pragma once

#include "actors/services.hpp"
#include "conf/tls_context.hpp"
#include "http/routes.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace ares::http {

/// Thread-safe; `answered` is on the hot path and takes no lock.
class metrics {
public:
  explicit metrics(std::shared_ptr<node_counters> counters,
                   std::shared_ptr<admission_gate> gate = {});
  ~metrics();

  void answered(endpoint where, int status, std::chrono::steady_clock::duration took);
  /// Refused before it had a route.
  void refused(int status);
  /// `certificate` is that of the listener; none: plain HTTP.
  [[nodiscard]] std::string text(const tls_context& certificate = {}) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace ares::http
