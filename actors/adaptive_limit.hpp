// How many requests may be on their way into the store at once, learned from how long they take.
// Pure: no clock, no lock; time is an argument.
//
// By Little's law the delay of a saturated queue is in proportion to what is in it. So a limit that
// meets its target is the present one times target over delay: one window later the delay is right,
// whatever the machine, the disk or the mix of requests. With the queue short the limit is high: a
// burst is served, only a queue that stands is cut.
#pragma once

#include <chrono>
#include <cstddef>

namespace ares {

struct limit_settings {
  std::size_t least = 128; // enough to keep a store busy that takes long for each of its batches
  std::size_t most = 8192; // also where it starts
  std::chrono::microseconds delay_target{25'000};
  std::chrono::microseconds delay_target_max{150'000}; // well below `limits::store_deadline`
  std::chrono::milliseconds window{100};
  std::chrono::milliseconds forgotten_after{500}; // without a request under way
};

class adaptive_limit {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  explicit adaptive_limit(limit_settings s = {}) : settings_(s), limit_(s.most) {}

  /// A request got through after `delay`, of which the model had no part.
  void passed(duration delay, time_point now);
  /// Another one wants to be under way besides that many.
  void arrived(std::size_t under_way, time_point now);

  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  /// The mean of the last window that had any.
  [[nodiscard]] duration delay() const noexcept { return delay_; }
  /// Twice the delay of quiet times where that is more than the configured target: a slow disk is
  /// no queue.
  [[nodiscard]] duration target() const noexcept;

private:
  void end_window(time_point now);
  void adapt();

  limit_settings settings_;
  std::size_t limit_;
  time_point began_{};
  duration sum_{0};
  std::size_t count_ = 0;
  std::size_t peak_ = 0;
  duration delay_{0};
  duration quiet_delay_{0};
  bool was_long_ = false; // the window before was above the target
};

} // namespace ares
