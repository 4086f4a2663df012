#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ares::bench {

/// Durations in ns, counted in buckets that widen with the value: each ns below 256 has its own,
/// and each power of two above it 128, so a value is known to within 1/128. Values above
/// `value_max` are counted there. The layout is HdrHistogram's (G. Tene). Of one thread; plain
/// memory of 35 KB.
class histogram {
public:
  static constexpr std::uint64_t value_max = (std::uint64_t{1} << 40) - 1; // 18 minutes

  void record(std::uint64_t nanoseconds);
  void add(const histogram& other);
  void clear() { *this = histogram{}; }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The smallest value recorded, 0 without one.
  [[nodiscard]] std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const;
  /// The value that the given share (0 to 1) of all values does not exceed: the upper end of its
  /// bucket, but never above max(). 0 without values.
  [[nodiscard]] std::uint64_t quantile(double share) const;

private:
  static constexpr std::size_t buckets = 33 * 128 + 128;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_end_of(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

} // namespace ares::bench
