// Wake-up calls for many actors at a small cost: setting and cancelling take a map operation, where
// a delayed message of CAF would keep its actor alive until it is due.
#pragma once

#include <caf/all.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace ares {

struct alarm_rang {};
using alarm_listener = caf::typed_actor<caf::reacts_to<alarm_rang>>;

/// Thread-safe.
class alarms {
public:
  using time = std::chrono::steady_clock::time_point;
  using ticket = std::pair<time, std::uint64_t>;

  virtual ~alarms() = default;
  /// `who` gets `alarm_rang` at `when`, unless cancelled; it is kept alive until then.
  virtual ticket set(time when, alarm_listener who) = 0;
  virtual void cancel(const ticket& t) = 0;
};

/// With a thread of its own.
class thread_alarms : public alarms {
public:
  thread_alarms();
  ~thread_alarms() override;
  ticket set(time when, alarm_listener who) override;
  void cancel(const ticket& t) override;

private:
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<ticket, alarm_listener> waiting_;
  std::uint64_t next_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::alarm_rang)
