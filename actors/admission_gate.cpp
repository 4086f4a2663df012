#include "actors/admission_gate.hpp"

namespace ares {

using monotonic = std::chrono::steady_clock;

std::shared_ptr<tenant_load> make_tenant_load() {
  static std::atomic<std::uint64_t> last{0}; // 0 stands for the unknown
  auto load = std::make_shared<tenant_load>();
  load->number = ++last;
  return load;
}

void admission_place::passed() noexcept {
  if (given_back_.exchange(true))
    return;
  const auto now = monotonic::now();
  const std::lock_guard lock(gate_->mutex_);
  gate_->control_.passed(now - since_, now);
  gate_->leave(kind_, of_);
}

void admission_place::left() noexcept {
  if (given_back_.exchange(true))
    return;
  const std::lock_guard lock(gate_->mutex_);
  gate_->leave(kind_, of_);
}

void admission_gate::leave(work_kind kind, admission_control::owner of) {
  control_.leave(kind, of);
  note_crowd();
}

void admission_gate::note_crowd() {
  crowded_.store(control_.is_crowded(), std::memory_order_relaxed);
}

bool admission_gate::refuses(work_kind kind, admission_control::owner of) {
  const auto now = monotonic::now();
  const std::lock_guard lock(mutex_);
  const bool yes = control_.refuses(kind, of, now);
  if (yes)
    ++refused_[static_cast<std::size_t>(kind)];
  return yes;
}

std::shared_ptr<admission_place> admission_gate::enter(work_kind kind,
                                                       admission_control::owner of) {
  const auto now = monotonic::now();
  {
    const std::lock_guard lock(mutex_);
    if (!control_.enter(kind, of, now)) {
      ++refused_[static_cast<std::size_t>(kind)];
      return nullptr;
    }
    note_crowd();
  }
  return std::make_shared<admission_place>(shared_from_this(), kind, of, now);
}

admission_gate::figures admission_gate::now() const {
  const std::lock_guard lock(mutex_);
  figures f{};
  for (std::size_t i = 0; i < work_kinds; ++i) {
    f.limit[i] = control_.limit(static_cast<work_kind>(i));
    f.under_way[i] = control_.under_way(static_cast<work_kind>(i));
  }
  f.refused = refused_;
  f.delay = control_.delay();
  return f;
}

} // namespace ares
