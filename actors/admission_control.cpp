#include "actors/admission_control.hpp"

#include <algorithm>

namespace ares {

namespace {

constexpr std::chrono::seconds idle_after{1};
constexpr std::chrono::milliseconds sweep_pause{250};

constexpr std::size_t at(work_kind kind) {
  return static_cast<std::size_t>(kind);
}

} // namespace

std::size_t admission_control::limit(work_kind kind) const noexcept {
  switch (kind) {
  case work_kind::executing: return limit_.limit();
  case work_kind::reading: return std::max(limit_.limit() / 2, settings_.least);
  case work_kind::cancelling: break;
  }
  return settings_.most;
}

bool admission_control::refuses(work_kind kind, owner of, time_point now) {
  if (now - swept_ >= sweep_pause)
    forget_idle(now);
  const auto total = under_way_[at(kind)];
  if (kind == work_kind::executing)
    limit_.arrived(total, now);
  auto& account = owners_[of];
  account.asked = now;
  const auto own = account.under_way[at(kind)];
  const auto most = limit(kind);
  return total >= most && own >= std::max<std::size_t>(most / owners_.size(), 1);
}

bool admission_control::enter(work_kind kind, owner of, time_point now) {
  if (refuses(kind, of, now))
    return false;
  ++under_way_[at(kind)];
  ++owners_[of].under_way[at(kind)];
  return true;
}

void admission_control::leave(work_kind kind, owner of) {
  auto known = owners_.find(of);
  if (known == owners_.end() || known->second.under_way[at(kind)] == 0)
    return;
  --known->second.under_way[at(kind)];
  --under_way_[at(kind)];
}

void admission_control::forget_idle(time_point now) {
  swept_ = now;
  std::erase_if(owners_, [now](const auto& entry) {
    const auto& n = entry.second.under_way;
    return now - entry.second.asked >= idle_after &&
           std::all_of(n.begin(), n.end(), [](std::size_t count) { return count == 0; });
  });
}

} // namespace ares
