// How often an address may fail to authenticate (`server.auth_failures_per_minute`).
#pragma once

#include "http/server.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace ares::http {

/// Counts failures of an address in windows of a minute. Thread-safe; remembers at most 65,536
/// addresses, and starts over when there are more.
class auth_limiter {
public:
  using time = std::chrono::steady_clock::time_point;

  [[nodiscard]] bool is_over(const std::string& address, int per_minute, time now);
  void failed(const std::string& address, time now);

private:
  struct window {
    time start;
    int failures;
  };
  static constexpr std::size_t addresses_max = 65536;
  std::mutex mutex_;
  std::unordered_map<std::string, window> windows_;
};

/// Who really sent a request: the peer or, where the peer is a trusted proxy, the last address in
/// X-Forwarded-For that is not one.
[[nodiscard]] std::string client_address(const request& r,
                                         const std::vector<std::string>& trusted_proxies);

} // namespace ares::http
