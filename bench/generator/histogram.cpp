#include "bench/generator/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ares::bench {

// A value of 256 or more keeps its eight leading bits (128 to 255); `shift` says where they stood.
std::size_t histogram::bucket_of(std::uint64_t value) {
  if (value < 256)
    return value;
  auto shift = static_cast<std::size_t>(std::bit_width(value)) - 8;
  return shift * 128 + (value >> shift);
}

std::uint64_t histogram::upper_end_of(std::size_t bucket) {
  if (bucket < 256)
    return bucket;
  auto shift = bucket / 128 - 1;
  auto leading = bucket - shift * 128;
  return ((leading + 1) << shift) - 1;
}

void histogram::record(std::uint64_t nanoseconds) {
  auto value = std::min(nanoseconds, value_max);
  ++counts_[bucket_of(value)];
  ++count_;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void histogram::add(const histogram& other) {
  for (std::size_t i = 0; i < buckets; ++i)
    counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t histogram::quantile(double share) const {
  auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  rank = std::clamp<std::uint64_t>(rank, 1, std::max<std::uint64_t>(count_, 1));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen >= rank)
      return std::min(upper_end_of(i), max_);
  }
  return max_;
}

} // namespace ares::bench
