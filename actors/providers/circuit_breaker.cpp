#include "actors/providers/circuit_breaker.hpp"

#include <algorithm>
#include <utility>

namespace ares {

bool circuit_breaker::admit(time_point now) {
  if (state_ == state::open && now >= open_until_) {
    state_ = state::half_open;
    probing_ = false;
  }
  if (state_ == state::half_open)
    return !std::exchange(probing_, true);
  return state_ == state::closed;
}

void circuit_breaker::succeeded() {
  state_ = state::closed;
  failures_ = 0;
  pause_ = limits_.pause;
}

void circuit_breaker::failed(time_point now) {
  if (state_ == state::open) // a call that started before: it says nothing new
    return;
  if (state_ == state::half_open) {
    pause_ = std::min(2 * pause_, limits_.pause_max);
    return open(now);
  }
  if (failures_ == 0 || now - first_failure_ > limits_.window) {
    first_failure_ = now;
    failures_ = 0;
  }
  if (++failures_ >= limits_.failures_max)
    open(now);
}

void circuit_breaker::abandoned() {
  probing_ = false;
}

std::chrono::milliseconds circuit_breaker::retry_after(time_point now) const {
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(open_until_ - now);
  // A probe is out: its end is not known, a pause is as good a guess as any.
  return rest.count() > 0 ? rest : pause_;
}

void circuit_breaker::open(time_point now) {
  state_ = state::open;
  open_until_ = now + pause_;
  failures_ = 0;
}

} // namespace ares
