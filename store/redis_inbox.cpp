#include "store/redis_inbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace ares::store {

namespace {
constexpr std::chrono::milliseconds deadline_max = std::chrono::hours(1);
}

redis_inbox::redis_inbox(std::size_t commands_max, std::size_t bytes_max)
    : commands_max_(commands_max), bytes_max_(bytes_max),
      wake_up_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_up_ < 0)
    throw std::system_error(errno, std::generic_category(), "eventfd");
}

redis_inbox::~redis_inbox() {
  close(wake_up_);
}

void redis_inbox::put(command c, redis::callback done) {
  queued_command q{.what = std::move(c), .done = std::move(done)};
  q.deadline = monotonic::now() + std::min(q.what.deadline, deadline_max);
  for (const auto& argument : q.what.arguments)
    q.bytes += argument.size();
  const auto commands = commands_.fetch_add(1, std::memory_order_relaxed);
  const auto bytes = bytes_.fetch_add(q.bytes, std::memory_order_relaxed);
  q.refused = commands >= commands_max_ || bytes >= bytes_max_;
  add(std::move(q));
}

void redis_inbox::add(queued_command c) {
  bool was_asleep = false;
  {
    std::lock_guard lock(mutex_);
    arrived_.commands.push_back(std::move(c));
    was_asleep = std::exchange(asleep_, false);
  }
  if (was_asleep)
    signal();
}

void redis_inbox::watch(std::function<void(bool)> watcher) {
  std::lock_guard lock(mutex_);
  arrived_.watcher = std::move(watcher);
  signal();
}

void redis_inbox::stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  signal();
}

bool redis_inbox::take(arrivals& into) {
  into.commands.clear();
  into.watcher = nullptr;
  std::lock_guard lock(mutex_);
  std::swap(into, arrived_);
  return !stopping_;
}

bool redis_inbox::fall_asleep() {
  std::lock_guard lock(mutex_);
  asleep_ = arrived_.commands.empty() && !arrived_.watcher && !stopping_;
  return asleep_;
}

void redis_inbox::wake_up(bool signalled) {
  {
    std::lock_guard lock(mutex_);
    asleep_ = false;
  }
  if (!signalled)
    return; // a signal that comes late costs one empty turn of the loop
  std::uint64_t count = 0;
  [[maybe_unused]] const auto ignored = read(wake_up_, &count, sizeof count);
}

void redis_inbox::release(const queued_command& c) noexcept {
  commands_.fetch_sub(1, std::memory_order_relaxed);
  bytes_.fetch_sub(c.bytes, std::memory_order_relaxed);
}

void redis_inbox::signal() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = write(wake_up_, &one, sizeof one);
}

} // namespace ares::store
