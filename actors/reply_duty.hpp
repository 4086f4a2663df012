// The duty to answer: whoever holds one owes exactly one answer. Dropped unanswered, it answers by
// itself, so that forgetting to cannot leave anybody waiting.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <utility>

namespace ares {

/// Thread-safe. Hand it on as std::shared_ptr<reply_duty<T>>.
template <class T> class reply_duty {
public:
  using receiver = std::function<void(T)>;

  /// `to` gets the answer, on the thread that gives it. `fallback` is the answer if nobody gives
  /// one.
  reply_duty(receiver to, T fallback) : to_(std::move(to)), fallback_(std::move(fallback)) {}
  ~reply_duty() {
    try {
      answer(std::move(fallback_));
    } catch (const std::exception&) {
      // The receiver's own trouble; a destructor is no place to pass it on.
    }
  }
  reply_duty(const reply_duty&) = delete;
  reply_duty& operator=(const reply_duty&) = delete;

  /// The first answer counts, later ones are dropped.
  void answer(T value) {
    if (!answered_.exchange(true))
      to_(std::move(value));
  }

private:
  receiver to_;
  T fallback_;
  std::atomic<bool> answered_ = false;
};

} // namespace ares
