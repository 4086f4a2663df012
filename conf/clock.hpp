// Time: a monotonic clock for durations and deadlines, and the store's clock as this node knows it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ares {

/// For durations and deadlines; never for anything a client reads as a date.
using monotonic = std::chrono::steady_clock;

/// The store's time (Redis TIME): an offset learned at each reply that carries one, advanced by the
/// monotonic clock. Steps of this machine's wall clock do not move it. Thread-safe.
class store_clock {
public:
  /// Starts at the machine's wall clock until the first `learn`.
  store_clock();

  /// Milliseconds since 1970.
  [[nodiscard]] std::int64_t now_ms() const noexcept;
  /// `redis_ms` was the store's time at some moment not long ago.
  void learn(std::int64_t redis_ms) noexcept;

private:
  std::atomic<std::int64_t> offset_ms_;
};

/// `2026-03-13T14:22:00Z`: RFC 3339, UTC, whole seconds (rounded down).
[[nodiscard]] std::string rfc3339(std::int64_t unix_ms);
/// `2026-03-13`, the UTC day.
[[nodiscard]] std::string utc_day(std::int64_t unix_ms);
/// Milliseconds since 1970 of the first instant of the next UTC day.
[[nodiscard]] std::int64_t next_utc_day_ms(std::int64_t unix_ms) noexcept;

/// The UTC calendar month that holds an instant; `end_ms` is its last whole second.
struct billing_period {
  std::int64_t start_ms;
  std::int64_t end_ms;
};
[[nodiscard]] billing_period billing_period_of(std::int64_t unix_ms) noexcept;

} // namespace ares
