#pragma once

#include <cstdint>
#include <ctime>

namespace ares::bench {

/// CLOCK_MONOTONIC, ns: one clock for all processes of a machine.
inline std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec);
}

inline constexpr std::uint64_t ns_per_s = 1'000'000'000;

} // namespace ares::bench
