// Spares an upstream that is down, and its callers the wait: pure, time is an argument.
#pragma once

#include "conf/clock.hpp"

#include <chrono>

namespace ares {

struct circuit_limits {
  int failures_max = 100;                  // in a row, no success between them,
  std::chrono::milliseconds window{10000}; // the first and the last no further apart than this
  std::chrono::milliseconds pause{1000};   // before the first probe; doubles with each that fails
  std::chrono::milliseconds pause_max{2000};
};

/// Closed: every call goes. Open: none goes until the pause is over. Half open: one goes as a
/// probe, and its end decides.
class circuit_breaker {
public:
  using time_point = monotonic::time_point;

  explicit circuit_breaker(circuit_limits limits = {}) : limits_(limits), pause_(limits.pause) {}

  /// Whether a call may start now. Each admitted call ends with exactly one of the three below.
  [[nodiscard]] bool admit(time_point now);
  void succeeded();
  void failed(time_point now);
  /// It ended without saying anything about the upstream.
  void abandoned();

  /// How long until it is worth trying again, for a call that was not admitted.
  [[nodiscard]] std::chrono::milliseconds retry_after(time_point now) const;

private:
  enum class state { closed, open, half_open };
  void open(time_point now);

  circuit_limits limits_;
  state state_ = state::closed;
  int failures_ = 0;
  time_point first_failure_{};
  std::chrono::milliseconds pause_;
  time_point open_until_{};
  bool probing_ = false;
};

} // namespace ares
