#include "actors/adaptive_limit.hpp"

#include <algorithm>
#include <utility>

namespace ares {

namespace {

// A window of few says little.
constexpr std::size_t count_min = 8;
// In one window the limit falls to half of it at most, and grows by a quarter; where it did not
// bind anybody, it doubles.
constexpr double fall_max = 0.5, growth_max = 1.25, recovery = 2;
// How much of a new quiet window goes into the memory of quiet times.
constexpr int quiet_weight = 8;

} // namespace

adaptive_limit::duration adaptive_limit::target() const noexcept {
  const duration least = settings_.delay_target, most = settings_.delay_target_max;
  return std::clamp(2 * quiet_delay_, least, most);
}

void adaptive_limit::passed(duration delay, time_point now) {
  if (now - began_ >= settings_.window)
    end_window(now);
  sum_ += std::max(delay, duration{0});
  ++count_;
}

void adaptive_limit::arrived(std::size_t under_way, time_point now) {
  if (under_way == 0 && now - began_ >= settings_.forgotten_after)
    limit_ = settings_.most; // what stood in the queue is gone
  peak_ = std::max(peak_, under_way + 1);
}

void adaptive_limit::end_window(time_point now) {
  if (count_ > 0)
    delay_ = sum_ / static_cast<duration::rep>(count_);
  if (count_ >= count_min)
    adapt();
  began_ = now;
  sum_ = duration{0};
  count_ = 0;
  peak_ = 0;
}

void adaptive_limit::adapt() {
  // So few make no queue: what they wait for is the store itself.
  const bool quiet = peak_ < settings_.least;
  if (quiet)
    quiet_delay_ = quiet_delay_ == duration{0}
                       ? delay_
                       : quiet_delay_ + (delay_ - quiet_delay_) / quiet_weight;
  const double wanted = static_cast<double>(target().count()) /
                        static_cast<double>(std::max<duration::rep>(delay_.count(), 1));
  const auto present = static_cast<double>(limit_);
  const bool stands = std::exchange(was_long_, wanted < 1 && !quiet);
  // A limit far above what was there has no part in the delay.
  const double effective = std::min(present, static_cast<double>(peak_));
  if (quiet || (wanted >= 1 && 2 * peak_ <= limit_))
    limit_ = static_cast<std::size_t>(present * recovery);
  else if (wanted < 1 && !stands)
    return; // it may be a burst
  else if (wanted < 1)
    limit_ = static_cast<std::size_t>(effective * std::max(wanted, fall_max));
  else
    limit_ = static_cast<std::size_t>(present * std::min(wanted, growth_max));
  limit_ = std::clamp(limit_, settings_.least, settings_.most);
}

} // namespace ares
