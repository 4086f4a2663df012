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

/// Counts failures of an address in windows of a minute. Thread-safe. An IPv6 address stands for
/// its /64, for that is what one customer gets. Remembers the last 32,768 to 65,536 that failed;
/// those that failed longest ago are forgotten first.
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
  using generation = std::unordered_map<std::string, window>;
  static constexpr std::size_t generation_addresses_max = 32768;
  window* find(const std::string& address);

  std::mutex mutex_;
  generation recent_, older_; // an address is in one of them
};

/// Who really sent a request: the peer or, where the peer is a trusted proxy, the last address in
/// X-Forwarded-For that is not one.
[[nodiscard]] std::string client_address(const request& r,
                                         const std::vector<std::string>& trusted_proxies);

} // namespace ares::http
