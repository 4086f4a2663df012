#include "actors/alarms.hpp"

#include <vector>

namespace ares {

thread_alarms::thread_alarms() : thread_([this] { loop(); }) {}

thread_alarms::~thread_alarms() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

alarms::ticket thread_alarms::set(time when, alarm_listener who) {
  std::unique_lock lock(mutex_);
  ticket t{when, ++next_};
  const bool first = waiting_.empty() || when < waiting_.begin()->first.first;
  waiting_.emplace(t, std::move(who));
  lock.unlock();
  if (first)
    changed_.notify_one();
  return t;
}

void thread_alarms::cancel(const ticket& t) {
  decltype(waiting_)::node_type dropped; // its actor may die with it: not under the lock
  std::lock_guard lock(mutex_);
  dropped = waiting_.extract(t);
}

void thread_alarms::loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto due = waiting_.begin()->first.first;
    if (std::chrono::steady_clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    auto ringing = waiting_.extract(waiting_.begin());
    lock.unlock();
    caf::anon_send(ringing.mapped(), alarm_rang{});
    ringing = {};
    lock.lock();
  }
}

} // namespace ares
