// The door of the node: admission_control for many threads, and the places it gives away.
#pragma once

#include "actors/admission_control.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace ares {

/// What HTTP threads know of a tenant before its supervisor hears of a request.
struct tenant_load {
  std::uint64_t number = 0;                   // for admission_control
  std::atomic<std::int64_t> in_flight{0};     // runs and chats, from plan to end
  std::atomic<std::int64_t> in_flight_max{0}; // 0: no limit
  /// The configuration that the limit is of: under another it says nothing.
  std::atomic<const void*> limited_by{nullptr};

  [[nodiscard]] bool is_full(const void* configuration) const noexcept {
    const auto most = in_flight_max.load();
    return most > 0 && in_flight >= most && limited_by == configuration;
  }
};
[[nodiscard]] std::shared_ptr<tenant_load> make_tenant_load();

/// One of a tenant's runs or chats is in flight for as long as this lives.
class flight {
public:
  explicit flight(std::shared_ptr<tenant_load> of) : of_(std::move(of)) { ++of_->in_flight; }
  ~flight() { --of_->in_flight; }
  flight(const flight&) = delete;
  flight& operator=(const flight&) = delete;

private:
  const std::shared_ptr<tenant_load> of_;
};

class admission_gate;

/// A place on the way into the store. Thread-safe. Given back by `passed`, `left` or the end of its
/// life, whichever comes first.
class admission_place {
public:
  using time_point = admission_control::time_point;

  admission_place(std::shared_ptr<admission_gate> gate, work_kind kind, admission_control::owner of,
                  time_point since)
      : gate_(std::move(gate)), kind_(kind), of_(of), since_(since) {}
  ~admission_place() { left(); }
  admission_place(const admission_place&) = delete;
  admission_place& operator=(const admission_place&) = delete;

  /// The store has answered: what was waited for until now was ours.
  void passed() noexcept;
  void left() noexcept;

private:
  const std::shared_ptr<admission_gate> gate_;
  const work_kind kind_;
  const admission_control::owner of_;
  const time_point since_;
  std::atomic<bool> given_back_{false};
};

/// Thread-safe.
class admission_gate : public std::enable_shared_from_this<admission_gate> {
public:
  explicit admission_gate(limit_settings s = {}) : control_(s) {}

  /// Nothing: one too many.
  [[nodiscard]] std::shared_ptr<admission_place> enter(work_kind kind, admission_control::owner of);

  /// Somebody might be refused: while not, `refuses` need not be asked.
  [[nodiscard]] bool crowded() const noexcept { return crowded_.load(std::memory_order_relaxed); }
  /// Whether `enter` would; then it counts as refused.
  [[nodiscard]] bool refuses(work_kind kind, admission_control::owner of);

  struct figures {
    std::array<std::size_t, work_kinds> limit, under_way;
    std::array<std::uint64_t, work_kinds> refused;
    admission_control::duration delay;
  };
  [[nodiscard]] figures now() const;

private:
  friend class admission_place;
  // Under the mutex.
  void leave(work_kind kind, admission_control::owner of);
  void note_crowd();

  mutable std::mutex mutex_;
  admission_control control_;
  std::array<std::uint64_t, work_kinds> refused_{};
  std::atomic<bool> crowded_{false}; // new work is at its limit
};

} // namespace ares
