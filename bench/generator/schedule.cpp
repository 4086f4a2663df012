#include "bench/generator/schedule.hpp"

#include <cmath>

namespace ares::bench {

schedule::schedule(kind how, double per_second, share mine, std::uint64_t seed)
    : kind_(how), gap_(1e9 / per_second), mine_(mine), random_(seed + mine.worker) {
  if (kind_ == kind::uniform)
    next_ = static_cast<std::uint64_t>(gap_ * mine_.worker);
  else
    advance();
}

void schedule::advance() {
  if (kind_ == kind::uniform) {
    // From the count, not from the last arrival: rounding must not add up.
    ++passed_;
    auto number = static_cast<double>(passed_) * mine_.workers + mine_.worker;
    next_ = static_cast<std::uint64_t>(number * gap_);
    return;
  }
  std::exponential_distribution<double> gap(1.0 / (gap_ * mine_.workers));
  elapsed_ += gap(random_);
  next_ = static_cast<std::uint64_t>(elapsed_);
}

} // namespace ares::bench
