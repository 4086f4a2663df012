#include "bench/generator/histogram.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <random>
#include <vector>

using ares::bench::histogram;

TEST_CASE("a histogram without values says 0") {
  histogram h;
  CHECK(h.count() == 0);
  CHECK(h.min() == 0);
  CHECK(h.max() == 0);
  CHECK(h.mean() == 0);
  CHECK(h.quantile(0.5) == 0);
}

TEST_CASE("small values are exact") {
  histogram h;
  for (std::uint64_t value = 0; value < 256; ++value)
    h.record(value);
  CHECK(h.quantile(0) == 0);
  CHECK(h.quantile(0.5) == 127);
  CHECK(h.quantile(0.25) == 63);
  CHECK(h.quantile(1) == 255);
  CHECK(h.mean() == 127.5);
}

TEST_CASE("a value of any size is known to within 1/128") {
  for (std::uint64_t value = 1; value < histogram::value_max / 3; value = value * 3 + 1) {
    histogram h;
    h.record(value);
    h.record(histogram::value_max); // so that the maximum does not help
    auto found = h.quantile(0.5);
    CHECK(found >= value);
    CHECK(found - value <= value / 128);
  }
}

TEST_CASE("quantiles of many values are those of the sorted values, to within 1/128") {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(13, 2);
  std::vector<std::uint64_t> values;
  histogram h;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(latency(random)));
    h.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    auto exact = values[static_cast<std::size_t>(share * 20'000) - 1];
    CHECK(h.quantile(share) >= exact);
    CHECK(h.quantile(share) <= exact + exact / 128);
  }
  CHECK(h.max() == values.back());
  CHECK(h.min() == values.front());
}

TEST_CASE("what is longer than the longest counts as the longest") {
  histogram h;
  h.record(~std::uint64_t{0});
  CHECK(h.count() == 1);
  CHECK(h.max() == histogram::value_max);
}

TEST_CASE("a sum of histograms is the histogram of all values") {
  histogram all;
  histogram low;
  histogram high;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    all.record(i * 1000);
    (i <= 600 ? low : high).record(i * 1000);
  }
  low.add(high);
  CHECK(low.count() == all.count());
  CHECK(low.min() == all.min());
  CHECK(low.max() == all.max());
  CHECK(low.quantile(0.99) == all.quantile(0.99));
  low.clear();
  CHECK(low.count() == 0);
}
