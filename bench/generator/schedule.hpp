#pragma once

#include <cstdint>
#include <random>

namespace ares::bench {

/// When the requests of an open loop are due, in ns from the start, whatever becomes of those
/// before them. Several workers share one rate: each has the schedule with its own number.
class schedule {
public:
  enum class kind {
    uniform, ///< evenly spaced; the workers' arrivals interleave
    poisson, ///< independent arrivals: exponential gaps
  };
  struct share {
    unsigned worker = 0; ///< 0 to workers - 1
    unsigned workers = 1;
  };

  /// `per_second` is the rate of all workers together, above 0.
  schedule(kind how, double per_second, share mine, std::uint64_t seed);

  /// When the next arrival is due.
  [[nodiscard]] std::uint64_t next() const { return next_; }
  void advance();

private:
  kind kind_;
  double gap_; // between all workers' arrivals, ns
  share mine_;
  std::uint64_t passed_ = 0;
  double elapsed_ = 0;
  std::uint64_t next_ = 0;
  std::mt19937_64 random_;
};

} // namespace ares::bench
