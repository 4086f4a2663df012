// Who may come in: an adaptive limit on what is on its way into the store, shared among tenants,
// with a reserve for what is not new work. Pure: no clock, no lock; time is an argument.
//
// While the limit is not reached everybody comes in. When it is, only a tenant that holds less than
// its share does: the limit over the number of tenants that asked within the last second. So
// whoever asks for more than its share is refused first, and the others notice nothing of it.
#pragma once

#include "actors/adaptive_limit.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace ares {

/// Each kind is counted apart, so none can use up what another may have.
enum class work_kind {
  executing, // run, chat, stream: up to the limit
  reading,   // everything else a tenant asks for: up to half of the limit
  cancelling // makes room: up to the limit's upper bound
};
inline constexpr std::size_t work_kinds = 3;

class admission_control {
public:
  using time_point = adaptive_limit::time_point;
  using duration = adaptive_limit::duration;
  using owner = std::uint64_t; // a tenant; 0: all whose tenant is not known yet

  explicit admission_control(limit_settings s = {}) : settings_(s), limit_(s) {}

  /// False: one too many. After true, `leave` is owed once.
  [[nodiscard]] bool enter(work_kind kind, owner of, time_point now);
  /// Whether `enter` would say no.
  [[nodiscard]] bool refuses(work_kind kind, owner of, time_point now);
  void leave(work_kind kind, owner of);
  /// It got through; `delay` is ours alone.
  void passed(duration delay, time_point now) { limit_.passed(delay, now); }

  [[nodiscard]] std::size_t limit(work_kind kind) const noexcept;
  [[nodiscard]] std::size_t under_way(work_kind kind) const noexcept {
    return under_way_[static_cast<std::size_t>(kind)];
  }
  /// New work is at its limit.
  [[nodiscard]] bool is_crowded() const noexcept {
    return under_way(work_kind::executing) >= limit_.limit();
  }
  [[nodiscard]] duration delay() const noexcept { return limit_.delay(); }
  /// Tenants that asked within the last second or have something under way.
  [[nodiscard]] std::size_t owners() const noexcept { return owners_.size(); }

private:
  struct account {
    std::array<std::size_t, work_kinds> under_way{};
    time_point asked{};
  };
  void forget_idle(time_point now);

  limit_settings settings_;
  adaptive_limit limit_;
  std::array<std::size_t, work_kinds> under_way_{};
  std::unordered_map<owner, account> owners_;
  time_point swept_{};
};

} // namespace ares
