// The way of a command from any thread to the store's thread: a vector behind a mutex, swapped out
// whole, and an eventfd that is written only while the store's thread sleeps.
#pragma once

#include "store/redis.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

namespace ares::store {

/// A command on its way, with what it needs to be answered.
struct queued_command {
  command what;
  redis::callback done;
  monotonic::time_point deadline{};
  std::size_t bytes = 0;   // of its arguments, for the bound
  bool whole_text = false; // Redis does not know the script yet: it goes with it, or in front of it
  bool refused = false;    // above a bound: to be answered, not sent
  bool answered = false;   // at its deadline; a late reply will be swallowed
};

class redis_inbox {
public:
  redis_inbox(std::size_t commands_max, std::size_t bytes_max);
  ~redis_inbox();
  redis_inbox(const redis_inbox&) = delete;
  redis_inbox& operator=(const redis_inbox&) = delete;

  // -- any thread ---------------------------------------------------------------

  void put(command c, redis::callback done);
  void watch(std::function<void(bool)> watcher);
  void stop();

  // -- the store's thread -------------------------------------------------------

  struct arrivals {
    std::vector<queued_command> commands;
    std::function<void(bool)> watcher; // set if there is a new one
  };
  /// False once `stop` was called.
  bool take(arrivals& into);
  /// Readable when something came; poll it only after `fall_asleep` said yes.
  [[nodiscard]] int descriptor() const noexcept { return wake_up_; }
  [[nodiscard]] bool fall_asleep();
  /// `signalled`: the descriptor was readable.
  void wake_up(bool signalled);
  /// A command was answered, or its late reply came: makes room.
  void release(const queued_command& c) noexcept;

private:
  void add(queued_command c);
  void signal() noexcept;

  const std::size_t commands_max_, bytes_max_;
  std::atomic<std::size_t> commands_ = 0, bytes_ = 0;
  int wake_up_ = -1;
  std::mutex mutex_;
  arrivals arrived_; // with all below: guarded by mutex_
  bool asleep_ = false;
  bool stopping_ = false;
};

} // namespace ares::store
